"""SI at the edge: strings with units, constants of nature, and the model units of impurities and of films."""

from collections.abc import Callable
from functools import cache
from math import isfinite, pi
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from ._checks import concrete, real_array

# CODATA 2022. The first three are exact by definition of the SI; mu0 has a relative uncertainty of 1.6e-10.
ELEMENTARY_CHARGE = 1.602176634e-19  # C
PLANCK = 6.62607015e-34  # J s
BOLTZMANN = 1.380649e-23  # J/K
BOHR_MAGNETON = 9.2740100657e-24  # J/T, relative uncertainty 3e-10
MU0 = 1.25663706127e-6  # N/A^2
HBAR = PLANCK / (2 * pi)  # J s
FLUX_QUANTUM = PLANCK / (2 * ELEMENTARY_CHARGE)  # Wb

# dimension -> SI unit, then other kinds of unit in common use for it, with the factor that brings them to SI
_DIMENSIONS: dict[str, tuple[tuple[str, float], ...]] = {
    "area": (("m^2", 1.0),),
    "anomalous moment": (("A m", 1.0),),  # Gamma of Lu 2023 (PRB)
    "current": (("A", 1.0),),
    "energy": (("J", 1.0), ("K", BOLTZMANN)),
    "exchange": (("J m^2", 1.0),),  # of a point impurity in two dimensions
    "field": (("T", 1.0), ("gauss", 1e-4)),
    "flux": (("Wb", 1.0),),
    "inductance": (("H", 1.0),),
    "length": (("m", 1.0),),
    "magnetic moment": (("J/T", 1.0),),
    "mass": (("kg", 1.0),),
    "number": (("dimensionless", 1.0),),
    "sheet current": (("A/m", 1.0),),
    "superfluid weight": (("1/(kg m^2)", 1.0),),
    "temperature": (("K", 1.0),),
    "velocity": (("m/s", 1.0), ("J m", 1 / HBAR)),  # hbar v is what band structures quote
}

_HAS_SIGN: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "any": lambda x: np.ones_like(x, dtype=bool),
    "non-negative": lambda x: x >= 0,
    "positive": lambda x: x > 0,
}


def to_si(value: Any, dimension: str, name: str = "value") -> Any:
    """A quantity in SI units: a string is parsed, anything else is taken to be in SI already.

    A string is a number and units as `pint` reads them. An energy may be given as a temperature (times k_B)
    and a velocity as an energy times a length (over hbar); `Phi0` is the flux quantum h/(2e).

    Args:
        value: a string such as `"0.5 um"`, or a number or array in SI, which is returned as it is.
        dimension: one of "anomalous moment", "area", "current", "energy", "exchange", "field", "flux",
            "inductance", "length", "magnetic moment", "mass", "number", "sheet current", "superfluid weight",
            "temperature", "velocity".
        name: the argument, for the message.

    Raises:
        ValueError: the string cannot be read, has no finite value or has another dimension.

    Example:
        >>> to_si("0.5 um", "length")
        5e-07
        >>> print(f"{to_si('0.216 eV angstrom', 'velocity'):.6g} m/s")
        32816.2 m/s
    """
    if dimension not in _DIMENSIONS:
        raise ValueError(f"dimension must be one of {', '.join(_DIMENSIONS)}, got {dimension!r}")
    if not isinstance(value, str):
        return value
    expected = f"{name} must be a number with a unit of {dimension} ({_DIMENSIONS[dimension][0][0]}), got {value!r}"
    if any(character in value for character in ",[]{}"):  # pint reads "0,5 m" and "[1, 5] m" as 5 m
        raise ValueError(expected)
    try:
        quantity = _registry().Quantity(value)
    except Exception as error:  # pint lets its tokenizer's and evaluator's many error types through
        raise ValueError(expected) from error
    for other, factor in _DIMENSIONS[dimension]:
        if quantity.is_compatible_with(other):
            number = float(quantity.to(other).magnitude) * factor
            if not isfinite(number):
                raise ValueError(f"{name} must be finite, got {value!r}")
            return number
    raise ValueError(expected)


def si_array(value: Any, dimension: str, name: str, *, sign: str = "any") -> Float[Array, "..."]:
    """`to_si` as a double-precision array, refused if it is NaN, infinite or of the wrong sign.

    Args:
        value: string, number or array.
        dimension: see :func:`to_si`.
        name: the argument, for the message.
        sign: "any", "positive" or "non-negative".

    Raises:
        ValueError: a bad string or a bad concrete value.
        RuntimeError: 64-bit numbers are off; SI numbers such as 1e45/(kg m^2) overflow single precision.
    """
    value = to_si(value, dimension, name)
    if jax.dtypes.canonicalize_dtype(float) != np.float64:
        raise RuntimeError(f'{name} in SI needs double precision: jax.config.update("jax_enable_x64", True)')
    array = real_array(name, value).astype(float)
    known = concrete(array)
    if known is not None and not np.all(_HAS_SIGN[sign](known)):
        raise ValueError(f"{name} must be {sign}, got {value}")
    return array


def neel_field_in_tesla(energy: Any, sublattice_moment: Any) -> Float[Array, "..."]:
    """Staggered magnetic field that stands for a free energy of the Neel vector, `B = a^2 |F1| / (2 m_s)`.

    The Neel field `h = -dF/dn` per cell is `|M1 - M2| (B1 - B2) / 2` with `|M1 - M2| = 2 m_s`, so that an energy
    `F1` per cell that is linear in n is `2 m_s B`. Vakili 2026 divides by `m_s` instead: twice this.

    Args:
        energy: |F1| per cell, a string such as `"5 neV"` or J.
        sublattice_moment: m_s per cell, such as `"0.7 bohr_magneton"`, or J/T.

    Returns:
        B in T.

    Raises:
        ValueError: a bad string, a negative energy, a moment that is not positive.

    Example:
        >>> print(f"{neel_field_in_tesla('5e-9 eV', '0.7 bohr_magneton'):.4e} T")
        6.1700e-05 T
    """
    energy = si_array(energy, "energy", "energy", sign="non-negative")
    return energy / (2 * si_array(sublattice_moment, "magnetic moment", "sublattice_moment", sign="positive"))


class ImpurityUnits(eqx.Module):
    """Model units of the impurity problem in SI: what 1 means when lengths are in Pearl lengths.

    Attributes:
        pearl_length: r0 = 2 lambda^2/d = 2/(mu0 e^2 D) in m, or a string; also the unit of length.
        gamma: Gamma in A m (Lu 2023, PRB), or a string; its sign is the sign of currents and fields.

    Raises:
        ValueError: `pearl_length` is not positive, or either is NaN, infinite or of another dimension.

    Example:
        >>> units = ImpurityUnits("1 um", 1e-16)
        >>> print(f"{units.field:.4g} T, {units.sheet_current:.4g} A/m")
        1e-11 T, 1.592e-05 A/m
    """

    pearl_length: Float[Array, "..."]
    gamma: Float[Array, "..."]

    def __init__(self, pearl_length: ArrayLike | str, gamma: ArrayLike | str):
        self.pearl_length = si_array(pearl_length, "length", "pearl_length", sign="positive")
        self.gamma = si_array(gamma, "anomalous moment", "gamma")

    @property
    def energy(self) -> Float[Array, "..."]:
        """E0 = Gamma^2/(2 pi e^2 D r0^2) = mu0 Gamma^2/(4 pi r0), in J."""
        return MU0 * self.gamma**2 / (4 * pi * self.pearl_length)

    @property
    def strength(self) -> Float[Array, "..."]:
        """E0 r0^2 = Gamma^2/(2 pi e^2 D), in J m^2: the couplings are strength/r^2 for r << r0."""
        return self.energy * self.pearl_length**2

    @property
    def sheet_current(self) -> Float[Array, "..."]:
        """Gamma/(2 pi r0^2), in A/m."""
        return self.gamma / (2 * pi * self.pearl_length**2)

    @property
    def field(self) -> Float[Array, "..."]:
        """mu0 Gamma/(4 pi r0^2), in T."""
        return MU0 * self.sheet_current / 2

    @property
    def coupling(self) -> Float[Array, "..."]:
        """g = Gamma/(e^2 D) = mu0 Gamma r0/2, in Wb m: the energy in a current j_ext is -g m.(z x j_ext)."""
        return MU0 * self.gamma * self.pearl_length / 2


class FilmUnits(eqx.Module):
    """Model units of films in SI: what 1 means when lengths are in `length`, currents in `current` and mu0 = 1.

    Attributes:
        length: unit of lengths in m, or a string.
        current: unit of currents and of the stream function in A, or a string.

    Raises:
        ValueError: either is not positive, NaN, infinite or of another dimension.

    Example:
        >>> units = FilmUnits("1 um", "1 uA")
        >>> print(f"{units.field * 1e7:.4g} mG, {units.flux_quantum:.4g} per Phi0, {units.sheet_current:g} A/m")
        12.57 mG, 1646 per Phi0, 1 A/m
    """

    length: Float[Array, "..."]
    current: Float[Array, "..."]

    def __init__(self, length: ArrayLike | str, current: ArrayLike | str):
        self.length = si_array(length, "length", "length", sign="positive")
        self.current = si_array(current, "current", "current", sign="positive")

    @property
    def sheet_current(self) -> Float[Array, "..."]:
        """I/L, in A/m."""
        return self.current / self.length

    @property
    def field(self) -> Float[Array, "..."]:
        """mu0 I/L, in T: of B, and of mu0 H where a field is applied."""
        return MU0 * self.current / self.length

    @property
    def flux(self) -> Float[Array, "..."]:
        """mu0 I L, in Wb: of images and fluxoids."""
        return MU0 * self.current * self.length

    @property
    def flux_quantum(self) -> Float[Array, "..."]:
        """Phi0/(mu0 I L): h/(2e) in model units."""
        return FLUX_QUANTUM / self.flux

    @property
    def moment(self) -> Float[Array, "..."]:
        """I L^2, in A m^2."""
        return self.current * self.length**2

    @property
    def inductance(self) -> Float[Array, "..."]:
        """mu0 L, in H."""
        return MU0 * self.length

    @property
    def energy(self) -> Float[Array, "..."]:
        """mu0 I^2 L, in J."""
        return MU0 * self.current**2 * self.length

    def model(self, value: ArrayLike | str, dimension: str) -> Float[Array, "..."]:
        """A quantity in model units.

        Args:
            value: a string such as `"1.5 mG"` or `"3 Phi0"`, or SI.
            dimension: one of "current", "energy", "field", "flux", "inductance", "length", "magnetic moment", "sheet
                current".

        Raises:
            ValueError: another dimension, a bad string, NaN.

        Example:
            >>> units = FilmUnits("1 um", "1 mA")
            >>> print(f"{units.model('1 G', 'field'):.5f} {units.model('1 Phi0', 'flux'):.5f}")
            0.07958 1.64553
        """
        return si_array(value, dimension, "value") / self._unit(dimension)

    def express(self, value: ArrayLike, dimension: str, unit: str) -> Float[Array, "..."]:
        """A model quantity in a unit of one's choice.

        Args:
            value: in model units.
            dimension: as :meth:`model`.
            unit: such as `"mG"` or `"mPhi0"`.

        Raises:
            ValueError: another dimension, a bad unit, NaN.

        Example:
            >>> units = FilmUnits("1 um", "1 mA")
            >>> print(f"{units.express(1e-3, 'field', 'mG'):.4f} {units.express(1e-3, 'flux', 'mPhi0'):.4f}")
            12.5664 0.6077
        """
        return real_array("value", value).astype(float) * self._unit(dimension) / to_si(f"1 {unit}", dimension, "unit")

    def _unit(self, dimension):
        known = {
            "current": self.current,
            "energy": self.energy,
            "field": self.field,
            "flux": self.flux,
            "inductance": self.inductance,
            "length": self.length,
            "magnetic moment": self.moment,
            "sheet current": self.sheet_current,
        }
        if dimension not in known:
            raise ValueError(f"dimension must be one of {', '.join(known)}, got {dimension!r}")
        return known[dimension]


@cache
def _registry():
    import pint  # slow to import, and needed only for strings

    registry: Any = pint.UnitRegistry(autoconvert_offset_to_baseunit=True)
    registry.define("Phi0 = magnetic_flux_quantum")
    return registry
