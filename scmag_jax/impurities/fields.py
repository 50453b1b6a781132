"""Currents and magnetic fields of moments on an infinite film, all derivatives of one screened potential.

With `U(r, z) = sum_j (m_j . grad) W(r - r_j, z)` (weights included in m_j):

    stream function  psi = (Gamma / 2 pi) U(r, 0)          sheet current  j = (d_y psi, -d_x psi)
    scalar potential Phi = (mu0 Gamma / 4 pi) U(r, z)      field          B = -grad Phi  (z > 0)

(physics of Lu 2023, Eqs. 12 and 13, re-derived; the printed Eq. 13 has the wrong size, sign and decay). B_z is even
in z and B_x, B_y are odd: the film is a sheet of current, not of dipoles.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..numerics.quadrature import gauss_legendre

HEIGHT_NODES = 80
HEIGHT_CUTOFF = 40.0  # exp(-40) of the Laplace integral is dropped


def screened_potential(
    separation: Float[Array, "*n 2"], height: Float[Array, ""], pearl_length: Float[Array, ""]
) -> Float[Array, "*n"]:
    """W(r, z) = int_0^inf ds exp(-s/r0) / sqrt((s + z)^2 + r^2), the potential of a charge below height z.

    At z = 0 it is the Keldysh potential. Gauss-Legendre in `s = c sinh u`, `c^2 = r^2 + z^2`; the nodes are held
    fixed while differentiating, so that every derivative is the quadrature of the exact derivative.

    Args:
        separation: in-plane vector, shape `(..., 2)`.
        height: z >= 0.
        pearl_length: r0, finite.
    """
    square, z = jnp.sum(separation**2, axis=-1) / pearl_length**2, height / pearl_length
    scale = jax.lax.stop_gradient(jnp.sqrt(square + z**2))[..., None]
    length = jnp.arcsinh(HEIGHT_CUTOFF / scale)
    leading = tuple(range(square.ndim))
    points, weights = (jnp.expand_dims(jnp.asarray(v, square.dtype), leading) for v in gauss_legendre(HEIGHT_NODES))
    s = scale * jnp.sinh(points * length)
    measure = weights * length * jnp.sqrt(s**2 + scale**2) * jnp.exp(-s)
    return jnp.sum(measure / jnp.sqrt((s + z) ** 2 + square[..., None]), axis=-1)


def stream_function(U: Callable, gamma: Float[Array, ""]) -> Callable:
    """Stream function `psi(point)` from `U(point, height)`; `j = (d_y psi, -d_x psi)`."""
    return lambda point: gamma / (2 * jnp.pi) * U(point, None)


def sheet_current(U: Callable, gamma: Float[Array, ""]) -> Callable:
    """Sheet current `j(point)`, shape `(2,)`."""
    gradient = jax.grad(stream_function(U, gamma))

    def current(point):
        slope = gradient(point)
        return jnp.stack([slope[1], -slope[0]])

    return current


def magnetic_field(U: Callable, gamma: Float[Array, ""]) -> Callable:
    """Field `B(point, height)` above the film, shape `(3,)`: minus the gradient of the scalar potential."""

    def potential(point, height):
        return gamma / (4 * jnp.pi) * U(point, height)

    def field(point, height):
        slope, rise = jax.grad(potential, argnums=(0, 1))(point, height)
        return -jnp.concatenate([slope, rise[None]])

    return field
