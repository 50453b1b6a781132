"""Named materials, each number with its source."""

from typing import Any

import equinox as eqx
from jaxtyping import Array, ArrayLike, Float

from .._checks import concrete
from ..units import HBAR, si_array
from .bands import DiracBand, HelicalBand, pearl_length
from .bcs import check_temperature
from .spin_galvanic import coupling_strength


class Material(eqx.Module):
    """A superconducting surface with magnetic impurities, in SI units.

    Attributes:
        band: the spin-orbit-coupled band.
        gap: gap at zero temperature in J, or a string.
        exchange: J0 of H = J0 m.sigma delta(r) in J m^2, or a string.
        spin: |m|, the size of the moment.
        interband: whether the superfluid weight includes the interband part (which a Dirac cone has).

    Raises:
        ValueError: `gap` or `spin` is not positive, or a value is NaN or of another dimension.

    Example:
        >>> sample = fe_se_te()
        >>> joule_per_mev = 1.602176634e-22
        >>> print(f"{sample.coupling_strength() / 2e-9**2 / joule_per_mev:.4f} meV at 2 nm")
        0.0489 meV at 2 nm
    """

    band: HelicalBand
    gap: Float[Array, "..."]
    exchange: Float[Array, "..."]
    spin: Float[Array, "..."]
    interband: bool = eqx.field(static=True)

    def __init__(self, band: HelicalBand, gap: Any, exchange: Any, spin: Any, interband: bool = False):
        self.band = band
        self.gap = si_array(gap, "energy", "gap", sign="positive")
        self.exchange = si_array(exchange, "exchange", "exchange")
        self.spin = si_array(spin, "number", "spin", sign="positive")
        self.interband = interband

    @property
    def exchange_moment(self) -> Float[Array, "..."]:
        """J0|m|, in J m^2."""
        return self.exchange * self.spin

    @property
    def beta(self) -> Float[Array, "..."]:
        """(pi/2) N0 J0|m|: the Born limit holds for beta << 1."""
        return self.band.exchange_parameter(self.exchange_moment)

    @property
    def coherence_length(self) -> Float[Array, "..."]:
        """hbar v/gap in m: the point-impurity model holds for distances well above it."""
        return HBAR * self.band.fermi_velocity / self.gap

    def superfluid_weight(self, t: ArrayLike = 0.0) -> Float[Array, "..."]:
        """D(T), in 1/(kg m^2)."""
        if self.interband:
            return self.band.superfluid_weight(self.gap, t)
        return self.band.quasiclassical_weight(t)

    def pearl_length(self, t: ArrayLike = 0.0) -> Float[Array, "..."]:
        """r0(T) in m if nothing but this band carries the supercurrent."""
        return pearl_length(self.superfluid_weight(t))

    def gamma(self, t: ArrayLike = 0.0, *, method: str = "born") -> Float[Array, "..."]:
        """Gamma(T) in A m by `method` "born" or "t-matrix".

        Raises:
            ValueError: another method.
        """
        if method == "born":
            return self.band.gamma_born(self.exchange_moment, t)
        if method == "t-matrix":
            return self.band.gamma_tmatrix(self.exchange_moment, t)
        raise ValueError(f'method must be "born" or "t-matrix", got {method!r}')

    def coupling_strength(self, t: ArrayLike = 0.0, *, method: str = "born") -> Float[Array, "..."]:
        r"""Strength Gamma^2/(2 pi e^2 D) of the pair coupling in J m^2: J = strength/r^2 for r << r0.

        For a Dirac cone at t = 0 in the Born limit it is `E_F (J0|m|)^2 / (8 pi^2 (hbar v)^2)`, without the
        interband part. Only below Tc.

        Raises:
            ValueError: `t` is 1 or more, or another method.
        """
        check_temperature(t)
        known = concrete(t)
        if known is not None and (known >= 1).any():
            raise ValueError(f"t must be below 1: there is no supercurrent at Tc and above, got {t}")
        return coupling_strength(self.gamma(t, method=method), self.pearl_length(t))


def fe_se_te(interband: bool = False) -> Material:
    """Surface Dirac band of Fe(Se,Te) with Fe impurities, the estimate of Lu, Tokatly and Bergeret.

    hbar v = 0.216 eV A, E_F = 4.5 meV, gap = 1.5 meV, |m| = 5 and J0 = 50 meV x (0.4 nm)^2, the area being
    the square of the lattice constant, as given in Lu 2023 (arXiv:2307.10723, refs. 31 and 32; the same as
    refs. 36 and 37 of PRB 108, L180506): K. Jiang, X. Dai and Z. Wang, Phys. Rev. X 9, 011033 (2019); V.
    Thampy et al., Phys. Rev. Lett. 108, 107002 (2012).

    The couplings that follow are far below those quoted from the same numbers: 0.049 meV at 2 nm (Lu 2023:
    2 meV) and 0.002 meV at 10 nm (PRB: of the order of meV); both distances are also below the coherence
    length, 14 nm. A supercurrent in the bulk below the surface lowers them further, by the ratio of the
    Pearl lengths.

    Args:
        interband: include the interband part of the superfluid weight, +26 % here (the papers leave it out).

    Example:
        >>> print(f"{fe_se_te().beta:.4f}")
        0.0965
    """
    band = DiracBand("0.216 eV angstrom", "4.5 meV")
    return Material(band, gap="1.5 meV", exchange="8 meV nm^2", spin=5.0, interband=interband)
