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


@jax.jit
def energy(film, a):
    return energy(film, a)


@jax.jit
def current(film, a):
    return current(film, a)


@jax.jit
def stream(film, a):
    return stream(film, a)


@jax.jit
def bz(film, a, height):
    return bz(film, a, height)


@jax.jit
def magnetic_field(film, a, height):
    return magnetic_field(film, a, height)


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
    film, a = PeriodicFilm(shape, SPACING, PEARL), noise(shape)  # white noise: Nyquist components included
    current, bz, energy = whole_spectrum(a, SPACING, PEARL, 0.1)
    assert np.abs(current.imag).max() < 1e-13 and np.abs(bz.imag).max() < 1e-13  # the reference is consistent
    close(current(film, a), current.real)
    close(bz(film, a, 0.1), bz.real)
    close(magnetic_field(film, a, 0.1)[..., 2], bz.real)
    close(energy(film, a), energy)


# --- one energy, everything else follows


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_current_is_the_derivative_of_the_energy(shape):
    film, a = PeriodicFilm(shape, SPACING, PEARL), noise(shape)
    close(current(film, a), -jax.grad(film.energy)(a) / SPACING**2)
    close(energy(film, a), -0.5 * SPACING**2 * np.vdot(current(film, a), a))


@pytest.mark.parametrize(("shape", "transverse"), [((5, 3), 14), ((6, 4), 30)], ids=["odd", "even"])
def test_response_is_symmetric_and_positive_semidefinite(shape, transverse):
    # One transverse wave for every q except q = 0. Even sides: at a Nyquist component both directions are partly
    # transverse to one of +q and -q, unless q lies along an axis: 23 waves, of which 7 count twice.
    film = PeriodicFilm(shape, SPACING, PEARL)
    matrix = jax.hessian(film.energy)(jnp.zeros((*shape, 2))).reshape(2 * [2 * shape[0] * shape[1]])
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
        assert np.abs(current(film, a)).max() < 1e-13
        assert np.abs(magnetic_field(film, a, 0.0)).max() < 1e-13
        assert np.abs(stream(film, a)).max() < 1e-13
        assert abs(energy(film, a)) < 1e-13
    close(current(film, noise((12, 10)) + uniform), current(film, noise((12, 10))))


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
    close(current(film, a), -chi * part * np.cos(phase)[..., None] * across)
    close(energy(film, a), 0.25 * chi * part**2 * SPACING**2 * np.prod(shape))
    close(stream(film, a), chi / size * part * np.sin(phase))
    decay = np.exp(-size * height)
    close(bz(film, a, height), chi / 2 * part * np.sin(phase) * decay)
    along = -chi / (2 * size) * part * np.cos(phase)[..., None] * q * decay  # -grad of Phi = Bz / q
    close(magnetic_field(film, a, height)[..., :2], along)
    close(magnetic_field(film, a, -height)[..., :2], -along)
    close(bz(film, a, -height), bz(film, a, height))


def test_current_is_free_of_divergence_and_obeys_london():
    shape = (16, 12)
    film, a = PeriodicFilm(shape, SPACING, PEARL), smooth(shape)
    j, psi = np.asarray(current(film, a)), np.asarray(stream(film, a))
    close(np.stack([derivative(psi, 1), -derivative(psi, 0)], axis=-1), j)
    assert np.abs(derivative(j[..., 0], 0) + derivative(j[..., 1], 1)).max() < 1e-13 * np.abs(curl(j)).max()
    # j = -e^2 D (A + a - grad phi): its curl, with e^2 D = 2 / r0
    close(curl(j), -2 / PEARL * (np.asarray(bz(film, a, 0.0)) + curl(a)))


def test_field_jumps_by_the_current_and_is_free_of_curl_and_divergence():
    shape = (16, 12)
    film, a = PeriodicFilm(shape, SPACING, PEARL), smooth(shape)
    j = np.asarray(current(film, a))
    above = np.asarray(magnetic_field(film, a, 0.0))
    close(2 * np.stack([-above[..., 1], above[..., 0]], axis=-1), j)  # Ampere: z x (B above - B below) = j
    assert np.abs(curl(magnetic_field(film, a, 0.2)[..., :2])).max() < 1e-13
    field, rise = jax.jvp(lambda z: magnetic_field(film, a, z), (jnp.array(0.2),), (jnp.array(1.0),))
    close(derivative(field[..., 0], 0) + derivative(field[..., 1], 1), -rise[..., 2])
    close(np.stack([derivative(field[..., 2], k) for k in (0, 1)], axis=-1), rise[..., :2])


def test_energy_is_kinetic_plus_magnetic():
    # F before the minimisation: int j^2 / (2 e^2 D) + int d3r B^2 / 2. The integral over z by Gauss-Legendre over
    # 36 decay lengths of the slowest term, where the fastest has an exponent of 36 * 3 sqrt(2): exact to 1e-13.
    shape = (12, 12)
    film, a = PeriodicFilm(shape, SPACING, PEARL), smooth(shape)
    kinetic = SPACING**2 * np.sum(np.asarray(current(film, a)) ** 2) * PEARL / 4
    slowest = 2 * np.pi / (12 * SPACING)
    nodes, weights = np.polynomial.legendre.leggauss(96)
    length = 36 / (2 * slowest)
    heights = jnp.asarray(length * (nodes + 1) / 2)
    density = lambda z: SPACING**2 * jnp.sum(magnetic_field(film, a, z) ** 2) / 2
    magnetic = 2 * np.sum(length / 2 * weights * np.asarray(jax.vmap(density)(heights)))
    assert magnetic > 0.1 * kinetic  # both count
    close(energy(film, a), kinetic + magnetic, rtol=1e-12)


# --- the exact sums of `impurities`: the same film, with point sources


BOX_SHAPE, BOX_SPACING = (72, 60), 0.05
BOX = (BOX_SHAPE[0] * BOX_SPACING, BOX_SHAPE[1] * BOX_SPACING)
WIDTH = 2.6 * BOX_SPACING  # of the smeared sources; exp(-(pi 2.6)^2 / 2) = 3e-15: no aliasing on the grid


class Meeting(NamedTuple):
    film: PeriodicFilm
    coupling: PearlCoupling
    nodes: np.ndarray


@pytest.fixture(scope="module", params=[0.4, 20.0], ids=["screened", "weakly screened"])
def meeting(request):
    coupling = PearlCoupling(pearl_length=request.param, strength=1.3, sign=-1)
    nodes = np.stack(np.meshgrid(*(BOX_SPACING * np.arange(n) for n in BOX_SHAPE), indexing="ij"), axis=-1)
    return Meeting(PeriodicFilm(BOX_SHAPE, BOX_SPACING, request.param), coupling, nodes)


def potential(meeting, moment, density):
    """a = +g (m x z) n on the grid."""
    return jnp.asarray(float(meeting.coupling.flux) * density[..., None] * np.array([moment[1], -moment[0]]))


def gaussian(meeting, centre, width=WIDTH):
    d = meeting.nodes - np.asarray(centre)
    d -= np.array(BOX) * np.round(d / np.array(BOX))
    return np.exp(-np.sum(d**2, axis=-1) / (2 * width**2)) / (2 * np.pi * width**2)


def cluster(centre, width, count=10):
    """Gauss-Hermite points and weights of a Gaussian: exact for polynomials up to degree 19."""
    points, weights = np.polynomial.hermite_e.hermegauss(count)
    weights = weights / weights.sum()
    x, y = np.meshgrid(points, points, indexing="ij")
    return np.asarray(centre) + width * np.stack([x.ravel(), y.ravel()], axis=-1), np.outer(weights, weights).ravel()


def far_nodes(meeting, centre, distance):
    d = meeting.nodes - np.asarray(centre)
    d -= np.array(BOX) * np.round(d / np.array(BOX))
    index = np.argwhere(np.sum(d**2, axis=-1) > distance**2)[::23]
    return index, jnp.asarray(meeting.nodes[index[:, 0], index[:, 1]])


def test_field_of_a_point_source_is_that_of_the_exact_sum(meeting):
    # A source on one node at a height of 10 spacings: waves beyond the grid are exp(-10 pi) = 2e-14 of it.
    node, moment, height = (17, 41), (0.6, 0.8), 10 * BOX_SPACING
    density = np.zeros(BOX_SHAPE)
    density[node] = 1 / BOX_SPACING**2
    a = potential(meeting, moment, density)
    exact = Ensemble(jnp.asarray(meeting.nodes[node])[None], meeting.coupling, box=BOX)
    points = meeting.nodes[::7, ::7]
    truth = exact.magnetic_field(jnp.array([moment]), jnp.asarray(points), height)
    close(bz(meeting.film, a, height)[::7, ::7], truth[..., 2], rtol=1e-11)
    close(magnetic_field(meeting.film, a, -height)[::7, ::7, :2], -truth[..., :2], rtol=1e-11)


def test_current_of_a_smeared_source_is_that_of_the_exact_sum(meeting):
    # 10 widths away the cluster's first wrong moment, of degree 20, leaves about 10! 21 / 10^20 = 1e-12.
    centre, moment = (1.234, 0.777), (-0.28, 0.96)
    positions, weights = cluster(centre, WIDTH)
    exact = Ensemble(jnp.asarray(positions), meeting.coupling, box=BOX, weights=jnp.asarray(weights))
    moments = jnp.broadcast_to(jnp.array(moment), positions.shape)
    index, points = far_nodes(meeting, centre, 10 * WIDTH)
    assert len(points) > 50
    a = potential(meeting, moment, gaussian(meeting, centre))
    at = lambda field: np.asarray(field)[index[:, 0], index[:, 1]]
    close(at(current(meeting.film, a)), exact.current(moments, points), rtol=1e-10)
    # psi: both sides leave the term q = 0 out, so that no constant is free
    close(at(stream(meeting.film, a)), exact.stream(moments, points), rtol=1e-10)


def test_interaction_of_smeared_sources_is_that_of_the_exact_sum(meeting):
    # Two Gaussians interact as one of sqrt(2) the width with a point. Derivatives pick the mixed term of both
    # quadratic energies, so that the self energies do not cancel.
    centres, moments = np.array([[0.5, 0.6], [2.0, 1.7]]), np.array([[0.6, 0.8], [0.96, -0.28]])
    a1, a2 = (potential(meeting, m, gaussian(meeting, centre)) for m, centre in zip(moments, centres, strict=True))
    ours = jax.jvp(meeting.film.energy, (a1,), (a2,))[1]

    positions, weights = cluster(centres[0], np.sqrt(2) * WIDTH)
    positions, weights = np.vstack([positions, centres[1]]), np.append(weights, 1.0)
    exact = Ensemble(jnp.asarray(positions), meeting.coupling, box=BOX, weights=jnp.asarray(weights))
    first, second = np.zeros_like(positions), np.zeros_like(positions)
    first[:-1], second[-1] = moments
    truth = jax.jvp(exact, (jnp.asarray(first),), (jnp.asarray(second),))[1]
    close(ours, truth, rtol=1e-10)  # 1.86 = 10 sqrt(2) widths apart: as for the current

    # and without smearing, to the second moment of the two Gaussians, WIDTH^2 / separation^2 = 0.5 %
    pair = Ensemble(jnp.asarray(centres), meeting.coupling, box=BOX)
    alone = jax.jvp(pair, tuple([jnp.asarray(moments * [[1], [0]])]), (jnp.asarray(moments * [[0], [1]]),))[1]
    assert 1e-6 < abs(ours / alone - 1) < 0.1


# --- transformations, float types


def test_batches_over_films_and_potentials():
    shape, pearls = (12, 10), jnp.array([0.1, 1.0, 30.0])
    a = jnp.stack([noise(shape, seed) for seed in range(3)])
    film = lambda pearl: PeriodicFilm(shape, SPACING, pearl)

    @jax.jit
    def batch(pearls, a):
        films = jax.vmap(film)(pearls)
        return jax.vmap(lambda f, a: (f.energy(a), f.current(a), f.bz(a, 0.2)))(films, a)

    for k, pearl in enumerate(pearls):
        one = film(pearl)
        for value, truth in zip(
            batch(pearls, a), (one.energy(a[k]), one.current(a[k]), one.bz(a[k], 0.2)), strict=True
        ):
            close(value[k], truth)


def test_a_new_pearl_length_or_spacing_does_not_retrace():
    traces = []

    @jax.jit
    def energy(film, a):
        traces.append(1)
        return energy(film, a)

    for pearl, spacing in ((0.1, 0.2), (1.0, 0.2), (1.0, 0.3)):
        energy(PeriodicFilm((12, 10), spacing, pearl), noise((12, 10)))
    assert len(traces) == 1


def test_derivatives_by_parameters():
    shape = (12, 10)
    a = noise(shape) + 1.0  # with a uniform part: q = 0 must not turn into NaN
    energy = lambda pearl, spacing: PeriodicFilm(shape, spacing, pearl).energy(a)
    by_pearl, by_spacing = jax.grad(energy, (0, 1))(jnp.array(PEARL), jnp.array(SPACING))
    # complex step free check: central differences of step 1e-4 are good to 1e-8 and rounding 1e-12
    h = 1e-4
    close(by_pearl, (energy(PEARL + h, SPACING) - energy(PEARL - h, SPACING)) / (2 * h), rtol=1e-7)
    close(by_spacing, (energy(PEARL, SPACING + h) - energy(PEARL, SPACING - h)) / (2 * h), rtol=1e-7)
    # chi is of degree -1 in the length, the area of degree 2: Euler's theorem
    close(by_pearl * PEARL + by_spacing * SPACING, energy(PEARL, SPACING))
    bz = lambda pearl, z: jnp.sum(PeriodicFilm(shape, SPACING, pearl).bz(a, z) ** 2)
    slopes = jax.jacrev(jax.jacfwd(bz, (0, 1)), (0, 1))(jnp.array(PEARL), jnp.array(0.3))
    assert np.isfinite(np.asarray(slopes)).all()
    assert float(jax.grad(bz, 1)(jnp.array(PEARL), jnp.array(0.0))) == 0.0  # even in the height


def test_single_precision_stays_single():
    shape = (64, 48)
    film, a = PeriodicFilm(shape, SPACING, PEARL), smooth(shape)
    single = a.astype(jnp.float32)
    for method in (film.energy, film.current, film.stream, lambda a: bz(film, a, 0.5)):
        value = method(single)
        assert value.dtype == jnp.float32
        close(value, method(a), rtol=2e-6)  # 20 ulp of float32
    slope = eqx.filter_grad(lambda f: f.energy(single))(PeriodicFilm(shape, jnp.float32(0.3), jnp.float32(0.7)))
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
    for method in (film.energy, film.current, film.stream, lambda a: bz(film, a, 0.1)):
        with pytest.raises(ValueError, match=r"a must have shape \(8, 6, 2\), got \(6, 8, 2\)"):
            method(jnp.ones((6, 8, 2)))
        with pytest.raises(ValueError, match="a must be finite, got 1 NaN"):
            method(a.at[2, 3, 1].set(jnp.nan))
    with pytest.raises(ValueError, match="height must be finite"):
        bz(film, a, jnp.nan)
    with pytest.raises(ValueError, match=r"height must have shape \(\), got \(3,\)"):
        magnetic_field(film, a, jnp.ones(3))


def test_refuses_a_traced_pearl_length_that_is_not_positive():
    energy = eqx.filter_jit(lambda pearl: PeriodicFilm((8, 6), 0.1, pearl).energy(noise((8, 6))))
    assert np.isfinite(energy(jnp.array(1.0)))
    with pytest.raises(Exception, match="pearl_length must be positive and finite"):
        energy(jnp.array(-1.0))
