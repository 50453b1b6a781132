"""Pictures of finite films: currents, fields above them, and cuts through maps.

Lengths and values are in model units, mu0 = 1, unless a label says otherwise: `length_unit` and the like name the unit
of the numbers that are given, and convert nothing. Films are drawn where they lie, x to the right and y up.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from ..film import Film, FilmState, signed_distance
from ..film.topology import outer_faces
from ._style import BLACK, BLUE, GREEN, ORANGE, POSITIVE, PURPLE, SIGNED, SKY, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODEL = "model units"
STYLES = ((BLUE, "-"), (VERMILION, "--"), (GREEN, "-."), (PURPLE, (0, (3, 1, 1, 1, 1, 1))), (SKY, ":"), (BLACK, "-"))
TERMINALS = (ORANGE, VERMILION, SKY, PURPLE, GREEN)
LONG = 5.0  # inches of the longer side of a map
SHORT = 1.8  # and at least of the shorter one
BRIGHTEST = 0.995  # quantile of |K| at the end of the colours: edges and corners are sharp
GOLDEN = 0.618


def plot_currents(
    state: FilmState, *, lines: int = 16, length_unit: str = MODEL, current_unit: str = MODEL, title: str = ""
) -> "Figure":
    """Streamlines of the sheet current over its size, with outline and terminals.

    The lines are contours of the stream function: the same current flows between any two neighbours. Cells that a
    sub-pixel outline cuts have the colour of the nearest whole one.

    Args:
        state: of one solve.
        lines: number of values of the stream function that are drawn.
        length_unit: of the axes.
        current_unit: of the sheet current.
        title: of the figure.

    Raises:
        ValueError: something that is no state, or a batch of them.

    Example:
        >>> film = sm.Film(np.ones((8, 8), bool), 1 / 8, 0.1)
        >>> figure = plot_currents(film.solve(1.0), length_unit="µm", current_unit="A/m")
        >>> print(figure.axes[-1].get_ylabel())
        $|K|$  [A/m]
    """
    if not isinstance(state, FilmState):
        raise ValueError(f"state must be a FilmState, got {type(state).__name__}")
    if np.ndim(state.stream) != 2:
        raise ValueError(f"state must be that of one solve, got a batch of shape {np.shape(state.stream)[:-2]}")
    film = state.film
    current = np.asarray(state.current)
    size = _size(film, current)
    figure, axes = _map_of(film, length_unit, title)
    top = np.nanquantile(size, BRIGHTEST) or 1.0
    image = axes.pcolormesh(*_edges(film), size.T, cmap=POSITIVE, vmin=0, vmax=top, rasterized=True)
    outline = _draw_outline(axes, film)
    if outline is not None:
        image.set_clip_path(outline, axes.transData)
    _draw_streamlines(axes, film, np.asarray(state.stream), current, lines)
    _draw_terminals(figure, axes, film)
    _colour_bar(figure, axes, film, image, label=f"$|K|$  [{current_unit}]", extend="max")
    return figure


def plot_field(
    image: Any,
    film: Film | FilmState,
    *,
    height: Any = None,
    quantity: str = "$B_z$",
    length_unit: str = MODEL,
    field_unit: str = MODEL,
    title: str = "",
) -> "Figure":
    """Map of a field along z, or of a flux, red and blue around a white zero, with the outline of the film.

    Args:
        image: field at the centres of the cells, `(nx, ny)`, or at the nodes, `(nx + 1, ny + 1)`.
        film: whose outline is drawn, or a state of it.
        height: of the image above the film, for the title.
        quantity: what the image is, for the colour bar.
        length_unit: of the axes and the height.
        field_unit: of the image.
        title: of the figure.

    Raises:
        ValueError: an image of another shape, or something that is no film.

    Example:
        >>> state = sm.Film(np.ones((8, 8), bool), 1 / 8, 0.1).solve(1.0)
        >>> print(plot_field(state.bz(0.1), state, height=0.1).axes[0].get_title())
        $z = 0.1$
    """
    film = film.film if isinstance(film, FilmState) else film
    if not isinstance(film, Film):
        raise ValueError(f"film must be a Film or a FilmState, got {type(film).__name__}")
    values = np.asarray(image, dtype=float)
    nodes = tuple(n + 1 for n in film.shape)
    if values.shape not in (film.shape, nodes):
        raise ValueError(f"image must have shape {film.shape} or {nodes}, got {values.shape}")
    figure, axes = _map_of(film, length_unit, title)
    limit = np.nanmax(np.abs(values)) or 1.0
    style: dict[str, Any] = {"cmap": SIGNED, "vmin": -limit, "vmax": limit, "rasterized": True}
    drawn = axes.pcolormesh(*_edges(film, at_nodes=values.shape == nodes), values.T, **style)
    _draw_outline(axes, film)
    _draw_terminals(figure, axes, film)
    if height is not None:
        unit = "" if length_unit == MODEL else f" {length_unit}"
        axes.set_title(f"{title}{', ' if title else ''}$z = {float(height):g}${unit}")
    _colour_bar(figure, axes, film, drawn, label=f"{quantity}  [{field_unit}]")
    return figure


def plot_line_cuts(
    x: Any,
    cuts: Mapping[str, Any],
    *,
    coordinate: str = "$x$",
    quantity: str = "$B_z$",
    length_unit: str = MODEL,
    unit: str = MODEL,
    title: str = "",
) -> "Figure":
    """Curves along one line, such as rows of field images at several heights.

    Args:
        x: positions along the line, `(n,)`.
        cuts: label -> values, `(n,)`.
        coordinate: what x is.
        quantity: what the values are.
        length_unit: of x.
        unit: of the values.
        title: of the figure.

    Raises:
        ValueError: no curves, or curves of another length than x.

    Example:
        >>> x = np.linspace(-1, 1, 51)
        >>> figure = plot_line_cuts(x, {"$z = 0.1$": np.exp(-(x**2)), "$z = 0.5$": np.exp(-(x**2) / 4)})
        >>> print(figure.axes[0].get_xlabel())
        $x$  [model units]
    """
    along = np.asarray(x, dtype=float)
    if not cuts:
        raise ValueError("cuts must hold at least one curve")
    figure = new_figure(7.0, 4.4)
    axes = figure.subplots()
    axes.axhline(0, color="0.7", linewidth=0.8)
    for place, (label, values) in enumerate(cuts.items()):
        curve = np.asarray(values, dtype=float)
        if curve.shape != along.shape or along.ndim != 1:
            raise ValueError(f"cuts[{label!r}] must have the shape (n,) of x, got {curve.shape} and {along.shape}")
        colour, style = STYLES[place % len(STYLES)]
        axes.plot(along, curve, color=colour, linestyle=style, label=label)
    axes.margins(x=0)
    axes.set(xlabel=f"{coordinate}  [{length_unit}]", ylabel=f"{quantity}  [{unit}]")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    figure.suptitle(title)
    return figure


# --- parts of maps


def _map_of(film, length_unit, title):
    """Figure of a size that a map of the film fills, and its axes."""
    sides = np.array(film.shape) * LONG / max(film.shape)
    width, height = np.maximum(sides, SHORT)
    figure = new_figure(width + 1.9, height + 1.1)
    figure.set_layout_engine("compressed")
    axes = figure.subplots()
    x, y = _edges(film)
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), aspect="equal")
    axes.set(xlabel=f"$x$  [{length_unit}]", ylabel=f"$y$  [{length_unit}]")
    axes.locator_params(nbins=6)
    figure.suptitle(title)
    return figure, axes


def _colour_bar(figure, axes, film, image, **how):
    """A colour bar as long as the map."""
    figure.colorbar(image, ax=axes, aspect=20 * max(1.0, film.shape[1] / film.shape[0]), **how)


def _edges(film, at_nodes=False):
    """Sides of the squares around the centres of the cells, or around the nodes."""
    shift, more = (0.5, 2) if at_nodes else (0.0, 1)
    spacing, origin = float(film.spacing), np.asarray(film.origin)
    return tuple(start + spacing * (np.arange(n + more) - shift) for start, n in zip(origin, film.shape, strict=True))


def _size(film, current):
    """|K| of the cells with film; where an outline cuts them, of the nearest whole one: links outside carry none."""
    mask, size = np.asarray(film.mask), np.hypot(current[..., 0], current[..., 1])
    if film.outline is not None:
        from scipy import ndimage

        inside = np.asarray(film.outline) < 0
        whole = inside[1:, 1:] & inside[1:, :-1] & inside[:-1, 1:] & inside[:-1, :-1]
        if whole.any():
            nearest = ndimage.distance_transform_edt(~whole, return_distances=False, return_indices=True)
            size = size[tuple(nearest)]
    return np.where(mask, size, np.nan)


def _draw_outline(axes, film):
    """Edges of film and holes; of an outline that is not in steps, its path."""
    from matplotlib.collections import LineCollection

    x, y = _edges(film)
    if film.outline is not None:
        lines = axes.contour(x, y, np.asarray(film.outline).T, levels=[0.0], colors=BLACK, linewidths=1.2, zorder=3)
        return lines.get_paths()[0]
    padded = np.pad(np.asarray(film.mask), 1)
    at, start, end = _runs(padded[1:, 1:-1] != padded[:-1, 1:-1])
    upright = np.stack([x[at], y[start], x[at], y[end]], axis=1)
    at, start, end = _runs((padded[1:-1, 1:] != padded[1:-1, :-1]).T)
    level = np.stack([x[start], y[at], x[end], y[at]], axis=1)
    # edges on the rim of the grid are drawn in full
    style: dict[str, Any] = {"colors": BLACK, "linewidths": 1.2, "capstyle": "projecting", "clip_on": False}
    sides = np.concatenate([upright, level]).reshape(-1, 2, 2)
    axes.add_collection(LineCollection(list(sides), **style, zorder=3), autolim=False)
    return None


def _runs(edges):
    """Row, first and last end of the runs of True in rows."""
    steps = np.diff(np.pad(edges.astype(int), ((0, 0), (1, 1))), axis=1)
    rows, first = np.nonzero(steps > 0)
    return rows, first, np.nonzero(steps < 0)[1]


def _draw_streamlines(axes, film, stream, current, lines):
    """Contours of the stream function, with a head in the direction of the current on each that is long enough."""
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path

    padded = np.pad(np.asarray(film.mask), 1)
    beside = padded[1:, 1:] | padded[1:, :-1] | padded[:-1, 1:] | padded[:-1, :-1]
    low, high = stream[beside].min(), stream[beside].max()
    if not high > low:
        return
    levels = low + (high - low) * (np.arange(lines) + 0.5) / lines
    known = np.ma.masked_array(stream, ~beside)
    style: dict[str, Any] = {"colors": "white", "linewidths": 0.8, "linestyles": "solid", "corner_mask": False}
    found = axes.contour(*_edges(film), known.T, levels=levels, **style)
    spacing, origin = float(film.spacing), np.asarray(film.origin)
    if film.ramps is not None:  # between the sides of a slit of one cell it climbs, and no current flows
        faces = outer_faces(np.asarray(film.mask))
        walks = [origin + spacing * faces.start[faces.outline == n] for n in range(faces.outline.max() + 1)]
        around = Path.make_compound_path(*(Path(np.append(walk, walk[:1], axis=0), closed=True) for walk in walks))
        found.set_clip_path(around, axes.transData)
    shortest = 0.25 * max(np.ptp(edges) for edges in _edges(film))
    style = {"arrowstyle": "-|>", "mutation_scale": 12, "shrinkA": 0, "shrinkB": 0, "linewidth": 0.3}
    for place, path in enumerate(found.get_paths()):
        part = 0.25 + 0.5 * (GOLDEN * place % 1)  # of the line, so that heads of neighbours are apart
        for line in np.split(path.vertices, np.flatnonzero(path.codes == Path.MOVETO)[1:]):
            steps = np.hypot(*np.diff(line, axis=0).T)
            if steps.sum() < shortest:
                continue
            at = int(np.searchsorted(np.cumsum(steps), part * steps.sum()))
            ends = line[at], line[at + 1]
            middle, along = np.mean(ends, axis=0), ends[1] - ends[0]
            cell = np.floor((middle - origin) / spacing).astype(int)
            flow = current[tuple(np.clip(cell, 0, np.array(film.shape) - 1))]
            # too short for a shaft
            half = np.copysign(0.01 * spacing / np.hypot(*along), flow @ along) * along
            axes.add_patch(
                FancyArrowPatch(middle - half, middle + half, **style, facecolor="white", edgecolor=BLACK, zorder=2.5)
            )


def _draw_terminals(figure, axes, film):
    """Thick lines where current enters or leaves, named below the map."""
    from matplotlib.collections import LineCollection

    if not film.terminals:
        return
    faces, spacing, origin = outer_faces(np.asarray(film.mask)), float(film.spacing), np.asarray(film.origin)
    sides = origin + spacing * np.stack([faces.start, faces.end], axis=1)
    for place, (name, terminal) in enumerate(zip(film.terminals, film.entries, strict=True)):
        mine = np.asarray(signed_distance([terminal.region], jnp.asarray(sides.mean(axis=1)))) <= 1e-6 * spacing
        style: dict[str, Any] = {"colors": TERMINALS[place % len(TERMINALS)], "linewidths": 4, "capstyle": "butt"}
        axes.add_collection(
            LineCollection(list(sides[mine]), **style, clip_on=False, label=name, zorder=4), autolim=False
        )
    columns = min(4, len(film.terminals))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=columns, frameon=False)
