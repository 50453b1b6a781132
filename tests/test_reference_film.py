"""The NumPy reference of the film against exact integrals, tabulated numbers, itself, and the package."""

import numpy as np
import pytest

import scmag_jax as sm
from benchmarks.reference import film as reference


def _case(seed=3, shape=(18, 14), terminals=False):
    """A film of any outline with two holes, random maps and sources."""
    random = np.random.default_rng(seed)
    mask = np.ones(shape, bool)
    mask[:5, :3] = mask[15:, 9:] = False
    mask[4:7, 6:9] = mask[11, 4] = mask[12, 5] = False  # cells of the second hole share a corner
    pearl = 10 ** random.uniform(-1.5, 0.5, shape)
    anomalous = random.uniform(0, 2, shape)
    angle = random.uniform(0, 2 * np.pi, shape)
    sources = {
        "moments": random.uniform(0, 1, shape)[..., None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1),
        "fluxoids": random.normal(size=2),
    }
    corners = tuple(n + 1 for n in shape)
    return reference.Film(mask, 0.07, pearl, anomalous), random.normal(size=corners), sources


def _package(film, **more):
    return sm.Film(film.mask, film.spacing, film.pearl_length, anomalous=film.anomalous, **more)


@pytest.fixture(scope="module")
def solved():
    """A film, its sources, and what the package makes of them."""
    film, field, sources = _case()
    return film, field, sources, _package(film).solve(field, **sources, tolerance=1e-13)


def _difference(mine, other):
    return np.abs(np.asarray(mine) - other).max() / np.abs(other).max()


def test_box_kernel():
    kappa = reference.box_kernel(40, 30)
    # two squares that coincide: in closed form
    assert kappa[0, 0] == pytest.approx(4 * np.log(1 + np.sqrt(2)) - 4 / 3 * (np.sqrt(2) - 1), abs=3e-15)
    np.testing.assert_allclose(kappa[:30], kappa[:30].T, rtol=1e-14)
    # the first terms of the multipole series, whose next one is of order r^-7
    i, j = np.meshgrid(np.arange(40.0), np.arange(30.0), indexing="ij")
    r = np.hypot(i, j)
    far = r > 30
    fourth = (105 * (i**4 + j**4) - 72 * r**4)[far] / 360 + (105 * (i * j) ** 2 - 12 * r**4)[far] / 144
    series = 1 / r[far] + 1 / (12 * r[far] ** 3) + fourth / r[far] ** 9
    assert np.abs(kappa[far] - series).max() < 1e-11
    # more points of the quadrature change nothing where few take over from many
    wide = reference.NEAR
    parts = [reference._panel(wide, 3, x, y) for x in (wide - 1, wide) for y in (2, 3)]
    assert kappa[wide, 3] == pytest.approx(sum(parts), rel=1e-13)


def test_tabulated_square():
    # an independent calculation: side and field 1, Lam = 0.05, 64 cells a side
    film = reference.Film(np.ones((64, 64), bool), 1 / 64, 0.1)
    found = reference.solve(reference.Operator(film), 1.0, tolerance=1e-12)
    assert film.spacing**2 * found.stream.sum() == pytest.approx(-0.25827450038893784, rel=1e-10)
    assert found.stream[32, 32] == pytest.approx(-0.47350472695732276, rel=1e-10)
    assert found.steps < 12


def test_iteration_agrees_with_dense():
    film, field, sources = _case()
    dense = reference.solve_dense(film, field, **sources)
    found = reference.solve(reference.Operator(film), field, **sources, tolerance=1e-13)
    assert _difference(found.stream, dense.stream) < 1e-11
    assert found.energy == pytest.approx(dense.energy, rel=1e-12)
    np.testing.assert_allclose(found.hole_currents, dense.hole_currents, rtol=1e-11)
    assert np.ptp(dense.stream[film.hole_of == 1]) == 0.0 and np.abs(dense.hole_currents).min() > 0


def test_energy_of_applied_field_is_moment():
    # E is stationary in g and quadratic in H: dE/dH = -int g
    film, _, _ = _case()
    found = reference.solve_dense(film, 2.0)
    assert found.energy == pytest.approx(-(film.spacing**2) * found.stream.sum(), rel=1e-12)


def test_package_agrees(solved):
    film, field, sources, found = solved
    expected = reference.solve_dense(film, field, **sources)
    # the inductances differ by 1e-11, at pairs of boxes far apart
    assert found.film.holes == film.holes == 2
    assert _difference(found.stream, expected.stream) < 1e-11
    assert float(found.energy) == pytest.approx(expected.energy, rel=1e-11)
    np.testing.assert_allclose(found.hole_currents, expected.hole_currents, rtol=1e-11)


@pytest.mark.parametrize("height", [0.05, -0.05, 0.3])
def test_field_by_quadrature(solved, height):
    film, _, _, found = solved
    at = np.stack(np.meshgrid(*map(np.arange, film.mask.shape), indexing="ij"), axis=-1) + 0.5
    points = np.concatenate([film.spacing * at, np.full((*film.mask.shape, 1), height)], axis=-1)[::3, 1::3]
    expected = reference.magnetic_field(film, np.asarray(found.stream), points.reshape(-1, 3))
    ours = np.asarray(found.magnetic_field(height))[::3, 1::3].reshape(-1, 3)
    assert _difference(ours, expected) < 1e-11
    assert _difference(ours[:, 2], expected[:, 2]) < 1e-11


def test_terminals():
    film, field, sources = _case()
    nx, ny = (film.spacing * n for n in film.mask.shape)
    # the left end above the cut corner, part of the lower side, the right end
    boxes = {"left": (0.0, 0.0, 0.3, 0.7), "below": (0.5, 0.9, 0.0, 0.0), "right": (nx, nx, 0.0, 0.4)}
    currents = {"left": 0.7, "below": -0.2, "right": -0.5}
    terminals = {
        name: sm.Terminal(
            [(x0 - 0.01, y0 - 0.01), (x1 + 0.01, y0 - 0.01), (x1 + 0.01, y1 + 0.01), (x0 - 0.01, y1 + 0.01)],
            lead="open",
        )
        for name, (x0, x1, y0, y1) in boxes.items()
    }
    widened = [
        ((x0 - 0.01, x1 + 0.01, y0 - 0.01, y1 + 0.01), currents[name]) for name, (x0, x1, y0, y1) in boxes.items()
    ]
    boundary = reference.ramps(film, widened)
    expected = reference.solve_dense(film, field, **sources, boundary=boundary)
    found = _package(film, terminals=terminals).solve(field, currents, **sources, tolerance=1e-13)
    assert np.ptp(boundary) == pytest.approx(0.7)
    assert _difference(found.stream, expected.stream) < 1e-11
    assert float(found.energy) == pytest.approx(expected.energy, rel=1e-11)
    points = film.spacing * np.array([[2.5, 5.5, 1.0], [9.5, 0.5, 1.0], [17.5, 6.5, 1.0]])
    field_there = reference.magnetic_field(film, expected.stream, points)
    ours = np.asarray(found.magnetic_field(film.spacing))[[2, 9, 17], [5, 0, 6]]
    assert _difference(ours, field_there) < 1e-11
