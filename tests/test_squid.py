"""Images of pickup loops against Maxwell's mutual inductance, and susceptometry against Pearl's response of a film."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ellipe, ellipkm1, j0, j1

import scmag_jax as sm
from scmag_jax.numerics.quadrature import gauss_legendre
from scmag_jax.squid.rules import ring_counts, ring_points

GRID = (5, 4)


class Loop:
    """A state that is a current loop in the plane of the film, around the centre of cell (2, 1)."""

    def __init__(self, radius=1.0, spacing=0.3):
        self.spacing = spacing
        self.loop = sm.CurrentLoop(radius, 0.0, centre=(2.5 * spacing, 1.5 * spacing))
        x, y = (spacing * (jnp.arange(float(n)) + 0.5) for n in GRID)
        self.cells = jnp.stack(jnp.meshgrid(x, y, indexing="ij"), axis=-1)

    def bz(self, height, offsets=None, weights=None):
        offsets, weights = (jnp.zeros((1, 2)), jnp.ones(1)) if offsets is None else (offsets, weights)
        return _mean(self.loop, self.cells, height, offsets, weights)


@jax.jit
def _mean(loop, cells, height, offsets, weights):
    points = cells[:, :, None] + offsets[None, None]
    points = jnp.concatenate([points, jnp.full((*points.shape[:3], 1), height)], axis=-1)
    return jnp.sum(weights[None, None] * loop.field(points)[..., 2], axis=-1)


def holed():
    """A film with a hole and a random Pearl length."""
    mask = np.ones((24, 24), bool)
    mask[8:12, 9:15] = False
    return sm.Film(mask, 1 / 24, np.random.default_rng(0).uniform(0.3, 1.0, mask.shape), origin=(-0.5, -0.5))


class Samples:
    """A state that knows its field on a grid, and nothing beyond."""

    def __init__(self, state):
        self.state, self.spacing = state, state.spacing

    def bz(self, height):
        return self.state.bz(height)


def maxwell(a, b, z):
    """Mutual inductance of coaxial loops, mu0 = 1."""
    m = 4 * a * b / ((a + b) ** 2 + z**2)
    k, e = ellipkm1(((a - b) ** 2 + z**2) / ((a + b) ** 2 + z**2)), ellipe(m)
    return np.sqrt(a * b / m) * ((2 - m) * k - 2 * e)


@pytest.fixture(scope="module")
def film():
    mask = np.zeros((20, 20), bool)
    mask[6:14, 6:14] = True
    return sm.Film(mask, 0.1, 0.3)


@pytest.fixture(scope="module")
def state(film):
    return film.solve(1.0)


@pytest.mark.parametrize(("height", "radius"), [(1.0, 0.2), (0.5, 0.5), (0.3, 1.0), (0.1, 1.0)])
def test_flux_through_a_disk_is_maxwells_mutual_inductance(height, radius):
    image = sm.Squid(height, radius).image(Loop(0.8))
    np.testing.assert_allclose(image[2, 1], maxwell(0.8, radius, height), rtol=1e-6)


@pytest.mark.parametrize("ratio", [0.1, 0.3, 1.0, 4.0])
@pytest.mark.parametrize("inner", [0.0, 0.5])
def test_rules_integrate_the_field_of_points_below(ratio, inner):
    # a point below, wherever it is, is the worst of all sources; the limit is of the largest flux of one of them
    rule = lambda counts: ring_points(counts, jnp.asarray(inner), jnp.ones(()))
    (points, weights), (fine, fine_weights) = rule(ring_counts(ratio, inner > 0)), rule((400,) * 60)
    at = jnp.array([(r * np.cos(t), r * np.sin(t)) for r in np.linspace(0, 1.5, 13) for t in (0.0, 0.4, 1.0)])
    field = lambda p, s: ratio / (jnp.sum((p - s[None]) ** 2, axis=1) + ratio**2) ** 1.5
    found = jax.vmap(lambda s: jnp.sum(weights * field(points, s)))(at)
    truth = jax.vmap(lambda s: jnp.sum(fine_weights * field(fine, s)))(at)
    assert jnp.max(jnp.abs(found - truth)) < 1e-6 * jnp.max(truth)


def test_annulus_is_the_difference_of_disks_and_a_point_the_field():
    loop, height = Loop(), 0.4
    annulus = sm.Squid(height, 0.6, inner_radius=0.35)
    disks = sm.Squid(height, 0.6).image(loop) - sm.Squid(height, 0.35).image(loop)
    np.testing.assert_allclose(annulus.image(loop), disks, atol=1e-6 * float(jnp.abs(disks).max()))
    np.testing.assert_allclose(annulus.area, np.pi * (0.6**2 - 0.35**2))
    np.testing.assert_allclose(annulus.image(loop, "field") * annulus.area, annulus.image(loop))
    point = sm.Squid(height)
    np.testing.assert_array_equal(point.image(loop), loop.bz(height))
    small = sm.Squid(height, 1e-4)
    np.testing.assert_allclose(small.image(loop, quantity="field"), loop.bz(height), rtol=1e-6)
    assert point.area is None


def test_kernel_is_what_a_point_is_spread_to():
    loop = Loop()
    kernel = np.zeros((3, 5))
    kernel[2, 1] = 2.0  # spread to (+1, -1) spacings: seen from (-1, +1)
    squid = sm.Squid(0.5, kernel=kernel, kernel_spacing=loop.spacing)
    image, field = squid.image(loop), loop.bz(0.5)
    np.testing.assert_allclose(image[1:, :-1], 2.0 * loop.spacing**2 * field[:-1, 1:], rtol=1e-12)
    np.testing.assert_allclose(squid.image(loop, "field")[1:, :-1], field[:-1, 1:], rtol=1e-12)
    on_grid = squid.image(Samples(loop))
    np.testing.assert_allclose(on_grid[1:, :-1], image[1:, :-1], rtol=1e-12)
    np.testing.assert_allclose(on_grid[0], 0, atol=1e-15)  # nothing is known beyond


def test_image_is_exact_at_the_rim_of_the_grid(film, state):
    cut = sm.Film(film.mask[6:14, 6:14], 0.1, 0.3).solve(1.0)  # the film fills its grid
    squid = sm.Squid(0.25, 0.25)
    np.testing.assert_allclose(squid.image(cut), squid.image(state)[6:14, 6:14], rtol=1e-9, atol=1e-14)


def test_samples_are_convolved_on_their_grid(state):
    squid = sm.Squid(0.3, 0.3)
    inside = (slice(5, 15),) * 2  # further from the rim than the loop reaches, and two cells
    exact, found = squid.image(state), squid.image(Samples(state))
    np.testing.assert_allclose(found[inside], exact[inside], atol=2e-3 * float(jnp.abs(exact).max()))
    assert abs(found[0, 0] / exact[0, 0] - 1) > 0.2


def test_total_adds_the_applied_field(state):
    squid = sm.Squid(0.3, 0.3)
    np.testing.assert_allclose(squid.image(state, total=True) - squid.image(state), squid.area, rtol=1e-12)
    np.testing.assert_allclose(squid.image(state, "field", total=True) - squid.image(state, "field"), 1.0, rtol=1e-12)


def test_image_of_a_film_is_reciprocity(film, state):
    # to second order of spacing over height
    squid = sm.Squid(0.8, 0.8)
    way = film.node_positions - film.cell_positions[3, 12][None, None]
    bz = squid.source.field(jnp.pad(way, ((0, 0), (0, 0), (0, 1))))[..., 2]
    np.testing.assert_allclose(squid.image(state)[3, 12], 0.1**2 * jnp.sum(state.stream * bz), rtol=5e-3)


def test_derivatives_with_respect_to_height_and_radius():
    loop = Loop()
    flux = jax.jit(lambda p: sm.Squid(p[0], p[1], inner_radius=p[2]).image(loop)[1, 1])
    at, step = jnp.array([0.4, 0.5, 0.2]), 1e-5
    numeric = [(flux(at + step * e) - flux(at - step * e)) / (2 * step) for e in jnp.eye(3)]
    np.testing.assert_allclose(jax.jit(jax.grad(flux))(at), jnp.stack(numeric), rtol=1e-7)
    image = lambda squid: squid.image(loop)[1, 1]
    known = eqx.filter_jit(eqx.filter_grad(image))(sm.Squid(0.4, 0.5, inner_radius=0.2))
    np.testing.assert_allclose([known.height, known.loop_radius, known.inner_radius], jnp.stack(numeric), rtol=1e-5)


def test_derivative_of_the_image_of_a_film():
    state = holed().solve(1.0)
    image = lambda z: eqx.tree_at(lambda squid: squid.height, sm.Squid(0.3, 0.3), z).image(state)
    slope = jax.jvp(image, (jnp.array(0.3),), (jnp.array(1.0),))[1]
    numeric = (image(jnp.array(0.3 + 1e-5)) - image(jnp.array(0.3 - 1e-5))) / 2e-5
    np.testing.assert_allclose(slope, numeric, atol=1e-6 * float(jnp.abs(slope).max()))


def test_the_number_of_points_is_that_of_what_was_given():
    made = []
    jax.jit(lambda z: made.extend([sm.Squid(0.3, 0.3).counts, sm.Squid(z, 0.3).counts]))(0.3)
    assert made == [ring_counts(1.0), ring_counts(0.3)] == [sm.Squid(0.3, 0.3).counts, ring_counts(None)]


def test_line_cuts_are_bilinear():
    squid, spacing, origin = sm.Squid(1.0), 0.5, (-1.0, 2.0)
    x, y = np.meshgrid(-1.0 + 0.5 * (np.arange(6) + 0.5), 2.0 + 0.5 * (np.arange(4) + 0.5), indexing="ij")
    image = 1.0 + 2.0 * x - y + 0.5 * x * y
    start, end = np.array([-0.7, 2.3]), np.array([1.6, 3.7])
    way = start + np.linspace(0, 1, 9)[:, None] * (end - start)
    truth = 1.0 + 2.0 * way[:, 0] - way[:, 1] + 0.5 * way[:, 0] * way[:, 1]
    np.testing.assert_allclose(squid.line_cut(image, spacing, start, end, 9, origin=origin), truth, rtol=1e-12)
    rim = squid.line_cut(image, spacing, (-1.0, 2.0), (2.0, 4.0), 2, origin=origin)
    np.testing.assert_allclose(rim, [image[0, 0], image[-1, -1]])
    np.testing.assert_allclose(squid.line_cut(np.ones((1, 5)), 1.0, (0.5, 0.0), (0.5, 5.0), 4), 1.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sm.Squid(0.0), "^height must be positive"),
        (lambda: sm.Squid(1.0, -1.0), "^loop_radius must be positive"),
        (lambda: sm.Squid(1.0, inner_radius=1.0), "^inner_radius needs"),
        (lambda: sm.Squid(1.0, 1.0, inner_radius=1.0), "^inner_radius must be below"),
        (lambda: sm.Squid(1.0, kernel=np.ones(3), kernel_spacing=1.0), "^kernel must have shape"),
        (lambda: sm.Squid(1.0, kernel=np.ones((3, 3))), "^kernel and kernel_spacing"),
        (lambda: sm.Squid(1.0, 1.0, kernel=np.ones((3, 3)), kernel_spacing=1.0), "^kernel stands instead"),
        (lambda: sm.Squid(1.0, 1.0).image(Loop(), "phase"), "^quantity must be"),
        (lambda: sm.Squid(1.0).image(Loop(), "flux"), '^quantity must be "field"'),
        (lambda: sm.Squid(1.0).image(Loop(), total=True), "^total needs"),
        (lambda: sm.Squid(1.0, kernel=np.ones((3, 3)), kernel_spacing=1.0).source, "^a kernel has no source"),
        (lambda: sm.Squid(1.0).line_cut(np.ones((3, 3)), 1.0, (0.0, 0.0), (4.0, 0.0), 3), "^start and end"),
        (lambda: sm.Squid(1.0).line_cut(np.ones((3, 3)), 1.0, (0.0, 0.0), (3.0, 0.0), 1), "^points must be"),
        (lambda: sm.susceptometry(None, 1.0, sm.Squid(1.0), np.zeros(2)), "^coil must have field"),
        (lambda: sm.susceptometry(None, sm.CurrentLoop(1.0, 1.0), Loop(), np.zeros(2)), "^pickup must have field"),
        (lambda: sm.susceptometry(None, *[sm.CurrentLoop(1.0, 1.0)] * 2, np.zeros(3)), "^positions must have shape"),
        (lambda: sm.susceptometry(None, *[sm.CurrentLoop(1.0, 1.0)] * 2, np.zeros(2), batch=0), "^batch must be"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# --- susceptometry


def pearl(a, b, height, pearl_length, apart=0.0):
    """M through an infinite film: the mirrored coil's spectrum over 1 + q pearl_length; `height` is the sum of both."""
    nodes, weights = gauss_legendre(32, panels=8)
    q, w = 40 / height * nodes, 40 / height * weights
    spectrum = j1(q * a) * j1(q * b) * j0(q * apart) * np.exp(-q * height) / (1 + q * pearl_length)
    return -np.pi * a * b * np.sum(w * spectrum)


COIL, PICKUP = sm.CurrentLoop(1.0, 1.0), sm.CurrentLoop(0.7, 0.8)


def square(cells, pearl_length, side=12.0):
    return sm.Film(np.ones((cells, cells), bool), side / cells, pearl_length, origin=(-side / 2, -side / 2))


def test_mirrored_loops_are_maxwells():
    np.testing.assert_allclose(pearl(1.0, 0.7, 1.8, 0.0), -maxwell(1.0, 0.7, 1.8), rtol=1e-12)


@pytest.mark.parametrize(("pearl_length", "error"), [(1e-4, 2e-3), (0.5, 2e-3), (2.0, 1e-2)])
def test_a_large_film_mirrors_the_coil(pearl_length, error):
    # extrapolated to zero spacing; what is left is the finite side, and grows with the Pearl length
    for apart in (0.0, 1.2):
        pickup = sm.CurrentLoop(0.7, 0.8, centre=(apart, 0.0))
        coarse, fine = (sm.susceptometry(square(n, pearl_length), COIL, pickup, np.zeros(2)) for n in (24, 48))
        truth = pearl(1.0, 0.7, 1.8, pearl_length, apart)
        np.testing.assert_allclose((4 * fine - coarse) / 3, truth, rtol=error)
        np.testing.assert_allclose(fine, truth, rtol=3e-2)


def test_coil_and_pickup_may_be_swapped():
    mask = np.ones((16, 16), bool)
    mask[5:9, 6:10] = False
    film = sm.Film(mask, 0.25, 0.4, origin=(-2.0, -2.0))
    one, other = (
        COIL + sm.MagneticDipole([0.3, 0.1, 0.5], [0.2, 0.1, 0.4]),
        PICKUP + sm.MagneticDipole([0, 0, 1], [0, 1, 1]),
    )
    positions = np.array([[0.1, 0.2], [-0.5, 1.0], [3.0, 0.0], [-1.5, 0.3]])
    found, swapped = (sm.susceptometry(film, *pair, positions, batch=4) for pair in ((one, other), (other, one)))
    np.testing.assert_allclose(found, swapped, rtol=1e-8, atol=1e-9 * float(jnp.abs(found).max()))


class Stream(eqx.Module):
    stream: jax.Array


class Insulator(eqx.Module):
    """A film whose stream function is the applied field."""

    node_positions: jax.Array
    spacing: jax.Array

    def solve(self, applied_field, tolerance, max_steps):
        return Stream(applied_field)


def test_positions_of_any_shape_in_batches():
    film = Insulator(jnp.array([[[0.0, 0.0], [0.0, 1.0]]]), jnp.array(0.5))
    positions = np.random.default_rng(0).normal(size=(2, 5, 2))
    found = sm.susceptometry(film, COIL, PICKUP, positions, batch=4)
    nodes = np.pad(np.asarray(film.node_positions[0]) - positions[..., None, :], ((0, 0),) * 3 + ((0, 1),))
    truth = 0.25 * jnp.sum(COIL.field(nodes)[..., 2] * PICKUP.field(nodes)[..., 2], axis=-1)
    np.testing.assert_allclose(found, truth, rtol=1e-13)
    # the field at a point instead of a flux
    found = sm.susceptometry(film, COIL, sm.Squid(0.8), positions[0, 0])
    bz = sm.MagneticDipole([0.0, 0.0, 0.8], [0.0, 0.0, 1.0]).field(nodes[0, 0])[..., 2]
    np.testing.assert_allclose(found, 0.25 * jnp.sum(COIL.field(nodes[0, 0])[..., 2] * bz), rtol=1e-13)


def test_susceptometry_is_the_flux_of_the_image():
    film = square(24, 0.5, side=4.0)
    at = film.cell_positions[14, 10]
    squid = sm.Squid(0.7, 0.4)
    image = squid.image(film.solve(sm.CurrentLoop(0.6, 0.9, centre=at)))
    # of second order in the spacing
    np.testing.assert_allclose(sm.susceptometry(film, sm.CurrentLoop(0.6, 0.9), squid, at), image[14, 10], rtol=1e-2)


def test_susceptometry_is_differentiable():
    film = holed()
    varied = film.pearl_length

    def mutual(p):
        coil, squid = sm.CurrentLoop(p[1], p[2]), sm.Squid(p[3], p[4])
        return sm.susceptometry(film.replace(pearl_length=p[0] * varied), coil, squid, p[5:], tolerance=1e-13)

    at, step = jnp.array([0.5, 0.8, 0.9, 0.7, 0.5, 0.3, 0.1]), 1e-4
    directions = jax.random.normal(jax.random.key(0), (2, 7))
    slope = jax.grad(mutual)(at)
    for direction in directions:
        numeric = (mutual(at + step * direction) - mutual(at - step * direction)) / (2 * step)
        np.testing.assert_allclose(jnp.dot(slope, direction), numeric, rtol=1e-5)
