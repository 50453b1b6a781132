"""Planar moments as moments of three components that an easy plane holds down."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import not_negative, with_shape
from ..energy import FreeEnergy, terms_of


class EasyPlane(FreeEnergy):
    """Free energy of three-component moments made of one of planar ones, and of what leaving the plane costs.

        F(m) = planar((m_x, m_y)) + strength sum_i m_iz^2

    With it moments that have a free energy in their plane alone, such as magnetic impurities, can move as "llg" in
    `evolve` wants them. In equilibrium m_z^2 = T / (2 strength) for a temperature T far below the strength, and the
    components in the plane are those of planar moments up to the order of it.

    Args:
        planar: free energy of moments `(..., 2)`, `FreeEnergy` or plain function.
        strength: energy of a moment that points out of the plane, scalar, zero or positive; differentiable.

    Raises:
        ValueError: a planar energy that is no function, a strength that is negative, not finite or no scalar; when
            called, moments of another shape than `(..., 3)`.

    Example:
        >>> coupling = sm.PearlCoupling(pearl_length=1.0, strength=1.0, sign=1)
        >>> pair = sm.Ensemble([[0.0, 0.0], [0.1, 0.0]], coupling)
        >>> F = EasyPlane(pair, strength=5.0)
        >>> m = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.6, 0.8]])
        >>> print(f"{F(m) - pair(m[:, :2]):.2f}", sm.field(F, m)[:, 2])
        3.20 [-0. -8.]
    """

    planar: tuple[Callable, ...]
    strength: Float[Array, ""]

    def __init__(self, planar: Any, strength: Any):
        if not callable(planar):
            raise ValueError(f"planar must be a free energy of planar moments, got {planar!r}")
        self.planar = terms_of(planar)
        self.strength = not_negative("strength", strength)

    def __call__(self, moments: Float[Array, "..."]) -> Float[Array, ""]:
        """Energy of moments, shape `(..., 3)`."""
        moments = with_shape("moments", moments, ("...", 3))
        height = self.strength.astype(moments.dtype) * jnp.sum(moments[..., 2] ** 2)
        return sum((term(moments[..., :2]) for term in self.planar), height)
