"""BdG on a lattice: derivatives of all orders, ends of the iteration, batches and what is compiled."""

import re

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lattice_cases import AXES, MODEL, SQUARE, TINY, WARM, V, lattice_of, same, slopes, solve, texture

import scmag_jax as sm
from scmag_jax.bdg import Altermagnet, LatticeBdG, LatticeEnergy
from scmag_jax.solution import RESULTS

RANDOM = np.random.default_rng(4)
POINT_OF_ALL = {
    "model": np.array([0.7, 0.3, 0.2, 1.0]),
    "attraction": RANDOM.uniform(3.0, 6.0, TINY) * (np.arange(12).reshape(TINY) != 4),  # one site without
    "potential": 0.4 * RANDOM.normal(size=TINY),
    "temperature": np.array(0.1),
    "twist": np.array([0.2, -0.15]),
    "boundary_phase": np.array([0.3, 0.0]),
    "n": texture(TINY, 5),
}
MIXTURE = [RANDOM.normal(size=(*TINY, *rest)) for rest in ((), (3,), (2,), ())]


@jax.jit
def energy_and_mixture(weights, point):
    """F, an observable that everything enters, their sum with weights, and its gradient by everything."""

    def total(point):
        parameters = {name: value for name, value in point.items() if name not in ("model", "n")}
        lattice = LatticeBdG(Altermagnet(*point["model"]), TINY, boundary=("periodic", "open"), poles=14, **parameters)
        state = lattice.solve(point["n"], gap=0.4, tolerance=1e-12)
        fields = state.gap.real**2 + state.gap.imag**2, state.neel_field, state.bond_current, state.density
        values = jnp.stack([state.free_energy, sum(jnp.sum(a * b) for a, b in zip(MIXTURE, fields, strict=True))])
        return weights @ values, (values, state)

    return jax.value_and_grad(total, has_aux=True)(point)


@pytest.mark.slow
def test_implicit_derivatives():
    # of F, where the gap is stationary (T9), and of a mixture of gap, field, currents and density, where it is not, by
    # everything, on an open lattice with disorder and a normal site. Differences of fourth order in steps of 1e-3:
    # measured 1e-9, and 5e-8 by the temperature, whose step is a large part of it
    point = jax.tree.map(jnp.asarray, POINT_OF_ALL)
    (_, (_, state)), of_energy = energy_and_mixture(jnp.array([1.0, 0.0]), point)
    assert state.residual <= 1e-12 and abs(state.gap[1, 1]) == 0 and np.abs(state.gap).max() > 0.5
    of_mixture = energy_and_mixture(jnp.array([0.0, 1.0]), point)[1]
    # the envelope theorem, to rounding: with the gap that answers dF is the field, half the currents, the density
    np.testing.assert_allclose(of_energy["n"], -state.neel_field, rtol=0, atol=1e-14)
    np.testing.assert_allclose(of_energy["twist"], state.bond_current.sum((0, 1)) / 2, rtol=0, atol=1e-14)
    np.testing.assert_allclose(of_energy["potential"], state.density - 1, rtol=0, atol=1e-14)
    np.testing.assert_allclose(of_energy["model"][0], 12 - state.density.sum(), rtol=0, atol=1e-13)
    paired = POINT_OF_ALL["attraction"] > 0
    condensate = np.abs(state.gap) ** 2 / np.where(paired, POINT_OF_ALL["attraction"], 1.0) ** 2
    np.testing.assert_allclose(of_energy["attraction"], -condensate, rtol=0, atol=1e-14)
    random = np.random.default_rng(0)
    for name in point:
        towards = random.normal(size=point[name].shape)
        if name == "attraction":
            towards = towards * paired

        def at(step, name=name, towards=towards):
            moved = point[name] + jnp.asarray(step * towards)
            return energy_and_mixture(jnp.ones(2), point | {name: moved})[0][1][0]

        expected = slopes(at, 1e-3)
        for slope, exact in zip((of_energy, of_mixture), expected, strict=True):
            found = np.sum(np.asarray(slope[name]) * towards)
            np.testing.assert_allclose(found, exact, rtol=1e-6, atol=1e-8, err_msg=name)
            assert abs(exact) > 1e-4  # nothing vanishes by symmetry


KINDS = {
    "texture": WARM["model"],
    "uniform": WARM["model"],
    "no exchange": (0.7, 0.3, 0.0, 1.0),
    "clean": (0.7, 0.0, 0.0, 1.0),  # four-fold degenerate, and more on a square
    "half filled": (4.0, 0.0, 0.0, 1.0),
}


@jax.jit
def forward_over_reverse(lattice, n, towards):
    return jax.jvp(jax.grad(LatticeEnergy(lattice, tolerance=1e-12)), (n,), (towards,))


@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives_of_the_energy(kind):
    # the gradient is the field of the same gap to its tolerance. Second derivatives contain the response of the gap:
    # differences of fourth order of the gradient in steps of 1e-2, measured 2e-12. Levels may be degenerate, on a
    # uniform square they are: no eigenvectors
    lattice = lattice_of(SQUARE, **WARM | {"model": KINDS[kind]} | ({} if kind == "texture" else {"twist": (0.0, 0.0)}))
    n = texture(SQUARE) if kind == "texture" else np.broadcast_to([0.0, 0.6, 0.8], (*SQUARE, 3))
    towards = np.random.default_rng(1).normal(size=n.shape)
    gradient, product = forward_over_reverse(lattice, n, towards)
    np.testing.assert_allclose(gradient, -solve(lattice, n, tolerance=1e-12).neel_field, rtol=0, atol=1e-11)
    if kind in ("texture", "uniform"):
        expected = slopes(lambda s: forward_over_reverse(lattice, n + s * towards, towards)[0], 1e-2)
        np.testing.assert_allclose(product, expected, rtol=0, atol=1e-10)
        assert np.abs(product).max() > 1e-3
    else:
        np.testing.assert_allclose(gradient, 0.0, rtol=0, atol=1e-14)
        np.testing.assert_allclose(product, 0.0, rtol=0, atol=1e-14)


def test_second_derivatives_in_reverse():
    # reverse over reverse, and a texture that does not vary along y; a matrix of second derivatives is symmetric
    lattice = lattice_of((2, 2), **WARM)
    n, (one, other) = texture((2, 1)), np.random.default_rng(1).normal(size=(2, 2, 1, 3))

    @jax.jit
    def along(n, towards):
        F = LatticeEnergy(lattice, tolerance=1e-12)
        return jax.value_and_grad(lambda n: jnp.sum(jax.grad(F)(n) * towards))(n)

    product = np.asarray(along(n, one)[1])
    np.testing.assert_allclose(np.sum(product * other), np.sum(along(n, other)[1] * one), rtol=0, atol=1e-12)
    expected = slopes(lambda s: along(n + s * other, one)[0], 1e-2)
    np.testing.assert_allclose(np.sum(product * other), expected, rtol=0, atol=1e-10)
    assert abs(expected) > 1e-3


def test_torque_is_the_derivative_by_a_rotation():
    # T11: the sum of all torques against F of a texture that is turned as a whole, differences of fourth order in steps
    # of 1e-2; without spin-orbit coupling nothing depends on that, and the torques cancel
    n = texture(SQUARE)
    for tso in (0.3, 0.0):
        lattice = lattice_of(SQUARE, **WARM | {"model": (0.7, tso, 0.2, 1.0)})
        total = np.asarray(solve(lattice, n).torque).sum((0, 1))
        for axis, torque in zip(AXES, total, strict=True):
            around = np.cross(axis, np.eye(3))  # n -> axis x n, of rows

            def turned(angle, around=around, lattice=lattice):
                matrix = np.eye(3) + np.sin(angle) * around + (1 - np.cos(angle)) * around @ around
                return solve(lattice, n @ matrix).free_energy

            np.testing.assert_allclose(-slopes(turned, 1e-2), torque, rtol=0, atol=1e-9)
        assert (np.abs(total) > 1e-5).all() if tso else (np.abs(total) < 1e-13).all()


# --- ends of the iteration, batches, compilation


def test_unconverged_solves_say_so():
    n, lattice = texture(SQUARE), lattice_of(SQUARE, **WARM)
    found = solve(lattice, n, max_steps=2)
    assert found.result == RESULTS.max_steps_reached and not found.converged
    assert found.stats["steps"] == 2 and found.residual > 1e-3
    # what is returned belongs together all the same: F, S and the residual of that gap
    given = solve(lattice, n, gap=found.gap, max_steps=1)
    same(found, given, 1e-12, 1e-13)
    excess = np.abs(V * np.asarray(found.pair_amplitude) - found.gap).max() / np.abs(found.gap).max()
    np.testing.assert_allclose(found.residual, excess, rtol=1e-10)
    exact = solve(lattice, n)
    assert exact.converged and exact.residual <= 1e-10 and exact.free_energy < found.free_energy
    # a solve that starts at the answer takes one evaluation, and any phase of the whole is as good
    again = solve(lattice, n, gap=np.asarray(exact.gap) * np.exp(0.8j))
    assert again.stats["steps"] == 1
    np.testing.assert_allclose(again.free_energy, exact.free_energy, rtol=0, atol=1e-12)
    np.testing.assert_allclose(again.gap, np.asarray(exact.gap) * np.exp(0.8j), rtol=0, atol=1e-14)
    np.testing.assert_allclose(again.neel_field, exact.neel_field, rtol=0, atol=1e-13)
    # without a gap to start from there is none, and it says so
    assert solve(lattice, n, gap=0j).result == RESULTS.gap_collapsed


def test_unconverged_solves_raise():
    lattice = LatticeBdG(MODEL, (6, 5), attraction=V, temperature=0.1)
    hot = LatticeBdG(MODEL, (6, 5), attraction=V, temperature=0.5)
    with pytest.raises(eqx.EquinoxRuntimeError, match="maximum number of steps"):
        jax.block_until_ready(lattice.solve(AXES[0], max_steps=2))
    with pytest.raises(eqx.EquinoxRuntimeError, match="gap collapsed"):
        jax.block_until_ready(hot.solve(AXES[0]))
    with pytest.raises(eqx.EquinoxRuntimeError, match="maximum number of steps"):
        jax.block_until_ready(LatticeEnergy(lattice, max_steps=2)(jnp.asarray(AXES[0])[None, None]))
    assert lattice.solve(AXES[0]).converged


def test_batches():
    # textures and temperatures in one program, each with its own end; other programs, so rounding, and what the
    # tolerance leaves of the gap
    n, temperatures = jnp.stack([texture(SQUARE, seed) for seed in (1, 2, 3)]), jnp.array([0.05, 0.1, 0.5])

    def at(n, temperature):
        return solve(lattice_of(SQUARE, **WARM | {"temperature": temperature}), n)

    states = jax.jit(jax.vmap(at))(n, temperatures)
    np.testing.assert_array_equal(states.converged, [True, True, False])
    np.testing.assert_array_equal(states.result == RESULTS.gap_collapsed, [False, False, True])
    for i in range(3):
        alone = at(n[i], float(temperatures[i]))
        # where the gap collapses rounding decides how
        assert alone.stats["steps"] == states.stats["steps"][i] or not alone.converged
        np.testing.assert_allclose(states.free_energy[i], alone.free_energy, rtol=0, atol=1e-11)
        np.testing.assert_allclose(states.gap[i], alone.gap, rtol=0, atol=1e-9 if alone.converged else 1e-6)
        np.testing.assert_allclose(states.neel_field[i], alone.neel_field, rtol=0, atol=1e-9)


def test_no_second_compilation(caplog):
    def run(seed, temperature, attraction, tolerance, max_steps):
        random = np.random.default_rng(seed)
        lattice = LatticeBdG(
            Altermagnet(*random.uniform(0.1, 0.3, 3)),
            (3, 4),
            attraction=attraction,
            temperature=temperature,
            winding=(2 * seed, 0),
            twist=random.normal(size=2) / 20,
        )
        n = sm.textures.domain_wall((3, 1), 1.5 + seed / 10, 1.0, seed)
        jax.block_until_ready(
            lattice.solve(n, tolerance=tolerance, max_steps=max_steps, gap=0.3 + seed / 100, throw=False)
        )

    def compiled():
        return [r.getMessage() for r in caplog.records if r.getMessage().startswith("Compiling")]

    with jax.log_compiles():
        run(0, 0.1, 5.0, 1e-9, 100)
        assert any("_solve" in message for message in compiled())
        caplog.clear()
        run(1, 0.12, 4.5, 1e-8, 90)
        assert compiled() == []


def test_no_lapack():
    # nothing in the program of a solve and of its derivative calls a library whose calls could wait for each other
    F = LatticeEnergy(lattice_of(SQUARE, **WARM))
    text = jax.jit(jax.value_and_grad(F)).lower(texture(SQUARE)).as_text()
    assert "dot_general" in text and not re.search("lapack|triangular_solve|cholesky", text)
    assert {"xla_ffi_python_cpu_callback"} >= set(re.findall(r"custom_call @(\w+)", text))
