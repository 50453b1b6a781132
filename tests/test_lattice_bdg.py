"""BdG on a lattice: samples, dense matrices, routes, self-consistency, invariances, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from lattice_cases import (
    AXES,
    CLEAN,
    DATA,
    MODEL,
    PERIODIC,
    POINT,
    SMALL,
    TINY,
    T,
    V,
    both,
    compare,
    continuity,
    lattice_of,
    observables,
    same,
    texture,
)

import scmag_jax as sm
from benchmarks.reference import bdg_lattice as reference
from scmag_jax.bdg import Altermagnet, LatticeBdG, LatticeEnergy, UniformBdG, pair_momentum
from scmag_jax.bdg.bonds import Fields, majorana_bonds, slices
from scmag_jax.numerics.blocks import log_determinants
from scmag_jax.solution import RESULTS

# --- samples and dense matrices


@pytest.mark.parametrize(
    ("poles", "energy", "fields"),
    # 24 poles are exact; sums of logarithms to 16000 leave 1e-13 of F. Default: 1e-11 a site and 1e-10 were asked for
    [(24, 1e-12, 1e-14), (None, 12e-12, 1e-11)],
    ids=["24", "default"],
)
def test_random_point(poles, energy, fields):
    # a complex gap and a texture of no order, twisted, generic boundary phases (T2)
    kw = POINT["kw"]
    phases = {"twist": (kw["twist_q"], 0.0), "boundary_phase": (kw["bcx"], kw["bcy"])}
    lattice = lattice_of(TINY, poles=24, **phases)
    if poles is None:
        lattice = LatticeBdG(MODEL, TINY, attraction=V, temperature=T, **phases)
    gap, n = np.array(POINT["Delta_re"]) + 1j * np.array(POINT["Delta_im"]), np.array(POINT["n"])
    found = lattice.observables(gap, n)
    np.testing.assert_allclose(found.free_energy, POINT["F"], rtol=0, atol=energy)
    for mine, name in [
        (found.pair_amplitude.real, "S_re"),
        (found.pair_amplitude.imag, "S_im"),
        (found.neel_field, "h"),
        (found.bond_current[..., 0], "Ix"),
        (found.bond_current[..., 1], "Iy"),
        (found.density, "dens"),
    ]:
        np.testing.assert_allclose(mine, POINT[name], rtol=0, atol=fields, err_msg=name)
    np.testing.assert_allclose(found.torque, np.cross(n, POINT["h"]), rtol=0, atol=fields)
    np.testing.assert_array_equal(found.gap, gap)
    # T4, for a gap that solves nothing
    assert np.abs(continuity(found)).max() > 1e-2


@pytest.mark.parametrize(
    ("shape", "boundary", "average"),
    [
        (TINY, PERIODIC, "mean"),
        ((3, 5), ("open", "periodic"), "site"),  # odd, Lx < Ly
        ((5, 2), PERIODIC, "site"),  # two sites: two bonds join them
        ((1, 4), ("periodic", "open"), "mean"),  # a site next to itself
        ((4, 1), ("open", "open"), "site"),
        ((2, 2), PERIODIC, "mean"),
        ((1, 1), PERIODIC, "site"),
        (SMALL, ("open", "open"), "mean"),
    ],
    ids=str,
)
def test_dense_matrices(shape, boundary, average):
    # no symmetry is left: windings, twist, boundary phases, disorder, a site without attraction. 24 poles leave 2e-13
    # of tanh; F has rounding of sums of logarithms to 16000 times 1e-2 a site. Measured 1e-12 and, on 2 x 2, 4e-14
    random = np.random.default_rng(5)
    attraction, potential = random.uniform(1.0, 5.0, shape), random.normal(size=shape)
    gap, n = reference.random_point(shape)
    winding = tuple(w if side == "periodic" else 0 for w, side in zip((1, -1), boundary, strict=True))
    if attraction.size > 1:
        attraction[0, 0], gap[0, 0] = 0.0, 0.0
    lattice, dense = both(
        shape,
        (0.4, 0.5, 0.4, 0.9),
        attraction,
        potential=potential,
        winding=winding,
        twist=(0.3, -0.2),
        boundary_phase=(0.4, 1.1),
        boundary=boundary,
        bond_average=average,
    )
    np.testing.assert_allclose(lattice.momentum, 2 * np.pi * np.array(winding) / shape + [0.3, -0.2], rtol=1e-15)
    found, exact = lattice.observables(gap, n), reference.observables(dense, gap, n)
    # an open side has one cut less
    cuts = [max(1, sites - (side == "open")) for sites, side in zip(shape, boundary, strict=True)]
    compare(found, exact._replace(current=exact.bond_current.sum((0, 1)) / cuts), 1e-11, 1e-13)
    continuity(found)


@pytest.mark.parametrize("temperature", [0.002, 0.0005])
def test_low_temperatures(temperature):
    # no gap, or hardly one, and 32 poles: the lowest is at pi T. Elimination without pivots loses nothing here
    for gap, model in ((0.0, CLEAN), (0.01, CLEAN), (0.0, (4.0, 0.2, 0.2, 1.0))):
        lattice, dense = both(SMALL, model, temperature=temperature, poles=32)
        gap, n = np.full(SMALL, gap + 0j), texture(SMALL)
        compare(observables(lattice, gap, n), reference.observables(dense, gap, n), 1e-11, 1e-12)


def test_levels_at_zero():
    # half filling without spin-orbit coupling or gap: rings with levels at zero, and the whole has them too. The worst
    # there is, and not refused: measured 1e-11 and 1e-11 at T = 0.005, 2e-10 and 1e-9 at 0.002, 1e-8 and 2e-7 at 0.0005
    gap, n = np.zeros(SMALL, complex), np.broadcast_to([0.48, -0.6, 0.64], (*SMALL, 3))
    for temperature, energy, fields in ((0.0113, 1e-11, 1e-11), (0.005, 1e-10, 1e-10), (0.002, 1e-9, 1e-8)):
        lattice, dense = both(SMALL, (4.0, 0.0, 0.2, 1.0), temperature=temperature, poles=32)
        assert np.abs(np.linalg.eigvalsh(reference.hamiltonian(dense, gap, n))).min() < 1e-14
        compare(observables(lattice, gap, n), reference.observables(dense, gap, n), energy, fields)


def test_majorana_basis():
    # T12: A is real and antisymmetric, and i A has the levels of H, which come in pairs
    _, dense = both(TINY, (0.4, 0.5, 0.4, 0.9), potential=np.arange(12.0).reshape(TINY) / 10, twist=(0.3, -0.2))
    gap, n = reference.random_point(TINY)
    phase = np.broadcast_to([0.15, -0.1], (*TINY, 2))
    fields = Fields(*map(jnp.asarray, (gap.real, gap.imag, n, phase, dense.potential)))
    bonds = majorana_bonds(Altermagnet(0.4, 0.5, 0.4, 0.9), fields, "mean", jnp.ones((*TINY, 2)))
    matrix = np.zeros((*TINY, 4, *TINY, 4))
    for x, y in np.ndindex(TINY):
        matrix[x, y, :, x, y] += bonds.site[x, y]
        for bond, (i, j) in ((bonds.x, ((x + 1) % 4, y)), (bonds.y, (x, (y + 1) % 3))):
            matrix[x, y, :, i, j] += bond[x, y]
            matrix[i, j, :, x, y] -= bond[x, y].T
    matrix = matrix.reshape(48, 48)
    np.testing.assert_array_equal(matrix, -matrix.T)
    levels = np.linalg.eigvalsh(reference.hamiltonian(dense, gap, n))
    np.testing.assert_allclose(np.linalg.eigvalsh(1j * matrix), levels, rtol=0, atol=5e-14)
    np.testing.assert_allclose(levels, -levels[::-1], rtol=0, atol=5e-14)
    couplings, weights = slices(bonds, TINY, (None, None))
    logs = log_determinants(couplings, jnp.array([0.3]), jnp.ones(1))
    np.testing.assert_allclose(weights @ logs, np.log1p((levels / 0.3) ** 2).sum() / 2, rtol=1e-14)


def test_local_gauge_invariance():
    # T7: D_i -> D_i e^{i a_i}, T_ij -> T_ij e^{i (a_i - a_j) / 2} changes nothing but the phase of S. Rounding
    random = np.random.default_rng(2)
    lattice = lattice_of(TINY, twist=(0.2, 0.1), poles=16)
    (gap, n), angle = reference.random_point(TINY), random.normal(size=TINY)
    turns = np.stack([angle - np.roll(angle, -1, axis) for axis in (0, 1)], axis=-1) / 2

    @jax.jit
    def energy_and_slopes(gap, phase):
        fields = Fields(gap[0], gap[1], jnp.asarray(n), phase, lattice.potential)
        return jax.value_and_grad(lattice._quasiparticles)(fields)

    def at(gap, phase):
        energy, slopes = energy_and_slopes(jnp.stack([gap.real, gap.imag]), phase)
        return energy, np.asarray(slopes.real) + 1j * np.asarray(slopes.imaginary), slopes.neel, slopes.phase

    plain, turned = at(gap, 0 * turns), at(gap * np.exp(1j * angle), turns)
    np.testing.assert_allclose(turned[0], plain[0], rtol=0, atol=1e-12)
    for mine, other in zip(turned[1:], (plain[1] * np.exp(1j * angle), *plain[2:]), strict=True):
        np.testing.assert_allclose(mine, other, rtol=0, atol=1e-14)


def test_windings_twists_and_phases_of_the_gap():
    # T7 with what the class takes: a winding, the twist and boundary phase it is, and the gap's own turning phase; the
    # phase of the whole. Rounding
    gap, n = reference.random_point(TINY)
    x, y = np.meshgrid(*map(np.arange, TINY), indexing="ij")
    turning = np.exp(2j * np.pi * (x / 4 - 2 * y / 3))
    plain = lattice_of(TINY, boundary_phase=(0.4, 1.1), winding=(1, -2)).observables(gap, n)
    twist = {"twist": (2 * np.pi / 4, -4 * np.pi / 3), "boundary_phase": (0.4 - np.pi, 1.1 + 2 * np.pi)}
    twisted = lattice_of(TINY, **twist).observables(gap, n)
    same(twisted, plain, 1e-12, 1e-14)
    explicit = lattice_of(TINY, boundary_phase=(0.4, 1.1)).observables(gap * turning, n)
    np.testing.assert_allclose(explicit.pair_amplitude, plain.pair_amplitude * turning, rtol=0, atol=1e-14)
    same(
        eqx.tree_at(lambda o: (o.gap, o.pair_amplitude), explicit, (plain.gap, plain.pair_amplitude)),
        plain,
        1e-12,
        1e-14,
    )
    other = lattice_of(TINY, boundary_phase=(0.4, 1.1), winding=(1, -2)).observables(gap * np.exp(0.7j), n)
    np.testing.assert_allclose(other.pair_amplitude, plain.pair_amplitude * np.exp(0.7j), rtol=0, atol=1e-14)
    same(
        eqx.tree_at(lambda o: (o.gap, o.pair_amplitude), other, (plain.gap, plain.pair_amplitude)), plain, 1e-12, 1e-14
    )


# --- routes


def test_routes_of_a_uniform_lattice():
    # T1: momentum space with as many poles, and real space, without known arrays too. Rounding: 1e-13 of F a site
    shape, winding, n = SMALL, (1, 0), np.array([0.48, -0.6, 0.64])
    lattice = lattice_of(shape, winding=winding, poles=32)
    u = UniformBdG.of_lattice(MODEL, shape, winding, attraction=V, temperature=T, poles=32)
    exact = u.solve(pair_momentum(shape, winding), n)
    gap = float(exact.gap)
    whole = np.full(shape, gap + 0j), np.broadcast_to(n, (*shape, 3))
    for found in (lattice.observables(gap, n), lattice.observables(*whole), observables(lattice, *whole)):
        np.testing.assert_allclose(found.free_energy / 32, exact.free_energy, rtol=0, atol=1e-12)
        for name in ("neel_field", "torque"):
            expected = np.broadcast_to(getattr(exact, name), (*shape, 3))
            np.testing.assert_allclose(getattr(found, name), expected, rtol=0, atol=1e-14)
        np.testing.assert_allclose(found.bond_current, np.broadcast_to(exact.current, (*shape, 2)), rtol=0, atol=1e-14)
        np.testing.assert_allclose(found.current, exact.current * np.array([4.0, 8.0]), rtol=0, atol=1e-13)
        np.testing.assert_allclose(found.pair_amplitude, np.full(shape, gap / V + 0j), rtol=0, atol=1e-13)


@pytest.mark.parametrize("axis", [0, 1], ids=["x", "y"])
def test_routes_of_a_texture_along_one_side(axis):
    # T8: the texture as a line, as a known array of the whole lattice, and traced, which is the general route; against
    # dense matrices. A potential and an attraction that vary along the same side, odd turns of both. Rounding
    line = [1, 1]
    line[axis] = SMALL[axis]
    gap, n = reference.random_point(line)
    attraction, potential = (
        np.linspace(3.0, 5.0, SMALL[axis]).reshape(line),
        np.cos(np.arange(SMALL[axis])).reshape(line),
    )
    parameters = {"winding": (1, -1), "twist": (0.1, -0.2), "boundary_phase": (0.0, np.pi), "poles": 32}
    lattice, dense = both(SMALL, attraction=attraction, potential=potential, **parameters)
    whole = [np.broadcast_to(a, (*SMALL, *a.shape[2:])) for a in (gap, n)]
    exact = reference.observables(dense, *whole)
    for found in (lattice.observables(gap, n), lattice.observables(*whole), observables(lattice, *whole)):
        compare(found, exact, 2e-11, 2e-14)
    np.testing.assert_allclose(lattice.free_energy(gap, n), exact.free_energy, rtol=0, atol=2e-11)
    # maps that vary along the other side are a reason not to fold, known or not
    dotted = np.array(np.broadcast_to(potential, SMALL))
    dotted[1, 1] += 0.1
    lattice, dense = both(SMALL, attraction=attraction, potential=dotted, **parameters)
    np.testing.assert_allclose(lattice.free_energy(gap, n), reference.free_energy(dense, *whole), rtol=0, atol=2e-11)


# --- self-consistency


@pytest.mark.parametrize("row", DATA["uniform"]["runs"], ids=lambda r: "{Lx}x{Ly},{winding}".format(**r))
def test_self_consistent_uniform_lattices(row):
    # gaps to the tolerance of the solve over the slope 0.25 of its equation, currents and fields with them; F is
    # stationary and has rounding of sums of logarithms
    shape = (row["Lx"], row["Ly"])
    lattice = lattice_of(shape, winding=(row["winding"], 0))
    state = lattice.solve(np.array(row["nvec"]), throw=False)
    assert state.stats["steps"] <= 12 and state.residual <= 1e-9 and state.converged
    np.testing.assert_allclose(state.free_energy / state.gap.size, row["F_site"], rtol=0, atol=5e-13)
    np.testing.assert_allclose(state.gap, np.full(shape, row["Delta"] + 0j), rtol=0, atol=2e-9)
    np.testing.assert_allclose(state.neel_field, np.broadcast_to(row["h"], (*shape, 3)), rtol=0, atol=1e-11)
    np.testing.assert_allclose(state.current[0], row["I_total"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(state.pair_amplitude, state.gap / V, rtol=0, atol=1e-9)


def test_walls():
    # Fig. 3c, 50 x 20, tabulated to a residual of 1e-9: F is stationary, 1e-9 of 4000; h and I follow the gap. And
    # T11: the third wall is the mirror image of the second
    lattice = {sign: lattice_of((50, 20), winding=(sign, 0)) for sign in (1, -1)}
    rows = [(row, row["r0"]) for row in DATA["walls"]["fig3c_x"]]
    for row, position in [*rows, (DATA["walls"]["fig3c_x"][1], None)]:
        mirrored = position is None
        sign = -1 if mirrored else 1
        n = sm.textures.domain_wall((50, 1), 40.0 if mirrored else position, 4.0, row["phi"])
        state = lattice[sign * int(np.sign(row["q"]))].solve(n)
        assert state.stats["steps"] <= 15
        np.testing.assert_allclose(state.free_energy, row["F"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(np.abs(state.gap).mean(), row["meanabsDelta"], rtol=0, atol=2e-9)
        np.testing.assert_allclose(state.current[0], sign * row["I_total_x"], rtol=0, atol=1e-8)
        np.testing.assert_allclose(state.divergence(), 0.0, rtol=0, atol=1e-8)
        np.testing.assert_allclose(np.abs(state.neel_field.sum((0, 1))), np.abs(row["h_sum"]), rtol=0, atol=1e-8)
        np.testing.assert_allclose(np.abs(state.torque.sum((0, 1))), np.abs(row["torque_sum"]), rtol=0, atol=1e-8)


@pytest.mark.parametrize("axis", ["x", "z"])
def test_transition(axis):
    # T10: the gap collapses at the critical temperature of the linearised kernel, which 30 x 25 sites have to 1e-4
    highest, n = DATA["uniform"]["Tc_Vs5"][f"tm0.2_n{axis}"], AXES["xyz".index(axis)]
    below, above = (lattice_of((30, 25), temperature=highest * (1 + part)) for part in (-1e-3, 1e-3))
    state = below.solve(n, throw=False)
    assert state.converged and 0.01 < abs(state.gap[0, 0]) < 0.05
    state = above.solve(n, throw=False)
    assert state.result == RESULTS.gap_collapsed and not state.converged
    assert abs(state.gap[0, 0]) < 1e-6
    np.testing.assert_allclose(state.free_energy, above.free_energy(0.0, n), rtol=1e-13)


# --- densities of states


def test_local_density_of_states():
    # Lorentzians of the levels, weighted with the electrons' part of the eigenvectors. Slices that are eliminated have
    # levels next to some energies: at a broadening of 0.01, 0.05 and 1 errors of 2e-11, 7e-14 and 1e-15 (1e-6 at 1e-3).
    # And their sum over all energies, two electrons a site: E = 4 cot x makes Lorentzians periodic, and means exact
    (gap, n), angles = reference.random_point(TINY), np.pi * (np.arange(300) + 0.5) / 300
    energies = 4 / np.tan(angles)
    lattice, dense = both(TINY, twist=(0.2, -0.1), potential=np.arange(12.0).reshape(TINY) / 10)
    for broadening, error in ((0.01, 1e-9), (0.05, 1e-11), (1.0, 1e-13)):
        found = lattice.local_density_of_states(gap, n, energies, broadening)
        expected = reference.local_density_of_states(dense, gap, n, energies, broadening)
        np.testing.assert_allclose(found, expected, rtol=0, atol=error)
        assert found.shape == (300, *TINY) and (np.asarray(found) > 0).all()
    np.testing.assert_allclose(np.tensordot(4 / np.sin(angles) ** 2, found, 1) * np.pi / 300, 2.0, rtol=1e-12)


@pytest.mark.parametrize("uniform", [True, False], ids=["uniform", "along x"])
def test_local_density_of_states_of_folded_sides(uniform):
    gap, n = reference.random_point((1, 1) if uniform else (8, 1))
    lattice, dense = both(SMALL, winding=(1, -1), twist=(0.1, 0.2))
    found = lattice.local_density_of_states(gap, n, [-0.7, 0.1], 0.1)
    whole = np.broadcast_to(gap, SMALL), np.broadcast_to(n, (*SMALL, 3))
    expected = reference.local_density_of_states(dense, *whole, [-0.7, 0.1], 0.1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)


# --- refusals


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (4,)}, "shape must be two positive integers"),
        ({"shape": (0, 3)}, "shape must be two positive integers"),
        ({"shape": (4.5, 3)}, "shape must be two positive integers"),
        ({"shape": 4}, "shape must be two positive integers"),
        ({"model": 1.0}, "model"),
        ({"temperature": 0.0}, "temperature must be positive"),
        ({"temperature": -0.1}, "temperature must be positive"),
        ({"temperature": np.nan}, "temperature must be positive"),
        ({"temperature": [0.1, 0.2]}, "temperature must be a scalar"),
        ({"temperature": 1e-9}, "temperature must be at least"),
        ({"temperature": 1e-4, "poles": 8}, "poles must be at least"),
        ({"poles": 2}, "poles must be at least"),
        ({"poles": 0}, "poles must be an integer"),
        ({"poles": 65}, "poles must be an integer"),
        ({"attraction": 0.0}, "attraction must not be negative"),
        ({"attraction": -1.0}, "attraction must not be negative"),
        ({"attraction": np.array([[5.0, -1.0, 5.0]] * 4)}, "attraction must not be negative"),
        ({"attraction": np.ones((3, 4))}, "attraction must have shape"),
        ({"attraction": np.nan}, "attraction must be finite"),
        ({"attraction": "strong"}, "attraction must be a number"),
        ({"potential": np.ones((4, 4))}, "potential must have shape"),
        ({"potential": np.ones((4, 3, 1))}, "potential must have shape"),
        ({"potential": np.inf}, "potential must be finite"),
        ({"winding": (0.5, 0)}, "winding must be two whole numbers"),
        ({"winding": 1}, "winding must have shape"),
        ({"winding": (1, 0, 0)}, "winding must have shape"),
        ({"winding": (np.nan, 0)}, "winding must be finite"),
        ({"twist": 0.1}, "twist must have shape"),
        ({"twist": (np.nan, 0.0)}, "twist must be finite"),
        ({"boundary_phase": (0.1,)}, "boundary_phase must have shape"),
        ({"boundary": "open"}, "boundary must be two of"),
        ({"boundary": ("open", "closed")}, "boundary must be two of"),
        ({"boundary": ("open",)}, "boundary must be two of"),
        ({"bond_average": "median"}, "bond_average must be"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refusals_of_the_constructor(changes, message):
    arguments = {"model": MODEL, "shape": TINY, "attraction": V, "temperature": T} | changes
    with pytest.raises((ValueError, jaxtyping.TypeCheckError), match=message):
        LatticeBdG(**arguments)


@pytest.mark.parametrize(
    ("gap", "n", "message"),
    [
        (0.4, [1.0, 1.0, 0.0], "n must have unit length"),
        (0.4, np.zeros((*TINY, 3)), "n must have unit length"),
        (0.4, [1.0, 0.0], "n must have shape"),
        (0.4, np.broadcast_to(AXES[0], (3, 4, 3)), "n must have shape"),
        (0.4, np.broadcast_to(AXES[0], (1, 4, 3, 3)), "n must have shape"),
        (0.4, [np.nan, 0.0, 0.0], "n must be finite"),
        (np.nan, AXES[0], "gap must be finite"),
        (1j * np.inf, AXES[0], "gap must be finite"),
        (np.ones((3, 4)), AXES[0], "gap must have shape"),
        (np.ones(5), AXES[0], "gap must have shape"),
        ("large", AXES[0], "gap must be a number"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refusals_of_the_methods(gap, n, message):
    lattice = LatticeBdG(MODEL, TINY, attraction=V, temperature=T)
    for call in (
        lambda: lattice.free_energy(gap, n),
        lambda: lattice.observables(gap, n),
        lambda: lattice.solve(n, gap=gap),
        lambda: lattice.local_density_of_states(gap, n, [0.0], 0.1),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_other_refusals():
    lattice = LatticeBdG(MODEL, TINY, attraction=V, temperature=T)
    for changes, message in [
        ({"tolerance": 0.0}, "tolerance must be positive"),
        ({"tolerance": -1e-9}, "tolerance must be positive"),
        ({"tolerance": np.nan}, "tolerance must be positive"),
        ({"max_steps": 0}, "max_steps must be an integer"),
        ({"max_steps": 2.5}, "max_steps must be an integer"),
        ({"max_steps": [2, 3]}, "max_steps must be an integer"),
    ]:
        with pytest.raises(ValueError, match=message):
            lattice.solve(AXES[0], **changes)
        with pytest.raises(ValueError, match=message):
            LatticeEnergy(lattice, **changes)
    with pytest.raises(ValueError, match="energies must have shape"):
        lattice.local_density_of_states(0.4, AXES[0], 0.0, 0.1)
    with pytest.raises(ValueError, match="broadening must be positive"):
        lattice.local_density_of_states(0.4, AXES[0], [0.0], 0.0)
    with pytest.raises((ValueError, jaxtyping.TypeCheckError), match="lattice"):
        LatticeEnergy(MODEL)
    with pytest.raises(ValueError, match="gap must have shape"):
        LatticeEnergy(lattice, start=np.ones((3, 4)))
    # traced values raise when they are evaluated
    uniform = jnp.asarray(AXES[0])[None, None]
    for parameter, value, message in [
        ("temperature", -0.1, "temperature must be positive"),
        ("temperature", 1e-4, "poles must be more"),
        ("attraction", -1.0, "attraction must be positive"),
    ]:

        @eqx.filter_jit
        def energy(value, parameter=parameter):
            arguments = {"attraction": V, "temperature": 0.1, "poles": 8} | {parameter: value}
            return LatticeBdG(MODEL, (3, 2), **arguments).free_energy(0.09, uniform)

        with pytest.raises(eqx.EquinoxRuntimeError, match=message):
            jax.block_until_ready(energy(jnp.asarray(value)))
        assert np.isfinite(energy(jnp.asarray(0.2)))


def test_single_precision():
    with jax.enable_x64(False), pytest.raises(ValueError, match="double precision"):
        LatticeBdG(Altermagnet(0.05, 0.2, 0.2), TINY, attraction=5.0, temperature=0.1)
