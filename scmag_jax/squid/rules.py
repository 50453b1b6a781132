r"""Means over a pickup loop: points for a harmonic field above its sources, and the same on a grid of samples.

A field whose sources lie z or more below a circle of radius r is a series in the angle whose n-th term falls as
exp(-n asinh(z / r)), and along the radius, as a function of r^2, it is analytic inside an ellipse of Bernstein with the
parameter exp(2 asinh(z / R)). Trapezoidal rules on rings at the nodes of Gauss converge accordingly.
"""

from math import asinh, ceil

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..numerics.quadrature import gauss_legendre

LOGARITHM = 17.0  # of one over what the last terms may weigh
CLOSEST = 0.1  # height over radius below which the number of points stays
UNKNOWN = 0.3  # height over radius where it is traced


def ring_counts(ratio: float | None, hollow: bool = False) -> tuple[int, ...]:
    """Points on each ring of a disk, or of an annulus, at `ratio` times its outer radius above the sources.

    Args:
        ratio: height over radius, None where it is not known.
        hollow: whether a part around the centre is left out.

    Example:
        >>> ring_counts(2.0)
        (8, 10, 12, 13)
    """
    ratio = UNKNOWN if ratio is None else max(ratio, CLOSEST)
    rings = ceil(LOGARITHM / (4 * asinh(ratio))) + 1
    radii = np.ones(rings) if hollow else np.sqrt(gauss_legendre(rings)[0])
    return tuple(ceil(LOGARITHM / asinh(ratio / radius)) + 1 for radius in radii)


def ring_points(
    counts: tuple[int, ...], inner: Float[Array, ""], outer: Float[Array, ""]
) -> tuple[Float[Array, "k 2"], Float[Array, "k"]]:
    """Points and weights of the mean over an annulus.

    Args:
        counts: points on each ring.
        inner: radius; zero for a disk.
        outer: radius.

    Example:
        >>> points, weights = ring_points((4, 8), jnp.zeros(()), jnp.ones(()))
        >>> print(f"{weights.sum():.6f} {jnp.sum(weights * points[:, 0] ** 2):.6f}")
        1.000000 0.250000
    """
    nodes, weights = gauss_legendre(len(counts))
    # each ring is turned against the last, so that what they miss does not add up
    angles = [2 * np.pi * (np.arange(n) + 0.5 * (k % 2)) / n for k, n in enumerate(counts)]
    turns = np.concatenate([np.stack([np.cos(angle), np.sin(angle)], axis=1) for angle in angles])
    squares = inner**2 + (outer**2 - inner**2) * jnp.asarray(np.repeat(nodes, counts), outer.dtype)
    points = jnp.sqrt(squares)[:, None] * jnp.asarray(turns, outer.dtype)
    return points, jnp.asarray(np.repeat(weights / np.array(counts), counts), outer.dtype)


def mean_of_samples(
    image: Float[Array, "nx ny"], offsets: Float[Array, "k 2"], weights: Float[Array, "k"]
) -> Float[Array, "nx ny"]:
    """Weighted sum over points at the same offsets from every sample, by cubic interpolation, zero beyond the samples.

    Args:
        image: samples on a grid.
        offsets: in grid spacings.
        weights: of the points.

    Example:
        >>> line = jnp.arange(6.0)[:, None] ** 2 * jnp.ones((6, 6))
        >>> moved = mean_of_samples(line, jnp.array([[0.5, 0.0]]), jnp.ones(1))
        >>> print(f"{moved[2, 2]:.6f}")
        6.250000
    """
    size = [2 * n for n in image.shape]
    whole = jnp.floor(offsets)
    cubic = _cubic(offsets - whole)
    at = whole.astype(int)[:, None] + jnp.arange(-1, 3)[None, :, None]
    reach = jnp.asarray(image.shape)
    cubic = jnp.where(jnp.abs(at) < reach[None, None, :], cubic, 0.0)
    values = weights[:, None, None] * cubic[:, :, None, 0] * cubic[:, None, :, 1]
    rows, columns = at[..., 0] % size[0], at[..., 1] % size[1]
    stencil = jnp.zeros(size, image.dtype).at[rows[:, :, None], columns[:, None, :]].add(values.astype(image.dtype))
    spectrum = jnp.fft.rfft2(image, s=size) * jnp.conj(jnp.fft.rfft2(stencil))
    return jnp.fft.irfft2(spectrum, s=size)[: image.shape[0], : image.shape[1]]


def _cubic(part):
    """Lagrange's weights of the samples at -1, 0, 1 and 2, `(k, 4, 2)`."""
    t = part
    each = [
        -t * (t - 1) * (t - 2) / 6,
        (t + 1) * (t - 1) * (t - 2) / 2,
        -(t + 1) * t * (t - 2) / 2,
        (t + 1) * t * (t - 1) / 6,
    ]
    return jnp.stack(each, axis=1)
