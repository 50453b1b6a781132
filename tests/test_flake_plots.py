"""Pictures of the flake: scales that say what they should, loops without gaps, and text that can be read."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh

from scmag_jax import plot

RNG = np.random.default_rng(0)
EDGES = {"x": np.arange(-10.0, 111, 5), "y": np.arange(-10.0, 81, 5)}
FILM = {"film_x": np.arange(0.0, 101, 5), "film_y": np.arange(0.0, 71, 5)}
BODY = {"size": np.array([100.0, 50.0]), "divide": 35.0}
LOOP = np.r_[0:201:50, 150:-201:-50, -150:201:50].astype(float)
BRANCH = np.repeat([0, 1, 2], [5, 8, 8])


def mask():
    film = np.zeros((20, 14), bool)
    film[:, :10] = True
    film[2:4] = film[16:18] = True
    return film


def images(count):
    return RNG.normal(size=(count, 24, 18)) * 10 + 3


def bias_images():
    current = RNG.normal(size=(3, 20, 14, 2)) * mask()[None, ..., None]
    bias, after = [0, 100, 200, 0, -200, 0], [0, 0, 0, 200, 0, -200]
    marks = {"parked": (75.0, 5.0), "section": 50.0, "loop_flux": 0.152, "body": images(6)[:, 2:22, 2:12]}
    shown = {"image": images(6), "bias": bias, "after": after, "current": current, "current_bias": [100, 200, -200]}
    return plot.bias_images(**EDGES, **FILM, **BODY, **marks, **shown, mask=mask(), title="title")


def field_images():
    shown = {"image": images(10), "image_field": np.linspace(-1.51, 1.51, 10), "image_branch": [0, 1, 2, 0, 1] * 2}
    curves = {name: RNG.normal(size=21) for name in ("lower", "upper", "screened_lower", "screened_upper")}
    fields = {"field": LOOP / 100, "branch": BRANCH, "screened_field": LOOP / 100}
    return plot.field_images(**EDGES, **FILM, **BODY, **shown, **curves, **fields, mask=mask(), title="title")


def pulse_moments():
    cells = {"cell_x": np.arange(2.5, 100, 5), "cell_y": np.arange(2.5, 50, 5)}
    written = {"moments": RNG.uniform(-1, 1, (2, 20, 10, 2)), "active": np.ones((20, 10), bool), "bias": 200.0}
    edges = {"x": EDGES["x"], "y": EDGES["y"][:15]}
    return plot.pulse_moments(**edges, **BODY, **cells, **written, image=images(2)[..., :14], title="title")


def parked_loop():
    flux = LOOP / 10 + BRANCH
    return plot.parked_loop(
        bias=LOOP, branch=BRANCH, flux=flux, induced=flux - 1, slope=-0.03, parked=(75.0, 5.0), title="title"
    )


def edge_currents():
    cuts = {"y": np.linspace(-10, 30, 33), "cuts": RNG.normal(size=(9, 33)), "cut_bias": np.linspace(40, 200, 9)}
    currents = {"bias": LOOP[:5], "edge": LOOP[:5] / 20, "bulk": LOOP[:5] / 40}
    return plot.edge_currents(**cuts, **currents, section=50.0, title="title")


def warmed_moments():
    T, fine = np.array([1.5, 3.0, 4.0, 5.0, 7.0]), np.linspace(1.5, 7, 20)
    left = {name: 3 * np.exp(-T) for name in ("contrast", "moment", "length")}
    return plot.warmed_moments(
        temperature=T, **left, fine=fine, left=np.exp(-fine), critical_temperature=6.0, title="title"
    )


PICTURES = (bias_images, field_images, pulse_moments, parked_loop, edge_currents, warmed_moments)


@pytest.fixture(scope="module", params=PICTURES, ids=lambda make: make.__name__)
def figure(request):
    picture = request.param()
    FigureCanvasAgg(picture).draw()
    return picture


def test_everything_is_named_and_nothing_overlaps(figure):
    assert figure.get_suptitle().startswith("title")
    words = [figure._suptitle, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        assert axes.get_xlabel() or axes.get_ylabel()
        words += [axes.title, axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            words += [label for tick in ticks for label in (tick.label1, tick.label2)]
    words = [word for word in words if word.get_visible() and word.get_text()]
    boxes = [word.get_window_extent(figure.canvas.get_renderer()) for word in words]
    for (one, a), (other, b) in itertools.combinations(zip(words, boxes, strict=True), 2):
        assert not a.overlaps(b), (one.get_text(), other.get_text())
    sides = figure.bbox
    assert all(sides.x0 <= a.x0 and a.x1 <= sides.x1 and sides.y0 <= a.y0 and a.y1 <= sides.y1 for a in boxes)


@pytest.mark.parametrize(("make", "count"), [(bias_images, 6), (field_images, 10), (pulse_moments, 2)])
def test_maps_of_flux_share_a_scale_that_is_white_at_zero(make, count):
    figure = make()
    maps = [(axes, c) for axes in figure.axes for c in axes.collections if isinstance(c, QuadMesh)]
    signed = [(axes, found) for axes, found in maps if found.get_cmap().name == "RdBu_r" and len(axes.collections)]
    signed = [(axes, found) for axes, found in signed if axes.get_aspect() == 1]
    assert len(signed) == count
    limits = {(found.norm.vmin, found.norm.vmax) for _, found in signed}
    assert len(limits) == 1
    ((low, high),) = limits
    assert low == -high < 0


def test_branches_of_a_loop_begin_where_the_one_before_ends():
    lines = {line.get_label(): line.get_xydata() for line in parked_loop().axes[0].lines}
    np.testing.assert_array_equal(lines["down"][0], lines["virgin"][-1])
    np.testing.assert_array_equal(lines["up"][0], lines["down"][-1])
    assert len(lines["virgin"]) == 5 and len(lines["down"]) == len(lines["up"]) == 9
