"""Gamma, the anomalous current of one magnetic impurity, and the couplings that follow from it."""

from math import pi

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from .._checks import real_array
from ..numerics.matsubara import Scalar, matsubara_sum
from ..units import ELEMENTARY_CHARGE, ImpurityUnits, si_array
from .bcs import check_temperature, reduced_gap

# Below this t the closed form of t = 0 holds up to exp(-level/T), unless the bound state lies within 1e-4
# gap of 0.
COLDEST = 1e-6


def gamma_born(
    superfluid_weight: ArrayLike | str,
    exchange_moment: ArrayLike | str,
    spin_galvanic_velocity: ArrayLike | str,
    fermi_velocity: ArrayLike | str,
) -> Float[Array, "..."]:
    r"""Gamma of a weak exchange impurity, `e D J0|m| v_G / v^2`, in A m.

    The Gamma of PRB 108, L180506 from the one of arXiv:2307.10723 (Gamma_A = v_G/v^2) as `e D Gamma_A
    J0|m|`; it is proportional to D(T). The sign is that of `exchange_moment * spin_galvanic_velocity`: with
    H = alpha z.(p x sigma) + J0 m.sigma it is that of a Rashba band, and the opposite of a Dirac cone's.

    Args:
        superfluid_weight: quasiclassical D(T) in 1/(kg m^2).
        exchange_moment: J0|m| in J m^2.
        spin_galvanic_velocity: v_G in m/s, alpha of a Rashba band or v of a Dirac cone.
        fermi_velocity: v in m/s. Each may also be a string.

    Raises:
        ValueError: the weight is negative, `fermi_velocity` is not positive, or a value is NaN.

    Example:
        >>> print(f"{gamma_born(5.159e45, 6.409e-39, 3.282e4, 3.282e4):.4g} A m")
        1.614e-16 A m
    """
    weight = si_array(superfluid_weight, "superfluid weight", "superfluid_weight", sign="non-negative")
    exchange = si_array(exchange_moment, "exchange", "exchange_moment")
    galvanic = si_array(spin_galvanic_velocity, "velocity", "spin_galvanic_velocity")
    fermi = si_array(fermi_velocity, "velocity", "fermi_velocity", sign="positive")
    return ELEMENTARY_CHARGE * weight * (exchange / fermi) * (galvanic / fermi)


def gamma_tmatrix(beta: ArrayLike, t: ArrayLike, potential: ArrayLike = 0.0) -> Float[Array, "..."]:
    r"""Gamma of a point exchange impurity of any strength, in units of `e v_G`.

    The approach of PRB 108, L180506 for `E_F >> gap`, with the two T-matrices
    `T+- = [(U tau3 +- J0|m| tau0)^-1 - g0]^-1` multiplied out: with `c = 1 + u^2 - beta^2`,

        Gamma / (e v_G) = T sum_n gap^2 beta c / (W_n [c^2 W_n^2 + 4 beta^2 w_n^2]),   W_n^2 = w_n^2 + gap^2

    over all n. At T = 0 it is `[arctan2(2 beta, c) - pi theta(-c)] / 2 pi`, hence at most 1/4 in size, and
    jumps where the bound state (:func:`ysr_energy`) crosses zero. For beta << 1 it is the Born result. No
    self-consistent gap near the impurity, no disorder, moment in the plane.

    Args:
        beta: (pi/2) N0 J0|m|, the exchange.
        t: T/Tc; the gap follows the BCS law.
        potential: u = (pi/2) N0 U, the potential scattering.

    Returns:
        Gamma/(e v_G), the broadcast shape of the arguments; 1e-12 accurate.

    Raises:
        ValueError: a concrete argument is NaN or infinite, or `t` is negative.

    Example:
        >>> print(f"{gamma_tmatrix(0.5, 0.6):.10f}")
        0.0720428433
    """
    beta, potential = _scattering(beta, potential)
    return _gamma_law(beta, check_temperature(t), potential)


def ysr_energy(beta: ArrayLike, potential: ArrayLike = 0.0) -> Float[Array, "..."]:
    r"""Energy of the Yu-Shiba-Rusinov bound state over the gap, `c / sqrt(c^2 + 4 beta^2)`.

    With `c = 1 + u^2 - beta^2`. It is (1 - beta^2)/(1 + beta^2) without potential scattering, and negative
    once the parity of the ground state has changed.

    Args:
        beta: (pi/2) N0 J0|m|.
        potential: u = (pi/2) N0 U.

    Raises:
        ValueError: a concrete argument is NaN or infinite.

    Example:
        >>> print(f"{ysr_energy(0.5):.2f}")
        0.60
    """
    beta, potential = jnp.broadcast_arrays(*_scattering(beta, potential))
    c = _asymmetry(beta, potential)
    return c / jnp.sqrt(c**2 + 4 * beta**2)


def coupling_energy(gamma: ArrayLike | str, pearl_length: ArrayLike | str) -> Float[Array, "..."]:
    """Unit of the pair energies, `E0 = mu0 Gamma^2 / (4 pi r0)`, in J.

    Args:
        gamma: Gamma in A m, or a string.
        pearl_length: r0 in m, or a string.

    Raises:
        ValueError: `pearl_length` is not positive, or either is NaN.

    Example:
        >>> print(f"{coupling_energy(1e-16, '1 um'):.3g} J")
        1e-33 J
    """
    return ImpurityUnits(pearl_length, gamma).energy


def coupling_strength(gamma: ArrayLike | str, pearl_length: ArrayLike | str) -> Float[Array, "..."]:
    """Strength of the pair coupling, `Gamma^2 / (2 pi e^2 D) = E0 r0^2`, in J m^2.

    For r << r0 the couplings are strength/r^2.

    Args:
        gamma: Gamma in A m, or a string.
        pearl_length: r0 = 2/(mu0 e^2 D) in m, or a string.

    Raises:
        ValueError: `pearl_length` is not positive, or either is NaN.

    Example:
        >>> print(f"{coupling_strength(1e-16, '1 um'):.3g} J m^2")
        1e-45 J m^2
    """
    return ImpurityUnits(pearl_length, gamma).strength


def _scattering(beta: ArrayLike, potential: ArrayLike) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    return real_array("beta", beta).astype(float), real_array("potential", potential).astype(float)


def _asymmetry(beta, potential):
    # 1 + u^2 - beta^2 without the cancellation at beta = 1, where it decides the sign
    return (1 - beta) * (1 + beta) + potential**2


def _gamma(beta: Scalar, t: Scalar, potential: Scalar) -> Scalar:
    c = _asymmetry(beta, potential)
    delta2 = reduced_gap(t, COLDEST) ** 2

    def term(u):
        s2 = u**2 + delta2
        return delta2 / (jnp.sqrt(s2) * (c**2 * s2 + 4 * beta**2 * u**2))

    thermal = beta * c / pi * matsubara_sum(term)
    angle = jnp.arctan2(2 * beta, c) - jnp.sign(beta) * pi / 2 * (1 - jnp.sign(c))
    return jnp.where(t < COLDEST, angle / (2 * pi), thermal)


_gamma_law = jax.jit(jnp.vectorize(_gamma))  # compiled once a shape, as the BCS laws are
