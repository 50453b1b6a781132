"""Energies of a texture against loops over sites, the wall that they give, and sums of free energies."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

import scmag_jax as sm

EASY_AXIS = [0.0, 1.0, 0.0]


def random_texture(shape, seed=0):
    n = np.random.default_rng(seed).normal(size=(*shape, 3))
    return n / np.linalg.norm(n, axis=-1, keepdims=True)


def planar_texture(shape, seed=0):
    rng = np.random.default_rng(seed)
    m = rng.normal(size=(*shape, 2))
    return m * rng.uniform(size=(*shape, 1)) / np.linalg.norm(m, axis=-1, keepdims=True)


def plain_exchange(n, stiffness, boundary, mask=None):
    energy = 0.0
    mask = np.ones(n.shape[:2], bool) if mask is None else mask
    for i in range(n.shape[0]):
        for j in range(n.shape[1]):
            for axis, (k, l) in enumerate([(i + 1, j), (i, j + 1)]):
                if (k, l)[axis] == n.shape[axis] and (boundary[axis] == "open" or n.shape[axis] == 1):
                    continue
                if not (mask[i, j] and mask[k % n.shape[0], l % n.shape[1]]):
                    continue
                energy += stiffness / 2 * np.sum((n[i, j] - n[k % n.shape[0], l % n.shape[1]]) ** 2)
    return energy


@pytest.mark.parametrize("shape", [(6, 5), (7, 1), (1, 4), (2, 3), (1, 1)])
@pytest.mark.parametrize("boundary", [("periodic", "periodic"), ("open", "periodic"), ("open", "open")])
def test_exchange_counts_every_bond_once(shape, boundary):
    n = random_texture(shape)
    found = sm.Exchange(1.7, boundary)(jnp.asarray(n))
    np.testing.assert_allclose(found, plain_exchange(n, 1.7, boundary), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("boundary", [("periodic", "periodic"), ("open", "periodic"), ("open", "open")])
def test_exchange_of_moments_in_the_plane_counts_bonds_inside_the_mask(boundary):
    m = planar_texture((6, 5))
    mask = np.random.default_rng(2).uniform(size=(6, 5)) < 0.7
    for n in (m, random_texture((6, 5))):
        for where in (None, mask, jnp.asarray(mask)):
            found = sm.Exchange(1.7, boundary, mask=where)(jnp.asarray(n))
            np.testing.assert_allclose(found, plain_exchange(n, 1.7, boundary, where), rtol=1e-14)
    F = sm.Exchange(1.7, boundary, mask=mask)
    pull = sm.field(F, jnp.asarray(m))
    np.testing.assert_array_equal(pull[~mask], 0.0)
    np.testing.assert_allclose(jnp.sum(pull, axis=(0, 1)), 0.0, atol=1e-14)  # bonds pull both ends
    traced = jax.jit(lambda where, m: sm.Exchange(1.7, boundary, mask=where)(m))
    np.testing.assert_allclose(traced(mask, jnp.asarray(m)), F(jnp.asarray(m)), rtol=1e-14)
    everywhere = sm.Exchange(1.7, boundary, mask=np.ones((6, 5), bool))
    assert float(everywhere(jnp.asarray(m))) == float(sm.Exchange(1.7, boundary)(jnp.asarray(m)))


def test_a_hard_axis_and_a_field_in_the_plane():
    m = planar_texture((6, 5))
    ku = np.random.default_rng(3).uniform(size=(6, 5))
    F = sm.Anisotropy(-ku / 2, (2.0, 0.0))
    np.testing.assert_allclose(F(jnp.asarray(m)), np.sum(ku / 2 * m[..., 0] ** 2), rtol=1e-14)
    np.testing.assert_allclose(sm.field(F, jnp.asarray(m))[..., 0], -ku * m[..., 0], rtol=1e-14)
    tilted = lambda axis: sm.Anisotropy(0.3, axis)(jnp.asarray(m))
    for found in (tilted((3.0, 4.0)), jax.jit(tilted)(jnp.array([3.0, 4.0]))):
        np.testing.assert_allclose(found, -0.3 * np.sum((m @ [0.6, 0.8]) ** 2), rtol=1e-14)
    for field in (np.array([0.3, -0.1]), np.random.default_rng(4).normal(size=(6, 5, 2))):
        G = sm.StaggeredField(field)
        np.testing.assert_allclose(G(jnp.asarray(m)), -np.sum(field * m), rtol=1e-13)
        np.testing.assert_array_equal(sm.field(G, jnp.asarray(m)), np.broadcast_to(field, (6, 5, 2)))


@pytest.mark.parametrize("shape", [(), (6, 5), (6, 1)])
def test_anisotropy_and_staggered_field(shape):
    n = random_texture((6, 5))
    rng = np.random.default_rng(1)
    strength, field = rng.normal(size=shape), rng.normal(size=(*shape, 3))
    axis = np.array([1.0, -2.0, 2.0])
    wanted, pull = 0.0, 0.0
    for i in range(6):
        for j in range(5):
            wanted -= np.broadcast_to(strength, (6, 5))[i, j] * (n[i, j] @ axis / 3) ** 2
            pull -= np.broadcast_to(field, (6, 5, 3))[i, j] @ n[i, j]
    np.testing.assert_allclose(sm.Anisotropy(strength, axis)(jnp.asarray(n)), wanted, atol=1e-14)
    F = sm.StaggeredField(field)
    np.testing.assert_allclose(F(jnp.asarray(n)), pull, atol=1e-14)
    np.testing.assert_array_equal(sm.field(F, jnp.asarray(n)), np.broadcast_to(field, (6, 5, 3)))


@pytest.mark.parametrize("axis", ["x", "y"])
def test_relaxed_wall_has_the_width_and_energy_of_the_formulas(axis):
    width, stiffness = 4.0, 1.3
    strength = stiffness / (2 * width**2)
    easy = {"x": [0.0, 1.0, 0.0], "y": [1.0, 0.0, 0.0]}[axis]
    shape = {"x": (160, 1), "y": (1, 160)}[axis]
    F = sm.Exchange(stiffness) + sm.Anisotropy(strength, easy)
    # half as wide as it will be; walls of opposite tilt repel, and at half the length they are in equilibrium
    start = sm.textures.domain_wall(shape, 80.0, width / 2, 0.4, axis=axis, closing="winding")
    found = sm.relax(F, start, tolerance=1e-7)
    n = found.moments
    np.testing.assert_allclose(sm.textures.wall_position(n, 80.0, axis), 80.0, atol=1e-6)
    np.testing.assert_allclose(sm.textures.wall_tilt(n, 80.0, axis), 0.4, atol=1e-6)
    lattice = 1 / (24 * width**2)  # what the lattice changes, to first order
    both = found.energy - F(sm.textures.uniform(shape, easy))
    wanted = 2 * 2 * np.sqrt(2 * stiffness * strength)
    # next order: 1 / width^4 with some prefactor; overlap of the walls: exp(-20)
    np.testing.assert_allclose(both / wanted, 1 - lattice, atol=width**-4 / 40)
    component = n[:, 0, 1] if axis == "x" else n[0, :, 0]
    tail = np.arctanh(np.abs(np.asarray(component[92:95])))  # three widths away from the centre
    np.testing.assert_allclose(1 / np.diff(tail), width * (1 + lattice), rtol=1e-3)
    # the profile itself is the wall of that width, to the lattice's correction
    ideal = sm.textures.domain_wall(shape, 80.0, width, 0.4, axis=axis, closing="winding")
    np.testing.assert_allclose(n, ideal, atol=5e-3)
    assert float(found.energy) < float(F(ideal)) < float(F(start))


def test_easy_plane_and_easy_axis():
    n = jnp.asarray(random_texture((4, 3)))
    up = sm.relax(sm.Anisotropy(0.1, [0.0, 0.0, 1.0]), n).moments
    flat = sm.relax(sm.Anisotropy(-0.1, [0.0, 0.0, 1.0]), n).moments
    np.testing.assert_allclose(jnp.abs(up[..., 2]), 1.0, atol=1e-12)
    np.testing.assert_allclose(flat[..., 2], 0.0, atol=1e-7)


def test_sums_and_multiples():
    n = jnp.asarray(random_texture((6, 5)))
    a, b = sm.Exchange(1.2), sm.Anisotropy(0.3, EASY_AXIS)
    plain = lambda n: -0.7 * jnp.sum(n[..., 2])
    wanted = a(n) + 2.0 * b(n) + plain(n)
    for F in (a + 2.0 * b + plain, plain + (a + b * 2), sum([a, b, b, plain]), a + (np.float64(2) * b + plain)):
        assert isinstance(F, sm.FreeEnergy)
        np.testing.assert_allclose(F(n), wanted, rtol=1e-14)
        np.testing.assert_allclose(eqx.filter_jit(F)(n), wanted, rtol=1e-14)
        np.testing.assert_allclose(jax.jit(lambda F, n: F(n))(F, n), wanted, rtol=1e-14)
        np.testing.assert_allclose(
            sm.field(F, n), sm.field(a, n) + 2 * sm.field(b, n) + sm.field(plain, n), rtol=1e-13, atol=1e-15
        )
    np.testing.assert_allclose((jnp.array(2.0) * b)(n), 2 * b(n), rtol=1e-15)
    np.testing.assert_allclose((2 * (a + b))(n), 2 * (a(n) + b(n)), rtol=1e-15)
    assert sum([a]) is a


def test_batches_and_derivatives_of_parameters_in_a_sum():
    n = jnp.asarray(random_texture((6, 5)))
    factors = jnp.array([0.5, 1.0, 2.0])
    a, b = sm.Exchange(1.2), sm.Anisotropy(0.3, EASY_AXIS)
    found = jax.vmap(lambda s: (a + s * b)(n))(factors)
    np.testing.assert_allclose(found, a(n) + factors * b(n), rtol=1e-14)
    energies = jax.vmap(lambda s: a + sm.Anisotropy(s, EASY_AXIS))(factors)
    np.testing.assert_allclose(jax.vmap(lambda F: F(n))(energies), a(n) + factors * b(n) / 0.3, rtol=1e-14)
    np.testing.assert_allclose(jax.grad(lambda s: (a + s * b)(n))(0.4), b(n), rtol=1e-14)
    slope = eqx.filter_grad(lambda F: F(n))(a + b)
    np.testing.assert_allclose(slope.terms[1].strength, b(n) / 0.3, rtol=1e-14)


def test_a_callable_module_keeps_its_arrays():
    n = jnp.asarray(random_texture((2, 2)))
    pull = jax.tree_util.Partial(lambda h, n: -jnp.sum(n @ h), jnp.array([0.0, 0.0, 1.0]))
    F = sm.Exchange(1.0) + pull
    assert len(jax.tree.leaves(F)) == 2
    np.testing.assert_allclose(F(n), sm.Exchange(1.0)(n) + pull(n), rtol=1e-14)


def test_relaxing_a_new_sum_does_not_retrace():
    traces = []

    def counted(n):
        traces.append(None)
        return -jnp.sum(n[..., 2])

    n = jnp.asarray(random_texture((4, 3)))
    for strength in (0.1, 0.2):
        sm.relax(sm.Exchange(1.0) + sm.Anisotropy(strength, EASY_AXIS) + counted, n, max_steps=3, throw=False)
        count = len(traces) if strength == 0.1 else count
    assert len(traces) == count > 0


@pytest.mark.parametrize("other", [1.0, 3, "F", None, np.ones(3)], ids=str)
def test_what_is_no_energy_does_not_add(other):
    for add in (lambda: sm.Exchange(1.0) + other, lambda: other + sm.Exchange(1.0)):
        with pytest.raises(TypeError, match="free energy adds to free energies and functions"):
            add()


@pytest.mark.parametrize("factor", ["2", None, np.ones(3), np.nan, sm.Exchange(1.0), 1j], ids=str)
def test_what_is_no_number_does_not_scale(factor):
    for scale in (lambda: sm.Exchange(1.0) * factor, lambda: factor * sm.Exchange(1.0)):
        with pytest.raises(ValueError, match="^factor must"):
            scale()


def test_single_precision_textures_stay_single():
    n = jnp.asarray(random_texture((4, 3)), jnp.float32)
    F = 2.0 * sm.Exchange(1.0) + sm.Anisotropy(np.full((4, 3), 0.1), EASY_AXIS) + sm.StaggeredField([0.0, 0.0, 1.0])
    assert F(n).dtype == jnp.float32


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: sm.Exchange(-1.0), "stiffness must not be negative"),
        (lambda: sm.Exchange([1.0, 2.0]), "stiffness must have shape"),
        (lambda: sm.Exchange(1.0, "open"), "boundary must be two of"),
        (lambda: sm.Exchange(1.0, ("open", "closed")), "boundary must be two of"),
        (lambda: sm.Anisotropy(np.nan, EASY_AXIS), "strength must be finite"),
        (lambda: sm.Anisotropy(np.ones(4), EASY_AXIS), r"strength must have shape \(\) or \(Lx, Ly\), got \(4,\)"),
        (lambda: sm.Anisotropy(0.1, [0.0, 0.0, 0.0]), "axis must not be a vector of length zero"),
        (lambda: sm.Anisotropy(0.1, "y"), "axis must be"),
        (lambda: sm.Anisotropy(0.1, [0.0, 0.0]), "axis must not be a vector of length zero"),
        (lambda: sm.Anisotropy(0.1, [0.0]), r"axis must have shape \(3,\), got \(1,\)"),
        (lambda: sm.StaggeredField([0.0]), r"field must have shape \(3,\) or \(Lx, Ly, 3\), got \(1,\)"),
        (lambda: sm.StaggeredField(np.ones((3, 2))), r"field must have shape \(2,\) or \(Lx, Ly, 2\), got \(3, 2\)"),
        (lambda: sm.StaggeredField(np.ones((4, 3, 4))), "field must have shape"),
        (lambda: sm.Exchange(1.0, mask=np.ones((4, 3))), "mask must be booleans"),
        (lambda: sm.Exchange(1.0, mask=[True, False]), r"mask must be booleans of shape \(Lx, Ly\), got shape \(2,\)"),
        (lambda: sm.Exchange(1.0, mask=np.ones((4, 4), bool))(jnp.ones((4, 3, 2))), r"mask has shape \(4, 4\)"),
        (lambda: sm.Exchange(1.0)(jnp.ones((4, 3, 4))), r"n must have shape \(Lx, Ly, 2\) or \(Lx, Ly, 3\)"),
        (lambda: sm.Anisotropy(1.0, EASY_AXIS)(jnp.ones((4, 3, 2))), r"n must have shape \(Lx, Ly, 3\)"),
        (lambda: sm.Anisotropy(1.0, [1.0, 0.0])(jnp.ones((4, 3, 3))), r"n must have shape \(Lx, Ly, 2\)"),
        (lambda: sm.StaggeredField([1.0, 0.0])(jnp.ones((4, 3, 3))), r"n must have shape \(Lx, Ly, 2\)"),
        (lambda: sm.Exchange(1.0)(jnp.ones((4, 3))), "n must have shape"),
        (lambda: sm.Anisotropy(np.ones((4, 3)), EASY_AXIS)(jnp.ones((5, 3, 3))), "strength is a map of shape"),
        (lambda: sm.StaggeredField(np.ones((4, 3, 3)))(jnp.ones((5, 3, 3))), "field is a map of shape"),
    ],
)
def test_bad_input_names_the_argument(build, message, monkeypatch):
    # what a user meets: the check of annotations, on in the tests only, would refuse some of it first
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="^" + message):
        build()
