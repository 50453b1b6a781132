"""Pictures of the flake of Xiang et al. 2023: images in bias and field, loops, and moments.

Lengths in um, currents in uA, sheet currents in A/m = uA/um, fields in mG, temperatures in K, applied fields in G.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from ._maps import BRIGHTEST, divide_line, flux_map, label_outer, limit_of, outline, streamlines
from ._style import BLACK, BLUE, GREEN, ORANGE, POSITIVE, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAGENTA = "#D6218F"
# virgin, down and up in the colours of the paper's Fig. 3, in other dashes as well
BRANCHES: tuple[dict[str, Any], ...] = (
    {"color": BLACK, "marker": "o", "label": "virgin"},
    {"color": MAGENTA, "marker": "v", "label": "down"},
    {"color": GREEN, "marker": "^", "label": "up"},
)
FIELD_LABEL = "flux over the area of the loop  [mG]"
MAP = 2.9  # inches of the width of a map among others


def bias_images(
    *,
    x: Any,
    y: Any,
    image: Any,
    bias: Any,
    after: Any,
    current: Any,
    current_bias: Any,
    mask: Any,
    film_x: Any,
    film_y: Any,
    size: Any,
    divide: Any,
    parked: Any,
    section: Any,
    loop_flux: Any,
    body: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """Flux images in a bias and after it, and the sheet currents of some of them.

    Args:
        x: sides of the pixels, `(nx + 1,)`; likewise `y`.
        image: mean field in the pickup loop in mG, `(n, nx, ny)`.
        bias: of every image, `(n,)`.
        after: the bias before, 0 for none, `(n,)`.
        current: `(c, mx, my, 2)`, of the biases `current_bias`.
        mask: cells of the film, `(mx, my)`, with sides `film_x` and `film_y`.
        size: of the rectangle.
        divide: height of the line between its domains.
        parked: where the loop is parked.
        section: x of the line across the lower edge.
        loop_flux: flux through the loop in mPhi0 in 1 mG.
        body: the images above the rectangle, for the range of the colours: leads are brighter, `(n, kx, ky)`.
        title: of the figure.
    """
    figure = new_figure(3 * MAP + 1.2, 3 * 0.72 * MAP + 1.2)
    panels = figure.subplots(3, 3, sharex=True, sharey=True)
    flat = panels.ravel()
    limit = limit_of(body)
    for place, (axes, values, I, before) in enumerate(zip(flat, image, bias, after, strict=False)):
        drawn = flux_map(axes, x, y, values, limit, size, divide)
        state = "virgin" if I == before == 0 else f"after ${before:+g}$ µA" if before else "in the bias"
        axes.set_title(f"${I:+g}$ µA, {state}" if I else f"0, {state}", fontsize=10)
        outline(axes, mask, film_x, film_y)
        if place == 0:
            axes.plot(*parked, "o", color=ORANGE, markeredgecolor=BLACK, markersize=6)
        if place == 1:
            axes.plot([section, section], [y[0] + 1, 20], color=BLUE, linewidth=1.5)
    size_of = np.where(np.asarray(mask), np.linalg.norm(current, axis=-1), np.nan)
    top = np.nanquantile(size_of, BRIGHTEST)
    for axes, values, length, I in zip(panels[2], current, size_of, current_bias, strict=True):
        shown = axes.pcolormesh(film_x, film_y, length.T, cmap=POSITIVE, vmin=0, vmax=top, rasterized=True)
        streamlines(axes, film_x, film_y, values, mask)
        axes.set_title(f"current at ${I:+g}$ µA", fontsize=10)
        outline(axes, mask, film_x, film_y)
    for axes in flat:
        axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), aspect="equal")
    label_outer(panels)
    figure.colorbar(
        drawn, ax=panels[:2], label=f"{FIELD_LABEL}\n1 mG is {float(loop_flux):.3f} m$\\Phi_0$", extend="both"
    )
    figure.colorbar(shown, ax=panels[2:], label="$|K|$  [A/m]", extend="max")
    figure.suptitle(title)
    return figure


def parked_loop(
    *,
    bias: Any,
    branch: Any,
    flux: Any,
    induced: Any,
    slope: Any,
    parked: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """Loop of what a parked pickup loop sees, and of what the moments add to it.

    Args:
        bias: `(n,)`, with the numbers of the branches, 0 to 2, in `branch`.
        flux: mean field in the loop in mG, `(n,)`.
        induced: the same without the part that is linear in the bias.
        slope: of that part, mG/uA.
        parked: where the loop is parked.
        title: of the figure.
    """
    figure = new_figure(10.5, 4.6)
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, values in ((left, flux), (right, induced)):
        _loop(axes, bias, branch, values)
        axes.set(xlabel=r"bias $I_b$  [µA]")
    line = np.array([np.min(bias), np.max(bias)])
    left.plot(line, float(slope) * line, ":", color="0.4", label="slope of the virgin flake")
    left.plot(0, 0, "o", color=ORANGE, markeredgecolor=BLACK, zorder=5)
    left.set(ylabel=FIELD_LABEL, title=f"at ({parked[0]:g}, {parked[1]:g}) µm")
    right.set(title="without the linear part")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(title)
    return figure


def edge_currents(
    *,
    y: Any,
    cuts: Any,
    cut_bias: Any,
    bias: Any,
    edge: Any,
    bulk: Any,
    section: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """Cuts of images across the lower edge for rising biases, and the current next to it.

    Args:
        y: positions along the cut, `(p,)`; the edge is at 0.
        cuts: mean field in the pickup loop in mG, `(n, p)`, of the biases `cut_bias`.
        bias: `(m,)`.
        edge: K_x next to the edge in A/m, `(m,)`.
        bulk: half way up.
        section: x of the cuts.
        title: of the figure.
    """
    from matplotlib import colormaps

    figure = new_figure(10.5, 4.6)
    left, right = figure.subplots(1, 2)
    colours = colormaps[POSITIVE](np.linspace(0, 0.9, len(cuts)))
    for values, I, colour in zip(cuts, cut_bias, colours, strict=True):
        left.plot(y, values, color=colour, label=f"{I:g} µA")
    left.axhline(0, color="0.7", linewidth=0.8)
    left.axvspan(y[0], 0, color="0.93", zorder=0)
    left.text(y[0] + 0.5, 0.98, "outside", transform=left.get_xaxis_transform(), va="top", color="0.4")
    left.margins(x=0)
    left.set(
        xlabel="$y$ across the lower edge  [µm]",
        ylabel=FIELD_LABEL,
        title=f"after zero-field cooling, $x = {float(section):g}$ µm",
    )
    left.legend(fontsize=8, frameon=False)
    right.axhline(0, color="0.7", linewidth=0.8)
    right.plot(bias, edge, "o-", color=VERMILION, markersize=4, label="next to the lower edge")
    right.plot(bias, bulk, "s--", color=BLUE, markersize=4, label="half way up")
    right.set(xlabel=r"bias $I_b$  [µA]", ylabel="sheet current $K_x$  [A/m]", title="virgin curve")
    right.legend(loc="upper left", frameon=False)
    figure.suptitle(title)
    return figure


def warmed_moments(
    *,
    temperature: Any,
    contrast: Any,
    moment: Any,
    length: Any,
    fine: Any,
    left: Any,
    critical_temperature: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """What is left after warming, imaged cold, relative to what was written.

    Args:
        temperature: to which it was warmed, the first base temperature, `(n,)`.
        contrast: standard deviation of the flux above the flake, `(n,)`.
        moment: size of the mean moment, `(n,)`.
        length: mean size of the moments, `(n,)`.
        fine: temperatures of a curve, `(m,)`.
        left: on it, the mean over the cells of the longest moment they can have, relative to base.
        critical_temperature: of the film.
        title: of the figure.
    """
    figure = new_figure(6.6, 4.8)
    axes = figure.subplots()
    axes.axhline(0, color="0.7", linewidth=0.8)
    axes.plot(fine, left, color="0.5", label=r"mean of $m_s(T_a)$, the most that is kept")
    axes.plot(temperature, contrast / contrast[0], "o", color=MAGENTA, label="flux contrast")
    axes.plot(temperature, moment / moment[0], "s", color=BLUE, markerfacecolor="none", label="mean moment")
    axes.plot(temperature, length / length[0], "x", color=BLACK, label="mean length of the moments")
    axes.axvline(float(critical_temperature), linestyle=":", color="0.4")
    axes.text(float(critical_temperature) - 0.06, 0.5, "$T_c$", ha="right", color="0.4")
    axes.set(xlabel="warmed to $T_a$  [K]", ylabel="imaged cold, relative to base temperature", ylim=(-0.05, 1.1))
    axes.set(xlim=(float(fine[0]) - 0.2, float(fine[-1]) + 0.2))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(title)
    return figure


def field_images(
    *,
    x: Any,
    y: Any,
    image: Any,
    image_field: Any,
    image_branch: Any,
    mask: Any,
    film_x: Any,
    film_y: Any,
    size: Any,
    divide: Any,
    field: Any,
    branch: Any,
    lower: Any,
    upper: Any,
    screened_field: Any,
    screened_lower: Any,
    screened_upper: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """Images at some fields of a loop, and the mean field above both domains along it, also of another flake.

    Args:
        x: sides of the pixels, `(nx + 1,)`; likewise `y`.
        image: mean field in the pickup loop in mG, without the applied one, `(n, nx, ny)`.
        image_field: applied, `(n,)`.
        image_branch: 0 on the virgin curve, 1 down, 2 up.
        mask: cells of the film, `(mx, my)`, with sides `film_x` and `film_y`.
        size: of the rectangle.
        divide: height of the line between its domains.
        field: of the loop, `(m,)`, with `branch`.
        lower: mean field of the currents above the lower domain, `(m,)`; likewise `upper`.
        screened_field: of the loop of a flake that screens strongly, with `screened_lower` and `screened_upper`.
        title: of the figure.
    """
    rows = 2
    columns = -(-len(image) // rows)
    figure = new_figure(columns * 2.3 + 1.0, rows * 1.85 + 4.6)
    grid = figure.add_gridspec(2, 1, height_ratios=(rows * 1.85, 3.4))
    panels: Any = grid[0].subgridspec(rows, columns).subplots(sharex=True, sharey=True)
    limit = limit_of(image)
    words = ("virgin", "down", "up")
    for axes, values, H, number in zip(panels.ravel(), image, image_field, image_branch, strict=False):
        drawn = flux_map(axes, x, y, values, limit, size, divide)
        outline(axes, mask, film_x, film_y)
        axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), aspect="equal")
        axes.set_title(
            f"${H:.2f}$ G, {words[int(number)]}" if abs(H) > 1e-9 else f"0, {words[int(number)]}", fontsize=10
        )
    label_outer(panels)
    figure.colorbar(drawn, ax=panels, label="flux over area  [mG]", extend="both")
    left, right = grid[1].subgridspec(1, 2, width_ratios=(1.5, 1)).subplots()
    screened = screened_lower, screened_upper
    for axes, H, pair in ((left, field, (lower, upper)), (right, screened_field, screened)):
        axes.axhline(0, color="0.7", linewidth=0.8)
        axes.axvline(0, color="0.7", linewidth=0.8)
        for values, colour, marker, name in zip(pair, (VERMILION, BLUE), "os", ("lower", "upper"), strict=True):
            axes.plot(H, values, marker=marker, color=colour, markersize=3.5, linewidth=1.1, label=f"{name} domain")
        axes.set(xlabel="applied field  [G]", ylabel="mean field of the currents  [mG]")
    left.plot(0, 0, "o", color=ORANGE, markeredgecolor=BLACK, zorder=5)
    for values, colour in ((lower, VERMILION), (upper, BLUE)):
        _arrow(left, field, values, branch, colour)
    left.legend(frameon=False, loc="upper right")
    left.set(title="weak screening")
    right.set(title="strong screening")
    figure.suptitle(title)
    return figure


def pulse_moments(
    *,
    x: Any,
    y: Any,
    image: Any,
    moments: Any,
    active: Any,
    cell_x: Any,
    cell_y: Any,
    size: Any,
    divide: Any,
    bias: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """What a bias leaves, images and moments: with leads at opposite ends, and with both on the upper edge.

    Args:
        x: sides of the pixels, `(nx + 1,)`; likewise `y`.
        image: mean field in the pickup loop in mG, `(2, nx, ny)`.
        moments: `(2, mx, my, 2)`, where `active`, at `cell_x` and `cell_y`.
        size: of the rectangle.
        divide: height of the line between the domains.
        bias: that was applied.
        title: of the figure.
    """
    figure = new_figure(10.0, 6.6)
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    limit, every = limit_of(image), max(1, round(len(cell_x) / 20))
    some = np.ix_(*(np.arange(every // 2, len(cells), every) for cells in (cell_x, cell_y)))
    at = [values[some].T for values in np.meshgrid(cell_x, cell_y, indexing="ij")]
    names = "at opposite ends", "on the upper edge"
    scale = 1 / (0.9 * every * np.diff(cell_x)[0])  # neighbours of length 1 do not touch
    for (above, below), values, m, name in zip(panels.T, image, moments, names, strict=True):
        drawn = flux_map(above, x, y, values, limit, size, divide)
        divide_line(below, size, divide)
        shown = np.where(np.asarray(active)[..., None], m, np.nan)[some]
        style: dict[str, Any] = {"pivot": "mid", "scale_units": "x", "width": 0.004, "color": BLUE}
        arrows = below.quiver(*at, shown[..., 0].T, shown[..., 1].T, scale=scale, **style)
        above.set_title(f"leads {name}: flux", fontsize=11)
        below.set_title(f"leads {name}: moments", fontsize=11)
        for axes in (above, below):
            axes.plot(*np.array([(0, 0), (size[0], 0), size, (0, size[1]), (0, 0)]).T, color=BLACK, linewidth=1.0)
            axes.set(aspect="equal", xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))
    panels[1, 1].quiverkey(arrows, 0.84, 0.1, 1.0, "$|m| = 1$", labelpos="E", coordinates="axes")
    label_outer(panels)
    figure.colorbar(drawn, ax=panels[0], label=FIELD_LABEL, extend="both")
    figure.suptitle(f"{title}\nwhat {float(bias):+g} µA left")
    return figure


# --- parts of curves


def _loop(axes, drive, branch, values):
    axes.axhline(0, color="0.7", linewidth=0.8)
    axes.axvline(0, color="0.7", linewidth=0.8)
    for number, style in enumerate(BRANCHES):
        mine = np.flatnonzero(np.asarray(branch) == number)
        if number and len(mine):
            mine = np.r_[mine[0] - 1, mine]  # from where the branch before it ends
        axes.plot(np.asarray(drive)[mine], np.asarray(values)[mine], **style, markersize=3.5, linewidth=1.0)


def _arrow(axes, drive, values, branch, colour):
    """Which way the loop goes, in the middle of its branches."""
    for number in (1, 2):
        mine = np.flatnonzero(np.asarray(branch) == number)
        if len(mine) < 3:
            continue
        at = mine[len(mine) // 2]
        ends = [(float(drive[place]), float(values[place])) for place in (at - 1, at)]
        axes.annotate("", ends[1], ends[0], arrowprops={"arrowstyle": "-|>", "color": colour, "mutation_scale": 16})
