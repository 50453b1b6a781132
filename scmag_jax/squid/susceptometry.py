"""Scanning susceptometry: a field coil and a pickup loop over a film, and the flux that its response couples."""

import operator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import positive, with_shape
from .squid import Squid


def susceptometry(
    film: Any,
    coil: Any,
    pickup: Any,
    positions: Any,
    *,
    batch: int = 8,
    tolerance: Any = 1e-10,
    max_steps: Any = 500,
) -> Float[Array, "*n"]:
    r"""Mutual inductance of a coil and a pickup loop through a film's response, at every scan position.

        M = int g B_pickup d2r,    g the stream function that the field of the coil drives

    with B_pickup the field along z of a unit current in the pickup loop: reciprocity makes one sum of what would be an
    integral over the loop, and M symmetric in coil and loop. The flux that the coil sends through the loop directly is
    not in it. Over a large uniform film both are mirrored, and for coaxial loops of radii a and b, heights z and z'

        M = -pi a b int J1(q a) J1(q b) exp(-q (z + z')) / (1 + q pearl_length) dq

    Derivatives with respect to everything cost another solve a position.

    Args:
        film: anything with `solve(applied_field=...)`, `node_positions` and `spacing`, such as `Film`; holes keep their
            fluxoids at zero.
        coil: source with `field(points)`, relative to the scan position; of current 1, else M is in proportion.
        pickup: likewise, or a `Squid`; that of a point returns the field at it.
        positions: of the scan, `(..., 2)`.
        batch: positions solved at once: more are quicker on a GPU, and take memory.
        tolerance: as `film.solve`.
        max_steps: as `film.solve`.

    Returns:
        M at every position, (...).

    Raises:
        ValueError: what has no field, wrong shapes, NaN, a kernel as the pickup.
        eqx.EquinoxRuntimeError: a solve that did not converge.

    Example:
        >>> film = sm.Film(np.ones((32, 32), bool), 0.25, 0.5, origin=(-4.0, -4.0))
        >>> coil, loop = sm.CurrentLoop(1.0, height=0.8), sm.CurrentLoop(0.6, height=0.5)
        >>> line = jnp.stack([jnp.linspace(0.0, 6.0, 4), jnp.zeros(4)], axis=-1)
        >>> print(susceptometry(film, coil, loop, line).round(3))
        [-0.07  -0.069 -0.008 -0.   ]
    """
    pickup = pickup.source if isinstance(pickup, Squid) else pickup
    for name, source in (("coil", coil), ("pickup", pickup)):
        if not hasattr(source, "field"):
            raise ValueError(f"{name} must have field(points), as a CurrentLoop has, got {type(source).__name__}")
    positions = with_shape("positions", positions, ("...", 2)).astype(float)
    if operator.index(batch) < 1:
        raise ValueError(f"batch must be a positive integer, got {batch}")
    tolerance = positive("tolerance", tolerance)
    found = _scan(film, coil, pickup, positions.reshape(-1, 2), int(batch), tolerance, max_steps)
    return found.reshape(positions.shape[:-1])


@eqx.filter_jit
def _scan(film, coil, pickup, positions, batch, tolerance, max_steps):
    nodes = film.node_positions

    def at(position):
        flat = nodes - position[None, None, :]
        points = jnp.concatenate([flat, jnp.zeros((*nodes.shape[:2], 1))], axis=-1)
        state = film.solve(applied_field=coil.field(points)[..., 2], tolerance=tolerance, max_steps=max_steps)
        return film.spacing**2 * jnp.sum(state.stream * pickup.field(points)[..., 2])

    return jax.lax.map(at, positions, batch_size=batch)
