"""Self-consistency where it is hard, and no failure that passes for an answer. Numbers of dense matrices or said."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import scmag_jax as sm

MODEL = sm.Altermagnet(0.05, 0.2, 0.2)
Z = jnp.array([0.0, 0.0, 1.0])


def lattice(shape, **changes):
    return sm.LatticeBdG(MODEL, shape, **({"attraction": 5.0, "temperature": 0.0113} | changes))


def test_weak_link():
    # ten times less attraction in the middle: the gap there is 40 times smaller
    attraction = np.full((8, 4), 5.0)
    attraction[3:5] = 0.5
    state = lattice((8, 4), attraction=attraction).solve(Z)
    assert float(state.free_energy) == pytest.approx(-126.665654214510, abs=1e-9)
    assert float(jnp.abs(state.gap).min()) == pytest.approx(0.01132, abs=5e-6)
    assert state.stats["steps"] <= 20


@pytest.mark.parametrize("start", [0.1, 0.01, 0.001, 0.2037716226, 2.5])
def test_any_start_finds_the_gap(start):
    # gap and F of momentum space; the fourth start sent the plain iteration to infinity
    state = lattice((30, 25), temperature=0.2).solve(Z, gap=start, tolerance=1e-9)
    assert float(jnp.abs(state.gap[0, 0])) == pytest.approx(0.3417267, abs=1e-7)
    assert float(state.free_energy) == pytest.approx(-2968.482654, abs=1e-6)
    assert state.stats["steps"] <= 40


def test_disorder_with_holes():
    rng = np.random.default_rng(2)
    potential = 3 * rng.uniform(-1, 1, (8, 6))
    attraction = np.where(rng.random((8, 6)) < 0.3, 0.0, 3.0)
    state = lattice((8, 6), attraction=attraction, potential=potential, temperature=0.05).solve(Z)
    assert state.stats["steps"] <= 50
    assert float(jnp.abs(state.divergence()).max()) < 1e-8
    assert not np.asarray(state.gap)[attraction == 0].any()


def test_nan_is_no_answer():
    textures = jnp.stack([Z, Z.at[0].set(jnp.nan)])[:, None, None]
    found = jax.vmap(lambda n: lattice((4, 3)).solve(n, throw=False))(textures)
    assert found.converged.tolist() == [True, False]


@pytest.mark.parametrize("what", ["energy", "field", "derivative"])
def test_a_failed_solve_raises_whatever_is_used_of_it(what):
    hot = lattice((6, 4), temperature=0.6)  # no gap above Tc = 0.26
    of = {
        "energy": sm.LatticeEnergy(hot),
        "field": lambda n: hot.solve(n).neel_field,
        "derivative": jax.grad(sm.LatticeEnergy(hot)),
    }[what]
    with pytest.raises(Exception, match="collapsed"):
        jax.block_until_ready(jax.jit(lambda n: of(n))(Z[None, None]))


def test_known_sides_are_transformed_inside_jit_too():
    seen = []

    @jax.jit
    def energy(n):
        inner = lattice((6, 4), winding=(1, 0), temperature=0.05)
        seen.append((inner.turns, inner.refined))
        return inner.free_energy(0.4, n)

    outside = lattice((6, 4), winding=(1, 0), temperature=0.05).free_energy(0.4, Z)
    assert float(energy(Z[None, None])) == pytest.approx(float(outside), rel=1e-13)
    assert seen == [((1, 0), False)]


def test_current_is_averaged_over_the_cuts_of_an_open_side():
    gap = 0.4 * np.exp(0.2j * np.arange(5.0))[:, None]
    found = lattice((5, 4), boundary=("open", "periodic"), temperature=0.05).observables(gap, Z)
    cuts = found.bond_current[:, :, 0].sum(axis=1)
    assert float(cuts[-1]) == 0.0
    assert float(found.current[0]) == pytest.approx(float(cuts[:-1].mean()), rel=1e-12)


def test_single_precision_arguments_are_taken_as_doubles():
    state = lattice((6, 4), attraction=np.float32(5), temperature=0.05).solve(Z, gap=np.complex64(0.4))
    assert float(state.free_energy) == pytest.approx(-95.09813681, abs=1e-7)
    assert state.neel_field.dtype == jnp.float64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boundary": ("open", "periodic"), "winding": (1, 0)}, "winding must be 0 along an open side"),
        ({"boundary": None}, "boundary must be two of"),
        ({"attraction": [5.0, 5.0, 5.0]}, r"attraction must have shape \(6, 4\)"),
    ],
)
def test_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        lattice((6, 4), **changes)


def test_gap_beyond_the_poles_is_refused():
    with pytest.raises(ValueError, match="gap must be at most half the attraction"):
        lattice((6, 4)).free_energy(2.6, Z)
