"""What temperature does to the flake: the length of ordered moments, and the superfluid that is left."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import i0e, i1e
from jaxtyping import Array, Float

from .._checks import concrete, positive, real_array
from ..materials import superfluid_weight, superfluid_weight_dirty

COLDEST = 1e-12  # of the critical temperature: colder is as good as zero
SMALLEST_WEIGHT = 1e-3  # of the superfluid weight at zero: what is left at Tc and above, so that a film stays one
NEWTON_STEPS = 50  # halving the distance to a root that is close to zero; elsewhere six are enough


def two_fluid(t: Any) -> Float[Array, "*s"]:
    """Superfluid weight over that at zero temperature by the two-fluid law, `1 - t^4` (Gorter and Casimir 1934).

    Args:
        t: T / Tc, any shape; zero from t = 1 up.

    Example:
        >>> print(two_fluid(0.5))
        0.9375
    """
    return 1 - jnp.clip(real_array("t", t).astype(float), 0.0, 1.0) ** 4


LAWS = {"two-fluid": two_fluid, "clean": superfluid_weight, "dirty": superfluid_weight_dirty}


def law_of(name: str) -> Callable:
    """The superfluid weight of a name.

    Raises:
        ValueError: an unknown name.
    """
    if name not in LAWS:
        raise ValueError(f"law must be one of {', '.join(LAWS)}, got {name!r}")
    return LAWS[name]


def saturation(t: Any, order_ratio: Any, law: str = "two-fluid") -> Float[Array, "*s"]:
    r"""Length m_s of ordered planar moments, coupled by the superfluid: the mean field of their own current.

        m_s = I1/I0(2 c d(t) m_s / t),    c = order_ratio / d(order_ratio)

    with the superfluid weight d, at t = T / Tc of the place; exactly 0 from
    `t = order_ratio = T_M / Tc` up (for Fig. 3f of Xiang 2023, re-derived: their remanence is flat to 3 K, half at 4 K
    and gone at 5 K, which takes a spread of local Tc). What couples them is left open: `order_ratio` is an input.

    Args:
        t: T / Tc, any shape, not negative.
        order_ratio: T_M / Tc, scalar between 0 and 1.
        law: of d: "two-fluid", or "clean" and "dirty" of BCS theory, which are 0.01 to 0.04 higher.

    Raises:
        ValueError: a concrete t below 0, NaN, an order_ratio that is not between 0 and 1, an unknown law.

    Example:
        >>> print(saturation(np.array([0.0, 0.3, 0.8, 0.85]), 0.85).round(4))
        [1.     0.9543 0.6344 0.    ]
    """
    weight, known = law_of(law), concrete(order_ratio)
    order_ratio = positive("order_ratio", order_ratio).astype(float)
    if known is not None and known >= 1:
        raise ValueError(f"order_ratio must be below 1: nothing couples the moments at Tc, got {known}")
    known = concrete(t)
    t = real_array("t", t).astype(float)
    if known is not None and (known < 0).any():
        raise ValueError(f"t must not be negative, got {known.min():g}")
    coupling = order_ratio / weight(order_ratio)
    slope = 2 * coupling * weight(t) / jnp.maximum(t, COLDEST)
    ordered = (slope > 2) & (t < order_ratio)
    return jnp.where(ordered, _root(jnp.where(ordered, slope, 4.0)), 0.0)


def remaining_weight(temperature: Any, critical_temperature: Any, law: str = "two-fluid") -> Float[Array, ""]:
    """Superfluid weight over that at zero temperature, `d(T / Tc)`, not below `SMALLEST_WEIGHT`.

    The floor keeps a film with currents solvable through Tc: what flows there flows as in a film of a thousand times
    the Pearl length, which is no model of the normal state.

    Args:
        temperature: T, not negative.
        critical_temperature: Tc in the same unit.
        law: as :func:`saturation`.

    Example:
        >>> print([round(float(remaining_weight(T, 6.0)), 4) for T in (0.0, 3.0, 6.0, 7.0)])
        [1.0, 0.9375, 0.001, 0.001]
    """
    return jnp.maximum(law_of(law)(real_array("temperature", temperature) / critical_temperature), SMALLEST_WEIGHT)


@jax.jit
def _root(slope):
    """The positive m = I1/I0(slope m), slope above 2."""

    def step(_, m):
        x = slope * m
        ratio = i1e(x) / i0e(x)
        # the ratio is concave: from above, Newton's steps come down to the root and never pass it
        return m - (ratio - m) / (slope * (1 - ratio / x - ratio**2) - 1)

    m = jax.lax.stop_gradient(jax.lax.fori_loop(0, NEWTON_STEPS, step, jnp.ones_like(slope)))
    return step(0, m)  # with the derivative of the root
