"""Vakili et al., arXiv:2603.22243 (2026): the figures at a given gap, all of a uniform superconductor.

One function a figure; those with a self-consistent gap are in `vakili2026_lattice`. Each takes the parameters and the
numbers of points and returns named NumPy arrays, which are the arguments of the function of `scmag_jax.plot` that draws
them (`FIGURES` and `TEXTS`, at the end). Energies are per site in units of the hopping t, that is free-energy densities
in t/a^2; momenta in 1/a, currents in e t/(hbar a). The analytical lines of the paper belong to the continuum, its
self-consistent part to the lattice: both are computed.
"""

import dataclasses
import functools
from typing import Any

import jax.numpy as jnp
import numpy as np

from .. import plot
from ..bdg import Altermagnet, UniformBdG, graded_mesh, gradient_expansion
from ..materials import tanh_gap
from ..units import neel_field_in_tesla, to_si
from .paper import Data, Figure

X, Y, Z = np.eye(3)
DIRECTIONS = {"x": X, "y": Y, "z": Z}


@dataclasses.dataclass(frozen=True)
class Parameters:
    """What the paper chose, and what it left open (marked so).

    Attributes:
        chemical_potential: mu in t; this and the next four are those of Figs. 1 and 2.
        rashba: tso in t.
        altermagnet: tm in t.
        gap: Delta0 in t, before the temperature law.
        temperature: T/Tc.
        gap_ratio: Delta0/Tc (open; the BCS value).
        longest_momentum: of the curves of Figs. 1c and 1d, and q of their sweep of tm in Fig. 1d (open), 1/a.
        momentum_2a: q of Fig. 2a, 1/a.
        momentum_2b: q of Fig. 2b, 1/a.
        shape: sites of the lattice of Figs. 2c and 2d.
        winding: turns of the phase along x there.
        attraction: Vs in t there and in Fig. 3.
        wall_shape: sites of the lattice of a wall along x in Fig. 3; that of a wall along y has them exchanged. Figs.
            3a and 3b have the first, too (open: q a = 2 pi/50 is no whole turn of the phase on the lattice of Fig. 2).
        wall_winding: turns of the phase along the longer side; the wall along y has the same momentum as a twist.
        wall_width: delta_dw in sites.
        wall_range: of r0 in Fig. 3c over the length of the lattice; the energy is zero at the first.
        wall_tilt: phi_dw of Fig. 3c (open).
        wall_closing: how the duplicate of the wall at the edge closes the texture (open): "return" or "winding".
        stopping: relative change of the gap at which the paper stops its iteration.
        material_hopping: t of the estimate in tesla; this and the rest belong to it.
        material_exchange: tm.
        material_rashba: tso.
        material_potential: mu.
        material_gap: Delta0.
        material_spacing: a.
        material_momentum: q in 1/angstrom.
        sublattice_moment: m_s per cell.
    """

    chemical_potential: float = 0.05
    rashba: float = 0.2
    altermagnet: float = 0.2
    gap: float = 0.2
    temperature: float = 0.1
    gap_ratio: float = 1.764
    longest_momentum: float = 0.1
    momentum_2a: float = 0.1
    momentum_2b: float = 0.01
    shape: tuple[int, int] = (30, 25)
    winding: tuple[int, int] = (1, 0)
    attraction: float = 5.0
    wall_shape: tuple[int, int] = (50, 20)
    wall_winding: int = 1
    wall_width: float = 4.0
    wall_range: tuple[float, float] = (0.2, 0.8)
    wall_tilt: float = 0.0
    wall_closing: str = "return"
    stopping: float = 1e-5
    material_hopping: str = "0.05 eV"
    material_exchange: str = "0.037 eV"
    material_rashba: str = "1.3 meV"
    material_potential: str = "0.05 eV"
    material_gap: str = "1 meV"
    material_spacing: str = "0.99 nm"
    material_momentum: float = 1e-3
    sublattice_moment: str = "0.7 bohr_magneton"


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Numbers of points.

    Attributes:
        curve: momenta of a curve from -q to q; odd, so that q = 0 is one of them.
        exchanges: values of tm in Figs. 1c and 1d.
        angles: of the Neel vector in Fig. 2, a multiple of 4; the last repeats the first and is not counted.
        mesh: momenta along each side of the Brillouin zone.
        order: Gauss-Legendre nodes along each side of a cell of the graded meshes.
        resolution: of the graded meshes.
        cutoff: of the continuum, 1/a; the differences of Figs. 1 and 2 converge as its inverse square.
        materials: values of tm up to that of the estimate in tesla.
        material_cutoff: of those below it; the estimate itself has `cutoff`.
        real_angles: of the Neel vector in real space in Figs. 2c and 2d, a divisor of `angles`.
        polar: steps of theta from 0 to pi in Fig. 3a, even; phi has as many to pi.
        positions: of the wall in Fig. 3c, 1 more than a multiple of 3.
        wall_angles: of the Neel vector in the wall in Fig. 3d, a multiple of 8.
    """

    curve: int
    exchanges: int
    angles: int
    mesh: int
    order: int
    resolution: float
    cutoff: float
    materials: int
    material_cutoff: float
    real_angles: int
    polar: int
    positions: int
    wall_angles: int


QUICK = Sizes(
    curve=21,
    exchanges=11,
    angles=48,
    mesh=128,
    order=8,
    resolution=6.0,
    cutoff=20.0,
    materials=9,
    material_cutoff=5.0,
    real_angles=12,
    polar=12,
    positions=16,
    wall_angles=16,
)
FULL = Sizes(
    curve=81,
    exchanges=41,
    angles=180,
    mesh=256,
    order=12,
    resolution=4.0,
    cutoff=40.0,
    materials=24,
    material_cutoff=20.0,
    real_angles=36,
    polar=36,
    positions=61,
    wall_angles=48,
)


def temperature(parameters: Parameters) -> float:
    """k_B T of Figs. 1 and 2 in t."""
    return parameters.temperature * parameters.gap / parameters.gap_ratio


def gap(parameters: Parameters) -> float:
    """Delta(T) of Figs. 1 and 2 in t, by the paper's law."""
    return parameters.gap * float(tanh_gap(parameters.temperature))


def model(parameters: Parameters, altermagnet: Any = None) -> Altermagnet:
    """The normal state of Figs. 1 and 2; `altermagnet` replaces the paper's tm."""
    exchange = parameters.altermagnet if altermagnet is None else altermagnet
    return Altermagnet(parameters.chemical_potential, parameters.rashba, exchange)


def on_lattice(parameters: Parameters, sizes: Sizes, altermagnet: Any = None) -> UniformBdG:
    """The superconductor of Fig. 1 on the lattice."""
    state: dict[str, Any] = {"gap": gap(parameters), "temperature": temperature(parameters)}
    return UniformBdG(model(parameters, altermagnet), mesh=(sizes.mesh, sizes.mesh), **state)


def in_continuum(parameters: Parameters, sizes: Sizes, altermagnet: Any = None) -> UniformBdG:
    """The superconductor of Fig. 1 in the continuum."""
    state: dict[str, Any] = {"gap": gap(parameters), "temperature": temperature(parameters)}
    mesh = _continuum_mesh(parameters, sizes)
    return UniformBdG(model(parameters, altermagnet), mesh=mesh, dispersion="continuum", **state)


def turns(count: int, planes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Angles of a full turn in `count` steps, first and last included, and n in every plane, `(planes, angles, 3)`."""
    angle = np.linspace(0.0, 2 * np.pi, count + 1)
    axes = [[DIRECTIONS[axis] for axis in plane] for plane in planes]
    return angle, np.stack([np.outer(np.cos(angle), a) + np.outer(np.sin(angle), b) for a, b in axes])


def and_x(n: np.ndarray) -> np.ndarray:
    """All directions in a row and, last, n along x: the reference of the free energies."""
    return np.concatenate([n.reshape(-1, 3), X[None]])


def relative(energy: Any, n: np.ndarray) -> np.ndarray:
    """Energies of `and_x(n)` relative to the last of them, in the shape of n."""
    return np.asarray(energy[:-1] - energy[-1]).reshape(n.shape[:-1])


def as_arrays(data: Data) -> Data:
    """All values as NumPy arrays."""
    return {name: np.asarray(value) for name, value in data.items()}


def first_orders(parameters: Parameters, q: Any, n: Any, altermagnet: Any = None) -> np.ndarray:
    """F(n) - F(x) of Eqs. 8 and 9, for q `(..., 2)` and n `(..., 3)`."""
    expansion = gradient_expansion(model(parameters, altermagnet), gap(parameters), temperature(parameters))
    leading = np.broadcast_shapes(np.shape(q)[:-1], np.shape(n)[:-1])
    q, n, x = (jnp.asarray(np.broadcast_to(v, (*leading, np.shape(v)[-1]))) for v in (q, n, X))
    energy = jnp.vectorize(expansion.free_energy, signature="(2),(3)->()")
    return np.asarray(energy(q, n) - energy(q, x))


def figure_1c(parameters: Parameters, sizes: Sizes) -> Data:
    """Fig. 1c: F(z) - F(x) against the momentum, and against the altermagnetic exchange without momentum."""
    return _direction_energies(parameters, sizes, "z", 0.0)


def figure_1d(parameters: Parameters, sizes: Sizes) -> Data:
    """Fig. 1d: F(y) - F(x) against the momentum, and against the altermagnetic exchange at the largest of them."""
    return _direction_energies(parameters, sizes, "y", parameters.longest_momentum)


def figure_2a(parameters: Parameters, sizes: Sizes) -> Data:
    """Fig. 2a: F of a Neel vector that turns in the x-y plane."""
    return _rotations(parameters, sizes, ("xy",), parameters.momentum_2a)


def figure_2b(parameters: Parameters, sizes: Sizes) -> Data:
    """Fig. 2b: F of a Neel vector that turns in the z-x and z-y planes."""
    return _rotations(parameters, sizes, ("zx", "zy"), parameters.momentum_2b)


def supercurrent(parameters: Parameters, sizes: Sizes) -> Data:
    """Text below Eq. 2, "Js = nu_s q": the current on the lattice, along and across q, for three directions of n."""
    momentum, q = _momenta(parameters, sizes)
    superconductor = on_lattice(parameters, sizes)
    return as_arrays(
        {
            "momentum": momentum,
            "directions": tuple(DIRECTIONS),
            # one direction at a time: one shape to compile for
            "current": np.stack([superconductor.supercurrent(q, n) for n in DIRECTIONS.values()]),
            "without_exchange": on_lattice(parameters, sizes, 0.0).supercurrent(q, Z),
        }
    )


def material(parameters: Parameters, sizes: Sizes) -> Data:
    """Text, the estimate in tesla: the part of F that is odd in q against the exchange, and its material.

    [F(q, y) - F(-q, y)]/2 of the continuum on graded meshes; F(y) - F(x) at q alone (`material_difference`) contains an
    even part. `boundary` is the exchange at which the condition of the expansion, tm mu/t << gap, fails.
    """
    m = material_in_hoppings(parameters)
    momentum = m["momentum"]
    top = m["altermagnet"]
    exchange = np.geomspace(top / 150, top, sizes.materials)
    odd = [_odd_parts(m | {"altermagnet": tm}, sizes, sizes.material_cutoff)[0] for tm in exchange[:-1]]
    estimate, half, difference = _odd_parts(m, sizes, sizes.cutoff, several=True)
    lattice = _odd_parts(m, sizes)[0]
    first_order = momentum * top * _material_gamma(m)
    hopping = to_si(parameters.material_hopping, "energy")
    return as_arrays(
        {
            "exchange": exchange,
            "odd": [*odd, estimate],
            "boundary": m["gap"] / m["chemical_potential"],
            "material_exchange": top,
            "material_odd": estimate,
            "material_half": half,
            "material_difference": difference,
            "material_lattice": lattice,
            "material_first_order": first_order,
            "millitesla": neel_field_in_tesla(hopping, parameters.sublattice_moment) * 1e3,
            "momentum": momentum,
        }
    )


def material_in_hoppings(parameters: Parameters) -> dict[str, float]:
    """The material of the estimate in units of its hopping and lattice constant, gap and temperature included."""
    hopping = to_si(parameters.material_hopping, "energy")

    def energy(text):
        return to_si(text, "energy") / hopping

    gap = energy(parameters.material_gap)
    spacing = to_si(parameters.material_spacing, "length") / to_si("1 angstrom", "length")
    return {
        "chemical_potential": energy(parameters.material_potential),
        "rashba": energy(parameters.material_rashba),
        "altermagnet": energy(parameters.material_exchange),
        "gap": gap * float(tanh_gap(parameters.temperature)),
        "temperature": parameters.temperature * gap / parameters.gap_ratio,
        "momentum": parameters.material_momentum * spacing,
    }


def _odd_parts(m, sizes, cutoff=None, several=False):
    """[F(q, y) - F(-q, y)]/2 at q; with `several` also at q/2, and F(y) - F(x) at q. None as cutoff: the lattice."""
    normal = Altermagnet(m["chemical_potential"], m["rashba"], m["altermagnet"])
    dispersion = "lattice" if cutoff is None else "continuum"
    state = {"gap": m["gap"], "temperature": m["temperature"]}
    lengths = (1.0, -1.0, 0.5, -0.5, 1.0) if several else (1.0, -1.0)
    q = np.array([[length * m["momentum"], 0.0] for length in lengths])
    n = np.array([Y] * 4 + [X])[: len(q)]
    grading = {"order": sizes.order, "resolution": sizes.resolution}
    mesh = graded_mesh(normal, **state, q=q, n=n, cutoff=cutoff, dispersion=dispersion, **grading)
    energy = np.asarray(UniformBdG(normal, **state, mesh=mesh, dispersion=dispersion).free_energy(q, n))
    odd = (energy[0] - energy[1]) / 2
    return (odd, (energy[2] - energy[3]) / 2, energy[0] - energy[4]) if several else (odd,)


def _material_gamma(m):
    normal = Altermagnet(m["chemical_potential"], m["rashba"], m["altermagnet"])
    return float(gradient_expansion(normal, m["gap"], m["temperature"]).gamma)


def _direction_energies(parameters, sizes, direction, exchange_momentum):
    n = np.stack([DIRECTIONS[direction], X])
    momentum, q = _momenta(parameters, sizes)
    exchange = np.linspace(0.0, parameters.altermagnet, sizes.exchanges)
    at = np.array([exchange_momentum, 0.0])
    data = {"momentum": momentum, "exchange": exchange, "direction": direction}
    data |= {"momentum_exchange": parameters.altermagnet, "exchange_momentum": exchange_momentum}
    for name, build in (("lattice", on_lattice), ("continuum", in_continuum)):
        energy = build(parameters, sizes).free_energy(q[:, None], n)
        sweep = np.stack([build(parameters, sizes, tm).free_energy(at, n) for tm in exchange])
        data |= {name: energy[:, 0] - energy[:, 1], f"exchange_{name}": sweep[:, 0] - sweep[:, 1]}
    data["analytic"] = first_orders(parameters, q, n[0])
    data["exchange_analytic"] = [first_orders(parameters, at, n[0], tm) for tm in exchange]
    return as_arrays(data)


def _rotations(parameters, sizes, planes, momentum):
    angle, n = turns(sizes.angles, planes)
    q = np.array([momentum, 0.0])
    data = {"angle": angle, "planes": planes, "momentum": momentum}
    for name, build in (("lattice", on_lattice), ("continuum", in_continuum)):
        data[name] = relative(build(parameters, sizes).free_energy(q, and_x(n)), n)
    return as_arrays(data | {"analytic": first_orders(parameters, q, n)})


def _momenta(parameters, sizes):
    momentum = np.linspace(-parameters.longest_momentum, parameters.longest_momentum, sizes.curve)
    return momentum, np.stack([momentum, np.zeros_like(momentum)], axis=-1)


# the mesh of all figures: made once, and one shape to compile for
@functools.lru_cache(maxsize=1)
def _continuum_mesh(parameters, sizes):
    q = max(parameters.longest_momentum, parameters.momentum_2a, parameters.momentum_2b) * np.array([[1.0, 0.0]])
    return graded_mesh(
        model(parameters),
        gap(parameters),
        temperature(parameters),
        np.concatenate([q, 0 * q, -q])[:, None, :],
        np.stack([X, Y, Z]),
        dispersion="continuum",
        cutoff=sizes.cutoff,
        order=sizes.order,
        resolution=sizes.resolution,
    )


FIGURES = (
    Figure("figure_1c", "Vakili 2026, Fig. 1c: uniaxial anisotropy", figure_1c, plot.direction_energies, seconds=8),
    Figure("figure_1d", "Vakili 2026, Fig. 1d: Neel field", figure_1d, plot.direction_energies, seconds=3),
    Figure("figure_2a", "Vakili 2026, Fig. 2a: rotation of the Neel vector in the plane", figure_2a, plot.rotations, 4),
    Figure("figure_2b", "Vakili 2026, Fig. 2b: rotation out of the plane", figure_2b, plot.rotations, seconds=6),
)
TEXTS = (
    Figure("supercurrent", "Vakili 2026, text: supercurrent", supercurrent, plot.currents, seconds=3),
    Figure("material", "Vakili 2026, text: estimate for a material", material, plot.exchange_estimate, seconds=28),
)
