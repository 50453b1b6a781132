"""Pictures of superconductors with an altermagnet: free energies of the Neel vector, and currents.

Energies are per site in units of the hopping t (t/a^2 as a density), momenta in 1/a.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from ._style import BLACK, BLUE, GREEN, ORANGE, SIGNED, SKY, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LATTICE: dict[str, Any] = {"color": BLUE, "label": "BdG, lattice"}
CONTINUUM: dict[str, Any] = {"color": VERMILION, "linestyle": "--", "label": "BdG, continuum"}
CIRCLES: dict[str, Any] = {
    "color": VERMILION,
    "marker": "o",
    "markerfacecolor": "none",
    "linestyle": "none",
    "markersize": 9,
    "zorder": 4,
}
CROSSES: dict[str, Any] = {"color": BLACK, "marker": "x", "linestyle": "none", "markersize": 5, "zorder": 3}


def direction_energies(
    *,
    momentum: Any,
    lattice: Any,
    continuum: Any,
    analytic: Any,
    exchange: Any,
    exchange_lattice: Any,
    exchange_continuum: Any,
    exchange_analytic: Any,
    momentum_exchange: Any,
    exchange_momentum: Any,
    direction: Any,
    title: str = "",
) -> "Figure":
    """Free energy of one direction of n relative to n along x, against the momentum and against the exchange.

    Args:
        momentum: q_x, shape `(n,)`.
        lattice: F(n) - F(x) per site in t, shape `(n,)`; likewise `continuum` and `analytic`.
        exchange: tm in t, shape `(m,)`, with `exchange_lattice` and so on of shape `(m,)`.
        momentum_exchange: tm of the sweep of the momentum.
        exchange_momentum: q_x of the sweep of the exchange.
        direction: "y" or "z".
        title: of the figure.
    """
    figure = new_figure(10.5, 4.6)
    left, right = figure.subplots(1, 2)
    unit, power = _unit(lattice, continuum, exchange_lattice, exchange_continuum)
    analytic_name = "analytic, Eq. 8" if str(direction) == "y" else "analytic, Eq. 9"
    for axes, x, curves in (
        (left, momentum, (lattice, continuum, analytic)),
        (right, exchange, (exchange_lattice, exchange_continuum, exchange_analytic)),
    ):
        axes.axhline(0, color="0.7", linewidth=0.8)
        for curve, style in zip(curves, (LATTICE, CONTINUUM, CROSSES | {"label": analytic_name}), strict=True):
            axes.plot(x, curve / unit, **style)
        axes.margins(x=0.02)
        axes.locator_params(axis="x", nbins=5)
        axes.set(ylabel=_energy_label(str(direction), power))
    left.set(xlabel=r"momentum $q_x a$", title=f"$t_m = {float(momentum_exchange):g}\\,t$")
    right.set(xlabel=r"altermagnetic exchange $t_m/t$", title=f"$q_x a = {float(exchange_momentum):g}$")
    left.legend()
    figure.suptitle(title)
    return figure


def rotations(
    *,
    angle: Any,
    planes: Any,
    lattice: Any,
    continuum: Any,
    analytic: Any,
    momentum: Any,
    title: str = "",
) -> "Figure":
    """Free energy of a Neel vector that turns in a plane, relative to n along x.

    Args:
        angle: from the first axis of a plane towards the second, radians, shape `(n,)`.
        planes: pairs of axes such as "xy", shape `(p,)`.
        lattice: F per site in t, shape `(p, n)`; likewise `continuum` and `analytic`.
        momentum: q_x.
        title: of the figure.
    """
    figure = new_figure(1.8 + 4.6 * len(planes), 4.6)
    panels = np.atleast_1d(figure.subplots(1, len(planes), sharey=True))
    unit, power = _unit(lattice, continuum)
    for axes, plane, *curves in zip(panels, planes, lattice, continuum, analytic, strict=True):
        axes.axhline(0, color="0.7", linewidth=0.8)
        for curve, style in zip(curves, (LATTICE, CONTINUUM, CROSSES | {"label": "analytic, Eqs. 8, 9"}), strict=True):
            axes.plot(np.degrees(angle), curve / unit, **style)
        _angle_axis(axes, str(plane), angle)
        axes.set(title=f"$n$ in the ${plane[0]}$-${plane[1]}$ plane, $q_x a = {float(momentum):g}$")
    panels[0].set(ylabel=_energy_label("n", power))
    # below the panels: the curves leave no corner free
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(title)
    return figure


def gap_rotations(
    *,
    angle: Any,
    planes: Any,
    self_consistent: Any,
    real_angle: Any,
    real_space: Any,
    real_gap: Any,
    inserted: Any,
    caption: Any,
    gap: Any,
    inserted_gap: Any,
    caption_gap: Any,
    attraction: Any,
    momentum: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """Free energy of a turning Neel vector with the gap solved for at every angle, or fixed; and that gap.

    Args:
        angle: from the first axis of a plane towards the second, radians, shape `(n,)`.
        planes: pairs of axes such as "xy", shape `(p,)`.
        self_consistent: F(n) - F(x) per site in t at the self-consistent gap, shape `(p, n)`.
        real_angle: shape `(m,)`, angles of `real_space`, the same in real space, shape `(p, m)`.
        real_gap: self-consistent one of the sites there, complex, shape `(p, m, l)`.
        inserted: the same at the fixed gap `inserted_gap`, and `caption` at `caption_gap`.
        gap: self-consistent one in t, shape `(p, n)`.
        inserted_gap: in t.
        caption_gap: in t.
        attraction: of the self-consistent gap, in t.
        momentum: q_x.
        title: of the figure.
    """
    figure = new_figure(1.8 + 4.6 * len(planes), 6.6)
    upper, lower = figure.subplots(2, len(planes), sharex="col", height_ratios=[2, 1], squeeze=False)
    for energies, gaps, plane, *curves, found, real, sites in zip(
        upper, lower, planes, self_consistent, inserted, caption, gap, real_space, real_gap, strict=True
    ):
        unit, power = _unit(*curves)
        energies.axhline(0, color="0.7", linewidth=0.8)
        names = (
            f"self-consistent, momentum space, $V_s = {float(attraction):g}\\,t$",
            f"fixed gap {float(inserted_gap):.4f} $t$ (that of $n\\parallel x$)",
            f"fixed gap {float(caption_gap):.4g} $t$ (the caption's)",
        )
        styles: tuple[dict[str, Any], ...] = ({"color": BLUE}, CROSSES, {"color": ORANGE, "linestyle": "--"})
        for curve, style, name in zip(curves, styles, names, strict=True):
            energies.plot(np.degrees(angle), curve / unit, **style, label=name)
        energies.plot(np.degrees(real_angle), real / unit, **CIRCLES, label="the same in real space")
        energies.set(ylabel=_energy_label("n", power))
        energies.set(title=f"$n$ in the ${plane[0]}$-${plane[1]}$ plane, $q_x a = {float(momentum):.4g}$")
        gaps.plot(np.degrees(angle), found, color=BLUE)
        gaps.plot(np.degrees(angle), np.full(len(angle), float(inserted_gap)), **CROSSES)
        gaps.plot(np.degrees(real_angle), np.abs(sites).mean(axis=-1), **CIRCLES)
        gaps.set(ylabel=r"gap $\Delta/t$")
        gaps.ticklabel_format(useOffset=False)
        _angle_axis(gaps, str(plane), angle)
    figure.legend(*upper[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(title)
    return figure


def currents(
    *, momentum: Any, directions: Any, current: Any, without_exchange: Any, title: str = "", **_: Any
) -> "Figure":
    """Sheet current along and across the momentum, for directions of n and without the altermagnet.

    Args:
        momentum: q_x, shape `(n,)`.
        directions: of n, such as "x", shape `(d,)`.
        current: in e t / (hbar a), shape `(d, n, 2)`.
        without_exchange: the same at tm = 0, shape `(n, 2)`.
        title: of the figure.
    """
    figure = new_figure(10.5, 4.8)
    unit, power = _unit(current)
    panels = figure.subplots(1, 2, sharey=True)
    styles = ((VERMILION, "-"), (BLUE, "-"), (GREEN, "--"), (SKY, "-."))
    for axis, (axes, name) in enumerate(zip(panels, "xy", strict=True)):
        axes.axhline(0, color="0.7", linewidth=0.8)
        axes.axvline(0, color="0.7", linewidth=0.8)
        for direction, curve, (colour, style) in zip(directions, current, styles, strict=False):
            label = f"$n \\parallel {direction}$"
            axes.plot(momentum, curve[:, axis] / unit, color=colour, linestyle=style, label=label)
        label = r"$t_m = 0$: $\mathcal{J}_s = \nu_s q$"
        axes.plot(momentum, without_exchange[:, axis] / unit, color=BLACK, linestyle=":", label=label)
        axes.set(xlabel=r"momentum $q_x a$", title=("along" if axis == 0 else "across") + " the momentum")
        axes.set(ylabel=f"sheet current $J_{name}$ [{power}$e\\,t/\\hbar a$]")
        axes.yaxis.set_tick_params(labelleft=True)
        axes.margins(x=0)
        axes.locator_params(axis="x", nbins=5)
    panels[0].legend()
    figure.suptitle(title)
    return figure


def exchange_estimate(
    *,
    exchange: Any,
    odd: Any,
    boundary: Any,
    material_exchange: Any,
    material_odd: Any,
    material_first_order: Any,
    millitesla: Any,
    momentum: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """Part of the free energy that is odd in the momentum against the exchange, in full and to first order.

    Args:
        exchange: tm in t, shape `(n,)`.
        odd: [F(q, y) - F(-q, y)]/2 per site in t, shape `(n,)`.
        boundary: exchange at which tm mu/t is the gap.
        material_exchange: tm of the material, with `material_odd` and `material_first_order`.
        millitesla: field B = a^2 |F|/(2 m_s) of an energy t.
        momentum: q_x.
        title: of the figure.
    """
    figure = new_figure(9.2, 5.4)
    axes = figure.subplots()
    unit, power = _unit(material_odd)
    limit = 2.2 * abs(float(material_odd)) / unit
    axes.axhline(0, color="0.7", linewidth=0.8)
    axes.axvline(float(boundary), color="0.5", label=r"$t_m\mu/t = \Delta$")
    axes.semilogx(exchange, odd / unit, "o:", color=BLUE, linewidth=1, markersize=6, label="full BdG, continuum")
    fine = np.geomspace(exchange[0], exchange[-1], 300)
    line = float(material_first_order / material_exchange) * fine  # linear in the exchange
    axes.semilogx(fine, line / unit, "--", color=ORANGE, label=r"first order, Eq. 8: $t_m\gamma q_x$")
    style: dict[str, Any] = {
        "marker": "*",
        "markersize": 15,
        "color": VERMILION,
        "markeredgecolor": "black",
        "linestyle": "none",
    }
    axes.plot(float(material_exchange), float(material_odd) / unit, **style, label="the paper's material", zorder=4)
    axes.set(ylim=(-limit, limit), xlabel=r"altermagnetic exchange $t_m/t$")
    axes.set(ylabel=f"$F^{{(1)}} = [F(q,\\hat y)-F(-q,\\hat y)]/2$  [{power}$t/a^2$]")
    axes.set(title=f"{title}\n$q_x a = {float(momentum):g}$")
    far_unit, far_power = _unit(material_first_order)
    far = f"first order at the star:\n${float(material_first_order) / far_unit:.2f}\\times${far_power}$t/a^2$"
    axes.text(0.97, 0.05, far, transform=axes.transAxes, ha="right", va="bottom", color=ORANGE)
    scale = float(millitesla) * unit

    def to_field(y: Any) -> Any:
        return y * scale

    def to_energy(y: Any) -> Any:
        return y / scale

    right = axes.secondary_yaxis("right", functions=(to_field, to_energy))
    right.set_ylabel(r"$a^2 F^{(1)}/2m_s$ [mT]")
    figure.legend(loc="outside lower center", ncols=4, frameon=False)
    return figure


def energy_over_sphere(
    *, polar: Any, azimuth: Any, energy: Any, unit: str = "t", path: Any = None, title: str = ""
) -> "Figure":
    """Map of a free energy over the directions of n, with its lowest and highest direction.

    Args:
        polar: angle from z in radians, shape `(p,)`.
        azimuth: angle from x in the plane, radians, shape `(a,)`.
        energy: shape `(p, a)`, drawn relative to its mean over the sphere.
        unit: of `energy`.
        path: unit vectors to draw over the map, for instance steps of a relaxation, shape `(s, 3)`.
        title: of the figure.
    """
    figure = new_figure(8.4, 4.8)
    axes = figure.subplots()
    x, y = np.degrees(azimuth), np.degrees(polar)
    area = np.sin(polar)[:, None] * np.ones(len(azimuth))
    relative = np.asarray(energy) - np.sum(area * energy) / np.sum(area)
    scale, power = _unit(relative)
    relative = relative / scale
    limit = np.abs(relative).max()
    image = axes.pcolormesh(x, y, relative, cmap=SIGNED, vmin=-limit, vmax=limit, shading="gouraud", rasterized=True)
    axes.contour(x, y, relative, levels=11, colors="0.35", linewidths=0.5)
    for index, marker, name in (
        (np.argmin(relative), "*", "lowest"),
        (np.argmax(relative), "X", "highest"),
    ):
        i, j = np.unravel_index(index, relative.shape)
        style: dict[str, Any] = {"marker": marker, "markersize": 14, "color": ORANGE, "markeredgecolor": "black"}
        axes.plot(x[j], y[i], **style, linestyle="none", label=name, zorder=4, clip_on=False)
    if path is not None:
        n = np.asarray(path)
        # NaN where the path leaves the map at one side and comes back at the other
        along = np.degrees(np.arctan2(n[:, 1], n[:, 0])) % 360
        along[1:][np.abs(np.diff(along)) > 180] = np.nan
        axes.plot(along, np.degrees(np.arccos(np.clip(n[:, 2], -1, 1))), "o-", color=BLACK, markersize=3, label="path")
    axes.set(xlabel=r"azimuth $\varphi$ of $n$ [degrees]", ylabel=r"polar angle $\theta$ of $n$ [degrees]", title=title)
    axes.set(xlim=(x[0], x[-1]), ylim=(y[-1], y[0]), yticks=range(0, 181, 45))
    axes.set(xticks=np.arange(np.ceil(x[0] / 45), np.floor(x[-1] / 45) + 1) * 45)
    figure.colorbar(image, ax=axes, label=f"$F - \\langle F\\rangle$ [{power}${unit}$]")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, frameon=False)
    return figure


def _unit(*values: Any) -> tuple[float, str]:
    """A power of ten that suits the values, and its name; a factor of the axis label instead of of the ticks."""
    largest = max(float(np.max(np.abs(value))) for value in values)
    exponent = int(np.floor(np.log10(largest))) if largest > 0 else 0
    return 10.0**exponent, "" if exponent == 0 else f"$10^{{{exponent}}}$ "


def _energy_label(direction: str, power: str) -> str:
    name = "n" if direction == "n" else f"\\hat {direction}"
    return f"$F({name}) - F(\\hat x)$  [{power}$t/a^2$]"


def _angle_axis(axes: Any, plane: str, angle: Any) -> None:
    axes.set(xlabel=f"angle of $n$ from ${plane[0]}$ towards ${plane[1]}$ [degrees]")
    axes.set(xlim=(np.degrees(angle[0]), np.degrees(angle[-1])), xticks=range(0, 361, 45))
