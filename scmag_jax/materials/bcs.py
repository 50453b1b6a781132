"""Weak-coupling BCS laws: the gap and the superfluid weight as functions of the reduced temperature."""

from math import exp, pi

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from .._checks import as_float, concrete
from ..numerics.matsubara import Scalar, matsubara_sum

GAP_RATIO = pi * exp(-np.euler_gamma)  # gap(0) / (k_B Tc) = 1.7638769...
COLDEST = 0.02  # below this t, gap and superfluid weight differ from t = 0 by exp(-gap/T) < 1e-38
NEWTON_STEPS = 6  # from a start within 5 %, five reach rounding


def bcs_gap(t: ArrayLike) -> Float[Array, "..."]:
    r"""Gap of a clean weak-coupling superconductor, `gap(T) / gap(0)`.

    Solves the weak-coupling BCS gap equation, in Matsubara form and with the cut-off eliminated by Tc,

        ln t = sum_{n >= 0} [1 / sqrt((n + 1/2)^2 + delta^2) - 1 / (n + 1/2)],   delta = gap / (2 pi T)

    by a fixed number of Newton steps; derivatives follow from the implicit function theorem.

    Args:
        t: reduced temperature T/Tc, any shape. Zero from t = 1 up. A negative traced value gives NaN.

    Returns:
        Gap ratio between 0 and 1, shape of `t`; 1e-13 accurate in double precision.

    Raises:
        ValueError: a concrete `t` is negative or NaN.

    Example:
        >>> print(f"{bcs_gap(0.5):.10f}")
        0.9568847159
    """
    return _gap_law(check_temperature(t))


def tanh_gap(t: ArrayLike) -> Float[Array, "..."]:
    """Interpolation formula for the gap, `gap(T) / gap(0) = tanh(1.74 sqrt(1/t - 1))` (Vakili 2026, above Eq. 3).

    Within 3 % of :func:`bcs_gap`, exact at both ends of the square root; for numbers of papers that use it.

    Args:
        t: reduced temperature T/Tc, any shape. Zero from t = 1 up.

    Returns:
        Gap ratio between 0 and 1, shape of `t`.

    Raises:
        ValueError: a concrete `t` is negative or NaN.

    Example:
        >>> print(f"{tanh_gap(0.1):.9f}")
        0.999941523
    """
    t = check_temperature(t)
    inside = (t > 0) & (t < 1)
    ratio = jnp.tanh(1.74 * jnp.sqrt(1 / jnp.where(inside, t, 0.5) - 1))
    return jnp.where(inside, ratio, jnp.where(t <= 0, jnp.where(t < 0, jnp.nan, 1.0), 0.0))


def superfluid_weight(t: ArrayLike) -> Float[Array, "..."]:
    r"""Superfluid weight of a clean film over its zero-temperature value, `D(T) / D(0)`.

    With the `delta` of :func:`bcs_gap` (Lu 2023, the formula of D in the main text, sum over all n; Eq. S40
    is 4 times too large as printed):

        D(T) / D(0) = sum_{n >= 0} delta^2 / ((n + 1/2)^2 + delta^2)^(3/2)

    Args:
        t: reduced temperature T/Tc, any shape. Zero from t = 1 up.

    Returns:
        The ratio, shape of `t`; 1e-13 accurate in double precision.

    Raises:
        ValueError: a concrete `t` is negative or NaN.

    Example:
        >>> print(f"{superfluid_weight(0.5):.10f}")
        0.8340376847
    """
    return _clean_law(check_temperature(t))


def superfluid_weight_dirty(t: ArrayLike) -> Float[Array, "..."]:
    """Superfluid weight of a dirty film over its zero-temperature value, `gap(T)/gap(0) tanh(gap(T) / 2T)`.

    The limit of a mean free path far below the coherence length (Mattis and Bardeen, Phys. Rev. 111, 412
    (1958), at zero frequency).

    Args:
        t: reduced temperature T/Tc, any shape. Zero from t = 1 up.

    Returns:
        The ratio, shape of `t`.

    Raises:
        ValueError: a concrete `t` is negative or NaN.

    Example:
        >>> print(f"{superfluid_weight_dirty(0.5):.10f}")
        0.8936058017
    """
    return _dirty_law(check_temperature(t))


def reduced_gap(t: Scalar, coldest: float = COLDEST) -> Scalar:
    """The gap over the Matsubara spacing, `gap(T) / (2 pi T)`, at max(t, coldest); zero from t = 1 up."""
    return GAP_RATIO * _gap(t) / (2 * pi * jnp.maximum(t, coldest))


def check_temperature(t: ArrayLike) -> Float[Array, "..."]:
    """`t` as a floating array; text, complex numbers and a concrete value that is negative or NaN raise ValueError."""
    array = as_float("t", t)
    known = concrete(t)
    if known is not None and not np.all(known >= 0):
        raise ValueError(f"t must be a reduced temperature T/Tc >= 0 and not NaN, got {t}")
    return array.astype(float)


def _clean_weight(t: Scalar) -> Scalar:
    delta2 = reduced_gap(t) ** 2
    return matsubara_sum(lambda u: delta2 / (u**2 + delta2) ** 1.5)


def _dirty_weight(t: Scalar) -> Scalar:
    return _gap(t) * jnp.tanh(pi * reduced_gap(t))


def _gap(t: Scalar) -> Scalar:
    # The branch not taken is fed a harmless temperature: its derivative must be finite too.
    inside = jnp.where(t >= 1, 0.5, jnp.maximum(t, COLDEST))
    gap = jnp.where(t >= 1, 0.0, jnp.sqrt(_squared_gap(inside)))
    return jnp.where(t < 0, jnp.nan, gap)


def _squared_gap(t: Scalar) -> Scalar:
    """Root z = (gap(T)/gap(0))^2 of the gap equation: convex and decreasing in z, and linear as t -> 1."""
    scale = (GAP_RATIO / (2 * pi * t)) ** 2
    log_t = jnp.log1p(t - 1)

    def residual(z):
        # 1/s - 1/u written without the difference, so that the root keeps its digits next to Tc
        def term(u):
            s = jnp.sqrt(u**2 + scale * z)
            return 1 / (u * s * (u + s))

        return scale * z * matsubara_sum(term) + log_t

    def slope(z):
        return scale / 2 * matsubara_sum(lambda u: (u**2 + scale * z) ** -1.5)

    def newton(_, start):
        return jax.lax.fori_loop(0, NEWTON_STEPS, lambda _, z: z - residual(z) / slope(z), start)

    start = jax.lax.stop_gradient(jnp.tanh(1.74 * jnp.sqrt(1 / t - 1)) ** 2)
    return jax.lax.custom_root(residual, start, newton, lambda g, y: y / g(jnp.ones_like(y)))


# Compiled once a shape; an eager call would trace and compile the root finder every time.
_gap_law = jax.jit(jnp.vectorize(_gap))
_clean_law = jax.jit(jnp.vectorize(_clean_weight))
_dirty_law = jax.jit(jnp.vectorize(_dirty_weight))
