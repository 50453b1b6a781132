"""Y. Lu, I. V. Tokatly and F. S. Bergeret, arXiv:2307.10723 and Phys. Rev. B 108, L180506: the figures.

One function a figure. Each takes the parameters and the numbers of points and returns named NumPy arrays, which are
the arguments of the function of `scmag_jax.plot` that draws them (`FIGURES`, at the end). Lengths are in Pearl lengths
at T = 0; pair energies in strength/(length unit)^2, energies per moment of a lattice in strength/d^2,
strength = Gamma^2/(2 pi e^2 D).
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from .. import plot
from ..impurities.coupling import ElementaryCoupling, PearlCoupling
from ..impurities.ensemble import Ensemble
from ..impurities.lattice import BravaisLattice, MagneticOrder, critical_angle
from ..materials import superfluid_weight
from .paper import Data, Figure

FERROMAGNET, ANTIFERROMAGNET = (
    MagneticOrder[s] for s in (MagneticOrder.ferromagnetic, MagneticOrder.layered_antiferromagnetic)
)
HOTTEST = 0.99  # T/Tc; at Tc itself there is no supercurrent


@dataclasses.dataclass(frozen=True)
class Parameters:
    """What the papers chose, and what they left open (marked so).

    Attributes:
        pair_distance: of two moments in Figs. 2c and 3c (and 2b, open), in r0(0).
        field_height: of the map of Bz beside Fig. 2c (open), in r0(0).
        spacing: lattice constant of Fig. 3, in r0(0).
        drawn_angle: of the lattice drawn in Figs. 3a and 3b (open), degrees.
        cutoffs: radii of circular truncations for Fig. 3d (open: the paper does not state its own), in r0(0).
        velocity: hbar v of the Dirac band of Fe(Se,Te); this and the next four feed the estimate in meV.
        fermi_energy: E_F.
        gap: at T = 0.
        exchange: J0 times the area (0.4 nm)^2.
        spin: size |m| of the moment.
        arxiv_distance: of the estimate in arXiv:2307.10723.
        prb_distance: of the estimate in PRB 108, L180506.
    """

    pair_distance: float = 0.5
    field_height: float = 0.1
    spacing: float = 0.02
    drawn_angle: float = 70.0
    cutoffs: tuple[float, ...] = (5.0, 10.0, 20.0, 50.0)
    velocity: str = "0.216 eV angstrom"
    fermi_energy: str = "4.5 meV"
    gap: str = "1.5 meV"
    exchange: str = "8 meV nm^2"
    spin: float = 5.0
    arxiv_distance: str = "2 nm"
    prb_distance: str = "10 nm"


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Numbers of points.

    Attributes:
        curve: points of a curve.
        pair_angles: directions of each moment in Fig. 2b.
        grid: pixels along each side of the maps of Fig. 2c; even, so that no pixel is a moment.
        angles: lattice angles of Fig. 3d between 60 and 90 degrees.
        temperatures: of the map of Fig. 3d.
        searched: lattice angles of Fig. 3a whose whole Brillouin zone is searched.
        radius: largest circle of the sums without screening, in lattice constants.
    """

    curve: int
    pair_angles: int
    grid: int
    angles: int
    temperatures: int
    searched: int
    radius: int


QUICK = Sizes(curve=200, pair_angles=73, grid=140, angles=61, temperatures=41, searched=7, radius=160)
FULL = Sizes(curve=1000, pair_angles=181, grid=300, angles=121, temperatures=101, searched=31, radius=400)


def figure_2a(parameters: Parameters, sizes: Sizes) -> Data:
    """Fig. 2a: couplings at a fixed distance r against the Pearl length, exact (Eq. 9) and elementary (Eq. 10).

    Only r0/r matters, so that the figure has no parameter; in strength/r^2.
    """
    ratio = jnp.logspace(-3, 3, sizes.curve)

    def couplings(pearl_length, kind):
        c = kind(pearl_length)
        return c.perpendicular(1.0), c.parallel(1.0)

    exact = jax.vmap(lambda r0: couplings(r0, PearlCoupling))(ratio)
    elementary = jax.vmap(lambda r0: couplings(r0, ElementaryCoupling))(ratio)
    names = ("perpendicular", "parallel", "elementary_perpendicular", "elementary_parallel")
    return _numpy({"pearl_length": ratio, **dict(zip(names, exact + elementary, strict=True))})


def figure_2b(parameters: Parameters, sizes: Sizes) -> Data:
    """Fig. 2b: energy of two moments against both angles to their line, with and without screening, over J_par."""
    distance = parameters.pair_distance
    angles = jnp.linspace(-jnp.pi, jnp.pi, sizes.pair_angles)
    moments = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    separation = jnp.asarray([distance, 0.0])

    @jax.jit
    def energies(pearl_length):
        c = PearlCoupling(pearl_length)
        energy = c.pair_energy(moments[:, None, :], moments[None, :, :], separation)
        line = c.pair_energy(moments, moments * jnp.asarray([[1.0, -1.0]]), separation)
        state, unit = c.pair_ground_state(distance), c.parallel(distance)
        return energy / unit, line / unit, state.energy / unit, state.stiffness / unit, state.angles

    data = {"angles": angles, "distance": distance}
    for kind, pearl_length in (("screened", 1.0), ("unscreened", jnp.inf)):
        names = (kind, f"{kind}_line", f"{kind}_lowest", f"{kind}_stiffness", f"{kind}_ground_state")
        data |= dict(zip(names, energies(pearl_length), strict=True))
    return _numpy(data)


def figure_2c(parameters: Parameters, sizes: Sizes) -> Data:
    """Fig. 2c: sheet current of two moments in their ground state and, beside it, Bz above them.

    j in Gamma/(2 pi r0^2), Bz in mu0 Gamma/(4 pi r0^2).
    """
    distance, coupling = parameters.pair_distance, PearlCoupling(1.0)
    positions = jnp.asarray([[-distance / 2, 0.0], [distance / 2, 0.0]])
    angles = coupling.pair_ground_state(distance).angles
    moments = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    ensemble = Ensemble(positions, coupling)

    axis = jnp.linspace(-1.6 * distance, 1.6 * distance, sizes.grid)
    points = jnp.stack(jnp.meshgrid(axis, axis, indexing="xy"), axis=-1)
    gamma = coupling.gamma
    current = ensemble.current(moments, points) * (2 * jnp.pi / gamma)
    bz = ensemble.bz(moments, points, parameters.field_height) * (4 * jnp.pi / gamma)
    return _numpy(
        {
            "axis": axis,
            "current": current,
            "bz": bz,
            "height": parameters.field_height,
            "positions": positions,
            "moments": moments,
        }
    )


def figure_3ab(parameters: Parameters, sizes: Sizes) -> Data:
    """Figs. 3a and 3b: the two orders of a rhombic lattice and their energies per moment against the angle.

    The markers are Luttinger-Tisza minima over the whole Brillouin zone.
    """
    angles = jnp.linspace(60.0, 90.0, sizes.angles)
    searched = jnp.linspace(60.0, 90.0, sizes.searched)
    pearl_lengths = jnp.asarray([1.0, jnp.inf])
    screened, unscreened = _order_energies(angles, pearl_lengths, parameters.spacing)
    kind, lowest = _lattice_ground_states(searched, 1.0, parameters.spacing)
    uniform, layered = _order_directions(parameters)
    return _numpy(
        {
            "angles": angles,
            "ferromagnetic": screened[0],
            "antiferromagnetic": screened[1],
            "unscreened_ferromagnetic": unscreened[0],
            "unscreened_antiferromagnetic": unscreened[1],
            "searched": searched,
            "searched_kind": np.array(
                [MagneticOrder[jax.tree.map(lambda k, i=i: k[i], kind)] for i in range(len(searched))]
            ),
            "searched_energy": lowest,
            "drawn_angle": parameters.drawn_angle,
            "uniform_moment": uniform,
            "layered_moment": layered,
            "spacing": parameters.spacing,
        }
    )


def figure_3c(parameters: Parameters, sizes: Sizes) -> Data:
    """Fig. 3c: couplings against temperature, over J_perp(0), for both readings of Gamma.

    With Gamma of arXiv:2307.10723 constant (a property of the bands, Gamma_A) the strength goes as D(T); with the
    Gamma of the PRB (the anomalous current, Gamma_P) constant it would go as 1/D(T).
    """
    temperature = jnp.linspace(0.0, HOTTEST, sizes.curve)
    weight = superfluid_weight(temperature)

    def couplings(pearl_length, strength):
        c = PearlCoupling(pearl_length, strength)
        return c.perpendicular(parameters.pair_distance), c.parallel(parameters.pair_distance)

    band = jax.vmap(couplings)(1 / weight, weight)
    current = jax.vmap(couplings)(1 / weight, 1 / weight)
    unit = band[0][0]
    return _numpy(
        {
            "temperature": temperature,
            "distance": parameters.pair_distance,
            "perpendicular": band[0] / unit,
            "parallel": band[1] / unit,
            "perpendicular_constant_current": current[0] / unit,
            "parallel_constant_current": current[1] / unit,
        }
    )


def figure_3d(parameters: Parameters, sizes: Sizes) -> Data:
    """Fig. 3d: phase diagram, angle against temperature, in the thermodynamic limit and with circular cutoffs.

    `critical` is the angle of the transition at every temperature, `truncated_critical[i]` the same of sums cut off
    at `cutoffs[i]` (NaN where the antiferromagnet wins at every angle from 60 degrees up); `unscreened_critical` is
    the one of r0 -> inf and `dipole_critical` that of a lattice far wider than the Pearl length.
    """
    angles = jnp.linspace(60.0, 90.0, sizes.angles)
    rows = jnp.linspace(0.0, HOTTEST, sizes.temperatures)
    energies = _order_energies(angles, 1 / superfluid_weight(rows), parameters.spacing)

    temperature = jnp.linspace(0.0, HOTTEST, sizes.curve)
    pearl_length = 1 / superfluid_weight(temperature)
    # two limits ride along with the temperatures, so that everything is compiled once
    lengths = jnp.concatenate([pearl_length, jnp.asarray([jnp.inf, 1.0])])
    spacings = jnp.concatenate([jnp.full_like(temperature, parameters.spacing), jnp.asarray([1.0, 1000.0])])
    critical = _critical_angles(lengths, spacings)
    cutoffs = jnp.asarray(parameters.cutoffs)
    return _numpy(
        {
            "angles": angles,
            "rows": rows,
            "difference": energies[:, 0] - energies[:, 1],
            "temperature": temperature,
            "critical": critical[:-2],
            "unscreened_critical": critical[-2],
            "dipole_critical": critical[-1],
            "cutoffs": cutoffs,
            "truncated_critical": _truncated_critical_angles(pearl_length, cutoffs, parameters.spacing),
            "spacing": parameters.spacing,
        }
    )


def unscreened_sums(parameters: Parameters, sizes: Sizes) -> Data:
    """Text on the lattice: energies per moment summed over circles of growing radius, without screening.

    Plain sums over the pairs, of the lattice drawn in Figs. 3a and 3b; `limit_*` are the sums of the thermodynamic
    limit, without the depolarisation `pi n strength/2` of a circle, n moments per area (`depolarisation`).
    """
    lattice = BravaisLattice.rhombic(1.0, parameters.drawn_angle)
    coupling = PearlCoupling(jnp.inf)
    reach = int(np.ceil(sizes.radius / np.sin(np.radians(parameters.drawn_angle)))) + 1
    i, j = np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1), indexing="ij")
    chosen = (j > 0) | ((j == 0) & (i > 0))  # one of each pair +-R
    i, j = i[chosen], j[chosen]
    separation = i[:, None] * np.asarray(lattice.vectors)[0] + j[:, None] * np.asarray(lattice.vectors)[1]
    distance = np.hypot(*separation.T)
    tensor = 2 * np.asarray(coupling.tensor(jnp.asarray(separation)))
    radii = np.geomspace(4, sizes.radius, 40)
    inside = np.searchsorted(np.sort(distance), radii)
    order = np.argsort(distance)

    def lowest(sign):
        sums = np.cumsum(sign[order, None, None] * tensor[order], axis=0)[inside - 1]
        return np.linalg.eigvalsh(sums)[:, 0] / 2

    return _numpy(
        {
            "radius": radii,
            "ferromagnetic": lowest(np.ones(len(i))),
            "antiferromagnetic": lowest(1.0 - 2 * (j % 2)),
            "limit_ferromagnetic": lattice.energy(coupling, FERROMAGNET),
            "limit_antiferromagnetic": lattice.energy(coupling, ANTIFERROMAGNET),
            "depolarisation": jnp.pi / (2 * lattice.cell_area),
            "angle": parameters.drawn_angle,
        }
    )


@jax.jit
def _order_energies(angles, pearl_lengths, spacing):
    """Both energies per moment in strength/d^2, shape (lengths, 2, angles)."""

    def energies(angle, pearl_length):
        lattice, coupling = BravaisLattice.rhombic(spacing, angle, aspect=1), PearlCoupling(pearl_length)
        both = [lattice.energy(coupling, state) for state in (FERROMAGNET, ANTIFERROMAGNET)]
        return jnp.stack(both) * spacing**2

    over_angles = jax.vmap(energies, in_axes=(0, None), out_axes=1)
    return jax.vmap(over_angles, in_axes=(None, 0))(angles, pearl_lengths)


@jax.jit
def _lattice_ground_states(angles, pearl_length, spacing):
    def state(angle):
        lattice = BravaisLattice.rhombic(spacing, angle, aspect=1)
        found = lattice.ground_state(PearlCoupling(pearl_length))
        return found.kind, found.energy * spacing**2

    return jax.vmap(state)(angles)


def _order_directions(parameters):
    """Unit moments of the ferromagnet and of the lowest layered antiferromagnet whose rows run along a1."""
    lattice = BravaisLattice.rhombic(parameters.spacing, parameters.drawn_angle)
    wavevectors = jnp.stack([jnp.zeros(2), lattice.reciprocal[1] / 2])
    matrices = jax.vmap(lambda k: lattice.interaction(PearlCoupling(1.0), k))(wavevectors)
    directions = np.linalg.eigh(np.asarray(matrices))[1][:, :, 0]
    return directions * np.sign(directions[:, :1])  # towards +x


@jax.jit
def _critical_angles(pearl_lengths, spacings):
    return jax.vmap(lambda r0, d: critical_angle(PearlCoupling(r0), d))(pearl_lengths, spacings)


@jax.jit
def _truncated_critical_angles(pearl_lengths, cutoffs, spacing):
    def angle(cutoff, pearl_length):
        coupling, triangular = PearlCoupling(pearl_length), BravaisLattice.rhombic(spacing, 60.0, aspect=1)
        uniform, layered = (triangular.truncated_energy(coupling, s, cutoff) for s in (FERROMAGNET, ANTIFERROMAGNET))
        crosses = uniform < layered
        # where nothing crosses, the search is given a circle for which it does, and its answer is dropped
        found = critical_angle(coupling, spacing, jnp.where(crosses, cutoff, 1000 * pearl_length))
        return jnp.where(crosses, found, jnp.nan)

    return jax.vmap(jax.vmap(angle, in_axes=(None, 0)), in_axes=(0, None))(cutoffs, pearl_lengths)


def _numpy(data):
    return {name: np.asarray(value) for name, value in data.items()}


FIGURES = (
    Figure("figure_2a", "Lu 2023, Fig. 2a: couplings of a pair", figure_2a, plot.pair_couplings, seconds=2),
    Figure("figure_2b", "Lu 2023, Fig. 2b: energy of a pair", figure_2b, plot.pair_energies, seconds=2),
    Figure("figure_2c", "Lu 2023, Fig. 2c: current and field of a pair", figure_2c, plot.current_and_field, seconds=9),
    Figure("figure_3ab", "Lu 2023, Figs. 3a and 3b: orders of a lattice", figure_3ab, plot.lattice_orders, seconds=8),
    Figure("figure_3c", "Lu 2023, Fig. 3c: couplings against temperature", figure_3c, plot.coupling_temperature, 3),
    Figure("figure_3d", "Lu 2023, Fig. 3d: phase diagram of a lattice", figure_3d, plot.phase_diagram, seconds=22),
    Figure("unscreened_sums", "Lu 2023, text on Fig. 3: sums without screening", unscreened_sums, plot.lattice_sums, 5),
)
