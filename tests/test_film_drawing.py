"""Masks from polygons and images: which cells are film, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import scmag_jax as sm

SQUARE = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]


def centres(shape, spacing, origin):
    x, y = (o + spacing * (np.arange(n) + 0.5) for o, n in zip(origin, shape, strict=True))
    return np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)


def test_polygons_agree_with_the_sign_of_the_distance():
    rng = np.random.default_rng(0)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 17))
    radii = rng.uniform(0.3, 1.0, 17)  # a star, not convex
    star = np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    hole = 0.2 * star[::-1] + 0.03  # the other way around
    shape, spacing, origin = (40, 31), 0.06, (-1.2, -0.9)

    mask = sm.mask_from_polygons([star, hole], shape, spacing, origin)

    distance = sm.signed_distance([star, hole], jnp.asarray(centres(shape, spacing, origin)))
    np.testing.assert_array_equal(mask, np.asarray(distance) < 0)
    assert mask.dtype == bool and mask.shape == shape and 100 < mask.sum() < 1000


def test_polygons_with_a_common_side_share_no_cell_whatever_the_rounding():
    # centres lie on the common side, at 0.35 / 0.1 and the like
    for side in (0.15, 0.25, 0.35, 0.45, 0.55):
        left = [(0, 0), (side, 0), (side, 1), (0, 1)]
        right = [(side, 0), (1, 0), (1, 1), (side, 1)]
        one, other = (sm.mask_from_polygons([p], (10, 10), 0.1) for p in (left, right))
        assert not (one & other).any() and (one | other).all()
        assert one.sum() == 10 * round(side / 0.1 - 0.5)
    below, above = [(0, 0), (1, 0), (1, 1)], [(0, 0), (1, 1), (0, 1)]  # along a diagonal through the centres
    one, other = (sm.mask_from_polygons([p], (10, 10), 0.1) for p in (below, above))
    assert not (one & other).any() and (one | other).all()


def test_closed_polygons_and_polygons_beyond_the_grid():
    open_, closed = SQUARE, [*SQUARE, SQUARE[0]]
    a, b = (sm.mask_from_polygons([p], (12, 14), 0.1, (-0.1, -0.2)) for p in (open_, closed))
    np.testing.assert_array_equal(a, b)
    assert a.sum() == 100 and not a[0].any() and not a[:, :2].any()
    assert sm.mask_from_polygons([10 * np.array(SQUARE) - 5], (3, 4), 0.1).all()


def test_a_mask_of_polygons_makes_a_film_with_a_hole():
    mask = sm.mask_from_polygons([SQUARE, 0.25 * np.array(SQUARE) + 0.375], (16, 16), 1 / 16)
    film = sm.Film(mask, 1 / 16, 0.2)
    assert film.holes == 1 and mask.sum() == 256 - 16


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([SQUARE], (0, 4), 0.1), "shape"),
        (([SQUARE], (4, 4), 0.0), "spacing must be positive"),
        (([SQUARE], (4, 4), 0.1, (0.0,)), "origin"),
        (([], (4, 4), 0.1), "at least one"),
        (([SQUARE[:2]], (4, 4), 0.1), r"k at least 3"),
        (([[(0, 0), (1, np.nan), (1, 1)]], (4, 4), 0.1), "finite"),
        (([SQUARE], (4, 4), 0.1, (5.0, 5.0)), "must contain the centre of a cell"),
        (([SQUARE, 2 * np.array(SQUARE) - 0.5], (10, 10), 0.1), "must contain the centre of a cell"),
    ],
)
def test_polygons_that_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        sm.mask_from_polygons(*arguments)


PIXELS = np.array([[0, 0, 255, 0], [0, 255, 255, 0], [0, 90, 200, 0]], dtype=np.uint8)  # rows from the top
FILM = np.array([[0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 0]], dtype=bool)  # [ix, iy], y up


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "I;16", "CMYK", "F"])
def test_images_of_every_kind(tmp_path, mode):
    path = tmp_path / ("film.tif" if mode in ("CMYK", "F") else "film.png")
    if mode == "I;16":
        Image.fromarray(PIXELS.astype(np.uint16) * 257).save(path)
    elif mode == "F":
        Image.fromarray(PIXELS.astype(np.float32) / 255).save(path)
    elif mode == "1":
        Image.fromarray(PIXELS > 127).save(path)
    else:
        Image.fromarray(PIXELS).convert(mode).save(path)
    np.testing.assert_array_equal(sm.mask_from_image(path), FILM)
    np.testing.assert_array_equal(sm.mask_from_image(str(path), invert=True), ~FILM)


def test_threshold_and_transparency(tmp_path):
    path = tmp_path / "film.png"
    Image.fromarray(PIXELS).save(path)
    assert sm.mask_from_image(path, threshold=0.3)[1, 0] and not sm.mask_from_image(path, threshold=0.4)[1, 0]

    # a dark drawing on nothing
    drawing = np.zeros((3, 4, 4), np.uint8)
    drawing[..., 3] = PIXELS
    Image.fromarray(drawing).save(path)
    np.testing.assert_array_equal(sm.mask_from_image(path, invert=True), FILM)
    with pytest.raises(ValueError, match=r"film\.png holds no film"):
        sm.mask_from_image(path)


def test_images_that_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        sm.mask_from_image(tmp_path / "missing.png")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ValueError, match=r"text\.png cannot be read as an image"):
        sm.mask_from_image(tmp_path / "text.png")
    whole = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40), np.uint8)).save(whole)
    (tmp_path / "half.png").write_bytes(whole.read_bytes()[:400])
    with pytest.raises(ValueError, match=r"half\.png cannot be read as an image"):
        sm.mask_from_image(tmp_path / "half.png")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "black.png")
    with pytest.raises(ValueError, match="holds no film: every pixel is no brighter than 0.5"):
        sm.mask_from_image(tmp_path / "black.png")
    with pytest.raises(ValueError, match="threshold must be between 0 and 1"):
        sm.mask_from_image(whole, threshold=128)
