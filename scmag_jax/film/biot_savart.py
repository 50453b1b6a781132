r"""Field of sheet currents in boxes on a grid, at any height, by linear convolutions: no images, no singularities.

A box of h x h with uniform K_x has, u and v being the distances from its sides over h and z the height over h,

    Bz = -(K_x / 4 pi) [asinh(u / sqrt(v^2 + z^2))],    B_y = -(K_x / 4 pi) [atan(u v / (z r))]

between its corners (Biot and Savart's law integrated over the box); K_y likewise with x and y exchanged and the signs
of both turned.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .kernels import padded_size


def field_of_links(
    x: Float[Array, "mx ny"],
    y: Float[Array, "nx my"],
    height: Float[Array, ""],
    offsets: Float[Array, "k 2"],
    weights: Float[Array, "k"],
) -> Float[Array, "nx ny 3"]:
    """Field near the centres of cells of K_x on links along y and K_y on links along x, a weighted mean over points.

    Args:
        x: K_x.
        y: K_y.
        height: of the points, in spacings.
        offsets: of the points, in spacings.
        weights: of the points.

    Example:
        >>> here = jnp.zeros((1, 2)), jnp.ones(1)
        >>> field = field_of_links(jnp.ones((65, 64)), jnp.zeros((64, 65)), jnp.array(0.01), *here)
        >>> print((field[32, 32] + 0.0).round(1))  # half of K, in the plane
        [ 0.  -0.5  0. ]
    """
    nx, ny = y.shape[0], x.shape[1]
    size = padded_size(nx + 1), padded_size(ny + 1)
    # offsets from links to cells: (-1/2, 0) and (0, -1/2) off whole numbers
    i, j = (np.where(np.arange(n) < n // 2, np.arange(n), np.arange(n) - n).astype(float) for n in size)

    def add(total, point):
        (along, across), weight = point
        of_x = _kernels(i[:, None] + 0.5 + along, j[None, :] + across, height)
        of_y = _kernels(j[None, :] + 0.5 + across, i[:, None] + along, height)
        return jax.tree.map(lambda t, new: t + weight * new, total, (of_x, of_y)), None

    nothing = jnp.zeros(size)
    (of_x, of_y), _ = jax.lax.scan(add, ((nothing, nothing), (nothing, nothing)), (offsets, weights))
    field_x = [_convolve(kernel, x, size)[:nx, :ny] for kernel in of_x]
    field_y = [_convolve(kernel, y, size)[:nx, :ny] for kernel in of_y]
    return jnp.stack([-field_y[1], field_x[1], field_x[0] - field_y[0]], axis=-1)


def _kernels(along, across, height):
    """Bz and the component across the current in the plane, of a current along the first."""
    square = height**2
    away = jnp.where(height == 0, 1e-300, jnp.abs(height))
    bz = plane = jnp.zeros(())
    for u, v, sign in (
        (along + 0.5, across + 0.5, 1.0),
        (along - 0.5, across + 0.5, -1.0),
        (along + 0.5, across - 0.5, -1.0),
        (along - 0.5, across - 0.5, 1.0),
    ):
        ring = v**2 + square
        bz = bz - sign * jnp.arcsinh(u / jnp.sqrt(ring))
        plane = plane - sign * jnp.arctan2(u * v, away * jnp.sqrt(u**2 + ring))
    below = jnp.where(height < 0, -1.0, 1.0)
    return bz / (4 * jnp.pi), below * plane / (4 * jnp.pi)


def _convolve(kernel, links, size):
    spectrum = jnp.fft.rfft2(links, s=size) * jnp.fft.rfft2(kernel)
    return jnp.fft.irfft2(spectrum, s=size)
