"""The Fe(Se,Te) flake of Xiang et al. 2023 as a free energy of its moments, with the knobs that an experimenter has."""

import difflib
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .._checks import concrete, not_negative, plain_number, positive, real_array, with_shape
from ..energy import FreeEnergy
from ..film import Film, FilmEnergy, FilmState, rim
from ..spins import Anisotropy, Exchange
from ..units import MU0, FilmUnits
from .disorder import correlated_normal
from .geometry import cells, layout
from .temperature import remaining_weight, saturation

KNOBS = ("bias", "field", "temperature")
GAUSS = 1e-4 / MU0  # A/m: the H of an applied field of 1 G
TOLERANCE = 1e-10  # of the stream function
SHORTEST = 1e-3  # of the size: a correlation length below would need more than 10^7 random numbers


class Flake(eqx.Module):
    r"""A superconducting flake whose surface moments magnetise in its supercurrents, lengths in um, currents in uA.

    Blocks of moments m, |m| <= 1, see the field (Xiang 2023, methods; re-derived)

        b = gamma z x K + lorentz kap gamma^2 m + (stiffness / h^2) sum_j (m_j - m_i) - anisotropy m_x x,
        kap = anomalous_current Lam_ref / Lam(r)

    in A/m = uA/um, with the sheet current K of the film in which the moments themselves drive
    `a = Gamma gamma (m x z)`, `Gamma = anomalous_current Lam_ref`. gamma is a rim that rises from 0 at the edge of the
    rectangle to 1 at `rim_width`: without it uniform moments drive no current. The sum is over neighbouring cells with
    moments, those where gamma > 0; leads have none. :meth:`energy` is the free energy of that field,
    `E / (Gamma h^2)`, so that `sm.field(F, m)` is b, and `pinning` is the friction that it has to overcome: no moment
    moves where |b| is below. The coupling of the moments in a film, and why it can not be larger than the current that
    it visibly carries, is that of `FilmEnergy`.

    mu0 = 1: fields B are in mu0 A/m = 12.566 mG, applied ones in gauss. Moments start from zero: coarse-grained blocks
    of a demagnetised sample carry none.

    The defaults are those of :meth:`weak`, one workable set found by a search and not a fit. Physical numbers may be
    traced where the class says nothing else.

    Args:
        spacing: side of a cell h; it has to divide all lengths but `rim_width` and `correlation_length`. Known.
        size: of the rectangle, corner at the origin. Known.
        leads: two spans (from, to) of the leads on the top edge, or "ends": contacts along all of the left and all of
            the right side, between which the bias flows straight and leaves uniform moments. Known.
        lead_length: how far leads on the top edge are drawn. Known.
        lead_ends: how leads go on beyond the grid: "straight" as half-infinite strips, "open" not at all. Leads make a
            good part of the flux far from the edges.
        pearl_length: 2 Lam of the lower and of the upper domain at `temperature`, two numbers, or one for both. Leads
            are like the upper domain.
        divide: height of the line between the domains. Known.
        anomalous_current: K_a in A/m: the local anomalous current, at |m| = 1, where 2 Lam is that of the lower domain;
            so `Gamma = anomalous_current * pearl_length[0] / 2`.
        rim_width: width of the rim.
        lorentz: weight of the local term; 1/2 in theory, fitted here.
        stiffness: exchange stiffness in A/m um^2.
        anisotropy: in A/m, positive where the easy axis is normal to the bias.
        pinning: in A/m, median of the friction of the cells.
        pinning_spread: standard deviation of its logarithm.
        correlation_length: of disorder; 0 is independent cells. Known.
        seed: of disorder; the same sample on every grid where `correlation_length` is not 0.
        temperature: base temperature in K.
        critical_temperature: of the film, sets `Lam(T)`.
        local_critical_temperature: mean and standard deviation of the Tc of the places where moments order.
        order_ratio: of the temperature where they order to that Tc.
        law: of the superfluid weight with temperature, "two-fluid", "clean" or "dirty"; a name, known.

    Attributes:
        film: at base temperature; the grid has the leads above the rectangle.
        active: cells with moments, `(nx, ny)`.
        pinning: of every cell, `(nx, ny)`, 0 without moments.
        size: of the rectangle.
        divide: height of the line between the domains.
        spacing: side of a cell in um.
        critical_temperatures: of every cell, `(nx, ny)`, in K.

    Raises:
        ValueError: lengths that the spacing does not divide, numbers that are negative where they must not be, NaN, a
            base temperature that is not below the critical one, an
            unknown law.

    Example:
        >>> flake = Flake(spacing=5.0)
        >>> F = flake.energy({"bias": 100.0})
        >>> m = jnp.zeros((*flake.shape, 2))
        >>> b = sm.field(F, m)
        >>> print(flake.shape, f"{b[10, 5, 1]:.2f} A/m, pinned by {flake.pinning[10, 5]:.2f}")
        (20, 14) 2.44 A/m, pinned by 2.72
    """

    film: Film
    active: Bool[Array, "nx ny"]
    pinning: Float[Array, "nx ny"]
    critical_temperatures: Float[Array, "nx ny"]
    scale: Float[Array, ""]
    lorentz: Float[Array, ""]
    stiffness: Float[Array, ""]
    anisotropy: Float[Array, ""]
    temperature: Float[Array, ""]
    critical_temperature: Float[Array, ""]
    order_ratio: Float[Array, ""]
    law: str = eqx.field(static=True)
    size: tuple[float, float] = eqx.field(static=True)
    divide: float = eqx.field(static=True)
    spacing: float = eqx.field(static=True)

    def __init__(
        self,
        *,
        spacing: Any = 1.25,
        size: Any = (100.0, 50.0),
        leads: Any = ((10.0, 20.0), (80.0, 90.0)),
        lead_length: Any = 20.0,
        lead_ends: str = "straight",
        pearl_length: Any = (400.0, 800.0),
        divide: Any = 35.0,
        anomalous_current: Any = 20.0,
        rim_width: Any = 7.5,
        lorentz: Any = 0.08,
        stiffness: Any = 12.5,
        anisotropy: Any = 5.0,
        pinning: Any = 2.5,
        pinning_spread: Any = 0.15,
        correlation_length: Any = 2.5,
        seed: int = 0,
        temperature: Any = 1.5,
        critical_temperature: Any = 6.0,
        local_critical_temperature: Any = (5.0, 0.5),
        order_ratio: Any = 0.85,
        law: str = "two-fluid",
    ):
        h = plain_number("spacing", spacing)
        if not h > 0:
            raise ValueError(f"spacing must be positive, got {h}")
        mask, body, terminals = layout(size, h, leads, lead_length, lead_ends)
        self.size, self.divide = (float(size[0]), float(size[1])), plain_number("divide", divide)
        self.spacing = h
        if not 0 <= self.divide <= self.size[1]:
            raise ValueError(f"divide must lie between 0 and {self.size[1]:g}, got {self.divide:g}")
        gamma = rim(body, h, not_negative("rim_width", rim_width))
        x, y = (h * (np.arange(n) + 0.5) for n in mask.shape)
        pearl, below = _domains(pearl_length), y < h * cells("divide", self.divide, h)
        xp = jnp if concrete(pearl) is None else np  # known maps let the film prepare its solver on the host
        stiff = xp.where(below, pearl[0], pearl[1])[None, :] * np.ones((len(x), 1))
        self.scale = positive("anomalous_current", anomalous_current) * (pearl[0] / 2)
        self.film = Film(mask, h, stiff, anomalous=self.scale * gamma, terminals=terminals)
        self.active = gamma > 0
        self.lorentz = with_shape("lorentz", lorentz, ()).astype(float)
        self.stiffness = not_negative("stiffness", stiffness).astype(float)
        self.anisotropy = with_shape("anisotropy", anisotropy, ()).astype(float)
        self.order_ratio = positive("order_ratio", order_ratio).astype(float)
        self.temperature = not_negative("temperature", temperature).astype(float)
        self.critical_temperature = positive("critical_temperature", critical_temperature).astype(float)
        known = concrete((temperature, critical_temperature))
        if known is not None and not known[0] < known[1]:
            raise ValueError(f"temperature must be below critical_temperature, got {known[0]:g} and {known[1]:g}")
        saturation(0.0, order_ratio, law)  # refuses what is no ratio, or no law
        self.law = law
        one, other = _disorder(x, y, correlation_length, seed)
        median, spread = not_negative("pinning", pinning), not_negative("pinning_spread", pinning_spread)
        self.pinning = jnp.where(self.active, median.astype(float) * jnp.exp(spread.astype(float) * one), 0.0)
        local = with_shape("local_critical_temperature", local_critical_temperature, (2,)).astype(float)
        spreads = concrete(local_critical_temperature)
        if spreads is not None and spreads[1] < 0:
            raise ValueError(f"local_critical_temperature must not have a negative spread, got {spreads[1]:g}")
        # the tail of a wide distribution ends where there is no superconductor
        self.critical_temperatures = jnp.maximum(local[0] + local[1] * other, 0.0)

    @classmethod
    def weak(cls, **changes: Any) -> "Flake":
        """Lam = 200 | 400 um, weak screening: the defaults of the class, with changes.

        Its current loop is that of the experiment (Xiang 2023, Fig. 3a), 1 um above (75, 5) um, on cells of 2.5 | 1.25
        um with seed 0 and steps of 5 uA: linear and negative at first, a turn at 130 | 130 uA (140 measured), zero at
        144 | 145 uA (160 measured), +20 | +20 mG at 200 uA, a remanence of +27 | +27 mG, reversed at -200 uA. Steps of
        the bias and the rule by which moments snap move that by some 5 %, other samples by more. Its field loop (Fig.
        4) has hysteresis from 0.4 G and a paramagnetic remanence of both domains.

        What it can not reproduce: that most of the sample shows less than 1 mG at 100 uA, where half of it has more
        than 4.7 mG here, the field of a bias that flows everywhere; and a lower domain that is paramagnetic at 1.5 G on
        the way up.

        Args:
            changes: parameters of the class.

        Example:
            >>> flake = Flake.weak(spacing=5.0)
            >>> state = flake.state({"bias": 100.0})
            >>> print(f"{state.bz(1.0)[15, 1] * flake.units.field * 1e7:.1f} mG near (75, 5) um")
            -2.2 mG near (75, 5) um
        """
        return cls(**changes)

    @classmethod
    def screened(cls, **changes: Any) -> "Flake":
        """Lam = 3.3 | 10 um, which a penetration depth of 1 um means: strong screening, with changes.

        The local anomalous current of 20 A/m stays, and with it the current loop: a turn at 135 uA, zero at 142 uA, +12
        mG at 200 uA and a remanence of +17 mG (cells of 2.5 um). Were `Gamma` kept instead, 1200 A/m, the local term
        would outdo the pinning forty times: the flake would magnetise in whirls at 85 uA and never be reversed.

        What it can not reproduce: the field loop (Fig. 4). Meissner currents are so strong that the moments give way
        below 0.05 G and saturate below 0.2 G, and the flake stays diamagnetic, by -580 mG at 1.5 G. Nor has most of it
        less than 1 mG at 100 uA (half has more than 2.9 mG).

        Args:
            changes: parameters of the class.

        Example:
            >>> flake = Flake.screened(spacing=5.0)
            >>> print(f"{flake.state({'field': 1.0}).current[10, 1, 0]:.0f} A/m at 1 G")
            -110 A/m at 1 G
        """
        return cls(**{"pearl_length": (6.6, 20.0), **changes})

    @property
    def shape(self) -> tuple[int, int]:
        """Cells of the grid, `(nx, ny)`, leads included."""
        return self.film.shape

    @property
    def units(self) -> FilmUnits:
        """The um and the uA, for what comes out of states."""
        return FilmUnits(1e-6, 1e-6)

    def energy(self, drive: Mapping[str, Any] | None = None, tolerance: Any = TOLERANCE) -> FreeEnergy:
        """Free energy of the moments `(nx, ny, 2)` over `Gamma h^2`, in A/m: `sm.field(F, m)` is the field b.

        Args:
            drive: "bias" in uA from the first lead through the film to the second, "field" along z in gauss,
                "temperature" in K; what is missing is 0, 0 and the base temperature. Values may be traced.
            tolerance: of the stream function.

        Raises:
            ValueError: another key in the drive, values that are no numbers, a negative temperature.

        Example:
            >>> flake = Flake(spacing=5.0)
            >>> m = jnp.zeros((*flake.shape, 2)).at[..., 1].set(jnp.where(flake.active, 1.0, 0.0))
            >>> gained = flake.energy({"bias": -100.0})(m) - flake.energy({"bias": 100.0})(m)
            >>> print(f"{gained:.0f} A/m")
            486 A/m
        """
        film, applied, currents = self._driven(drive)
        currents_cost = FilmEnergy(
            film, applied_field=applied, terminal_currents=currents, lorentz=self.lorentz, tolerance=tolerance
        )
        h = self.spacing
        stiff = Exchange(self.stiffness / h**2, boundary=("open", "open"), mask=self.active)
        hard = Anisotropy(jnp.where(self.active, -self.anisotropy / 2, 0.0), (1.0, 0.0))
        return (1 / (self.scale * h**2)) * currents_cost + stiff + hard

    def state(
        self, drive: Mapping[str, Any] | None = None, moments: Any = None, tolerance: Any = TOLERANCE
    ) -> FilmState:
        """Currents and fields of the film in a drive, with given moments.

        Args:
            drive: as :meth:`energy`.
            moments: `(nx, ny, 2)`; None is zero.
            tolerance: of the stream function.

        Raises:
            ValueError: as :meth:`energy`, moments of another shape.

        Example:
            >>> flake = Flake(spacing=5.0)
            >>> state = flake.state({"bias": 100.0})
            >>> print(f"{state.current_through((10, 10), (10, 0)):.3f} uA")
            100.000 uA
        """
        film, applied, currents = self._driven(drive)
        return film.solve(applied, currents, moments=moments, tolerance=tolerance)

    def radius(self, drive: Mapping[str, Any] | None = None) -> Float[Array, "nx ny"]:
        """Longest moment of every cell at the temperature of a drive, `(nx, ny)`.

        It is `m_s(T) / m_s(base)` of :func:`saturation`, at the Tc of the cell, and at most 1: |m| = 1 is the
        saturated moment at base temperature, some 0.95 of that at zero, and `anomalous_current` belongs to it. Cells
        lose what they have at T_M of their own, exactly; cells without moments have 0.

        Args:
            drive: as :meth:`energy`.

        Raises:
            ValueError: as :meth:`energy`.

        Example:
            >>> flake = Flake(spacing=5.0)
            >>> mean = lambda T: flake.radius({"temperature": T})[flake.active].mean()
            >>> print([round(float(mean(T)), 2) for T in (1.5, 3.0, 4.0, 7.0)])
            [1.0, 0.91, 0.51, 0.0]
        """
        _, _, temperature = _knobs(self, drive)
        here, base = (self.saturation(t) for t in (temperature, self.temperature))
        ratio = jnp.minimum(here / jnp.where(base > 0, base, 1.0), 1.0)
        return jnp.where(self.active, ratio, 0.0)

    def saturation(self, temperature: Any) -> Float[Array, "nx ny"]:
        """m_s(T) of every cell over that at zero, `(nx, ny)`: :func:`saturation` at its Tc.

        Args:
            temperature: in K, scalar.

        Raises:
            ValueError: a negative temperature.

        Example:
            >>> print(f"{Flake(spacing=5.0).saturation(4.0).mean():.2f}")
            0.50
        """
        temperature = not_negative("temperature", temperature).astype(float)
        ordering = self.critical_temperatures > 0
        t = temperature / jnp.where(ordering, self.critical_temperatures, 1.0)
        return jnp.where(ordering, saturation(t, self.order_ratio, self.law), 0.0)

    def _driven(self, drive):
        """The film at the temperature of a drive, H in A/m, and what flows into the terminals."""
        bias, applied, temperature = _knobs(self, drive)
        weight = lambda t: remaining_weight(t, self.critical_temperature, self.law)
        ratio = weight(self.temperature) / weight(temperature)
        # the film's own replace would prepare its solver again; the old one is off by a factor only
        film = eqx.tree_at(lambda f: f.pearl_length, self.film, self.film.pearl_length * ratio)
        return film, GAUSS * applied, jnp.stack([bias, -bias])


def _knobs(flake, drive):
    """Bias, field and temperature of a drive."""
    drive = {} if drive is None else drive
    if not isinstance(drive, Mapping):
        raise ValueError(f"drive must be a mapping of {', '.join(KNOBS)}, got a {type(drive).__name__}")
    for name in drive:
        if name not in KNOBS:
            nearest = difflib.get_close_matches(str(name), KNOBS, n=1, cutoff=0.0)[0]
            raise ValueError(f"drive has no {name!r}, only {', '.join(KNOBS)}; did you mean {nearest!r}?")
    bias, applied = (with_shape(f"drive[{name!r}]", drive.get(name, 0.0), ()).astype(float) for name in KNOBS[:2])
    temperature = not_negative("drive['temperature']", drive.get("temperature", flake.temperature)).astype(float)
    return bias, applied, temperature


def _disorder(x, y, length, seed):
    """Maps of pinning and of critical temperatures, from streams of their own."""
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise ValueError(f"seed must be an integer, got {seed!r}")
    length = plain_number("correlation_length", length)
    if length < 0 or 0 < length < SHORTEST * max(x[-1], y[-1]):
        wanted = "not be negative" if length < 0 else f"be 0 or longer than {SHORTEST:g} of the flake"
        raise ValueError(f"correlation_length must {wanted}, got {length:g}")
    return tuple(correlated_normal(x, y, length, key) for key in jax.random.split(jax.random.key(seed)))


def _domains(value):
    """Pearl lengths of the lower and of the upper domain, on the host if they are known."""
    array, known = real_array("pearl_length", value), concrete(value)
    if array.shape not in ((), (2,)):
        raise ValueError(f"pearl_length must be a number, or two, of the lower and the upper domain, got {array.shape}")
    if known is None:
        return jnp.broadcast_to(array.astype(float), (2,))
    if not (known > 0).all():
        raise ValueError(f"pearl_length must be positive, got {known.min():g}")
    return np.broadcast_to(known.astype(float), (2,))
