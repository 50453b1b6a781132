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

TOUCHING = 1e-150  # stands for no height


@jax.jit
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
    i, j = (np.arange(-(n // 2), n // 2 + 1, dtype=float) for n in size)
    away = jnp.where(height == 0, TOUCHING, jnp.abs(height))

    # links along y lie half a spacing below the cells in x, those along x in y
    @jax.checkpoint
    def add(total, point):
        (shift_x, shift_y), weight = point
        of_x = _between_corners(i[:, None] + shift_x, j[None, :] - 0.5 + shift_y, away)
        of_y = _between_corners(j[None, :] + shift_y, i[:, None] - 0.5 + shift_x, away)
        return jax.tree.map(lambda t, new: t + weight * new, total, (of_x, of_y)), None

    nothing = jnp.zeros(size)
    (of_x, of_y), _ = jax.lax.scan(add, ((nothing, nothing), (nothing, nothing)), (offsets, weights))
    bz, plane = zip(of_x, of_y, strict=True)
    below = jnp.where(height < 0, -1.0, 1.0)
    bz_x, bz_y = (_convolve(kernel, links)[:nx, :ny] for kernel, links in zip(bz, (x, y), strict=True))
    by, bx = (below * _convolve(kernel, links)[:nx, :ny] for kernel, links in zip(plane, (x, y), strict=True))
    return jnp.stack([-bx, by, bz_x - bz_y], axis=-1)


def _between_corners(along, across, away):
    """Bz and the component across the current in the plane, of boxes that carry a current along the first."""
    ring = across**2 + away**2
    bz = jnp.arcsinh(along / jnp.sqrt(ring))
    plane = jnp.arctan2(along * across, away * jnp.sqrt(along**2 + ring))
    return tuple(-jnp.diff(jnp.diff(a, axis=0), axis=1) / (4 * jnp.pi) for a in (bz, plane))


def _convolve(kernel, links):
    spectrum = jnp.fft.rfft2(links, s=kernel.shape) * jnp.fft.rfft2(jnp.fft.ifftshift(kernel))
    return jnp.fft.irfft2(spectrum, s=kernel.shape)
