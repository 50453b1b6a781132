"""Pictures of magnetic impurities: pairs, their fields, lattices."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ._style import BLACK, BLUE, GREEN, ORANGE, POSITIVE, PURPLE, SIGNED, SKY, VERMILION, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLES = ((SKY, "-"), (ORANGE, "--"), (GREEN, "-."), (PURPLE, (0, (3, 1, 1, 1, 1, 1))), (BLUE, ":"))


def pair_couplings(
    *,
    pearl_length: Any,
    perpendicular: Any,
    parallel: Any,
    elementary_perpendicular: Any,
    elementary_parallel: Any,
    title: str = "",
) -> "Figure":
    """Couplings of a pair at a fixed distance against the Pearl length: exact, elementary, and its error.

    Args:
        pearl_length: in units of the distance, shape `(n,)`.
        perpendicular: exact J_perp in strength/r^2; likewise `parallel`.
        elementary_perpendicular: J_perp of Eq. 10; likewise `elementary_parallel`.
        title: of the figure.
    """
    figure = new_figure(6.4, 6.4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    thinned = slice(None, None, max(1, len(pearl_length) // 40))
    lines = (
        (r"$J_\parallel$", VERMILION, "o", parallel, elementary_parallel),
        (r"$J_\perp$", BLUE, "s", perpendicular, elementary_perpendicular),
    )
    for name, colour, marker, exact, elementary in lines:
        upper.plot(pearl_length, elementary, color=colour, label=f"{name}, Eq. 10")
        style = {"color": colour, "marker": marker, "linestyle": "none", "markerfacecolor": "none", "markersize": 5}
        upper.plot(pearl_length[thinned], exact[thinned], **style, label=f"{name}, exact (Eq. 9)")
        lower.plot(pearl_length, 100 * (elementary / exact - 1), color=colour, label=name)
    upper.set(xscale="log", ylabel=r"$J$  [$\Gamma^2/(2\pi e^2 D\,r^2)$]", title=title)
    upper.legend()
    lower.axhline(0, color="0.6", linewidth=0.8)
    lower.set(xlabel=r"Pearl length $r_0/r$", ylabel="error of Eq. 10 [%]")
    lower.legend()
    return figure


def pair_energies(
    *,
    angles: Any,
    distance: Any,
    screened: Any,
    unscreened: Any,
    screened_ground_state: Any,
    unscreened_ground_state: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """Energy of two moments against both angles to their line, with and without screening.

    Args:
        angles: in radians, shape `(n,)`.
        distance: of the two, in r0.
        screened: energy over J_par, shape `(n, n)`, first moment first; likewise `unscreened`.
        screened_ground_state: both angles of a ground state, radians; likewise `unscreened_ground_state`.
        title: of the figure.
    """
    figure = new_figure(11.5, 5.2)
    left, right, bar = figure.subplots(1, 3, width_ratios=[1, 1, 0.05])
    degrees = np.degrees(angles)
    for axes, energy, state in (
        (left, screened, screened_ground_state),
        (right, unscreened, unscreened_ground_state),
    ):
        image = axes.pcolormesh(degrees, degrees, energy.T, cmap=SIGNED, vmin=-1, vmax=1, shading="gouraud")
        axes.contour(degrees, degrees, energy.T, levels=np.linspace(-0.8, 0.8, 9), colors="0.35", linewidths=0.5)
        first, second = np.degrees(state)
        # reversing both moments gives the other ground state, which lies on the corners of the map
        around = [(first + i, second + j) for i in (-180, 0, 180) for j in (-180, 0, 180) if (i == 0) == (j == 0)]
        style = {"marker": "*", "markersize": 15, "color": ORANGE, "markeredgecolor": "black", "linestyle": "none"}
        axes.plot(*zip(*around, strict=True), **style, clip_on=False, zorder=5, label="parallel, head to tail")
        axes.set(xlabel=r"$\theta_1$ [degrees]", aspect="equal", xlim=(-180, 180), ylim=(-180, 180))
        axes.set(xticks=range(-180, 181, 90), yticks=range(-180, 181, 90))
        axes.tick_params(pad=9)  # room for the stars on the corners
    right.plot(degrees, -degrees, color=ORANGE, linewidth=3, label=r"degenerate ground states $\theta_1=-\theta_2$")
    left.set(ylabel=r"$\theta_2$ [degrees]", title=f"with screening, $r = {float(distance):g}\\,r_0$")
    right.set(title=r"without screening, $r_0\to\infty$")
    for axes in (left, right):
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False)
    figure.colorbar(image, cax=bar, label=r"$E/J_\parallel$")
    figure.suptitle(title)
    return figure


def current_and_field(
    *, axis: Any, current: Any, bz: Any, height: Any, positions: Any, moments: Any, title: str = ""
) -> "Figure":
    """Stream lines of the sheet current over its size, and the field along z above the film.

    Args:
        axis: coordinates of the square map in r0, shape `(n,)`.
        current: in Gamma/(2 pi r0^2), shape `(n, n, 2)`, y first.
        bz: in mu0 Gamma/(4 pi r0^2), shape `(n, n)`.
        height: of `bz`, in r0.
        positions: of the moments, shape `(m, 2)`; likewise `moments`.
        title: of the figure.
    """
    from matplotlib.colors import LogNorm, SymLogNorm

    figure = new_figure(12.5, 5.6)
    left, right = figure.subplots(1, 2)
    size = np.hypot(current[..., 0], current[..., 1])
    norm = LogNorm(*np.quantile(size, [0.01, 0.995]))
    image = left.pcolormesh(axis, axis, size, cmap=POSITIVE, norm=norm, shading="nearest", rasterized=True)
    left.streamplot(axis, axis, *np.moveaxis(current, -1, 0), color="white", linewidth=0.8, density=1.5, arrowsize=0.9)
    figure.colorbar(image, ax=left, label=r"$|j|$  [$\Gamma/(2\pi r_0^2)$]", extend="both", shrink=0.8)
    left.set(title="sheet current")

    limit = np.abs(bz).max()
    signed = SymLogNorm(linthresh=limit / 100, vmin=-limit, vmax=limit)
    image = right.pcolormesh(axis, axis, bz, cmap=SIGNED, norm=signed, shading="nearest", rasterized=True)
    figure.colorbar(image, ax=right, label=r"$B_z$  [$\mu_0\Gamma/(4\pi r_0^2)$]", shrink=0.8)
    right.set(title=f"field at $z = {float(height):g}\\,r_0$")
    for axes, colour in ((left, VERMILION), (right, BLACK)):
        _arrows(axes, positions, moments, length=0.1 * np.ptp(axis), color=colour)
        axes.plot([], [], color=colour, marker=r"$\rightarrow$", linestyle="none", markersize=14, label="moments")
        axes.legend(loc="upper right", framealpha=0.95)
        axes.set(xlabel=r"$x/r_0$", ylabel=r"$y/r_0$", aspect="equal")
        axes.set(xlim=(axis[0], axis[-1]), ylim=(axis[0], axis[-1]))
    figure.suptitle(title)
    return figure


def lattice_orders(
    *,
    angles: Any,
    ferromagnetic: Any,
    antiferromagnetic: Any,
    unscreened_ferromagnetic: Any,
    unscreened_antiferromagnetic: Any,
    searched: Any,
    searched_energy: Any,
    drawn_angle: Any,
    uniform_moment: Any,
    layered_moment: Any,
    spacing: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """The two orders of a rhombic lattice, and their energies per moment against its angle.

    Args:
        angles: of the lattice in degrees, shape `(n,)`.
        ferromagnetic: energy in strength/d^2, shape `(n,)`; likewise the three that follow.
        searched: angles at which the whole Brillouin zone was searched, with `searched_energy`.
        drawn_angle: of the lattice that is drawn, degrees.
        uniform_moment: unit moment of the ferromagnet; `layered_moment` that of an even row.
        spacing: lattice constant in r0.
        title: of the figure.
    """
    figure = new_figure(13.5, 4.6)
    panels = figure.subplots(1, 3, width_ratios=[1, 1, 1.25])
    i, j = (index.ravel() for index in np.meshgrid(np.arange(5), np.arange(4), indexing="ij"))
    radians = np.radians(float(drawn_angle))
    sites = np.stack([i + j * np.cos(radians), j * np.sin(radians)], axis=-1)
    layers = np.where(j % 2, -1.0, 1.0)
    for axes, moment, sign, name in (
        (panels[0], uniform_moment, np.ones(len(i)), "(a) ferromagnet"),
        (panels[1], layered_moment, layers, "(b) layered antiferromagnet"),
    ):
        for value, colour in ((1, VERMILION), (-1, BLUE)):
            chosen = sign == value
            _arrows(axes, sites[chosen], value * np.outer(np.ones(chosen.sum()), moment), length=0.62, color=colour)
        axes.plot(*sites.T, "o", color="white", markeredgecolor="black", markersize=4, zorder=5)
        axes.set(xlabel=r"$x/d$", ylabel=r"$y/d$", aspect="equal", xlim=(-0.6, sites[:, 0].max() + 0.6))
        axes.set(ylim=(-0.6, sites[:, 1].max() + 0.6), title=f"{name}, $\\theta={float(drawn_angle):g}^\\circ$")

    energies = panels[2]
    for name, screened, unscreened, colour in (
        ("ferromagnet", ferromagnetic, unscreened_ferromagnetic, VERMILION),
        ("layered antiferromagnet", antiferromagnetic, unscreened_antiferromagnetic, BLUE),
    ):
        energies.plot(angles, screened, color=colour, label=name)
        energies.plot(angles, unscreened, color=colour, linestyle="--", label=f"{name}, no screening")
    style = {"color": "black", "marker": "o", "markerfacecolor": "none", "linestyle": "none"}
    energies.plot(searched, searched_energy, **style, label="lowest of all wavevectors")
    energies.set(xlabel=r"lattice angle $\theta$ [degrees]", ylabel=r"energy per moment [$\Gamma^2/(2\pi e^2 D\,d^2)$]")
    energies.set(title=f"$d = {float(spacing):g}\\,r_0$, thermodynamic limit")
    energies.legend(fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, frameon=False)
    figure.suptitle(title)
    return figure


def coupling_temperature(
    *,
    temperature: Any,
    distance: Any,
    perpendicular: Any,
    parallel: Any,
    perpendicular_constant_current: Any,
    parallel_constant_current: Any,
    title: str = "",
) -> "Figure":
    """Couplings of a pair against temperature, for both readings of Gamma.

    Args:
        temperature: T/Tc, shape `(n,)`.
        distance: of the pair, in r0 at T = 0.
        perpendicular: J_perp over its value at T = 0, Gamma_A constant; likewise `parallel`.
        perpendicular_constant_current: the same with the anomalous current Gamma constant.
        parallel_constant_current: likewise.
        title: of the figure.
    """
    figure = new_figure(10.5, 4.6)
    figure.suptitle(title)
    for axes, across, along, scale, name in zip(
        figure.subplots(1, 2),
        (perpendicular, perpendicular_constant_current),
        (parallel, parallel_constant_current),
        ("linear", "log"),
        (r"$\Gamma$ of the arXiv version constant", r"$\Gamma$ of the PRB version constant"),
        strict=True,
    ):
        axes.plot(temperature, along, color=VERMILION, label=r"$J_\parallel$")
        axes.plot(temperature, across, color=BLUE, linestyle="--", label=r"$J_\perp$")
        axes.set(xlabel=r"$T/T_c$", ylabel=r"$J(T)/J_\perp(0)$", yscale=scale, xlim=(0, 1))
        axes.set(title=f"{name}, $r = {float(distance):g}\\,r_0(0)$")
        axes.legend()
    return figure


def phase_diagram(
    *,
    angles: Any,
    rows: Any,
    difference: Any,
    temperature: Any,
    critical: Any,
    cutoffs: Any,
    truncated_critical: Any,
    spacing: Any,
    title: str = "",
    **_: Any,
) -> "Figure":
    """Order of a rhombic lattice against angle and temperature: thermodynamic limit, and sums cut off at a circle.

    Args:
        angles: degrees, shape `(n,)`.
        rows: T/Tc of the map, shape `(m,)`.
        difference: E_FM - E_AFM per moment in strength/d^2, shape `(m, n)`.
        temperature: T/Tc of the curves, shape `(t,)`.
        critical: angle of the transition, shape `(t,)`.
        cutoffs: radii in r0 at T = 0, shape `(c,)`.
        truncated_critical: angle of the transition of sums cut off there, shape `(c, t)`, NaN where there is none.
        spacing: lattice constant in r0 at T = 0.
        title: of the figure.
    """
    figure = new_figure(13.5, 5.6)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    limit = np.abs(difference).max()
    image = left.pcolormesh(angles, rows, difference, cmap=SIGNED, vmin=-limit, vmax=limit, shading="gouraud")
    figure.colorbar(image, ax=left, label=r"$E_\mathrm{FM}-E_\mathrm{AFM}$  [$\Gamma^2/(2\pi e^2 D\,d^2)$]")
    left.set(ylabel=r"$T/T_c$", title=f"thermodynamic limit, $d = {float(spacing):g}\\,r_0(0)$")
    right.set(title="sums cut off at a circle")
    for axes in (left, right):
        label = f"thermodynamic limit ({critical[0]:.2f}° at $T=0$)"
        axes.plot(critical, temperature, color=BLACK, linewidth=2, label=label)
        axes.set(xlabel=r"lattice angle $\theta$ [degrees]", xlim=(60, 90), ylim=(0, 1))
    for cutoff, curve, (colour, style) in zip(cutoffs, truncated_critical, _cycle(STYLES, len(cutoffs)), strict=True):
        right.plot(curve, temperature, color=colour, linestyle=style, linewidth=2, label=f"$R_c = {cutoff:g}\\,r_0(0)$")
    words = {"ha": "center", "va": "center", "fontsize": "large"}
    left.text(69, 0.5, "ferromagnet", **words)
    left.text(84.7, 0.5, "layered\nantiferromagnet", **words)
    for axes, columns in ((left, 1), (right, 3)):
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=columns, frameon=False)
    figure.suptitle(title)
    return figure


def lattice_sums(
    *,
    radius: Any,
    ferromagnetic: Any,
    antiferromagnetic: Any,
    limit_ferromagnetic: Any,
    limit_antiferromagnetic: Any,
    depolarisation: Any,
    angle: Any,
    title: str = "",
) -> "Figure":
    """Energies per moment without screening, summed over circles of growing radius.

    Args:
        radius: in lattice constants, shape `(n,)`.
        ferromagnetic: in strength/d^2, shape `(n,)`; likewise `antiferromagnetic`.
        limit_ferromagnetic: of the thermodynamic limit; likewise `limit_antiferromagnetic`.
        depolarisation: pi n/2 of a circle.
        angle: of the rhombic lattice, degrees.
        title: of the figure.
    """
    figure = new_figure(8.5, 4.8)
    axes = figure.subplots()
    axes.semilogx(radius, ferromagnetic, "o-", color=VERMILION, markersize=4, label="ferromagnet, circle")
    axes.semilogx(radius, antiferromagnetic, "s-", color=BLUE, markersize=4, label="layered antiferromagnet, circle")
    limits = (
        (limit_ferromagnetic + depolarisation, VERMILION, ":", r"ferromagnet, limit + $\pi n/2$"),
        (limit_ferromagnetic, VERMILION, "--", "ferromagnet, thermodynamic limit"),
        (limit_antiferromagnetic, BLUE, "--", "layered antiferromagnet, limit"),
    )
    for value, colour, style, name in limits:
        axes.axhline(float(value), color=colour, linestyle=style, label=name)
    axes.set(xlabel=r"radius of the circle $R_c/d$", ylabel=r"energy per moment [$\Gamma^2/(2\pi e^2 D\,d^2)$]")
    axes.set(title=f"{title}\n$\\theta={float(angle):g}^\\circ$, no screening")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return figure


def _arrows(axes: Any, positions: Any, moments: Any, length: float, color: str) -> None:
    style = {"angles": "xy", "scale_units": "xy", "scale": 1 / length, "pivot": "mid", "width": 0.012, "zorder": 4}
    axes.quiver(*positions.T, *moments.T, color=color, edgecolor="black", linewidth=0.6, **style)


def _cycle(styles: Sequence[Any], count: int) -> list[Any]:
    return [styles[i % len(styles)] for i in range(count)]
