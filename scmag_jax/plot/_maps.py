"""Parts of maps of a flake: its outline and domains, flux in colours, streamlines of currents."""

import numpy as np

from ._style import BLACK, SIGNED

BRIGHTEST = 0.99  # quantile at the end of the colours: leads and corners are sharp


def limit_of(values):
    return float(np.quantile(np.abs(values), BRIGHTEST)) or 1.0


def flux_map(axes, x, y, values, limit, size, divide):
    divide_line(axes, size, divide)
    return axes.pcolormesh(x, y, np.asarray(values).T, cmap=SIGNED, vmin=-limit, vmax=limit, rasterized=True)


def divide_line(axes, size, divide):
    """The line between the domains."""
    axes.plot([0, size[0]], [divide, divide], ":", color="0.4", linewidth=0.8)


def outline(axes, mask, x, y):
    """The sides between film and no film."""
    from matplotlib.collections import LineCollection

    padded = np.pad(np.asarray(mask), 1)
    sides = [((x[i], y[j]), (x[i], y[j + 1])) for i, j in np.argwhere(padded[1:, 1:-1] != padded[:-1, 1:-1])]
    sides += [((x[i], y[j]), (x[i + 1], y[j])) for i, j in np.argwhere(padded[1:-1, 1:] != padded[1:-1, :-1])]
    axes.add_collection(LineCollection(sides, colors=BLACK, linewidths=0.9, capstyle="projecting"))


def streamlines(axes, x, y, current, mask):
    centres = ((edges[1:] + edges[:-1]) / 2 for edges in (np.asarray(x), np.asarray(y)))
    u, v = (np.where(mask, current[..., k], np.nan).T for k in range(2))
    axes.streamplot(*centres, u, v, color="white", linewidth=0.6, density=0.9, arrowsize=0.8)


def label_outer(panels):
    """Names and numbers only on the axes along the left and the lower side."""
    rows, columns = panels.shape
    for place, axes in enumerate(panels.ravel()):
        first, last = place % columns == 0, place + columns >= rows * columns
        axes.set(xlabel="$x$  [µm]", ylabel="$y$  [µm]")
        axes.tick_params(labelbottom=last, labelleft=first)
        axes.xaxis.label.set_visible(last)
        axes.yaxis.label.set_visible(first)
