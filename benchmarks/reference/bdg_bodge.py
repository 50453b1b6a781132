"""The lattice of `bdg_lattice` in bodge, the closest package of that kind: its free energy and one gap iteration.

bodge takes any hopping matrix and any pairing matrix per bond, so that the Hamiltonian is the same to the last digit.
Its free energy is without |D|^2/V. A gap it leaves to its user; here from the eigenvectors of its positive levels.
"""

import bodge
import numpy as np

from . import bdg_lattice


def system(lattice, gap, n):
    """bodge's Hamiltonian; at least three sites along an axis, as it joins two sites by one bond only."""
    made = bodge.Hamiltonian(bodge.CubicLattice((*lattice.shape, 1)))
    along = [bdg_lattice.bonds(lattice, n, axis) for axis in bdg_lattice.AXES]
    local = 4.0 * lattice.model.hopping - lattice.model.chemical_potential + lattice.potential
    local = np.broadcast_to(local, lattice.shape)
    with made as (hopping, pairing):
        for x, y in np.ndindex(*lattice.shape):
            site = (x, y, 0)
            hopping[site, site] = local[x, y] * bodge.σ0
            pairing[site, site] = gap[x, y] * bodge.jσ2
            neighbours = ((x + 1) % lattice.shape[0], y, 0), (x, (y + 1) % lattice.shape[1], 0)
            for bond, neighbour in zip(along, neighbours, strict=True):
                hopping[site, neighbour] = bond[x, y]
                hopping[neighbour, site] = bond[x, y].conj().T
    return made


def pair_amplitude(made, shape, temperature):
    """S of a bodge Hamiltonian, so that V S is the next gap, (Lx, Ly)."""
    levels, states = made.diagonalize()
    up, down, hole_up, hole_down = np.moveaxis(states, -1, 0)
    pairs = up * hole_down.conj() - down * hole_up.conj()
    return 0.5 * np.tensordot(np.tanh(levels / (2.0 * temperature)), pairs, 1).reshape(shape)


def free_energy_job(lattice, seed):
    """For `benchmarks.one_core`: F without |D|^2/V at a random point."""
    lattice = bdg_lattice.Lattice.from_json(lattice)
    made = system(lattice, *bdg_lattice.random_point(lattice.shape, seed))
    return lambda: {"quasiparticle_energy": made.free_energy(lattice.temperature)}


def gap_job(lattice, seed):
    """For `benchmarks.one_core`: S at a random point, all that an iteration of the gap takes."""
    lattice = bdg_lattice.Lattice.from_json(lattice)
    made = system(lattice, *bdg_lattice.random_point(lattice.shape, seed))
    return lambda: {"pair_amplitude": pair_amplitude(made, lattice.shape, lattice.temperature)}
