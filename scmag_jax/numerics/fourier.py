"""Real fields on a periodic grid: wavenumbers and derivatives in the half spectrum of `jnp.fft.rfft2`."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float


class Wavenumbers(NamedTuple):
    """Wavenumbers of a periodic grid of real numbers, axis order [ix, iy]; they broadcast to a half spectrum.

    A Nyquist component (even side) stands for +q and -q at once. Its square is q^2, but anything odd in it
    averages to zero: use `odd_x` and `odd_y` for derivatives and for the product q_x q_y.

    Attributes:
        x: q_x, shape `(nx, 1)`.
        y: q_y >= 0, shape `(1, ny // 2 + 1)`.
        odd_x: q_x, zero at the Nyquist component.
        odd_y: q_y, zero at the Nyquist component.
        multiplicity: how many components of the whole spectrum one of the half spectrum stands for, 1 or 2,
            shape `(1, ny // 2 + 1)`.
    """

    x: Float[Array, "nx 1"]
    y: Float[Array, "1 nq"]
    odd_x: Float[Array, "nx 1"]
    odd_y: Float[Array, "1 nq"]
    multiplicity: Float[Array, "1 nq"]


def wavenumbers(shape: tuple[int, int], spacing: Float[Array, ""]) -> Wavenumbers:
    """Wavenumbers `q = 2 pi k / (n spacing)` of a periodic grid, in the float type of `spacing`.

    Args:
        shape: number of nodes along x and y.
        spacing: distance of neighbouring nodes.

    Example:
        >>> print(wavenumbers((4, 4), jnp.array(jnp.pi / 2)).odd_x.ravel())
        [ 0.  1.  0. -1.]
    """
    nx, ny = shape
    x, odd_x = _along(np.fft.fftfreq(nx, 1 / nx)[:, None], nx, spacing)
    y, odd_y = _along(np.fft.rfftfreq(ny, 1 / ny)[None, :], ny, spacing)
    return Wavenumbers(x, y, odd_x, odd_y, 1 + (odd_y != 0).astype(y.dtype))


def scale(symbol: Float[Array, "#nx #nq"], spectrum: Complex[Array, "nx nq"]) -> Complex[Array, "nx nq"]:
    """A real symbol times a spectrum.

    Example:
        >>> print(scale(jnp.array([[2.0]]), jnp.array([[1 + 3j]])))
        [[2.+6.j]]
    """
    return jax.lax.complex(symbol * spectrum.real, symbol * spectrum.imag)


def derivative(symbol: Float[Array, "#nx #nq"], spectrum: Complex[Array, "nx nq"]) -> Complex[Array, "nx nq"]:
    """i times a real symbol times a spectrum: with `odd_x` as the symbol, the derivative along x.

    Example:
        >>> print(derivative(jnp.array([[2.0]]), jnp.array([[1 + 3j]])))
        [[-6.+2.j]]
    """
    return jax.lax.complex(-symbol * spectrum.imag, symbol * spectrum.real)


def _along(orders, count, spacing):
    unit = 2 * jnp.pi / (count * spacing)
    odd = np.where(2 * np.abs(orders) == count, 0.0, orders)
    return tuple(unit * jnp.asarray(k, dtype=unit.dtype) for k in (orders, odd))
