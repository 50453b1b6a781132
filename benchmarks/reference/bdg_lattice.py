"""Superconductor with a d-wave altermagnet on a lattice of any texture (Vakili 2026): dense matrices in NumPy.

Written apart from the package. Conventions. t = a = hbar = e = kB = 1. With the bond matrices

    T_x(i) = e^{i q_x/2} [-t - (i tso/2) sigma_y - tm n_b.sigma]
    T_y(i) = e^{i q_y/2} [-t + (i tso/2) sigma_x + tm n_b.sigma]

    h = sum_{i,d} (c^dag_i T_d(i) c_{i+d} + h.c.) + sum_i (4t - mu + U_i) c^dag_i c_i

where n_b is the mean of both ends' n, or the n of i ("site"), the levels E of

    H = [[h, D i sigma_y], [(D i sigma_y)^dagger, -h^*]],    D the complex gap with e^{i q.r} divided out,

give F = -(T/2) sum_{all E} ln 2cosh(E/2T) + sum_i |D_i|^2/V, and R = -(1/4) tanh(H/2T) every derivative,
dF_qp/dx = tr[R dH/dx]. F does not contain half the trace of h. Only the elements of R on sites and bonds are ever
worked out, so that the eigenvectors are all the cost. The Cooper pairs' momentum is q = 2 pi winding/shape + twist;
the bond that closes an axis has the phase boundary_phase - pi winding besides, which leaves electrons periodic.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .bdg import PAIRING, SIGMA, Model

AXES = (0, 1)
MEMORY = 20  # earlier gaps that the mixing remembers: the phase of a texture's gap moves along many soft modes


@dataclass(frozen=True)
class Lattice:
    """Everything but the gap and the texture; attraction and potential are numbers or (Lx, Ly)."""

    shape: tuple[int, int]
    model: Model
    temperature: float
    attraction: float | np.ndarray
    winding: tuple[int, int] = (0, 0)
    twist: tuple[float, float] = (0.0, 0.0)
    boundary_phase: tuple[float, float] = (0.0, 0.0)
    boundary: tuple[str, str] = ("periodic", "periodic")
    bond_average: str = "mean"
    potential: float | np.ndarray = 0.0

    @classmethod
    def from_json(cls, description: dict) -> "Lattice":
        """From plain lists and dictionaries, as they reach another process."""
        description = {name: tuple(v) if isinstance(v, list) else v for name, v in description.items()}
        return cls(**description | {"model": Model(**description["model"])})

    @property
    def sites(self) -> np.ndarray:
        """Number of each site, (Lx, Ly)."""
        return np.arange(self.shape[0] * self.shape[1]).reshape(self.shape)


class Observables(NamedTuple):
    """F with and without |D|^2/V, S = -dF_qp/dD^*, -dF/dn, currents i -> i + d, their mean through cuts, electrons."""

    free_energy: float
    quasiparticle_energy: float
    pair_amplitude: np.ndarray
    neel_field: np.ndarray
    bond_current: np.ndarray
    current: np.ndarray
    density: np.ndarray


def random_point(shape, seed=1):
    """A complex gap (Lx, Ly) and a texture (Lx, Ly, 3) of no order at all, the same for a seed everywhere."""
    random = np.random.default_rng(seed)
    gap = 0.46 + 0.15 * (random.normal(size=shape) + 1j * random.normal(size=shape))
    n = random.normal(size=(*shape, 3))
    return gap, n / np.linalg.norm(n, axis=-1, keepdims=True)


# --- the Hamiltonian


def phases(lattice, axis):
    """Phase factors of the bonds along an axis, (Lx, Ly); zero where an open axis has none."""
    count, winding = lattice.shape[axis], lattice.winding[axis]
    q = 2.0 * np.pi * winding / count + lattice.twist[axis]
    along = np.full(count, np.exp(0.5j * q))
    closing = np.exp(1j * (lattice.boundary_phase[axis] - np.pi * winding))
    along[-1] *= {"periodic": closing, "open": 0.0}[lattice.boundary[axis]]
    return np.broadcast_to(along[:, None] if axis == 0 else along, lattice.shape)


def splitting(lattice, axis):
    """dT/dn along an axis, (Lx, Ly, 3, 2, 2)."""
    exchange = (-1.0, 1.0)[axis] * lattice.model.altermagnet
    return exchange * np.multiply.outer(phases(lattice, axis), SIGMA[1:])


def bonds(lattice, n, axis):
    """T(i) of the bonds i -> i + d along an axis, (Lx, Ly, 2, 2)."""
    average = {"mean": 0.5 * (n + np.roll(n, -1, axis)), "site": n}[lattice.bond_average]
    model = lattice.model
    rashba = (-0.5j * model.rashba * SIGMA[2], 0.5j * model.rashba * SIGMA[1])[axis]
    kinetic = np.multiply.outer(phases(lattice, axis), rashba - model.hopping * SIGMA[0])
    return kinetic + np.einsum("xya,xyaij->xyij", average, splitting(lattice, axis))


def normal_state(lattice, n):
    """h as (N, 2, N, 2): site, spin, site, spin."""
    site = lattice.sites.ravel()
    h = np.zeros((site.size, 2, site.size, 2), complex)
    local = 4.0 * lattice.model.hopping - lattice.model.chemical_potential + lattice.potential
    h[site, :, site, :] = np.multiply.outer(np.broadcast_to(local, lattice.shape).ravel(), SIGMA[0])
    for axis in AXES:
        bond = bonds(lattice, n, axis).reshape(-1, 2, 2)
        neighbour = np.roll(lattice.sites, -1, axis).ravel()
        # one bond at most starts from a site, but on two sites both of a pair's bonds meet the same element
        h[site, :, neighbour, :] += bond
        h[neighbour, :, site, :] += bond.conj().swapaxes(1, 2)
    return h


def hamiltonian(lattice, gap, n):
    """H, (4N, 4N), in the order electrons, holes; then site; then spin."""
    size = 2 * lattice.sites.size
    matrix = np.zeros((2 * size, 2 * size), complex)
    matrix[:size, :size] = normal_state(lattice, np.asarray(n)).reshape(size, size)
    matrix[size:, size:] = -matrix[:size, :size].conj()
    site = lattice.sites.ravel()
    pairing = np.zeros((site.size, 2, site.size, 2), complex)
    pairing[site, :, site, :] = np.multiply.outer(np.ravel(gap), PAIRING)
    matrix[:size, size:] = pairing.reshape(size, size)
    matrix[size:, :size] = matrix[:size, size:].conj().T
    return matrix


# --- free energy and expectation values


def free_energy(lattice, gap, n):
    """F of the lattice from the levels alone."""
    levels = np.linalg.eigvalsh(hamiltonian(lattice, gap, n))
    return _of_levels(levels, lattice.temperature) + _condensate(lattice, gap)


def observables(lattice, gap, n, diagonalise=np.linalg.eigh):
    """F and all that follows from R; of a matrix `diagonalise` gives the levels and the states."""
    levels, states = diagonalise(hamiltonian(lattice, gap, n))
    energy = _of_levels(levels, lattice.temperature)
    weight = -0.25 * np.tanh(levels / (2.0 * lattice.temperature))
    electrons, holes = states.reshape(2, *lattice.shape, 2, levels.size)

    def elements(left, right):
        """R between the spins of left and right, (Lx, Ly, 2, 2)."""
        return (left * weight) @ right.conj().swapaxes(-1, -2)

    local, pairs = elements(electrons, electrons), elements(electrons, holes)
    field = np.zeros((*lattice.shape, 3))
    currents = []
    for axis in AXES:
        across = elements(np.roll(electrons, -1, axis), electrons)  # R(i + d, i)
        currents.append(-4.0 * np.einsum("xyij,xyji->xy", bonds(lattice, n, axis), across).imag)
        of_bond = -4.0 * np.einsum("xyaij,xyji->xya", splitting(lattice, axis), across).real
        field += 0.5 * (of_bond + np.roll(of_bond, 1, axis)) if lattice.bond_average == "mean" else of_bond
    bond_current = np.stack(currents, -1)
    # an open axis of L sites has L - 1 cuts
    cuts = [max(1, side - (kind == "open")) for side, kind in zip(lattice.shape, lattice.boundary, strict=True)]
    return Observables(
        free_energy=energy + _condensate(lattice, gap),
        quasiparticle_energy=energy,
        pair_amplitude=pairs[..., 1, 0] - pairs[..., 0, 1],
        neel_field=field,
        bond_current=bond_current,
        current=bond_current.sum((0, 1)) / cuts,
        density=1.0 + 2.0 * np.einsum("xyii->xy", local).real,
    )


def local_density_of_states(lattice, gap, n, energies, broadening):
    """Electrons of both spins for each energy, Lorentzian levels of that half width, (energies, Lx, Ly)."""
    levels, states = np.linalg.eigh(hamiltonian(lattice, gap, n))
    electrons = (np.abs(states.reshape(2, *lattice.shape, 2, levels.size)[0]) ** 2).sum(2)
    lines = broadening / np.pi / (np.subtract.outer(np.asarray(energies), levels) ** 2 + broadening**2)
    return np.tensordot(lines, electrons, (1, 2))


def _of_levels(levels, temperature):
    # ln 2cosh x = ln(e^x + e^-x), which does not overflow
    x = levels / (2.0 * temperature)
    return -0.5 * temperature * np.logaddexp(x, -x).sum()


def _condensate(lattice, gap):
    return (np.abs(gap) ** 2 / np.broadcast_to(lattice.attraction, lattice.shape)).sum()


# --- the gap equation D = V S(D)


def solve(lattice, n, gap=None, tolerance=1e-9, max_steps=200):
    """Gap, observables there and steps: Anderson mixing until max |V S - D| <= tolerance max |D|.

    Raises:
        RuntimeError: not converged.
    """
    gap = np.broadcast_to(0.1 * lattice.attraction if gap is None else gap, lattice.shape).astype(complex)
    gaps, residuals = [], []
    for step in range(max_steps):
        found = observables(lattice, gap, n)
        residual = lattice.attraction * found.pair_amplitude - gap
        if np.abs(residual).max() <= tolerance * np.abs(gap).max():
            return gap, found, step
        gaps, residuals = [*gaps, gap][-MEMORY:], [*residuals, residual][-MEMORY:]
        gap = _mixed(np.array(gaps), np.array(residuals))
    raise RuntimeError(f"the gap did not converge in {max_steps} steps")


def _mixed(gaps, residuals):
    """The affine combination of the gaps that has the smallest residual, plus that residual."""
    steps, changes = gaps[:-1] - gaps[-1], residuals[:-1] - residuals[-1]
    # the weights are real: S depends on the gap's real and imaginary part apart
    columns = changes.view(float).reshape(len(changes), residuals[-1].view(float).size).T
    weights = np.linalg.lstsq(columns, -residuals[-1].view(float).ravel(), rcond=1e-12)[0]
    return gaps[-1] + residuals[-1] + np.tensordot(weights, steps + changes, 1)
