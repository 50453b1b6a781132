"""Finite films: operator, preconditioner and invariants of the solution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from film_cases import holed, random_moments, round_film

import scmag_jax as sm
from scmag_jax.film.functional import quadratic, quadratic_of_links
from scmag_jax.film.preconditioner import Multigrid
from scmag_jax.numerics.multigrid import project

# --- matrix and preconditioner


def test_operator_is_symmetric_and_positive():
    film = holed(14)
    stiffness = film._stiffness()
    unit = jnp.eye(15 * 15).reshape(-1, 15, 15)
    both = jax.jit(jax.vmap(lambda u: project(film.nodes, stiffness(project(film.nodes, u))).ravel()))
    matrix = np.asarray(both(unit))
    np.testing.assert_allclose(matrix, matrix.T, rtol=0, atol=1e-15)
    levels = np.linalg.eigvalsh(matrix)
    unknowns = int(film.nodes.free.sum()) + film.holes
    assert (levels > 1e-6).sum() == unknowns and levels.min() > -1e-14
    # the preconditioner as well, and one V-cycle leaves little of the whole
    approximate = jax.jit(jax.vmap(lambda u: project(film.nodes, film.inverse(project(film.nodes, u))).ravel()))
    inverse = np.asarray(approximate(unit))
    np.testing.assert_allclose(inverse, inverse.T, rtol=0, atol=1e-13 * np.abs(inverse).max())
    np.testing.assert_allclose(inverse, np.linalg.pinv(matrix, 1e-9), rtol=0, atol=1e-9)  # the grid is its bottom


@pytest.mark.parametrize("shape", [(96, 80), (130, 40)])
def test_multigrid_is_symmetric_and_positive(shape):
    rng = np.random.default_rng(3)
    mask = np.ones(shape, bool)
    mask[20:41, 10:17] = mask[60:66, 20:30] = False
    mask[:9, :13] = False
    film = sm.Film(mask, 0.1, rng.uniform(0.2, 1.0, shape))
    assert isinstance(film.inverse, Multigrid) and len(film.inverse.levels) >= 1
    vectors = [project(film.nodes, jnp.asarray(rng.normal(size=film.nodes.free.shape))) for _ in range(3)]
    approximate = jax.jit(lambda v: project(film.nodes, film.inverse(v)))
    images = [approximate(v) for v in vectors]
    products = np.array([[float(jnp.sum(a * b)) for a in images] for b in vectors])
    np.testing.assert_allclose(products, products.T, rtol=1e-12)
    assert np.linalg.eigvalsh(products).min() > 0


def test_steps_do_not_grow_with_the_grid():
    steps = {}
    for n in (64, 128, 256):
        mask = np.zeros((n + 4, n + 4), bool)
        c = (np.arange(n + 4) + 0.5 - n / 2 - 2) * 2 / n
        x, y = np.meshgrid(c, c, indexing="ij")
        mask[np.hypot(x, y) < 1] = True
        mask[(np.abs(x - 0.3) < 0.2) & (np.abs(y) < 0.2)] = False
        blocks = np.where((np.floor(4 * x) + np.floor(4 * y)) % 2 == 0, 0.1, 0.5)
        steps[n] = int(sm.Film(mask, 2 / n, blocks).solve(1.0, tolerance=1e-8).stats["steps"])
    assert max(steps.values()) <= 20
    assert steps[256] <= steps[64] + 6


def test_residual_is_the_true_one():
    film = holed(40)
    film = film.replace(pearl_length=10 ** np.random.default_rng(0).uniform(-4, 0, film.shape))
    state = film.solve(1.0, tolerance=1e-18, max_steps=300, throw=False)
    assert not state.converged and 1e-18 < state.stats["residual"] < 1e-9
    assert not holed(40).solve(1.0, max_steps=2, throw=False).converged


# --- invariants


def test_closed_currents_have_the_same_energy_by_links_and_by_nodes():
    film = holed(14)
    stiffness, g = film._stiffness(), film.solve(1.0, moments=random_moments((14, 14))).stream
    x, y = film._links(g)
    one, two = quadratic(stiffness, g), quadratic_of_links(stiffness, film.spacing, x, y)
    assert float(one) == pytest.approx(float(two), rel=1e-13)
    # free space: a grid with an empty margin changes nothing
    wide = sm.Film(np.pad(np.asarray(film.mask), 8), 1 / 14, np.pad(np.asarray(film.pearl_length), 8, mode="edge"))
    m = jnp.pad(random_moments((14, 14)), ((8, 8), (8, 8), (0, 0)))
    np.testing.assert_allclose(wide.solve(1.0, moments=m).stream[8:-8, 8:-8], g, rtol=0, atol=1e-11)


def test_energy_superposition_and_scaling():
    film, m = holed(14), random_moments((14, 14))
    by_moments, by_field = film.solve(moments=m), film.solve(1.0)
    both = film.solve(0.7, moments=2 * m)
    np.testing.assert_allclose(both.stream, 2 * by_moments.stream + 0.7 * by_field.stream, rtol=0, atol=1e-11)
    # E = -1/2 int K.a >= 0 where nothing else drives
    a = jnp.where(film.mask, 1.0, 0.0)[..., None] * jnp.stack([m[..., 1], -m[..., 0]], axis=-1)
    x, y = by_moments.link_currents
    cells = jnp.stack([(x[1:] + x[:-1]) / 2, (y[:, 1:] + y[:, :-1]) / 2], axis=-1)
    assert float(by_moments.energy) == pytest.approx(-0.5 * float(jnp.sum(cells * a)) / 14**2, rel=1e-10)
    assert by_moments.energy > 0 < by_field.energy and by_field.magnetic_moment < 0
    # m(L, Lam) = L^3 f(Lam / L)
    large = sm.Film(film.mask, 3 / 14, 3 * film.pearl_length).solve(1.0)
    assert float(large.magnetic_moment) == pytest.approx(27 * float(by_field.magnetic_moment), rel=1e-10)


def test_uniform_moments_to_the_edge_make_no_current():
    film = holed(14)
    m = jnp.broadcast_to(jnp.array([0.6, -0.8]), (14, 14, 2))
    state = film.solve(moments=m)
    assert float(jnp.abs(state.stream).max()) < 1e-14
    # nor does the gradient of any potential of the cells, taken between their centres: a jump of the Pearl length alone
    # neither
    halves = sm.Film(np.ones((14, 14), bool), 1 / 14, np.where(np.arange(14)[:, None] < 7, 0.1, 0.5) + np.zeros(14))
    assert float(jnp.abs(halves.solve(moments=m).stream).max()) < 1e-14
    # a dead rim turns currents on
    dead = sm.Film(np.ones((14, 14), bool), 1 / 14, 0.2, anomalous=sm.rim(np.ones((14, 14), bool), 1 / 14, 0.2))
    assert float(jnp.abs(dead.solve(moments=m).stream).max()) > 1e-3


def test_fluxoid_is_kept():
    # int B + oint Lam K around a loop is the fluxoid inside, whatever field and moments do
    n = 14
    film = holed(n)
    m = random_moments((n, n))
    m = m.at[:10, 1:10].set(0.0)  # no anomalous potential on the loop
    for fluxoid in (0.0, 1.7):
        state = film.solve(0.8, fluxoids=[fluxoid], moments=m)
        i, k, j, l = 2, 8, 3, 8  # nodes from (i, j) to (k, l) are inside the loop
        flux = float(jnp.sum(state.normal_field[i : k + 1, j : l + 1])) / n**2
        stiffness = film._stiffness()
        x, y = state.link_currents
        below, above = (
            stiffness.along_y[i : k + 1, j - 1] * x[i : k + 1, j - 1],
            stiffness.along_y[i : k + 1, l] * x[i : k + 1, l],
        )
        left, right = (
            stiffness.along_x[i - 1, j : l + 1] * y[i - 1, j : l + 1],
            stiffness.along_x[k, j : l + 1] * y[k, j : l + 1],
        )
        london = float(below.sum() - above.sum() + right.sum() - left.sum()) / n
        assert flux + london == pytest.approx(fluxoid, abs=1e-8)


def test_infinite_pearl_length_is_a_hole():
    mask = np.array(holed(14).mask)
    filled = mask.copy()
    filled[3:7, 4:7] = True
    one = sm.Film(mask, 1 / 14, np.full((14, 14), 0.3))
    two = sm.Film(filled, 1 / 14, np.where(mask, 0.3, np.inf))
    assert one.holes == two.holes == 1
    np.testing.assert_allclose(one.solve(1.0).stream, two.solve(1.0).stream, rtol=0, atol=1e-12)


def test_maps_without_film_do_not_matter():
    mask = np.array(holed(14).mask)
    plain = sm.Film(mask, 0.1, np.full((14, 14), 0.3))
    for outside in (np.nan, np.inf, -1.0):
        values = np.where(mask, 0.3, outside)
        for film in (
            sm.Film(mask, 0.1, values, anomalous=np.where(mask, 1.0, outside)),
            plain.replace(pearl_length=values),
        ):
            np.testing.assert_allclose(film.solve(1.0).stream, plain.solve(1.0).stream, rtol=0, atol=1e-12)
    # a ring of one cell around a hole has one unknown
    ring = np.pad(np.zeros((3, 3), bool), 1, constant_values=True)
    assert float(sm.Film(ring, 1.0, 1.0).inductance()[0, 0]) > 0


# --- fields


def test_field_of_the_boxes_is_that_of_biot_and_savart():
    film = holed(14)
    state = film.solve(1.0)
    x, y = state.link_currents
    h, z = 1 / 14, 0.07
    nodes, weights = np.polynomial.legendre.leggauss(12)
    field = np.zeros(3)
    i, j = 4, 7
    point = h * np.array([i + 0.5, j + 0.5])
    for links, axis, centre in ((x, 0, (0.0, 0.5)), (y, 1, (0.5, 0.0))):
        for k, l in np.ndindex(*links.shape):
            u = h * (k + centre[0] + nodes[:, None] / 2)
            v = h * (l + centre[1] + nodes[None, :] / 2)
            away = np.stack(np.broadcast_arrays(point[0] - u, point[1] - v, z), axis=-1)
            current = np.eye(3)[axis] * float(links[k, l])
            density = np.cross(current, away) / np.linalg.norm(away, axis=-1)[..., None] ** 3
            field += (h / 2) ** 2 / (4 * np.pi) * np.einsum("i,j,ijk->k", weights, weights, density)
    np.testing.assert_allclose(state.magnetic_field(z)[i, j], field, rtol=0, atol=1e-7 * np.abs(field).max())
    # below the film components in the plane turn round
    np.testing.assert_allclose(
        state.magnetic_field(-z), state.magnetic_field(z) * np.array([[[-1.0, -1.0, 1.0]]]), rtol=0, atol=1e-12
    )
    # means over points away from the centres, beyond the grid as well
    shifted = state.bz(z, offsets=jnp.array([[h, 0.0], [0.0, -2 * h]]), weights=jnp.array([2.0, 1.0]))
    plain = state.bz(z)
    np.testing.assert_allclose(shifted[:-1, 2:], 2 * plain[1:, 2:] + plain[:-1, :-2], rtol=0, atol=1e-12)


def test_flux_through_polygons():
    # all of the field of a closed current that goes up through a large plane comes down again: of a vortex in a film,
    # the flux close above it is the fluxoid less what has spread out
    film = round_film(64, 0.3)
    state = film.solve(vortices=[[0.0, 0.0, 1.0]])
    circle = lambda r: (
        r
        * np.stack(
            [np.cos(np.linspace(0, 2 * np.pi, 200, False)), np.sin(np.linspace(0, 2 * np.pi, 200, False))], axis=1
        )
    )
    r = np.linalg.norm(np.asarray(film.cell_positions), axis=-1)
    field = np.asarray(state.bz(0.1))
    for radius in (0.5, 0.9):
        exact = field[r < radius].sum() / 32**2
        assert float(state.flux(circle(radius), 0.1)) == pytest.approx(exact, rel=0.02)
    square = 0.5 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    aligned = (np.abs(np.asarray(film.cell_positions)) < 0.5).all(axis=-1)
    assert float(state.flux(square, 0.1)) == pytest.approx(field[aligned].sum() / 32**2, rel=1e-3)
    uniform = film.solve(1e-9, tolerance=1e-3)
    assert float(uniform.flux(square, 3.0, total=True)) == pytest.approx(1e-9, rel=0.02)
    with pytest.raises(ValueError, match="polygon must lie above the grid"):
        state.flux(3 * square, 0.1)


def test_field_at_the_rim_of_the_grid():
    inner = sm.Film(np.ones((16, 16), bool), 1.0, 1.0).solve(1.0).normal_field
    wide = sm.Film(np.pad(np.ones((16, 16), bool), 3), 1.0, 1.0).solve(1.0).normal_field
    np.testing.assert_allclose(inner, wide[3:-3, 3:-3], rtol=0, atol=1e-9)
    assert float(inner[0, 8]) > 1.5
