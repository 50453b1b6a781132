"""Helical bands, their superfluid weight, and the Pearl length of a film."""

from abc import abstractmethod
from math import pi
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from ..numerics.matsubara import Scalar, matsubara_sum
from ..units import ELEMENTARY_CHARGE, HBAR, MU0, si_array
from . import bcs, spin_galvanic


class HelicalBand(eqx.Module):
    """What every spin-orbit-coupled band of this package offers; SI units throughout."""

    density_of_states: eqx.AbstractVar[Float[Array, "..."]]
    fermi_velocity: eqx.AbstractVar[Float[Array, "..."]]
    spin_galvanic_velocity: eqx.AbstractVar[Float[Array, "..."]]

    @abstractmethod
    def superfluid_weight(self, gap: ArrayLike | str, t: ArrayLike = 0.0) -> Float[Array, "..."]:
        """D(T) in 1/(kg m^2), with `gap` at zero temperature."""

    def quasiclassical_weight(self, t: ArrayLike = 0.0) -> Float[Array, "..."]:
        """Superfluid weight for a gap far below the Fermi energy, `(N0 v^2 / 2) D(T)/D(0)`, in 1/(kg m^2)."""
        return self.density_of_states * self.fermi_velocity**2 / 2 * bcs.superfluid_weight(t)

    def exchange_parameter(self, exchange_moment: ArrayLike | str) -> Float[Array, "..."]:
        """beta = (pi/2) N0 J0|m| of an impurity with `exchange_moment` = J0|m| in J m^2, or a string."""
        return pi / 2 * self.density_of_states * si_array(exchange_moment, "exchange", "exchange_moment")

    def gamma_born(self, exchange_moment: ArrayLike | str, t: ArrayLike = 0.0) -> Float[Array, "..."]:
        """Gamma of a weak impurity in A m; see :func:`scmag_jax.materials.gamma_born`."""
        exchange = si_array(exchange_moment, "exchange", "exchange_moment")
        weight = self.quasiclassical_weight(t)
        return spin_galvanic.gamma_born(weight, exchange, self.spin_galvanic_velocity, self.fermi_velocity)

    def gamma_tmatrix(
        self, exchange_moment: ArrayLike | str, t: ArrayLike = 0.0, potential: ArrayLike = 0.0
    ) -> Float[Array, "..."]:
        """Gamma of an impurity of any strength in A m; see :func:`scmag_jax.materials.gamma_tmatrix`."""
        ratio = spin_galvanic.gamma_tmatrix(self.exchange_parameter(exchange_moment), t, potential)
        return ELEMENTARY_CHARGE * self.spin_galvanic_velocity * ratio


class RashbaBand(HelicalBand):
    """Parabolic band with Rashba coupling, `p^2/2m + alpha z.(p x sigma) - mu`, with mu > 0.

    Both helicities are occupied. Total density of states N0 = m/(pi hbar^2), v_F^2 = 2 mu/m + alpha^2,
    v_G = alpha (Lu 2023, supplement).

    Attributes:
        mass: m in kg, or a string such as `"0.5 electron_mass"`.
        rashba: alpha in m/s, or a string, also of hbar alpha: `"0.1 eV angstrom"`. Its sign is kept.
        chemical_potential: mu > 0 in J, or a string.

    Raises:
        ValueError: a value is NaN or of another dimension; `mass` or `chemical_potential` is not positive.

    Example:
        >>> band = RashbaBand("0.5 electron_mass", "0.1 eV angstrom", "0.1 eV")
        >>> print(f"{band.fermi_velocity:.4g} m/s")
        2.657e+05 m/s
    """

    mass: Float[Array, "..."]
    rashba: Float[Array, "..."]
    chemical_potential: Float[Array, "..."]

    def __init__(self, mass: Any, rashba: Any, chemical_potential: Any):
        self.mass = si_array(mass, "mass", "mass", sign="positive")
        self.rashba = si_array(rashba, "velocity", "rashba")
        self.chemical_potential = si_array(chemical_potential, "energy", "chemical_potential", sign="positive")

    @property
    def density_of_states(self) -> Float[Array, "..."]:
        """N0 of both helical bands, in 1/(J m^2)."""
        return self.mass / (pi * HBAR**2)

    @property
    def fermi_velocity(self) -> Float[Array, "..."]:
        """Fermi velocity of both bands, in m/s."""
        return jnp.sqrt(2 * self.chemical_potential / self.mass + self.rashba**2)

    @property
    def spin_galvanic_velocity(self) -> Float[Array, "..."]:
        """v_G = alpha, in m/s."""
        return self.rashba

    def superfluid_weight(self, gap: ArrayLike | str, t: ArrayLike = 0.0) -> Float[Array, "..."]:
        """D(T) in 1/(kg m^2): the quasiclassical weight, `N0 v_F^2/2` at t = 0.

        Args:
            gap: gap at zero temperature in J, or a string. The weight does not depend on it as long as it is
                far below mu.
            t: T/Tc.

        Raises:
            ValueError: `gap` is not positive, or `t` is negative or NaN.
        """
        si_array(gap, "energy", "gap", sign="positive")
        return self.quasiclassical_weight(t)


class DiracBand(HelicalBand):
    """A single Dirac cone, `v z.(p x sigma) - E_F`: N0 = E_F/(2 pi hbar^2 v^2), v_F = v_G = v.

    Attributes:
        velocity: v > 0 in m/s, or a string, also of hbar v: `"0.216 eV angstrom"`.
        fermi_energy: E_F > 0 in J above the Dirac point, or a string.

    Raises:
        ValueError: a value is NaN, not positive or of another dimension.

    Example:
        >>> band = DiracBand("0.216 eV angstrom", "4.5 meV")
        >>> print(f"{band.superfluid_weight('1.5 meV') / band.quasiclassical_weight():.6f}")
        1.256142
    """

    velocity: Float[Array, "..."]
    fermi_energy: Float[Array, "..."]

    def __init__(self, velocity: Any, fermi_energy: Any):
        self.velocity = si_array(velocity, "velocity", "velocity", sign="positive")
        self.fermi_energy = si_array(fermi_energy, "energy", "fermi_energy", sign="positive")

    @property
    def density_of_states(self) -> Float[Array, "..."]:
        """N0 at the Fermi energy, in 1/(J m^2)."""
        return self.fermi_energy / (2 * pi * (HBAR * self.velocity) ** 2)

    @property
    def fermi_velocity(self) -> Float[Array, "..."]:
        """v, in m/s."""
        return self.velocity

    @property
    def spin_galvanic_velocity(self) -> Float[Array, "..."]:
        """v_G = v, in m/s."""
        return self.velocity

    def superfluid_weight(self, gap: ArrayLike | str, t: ArrayLike = 0.0) -> Float[Array, "..."]:
        r"""D(T) in 1/(kg m^2), with the transitions between the two halves of the cone.

        The two-band current response integrated over momentum; with `a_n^2 = w_n^2 + gap(T)^2`,

            D(T) = (k_B T / 2 pi hbar^2) sum_n (gap^2/a_n^2) [1 + (E_F/a_n + a_n/E_F) arctan(E_F/a_n)]

        over all n. At T = 0 it is `[sqrt(E_F^2 + gap^2) + (gap^2/E_F) arcsinh(E_F/gap)] / (4 pi hbar^2)`,
        and for gap << E_F the quasiclassical weight, `E_F/(4 pi hbar^2)` at t = 0.

        Args:
            gap: gap at zero temperature in J, or a string; gap(T) follows the BCS law.
            t: T/Tc.

        Raises:
            ValueError: `gap` is not positive, or `t` is negative or NaN.
        """
        ratio = self.fermi_energy / si_array(gap, "energy", "gap", sign="positive")
        unit = self.fermi_energy / (4 * pi * HBAR**2)
        return unit * _dirac_law(ratio, bcs.check_temperature(t))


def pearl_length(superfluid_weight: ArrayLike | str) -> Float[Array, "..."]:
    """Pearl length `r0 = 2 / (mu0 e^2 D)` in m (Lu 2023; SuperScreen's Lambda is half of it).

    Args:
        superfluid_weight: D in 1/(kg m^2), or a string. A weight of zero (T >= Tc) gives infinity.

    Raises:
        ValueError: the weight is negative or NaN.

    Example:
        >>> band = DiracBand("0.216 eV angstrom", "4.5 meV")
        >>> print(f"{1e3 * pearl_length(band.quasiclassical_weight()):.3f} mm")
        12.018 mm
    """
    weight = si_array(superfluid_weight, "superfluid weight", "superfluid_weight", sign="non-negative")
    return 2 / (MU0 * ELEMENTARY_CHARGE**2 * weight)


def pearl_length_from_penetration_depth(
    penetration_depth: ArrayLike | str, thickness: ArrayLike | str
) -> Float[Array, "..."]:
    """Pearl length `r0 = 2 lambda^2 / d` in m.

    This package uses the definition of Lu et al. everywhere. The Lambda = lambda^2/d of SuperScreen, and of
    much of the literature on thin films, is half of it.

    Args:
        penetration_depth: London depth lambda in m, or a string.
        thickness: d in m, or a string.

    Raises:
        ValueError: either is not positive.

    Example:
        >>> print(f"{1e6 * pearl_length_from_penetration_depth('500 nm', '300 nm'):.4f} um")
        1.6667 um
    """
    depth = si_array(penetration_depth, "length", "penetration_depth", sign="positive")
    return 2 * depth**2 / si_array(thickness, "length", "thickness", sign="positive")


def _dirac_weight(ratio: Scalar, t: Scalar) -> Scalar:
    """D(T) of a Dirac cone over E_F/(4 pi hbar^2), from E_F/gap(0)."""
    delta2 = bcs.reduced_gap(t) ** 2
    fermi = ratio * bcs.GAP_RATIO / (2 * pi * jnp.maximum(t, bcs.COLDEST))  # E_F/(2 pi T)

    def term(u):
        a = jnp.sqrt(u**2 + delta2)
        return delta2 / a**2 * (1 / fermi + (1 / a + a / fermi**2) * jnp.arctan(fermi / a))

    return 2 / pi * matsubara_sum(term)


_dirac_law = jax.jit(jnp.vectorize(_dirac_weight))  # compiled once a shape, as the BCS laws are
