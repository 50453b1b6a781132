"""Momentum meshes that crowd where the quasiparticles are slow: small gaps and low temperatures on few points."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._checks import not_negative, positive, traced, with_shape
from ..numerics.quadrature import gauss_legendre
from .determinant import log_determinants
from .mesh import CHUNK, Mesh, check_dispersion, point_mesh
from .model import Altermagnet, check_direction, check_model, common_shape

START = 32  # cells along each direction to begin with
SAMPLES = 9  # points along each direction at which a cell and its surroundings are judged
MOST_CELLS = 2**18  # 38 million momenta of order 12
COARSEST = 6.0


def graded_mesh(
    model: Altermagnet,
    gap: Any,
    temperature: Any,
    q: Any,
    n: Any,
    *,
    dispersion: str = "lattice",
    cutoff: Any = None,
    order: int = 12,
    resolution: Any = 4.0,
) -> Mesh:
    """Momenta in square cells that are halved until the integrand is smooth in every one of them.

    The sharpest term of the free energy is the logarithm of the determinant at the lowest Matsubara frequency,
    `ln prod_E [1 + (E / pi T)^2]`; a cell is halved while that changes by more than `resolution` over the cell and half
    a cell around it. Gauss-Legendre nodes then converge exponentially with their `order`, in cells that number as
    `(gap + pi T)^-1` instead of the `^-2` of a uniform mesh. With the default values F is good to 3e-10, the Neel field
    to 3e-7 and the current to 5e-7 in the hardest case tried (chemical potential 2, exchange 0.7, gap 0.1, T = 0.01; in
    units of the hopping), usually to 1e-12, 1e-10 and 3e-9; `resolution=3` gains three digits for twice the momenta.
    Compare two resolutions where it matters.

    Worked out on the host, for the given parameters; several q and n are resolved together, which is what
    differences of free energies need.

    Args:
        model: the normal state.
        gap: pairing amplitude, or an estimate of the self-consistent one.
        temperature: k_B T.
        q: Cooper-pair momenta that the mesh has to resolve, `(..., 2)`.
        n: Neel vectors, `(..., 3)`; every pair of q and n that broadcasts.
        dispersion: "lattice", the whole Brillouin zone, or "continuum".
        cutoff: continuum only, |kx|, |ky| < cutoff.
        order: Gauss-Legendre nodes along each side of a cell.
        resolution: change of the logarithm that is left in a cell, at most 6: a Fermi line could slip through more.

    Returns:
        A `Mesh`, for `UniformBdG(mesh=...)`.

    Raises:
        ValueError: traced or bad arguments, or more than 2^18 cells.

    Example:
        >>> model = Altermagnet(0.05, 0.2, 0.2)
        >>> up = jnp.array([0.0, 0.0, 1.0])
        >>> mesh = graded_mesh(model, 0.01, 0.001, jnp.zeros(2), up)
        >>> print(f"{mesh.weight.sum():.12f}")
        1.000000000000
    """
    check_model(model)
    gap, temperature = not_negative("gap", gap), positive("temperature", temperature)
    q, n = with_shape("q", q, ("...", 2)), check_direction(n)
    resolution = positive("resolution", resolution)
    if traced((model, gap, temperature, q, n, resolution)):
        raise ValueError("graded_mesh works on the host: its arguments must not be traced; build the mesh outside jit")
    if resolution > COARSEST:
        raise ValueError(f"resolution must be at most {COARSEST:g}, got {float(resolution):g}")
    if isinstance(order, bool) or not isinstance(order, int) or not 2 <= order <= 64:
        raise ValueError(f"order must be an integer from 2 to 64, got {order!r}")
    limit = check_dispersion(dispersion, cutoff)
    half = np.pi if limit is None else float(limit)
    pairs = common_shape(q, n)
    if 0 in pairs:
        raise ValueError(f"q and n must not be empty, got shapes {q.shape} and {n.shape}")
    q, n = jnp.broadcast_to(q, (*pairs, 2)).reshape(-1, 2), jnp.broadcast_to(n, (*pairs, 3)).reshape(-1, 3)

    corners, size = _grid(half)
    finished: list[tuple[np.ndarray, float]] = []
    while len(corners):
        rough = np.zeros(len(corners), bool)
        for point in zip(q, n, strict=True):
            rough[~rough] = _change(model, dispersion, gap, temperature, point, corners[~rough], size) > float(
                resolution
            )
        finished.append((corners[~rough], size))
        corners, size = _halved(corners[rough], size)
        if sum(len(cells) for cells, _ in finished) + len(corners) > MOST_CELLS:
            raise ValueError(
                f"temperature and gap are too small for {MOST_CELLS} cells at resolution {float(resolution):g}, "
                f"got temperature {float(temperature):g} and gap {float(gap):g}"
            )
    points, weights = _gauss(finished, order)
    # the average over the zone, or the integral of d2k / (2 pi)^2: the same thing, for the lattice constant 1
    return point_mesh(
        jnp.asarray(points, dtype=gap.dtype), jnp.asarray(weights / (2 * np.pi) ** 2, dtype=gap.dtype), dispersion
    )


def _grid(half):
    size = 2 * half / START
    edges = -half + size * np.arange(START)
    return np.stack(np.meshgrid(edges, edges, indexing="ij"), axis=-1).reshape(-1, 2), size


def _halved(corners, size):
    shifts = size / 2 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    return (corners[:, None, :] + shifts).reshape(-1, 2), size / 2


def _change(model, dispersion, gap, temperature, point, corners, size):
    """Largest difference of the logarithm between the samples of each cell."""
    q, n = point
    # half a cell beyond the edges, so that a Fermi line next door is seen
    offsets = np.linspace(-0.5, 1.5, SAMPLES) * size
    grid = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1).reshape(-1, 2)
    momenta = (corners[:, None, :] + grid).reshape(-1, 2)
    values = np.empty(len(momenta))
    for start in range(0, len(momenta), CHUNK):  # pieces of one shape, so that one compilation serves all
        piece = momenta[start : start + CHUNK]
        filled = jnp.asarray(np.pad(piece, ((0, CHUNK - len(piece)), (0, 0))), dtype=gap.dtype)
        values[start : start + CHUNK] = _logarithm(model, dispersion, gap, temperature, q, n, filled)[: len(piece)]
    cells = values.reshape(len(corners), -1)
    return cells.max(axis=1) - cells.min(axis=1)


@eqx.filter_jit
def _logarithm(model, dispersion, gap, temperature, q, n, momenta):
    bloch = getattr(model, dispersion)
    kx, ky = momenta[:, 0], momenta[:, 1]
    plus, minus = bloch(q[0] / 2 + kx, q[1] / 2 + ky, n), bloch(q[0] / 2 - kx, q[1] / 2 - ky, n)
    frequency = jnp.pi * temperature[None]
    return log_determinants(plus, minus, gap**2, frequency, jnp.ones_like(frequency))


def _gauss(finished, order):
    nodes, weights = gauss_legendre(order)
    square = np.stack(np.meshgrid(nodes, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    products = (weights[:, None] * weights).ravel()
    points = [(cells[:, None, :] + size * square).reshape(-1, 2) for cells, size in finished]
    measures = [np.tile(size**2 * products, len(cells)) for cells, size in finished]
    return np.concatenate(points), np.concatenate(measures)
