"""Pictures of films: what is drawn, in which units, and that nothing overlaps."""

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

import scmag_jax as sm
from scmag_jax import plot


def square():
    mask = np.ones((16, 16), bool)
    mask[6:10, 6:10] = False
    return sm.Film(mask, 1 / 16, 0.1).solve(1.0)


def strip():
    mask = np.zeros((24, 14), bool)
    mask[:, 3:10] = True
    mask[11, 3:8] = False  # a slit of one cell
    left = sm.Terminal([(-1, 0), (0.4, 0), (0.4, 14), (-1, 14)], lead="straight")
    right = sm.Terminal([(23.6, 0), (25, 0), (25, 14), (23.6, 14)], lead="straight")
    return sm.Film(mask, 1.0, 2.0, terminals={"left": left, "right": right}).solve(terminal_currents=[1.0, -1.0])


def disk():
    x = np.linspace(-1, 1, 21)
    film = sm.Film(None, 0.1, 0.3, outline=np.hypot(x[:, None], x) - 0.83, origin=(-1.0, -1.0), anomalous=1.0)
    m = jnp.zeros((*film.shape, 2)).at[..., 0].set(jnp.exp(-(film.cell_positions[..., 0] ** 2)))
    return film.solve(moments=m)


STATES = {"square": square, "strip": strip, "disk": disk}


@pytest.fixture(scope="module", params=STATES)
def state(request):
    return STATES[request.param]()


def drawn(figure):
    """The figure once drawn, and that it is a picture."""
    FigureCanvasAgg(figure).draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())
    assert len(np.unique(pixels.reshape(-1, 4), axis=0)) > 20
    return figure


def overlaps(figure):
    """Pairs of texts on top of each other, ticks included."""
    renderer = figure.canvas.get_renderer()
    words = {figure._suptitle} | {text for legend in figure.legends for text in legend.get_texts()}
    for axes in figure.axes:
        words |= {axes.title, axes.xaxis.label, axes.yaxis.label}
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            words |= {tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high}
            words |= {tick.label2 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high}
    words = [word for word in words if word.get_visible() and word.get_text()]
    assert len(words) > 8
    boxes = [(word.get_text(), word.get_window_extent(renderer)) for word in words]
    return [
        (a, b)
        for number, (a, one) in enumerate(boxes)
        for b, other in boxes[number + 1 :]
        if min(one.x1, other.x1) - max(one.x0, other.x0) > 1 and min(one.y1, other.y1) - max(one.y0, other.y0) > 1
    ]


def test_currents(state):
    figure = drawn(plot.plot_currents(state, length_unit="µm", current_unit="A/m", title="currents"))
    axes, bar = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("$x$  [µm]", "$y$  [µm]")
    assert bar.get_ylabel() == "$|K|$  [A/m]" and axes.get_aspect() == 1.0
    names = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert names == list(state.film.terminals)
    assert not overlaps(figure)


def test_heads_point_along_the_current(state):
    axes = plot.plot_currents(state).axes[0]
    current, film = np.asarray(state.current), state.film
    heads = axes.patches
    assert len(heads) > 5
    for head in heads:
        tail, tip = (np.array(end) for end in head._posA_posB)
        cell = np.floor(((tail + tip) / 2 - np.asarray(film.origin)) / float(film.spacing)).astype(int)
        along = current[tuple(cell)]
        # lines follow the current: nearly parallel, and never against it
        assert along @ (tip - tail) > 0.5 * np.linalg.norm(along) * np.linalg.norm(tip - tail)


def test_field_is_symmetric_around_zero(state):
    image = np.random.default_rng(0).normal(size=state.film.shape)
    figure = drawn(plot.plot_field(image, state, height=0.2, length_unit="µm", field_unit="mT", title="field"))
    axes, bar = figure.axes
    colours = axes.collections[0]
    assert colours.get_clim() == (-np.abs(image).max(), np.abs(image).max())
    np.testing.assert_array_equal(colours.get_array().ravel(), image.T.ravel())  # y up, x to the right
    assert bar.get_ylabel() == "$B_z$  [mT]" and axes.get_title() == "field, $z = 0.2$ µm"
    assert not overlaps(figure)


def test_field_at_the_nodes_and_of_nothing():
    state = square()
    figure = drawn(plot.plot_field(state.normal_field, state.film))
    x = figure.axes[0].collections[0].get_coordinates()[0, :, 0]
    np.testing.assert_allclose(x[[0, -1]], [-0.5 / 16, 1 + 0.5 / 16])  # squares around the nodes
    assert figure.axes[0].get_xlabel() == "$x$  [model units]"
    drawn(plot.plot_field(np.zeros((16, 16)), state.film))
    drawn(plot.plot_currents(state.film.solve()))


def test_outline_goes_around_film_and_holes():
    axes = plot.plot_field(np.zeros((16, 16)), square().film).axes[0]
    segments = np.array(axes.collections[1].get_segments())
    np.testing.assert_allclose(np.ptp(segments, axis=1).sum(axis=1), [1, 0.25, 0.25, 1] * 2)


def test_terminals_are_drawn_where_current_enters():
    state = strip()
    axes = plot.plot_currents(state).axes[0]
    found = {c.get_label(): np.array(c.get_segments()) for c in axes.collections if c.get_label() in ("left", "right")}
    for name, x in (("left", 0.0), ("right", 24.0)):
        assert np.all(found[name][..., 0] == x) and len(found[name]) == 7
        assert found[name][..., 1].min() == 3 and found[name][..., 1].max() == 10


def test_line_cuts():
    x = np.linspace(-1, 1, 31)
    cuts = {f"$z = {z:g}$": jnp.exp(-((x / z) ** 2)) - 0.5 for z in (0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)}
    figure = drawn(plot.plot_line_cuts(x, cuts, length_unit="µm", unit="mT", title="cuts"))
    (axes,) = figure.axes
    assert axes.get_xlabel() == "$x$  [µm]" and axes.get_ylabel() == "$B_z$  [mT]"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(cuts)
    assert len({(line.get_color(), str(line.get_linestyle())) for line in axes.lines[1:7]}) == 6
    assert not overlaps(figure)


def test_what_is_refused():
    state = square()
    with pytest.raises(ValueError, match="image must have shape"):
        plot.plot_field(np.zeros((15, 16)), state)
    with pytest.raises(ValueError, match="at least one curve"):
        plot.plot_line_cuts(np.arange(3), {})
    with pytest.raises(ValueError, match=r"cuts\['a'\] must have the shape"):
        plot.plot_line_cuts(np.arange(3), {"a": np.zeros(4)})
