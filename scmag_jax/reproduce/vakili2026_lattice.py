"""Vakili et al., arXiv:2603.22243 (2026): the figures with a self-consistent gap, of rotations and of domain walls.

Like those of `vakili2026`. Energies of walls are totals of their lattice in t, currents those through a cut in
e t/hbar (Eq. 15 summed over the bonds of the cut). A texture that varies along one side is solved in real space along
that side and in momentum space along the other; both are exact, and the gap varies with the texture.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .. import plot
from ..bdg import LatticeBdG, LatticeState, UniformBdG, pair_momentum
from ..spins import textures
from .paper import Data, Figure
from .vakili2026 import Parameters, Sizes, and_x, as_arrays, gap, model, relative, temperature, turns

PLANES = ("xy", "zx")  # of Figs. 2c and 2d
TOLERANCE = 1e-8  # of the gap; F is stationary, so that its error is the square
SWEEPS = 25  # of plain mixing, as an example of the paper's iteration


def figure_2cd(parameters: Parameters, sizes: Sizes) -> Data:
    """Figs. 2c and 2d: a turning Neel vector on the finite lattice with the self-consistent gap.

    `real_space` is that in real space along x, along which the phase winds; `self_consistent` in momentum space.
    `inserted` is Eq. 2 at one gap for all directions, the self-consistent one of n along x; `caption` the same at the
    gap of the caption. `literal` inserts the gap of every direction into Eq. 2, which leaves |gap|^2/Vs out.
    """
    angle, n = turns(sizes.angles, PLANES)
    q = pair_momentum(parameters.shape, parameters.winding)

    def lattice(winding=parameters.winding, **pairing):
        return UniformBdG.of_lattice(model(parameters), parameters.shape, winding, **_state(parameters), **pairing)

    found = lattice(attraction=parameters.attraction).solve(q, and_x(n))
    at_rest = lattice((0, 0), attraction=parameters.attraction).solve(0 * q, and_x(n))
    fixed = [lattice(gap=value).free_energy(q, and_x(n)) for value in (found.gap[-1], gap(parameters))]
    curves = {"self_consistent": found.free_energy, "inserted": fixed[0], "caption": fixed[1]}
    curves["literal"] = found.free_energy - found.gap**2 / parameters.attraction
    real_angle, m = turns(sizes.real_angles, PLANES)
    chain = LatticeBdG(
        model(parameters),
        parameters.shape,
        winding=parameters.winding,
        attraction=parameters.attraction,
        **_state(parameters),
    )
    states = solve_each(chain, np.repeat(and_x(m)[:, None, None, :], parameters.shape[0], axis=1))
    real_energy = totals(states) / np.prod(parameters.shape)
    return as_arrays(
        {
            "angle": angle,
            "planes": PLANES,
            **{name: relative(energy, n) for name, energy in curves.items()},
            "real_angle": real_angle,
            "real_space": relative(real_energy, m),
            "real_energy": real_energy[-1],
            "real_gap": np.stack([state.gap[:, 0] for state in states[:-1]]).reshape(*m.shape[:-1], -1),
            "energy": found.free_energy[-1],
            "gap": found.gap[:-1].reshape(n.shape[:-1]),
            "inserted_gap": found.gap[-1],
            "resting_gap": at_rest.gap[-1],
            "caption_gap": gap(parameters),
            "attraction": parameters.attraction,
            "momentum": q[0],
        }
    )


def figure_3ab(parameters: Parameters, sizes: Sizes) -> Data:
    """Figs. 3a and 3b: the self-consistent current of a uniform n over the sphere, and for both momenta in the plane.

    n = (sin theta cos phi, sin theta sin phi, cos theta), on the lattice of the wall along x.
    """
    polar, azimuth = np.linspace(0, np.pi, sizes.polar + 1), np.linspace(0, 2 * np.pi, 2 * sizes.polar + 1)
    theta, phi = np.meshgrid(polar, azimuth, indexing="ij")
    n = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1)
    equator = sizes.polar // 2
    shape, winding = parameters.wall_shape, (parameters.wall_winding, 0)
    superconductor = UniformBdG.of_lattice(
        model(parameters), shape, winding, attraction=parameters.attraction, **_state(parameters)
    )
    # the momenta of electrons for the opposite winding are the same ones: one batch serves both
    q = np.asarray(pair_momentum(shape, winding))
    sign = np.repeat([1.0, -1.0], [phi.size, azimuth.size])
    found = superconductor.solve(sign[:, None] * q, np.concatenate([n.reshape(-1, 3), n[equator]]))
    current = np.asarray(found.current)[: phi.size].reshape(*phi.shape, 2)
    return as_arrays(
        {
            "polar": polar,
            "azimuth": azimuth,
            "current": shape[1] * current[..., 0],
            "forward": shape[1] * current[equator, :, 0],
            "backward": shape[1] * found.current[phi.size :, 0],
            "sheet_across": current[..., 1],
            "energy": found.free_energy[: phi.size].reshape(phi.shape),
            "width": shape[1],
            "momentum": q[0],
        }
    )


def figure_3c(parameters: Parameters, sizes: Sizes) -> Data:
    """Fig. 3c: free energy of a wall along x and of one along y against its position, the current being along x.

    Also the wall along x with the momentum reversed (`reversed_x`) at some positions, with another tilt (`tilted_x`,
    pi/2 more) at the first and last, `sum_y`, the sum of n_y over a row along x, and what the paper's criterion for
    stopping leaves (`stopped_...`, `sweep_...`).
    """
    position = np.linspace(*parameters.wall_range, sizes.positions) * parameters.wall_shape[0]
    some = position[:: (sizes.positions - 1) // 3]
    data: Data = {"position": position, "shape": parameters.wall_shape, "momentum": wall_momentum(parameters)}
    data |= {"reversed_position": some, "wall_position": some[1]}
    for axis in "xy":
        found = solve_each(wall_lattice(parameters, axis), [wall(parameters, axis, r0) for r0 in position])
        data |= {f"along_{axis}": totals(found), f"current_{axis}": [state.current[0] for state in found]}
        data[f"wall_{axis}"] = wall(parameters, axis, some[1]).squeeze()
    data["sum_y"] = [wall(parameters, "x", r0)[..., 1].sum() for r0 in position]
    tilted = [wall(parameters, "x", r0, parameters.wall_tilt + np.pi / 2) for r0 in position[[0, -1]]]
    data["tilted_x"] = totals(solve_each(wall_lattice(parameters, "x"), tilted))
    reversed_x = solve_each(wall_lattice(parameters, "x", -1), [wall(parameters, "x", r0) for r0 in some])
    data["reversed_x"] = totals(reversed_x)
    return as_arrays(data | _stopped(parameters, some[1]))


def figure_3d(parameters: Parameters, sizes: Sizes) -> Data:
    """Fig. 3d: free energy of a wall along y in the middle against n inside it, for both directions of the current.

    `other` is the energy with the other way to close the texture, and `turn` that of the momentum of a whole turn along
    the shorter side, as the text has it, for n inside along and against y. (As a twist, which all of them have; the
    boundary phase of a winding of electrons would change their difference by 0.05 %.)
    """
    angle = np.linspace(0, 2 * np.pi, sizes.wall_angles + 1)
    middle = parameters.wall_shape[0] / 2
    closings = ("return", "winding")
    other = closings[closings.index(parameters.wall_closing) - 1]

    def energies(times, angles, closing=parameters.wall_closing):
        lattice = wall_lattice(parameters, "y", times)
        return totals(solve_each(lattice, [wall(parameters, "y", middle, tilt, closing) for tilt in angles]))

    curves = {
        name: np.append(values, values[0])
        for name, values in (("forward", energies(1, angle[:-1])), ("backward", energies(-1, angle[:-1])))
    }
    some = angle[:: sizes.wall_angles // 8]
    up_and_down = np.array([np.pi / 2, 3 * np.pi / 2])
    whole = 2 * np.pi / parameters.wall_shape[1]
    return as_arrays(
        {
            "angle": angle,
            **curves,
            "other_angle": some,
            "other": energies(1, some, other),
            "closing": parameters.wall_closing,
            "other_closing": other,
            "turn": energies(whole / wall_momentum(parameters), up_and_down),
            "turn_momentum": whole,
            "momentum": wall_momentum(parameters),
            "walls": np.stack([wall(parameters, "y", middle, tilt)[0] for tilt in up_and_down]),
            "shape": parameters.wall_shape[::-1],
        }
    )


def wall_momentum(parameters: Parameters) -> float:
    """q of Fig. 3 in 1/a."""
    return 2 * np.pi * parameters.wall_winding / parameters.wall_shape[0]


def wall_lattice(parameters: Parameters, axis: str, times: float | int = 1) -> LatticeBdG:
    """The superconductor of a wall along an axis, with the paper's momentum along x times a factor.

    The wall along x has the momentum from the winding of its phase, so that the factor must be a whole number; that
    along y, on whose shorter side 2 pi/50 is no winding, from a twist.
    """
    shape = parameters.wall_shape if axis == "x" else parameters.wall_shape[::-1]
    winds, twist = (times * parameters.wall_winding, 0.0) if axis == "x" else (0, times * wall_momentum(parameters))
    flow: dict[str, Any] = {"winding": (winds, 0), "twist": (twist, 0.0)}
    return LatticeBdG(model(parameters), shape, attraction=parameters.attraction, **flow, **_state(parameters))


def wall(
    parameters: Parameters, axis: str, position: float, tilt: float | None = None, closing: str | None = None
) -> np.ndarray:
    """The texture of Eq. 16, with a side of length 1 along which it does not vary."""
    length = parameters.wall_shape[0]
    tilt = parameters.wall_tilt if tilt is None else tilt
    closing = parameters.wall_closing if closing is None else closing
    shape = (length, 1) if axis == "x" else (1, length)
    return np.asarray(textures.domain_wall(shape, position, parameters.wall_width, tilt, axis, closing))


def solve_each(lattice: LatticeBdG, n: Any, tolerance: float = TOLERANCE) -> list[LatticeState]:
    """States of textures of one shape, each from the gap of the one before.

    Raises:
        RuntimeError: one of them did not converge.
    """
    states: list[LatticeState] = []
    start = _first_gap(lattice, n[0])
    for texture in n:
        states.append(_solve(lattice, texture, start, tolerance))
        if not states[-1].converged:
            raise RuntimeError(f"no self-consistent gap: residual {float(states[-1].residual):.1e}")
        start = _gap(states[-1], texture)
    return states


def totals(states: list[LatticeState]) -> np.ndarray:
    """Free energies of the whole lattice."""
    return np.array([state.free_energy for state in states])


def _stopped(parameters, position):
    """What is left where the iteration stops at the paper's relative change: ours, and an example of plain mixing."""
    lattice, n = wall_lattice(parameters, "x"), wall(parameters, "x", position)
    (best,), (stopped,) = (solve_each(lattice, [n], tolerance) for tolerance in (TOLERANCE, parameters.stopping))
    start, changes = _first_gap(lattice, n), []
    for _ in range(SWEEPS):
        sweep = _solve(lattice, n, start, TOLERANCE, 1)
        changes.append(float(sweep.residual))
        start = parameters.attraction * sweep.pair_amplitude[: n.shape[0], : n.shape[1]]
    return {
        "stopped_energy": stopped.free_energy - best.free_energy,
        "stopped_cuts": np.sum(stopped.bond_current[..., 0], axis=1),
        "sweep_changes": changes,
        "sweep_energy": sweep.free_energy - best.free_energy,
        "sweep_cuts": np.sum(sweep.bond_current[..., 0], axis=1),
    }


def _solve(lattice, n, gap, tolerance, max_steps=100):
    return _compiled(lattice, jnp.asarray(n), gap, jnp.asarray(tolerance), jnp.asarray(max_steps))


# traced, a texture is solved in real space along every side it is given on, also where it happens to be uniform
@eqx.filter_jit
def _compiled(lattice, n, gap, tolerance, max_steps):
    return lattice.solve(n, gap=gap, tolerance=tolerance, max_steps=max_steps, throw=False)


def _first_gap(lattice, n):
    return jnp.full(n.shape[:2], 0.1 * lattice.attraction, complex)


def _gap(state, n):
    return state.gap[: n.shape[0], : n.shape[1]]


def _state(parameters):
    return {"temperature": temperature(parameters)}


FIGURES = (
    Figure("figure_2cd", "Vakili 2026, Figs. 2c and 2d: self-consistent gap", figure_2cd, plot.gap_rotations, 17),
    Figure("figure_3ab", "Vakili 2026, Figs. 3a and 3b: supercurrent", figure_3ab, plot.current_over_sphere, 6),
    Figure("figure_3c", "Vakili 2026, Fig. 3c: position of a domain wall", figure_3c, plot.wall_positions, 35),
    Figure("figure_3d", "Vakili 2026, Fig. 3d: Neel vector in a domain wall", figure_3d, plot.wall_angles, 19),
)
