"""Special functions that JAX lacks: the Struve function of the second kind and the scaled error function.

Both are evaluated from series whose coefficients are computed on the host, in float64, the first time they are
needed: no tables, no SciPy, no branches that lose digits, and derivatives of every order in both modes.
"""

from functools import cache, partial
from math import comb, factorial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .quadrature import chebyshev_fit, chebyshev_sum, gauss_legendre, horner

SERIES_LIMIT = 4.0  # below it the power series cancels by less than two digits; above it 32 Chebyshev terms do
SERIES_DEGREE = 44
CHEBYSHEV_TERMS = 34
ERFCX_SCALE = 3.75  # of Shepherd and Laframboise, Math. Comp. 36, 249 (1981): x -> (x - c)/(x + c)
ERFCX_TERMS = 40


def struve_k0(x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    r"""(pi/2) times the Struve function of the second kind, `V(x) = pi/2 [H_0(x) - Y_0(x)]`.

    The derivatives are Laplace moments, exact to rounding for every order:

        V^(k)(x) = (-1)^k M_k(x),   M_k(x) = int_0^inf u^k exp(-x u) / sqrt(1 + u^2) du

    (DLMF 11.5.2). Below x = 4 the logarithm and two entire series are summed; above it `x^(k+1) M_k` is a smooth
    function of 1/x and a Chebyshev series. Relative accuracy better than 1e-12 for 1e-6 <= x <= 1e4.

    Args:
        x: positive argument, any shape. `V(0)` is infinite; a negative argument gives NaN.

    Returns:
        `V(x)`, shape and dtype of `x`.

    Example:
        >>> print(f"{struve_k0(jnp.asarray(1.0)):.10f}")
        0.7546100258
        >>> print(f"{jax.grad(struve_k0)(jnp.asarray(1.0)):.10f}")
        -0.5388622849
    """
    return struve_moment(0, x)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def struve_moment(order: int, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """The Laplace moment `M_order(x)` of `struve_k0`; its derivative is `-M_(order+1)`."""
    small = jnp.minimum(x, SERIES_LIMIT)
    large = jnp.maximum(x, SERIES_LIMIT)
    return jnp.where(x < SERIES_LIMIT, _moment_series(order, small), _moment_asymptotic(order, large))


@struve_moment.defjvp
def _struve_moment_jvp(order, primals, tangents):
    (x,), (dx,) = primals, tangents
    return struve_moment(order, x), -struve_moment(order + 1, x) * dx


def _moment_series(order, x):
    # V = -ln(x/2) J0(x) + P(x), differentiated term by term (Leibniz)
    bessel, rest = _entire_series()
    logarithm = jnp.log(x / 2)
    total = _polynomial(np.polynomial.polynomial.polyder(rest, order), x)
    for k in range(order + 1):
        derivative = logarithm if k == 0 else (-1) ** (k - 1) * factorial(k - 1) / x**k
        remaining = np.polynomial.polynomial.polyder(bessel, order - k)
        total = total - comb(order, k) * derivative * _polynomial(remaining, x)
    return (-1) ** order * total


def _polynomial(coefficients, x):
    # even and odd parts apart: half the length of the dependent chain, and zero parts cost nothing
    even, odd = coefficients[0::2], coefficients[1::2]
    total = jnp.zeros_like(x)
    if np.any(even):
        total = total + horner(even.tolist(), x * x)
    if np.any(odd):
        total = total + x * horner(odd.tolist(), x * x)
    return total


@cache
def _entire_series() -> tuple[np.ndarray, np.ndarray]:
    # J0 and P = (pi/2) H0 - [(pi/2) Y0 - ln(x/2) J0], DLMF 10.2.2, 10.8.2, 11.2.1
    bessel, rest = np.zeros(SERIES_DEGREE + 1), np.zeros(SERIES_DEGREE + 1)
    harmonic = 0.0
    for k in range(SERIES_DEGREE // 2 + 1):
        if k:
            harmonic += 1 / k
        term = (-0.25) ** k / factorial(k) ** 2
        bessel[2 * k] = term
        rest[2 * k] = (harmonic - np.euler_gamma) * term
        if 2 * k + 1 <= SERIES_DEGREE:
            double_factorial = factorial(2 * k + 1) / (2**k * factorial(k))
            rest[2 * k + 1] = (-1) ** k / double_factorial**2
    return bessel, rest


def _moment_asymptotic(order, x):
    y = 2 * SERIES_LIMIT / x - 1
    return chebyshev_sum(_asymptotic_coefficients(order), y) / x ** (order + 1)


@cache
def _asymptotic_coefficients(order: int) -> tuple[float, ...]:
    # x^(n+1) M_n(x) = int_0^inf v^n e^-v / sqrt(1 + v^2/x^2) dv as a function of y = 2 a/x - 1 on [-1, 1]
    nodes, weights = gauss_legendre(32, panels=8)
    v = (60.0 + 6 * order) * nodes
    weight = (60.0 + 6 * order) * weights * v**order * np.exp(-v)

    def function(y):
        inverse = (y + 1) / (2 * SERIES_LIMIT)
        return (weight / np.sqrt(1 + np.multiply.outer(inverse, v) ** 2)).sum(-1)

    return chebyshev_fit(function, CHEBYSHEV_TERMS)


def erfcx(x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Scaled complementary error function `exp(x^2) erfc(x)` for x >= 0, relative accuracy 1e-14.

    Args:
        x: non-negative argument, any shape.

    Example:
        >>> print(f"{erfcx(jnp.asarray(2.0)):.12f}")
        0.255395676311
    """
    return erfcx_moment(0, x)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def erfcx_moment(order: int, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """`E_n(x) = (2/sqrt pi) int_0^inf (2 v)^n exp(-v^2 - 2 x v) dv`; E_0 = erfcx and `E_n' = -E_(n+1)`."""
    y = (x - ERFCX_SCALE) / (x + ERFCX_SCALE)
    return chebyshev_sum(_erfcx_coefficients(order), y) / (1 + 2 * x) ** (order + 1)


@erfcx_moment.defjvp
def _erfcx_moment_jvp(order, primals, tangents):
    (x,), (dx,) = primals, tangents
    return erfcx_moment(order, x), -erfcx_moment(order + 1, x) * dx


@cache
def _erfcx_coefficients(order: int) -> tuple[float, ...]:
    nodes, weights = gauss_legendre(32, panels=6)

    def function(y):
        # the integral is cut where its integrand is below 1e-20
        x = ERFCX_SCALE * (1 + y) / (1 - y)
        length = np.minimum(7.0 + order, (24 + 6 * order) / x)[:, None]
        v = length * nodes
        integral = (length * weights * (2 * v) ** order * np.exp(-v * (v + 2 * x[:, None]))).sum(-1)
        return (1 + 2 * x) ** (order + 1) * 2 / np.sqrt(np.pi) * integral

    return chebyshev_fit(function, ERFCX_TERMS)


def erfcx_difference(a: Float[Array, "*n"], b: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Divided difference `-[erfcx(a) - erfcx(b)]/(a - b)`, without cancellation as a -> b.

    Args:
        a: non-negative argument, any shape.
        b: non-negative argument, same shape.

    Example:
        >>> print(f"{erfcx_difference(jnp.asarray(0.0), jnp.asarray(0.0)):.12f}")
        1.128379167096
    """
    # the divided difference of the Chebyshev series, carried through Clenshaw's recurrence beside its value at b
    coefficients = _erfcx_coefficients(0)
    x, y = ((v - ERFCX_SCALE) / (v + ERFCX_SCALE) for v in (a, b))
    ahead = here = slope_ahead = slope = jnp.zeros_like(x)
    for coefficient in coefficients[:0:-1]:
        slope_ahead, slope = slope, 2 * x * slope - slope_ahead + 2 * here
        ahead, here = here, 2 * y * here - ahead + coefficient
    value = y * here - ahead + coefficients[0]
    slope = (x * slope - slope_ahead + here) * 2 * ERFCX_SCALE / ((a + ERFCX_SCALE) * (b + ERFCX_SCALE))
    return (2 * value / (1 + 2 * b) - slope) / (1 + 2 * a)
