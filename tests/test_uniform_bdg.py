"""Uniform BdG: samples, eigenvalues, symmetries, derivatives, gap and Tc, meshes, batches, memory, refusals."""

import json
import re
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

import scmag_jax as sm
import scmag_jax.bdg
from scmag_jax.bdg import Altermagnet, UniformBdG, pair_momentum
from scmag_jax.bdg import mesh as mesh_module
from scmag_jax.bdg.mesh import point_mesh
from scmag_jax.solution import RESULTS

DATA = json.loads((Path(__file__).parent / "data" / "reference_bdg.json").read_text())
P = DATA["params"]
T, GAP, V = P["T"], P["Delta"], DATA["uniform"]["params"]["Vs"]
MODEL = Altermagnet(P["mu"], P["tso"], P["tm"], P["t"])
SMALL = (32, 32)  # where the mesh need not be converged: identities hold on every mesh
Q = jnp.array([0.23, -0.11])
N = jnp.array([0.48, -0.6, 0.64])
AXES = {"x": jnp.array([1.0, 0.0, 0.0]), "y": jnp.array([0.0, 1.0, 0.0]), "z": jnp.array([0.0, 0.0, 1.0])}
KINDS = {"given": {"gap": GAP}, "self-consistent": {"attraction": V}}
SIGMA = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def bdg(model=MODEL, **changes):
    """16 poles on the small mesh unless told otherwise: few programs, compiled once."""
    arguments = {"temperature": T, "mesh": SMALL, "poles": 16} | changes
    if "attraction" not in arguments:
        arguments.setdefault("gap", GAP)
    return UniformBdG(model, **arguments)


def slopes(f, x, step):
    """Sixth-order central differences of f, which takes a batch (..., d), by every component of x (d,)."""
    steps = step * jnp.array([1.0, 2.0, 3.0])
    shifts = steps[:, None, None] * jnp.eye(x.size)[None]
    x = x[None, None]
    values = np.asarray(f(x + shifts) - f(x - shifts))
    return np.tensordot([45.0, -9.0, 1.0], values, axes=1) / (60 * step)


def flat(u):
    """The same momenta in one list of 1024, filled up with weight zero: one program for lattices of many shapes."""
    weight = u.momenta.weight
    lists = (jnp.broadcast_to(a, weight.shape) for a in (u.momenta.kx, u.momenta.ky, weight))
    kx, ky, weight = (jnp.pad(a.ravel(), (0, 1024 - a.size)) for a in lists)
    return eqx.tree_at(lambda u: u.momenta, u, point_mesh(jnp.stack([kx, ky], axis=-1), weight, u.dispersion))


# --- the 4 x 4 matrices, in plain NumPy and with eigenvectors


def normal_state(model, kx, ky, n):
    """h(k) and dh/dn, shapes (..., 2, 2) and (3, ..., 2, 2)."""
    mu, tso, tm, t = (float(x) for x in (model.chemical_potential, model.rashba, model.altermagnet, model.hopping))
    scalar = -2 * t * (np.cos(kx) + np.cos(ky)) + 4 * t - mu
    form = 2 * tm * (np.cos(ky) - np.cos(kx))
    of_n = form[..., None, None] * SIGMA[:, None]
    spin_orbit = tso * (np.sin(kx)[:, None, None] * SIGMA[1] - np.sin(ky)[:, None, None] * SIGMA[0])
    return scalar[:, None, None] * np.eye(2) + spin_orbit + np.tensordot(n, of_n, axes=1), of_n


def expectations(model, q, n, gap, temperature, shape=SMALL, offset=(0.0, 0.0)):
    """F, h and S per site from eigenvalues and eigenvectors of all four bands."""
    k = [2 * np.pi * (np.arange(count) + o) / count for count, o in zip(shape, offset, strict=True)]
    kx, ky = (a.ravel() for a in np.meshgrid(*k, indexing="ij"))
    q, n = np.asarray(q), np.asarray(n)
    plus, plus_of_n = normal_state(model, kx + q[0] / 2, ky + q[1] / 2, n)
    minus, minus_of_n = normal_state(model, -kx + q[0] / 2, -ky + q[1] / 2, n)
    pairing = np.kron(np.array([[0, 1], [1, 0]]), 1j * SIGMA[1]) * np.array([[1, 1, 1, 1]] * 2 + [[-1, -1, -1, -1]] * 2)
    matrix, of_n = np.zeros((kx.size, 4, 4), complex), np.zeros((3, kx.size, 4, 4), complex)
    matrix[:, :2, :2], matrix[:, 2:, 2:] = plus, -minus.conj()
    of_n[..., :2, :2], of_n[..., 2:, 2:] = plus_of_n, -minus_of_n.conj()
    energies, vectors = np.linalg.eigh(matrix + gap * pairing)
    x = energies / (2 * temperature)

    def mean(operator):
        of_level = np.einsum("kai,...kab,kbi->...ki", vectors.conj(), operator, vectors).real
        return (np.tanh(x) * of_level).sum((-2, -1)) / 4 / kx.size

    free_energy = -temperature / 2 * np.logaddexp(x, -x).sum() / kx.size
    return free_energy, mean(of_n), mean(np.broadcast_to(pairing, matrix.shape)) / 2


# --- samples


@pytest.fixture(scope="module")
def samples():
    rows = DATA["F_and_h"]
    return jnp.array([row["q"] for row in rows]), jnp.array([row["n"] for row in rows]), rows


@pytest.fixture(scope="module")
def fine():
    return bdg(mesh=(200, 200), poles=24)


def test_lattice_samples(samples, fine):
    # asked for are 5e-12 of F and 1e-11 of the fields; the code is exact to the rounding of a sum of order 4,
    # and with 24 poles to 4e-14 in tanh
    q, n, rows = samples
    state, known = fine.solve(q, n), [row["lattice200"] for row in rows]
    np.testing.assert_allclose(state.free_energy, [row["F"] for row in known], rtol=0, atol=2e-14)
    np.testing.assert_allclose(state.neel_field, [row["h"] for row in known], rtol=0, atol=1e-15)
    np.testing.assert_allclose(state.current[:, 0] / 2, [row["dFdqx"] for row in known], rtol=0, atol=2e-14)
    np.testing.assert_array_equal(state.gap, jnp.full(len(rows), GAP))
    np.testing.assert_array_equal(state.torque, jnp.cross(n, state.neel_field))
    assert bool(jnp.all(state.result == RESULTS.successful))


def test_pair_amplitude_of_the_samples(samples, fine):
    # S = -(1/2) dF/d|gap|, here by sixth-order differences: rounding over a step of 1e-2, and 1e-12 of truncation
    q, n, rows = samples

    def change(step):
        high, low = (eqx.tree_at(lambda u: u.gap, fine, fine.gap + d).free_energy(q, n) for d in (step, -step))
        return high - low

    slope = (45 * change(5e-3) - 9 * change(1e-2) + change(1.5e-2)) / 0.3
    np.testing.assert_allclose(-slope / 2, [row["lattice200"]["S"] for row in rows], rtol=0, atol=1e-11)


def test_continuum_samples(samples):
    # on the nodes of the samples the sums agree to rounding (measured 2e-14); the panels of `cutoff` are other nodes,
    # and both rules have converged to 1e-12
    q, n, rows = samples
    nodes, weights = np.polynomial.legendre.leggauss(120)
    kx, ky = (a.ravel() for a in np.meshgrid(np.pi * nodes, np.pi * nodes, indexing="ij"))
    weights = jnp.asarray(np.outer(weights, weights).ravel() / 4)
    points = point_mesh(jnp.asarray(np.stack([kx, ky], -1)), weights, "continuum")
    u = bdg(dispersion="continuum", mesh=points, poles=24)
    state, known = u.solve(q, n), [row["continuum_pi"] for row in rows]
    np.testing.assert_allclose(state.free_energy, [row["F"] for row in known], rtol=0, atol=1e-13)
    np.testing.assert_allclose(state.neel_field, [row["h"] for row in known], rtol=0, atol=1e-13)
    panels = bdg(dispersion="continuum", mesh=(120, 120), cutoff=np.pi, poles=24).free_energy(q, n)
    np.testing.assert_allclose(panels, [row["F"] for row in known], rtol=0, atol=1e-12)

    # the derivative of F itself is the sample; the current leaves out the shift of the window (notes: 1.054e-3)
    @eqx.filter_jit
    def of_q(u):
        return jax.grad(lambda q: jnp.sum(u.free_energy(q, n)))(q)

    normal = eqx.tree_at(lambda u: u.gap, u, jnp.zeros(()))
    whole = of_q(u)
    np.testing.assert_allclose(whole[:, 0], [row["dFdqx"] for row in known], rtol=0, atol=1e-12)
    np.testing.assert_allclose(state.current, 2 * (whole - of_q(normal)), rtol=0, atol=1e-13)
    assert abs(float(state.current[2, 0]) / 2 - 1.054e-3) < 3e-6
    np.testing.assert_allclose(normal.solve(q, n).current, 0.0, atol=1e-15)  # a difference of equal sums


def test_lattice_mesh_converges_exponentially():
    # T13. The tabulated differences carry the rounding of two sums of order 4
    known, q, n = DATA["mesh_convergence"], jnp.array([0.1, 0.0]), jnp.stack([AXES["x"], AXES["y"]])
    difference = {}
    for count in (25, 50, 100):
        along_x, along_y = bdg(mesh=(count, count), poles=24).free_energy(q, n)
        difference[count] = float(along_y - along_x)
    for count in (50, 100):
        np.testing.assert_allclose(difference[count], known[str(count)], rtol=0, atol=1e-14)
    error = {count: abs(value - known["200"]) for count, value in difference.items()}
    # twice the points: three orders at first, six the next time, below rounding. No power of the mesh does that
    assert error[25] > 1000 * error[50] > 1e-9 and error[100] < 1e-14


def test_energy_difference_along_q():
    # Fig. 1c on the lattice, thirteen momenta in one batch; rounding of two sums of order 4
    figure = DATA["fig1_lattice"]
    q = jnp.stack([jnp.asarray(figure["q"]), jnp.zeros(13)], axis=-1)[:, None]
    energies = bdg(mesh=(100, 100), poles=24).free_energy(q, jnp.stack([AXES["x"], AXES["y"]]))
    assert energies.shape == (13, 2)
    np.testing.assert_allclose(energies[:, 1] - energies[:, 0], figure["lattice_1d_dFy_vs_q"], rtol=0, atol=1e-14)


def test_continuum_differences_converge_as_the_inverse_square_of_the_cutoff():
    # T13: F(y) - F(x) at K, 2K, 4K. Next order is K^-4, a tenth of the first at K = pi: the ratio is 4 within 15 %
    n, differences = jnp.stack([AXES["x"], AXES["y"]]), []
    for cutoff in (np.pi, 2 * np.pi, 4 * np.pi):
        u = bdg(dispersion="continuum", cutoff=cutoff, mesh=(256, 256), poles=32)
        along_x, along_y = u.free_energy(jnp.array([0.1, 0.0]), n)
        differences.append(float(along_y - along_x))
    assert abs(differences[0] + 4.16970e-5) < 1e-10  # the notes' number, square cut-off pi
    assert 3.4 < (differences[0] - differences[1]) / (differences[1] - differences[2]) < 4.6
    extrapolated = differences[2] + (differences[2] - differences[1]) / 3
    assert abs(extrapolated + 4.22256e-5) < 5e-9  # the notes' disc K = 40, itself 1e-4 relative from the limit


@pytest.mark.parametrize("row", DATA["uniform"]["runs"], ids=lambda r: "{Lx}x{Ly},{winding},{n}".format(**r))
def test_finite_lattices(row):
    # T1: dense real space against the offset mesh. F, h and I to rounding; the gap to that of its iteration
    shape, winding = (row["Lx"], row["Ly"]), (row["winding"], 0)
    u = UniformBdG.of_lattice(MODEL, shape, winding, attraction=V, temperature=T, poles=24)
    q = pair_momentum(shape, winding)
    np.testing.assert_allclose(q, [row["q"], 0.0], rtol=1e-15)
    state = flat(u).solve(q, jnp.asarray(row["nvec"]))
    np.testing.assert_allclose(state.gap, row["Delta"], rtol=1e-12)
    np.testing.assert_allclose(state.free_energy, row["F_site"], rtol=0, atol=2e-14)
    np.testing.assert_allclose(state.neel_field, row["h"], rtol=0, atol=1e-14)
    np.testing.assert_allclose(state.current[0], row["I_per_width"], rtol=0, atol=1e-13)
    assert float(state.stats["residual"]) < 1e-13


def test_offset_mesh_of_a_lattice():
    # the lattice as users call it: the first run, whose mesh is not padded
    row = DATA["uniform"]["runs"][0]
    u = UniformBdG.of_lattice(MODEL, (row["Lx"], row["Ly"]), (1, 0), gap=row["Delta"], temperature=T, poles=24)
    q = pair_momentum((row["Lx"], row["Ly"]), (1, 0))
    energy = u.free_energy(q, jnp.asarray(row["nvec"]))
    np.testing.assert_allclose(energy, row["Fqp_site"], rtol=0, atol=2e-14)
    # without the half step of an odd winding the sum is another one, by a finite-size effect
    plain = bdg(mesh=(row["Lx"], row["Ly"]), gap=row["Delta"], poles=24)
    assert abs(float(plain.free_energy(q, jnp.asarray(row["nvec"])) - energy)) > 1e-7


@pytest.mark.parametrize(
    "mu, tso, tm, t, gap, temperature",
    [
        (0.05, 0.2, 0.2, 1.0, 0.2, T),
        (0.05, 0.2, 0.2, 1.0, 0.0, T),  # normal state
        (-0.5, 0.2, 0.2, 1.0, 0.3, 0.02),  # below the band
        (0.4, -0.3, 0.8, 1.0, 0.2, T),  # exchange beyond t / 2: the band turns over
        (0.05, 0.2, 0.2, 1.0, 0.2, 0.2),
        (0.3, 0.1, -0.3, 2.0, 0.5, 0.03),
        (4.0, 0.0, 0.0, 1.0, 0.1, T),  # particle-hole symmetric, four-fold degenerate
    ],
)
def test_poles_against_eigenvalues(mu, tso, tm, t, gap, temperature):
    # 16 poles, at most 1e-9 in tanh and some 20 times less in ln 2cosh: 1e-10 of F; 24 are rounding: 1e-12 asked for.
    # The fields are Feynman-Hellmann with the eigenvectors, tested where the poles are exact
    model = Altermagnet(mu, tso, tm, t)
    energy, field, _ = expectations(model, Q, N, gap, temperature)
    few, many = (bdg(model, gap=gap, temperature=temperature, poles=poles) for poles in (16, 24))
    np.testing.assert_allclose(few.free_energy(Q, N), energy, rtol=0, atol=1e-10)
    np.testing.assert_allclose(many.free_energy(Q, N), energy, rtol=0, atol=1e-13)
    np.testing.assert_allclose(many.neel_field(Q, N), field, rtol=0, atol=1e-13)


def test_low_temperature_against_eigenvalues():
    # T = 1e-4 t, a band of 5e4 temperatures: the poles are chosen for 1e-12 in tanh
    energy, _, _ = expectations(MODEL, Q, N, 0.01, 1e-4)
    u = bdg(gap=0.01, temperature=1e-4, poles=None)
    assert u.pole_error <= 1e-12
    np.testing.assert_allclose(u.free_energy(Q, N), energy, rtol=0, atol=1e-13)


def test_gap_equation_against_eigenvectors():
    # gap = V S with S from the eigenvectors of the matrices; 24 poles, 1e-12 of the gap
    state = flat(bdg(attraction=V, poles=24)).solve(Q, N)
    gap = float(state.gap)
    energy, field, amplitude = expectations(MODEL, Q, N, gap, T)
    np.testing.assert_allclose(V * amplitude, gap, rtol=1e-12)
    np.testing.assert_allclose(state.free_energy, energy + gap**2 / V, rtol=0, atol=1e-13)
    np.testing.assert_allclose(state.neel_field, field, rtol=0, atol=1e-13)


# --- symmetries


@pytest.mark.parametrize("kind", KINDS)
def test_symmetries(kind):
    # section 2 of the notes, at a random point and on a mesh that is not converged: rounding only, asked for is 1e-13.
    # With F its derivatives: every map of (q, n) carries h and the current along
    rng = np.random.default_rng(5)
    q, n = jnp.asarray(rng.normal(size=2) / 5), rng.normal(size=3)
    n = jnp.asarray(n / np.linalg.norm(n))
    maps = {  # (q, n) -> (A q, B n)
        "identity": (np.eye(2), np.eye(3)),
        "time reversal": (-np.eye(2), -np.eye(3)),
        "C2z": (-np.eye(2), np.diag([-1, -1, 1])),
        "even in n_z": (np.eye(2), np.diag([1, 1, -1])),
        "mirror": (np.diag([1, -1]), np.diag([-1, 1, -1])),
        "C4": (np.array([[0, -1], [1, 0]]), np.array([[0, 1, 0], [-1, 0, 0], [0, 0, -1]])),
    }
    a, b = (jnp.asarray(np.stack([pair[side] for pair in maps.values()]), dtype=float) for side in (0, 1))
    state = bdg(**KINDS[kind]).solve(a @ q, b @ n)
    np.testing.assert_allclose(state.free_energy, jnp.full(len(maps), state.free_energy[0]), rtol=0, atol=1e-13)
    np.testing.assert_allclose(state.neel_field, b @ state.neel_field[0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(state.current, a @ state.current[0], rtol=0, atol=1e-13)
    # the same batch of other models: rashba -> -rashba is q -> -q, altermagnet -> -altermagnet is n -> -n
    opposite = Altermagnet(P["mu"], -P["tso"], P["tm"]), Altermagnet(P["mu"], P["tso"], -P["tm"])
    for model, sign_q, sign_n in zip(opposite, (-1.0, 1.0), (1.0, -1.0), strict=True):
        other = bdg(model, **KINDS[kind]).solve(sign_q * a @ q, sign_n * b @ n)
        np.testing.assert_allclose(other.free_energy, state.free_energy, rtol=0, atol=1e-13)
        np.testing.assert_allclose(other.neel_field, sign_n * state.neel_field, rtol=0, atol=1e-13)
    # no spin-orbit coupling: no direction of n is better; no exchange: n does not matter at all
    q, n = jnp.broadcast_to(q, (len(maps), 2)), jnp.asarray(np.linalg.qr(rng.normal(size=(3, 3)))[0])
    n = jnp.concatenate([n, -n])
    free = bdg(Altermagnet(P["mu"], 0.0, P["tm"]), **KINDS[kind]).solve(q, n)
    np.testing.assert_allclose(free.free_energy, jnp.full(6, free.free_energy[0]), rtol=0, atol=1e-13)
    np.testing.assert_allclose(free.torque, 0.0, rtol=0, atol=1e-13)
    none = bdg(Altermagnet(P["mu"], P["tso"], 0.0), **KINDS[kind]).solve(q, n)
    np.testing.assert_array_equal(none.free_energy, jnp.full(6, none.free_energy[0]))
    np.testing.assert_array_equal(none.neel_field, 0.0)
    assert float(jnp.ptp(state.neel_field)) > 1e-6  # the model itself does have a field


# --- derivatives


@pytest.mark.parametrize("kind", KINDS)
def test_fields_against_differences(kind):
    # F has rounding of 1e-15 and steps of 2e-3: 1e-11, with a gap that follows also (T9, the envelope theorem)
    u = bdg(**KINDS[kind])
    state = u.solve(Q, N)
    np.testing.assert_allclose(slopes(lambda q: u.free_energy(q, N), Q, 2e-3), state.current / 2, rtol=0, atol=1e-11)
    field = slopes(lambda n: u.free_energy(jnp.broadcast_to(Q, (1, 1, 2)), n), N, 2e-3)
    np.testing.assert_allclose(field, -state.neel_field, rtol=0, atol=1e-11)
    np.testing.assert_allclose(state.torque, np.cross(N, state.neel_field), rtol=0, atol=1e-17)
    assert float(jnp.abs(state.neel_field).min()) > 1e-7 and float(jnp.abs(state.current).min()) > 1e-4
    # one derivative or all of them at once: other programs, the same sums
    np.testing.assert_allclose(u.free_energy(Q, N), state.free_energy, rtol=0, atol=1e-14)
    if kind == "given":
        np.testing.assert_allclose(u.supercurrent(Q, N), state.current, rtol=0, atol=1e-14)
        np.testing.assert_allclose(u.torque(Q, N), state.torque, rtol=0, atol=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_stiffness_against_differences_of_the_current(kind):
    # the change of the gap with q is part of it. Eight poles are as consistent as 16, and
    # compile faster
    few = {"poles": 8, "temperature": 0.1}
    u = bdg(**few, **KINDS[kind])
    stiffness = u.stiffness(Q, N)
    expected = slopes(lambda q: u.supercurrent(q, N), Q, 2e-3) / 2
    np.testing.assert_allclose(stiffness, expected.T, rtol=0, atol=1e-10)
    np.testing.assert_allclose(stiffness, stiffness.T, rtol=0, atol=1e-13)
    if kind == "self-consistent":
        # at a gap held fixed it is another number
        held = bdg(**few, gap=float(u.solve(Q, N).gap))
        assert float(jnp.abs(held.stiffness(Q, N) - stiffness).max()) > 1e-4


PARAMETERS = jnp.array([0.05, 0.2, 0.2, 1.0, 0.06])  # mu, tso, tm, t, T


@pytest.mark.parametrize("kind, strength", [("gap", GAP), ("attraction", V)])
def test_derivatives_by_every_parameter(kind, strength):
    # of the energy and of the gap, which answers implicitly; temperature and model are traced. Steps of 1e-3 and
    # sixth order: 1e-9, with a window that stays on its rung, so that the poles do not move
    @jax.jit
    def both(parameters):
        mu, tso, tm, t, temperature, strength = parameters
        u = bdg(Altermagnet(mu, tso, tm, t), temperature=temperature, poles=10, **{kind: strength})
        state = u.solve(Q, N)
        return jnp.stack([state.free_energy, state.gap])

    point = jnp.append(PARAMETERS, strength)
    rows = jax.jit(jax.jacrev(both))(point)
    expected = slopes(lambda points: np.array([[both(p) for p in row] for row in points]), point, 1e-3)
    np.testing.assert_allclose(rows, expected.T, rtol=0, atol=1e-9)
    if kind == "attraction":
        # dF/dV = -gap^2 / V^2 at a minimum
        np.testing.assert_allclose(rows[0, -1], -(float(both(point)[1]) ** 2) / V**2, rtol=1e-11)
        assert float(jnp.abs(rows[1]).min()) > 1e-4
    else:
        np.testing.assert_array_equal(rows[1], jnp.eye(6)[-1])


def test_energies_scale():
    # twice every energy is twice F, at the same poles: powers of two are exact
    single, double = bdg(), bdg(Altermagnet(0.1, 0.4, 0.4, 2.0), temperature=2 * T, gap=2 * GAP)
    np.testing.assert_allclose(double.free_energy(Q, N), 2 * single.free_energy(Q, N), rtol=1e-15)
    np.testing.assert_allclose(double.supercurrent(Q, N), 2 * single.supercurrent(Q, N), rtol=1e-12)


def test_anomalous_current(fine):
    # F1 = tm gamma (qx ny + qy nx): a current at q = 0, along x for n || y, transverse for n || x, none for n || z.
    # Linear in tm to (tm / gap)^2 = 2e-7; gamma is Eq. 5 at a small q, 1e-6 relative from its limit: 2e-6
    tm, gamma = 1e-4, DATA["gamma_Az_from_Eqs5_6"]["lattice200"]["gamma"]
    u = eqx.tree_at(lambda u: u.model, fine, Altermagnet(P["mu"], P["tso"], tm))
    n = jnp.stack([AXES[axis] for axis in "xyzxyz"])
    current = u.solve(jnp.zeros((6, 2)), n).current
    expected = 2 * tm * gamma * np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(current[:3], expected, rtol=0, atol=2e-6 * abs(2 * tm * gamma))


def test_no_current_in_the_normal_state():
    # a twist of a normal metal is a gauge choice: what the mesh leaves falls exponentially with its size times T
    cold, warm = (bdg(gap=0.0, temperature=temperature).supercurrent(Q, N) for temperature in (0.2, 0.4))
    assert 1e-13 < float(jnp.abs(cold).max()) < 1e-7
    np.testing.assert_allclose(warm, 0.0, atol=1e-11)
    assert float(jnp.abs(warm).max()) < 1e-2 * float(jnp.abs(cold).max())


# --- gap and transition


@eqx.filter_jit
def transition(u):
    """Tc at q = 0 for n along x and z, and its derivative by the attraction."""
    n = jnp.stack([AXES["x"], AXES["z"]])

    def of(attraction):
        return eqx.tree_at(lambda u: u.attraction, u, attraction).critical_temperature(jnp.zeros(2), n)

    return jax.jvp(of, (u.attraction,), (jnp.ones(()),))


@pytest.fixture(scope="module")
def transitions():
    return transition(bdg(attraction=V, temperature=0.2))


def test_critical_temperatures(transitions):
    # T10, linearised kernel. The table is a secant's, right to 1e-8; the slope is against differences of sixth order
    # in steps of 1e-2, where Newton's last step leaves 1e-13
    known = DATA["uniform"]["Tc_Vs5"]
    np.testing.assert_allclose(transitions[0], [known["tm0.2_nx"], known["tm0.2_nz"]], rtol=1e-8)
    high, low = ([transition(bdg(attraction=V + s * k * 1e-2, temperature=0.2))[0] for k in (1, 2, 3)] for s in (1, -1))
    change = np.array(high) - np.array(low)
    np.testing.assert_allclose(transitions[1], (45 * change[0] - 9 * change[1] + change[2]) / 0.6, rtol=1e-9)


def test_no_transition_without_electrons():
    # an empty band: no temperature is found, and its derivative does not stop the program
    empty = bdg(Altermagnet(-6.0, P["tso"], P["tm"]), attraction=V, temperature=0.2)
    np.testing.assert_array_equal(transition(empty), 0.0)


def test_critical_temperature_against_eigenvectors(transitions):
    # V S / gap = 1 at Tc for a vanishing gap, from the eigenvectors; even in the gap, so one extrapolation: 1e-10
    ratios = []
    for gap in (2e-3, 4e-3):
        ratios.append(V * expectations(MODEL, np.zeros(2), AXES["x"], gap, float(transitions[0][0]))[2] / gap)
    np.testing.assert_allclose((4 * ratios[0] - ratios[1]) / 3, 1.0, rtol=1e-9)


def test_gap_closes_at_the_critical_temperature(transitions):
    # gap^2 is linear in Tc - T: at 1e-4 and 4e-4 below the ratio of the gaps is 2, to 1e-3
    n, highest = AXES["x"], float(transitions[0][0])
    zero = jnp.zeros((6, 2))  # a batch of one point, in the program of `test_unstable_momenta_say_so`
    gaps = []
    for part in (1e-4, 4e-4):
        state = bdg(attraction=V, temperature=highest * (1 - part)).solve(zero, n, throw=False)
        assert bool(jnp.all(state.result == RESULTS.successful))
        gaps.append(float(state.gap[0]))
    assert abs(gaps[1] / gaps[0] - 2) < 1e-3
    above = bdg(attraction=V, temperature=highest * (1 + 1e-4))
    state = above.solve(zero, n, throw=False)
    assert bool(jnp.all(state.result == RESULTS.gap_collapsed) & jnp.all(state.gap == 0))
    normal = bdg(gap=0.0, temperature=highest * (1 + 1e-4)).free_energy(zero, n)
    np.testing.assert_allclose(state.free_energy, normal, rtol=0, atol=1e-14)
    with pytest.raises(eqx.EquinoxRuntimeError, match="gap collapsed"):
        jax.block_until_ready(above.solve(zero, n))
    with pytest.raises(eqx.EquinoxRuntimeError, match="gap collapsed"):
        jax.block_until_ready(above.free_energy(zero[0], n))


def test_unstable_momenta_say_so():
    # a fast superflow breaks the pairs: every point of a batch has its own result
    q = jnp.array([[0.0, 0.0], [0.2, 0.1], [0.5, 0.0], [1.2, 0.0], [2.0, 1.0], [3.0, 0.0]])
    u = bdg(attraction=V)
    state = u.solve(q, AXES["z"], throw=False)
    np.testing.assert_array_equal(state.result == RESULTS.gap_collapsed, [False] * 3 + [True] * 3)
    np.testing.assert_array_equal(state.gap > 0.1, [True] * 3 + [False] * 3)
    np.testing.assert_array_equal(state.gap[3:], 0.0)
    normal = bdg(gap=0.0).free_energy(q, AXES["z"])
    np.testing.assert_allclose(state.free_energy[3:], normal[3:], rtol=0, atol=1e-14)
    assert bool(jnp.all(state.free_energy[:3] < normal[:3] - 1e-3))
    with pytest.raises(eqx.EquinoxRuntimeError, match="gap collapsed"):
        jax.block_until_ready(u.solve(q, AXES["z"]))


# --- batches, chunks, memory


def test_batches():
    # broadcasting, vmap and jit of u itself give the numbers of single calls: other programs, so rounding
    u = bdg()
    q = jnp.stack([Q, -Q, 2 * Q])[:, None]
    n = jnp.stack([N, AXES["z"]])
    energies = u.free_energy(q, n)
    assert energies.shape == (3, 2)
    assert jax.eval_shape(u.neel_field, q, n).shape == (3, 2, 3)
    assert jax.eval_shape(u.stiffness, q, n).shape == (3, 2, 2, 2)
    for i, j in ((0, 0), (1, 1), (2, 0)):
        np.testing.assert_allclose(energies[i, j], u.free_energy(q[i, 0], n[j]), rtol=0, atol=1e-14)
    mapped = jax.vmap(jax.vmap(u.free_energy, (None, 0)), (0, None))(q[:, 0], n)
    np.testing.assert_allclose(mapped, energies, rtol=0, atol=1e-14)
    compiled = eqx.filter_jit(lambda u, q, n: u.free_energy(q, n))(u, q, n)
    np.testing.assert_allclose(compiled, energies, rtol=0, atol=1e-14)

    @jax.jit
    @jax.vmap
    def of_temperature(temperature):
        return bdg(temperature=temperature).free_energy(Q, N)

    temperatures = jnp.array([T, 0.03, 0.1])
    single = [bdg(temperature=temperature).free_energy(Q, N) for temperature in temperatures]
    np.testing.assert_allclose(of_temperature(temperatures), single, rtol=0, atol=1e-14)


def test_chunks_add_up(monkeypatch):
    # three rows at a time, the last chunk filled up with weight zero
    whole = bdg()
    monkeypatch.setattr(mesh_module, "CHUNK", 100)
    parts = bdg()
    assert parts.momenta.weight.shape == (11, 3, 32) and whole.momenta.weight.shape == (2, 16, 32)
    np.testing.assert_allclose(parts.free_energy(Q, N), whole.free_energy(Q, N), rtol=0, atol=1e-14)
    np.testing.assert_allclose(parts.neel_field(Q, N), whole.neel_field(Q, N), rtol=0, atol=1e-14)


def test_memory_is_bounded_on_a_large_mesh():
    # what the compiled program of F and its gradients asks for on 4096^2 momenta, without running it
    u = bdg(mesh=(4096, 4096), temperature=0.1, poles=10)
    arrays, rest = eqx.partition(u, eqx.is_array)

    def energy(q, n, arrays):
        return eqx.combine(arrays, rest).free_energy(q, n)

    program = jax.jit(jax.value_and_grad(energy, argnums=(0, 1))).lower(Q, N, arrays).compile()
    memory = program.memory_analysis()
    assert memory.temp_size_in_bytes + memory.argument_size_in_bytes < 1e9


# --- refusals and rules


def test_no_eigensolver_in_the_package():
    # sources and the traced program: eigenvectors of degenerate levels have no derivatives
    word = re.compile(r"\b(eig|eigh|eigvals|eigvalsh|eigsh|svd|schur)\b")
    for source in Path(scmag_jax.bdg.__file__).parent.glob("**/*.py"):
        assert not word.search(source.read_text()), source.name
    u = bdg()
    program = str(jax.make_jaxpr(lambda q, n: u.solve(q, n).free_energy)(Q, N))
    assert "log1p" in program and not word.search(program)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"gap": GAP, "temperature": 0.0}, "temperature must be positive"),
        ({"gap": GAP, "temperature": -0.1}, "temperature must be positive"),
        ({"gap": GAP, "temperature": np.nan}, "temperature must be positive"),
        ({"gap": GAP, "temperature": [0.1, 0.2]}, "temperature must be a scalar"),
        ({"gap": GAP, "temperature": 1e-9, "poles": None}, "temperature must be at least"),
        ({"gap": GAP, "temperature": 1e-5, "poles": 8}, "poles must be at least"),
        ({"gap": GAP, "poles": 0}, "poles must be an integer"),
        ({"gap": GAP, "poles": 2}, "poles must be at least"),
        ({"gap": GAP, "poles": 65}, "poles must be an integer"),
        ({}, "exactly one of gap and attraction"),
        ({"gap": 0.2, "attraction": 5.0}, "exactly one of gap and attraction"),
        ({"gap": -0.1}, "gap must not be negative"),
        ({"gap": np.nan}, "gap must be finite"),
        ({"gap": [0.1, 0.2]}, "gap must have shape"),
        ({"attraction": 0.0}, "attraction must be positive"),
        ({"attraction": -1.0}, "attraction must be positive"),
        ({"gap": GAP, "dispersion": "parabolic"}, "dispersion must be"),
        ({"gap": GAP, "dispersion": "continuum"}, "cutoff must be given"),
        ({"gap": GAP, "dispersion": "continuum", "cutoff": -1.0}, "cutoff must be positive"),
        ({"gap": GAP, "dispersion": "continuum", "cutoff": 3.0, "mesh_offset": (0.5, 0.0)}, "mesh_offset belongs to"),
        ({"gap": GAP, "cutoff": 3.0}, "cutoff belongs to"),
        ({"gap": GAP, "mesh": (0, 4)}, "mesh must be two positive integers"),
        ({"gap": GAP, "mesh": 32}, "mesh must be two positive integers"),
        ({"gap": GAP, "mesh": (32, 32, 32)}, "mesh must be two positive integers"),
        ({"gap": GAP, "mesh": (8.5, 8)}, "mesh must be two positive integers"),
        ({"gap": GAP, "mesh_offset": (0.5,)}, "mesh_offset must have shape"),
        ({"gap": GAP, "mesh_offset": (np.nan, 0.0)}, "mesh_offset must be finite"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_refusals_of_the_constructor(changes, message):
    with pytest.raises(ValueError, match=message):
        UniformBdG(MODEL, **{"temperature": T, "mesh": SMALL, "poles": 16} | changes)


@pytest.mark.parametrize("changes, message", [({"poles": 1.5}, "poles"), ({"model": 1.0}, "model")])
def test_types_that_are_refused(changes, message):
    # here the type checker of the tests is faster than the package
    with pytest.raises((ValueError, jaxtyping.TypeCheckError), match=message):
        UniformBdG(**{"model": MODEL, "gap": GAP, "temperature": T, "mesh": SMALL} | changes)


@pytest.mark.parametrize("name", ["chemical_potential", "rashba", "altermagnet", "hopping"])
@pytest.mark.parametrize("value", [np.nan, [1.0, 2.0], "wide"])
def test_refusals_of_the_model(name, value):
    parameters = {"chemical_potential": 0.05, "rashba": 0.2, "altermagnet": 0.2, "hopping": 1.0}
    with pytest.raises(ValueError, match=f"{name} must (be|have)"):
        Altermagnet(**parameters | {name: value})
    with pytest.raises(ValueError, match="hopping must be positive"):
        Altermagnet(**parameters | {"hopping": 0.0})


@pytest.mark.parametrize(
    "q, n, message",
    [
        (Q, [1.0, 1.0, 0.0], "n must have unit length"),
        (Q, [0.0, 0.0, 0.0], "n must have unit length"),
        (Q, [[0.0, 0.0, 1.0], [0.0, 0.0, 0.5]], "n must have unit length"),
        (Q, [1.0, 0.0], "n must have shape"),
        (Q, [np.nan, 0.0, 0.0], "n must be finite"),
        (0.1, [0.0, 0.0, 1.0], "q must have shape"),
        ([0.1, 0.0, 0.0], [0.0, 0.0, 1.0], "q must have shape"),
        ([np.inf, 0.0], [0.0, 0.0, 1.0], "q must be finite"),
        ("fast", [0.0, 0.0, 1.0], "q must be a number"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_refusals_of_the_methods(q, n, message):
    u = bdg()
    for method in (u.free_energy, u.neel_field, u.torque, u.supercurrent, u.stiffness, u.solve):
        with pytest.raises(ValueError, match=message):
            method(q, n)
    with pytest.raises(ValueError, match=message):
        bdg(attraction=V).critical_temperature(q, n)


def test_other_refusals():
    with pytest.raises(ValueError, match="attraction must be given"):
        bdg().critical_temperature(Q, N)
    with pytest.raises(ValueError, match="winding must have shape"):
        pair_momentum((10, 8), (1, 0, 0))
    with pytest.raises(Exception, match="temperature must be positive"):
        jax.block_until_ready(jax.jit(lambda t: bdg(temperature=t).free_energy(Q, N))(-0.1))
    with pytest.raises(Exception, match="gap must not be negative"):
        jax.block_until_ready(jax.jit(lambda gap: bdg(gap=gap).free_energy(Q, N))(-0.1))


def test_single_precision():
    # without x64 everything is float32: the rounding of 32 x 32 terms of order 4, 1e-6 of F; the fields are smaller
    # than that, and get 1e-6 of their scale t
    energy, field = bdg().free_energy(Q, N), bdg().neel_field(Q, N)
    with jax.enable_x64(False):
        q, n = jnp.array([0.23, -0.11]), jnp.array([0.48, -0.6, 0.64])
        u = bdg(Altermagnet(P["mu"], P["tso"], P["tm"], P["t"]))
        single = u.free_energy(q, n), u.neel_field(q, n)
    assert single[0].dtype == single[1].dtype == jnp.float32
    np.testing.assert_allclose(single[0], energy, rtol=1e-6)
    np.testing.assert_allclose(single[1], field, rtol=0, atol=1e-6)


# --- found by review: each was a silent wrong number


def test_continuum_far_beyond_its_window_of_momenta():
    # the energies grow with |q|: the poles have to follow
    q, n = np.array([20.0, 0.0]), np.array([0.48, -0.6, 0.64])
    u = sm.UniformBdG(MODEL, gap=0.2, temperature=0.1, mesh=(8, 8), dispersion="continuum", cutoff=1.0)
    small, large = u.free_energy(jnp.zeros(2), n), u.free_energy(q, n)
    more = sm.UniformBdG(MODEL, gap=0.2, temperature=0.1, mesh=(8, 8), dispersion="continuum", cutoff=1.0, poles=48)
    np.testing.assert_allclose(large, more.free_energy(q, n), rtol=1e-13)
    assert large < small - 5


@pytest.mark.parametrize(("mu", "attraction", "expected"), [(0.0, 0.5, 0.00216343), (0.0, 1.0, 0.00484899)])
def test_critical_temperature_of_weak_attraction_on_few_momenta(mu, attraction, expected):
    # the excess is flat far above the transition, and Newton's method alone would leave for minus infinity
    u = sm.UniformBdG(sm.Altermagnet(mu, 0.2, 0.2), attraction=attraction, temperature=0.1, mesh=(8, 8))
    found = float(u.critical_temperature(jnp.zeros(2), AXES["z"]))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    below = sm.UniformBdG(sm.Altermagnet(mu, 0.2, 0.2), attraction=attraction, temperature=0.9 * found, mesh=(8, 8))
    assert below.solve(jnp.zeros(2), AXES["z"]).gap > 0


def test_too_few_poles_are_refused_for_traced_temperatures_too():
    def energy(temperature):
        u = sm.UniformBdG(MODEL, gap=0.2, temperature=temperature, mesh=(8, 8), poles=6)
        return u.free_energy(jnp.zeros(2), AXES["z"])

    with pytest.raises(ValueError, match="poles"):
        energy(1e-3)
    with pytest.raises(RuntimeError, match="poles"):
        jax.jit(energy)(1e-3)
    assert jnp.isfinite(jax.jit(energy)(1.0))


def test_gap_has_derivatives_where_it_vanishes():
    def given(gap):
        u = sm.UniformBdG(MODEL, gap=gap, temperature=0.1, mesh=(8, 8))
        state = u.solve(jnp.zeros(2), AXES["z"])
        return jnp.stack([state.gap, state.free_energy])

    np.testing.assert_array_equal(jax.jacrev(given)(0.0), [1.0, 0.0])

    def collapsed(temperature):
        u = sm.UniformBdG(MODEL, attraction=1.0, temperature=temperature, mesh=(8, 8))
        state = u.solve(jnp.zeros(2), AXES["z"], throw=False)
        return jnp.stack([state.gap, state.free_energy])

    slope = jax.jacfwd(collapsed)(0.5)
    assert slope[0] == 0 and jnp.isfinite(slope[1])


def test_a_metastable_state_says_so():
    # the superflow costs more than the pairing gains, but the gap is a local minimum still
    u = sm.UniformBdG(sm.Altermagnet(2.0, 0.2, 0.0), attraction=3.0, temperature=0.00756, mesh=(12, 10))
    state = u.solve(jnp.array([[0.0, 0.0], [0.416, 0.207]]), AXES["z"], throw=False)
    assert state.condensation[0] < 0
    normal = sm.UniformBdG(sm.Altermagnet(2.0, 0.2, 0.0), gap=0.0, temperature=0.00756, mesh=(12, 10))
    expected = state.free_energy - normal.free_energy(jnp.array([[0.0, 0.0], [0.416, 0.207]]), AXES["z"])
    np.testing.assert_allclose(state.condensation, expected, atol=1e-13)


def test_empty_batches():
    for u in (
        sm.UniformBdG(MODEL, attraction=5.0, temperature=0.1, mesh=(8, 8)),
        sm.UniformBdG(MODEL, gap=0.2, temperature=0.1, mesh=(8, 8)),
    ):
        state = u.solve(jnp.zeros((0, 2)), AXES["z"])
        assert state.gap.shape == (0,) and state.neel_field.shape == (0, 3)


def test_refusals_by_name():
    with pytest.raises(ValueError, match="q .* and n"):
        sm.UniformBdG(MODEL, gap=0.2, temperature=0.1, mesh=(8, 8)).free_energy(
            np.zeros((3, 2)), np.ones((4, 3)) / 3**0.5
        )
    with pytest.raises(ValueError, match="winding"):
        sm.UniformBdG.of_lattice(MODEL, (8, 8), (0.5, 0), gap=0.2, temperature=0.1)
    with pytest.raises(ValueError, match="mesh"):
        sm.UniformBdG.of_lattice(MODEL, (8, 8), (1, 0), gap=0.2, temperature=0.1, mesh=(4, 4))
    with pytest.raises(ValueError, match="shape"):
        sm.pair_momentum((0, 4), (1, 0))
    # the second comes from the suite's type checker, which gets there first
    with pytest.raises((ValueError, jaxtyping.TypeCheckError), match="model"):
        sm.gradient_expansion("iron", 0.2, 0.01)
