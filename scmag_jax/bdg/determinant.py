r"""Free energy of the quasiparticles of one momentum from the characteristic polynomial, without eigenvalues.

For `H = [[h_+, gap i sigma_y], [h.c., -h_-^*]]` with `h_+- = h(+-k + q/2) = e_+- + g_+-.sigma` (Vakili 2026, Eq. 1) the
rotation of the holes by i sigma_y makes all blocks commute with the gap, so that with `p = E - e_+`, `s = E + e_-`

    det(E - H) = (p^2 - g_+^2)(s^2 - g_-^2) - 2 gap^2 (p s + g_+.g_-) + gap^4

On the imaginary axis this is `(w^4 + u w^2 + c) + i w (v w^2 + m)`, and `|det(i w - H)|^2 = prod_E (w^2 + E^2)`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from ..numerics.poles import Poles
from .mesh import Mesh
from .model import Bloch

UNROLL = 8  # poles in one pass over the momenta of a chunk


def free_energy_density(
    bloch: Callable[..., Bloch],
    mesh: Mesh,
    poles: Poles,
    temperature: Any,
    q: Float[Array, "2"],
    n: Float[Array, "3"],
    gap_squared: Any,
) -> Float[Array, ""]:
    r"""`-(T/2) sum_k weight sum_E ln 2cosh(E / 2T)` (Vakili 2026, Eq. 2, all four bands), chunk by chunk."""
    w = 2 * temperature * poles.z

    def chunk(kx, ky, weight):
        plus = bloch(q[0] / 2 + kx, q[1] / 2 + ky, n)
        minus = bloch(q[0] / 2 - kx, q[1] / 2 - ky, n)
        return jnp.sum(weight * (4 * jnp.log(2.0) + log_determinants(plus, minus, gap_squared, w, poles.r)))

    # without residuals: a derivative works a chunk out again instead of keeping all of them
    chunk = jax.checkpoint(chunk, prevent_cse=False)
    shared = mesh.ky.shape[0] == 1

    def add(total, own):
        kx, weight, ky = own
        return total + chunk(kx, mesh.ky[0] if shared else ky, weight * mesh.weight_y[0]), None

    chunks = (mesh.kx, mesh.weight_x, None if shared else mesh.ky)
    total, _ = jax.lax.scan(add, jnp.zeros((), mesh.kx.dtype), chunks)
    return -temperature / 2 * total


def log_determinants(
    plus: Bloch, minus: Bloch, gap_squared: Any, w: Float[Array, "j"], r: Float[Array, "j"]
) -> Float[Array, "*k"]:
    """`sum_j r_j ln prod_E (1 + E^2 / w_j^2)` of the four energies E, at momenta that broadcast."""
    a = plus.scalar**2 - plus.dot(plus)
    b = minus.scalar**2 - minus.dot(minus)
    product = plus.scalar * minus.scalar
    u = 4 * product - a - b + 2 * gap_squared
    c = a * b + 2 * gap_squared * (product - plus.dot(minus)) + gap_squared**2
    v = 2 * (plus.scalar - minus.scalar)
    m = 2 * (minus.scalar * a - plus.scalar * b) + gap_squared * v
    # prod_E (1 + y E^2) by powers of y = 1 / w^2
    coefficients = (2 * u + v**2, u**2 + 2 * c + 2 * v * m, 2 * u * c + m**2, c**2)
    return _log_sum(coefficients, 1 / w**2, r)


# Sums over poles of functions of P_j = 1 + y_j (c_1 + y_j (c_2 + y_j (c_3 + y_j c_4))). A derivative is again such a
# sum, all of whose members one pass over the poles gives; plain autodiff would walk back through every pole, and XLA
# would repeat the whole chain for every component of a gradient.


@jax.custom_jvp
def _log_sum(coefficients, y, r):
    """`sum_j r_j ln P_j`."""
    return _over_poles(lambda y, r, rest: (r * jnp.log1p(rest),), 1, coefficients, y, r)[0]


def _log_sum_jvp(primals, tangents):
    members = _power_sums(1, 1, 4, *primals)
    through_poles = _by_pole(lambda c, y, r: r * jnp.log1p(_rest(c, y)), primals, tangents)
    return _log_sum(*primals), _weighted(members, tangents[0], through_poles)


_log_sum.defjvp(_log_sum_jvp, symbolic_zeros=True)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _power_sums(power, lowest, count, coefficients, y, r):
    """`sum_j r_j y_j^i / P_j^power` for i = lowest, ..., lowest + count - 1, a tuple."""

    def terms(y, r, rest):
        term = r * y**lowest / (1 + rest) ** power
        members = [term]
        for _ in range(count - 1):
            members.append(y * members[-1])
        return tuple(members)

    return _over_poles(terms, count, coefficients, y, r)


def _power_sums_jvp(power, lowest, count, primals, tangents):
    # d/dc_k of y^i / P^power is -power y^(i + k) / P^(power + 1)
    higher = _power_sums(power + 1, lowest + 1, count + 3, *primals)
    result = []
    for i in range(count):
        term = partial(_power_term, power, lowest + i)
        members = [-power * h for h in higher[i : i + 4]]
        result.append(_weighted(members, tangents[0], _by_pole(term, primals, tangents)))
    return _power_sums(power, lowest, count, *primals), tuple(result)


_power_sums.defjvp(_power_sums_jvp, symbolic_zeros=True)


def _power_term(power, exponent, coefficients, y, r):
    return r * y**exponent / (1 + _rest(coefficients, y)) ** power


def _weighted(members, tangents, total):
    for member, tangent in zip(members, tangents, strict=True):
        if not isinstance(tangent, SymbolicZero):
            total = total + member * tangent
    return total


def _rest(coefficients, y):
    first, second, third, fourth = coefficients
    return y * (first + y * (second + y * (third + y * fourth)))


def _by_pole(term, primals, tangents):
    """Part of a derivative that goes through the poles, by temperature: pole by pole, plain autodiff."""
    (coefficients, y, r), (_, by_y, by_r) = primals, tangents
    zero = jnp.zeros_like(coefficients[0])
    if isinstance(by_y, SymbolicZero) and isinstance(by_r, SymbolicZero):
        return zero
    by_y, by_r = (jnp.zeros_like(y) if isinstance(d, SymbolicZero) else d for d in (by_y, by_r))

    def add(total, pole):
        y, r, dy, dr = pole
        return total + jax.jvp(lambda y, r: term(coefficients, y, r), (y, r), (dy, dr))[1], None

    return jax.lax.scan(add, zero, (y, r, by_y, by_r))[0]


def _over_poles(terms, count, coefficients, y, r):
    shape = jnp.broadcast_shapes(*(c.shape for c in coefficients))
    coefficients = [jnp.broadcast_to(c, shape) for c in coefficients]

    def add(totals, pole):
        y, r = pole
        return tuple(t + s for t, s in zip(totals, terms(y, r, _rest(coefficients, y)), strict=True)), None

    zero = jnp.zeros(shape, coefficients[0].dtype)
    return jax.lax.scan(add, (zero,) * count, (y, r), unroll=UNROLL)[0]
