"""Periodic film: analytic truths, an independent complex FFT, and the exact real-space sums of `impurities`.

Tolerances: 1e-13 of the largest value where both sides are the same sum in another order (FFTs of at most 1e4
nodes); elsewhere the reason stands at the test.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scmag_jax.film import PeriodicFilm
from scmag_jax.impurities.coupling import PearlCoupling
from scmag_jax.impurities.ensemble import Ensemble

SHAPES = [(12, 10), (9, 7), (10, 7), (1, 6)]  # with Nyquist components in both, none or one direction; a line
SPACING, PEARL = 0.3, 0.7


def close(value, truth, rtol=1e-13):
    """Agreement to `rtol` of the largest value of the truth."""
    truth = np.asarray(truth)
    np.testing.assert_allclose(np.asarray(value), truth, rtol=0, atol=rtol * np.abs(truth).max())


class Answers(NamedTuple):
    energy: jax.Array
    current: jax.Array
    stream: jax.Array
    bz: jax.Array
    field: jax.Array
    derivative: jax.Array


@jax.jit
def answers(film, a, height=0.0):
    """Everything a film says about a; one compilation for every shape."""
    energy, derivative = jax.value_and_grad(film.energy)(a)
    return Answers(
        energy, film.current(a), film.stream(a), film.bz(a, height), film.magnetic_field(a, height), derivative
    )


def noise(shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(*shape, 2)))


def smooth(shape, largest=3, seed=0):
    """Random real field of waves up to the given order only, so that the grid is exact for it and its products."""
    spectrum = np.fft.fft2(np.asarray(noise(shape, seed)), axes=(0, 1))
    orders = [np.abs(np.fft.fftfreq(n, 1 / n)) for n in shape]
    spectrum[(orders[0] > largest)[:, None] | (orders[1] > largest)[None, :]] = 0
    return jnp.asarray(np.fft.ifft2(spectrum, axes=(0, 1)).real)


def derivative(field, axis, spacing=SPACING):
    """Spectral derivative by the complex FFT, its Nyquist component zero."""
    n = field.shape[axis]
    orders = np.fft.fftfreq(n, 1 / n)
    orders[2 * np.abs(orders) == n] = 0
    shape = [1, 1]
    shape[axis] = n
    factor = 2j * np.pi * orders.reshape(shape) / (n * spacing)
    return np.fft.ifft(factor * np.fft.fft(np.asarray(field), axis=axis), axis=axis).real


def curl(vector):
    return derivative(vector[..., 1], 0) - derivative(vector[..., 0], 1)


# --- the whole complex spectrum, in NumPy


def whole_spectrum(a, spacing, pearl, height):
    """Current, Bz and energy from the equations of the physics, on the whole spectrum, projector by projector.

    A Nyquist component is split into halves at +q and -q, each projected on its own; nothing is set to zero by hand.
    """
    nx, ny = a.shape[:2]
    a_q = np.fft.fft2(np.asarray(a), axes=(0, 1))
    current, bz, energy = np.zeros_like(a_q), np.zeros_like(a_q[..., 0]), 0.0
    for ix, orders_x in enumerate(_both_signs(nx)):
        for iy, orders_y in enumerate(_both_signs(ny)):
            waves = [(kx, ky) for kx in orders_x for ky in orders_y]
            for kx, ky in waves:
                q = 2 * np.pi * np.array([kx / nx, ky / ny]) / spacing
                size = np.hypot(*q)
                if size == 0:
                    continue
                transverse = np.eye(2) - np.outer(q, q) / size**2
                weight_e2d = 2 / pearl
                part = a_q[ix, iy] / len(waves)
                j = -weight_e2d * size * pearl / (1 + size * pearl) * transverse @ part
                current[ix, iy] += j
                bz[ix, iy] += 1j * (q[0] * j[1] - q[1] * j[0]) * np.exp(-size * abs(height)) / (2 * size)
                energy -= 0.5 * spacing**2 / (nx * ny) * (np.conj(a_q[ix, iy]) @ j).real
    back = lambda s: np.fft.ifft2(s, axes=(0, 1))
    return back(current), back(bz), energy


def _both_signs(n):
    orders = np.fft.fftfreq(n, 1 / n)
    return [(-n / 2, n / 2) if 2 * abs(k) == n else (k,) for k in orders]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_agrees_with_the_whole_complex_spectrum(shape):
    a = noise(shape)  # white noise: Nyquist components included
    ours = answers(PeriodicFilm(shape, SPACING, PEARL), a, 0.1)
    current, bz, energy = whole_spectrum(a, SPACING, PEARL, 0.1)
    assert np.abs(current.imag).max() < 1e-13 and np.abs(bz.imag).max() < 1e-13  # the reference is consistent
    close(ours.current, current.real)
    close(ours.bz, bz.real)
    close(ours.field[..., 2], bz.real)
    close(ours.energy, energy)


# --- one energy, everything else follows


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_current_is_the_derivative_of_the_energy(shape):
    a = noise(shape)
    ours = answers(PeriodicFilm(shape, SPACING, PEARL), a, 0.1)
    close(ours.current, -ours.derivative / SPACING**2)
    close(ours.energy, -0.5 * SPACING**2 * np.vdot(ours.current, a))


@pytest.mark.parametrize(("shape", "transverse"), [((5, 3), 14), ((6, 4), 30)], ids=["odd", "even"])
def test_response_is_symmetric_and_positive_semidefinite(shape, transverse):
    # One transverse wave for every q except q = 0. Even sides: at a Nyquist component both directions are partly
    # transverse to one of +q and -q, unless q lies along an axis: 23 waves, of which 7 count twice.
    film = PeriodicFilm(shape, SPACING, PEARL)
    size = 2 * shape[0] * shape[1]
    matrix = -jax.jit(jax.vmap(film.current))(jnp.eye(size).reshape(size, *shape, 2)).reshape(size, size)
    close(matrix, matrix.T)
    values = np.linalg.eigvalsh(np.asarray(matrix))
    assert values[0] > -1e-14 * values[-1]
    assert np.sum(values > 1e-10 * values[-1]) == transverse


def test_uniform_and_longitudinal_potentials_are_pure_gauge():
    film = PeriodicFilm((12, 10), SPACING, PEARL)
    uniform = jnp.broadcast_to(jnp.array([0.8, -0.3]), (12, 10, 2))
    phase = np.asarray(smooth((12, 10))[..., 0])
    gradient = jnp.asarray(np.stack([derivative(phase, 0), derivative(phase, 1)], axis=-1))
    for a in (uniform, gradient, uniform + gradient):  # rounding of numbers of order 1 to 10
        for value in answers(film, a):
            assert np.abs(value).max() < 1e-13
    close(answers(film, noise((12, 10)) + uniform).current, answers(film, noise((12, 10))).current)


# --- analytic truths


@pytest.mark.parametrize("order", [(2, 0), (0, 1), (2, -3)], ids=str)
def test_one_plane_wave(order):
    shape, height = (16, 12), 0.4
    film = PeriodicFilm(shape, SPACING, PEARL)
    x, y = np.meshgrid(*(SPACING * np.arange(n) for n in shape), indexing="ij")
    q = 2 * np.pi * np.array(order) / (SPACING * np.array(shape))
    size, amplitude = np.hypot(*q), np.array([0.9, -0.5])
    phase = q[0] * x + q[1] * y + 0.3
    across = np.array([-q[1], q[0]]) / size  # z x q / q: curl (across cos) = -q sin
    part = amplitude @ across
    chi = 2 / PEARL * size * PEARL / (1 + size * PEARL)
    a = jnp.asarray(np.cos(phase)[..., None] * amplitude)
    above, below = answers(film, a, height), answers(film, a, -height)
    close(above.current, -chi * part * np.cos(phase)[..., None] * across)
    close(above.energy, 0.25 * chi * part**2 * SPACING**2 * np.prod(shape))
    close(above.stream, chi / size * part * np.sin(phase))
    decay = np.exp(-size * height)
    close(above.bz, chi / 2 * part * np.sin(phase) * decay)
    close(below.bz, above.bz)
    along = -chi / (2 * size) * part * np.cos(phase)[..., None] * q * decay  # -grad of Phi = Bz / q
    close(above.field[..., :2], along)
    close(below.field[..., :2], -along)


def test_current_is_free_of_divergence_and_obeys_london():
    shape = (16, 12)
    a = smooth(shape)
    ours = answers(PeriodicFilm(shape, SPACING, PEARL), a)
    j, psi = np.asarray(ours.current), np.asarray(ours.stream)
    close(np.stack([derivative(psi, 1), -derivative(psi, 0)], axis=-1), j)
    assert np.abs(derivative(j[..., 0], 0) + derivative(j[..., 1], 1)).max() < 1e-13 * np.abs(curl(j)).max()
    # j = -e^2 D (A + a - grad phi): its curl, with e^2 D = 2 / r0
    close(curl(j), -2 / PEARL * (np.asarray(ours.bz) + curl(a)))


def test_field_jumps_by_the_current_and_is_free_of_curl_and_divergence():
    shape = (16, 12)
    film, a = PeriodicFilm(shape, SPACING, PEARL), smooth(shape)
    ours = answers(film, a)
    j, above = np.asarray(ours.current), np.asarray(ours.field)
    close(2 * np.stack([-above[..., 1], above[..., 0]], axis=-1), j)  # Ampere: z x (B above - B below) = j
    along_z = jax.jit(lambda z: jax.jvp(lambda z: film.magnetic_field(a, z), (z,), (jnp.ones_like(z),)))
    field, rise = along_z(jnp.array(0.2))
    assert np.abs(curl(field[..., :2])).max() < 1e-13
    close(derivative(field[..., 0], 0) + derivative(field[..., 1], 1), -rise[..., 2])
    close(np.stack([derivative(field[..., 2], k) for k in (0, 1)], axis=-1), rise[..., :2])


def test_energy_is_kinetic_plus_magnetic():
    # F before the minimisation: int j^2 / (2 e^2 D) + int d3r B^2 / 2. The integral over z by Gauss-Legendre over
    # 36 decay lengths of the slowest wave (the fastest: 153 of its own): 96 nodes leave less than rounding.
    shape = (12, 12)
    film, a = PeriodicFilm(shape, SPACING, PEARL), smooth(shape)
    kinetic = SPACING**2 * np.sum(np.asarray(answers(film, a).current) ** 2) * PEARL / 4
    slowest = 2 * np.pi / (12 * SPACING)
    nodes, weights = np.polynomial.legendre.leggauss(96)
    length = 36 / (2 * slowest)
    heights = jnp.asarray(length * (nodes + 1) / 2)
    density = lambda z: SPACING**2 * jnp.sum(film.magnetic_field(a, z) ** 2) / 2
    magnetic = 2 * np.sum(length / 2 * weights * np.asarray(jax.jit(jax.vmap(density))(heights)))
    assert magnetic > 0.1 * kinetic  # both count
    close(answers(film, a).energy, kinetic + magnetic, rtol=1e-12)


# --- the exact sums of `impurities`: the same film, with point sources


NODES, STEP = (96, 84), 0.05
BOX = np.array(NODES) * STEP
GRID = np.stack(np.meshgrid(*(STEP * np.arange(n) for n in NODES), indexing="ij"), axis=-1)
WIDTH = 2.6 * STEP  # of a smeared source; exp(-(pi 2.6)^2 / 2) = 3e-15: no aliasing on the grid
CLUSTER, POINT = np.array([1.234, 0.777]), (71, 60)  # a place off the nodes, and a node
FIRST, SECOND = np.array([0.6, 0.8]), np.array([0.96, -0.28])  # moments there
COUPLING = PearlCoupling(pearl_length=0.4, strength=1.3, sign=-1)  # not 1: powers of r0 must show


@pytest.fixture(scope="module")
def film():
    return PeriodicFilm(NODES, STEP, COUPLING.pearl_length)


@pytest.fixture(scope="module")
def exact():
    """100 points with Gauss-Hermite weights in place of a Gaussian of variance 2 WIDTH^2, and a single point."""
    points, weights = np.polynomial.hermite_e.hermegauss(10)
    weights = weights / weights.sum()
    around = np.stack(np.meshgrid(points, points, indexing="ij"), axis=-1).reshape(-1, 2)
    positions = np.vstack([CLUSTER + np.sqrt(2) * WIDTH * around, GRID[POINT]])
    weights = np.append(np.outer(weights, weights).ravel(), 1.0)
    return Ensemble(jnp.asarray(positions), COUPLING, box=BOX, weights=jnp.asarray(weights))


def only_cluster():
    return jnp.asarray(np.vstack([np.tile(FIRST, (100, 1)), [[0.0, 0.0]]]))


def only_point():
    return jnp.asarray(np.vstack([np.zeros((100, 2)), SECOND]))


def potential(moment, density):
    """a = +g (m x z) n on the grid."""
    return jnp.asarray(float(COUPLING.flux) * density[..., None] * np.array([moment[1], -moment[0]]))


def distance(centre):
    d = GRID - centre
    return np.linalg.norm(d - BOX * np.round(d / BOX), axis=-1)


def gaussian(centre, width):
    return np.exp(-(distance(centre) ** 2) / (2 * width**2)) / (2 * np.pi * width**2)


def test_field_of_a_point_source_is_that_of_the_exact_sum(film, exact):
    # At a height of 10 spacings the waves beyond the grid are exp(-10 pi) = 2e-14 of the source.
    height, density = 10 * STEP, np.zeros(NODES)
    density[POINT] = 1 / STEP**2
    truth = exact.magnetic_field(only_point(), jnp.asarray(GRID[::16, ::16]), height)
    ours = answers(film, potential(SECOND, density), height)
    close(ours.bz[::16, ::16], truth[..., 2], rtol=1e-11)
    close(ours.field[::16, ::16], truth, rtol=1e-11)


def test_current_of_a_smeared_source_is_that_of_the_exact_sum(film, exact):
    # 10 widths away the cluster's first wrong moment, of degree 20, leaves about 21 10! / 10^20 = 1e-12.
    width = np.sqrt(2) * WIDTH
    far = tuple(np.argwhere(distance(CLUSTER) > 10 * width)[::31].T)
    assert len(far[0]) > 100
    ours = answers(film, potential(FIRST, gaussian(CLUSTER, width))).current
    close(np.asarray(ours)[far], exact.current(only_cluster(), jnp.asarray(GRID[far])), rtol=1e-10)


def test_interaction_of_smeared_sources_is_that_of_the_exact_sum(film, exact):
    # Two Gaussians interact as one of twice the variance with a point. The mixed term of either quadratic energy
    # is the derivative at one source in the direction of the other, so that no self energies cancel.
    assert distance(CLUSTER)[POINT] > 10 * np.sqrt(2) * WIDTH
    first, second = (potential(FIRST, gaussian(CLUSTER, WIDTH)), potential(SECOND, gaussian(GRID[POINT], WIDTH)))
    ours = np.vdot(answers(film, first).derivative, second)
    truth = np.vdot(jax.jit(jax.grad(lambda m, energy: energy(m)))(only_cluster(), exact), only_point())
    close(ours, truth, rtol=1e-10)  # the cluster's error as above


# --- transformations, float types


def test_batches_over_films_and_potentials():
    shape, pearls = (12, 10), jnp.array([0.1, 1.0, 30.0])
    film = lambda pearl: PeriodicFilm(shape, SPACING, pearl)
    a = jnp.stack([noise(shape, seed) for seed in range(3)])
    films = jax.vmap(film)(pearls)
    together = jax.jit(jax.vmap(answers, (0, 0, None)))(films, a, 0.2)
    for k, pearl in enumerate(pearls):
        for value, truth in zip(together, answers(film(pearl), a[k], 0.2), strict=True):
            close(value[k], truth)


def test_a_new_pearl_length_or_spacing_does_not_retrace():
    traces = []

    @jax.jit
    def energy(film, a):
        traces.append(1)
        return film.energy(a)

    for pearl, spacing in ((0.1, 0.2), (1.0, 0.2), (1.0, 0.3)):
        energy(PeriodicFilm((12, 10), spacing, pearl), noise((12, 10)))
    assert len(traces) == 1


def test_derivatives_by_parameters():
    shape = (12, 10)
    a = noise(shape) + 1.0  # with a uniform part: q = 0 must not turn into NaN
    energy = jax.jit(lambda pearl, spacing: PeriodicFilm(shape, spacing, pearl).energy(a))
    by_pearl, by_spacing = jax.grad(energy, (0, 1))(PEARL, SPACING)
    # central differences: the step's square, 1e-8, times a third derivative of order 10 to 100
    h = 1e-4
    close(by_pearl, (energy(PEARL + h, SPACING) - energy(PEARL - h, SPACING)) / (2 * h), rtol=1e-6)
    close(by_spacing, (energy(PEARL, SPACING + h) - energy(PEARL, SPACING - h)) / (2 * h), rtol=1e-6)
    # chi is of degree -1 in the length, the area of degree 2: Euler's theorem
    close(by_pearl * PEARL + by_spacing * SPACING, energy(PEARL, SPACING))
    flux = lambda pearl, z: jnp.sum(PeriodicFilm(shape, SPACING, pearl).bz(a, z) ** 2)
    curvatures = jax.jit(jax.hessian(flux, (0, 1)))(PEARL, 0.3)
    assert np.isfinite(np.asarray(curvatures)).all()


def test_single_precision_stays_single():
    shape = (12, 10)
    film, a = PeriodicFilm(shape, SPACING, PEARL), noise(shape)
    for value, truth in zip(answers(film, a.astype(jnp.float32), 0.1), answers(film, a, 0.1), strict=True):
        assert value.dtype == jnp.float32
        close(value, truth, rtol=2e-6)  # 20 ulp of float32
    film = PeriodicFilm(shape, jnp.float32(SPACING), jnp.float32(PEARL))
    slope = jax.jit(jax.grad(lambda film: film.energy(a.astype(jnp.float32))))(film)
    assert slope.pearl_length.dtype == jnp.float32 and np.isfinite(slope.pearl_length)


# --- refusals


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": 8}, r"shape must be two positive integers \(nx, ny\), got 8"),
        ({"shape": (8, 8, 2)}, "shape must be two positive integers"),
        ({"shape": (8, 0)}, "shape must be two positive integers"),
        ({"shape": (8.0, 8)}, "shape must be two positive integers"),
        ({"spacing": 0.0}, "spacing must be positive and finite, got 0.0"),
        ({"spacing": (0.1, 0.2)}, "spacing must be a scalar"),
        ({"pearl_length": -1.0}, "pearl_length must be positive and finite, got -1.0"),
        ({"pearl_length": jnp.inf}, "pearl_length must be positive and finite, got inf"),
        ({"pearl_length": jnp.nan}, "pearl_length must be positive and finite, got nan"),
        ({"pearl_length": jnp.ones((8, 8))}, "pearl_length must be a scalar"),
    ],
    ids=str,
)
def test_refuses_a_bad_film(change, message):
    with pytest.raises(ValueError, match=message):
        PeriodicFilm(**({"shape": (8, 8), "spacing": 0.1, "pearl_length": 1.0} | change))


def test_refuses_bad_potentials_and_heights():
    film, a = PeriodicFilm((8, 6), 0.1, 1.0), jnp.ones((8, 6, 2))
    for method in (film.energy, film.current, film.stream, lambda a: film.bz(a, 0.1)):
        with pytest.raises(ValueError, match=r"a must have shape \(8, 6, 2\), got \(6, 8, 2\)"):
            method(jnp.ones((6, 8, 2)))
        with pytest.raises(ValueError, match="a must be finite, got 1 NaN"):
            method(a.at[2, 3, 1].set(jnp.nan))
    with pytest.raises(ValueError, match="height must be finite"):
        film.bz(a, jnp.nan)
    with pytest.raises(ValueError, match=r"height must have shape \(\), got \(3,\)"):
        film.magnetic_field(a, jnp.ones(3))


def test_refuses_a_traced_pearl_length_that_is_not_positive():
    energy = eqx.filter_jit(lambda pearl: PeriodicFilm((8, 6), 0.1, pearl).energy(noise((8, 6))))
    assert np.isfinite(energy(jnp.array(1.0)))
    with pytest.raises(Exception, match="pearl_length must be positive and finite"):
        energy(jnp.array(-1.0))
