r"""Free energy of the quasiparticles of one momentum from the characteristic polynomial, without eigenvalues.

For `H = [[h_+, gap i sigma_y], [h.c., -h_-^*]]` with `h_+- = h(+-k + q/2) = e_+- + g_+-.sigma` (Vakili 2026, Eq. 1) the
rotation of the holes by i sigma_y makes all blocks commute with the gap, so that with `p = E - e_+`, `s = E + e_-`

    det(E - H) = (p^2 - g_+^2)(s^2 - g_-^2) - 2 gap^2 (p s + g_+.g_-) + gap^4

On the imaginary axis this is `(w^4 + u w^2 + c) + i w (v w^2 + m)`, and `|det(i w - H)|^2 = prod_E (w^2 + E^2)`.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..numerics.poles import Poles
from .mesh import Mesh
from .model import Bloch


def log_determinants(plus: Bloch, minus: Bloch, gap_squared: Any, w: Float[Array, "j"], r: Float[Array, "j"]) -> Any:
    """`sum_j r_j ln prod_E (1 + E^2 / w_j^2)` of the four energies E, at momenta that broadcast."""
    a = plus.scalar**2 - plus.dot(plus)
    b = minus.scalar**2 - minus.dot(minus)
    product = plus.scalar * minus.scalar
    u = 4 * product - a - b + 2 * gap_squared
    c = a * b + 2 * gap_squared * (product - plus.dot(minus)) + gap_squared**2
    v = 2 * (plus.scalar - minus.scalar)
    m = 2 * (minus.scalar * a - plus.scalar * b) + gap_squared * v
    # prod_E (1 + y E^2), y = 1 / w^2, by powers of y
    first, second = 2 * u + v**2, u**2 + 2 * c + 2 * v * m
    third, fourth = 2 * u * c + m**2, c**2
    y = 1 / w**2
    # unrolled over the poles, so that everything from the momenta on fuses into one loop
    total = jnp.zeros(())
    for j in range(w.shape[0]):
        total += r[j] * jnp.log1p(y[j] * (first + y[j] * (second + y[j] * (third + y[j] * fourth))))
    return total


def free_energy_density(
    bloch,
    mesh: Mesh,
    poles: Poles,
    temperature,
    q: Float[Array, "2"],
    n: Float[Array, "3"],
    gap_squared: Float[Array, ""],
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
