"""Lattices and comparisons that the tests of `LatticeBdG` share."""

import json
from pathlib import Path

import jax
import numpy as np

from benchmarks.reference import bdg_lattice as reference
from benchmarks.reference.bdg import Model
from scmag_jax.bdg import Altermagnet, LatticeBdG

DATA = json.loads((Path(__file__).parent / "data" / "reference_bdg.json").read_text())
P, POINT = DATA["params"], DATA["random_point"]
T, V = P["T"], DATA["uniform"]["params"]["Vs"]
CLEAN = (P["mu"], P["tso"], P["tm"], P["t"])
MODEL = Altermagnet(*CLEAN)
# one program for each kind of question, boundary and shape, shared by the tests
SQUARE, TINY, SMALL = (3, 3), (4, 3), (8, 4)
WARM = {"model": (0.7, 0.3, 0.2, 1.0), "temperature": 0.1, "twist": (0.2, -0.1), "poles": 16}
PERIODIC = ("periodic", "periodic")
AXES = np.eye(3)


def texture(shape, seed=3):
    return reference.random_point(shape, seed)[1]


def both(shape, model=CLEAN, attraction=V, temperature=T, poles=24, potential=0.0, **parameters):
    """The lattice and its dense counterpart; maps are arrays always, so that programs are shared."""
    attraction, potential = (np.broadcast_to(np.asarray(a, float), shape) for a in (attraction, potential))
    lattice = LatticeBdG(
        Altermagnet(*model),
        shape,
        attraction=attraction,
        temperature=temperature,
        potential=potential,
        poles=poles,
        **parameters,
    )
    # no gap where there is no attraction: any other number stands for zero
    attraction = np.where(attraction > 0, attraction, 1.0)
    return lattice, reference.Lattice(shape, Model(*model), temperature, attraction, potential=potential, **parameters)


def lattice_of(shape, model=CLEAN, **parameters):
    return both(shape, model, **parameters)[0]


@jax.jit
def observables(lattice, gap, n):
    """Nothing is known of traced arrays: the general route, unless a side has length 1."""
    return lattice.observables(gap, n)


@jax.jit
def traced_solve(lattice, n, gap, tolerance, max_steps):
    return lattice.solve(n, gap=gap, tolerance=tolerance, max_steps=max_steps, throw=False)


def solve(lattice, n, gap=0.4 + 0j, tolerance=1e-10, max_steps=100):
    return traced_solve(lattice, n, np.broadcast_to(gap, lattice.shape), tolerance, max_steps)


def compare(found, exact, energy, fields):
    """Of a `LatticeObservables` and a dense answer; tolerances of F of the lattice, and of all the rest."""
    np.testing.assert_allclose(found.free_energy, exact.free_energy, rtol=0, atol=energy)
    for name in ("pair_amplitude", "neel_field", "bond_current", "current", "density"):
        np.testing.assert_allclose(getattr(found, name), getattr(exact, name), rtol=0, atol=fields, err_msg=name)


def same(found, other, energy, fields):
    compare(found, other, energy, fields)
    np.testing.assert_allclose(found.torque, other.torque, rtol=0, atol=fields)
    np.testing.assert_allclose(found.gap, other.gap, rtol=0, atol=fields)


def continuity(found):
    source = 4 * (np.conj(found.gap) * np.asarray(found.pair_amplitude)).imag
    # rounding of currents of order 0.1
    np.testing.assert_allclose(found.divergence(), source, rtol=0, atol=1e-14)
    return source


def slopes(f, step):
    """Fourth-order central difference of f at zero."""
    near, far = (np.asarray(f(k * step)) - np.asarray(f(-k * step)) for k in (1, 2))
    return (8 * near - far) / (12 * step)
