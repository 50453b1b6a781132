"""Uniform superconductor with a d-wave altermagnet (Vakili 2026) in NumPy and SciPy, written apart from the package.

Conventions. t = a = hbar = e = kB = 1. With the four matrices sigma_0 = 1, sigma_x, sigma_y, sigma_z and the
coefficients c(k), the normal state is

    h(k) = sum_m c_m(k) sigma_m = xi(k) + tso (sin kx sigma_y - sin ky sigma_x) + 2 tm (cos ky - cos kx) n.sigma

and the superconductor with the Cooper-pair momentum q and the real gap D has

    H(k) = [[h(k + q/2), D i sigma_y], [(D i sigma_y)^dagger, -h(-k + q/2)^*]],
    F = -(T/2) sum_k w_k sum_{4 E} ln 2cosh(E/2T),    dF/dx = -(1/4) sum_k w_k tr[tanh(H/2T) dH/dx]

F has neither D^2/V nor the trace of h. A mesh is a pair (momenta (p, 2), weights (p,)). All momenta are
diagonalised, block by block, so that memory is bounded.
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

SIGMA = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
PAIRING = np.array([[0.0, 1.0], [-1.0, 0.0]])  # i sigma_y
BLOCK = 1024  # momenta at once: their matrices fit a cache, the fastest of 256 to 16384
SMALLEST_GAP = 1e-4  # of the attraction: below it the gap counts as collapsed


@dataclass(frozen=True)
class Model:
    """Normal state; the chemical potential is counted from the bottom of the band."""

    chemical_potential: float
    rashba: float
    altermagnet: float
    hopping: float = 1.0
    dispersion: str = "lattice"


# --- meshes


def lattice_mesh(shape, offset=(0.0, 0.0)):
    """k = 2 pi (m + offset)/shape with equal weights that sum to 1: F is per site."""
    kx, ky = (2.0 * np.pi * (np.arange(count) + shift) / count for count, shift in zip(shape, offset, strict=True))
    momenta = np.stack(np.meshgrid(kx, ky, indexing="ij"), -1).reshape(-1, 2)
    return momenta, np.full(len(momenta), 1.0 / len(momenta))


def continuum_mesh(count, cutoff):
    """Gauss-Legendre nodes in |kx|, |ky| < cutoff, with the weights of int d2k/(2 pi)^2."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    momenta = cutoff * np.stack(np.meshgrid(nodes, nodes, indexing="ij"), -1).reshape(-1, 2)
    return momenta, (cutoff / (2.0 * np.pi)) ** 2 * np.outer(weights, weights).ravel()


# --- the Hamiltonian


def coefficients(k, n, model):
    """c_m(k), shape (p, 4)."""
    if model.dispersion == "lattice":
        scalar = model.hopping * (4.0 - 2.0 * np.cos(k).sum(-1)) - model.chemical_potential
        odd = np.sin(k)
    else:
        scalar = model.hopping * (k**2).sum(-1) - model.chemical_potential
        odd = k
    exchange = model.altermagnet * splitting(k, model)
    return np.stack(
        [
            scalar,
            exchange * n[0] - model.rashba * odd[:, 1],
            exchange * n[1] + model.rashba * odd[:, 0],
            exchange * n[2],
        ],
        -1,
    )


def splitting(k, model):
    """The d-wave form factor, shape (p,), kx^2 - ky^2 at small k."""
    x, y = k.T
    return 2.0 * (np.cos(y) - np.cos(x)) if model.dispersion == "lattice" else x**2 - y**2


def slopes(k, n, model):
    """dc_m/dk_x and dc_m/dk_y, shape (2, p, 4)."""
    if model.dispersion == "lattice":
        even, twice = np.cos(k), 2.0 * np.sin(k)
    else:
        even, twice = np.ones_like(k), 2.0 * k
    derivative = np.zeros((2, len(k), 4))
    derivative[:, :, 0] = model.hopping * twice.T
    for axis, sign in ((0, 1.0), (1, -1.0)):
        derivative[axis, :, 1:] = sign * model.altermagnet * twice[:, axis, None] * np.asarray(n)
        derivative[axis, :, 2 - axis] += sign * model.rashba * even[:, axis]
    return derivative


def hamiltonian(k, q, n, gap, model):
    """H(k), shape (p, 4, 4)."""
    matrix = np.empty((len(k), 4, 4), complex)
    matrix[:, :2, :2] = np.tensordot(coefficients(q / 2 + k, n, model), SIGMA, 1)
    matrix[:, 2:, 2:] = -np.tensordot(coefficients(q / 2 - k, n, model), SIGMA, 1).conj()
    matrix[:, :2, 2:], matrix[:, 2:, :2] = gap * PAIRING, gap * PAIRING.T
    return matrix


# --- free energy and expectation values


def free_energy(mesh, q, n, gap, temperature, model):
    """F from the eigenvalues alone."""
    return sum(
        _free_energy(np.linalg.eigvalsh(hamiltonian(k, np.asarray(q), n, gap, model)), weight, temperature)
        for k, weight in _blocks(mesh)
    )


def free_energy_and_field(mesh, q, n, gap, temperature, model):
    """F and the Neel field -dF/dn (3,) of Eq. 3, n not constrained."""
    q = np.asarray(q)
    total, field = 0.0, np.zeros(3)
    for k, weight in _blocks(mesh):
        part, tanh = _diagonalise(k, weight, q, n, gap, temperature, model)
        total += part
        field += _neel_field(k, weight, q, tanh, model)
    return total, field


def gradient(mesh, q, n, gap, temperature, model):
    """F, -dF/dn (3,) and dF/dq (2,) at a given gap; in the continuum subtract dF/dq of the normal state."""
    q = np.asarray(q)
    total, field, of_q = 0.0, np.zeros(3), np.zeros(2)
    for k, weight in _blocks(mesh):
        part, tanh = _diagonalise(k, weight, q, n, gap, temperature, model)
        electrons, holes = _densities(tanh)
        total += part
        field += _neel_field(k, weight, q, tanh, model)
        of_electrons = np.einsum("p,apm,pm->a", weight, slopes(q / 2 + k, n, model), electrons)
        of_holes = np.einsum("p,apm,pm->a", weight, slopes(q / 2 - k, n, model), holes)
        of_q -= (of_electrons + of_holes) / 8.0  # both momenta move with q/2
    return total, field, of_q


def pair_amplitude(mesh, q, n, gap, temperature, model):
    """S = -dF/dD^* = -(1/2) dF/dD."""
    total = 0.0
    for k, weight in _blocks(mesh):
        _, tanh = _diagonalise(k, weight, np.asarray(q), n, gap, temperature, model)
        total += weight @ (tanh[:, 3, 0] - tanh[:, 2, 1]).real / 4.0
    return total


def _blocks(mesh):
    momenta, weights = mesh
    for start in range(0, len(weights), BLOCK):
        yield momenta[start : start + BLOCK], weights[start : start + BLOCK]


def _free_energy(energies, weight, temperature):
    # ln 2cosh x = ln(e^x + e^-x), which does not overflow
    x = energies / (2.0 * temperature)
    return -0.5 * temperature * (weight @ np.logaddexp(x, -x).sum(-1))


def _diagonalise(k, weight, q, n, gap, temperature, model):
    """The block's part of F, and tanh(H/2T), shape (p, 4, 4)."""
    energies, states = np.linalg.eigh(hamiltonian(k, q, n, gap, model))
    tanh = (states * np.tanh(energies / (2.0 * temperature))[:, None, :]) @ states.conj().swapaxes(1, 2)
    return _free_energy(energies, weight, temperature), tanh


def _densities(tanh):
    """tr[tanh(H/2T) dH/dc_m] for the coefficients of the electrons and of the holes, (p, 4) each."""
    electrons = np.tensordot(tanh[:, :2, :2], SIGMA, ([1, 2], [2, 1])).real
    holes = -np.tensordot(tanh[:, 2:, 2:], SIGMA.conj(), ([1, 2], [2, 1])).real
    return electrons, holes


def _neel_field(k, weight, q, tanh, model):
    electrons, holes = _densities(tanh)
    of_electrons = (weight * splitting(q / 2 + k, model)) @ electrons[:, 1:]
    of_holes = (weight * splitting(q / 2 - k, model)) @ holes[:, 1:]
    return model.altermagnet * (of_electrons + of_holes) / 4.0


# --- the gap equation D = V S(D)


def self_consistent_gap(mesh, q, n, attraction, temperature, model, guess=None):
    """The gap at q, 0 where there is none: a root of D/(V S(D)) - 1, nearly a straight line at large D.

    By the secant method from a guess, or else by Brent's, in the first bracket of halves down from V/2, which no gap
    exceeds: a small lattice may have a smaller root besides, which is not stable.
    """

    def excess(gap):
        return gap / (attraction * pair_amplitude(mesh, q, n, gap, temperature, model)) - 1.0

    if guess is not None:
        return optimize.root_scalar(excess, method="secant", x0=guess, x1=1.01 * guess, xtol=1e-13, rtol=1e-11).root
    low = 0.25 * attraction
    while excess(low) > 0.0:
        low *= 0.5
        if low < SMALLEST_GAP * attraction:
            return 0.0
    return optimize.brentq(excess, low, 2.0 * low, xtol=1e-14, rtol=1e-13)


def solve(mesh, q, n, attraction, temperature, model, guess=None):
    """Gap, F with D^2/V, Neel field (3,) and current 2 dF/dq (2,) of the self-consistent lattice."""
    gap = self_consistent_gap(mesh, q, n, attraction, temperature, model, guess)
    energy, field, of_q = gradient(mesh, q, n, gap, temperature, model)
    return gap, energy + gap**2 / attraction, field, 2.0 * of_q
