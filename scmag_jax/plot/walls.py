"""Pictures of the current over the directions of n, and of the free energy of domain walls.

Energies are totals of a lattice in units of the hopping t, lengths in sites, currents those through a cut in e t/hbar.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from ._style import BLACK, BLUE, GREEN, ORANGE, POSITIVE, SKY, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ARROW_STEP = 3  # sites from one arrow of a texture to the next


def current_over_sphere(
    *,
    polar: Any,
    azimuth: Any,
    current: Any,
    forward: Any,
    backward: Any,
    width: Any,
    momentum: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """Current against the direction of n: a map over the sphere, and in the plane for a momentum and its opposite.

    Args:
        polar: angle of n from z in radians, shape `(p,)`.
        azimuth: angle of n from x in the plane, radians, first and last a whole turn apart, shape `(a,)`.
        current: through a cut, in e t/hbar, shape `(p, a)`.
        forward: that at polar angle pi/2, shape `(a,)`; `backward` that of the opposite momentum.
        width: sites along a cut.
        momentum: q_x.
        title: of the figure.
    """
    figure = new_figure(12.4, 5.4)
    sphere, plane = figure.subplots(1, 2, gridspec_kw={"wspace": 0.08})
    degrees = np.degrees(azimuth)
    image = sphere.pcolormesh(degrees, np.degrees(polar), current, cmap=POSITIVE, shading="gouraud", rasterized=True)
    sphere.contour(degrees, np.degrees(polar), current, levels=11, colors="white", linewidths=0.5)
    sphere.set(xlabel=r"azimuth $\phi$ of $n$ [degrees]", ylabel=r"polar angle $\theta$ of $n$ [degrees]")
    sphere.set(title=f"$q_x a = {float(momentum):.4f}$", xticks=range(0, 361, 45), yticks=range(0, 181, 45))
    sphere.invert_yaxis()
    figure.colorbar(image, ax=sphere, label=r"$I$ [$e\,t/\hbar$]")

    plane.axhline(0, color="0.7", linewidth=0.8)
    half = (len(azimuth) - 1) // 2
    shifted = np.append(np.roll(forward[:-1], -half), forward[half])
    value = f"{float(momentum):.4f}"
    plane.plot(degrees, forward, color=BLUE, label=f"$q_x a = {value}$")
    plane.plot(degrees, backward, color=VERMILION, label=f"$q_x a = -{value}$")
    plane.plot(degrees, -forward, color=BLUE, linestyle=":", label=r"$-I(q, \phi)$")
    plane.plot(degrees, -shifted, color=BLACK, marker="x", markersize=5, linestyle="none", label=r"$-I(q, \phi+\pi)$")
    plane.set(xlabel=r"azimuth $\phi$ of $n$ [degrees]", ylabel=r"current $I$ through a cut [$e\,t/\hbar$]")
    plane.set(xlim=(degrees[0], degrees[-1]), xticks=range(0, 361, 45), title=r"$\theta = \pi/2$")
    sites = float(width)

    def to_sheet(y: Any) -> Any:
        return y / sites

    def to_cut(y: Any) -> Any:
        return y * sites

    plane.secondary_yaxis("right", functions=(to_sheet, to_cut)).set_ylabel(r"$I/L_y$ [$e\,t/\hbar a$]")
    plane.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4, frameon=False)
    figure.suptitle(title)
    return figure


def wall_positions(
    *,
    position: Any,
    along_x: Any,
    along_y: Any,
    reversed_position: Any,
    reversed_x: Any,
    current_x: Any,
    wall_x: Any,
    wall_y: Any,
    wall_position: Any,
    shape: Any,
    momentum: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """Free energy against the position of a wall along x and along y, the current through the first, and both walls.

    Args:
        position: of the wall, in sites, shape `(p,)`.
        along_x: total F of the wall along x in t, shape `(p,)`; likewise `along_y`. Drawn from their first values.
        reversed_position: shape `(r,)`, positions of `reversed_x`, of the wall along x and the opposite momentum.
        current_x: through a cut across x, in e t/hbar, shape `(p,)`.
        wall_x: n of the sites across the wall along x, shape `(l, 3)`; likewise `wall_y`.
        wall_position: of both.
        shape: sites of the lattice of the wall along x; that of the other has them exchanged.
        momentum: q_x.
        title: of the figure.
    """
    figure = new_figure(11.6, 6.8)
    layout: dict[str, Any] = {"width_ratios": [2.3, 2.1, 1.1], "height_ratios": [2.2, 1]}
    panels = figure.subplot_mosaic([["energy", "energy", "y"], ["current", "x", "y"]], **layout)
    axes, value = panels["energy"], f"{float(momentum):.4f}"
    axes.axhline(0, color="0.7", linewidth=0.8)
    label = f"wall along $x$, $q_x a = {value}$"
    axes.plot(position, along_x - along_x[0], "o-", color=BLUE, markersize=4, label=label)
    line = np.polyval(np.polyfit(position, along_x, 1), position)
    axes.plot(position, line - along_x[0], "--", color="0.5", label="straight line through it")
    style: dict[str, Any] = {"color": SKY, "marker": "s", "markerfacecolor": "white", "linestyle": ":"}
    axes.plot(reversed_position, reversed_x - reversed_x[0], **style, label=f"wall along $x$, $q_x a = -{value}$")
    label = f"wall along $y$, $q_x a = {value}$"
    axes.plot(position, along_y - along_y[0], "o-", color=VERMILION, markersize=4, label=label)
    axes.set(xlabel="position of the wall $r_0/a$", ylabel=f"$F(r_0) - F({position[0]:g}\\,a)$  [$t$]")
    below = panels["current"]
    below.plot(position, current_x, "o-", color=BLUE, markersize=4)
    below.set(xlabel="position of the wall $r_0/a$", ylabel=r"current $I$ [$e\,t/\hbar$]", title="wall along $x$")
    _texture(panels["x"], wall_x, shape, "x", f"wall along $x$, $r_0 = {float(wall_position):g}\\,a$")
    _texture(panels["y"], wall_y, shape[::-1], "y", f"wall along $y$,\n$r_0 = {float(wall_position):g}\\,a$")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(title)
    return figure


def wall_angles(
    *,
    angle: Any,
    forward: Any,
    backward: Any,
    other_angle: Any,
    other: Any,
    closing: Any,
    other_closing: Any,
    walls: Any,
    shape: Any,
    momentum: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """Free energy against the direction of n inside a wall for both directions of the current, and two such walls.

    Args:
        angle: of n inside the wall, from z towards y, radians, shape `(n,)`.
        forward: total F in t, shape `(n,)`; `backward` that of the opposite momentum. Drawn from the first value.
        other_angle: shape `(m,)`, angles of `other`, F of the other way to close the texture.
        closing: name of the way to close it, with `other_closing`.
        walls: n along y of the walls with the angles pi/2 and 3 pi/2, shape `(2, l, 3)`.
        shape: sites of the lattice.
        momentum: q_x.
        title: of the figure.
    """
    figure = new_figure(12.0, 5.6)
    layout: dict[str, Any] = {"width_ratios": [3.4, 1, 1]}
    panels = figure.subplot_mosaic([["energy", "up", "down"]], **layout)
    axes, degrees, value = panels["energy"], np.degrees(angle), f"{float(momentum):.4f}"
    axes.axhline(0, color="0.7", linewidth=0.8)
    for curve, colour, sign in ((forward, BLUE, ""), (backward, VERMILION, "-")):
        relative = curve - curve[0]
        axes.plot(degrees, relative, "o-", color=colour, markersize=4, label=f"$q_x a = {sign}{value}$")
        lowest = np.argmin(relative)
        style: dict[str, Any] = {"marker": "*", "markersize": 15, "color": ORANGE, "markeredgecolor": "black"}
        name = "lowest" if not sign else None
        axes.plot(degrees[lowest], relative[lowest], **style, linestyle="none", label=name, zorder=4)
    label = f"$q_x a = {value}$, closed by {other_closing}"
    axes.plot(np.degrees(other_angle), other - other[0], "x:", color=GREEN, label=label)
    axes.set(xlabel=r"angle $\phi_{dw}$ of $n$ in the wall from $z$ towards $y$ [degrees]")
    axes.set(ylabel=r"$F(\phi_{dw}) - F(0)$  [$t$]", xticks=range(0, 361, 45), xlim=(degrees[0], degrees[-1]))
    axes.set(title=f"texture closed by {closing} at $y = 0$, where not said otherwise")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4, frameon=False)
    for name, strip, degree in (("up", walls[0], 90), ("down", walls[1], 270)):
        _texture(panels[name], strip, shape, "y", f"$\\phi_{{dw}} = {degree}°$")
    figure.suptitle(title)
    return figure


def _texture(axes: Any, strip: Any, shape: Any, axis: str, title: str) -> None:
    """A texture that varies along one axis: arrows for n in the plane, discs for n out of it."""
    x, y = np.meshgrid(*(np.arange(side) for side in shape), indexing="ij")
    n = np.broadcast_to(strip[:, None] if axis == "x" else strip[None], (*shape, 3))
    some = (slice(1, None, ARROW_STEP), slice(1, None, ARROW_STEP))
    x, y, n = x[some], y[some], n[some]
    length: dict[str, Any] = {"scale": 1 / ARROW_STEP, "scale_units": "xy", "angles": "xy", "pivot": "mid"}
    axes.quiver(x, y, n[..., 0], n[..., 1], color=BLACK, units="xy", width=0.3, minlength=1, **length)
    for sign, colour in ((1, VERMILION), (-1, BLUE)):
        out = np.maximum(sign * n[..., 2], 0)
        if out.max() > 0.1:
            axes.scatter(x, y, s=22 * out**2, color=colour)
            title += f"\ndiscs: $n_z {'>' if sign > 0 else '<'} 0$"
    axes.set(xlim=(-1, shape[0]), ylim=(-1, shape[1]), aspect="equal", title=title)
    axes.set(xlabel="$x/a$", ylabel="$y/a$")
