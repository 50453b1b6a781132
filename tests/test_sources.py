"""Fields of loops and dipoles against the textbook, Biot and Savart's law and Maxwell's equations."""

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.special import ellipe, ellipk

import scmag_jax as sm
from scmag_jax.numerics.elliptic import arithmetic_geometric


def textbook(radius, rho, z):
    """B_rho and B_z of a loop of current 1, by mpmath's K and E (Jackson 5.5), 40 digits."""
    with mpmath.workdps(40):
        a, r, z = map(mpmath.mpf, (radius, rho, z))
        near, far = (a - r) ** 2 + z**2, mpmath.sqrt((a + r) ** 2 + z**2)
        m = 1 - near / far**2
        k, e = mpmath.ellipk(m), mpmath.ellipe(m)
        bz = ((a**2 - r**2 - z**2) * e + near * k) / (2 * mpmath.pi * near * far)
        across = z * ((a**2 + r**2 + z**2) * e - near * k) / (2 * mpmath.pi * near * far * r) if r else mpmath.mpf(0)
        return float(across), float(bz)


def test_means_are_the_complete_elliptic_integrals():
    m = np.concatenate([[0.0], 10.0 ** np.arange(-16, 0), [0.3, 0.5, 0.9, 0.99, 1 - 1e-6, 1 - 1e-12]])
    mean, total = arithmetic_geometric(jnp.ones(m.size), jnp.sqrt(1 - m), jnp.asarray(m))
    k = np.pi / (2 * mean)
    np.testing.assert_allclose(k, ellipk(m), rtol=1e-14)
    np.testing.assert_allclose(k * (1 - m * total / 2), ellipe(m), rtol=1e-13)


def test_derivative_of_k_is_that_of_the_handbook():
    m = jnp.array([0.0, 1e-9, 0.2, 0.7, 0.999])
    k = lambda m: jnp.pi / (2 * arithmetic_geometric(jnp.ones(()), jnp.sqrt(1 - m), m)[0])
    with mpmath.workdps(40):
        truth = [float(mpmath.diff(mpmath.ellipk, float(x))) for x in m]
    np.testing.assert_allclose(jax.jit(jax.vmap(jax.grad(k)))(m), truth, rtol=1e-12)


def test_loop_agrees_with_the_textbook_everywhere():
    radii, heights = [0.0, 1e-9, 1e-3, 0.5, 0.99, 1.01, 2.0, 30.0, 1e4], [0.0, 1e-3, 0.1, -1.0, 20.0, 1e4]
    points = np.array([(r, z) for r in radii for z in heights])
    truth = np.array([textbook(1.0, *point) for point in points])
    field = np.asarray(sm.CurrentLoop(1.0, 0.0).field(np.stack([points[:, 0], 0 * points[:, 0], points[:, 1]], axis=1)))
    size = np.hypot(*truth.T)
    assert np.max(np.abs(field[:, [0, 2]] - truth) / size[:, None]) < 2e-14 / 0.01  # 0.01 from the wire is closest
    far_from_wire = np.hypot(points[:, 0] - 1, points[:, 1]) > 0.4
    assert np.max((np.abs(field[:, [0, 2]] - truth) / size[:, None])[far_from_wire]) < 1e-14
    np.testing.assert_array_equal(field[:, 1], 0)


def test_loop_obeys_biot_and_savart():
    radius, height, centre, current = 0.7, 1.1, np.array([0.3, -0.2]), -2.0
    angle = 2 * np.pi * np.arange(400) / 400
    wire = np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle), 0 * angle + height], 1)
    step = radius * 2 * np.pi / 400 * np.stack([-np.sin(angle), np.cos(angle), 0 * angle], 1)
    points = np.random.default_rng(0).normal(size=(5, 3)) + [0, 0, -0.5]
    way = points[:, None] - wire
    truth = current / (4 * np.pi) * (np.cross(step, way) / np.linalg.norm(way, axis=2, keepdims=True) ** 3).sum(1)
    loop = sm.CurrentLoop(radius, height, centre=centre, current=current)
    np.testing.assert_allclose(loop.field(points), truth, rtol=1e-12)


@pytest.mark.parametrize("source", [sm.CurrentLoop(1.3, 0.4), sm.MagneticDipole([0.1, 0.2, 1.0], [1.0, -2.0, 0.5])])
def test_fields_obey_maxwell_also_on_the_axis(source):
    points = jnp.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.4], [1e-200, 0.0, 0.1], [0.3, 0.7, -0.2], [5.0, 1.0, 3.0]])
    for derivative in (jax.jacfwd, jax.jacrev):
        slope = jax.jit(jax.vmap(derivative(source.field)))(points)
        assert np.isfinite(slope).all()
        np.testing.assert_allclose(jnp.trace(slope, axis1=1, axis2=2), 0, atol=1e-14)
        np.testing.assert_allclose(slope, jnp.swapaxes(slope, 1, 2), atol=1e-14)


def test_second_derivative_on_the_axis():
    a, z = 1.3, 0.5
    bz = lambda p: sm.CurrentLoop(a, 0.0).field(p)[2]
    along = 1.5 * a**2 * (4 * z**2 - a**2) / (a**2 + z**2) ** 3.5  # of a^2 / 2 (a^2 + z^2)^(3/2)
    slope = lambda p, way: jax.jvp(bz, (p,), (way,))[1]
    curvature = jax.jit(lambda way: jax.jvp(lambda p: slope(p, way), (jnp.array([0.0, 0.0, z]),), (way,))[1])
    np.testing.assert_allclose([curvature(way) for way in jnp.eye(3)], along * np.array([-0.5, -0.5, 1]), rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "at"),
    [
        (lambda p: sm.CurrentLoop(p[0], p[1], centre=p[2:4], current=p[4]), [0.8, 1.2, 0.1, 0.2, 1.5]),
        (lambda p: sm.MagneticDipole(p[:3], p[3:]), [0.1, 0.2, 1.0, 0.3, -0.4, 1.0]),
    ],
)
def test_parameters_are_differentiable_and_batch(make, at):
    field = jax.jit(lambda p: make(p).field(jnp.array([0.4, -0.3, 0.1])))
    at, step = jnp.array(at), 1e-5 * jnp.eye(len(at))
    numeric = (jax.vmap(field)(at[None] + step) - jax.vmap(field)(at[None] - step)) / 2e-5
    np.testing.assert_allclose(jax.jit(jax.jacrev(field))(at), numeric.T, rtol=1e-8, atol=1e-10)


def test_small_loop_is_a_dipole():
    loop = sm.CurrentLoop(1e-4, 0.3, centre=(0.1, 0.2))
    dipole = sm.MagneticDipole([0.1, 0.2, 0.3], [0.0, 0.0, np.pi * 1e-8])
    points = np.array([[1.0, 2.0, 3.0], [0.5, 0.1, -1.0], [0.1, 0.2, 1.0]])
    np.testing.assert_allclose(loop.field(points), dipole.field(points), rtol=1e-6)


def test_sources_add_up_and_scale():
    a, b, c = sm.CurrentLoop(1.0, 1.0), sm.CurrentLoop(2.0, 0.5), sm.MagneticDipole([0.0, 0.0, 2.0], [1.0, 0.0, 0.0])
    points = np.array([[0.1, 0.2, 0.0], [1.0, -1.0, 0.3]])
    x, y, z = (source.field(points) for source in (a, b, c))
    close = lambda source, truth: np.testing.assert_allclose(source.field(points), truth, rtol=1e-14)
    close(a + b + c, x + y + z)
    close(sum([a, b, c]), x + y + z)
    close(a - 2.0 * b, x - 2 * y)
    close(np.float64(3.0) * (-a + b) / 2, 1.5 * (y - x))
    assert len((a + b + c).terms) == 3
    close(eqx.filter_jit(lambda s: s)(a + jnp.array(0.5) * b), x + y / 2)
    with pytest.raises(TypeError, match="field"):
        a + 1.0


def test_a_film_takes_a_source():
    film = sm.Film(np.ones((8, 8), bool), 0.25, 0.5, origin=(-1.0, -1.0))
    coil = sm.CurrentLoop(0.5, 0.4) + sm.MagneticDipole([0.3, 0.0, 0.5], [0.1, 0.0, 0.2])
    points = jnp.pad(film.node_positions, ((0, 0), (0, 0), (0, 1)))
    one, other = film.solve(coil), film.solve(coil.field(points)[..., 2])
    np.testing.assert_allclose(one.stream, other.stream, rtol=1e-12)


def test_single_precision_points_give_single_precision_fields():
    points = jnp.array([[0.1, 0.2, 0.3], [0.0, 0.0, 0.0]], jnp.float32)
    for source in (sm.CurrentLoop(1.0, 0.5), 2.0 * sm.MagneticDipole([0.0, 0.0, 1.0], [0.0, 0.0, 1.0])):
        assert source.field(points).dtype == jnp.float32
        np.testing.assert_allclose(source.field(points), source.field(points.astype(float)), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sm.CurrentLoop(0.0, 1.0), "^radius must be positive"),
        (lambda: sm.CurrentLoop(1.0, np.nan), "^height must be finite"),
        (lambda: sm.CurrentLoop(1.0, 1.0, centre=(0.0, 0.0, 0.0)), r"^centre must have shape \(2,\)"),
        (lambda: sm.CurrentLoop(1.0, 1.0, current=[1.0]), "^current must have shape"),
        (lambda: sm.MagneticDipole([0.0, 0.0], [0.0, 0.0, 1.0]), "^position must have shape"),
        (lambda: sm.MagneticDipole([0.0, 0.0, 1.0], 1.0), "^moment must have shape"),
        (lambda: sm.CurrentLoop(1.0, 1.0).field(np.zeros((4, 2))), "^points must have shape"),
        (lambda: 1j * sm.CurrentLoop(1.0, 1.0), "^factor must be real"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
