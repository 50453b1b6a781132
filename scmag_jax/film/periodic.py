"""Infinite film on a periodic grid: its response to a vector potential is diagonal in Fourier space."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from .._checks import grid_shape, positive, with_shape
from ..numerics.fourier import Wavenumbers, derivative, scale, wavenumbers


class PeriodicFilm(eqx.Module):
    """Infinite superconducting film with an anomalous vector potential a(r), on a periodic grid.

    Minimised over phase and magnetic field, the free energy

        F = int d2r (D/8) (hbar grad phi - 2e A - 2e a)^2 + int d3r B^2 / (2 mu0)

    is a quadratic form of the transverse part of a alone (Lu 2023, supplement, Eq. S25; re-derived):

        F = 1/2 sum_q a(q)* chi(q) a_t(q),    j(q) = -chi(q) a_t(q),    chi = e^2 D q r0 / (1 + q r0)

    with `a_t = a - q (q.a) / q^2`, `r0 = pearl_length`, and mu0 = 1, so that `e^2 D = 2 / r0`. The uniform
    part of a is compensated by a phase gradient: the term q = 0 is zero. Moments m of areal density n give
    `a = +g (m x z) n`, `m x z = (m_y, -m_x)`, with `g = Gamma / (e^2 D)`.

    The grid is exact for an a without waves beyond the grid's own. A Nyquist component (even side) stands for
    +q and -q at once: the answers are the average of both, as sampled at the nodes.

    The result has the float type of a. All methods work inside `jax.jit`, `jax.vmap` and `jax.grad`, also with
    respect to `pearl_length` and `spacing`; for a batch of films build them under `jax.vmap`.

    Args:
        shape: number of nodes along x and y, `(nx, ny)`.
        spacing: distance of neighbouring nodes, the same in x and y; the box is `(nx spacing, ny spacing)`.
        pearl_length: r0 = 2 lambda^2 / d = 2 / (mu0 e^2 D), same length unit, positive and finite.

    Raises:
        ValueError: a shape other than two positive integers, a spacing or Pearl length that is not positive
            and finite.

    Example:
        >>> film = PeriodicFilm(shape=(64, 64), spacing=0.1, pearl_length=1.0)
        >>> x, y = jnp.meshgrid(0.1 * jnp.arange(64.0), 0.1 * jnp.arange(64.0), indexing="ij")
        >>> density = jnp.exp(-((x - 3.2) ** 2 + (y - 3.2) ** 2) / 0.5)
        >>> a = jnp.stack([jnp.zeros_like(x), -density], axis=-1)  # g = 1, moments along x
        >>> print(f"{film.energy(a):.6f}")
        0.227547
        >>> print(film.current(a).shape, film.bz(a, height=0.5).shape)
        (64, 64, 2) (64, 64)
    """

    spacing: Float[Array, ""]
    pearl_length: Float[Array, ""]
    shape: tuple[int, int] = eqx.field(static=True)

    def __init__(self, shape: Any, spacing: Any, pearl_length: Any):
        self.shape = grid_shape("shape", shape)
        self.spacing = positive("spacing", spacing)
        self.pearl_length = positive("pearl_length", pearl_length)

    def energy(self, a: Float[Array, "nx ny 2"]) -> Float[Array, ""]:
        """Free energy of the box, `F = 1/2 sum_q chi |a_t|^2 = -1/2 int d2r j.a >= 0`, self terms included.

        Its derivative is the current: `j = -(1 / spacing^2) dF/da`.

        Args:
            a: anomalous vector potential at the nodes, shape `(nx, ny, 2)`.

        Returns:
            Scalar, in units of a^2 (mu0 = 1: a^2 has the unit energy per length).

        Raises:
            ValueError: wrong shape, NaN or infinity (traced values are not searched for NaN).

        Example:
            >>> film = PeriodicFilm(shape=(8, 8), spacing=jnp.pi / 4, pearl_length=1.0)
            >>> wave = jnp.sin(jnp.pi / 4 * jnp.arange(8.0))[:, None] * jnp.ones((8, 8))  # q = 1: chi = 1
            >>> print(f"{film.energy(jnp.stack([0 * wave, wave], axis=-1)) / jnp.pi**2:.6f}")
            1.000000
        """
        wave, a_q = self._transform(a)
        products = jnp.real(jnp.conj(a_q) * self._response(wave, a_q))
        count = self.shape[0] * self.shape[1]
        return 0.5 * self._spacing(a_q) ** 2 / count * jnp.sum(wave.multiplicity * jnp.sum(products, axis=0))

    def current(self, a: Float[Array, "nx ny 2"]) -> Float[Array, "nx ny 2"]:
        """Sheet current, `j(q) = -chi(q) a_t(q)` (Lu 2023, Eq. S25), mu0 = 1 units.

        Args:
            a: anomalous vector potential at the nodes, shape `(nx, ny, 2)`.

        Returns:
            Shape `(nx, ny, 2)`, in units of a per length; free of divergence and of average zero.

        Raises:
            ValueError: wrong shape, NaN or infinity (traced values are not searched for NaN).

        Example:
            >>> film = PeriodicFilm(shape=(8, 8), spacing=jnp.pi / 4, pearl_length=1.0)
            >>> wave = jnp.sin(jnp.pi / 4 * jnp.arange(8.0))[:, None] * jnp.ones((8, 8))  # q = 1: chi = 1
            >>> j = film.current(jnp.stack([wave, wave], axis=-1))
            >>> print(jnp.allclose(j[..., 0], 0.0, atol=1e-6), jnp.allclose(j[..., 1], -wave, atol=1e-6))
            True True
        """
        wave, a_q = self._transform(a)
        return jnp.moveaxis(self._sample(-self._response(wave, a_q)), 0, -1)

    def stream(self, a: Float[Array, "nx ny 2"]) -> Float[Array, "nx ny"]:
        """Stream function of the sheet current, `j = (d_y psi, -d_x psi)`, of average zero.

            psi(q) = (curl j)_z / q^2 = -(chi / q^2) (curl a)_z

        Args:
            a: anomalous vector potential at the nodes, shape `(nx, ny, 2)`.

        Raises:
            ValueError: wrong shape, NaN or infinity (traced values are not searched for NaN).

        Example:
            >>> film = PeriodicFilm(shape=(8, 8), spacing=jnp.pi / 4, pearl_length=1.0)
            >>> wave = jnp.sin(jnp.pi / 4 * jnp.arange(8.0))[:, None] * jnp.ones((8, 8))
            >>> print(f"{film.stream(jnp.stack([0 * wave, wave], axis=-1))[0, 0]:.6f}")
            -1.000000
        """
        return self._sample(self._stream(*self._transform(a)))

    def bz(self, a: Float[Array, "nx ny 2"], height: Any) -> Float[Array, "nx ny"]:
        """Magnetic field along z at a height above the film, even in the height (mu0 = 1).

            Bz(q, z) = (curl j)_z e^{-q|z|} / (2q) = -(curl a)_z e^{-q|z|} / (1 + q r0)

        (Lu 2023, behind Eq. 13; re-derived.) In the film it obeys London's equation,
        `(curl j)_z = -e^2 D [Bz(z = 0) + (curl a)_z]`.

        Args:
            a: anomalous vector potential at the nodes, shape `(nx, ny, 2)`.
            height: z, a scalar in the unit of `spacing`; `jax.vmap` for several.

        Returns:
            Field above the nodes, shape `(nx, ny)`, in units of a per length.

        Raises:
            ValueError: wrong shape, NaN or infinity (traced values are not searched for NaN).

        Example:
            >>> film = PeriodicFilm(shape=(8, 8), spacing=jnp.pi / 4, pearl_length=1.0)
            >>> wave = jnp.sin(jnp.pi / 4 * jnp.arange(8.0))[:, None] * jnp.ones((8, 8))
            >>> print(f"{film.bz(jnp.stack([0 * wave, wave], axis=-1), height=0.0)[0, 0]:.6f}")
            -0.500000
        """
        wave, a_q = self._transform(a)
        return self._sample(scale(_modulus(wave), self._potential(wave, a_q, _check_height(height, a_q))))

    def magnetic_field(self, a: Float[Array, "nx ny 2"], height: Any) -> Float[Array, "nx ny 3"]:
        """Magnetic field at a height above the film; in-plane components are odd in the height (mu0 = 1).

            B = -grad Phi for z > 0,    Phi(q, z) = psi(q) e^{-qz} / 2

        Args:
            a: anomalous vector potential at the nodes, shape `(nx, ny, 2)`.
            height: z, a scalar. At z = 0 the in-plane components are the limit from above, `(j x z) / 2`.

        Returns:
            Field above the nodes, shape `(nx, ny, 3)`, in units of a per length.

        Raises:
            ValueError: wrong shape, NaN or infinity (traced values are not searched for NaN).

        Example:
            >>> film = PeriodicFilm(shape=(8, 8), spacing=jnp.pi / 4, pearl_length=1.0)
            >>> wave = jnp.sin(jnp.pi / 4 * jnp.arange(8.0))[:, None] * jnp.ones((8, 8))
            >>> print(film.magnetic_field(jnp.stack([0 * wave, wave], axis=-1), height=0.0).shape)
            (8, 8, 3)
        """
        wave, a_q = self._transform(a)
        height = _check_height(height, a_q)
        potential = self._potential(wave, a_q, height)
        below = jnp.where(height < 0, 1.0, -1.0).astype(height.dtype)
        bx, by = derivative(below * wave.odd_x, potential), derivative(below * wave.odd_y, potential)
        return jnp.moveaxis(self._sample(jnp.stack([bx, by, scale(_modulus(wave), potential)])), 0, -1)

    def _kernel(self, wave: Wavenumbers) -> Float[Array, "nx nq"]:
        # chi / q^2; with mu0 = 1 the prefactor e^2 D r0 is 2
        q = _modulus(wave)
        return 2 / (q * (1 + q * self.pearl_length.astype(q.dtype)))

    def _response(self, wave: Wavenumbers, a_q: Complex[Array, "2 nx nq"]) -> Complex[Array, "2 nx nq"]:
        # chi a_t; q^2 a_t = q^2 a - q (q.a) is written out, so that it is zero at q = 0 and Nyquist waves average
        x, y = a_q
        kernel = self._kernel(wave)
        cross = kernel * wave.odd_x * wave.odd_y
        along_x = scale(kernel * wave.y**2, x) - scale(cross, y)
        along_y = scale(kernel * wave.x**2, y) - scale(cross, x)
        return jnp.stack([along_x, along_y])

    def _stream(self, wave, a_q):
        kernel = self._kernel(wave)
        return derivative(kernel * wave.odd_y, a_q[0]) - derivative(kernel * wave.odd_x, a_q[1])

    def _potential(self, wave, a_q, height):
        return scale(0.5 * jnp.exp(-_modulus(wave) * jnp.abs(height)), self._stream(wave, a_q))

    def _transform(self, a):
        a = with_shape("a", a, (*self.shape, 2))
        a_q = jnp.fft.rfft2(jnp.moveaxis(a, -1, 0))
        return wavenumbers(self.shape, self._spacing(a_q)), a_q

    def _sample(self, spectrum):
        return jnp.fft.irfft2(spectrum, s=self.shape)

    def _spacing(self, a_q):
        return self.spacing.astype(a_q.real.dtype)


def _modulus(wave: Wavenumbers) -> Float[Array, "nx nq"]:
    # |q|; 1 at q = 0, where every source vanishes, so that no derivative divides by zero
    square = wave.x**2 + wave.y**2
    return jnp.sqrt(jnp.where(square == 0, 1.0, square))


def _check_height(height, a_q):
    return with_shape("height", height, ()).astype(a_q.real.dtype)
