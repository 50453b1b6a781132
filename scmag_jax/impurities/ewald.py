r"""Ewald split of the screened potential and its lattice sums.

The potential of the film at in-plane distance r and height z is a positive mixture of Gaussians
(`kappa = 1/pearl_length`),

    W(r, z) = int_0^inf ds exp(-kappa s) / sqrt((s + z)^2 + r^2)
            = int_0^inf (dt/t) erfcx(kappa t + z/2t) exp(-(r^2 + z^2)/4t^2),          W(r, 0) = V(kappa r),

so the part t < tau is summed over lattice vectors and the part t > tau over wavevectors, both with Gaussian
convergence and no neutrality condition. Without screening (kappa = 0) the wavevector q -> 0 is left out: its limit
depends on direction, and the result is that of a conducting ("tin-foil") surrounding.
"""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from ..numerics.quadrature import chebyshev_sum, gauss_legendre
from ..numerics.special import erfcx, erfcx_difference

GAUSSIAN_EXPONENT = 37.0  # terms below exp(-37) = 1e-16 are left out


def short_range_mixture(
    tau: Any, kappa: Any, height: Any, *, depth: float
) -> tuple[Float[Array, "k"], Float[Array, "k"]]:
    """Weights w and exponents b of `W_short(r, z) = sum_k w_k(z) exp(-b_k r^2)`, the part t < tau.

    Args:
        tau: split length.
        kappa: 1/pearl_length.
        height: z >= 0.
        depth: natural logarithm of tau over the smallest width kept; `mixture_depth` tells it. 10 + 10 depth
            Gauss-Legendre nodes in ln t reach 1e-13.
    """
    points, weights = gauss_legendre(10 + int(10 * depth))
    t = tau * jnp.asarray(np.exp(-depth * points), dtype=jnp.result_type(tau))
    exponents = 1 / (4 * t**2)
    measure = jnp.asarray(depth * weights, dtype=t.dtype)
    return measure * erfcx(kappa * t + height / (2 * t)) * jnp.exp(-(height**2) * exponents), exponents


def mixture_depth(closest: float) -> float:
    """Range of ln t that resolves the mixture down to the distance `closest` (in units of tau)."""
    return 0.5 * float(np.log1p(4 * 45 / closest**2))


def short_range_tensor(
    weights: Float[Array, "k"], exponents: Float[Array, "k"], x: Float[Array, "*n"], y: Float[Array, "*n"]
) -> tuple[Float[Array, "*n"], Float[Array, "*n"], Float[Array, "*n"]]:
    """Components xx, xy, yy of `-d_a d_b sum_k w_k exp(-b_k r^2)`, accumulated node by node in one pass."""
    s = x * x + y * y

    def add(total, node):
        weight, b = node
        term = weight * b * jnp.exp(-b * s)
        return (total[0] + term, total[1] + b * term), None

    zero = jnp.zeros_like(s)
    (a, c), _ = jax.lax.scan(add, (zero, zero), (weights, exponents), unroll=8)
    return 2 * a - 4 * c * x * x, -4 * c * x * y, 2 * a - 4 * c * y * y


class ShortRangeTable(eqx.Module):
    """The near part of the tensor K as two Chebyshev series in ln r, for very many pairs at one split length.

        K_ab = exp(-r^2/4 tau^2) / r^2 [f(ln r) delta_ab - h(ln r) r_a r_b / r^2]

    With the Gaussian and the power taken out, f and h are smooth and bounded: 10 + 2.7 x range terms reach 1e-14,
    ten times cheaper than the mixture itself. Beyond the range of the near part K is zero; closer than `closest` it
    is NaN.
    """

    isotropic: Float[Array, "c"]
    anisotropic: Float[Array, "c"]
    tau: Float[Array, ""]
    bottom: float = eqx.field(static=True)
    top: float = eqx.field(static=True)

    def __init__(self, tau: Float[Array, ""], kappa: Float[Array, ""], closest: float):
        """Args: tau, kappa as above; closest: smallest distance to resolve, in units of tau, static."""
        self.tau = tau
        self.bottom, self.top = float(np.log(closest**2)), float(np.log(4 * GAUSSIAN_EXPONENT))
        count = 14 + int(2.7 * (self.top - self.bottom))
        nodes = np.cos(np.pi * (np.arange(count) + 0.5) / count)
        square = np.exp(self.bottom + (self.top - self.bottom) * (nodes + 1) / 2)
        depth = mixture_depth(closest)
        panels = int(np.ceil(depth / 1.5))
        points, weights = gauss_legendre(60, panels)
        exponents = np.exp(2 * depth * points) / 4
        kernel = depth * weights * np.exp(-square[:, None] * (exponents - 0.25))
        mixing = erfcx(kappa * tau * jnp.asarray(np.exp(-depth * points), dtype=tau.dtype))
        # values at Chebyshev points -> coefficients, one small product
        transform = 2 / count * np.cos(np.outer(np.arange(count), np.arccos(nodes)))
        transform[0] /= 2
        isotropic = transform @ (kernel * 2 * exponents * square[:, None])
        anisotropic = transform @ (kernel * 4 * exponents**2 * square[:, None] ** 2)
        self.isotropic = jnp.asarray(isotropic, dtype=tau.dtype) @ mixing
        self.anisotropic = jnp.asarray(anisotropic, dtype=tau.dtype) @ mixing

    def __call__(self, square: Float[Array, "*n"]) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
        """`f exp(..)/r^2` and `h exp(..)/r^4`, with K_ab the first times delta_ab less the second times r_a r_b.

        Args:
            square: r^2.
        """
        # a factor and not a choice, so that derivatives are NaN too
        square = square * jnp.where(square < float(np.exp(self.bottom)) * self.tau**2, jnp.nan, 1.0)
        reduced = square / self.tau**2
        place = (jnp.log(reduced) - self.bottom) * (2 / (self.top - self.bottom)) - 1
        place = jnp.clip(place, -1.0, 1.0)
        gaussian = jnp.where(reduced < 4 * GAUSSIAN_EXPONENT, jnp.exp(-reduced / 4), 0.0) / square
        isotropic = gaussian * chebyshev_sum(self.isotropic, place)
        return isotropic, gaussian * chebyshev_sum(self.anisotropic, place) / square


def short_range_gradient(
    weights: Float[Array, "k"], exponents: Float[Array, "k"], x: Float[Array, "*n"], y: Float[Array, "*n"]
) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    """Components of `grad sum_k w_k exp(-b_k r^2)`."""
    s = x * x + y * y

    def add(total, node):
        weight, b = node
        return total + weight * b * jnp.exp(-b * s), None

    total, _ = jax.lax.scan(add, jnp.zeros_like(s), (weights, exponents), unroll=8)
    return -2 * total * x, -2 * total * y


def long_range_spectrum(q: Float[Array, "*n"], tau: Any, kappa: Any, height: Any) -> Float[Array, "*n"]:
    """Fourier transform of the part t > tau at wavenumbers q > 0 and any height, in closed form.

        W_long(q, z) = 4 pi int_tau^inf t erfcx(kappa t + z/2t) exp(-q^2 t^2 - z^2/4t^2) dt = (pi/q) (A + B)
        A = [exp(-q z) erfc(q tau - u) + G erfcx(kappa tau + u)] / (q + kappa)
        B = G tau d(kappa tau + u, q tau + u),          u = z/2tau,  G = exp(-q^2 tau^2 - u^2)

    d the divided difference of erfcx. A and B are positive: high above the film the relative accuracy stays.

    Args:
        q: wavenumbers, not zero.
        height: z >= 0.
    """
    falling, rising = _long_range_parts(q, tau, kappa, height)
    return jnp.pi / q * (falling + rising)


@jax.custom_jvp
def _long_range_parts(q, tau, kappa, height):
    return _closed_long_range_parts(q, tau, kappa, height)


@partial(_long_range_parts.defjvp, symbolic_zeros=True)
def _long_range_parts_jvp(primals, tangents):
    # by the height A' = -q A + g and B' = q B - g, g = G erfcx(kappa tau + u): far cheaper than autodiff
    q, tau, kappa, height = primals
    values = _long_range_parts(*primals)
    slopes = tuple(jnp.zeros_like(value) for value in values)
    if not all(isinstance(tangent, SymbolicZero) for tangent in tangents[:3]):
        others = [
            jnp.zeros_like(p) if isinstance(t, SymbolicZero) else t
            for p, t in zip(primals[:3], tangents[:3], strict=True)
        ]
        slopes = jax.jvp(partial(_closed_long_range_parts, height=height), primals[:3], tuple(others))[1]
    if not isinstance(tangents[3], SymbolicZero):
        lift = height / (2 * tau)
        end = jnp.exp(-((q * tau) ** 2) - lift**2) * erfcx(kappa * tau + lift)
        falling, rising = values
        slopes = (slopes[0] + (end - q * falling) * tangents[3], slopes[1] + (q * rising - end) * tangents[3])
    return values, slopes


def _closed_long_range_parts(q, tau, kappa, height):
    lift = height / (2 * tau)
    screened = kappa * tau + lift
    gaussian = jnp.exp(-((q * tau) ** 2) - lift**2)
    inner = q * tau - lift
    above = inner < 0
    # a choice and not abs, whose slope at zero is zero
    part = gaussian * erfcx(jnp.where(above, -inner, inner))
    complementary = jnp.where(above, 2 * jnp.exp(-q * height) - part, part)
    falling = (complementary + gaussian * erfcx(screened)) / (q + kappa)
    return falling, tau * gaussian * erfcx_difference(screened + jnp.zeros_like(q), q * tau + lift)


def long_range_at_film(q: Float[Array, "*n"], tau: Any, kappa: Any) -> Float[Array, "*n"]:
    """`long_range_spectrum` at z = 0 in closed form, for arbitrarily small q > 0:

    2 pi exp(-q^2 tau^2) [erfcx(kappa tau) + kappa tau d(kappa tau, q tau)] / (q (q + kappa)),

    d the divided difference of erfcx; at q = kappa nothing cancels.
    """
    screened = kappa * tau
    bracket = erfcx(screened) + screened * erfcx_difference(screened + jnp.zeros_like(q), q * tau)
    return 2 * jnp.pi * jnp.exp(-((q * tau) ** 2)) * bracket / (q * (q + kappa))


def self_term(tau: Any, kappa: Any) -> Float[Array, ""]:
    """The long-range tensor of a moment with itself, `delta_ab int_tau^inf erfcx(kappa t)/(2 t^3) dt`."""
    points, weights = gauss_legendre(64)
    depth = GAUSSIAN_EXPONENT / 2
    y = depth * points
    weight = jnp.asarray(depth * weights * np.exp(-2 * y), dtype=jnp.result_type(tau))
    values = erfcx(kappa * tau * jnp.asarray(np.exp(y), dtype=weight.dtype))
    return jnp.sum(weight * values) / (2 * tau**2)
