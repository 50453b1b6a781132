r"""Rational form of tanh and ln 2cosh with few poles, for sums over Matsubara frequencies of bounded spectra.

    tanh x = sum_j 2 r_j x / (x^2 + z_j^2),    ln 2cosh x = ln 2 + sum_j r_j ln(1 + x^2 / z_j^2),    |x| <= window

With `r_j = 1` and `z_j = (j + 1/2) pi` this is the Matsubara sum, which converges like 1/n. `tanh(sqrt y) / sqrt y` is
a Stieltjes function of y, so its rational interpolants have poles on the negative axis and positive residues; at the
nodes of Zolotarev's problem for the plate `[0, window^2]` and the cut `(-inf, -(pi/2)^2]` they are nearly the best
there are, and 16 to 24 poles do where the Matsubara sum takes thousands of millions.
"""

import decimal
from functools import cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import concrete, positive, traced

FIRST = np.pi / 2  # the lowest Matsubara frequency, in units of 2 T
LARGEST_WINDOW = 2.0**24
RUNGS = 2  # windows in an octave: a window is rounded up to the next one, so that temperatures share poles
SLACK = 1e-6  # a window that is a rung but for rounding
MOST = 64
FINEST = 1e-18  # poles that would do better than this serve a wider window instead


class Poles(eqx.Module):
    """Poles of tanh on the imaginary axis at `+-i z` with residue `r` each; in order of z.

    Attributes:
        z: positions, shape `(count,)`, in units of the argument of tanh (2 T for energies).
        r: residues, shape `(count,)`; 1 for the lowest, which are Matsubara frequencies.
    """

    z: Float[Array, "n"]
    r: Float[Array, "n"]

    def tanh(self, x: Float[Array, "*s"]) -> Float[Array, "*s"]:
        """The approximation of tanh, at any number of points."""
        return jnp.sum(jax.vmap(lambda z, r: 2 * r * x / (x**2 + z**2))(self.z, self.r), axis=0)

    def log_2cosh(self, x: Float[Array, "*s"]) -> Float[Array, "*s"]:
        """The approximation of ln 2cosh, whose derivative is `tanh` with the same poles."""
        return jnp.log(2.0) + jnp.sum(jax.vmap(lambda z, r: r * jnp.log1p((x / z) ** 2))(self.z, self.r), axis=0)


def tanh_poles(window: Any, count: int) -> Poles:
    """Near-optimal poles of tanh for arguments of modulus up to `window`.

    Interpolates `tanh(sqrt y) / sqrt y` at `2 count` Zolotarev nodes (Vakili notes, section 6C), solved once on the
    host in 100-digit arithmetic and kept. The error in tanh is below `error_bound(window, count)`.

    Args:
        window: largest |x|, positive, at most 2^24. Rounded up to a half octave; may be traced, and then
            all windows are solved at the first call (one to three seconds).
        count: number of poles, 1 to 64.

    Raises:
        ValueError: a window that is not positive or too large, or a count outside 1 to 64.

    Example:
        >>> poles = tanh_poles(400.0, 20)
        >>> x = jnp.array([0.3, 30.0])
        >>> print(jnp.max(jnp.abs(poles.tanh(x) - jnp.tanh(x))) < 1e-6)
        True
    """
    if not isinstance(count, int) or not 1 <= count <= MOST:
        raise ValueError(f"count must be an integer from 1 to {MOST}, got {count!r}")
    window = positive("window", window)
    known = concrete(window)
    if known is not None:
        if known > LARGEST_WINDOW:
            raise ValueError(f"window must be at most {LARGEST_WINDOW:g}, got {known:g}")
        z, r = _solve(max(_rung(float(known)), _lowest_rung(count)), count)
        return Poles(jnp.asarray(z, dtype=window.dtype), jnp.asarray(r, dtype=window.dtype))
    window = eqx.error_if(window, window > LARGEST_WINDOW, f"window must be at most {LARGEST_WINDOW:g}")
    lowest = _lowest_rung(count)
    table = jnp.asarray(_table(count, lowest), dtype=window.dtype)
    rung = jnp.ceil(RUNGS * jnp.log2(window) - SLACK).astype(int) - lowest
    z, r = table[jnp.clip(rung, 0, len(table) - 1)]
    return Poles(z, r)


def matsubara_poles(count: int) -> Poles:
    """The first Matsubara frequencies, `z_j = (j + 1/2) pi` and `r_j = 1`: the plain sum, for comparison.

    The error in tanh is `2 x / (pi^2 count)` for `x << count`, whatever the window.

    Example:
        >>> print(f"{matsubara_poles(1000).tanh(jnp.array(1.0)) - jnp.tanh(1.0):.1e}")
        -2.0e-04
    """
    return Poles((jnp.arange(count, dtype=float) + 0.5) * jnp.pi, jnp.ones(count))


def error_bound(window: Any, count: int) -> Any:
    """Largest error of `tanh_poles(window, count).tanh` on the window, before rounding.

        8 exp(-pi^2 count / ln(4 b / a)),    a = pi/2,    b = sqrt(window^2 + a^2)

    Half of it is the modulus of the Zolotarev problem, reached within a percent where it is small.

    Example:
        >>> print(f"{error_bound(400.0, 16):.0e} {error_bound(400.0, 24):.0e}")
        2e-09 4e-14
    """
    # of the next rung, whose poles are taken; half an octave more than that where the window is traced
    return _bound(window * 2 ** (1 / RUNGS), count, jnp) if traced(window) else _rung_bound(_rung(float(window)), count)


def _rung_bound(rung: int, count: int) -> float:
    return float(_bound(2.0 ** (rung / RUNGS), count, np))


def _bound(window, count, numpy):
    return 8 * numpy.exp(-(np.pi**2) * count / numpy.log(4 * numpy.hypot(window, FIRST) / FIRST))


def poles_needed(window: float, tolerance: float) -> int:
    """The smallest count whose `error_bound` is within the tolerance, at most 64.

    Example:
        >>> print(poles_needed(400.0, 1e-10), poles_needed(400.0, 1e-13))
        19 24
    """
    return next((count for count in range(4, MOST) if error_bound(window, count) <= tolerance), MOST)


def _rung(window: float) -> int:
    return max(0, int(np.ceil(RUNGS * np.log2(window) - SLACK)))


@cache
def _lowest_rung(count: int) -> int:
    rungs = range(_rung(LARGEST_WINDOW))
    return next((rung for rung in rungs if _rung_bound(rung, count) >= FINEST), _rung(LARGEST_WINDOW))


@cache
def _table(count: int, lowest: int) -> np.ndarray:
    return np.stack([_solve(rung, count) for rung in range(lowest, _rung(LARGEST_WINDOW) + 1)])


# --- on the host, once a window and count


@cache
def _solve(rung: int, count: int) -> np.ndarray:
    """Rows z and r of the multipoint Pade approximant, by Thiele's continued fraction in long decimals."""
    window = 2.0 ** (rung / RUNGS)
    with decimal.localcontext() as context:
        context.prec = 60 + 2 * count
        nodes = [decimal.Decimal(float(y)) for y in _zolotarev_nodes(window, 2 * count)]
        fraction = _thiele(nodes, [_stieltjes(y) for y in nodes])
        roots = sorted(_roots(nodes, fraction, count))
        residues = [_convergent(nodes, fraction, -s) for s in roots]
        z = [float(s.sqrt()) for s in roots]
        r = [float(top / slope / 2) for top, _, slope, _ in residues]
    return np.array([z, r])


def _zolotarev_nodes(window, count):
    # y + a^2 = b^2 dn^2(u, k) with k' = a/b; dn as the periodic sum of sech, which converges at once for small k'
    low, high = FIRST, np.hypot(window, FIRST)
    whole = np.pi / 2 / _agm(1.0, low / high)
    complement = np.pi / 2 / _agm(1.0, window / high)
    u = whole * (2 * np.arange(count) + 1) / (2 * count)
    images = np.arange(-12, 13)[:, None]
    dn = np.pi / (2 * complement) * np.sum(1 / np.cosh(np.pi * (u - 2 * images * whole) / (2 * complement)), axis=0)
    return (high * dn) ** 2 - low**2


def _agm(a, b):
    while abs(a - b) > 1e-15 * a:
        a, b = (a + b) / 2, np.sqrt(a * b)
    return a


def _stieltjes(y):
    root = y.sqrt()
    decay = (-2 * root).exp()
    return (1 - decay) / ((1 + decay) * root)


def _thiele(nodes, values):
    # inverse differences: f(y) = c0 / (1 + c1 (y - y0) / (1 + c2 (y - y1) / ...))
    values = list(values)
    for i in range(1, len(nodes)):
        for j in range(i, len(nodes)):
            values[j] = (values[i - 1] / values[j] - 1) / (nodes[j] - nodes[i - 1])
    return values


def _convergent(nodes, fraction, y):
    """Numerator, denominator and the denominator's first two derivatives by y."""
    zero, one = decimal.Decimal(0), decimal.Decimal(1)
    top = (zero, fraction[0])
    bottom, slope, bend = (one, one), (zero, zero), (zero, zero)
    for c, node in zip(fraction[1:], nodes[:-1], strict=True):
        step = c * (y - node)
        top = (top[1], top[1] + step * top[0])
        bend = (bend[1], bend[1] + step * bend[0] + 2 * c * slope[0])
        slope = (slope[1], slope[1] + step * slope[0] + c * bottom[0])
        bottom = (bottom[1], bottom[1] + step * bottom[0])
    return top[1], bottom[1], slope[1], bend[1]


def _roots(nodes, fraction, count):
    """Roots s of the denominator at y = -s: Laguerre's iteration upwards, known roots divided out."""
    roots: list[decimal.Decimal] = []
    for left in range(count, 0, -1):
        s = roots[-1] * decimal.Decimal("1.001") if roots else decimal.Decimal(0)
        for _ in range(200):
            _, bottom, slope, bend = _convergent(nodes, fraction, -s)
            if bottom == 0:
                break
            known = [1 / (s - root) for root in roots]
            first = -slope / bottom - sum(known)
            if abs(first) * s > decimal.Decimal("1e25"):
                break  # on a root to all digits: what follows would be their cancellation
            second = (slope / bottom) ** 2 - bend / bottom - sum(k * k for k in known)
            spread = max((left - 1) * (left * second - first * first), decimal.Decimal(0)).sqrt()
            step = left / (spread - first)
            s += step
            if abs(step) <= abs(s) * decimal.Decimal("1e-25"):
                break
        roots.append(s)
    return roots
