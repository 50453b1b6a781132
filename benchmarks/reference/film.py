"""A finite thin film by plain NumPy and SciPy: stream function, dense or by conjugate gradients with sines.

Written apart from the package. Conventions. mu0 = 1, Lam = pearl_length / 2, axis order [ix, iy]. Cells are squares of
side h. The stream function g lives on their corners (nodes), `K = (d_y g, -d_x g)` on their sides (links), each link
filling a box of h x h around its middle with uniform current. g minimises

    F = 1/2 int Lam K^2 + 1/2 iint K.K' / (4 pi |r - r'|) + int g H + int K.a - sum Phi g,    E = -min F

with `a = anomalous * (m_y, -m_x)`. A link's Lam is the mean over the film cells beside it, its a that over both cells,
zero outside the film. g is free where all four cells are film, constant in and around each hole, zero or given outside.
Two boxes have the mutual inductance `h^3 kappa / 4 pi`, `kappa` being the mean of 1/r over two unit squares: here by
Gauss quadrature of `(1 - |s|) (1 - |t|) / |(i + s, j + t)|`, in Duffy's coordinates where it is singular.
"""

import functools
import os
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import fft, linalg, ndimage

NEAR = 12  # spacings from which few points are enough
CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))
WORKERS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@dataclass(frozen=True)
class Film:
    """Which cells are film, their side, and maps or numbers: r0, and the amplitude of a."""

    mask: np.ndarray
    spacing: float
    pearl_length: float | np.ndarray
    anomalous: float | np.ndarray = 1.0

    @functools.cached_property
    def free(self) -> np.ndarray:
        """Nodes all of whose cells are film, (nx + 1, ny + 1)."""
        film = np.pad(self.mask, 1)
        return film[1:, 1:] & film[:-1, 1:] & film[1:, :-1] & film[:-1, :-1]

    @functools.cached_property
    def cells(self) -> np.ndarray:
        """0 where film, 1 outside, 2, 3, ... in holes, in the order in which their first cells come, (nx, ny)."""
        labels, count = ndimage.label(np.pad(~self.mask, 1, constant_values=True), np.ones((3, 3)))
        names = np.arange(count + 1)
        names[names > labels[0, 0]] -= 1
        names = np.where(names > 0, names + 1, 0)
        names[labels[0, 0]] = 1
        return names[labels[1:-1, 1:-1]]

    @functools.cached_property
    def hole_of(self) -> np.ndarray:
        """-1, or the hole that a node touches or lies in, (nx + 1, ny + 1)."""
        nx, ny = self.mask.shape
        found = np.full((nx + 1, ny + 1), -1)
        for i, j in CORNERS:
            corner = found[i : nx + i, j : ny + j]
            np.maximum(corner, self.cells - 2, out=corner)
        return found

    @property
    def holes(self) -> int:
        """How many."""
        return max(0, int(self.cells.max()) - 1)

    @functools.cached_property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Lam of links along y, which carry K_x, (nx + 1, ny), and of those along x, (nx, ny + 1); 0 off the film."""
        stiffness = np.where(self.mask, np.asarray(self.pearl_length) / 2, 0.0)
        found = []
        for axis in (0, 1):
            total, count = (_beside(a, axis) for a in (stiffness, self.mask.astype(float)))
            found.append(total / np.maximum(count, 1.0))
        return tuple(found)

    def potential(self, moments: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """a_x of links along y and a_y of links along x."""
        m = np.zeros((*self.mask.shape, 2)) if moments is None else np.asarray(moments)
        amplitude = np.where(self.mask, self.anomalous, 0.0)
        return _beside(amplitude * m[..., 1], 0) / 2, _beside(-amplitude * m[..., 0], 1) / 2


class Solution(NamedTuple):
    """g at the nodes, E, g of each hole, and products with the matrix."""

    stream: np.ndarray
    energy: float
    hole_currents: np.ndarray
    steps: int = 0


def _beside(cells, axis):
    """Sum over both cells beside every link across the axis."""
    padded = np.pad(cells, [(1, 1) if i == axis else (0, 0) for i in (0, 1)])
    return np.delete(padded, 0, axis) + np.delete(padded, -1, axis)


# --- inductances


def box_kernel(nx: int, ny: int) -> np.ndarray:
    """`kappa(i, j)` for 0 <= i < nx, 0 <= j < ny."""
    at, weight = _gauss(4)
    offsets, shares = np.concatenate([at - 1, at]), np.concatenate([weight * at, weight * (1 - at)])
    i, j = np.arange(nx, dtype=float)[:, None], np.arange(ny, dtype=float)
    kappa = np.zeros((nx, ny))
    for s, share_s in zip(offsets, shares, strict=True):
        for t, share_t in zip(offsets, shares, strict=True):
            kappa += share_s * share_t / np.sqrt((i + s) ** 2 + (j + t) ** 2)
    for a, b in np.ndindex(min(NEAR, nx), min(NEAR, ny)):
        kappa[a, b] = sum(_panel(a, b, x, y) for x in (a - 1, a) for y in (b - 1, b))
    return kappa


def _panel(i, j, x, y):
    """Integral of `(1 - |s - i|) (1 - |t - j|) / |(s, t)|` over the unit square at (x, y)."""
    at, weight = _gauss(20)
    s, t = np.meshgrid(at, at, indexing="ij")
    both = weight[:, None] * weight
    tents = lambda u, v: (1 - np.abs(u - i)) * (1 - np.abs(v - j))
    if x not in (-1, 0) or y not in (-1, 0):
        u, v = x + s, y + t
        return np.sum(both * tents(u, v) / np.hypot(u, v))
    side_x, side_y = 2 * x + 1, 2 * y + 1  # the corner at the origin: u = s, v = s t, and the other half
    halves = tents(side_x * s, side_y * s * t) + tents(side_x * s * t, side_y * s)
    return np.sum(both * halves / np.sqrt(1 + t**2))


@functools.cache
def _gauss(count):
    at, weight = np.polynomial.legendre.leggauss(count)
    return (at + 1) / 2, weight / 2


@functools.lru_cache(maxsize=2)
def loop_symbol(nx: int, ny: int) -> np.ndarray:
    """Half spectrum of the mutual inductances of elementary loops over h / 4 pi, padded for nx x ny of them."""
    kappa = box_kernel(nx + 1, ny + 1)
    i, j = np.arange(nx)[:, None], np.arange(ny)
    loops = 4 * kappa[:-1, :-1] - kappa[i + 1, j] - kappa[np.abs(i - 1), j] - kappa[i, j + 1] - kappa[i, np.abs(j - 1)]
    apart = []
    for count in (nx, ny):
        size = _padded(count)
        apart.append(np.minimum(np.arange(size), size - np.arange(size)))
    inside = (apart[0] < nx)[:, None] & (apart[1] < ny)
    wrapped = np.where(inside, loops[np.minimum(apart[0], nx - 1)[:, None], np.minimum(apart[1], ny - 1)], 0.0)
    return fft.rfft2(wrapped, workers=WORKERS).real


def _padded(count):
    return fft.next_fast_len(2 * count - 1, real=True)


# --- dense


def solve_dense(
    film: Film,
    field: float | np.ndarray = 0.0,
    moments: np.ndarray | None = None,
    fluxoids: np.ndarray | None = None,
    boundary: np.ndarray | None = None,
) -> Solution:
    """By Cholesky's method, with the inductances of links; `boundary` is g outside, as `ramps` has it."""
    nodes = film.free.size
    given = np.zeros(nodes) if boundary is None else boundary.ravel()
    matrix, linear = np.zeros((nodes, nodes)), np.full(film.free.shape, film.spacing**2) * field
    linear = linear.ravel()
    for axis, (weights, potential) in enumerate(zip(film.weights, film.potential(moments), strict=True)):
        touching = _beside(film.mask.astype(int), axis) > 0
        difference = _differences(film.free.shape, axis)[touching.ravel()]
        place = np.argwhere(touching)
        apart = np.abs(place[:, None] - place)
        kappa = box_kernel(*touching.shape)[apart[..., 0], apart[..., 1]]
        stiffness = np.diag(weights[touching]) + film.spacing / (4 * np.pi) * kappa
        matrix += difference.T @ stiffness @ difference
        linear += film.spacing * difference.T @ potential[touching]
    expand = np.concatenate([np.eye(nodes)[film.free.ravel()], _hole_rows(film)]).T
    flux = np.zeros(expand.shape[1])
    if fluxoids is not None:
        flux[-film.holes :] = fluxoids
    drive = expand.T @ (matrix @ given + linear) - flux
    unknown = linalg.cho_solve(linalg.cho_factor(expand.T @ matrix @ expand), -drive)
    g = given + expand @ unknown
    energy = flux @ unknown - linear @ g - g @ matrix @ g / 2
    return Solution(g.reshape(film.free.shape), energy, unknown[unknown.size - film.holes :])


def _differences(shape, axis):
    """h K_x = g(i, j + 1) - g(i, j), or h K_y = g(i, j) - g(i + 1, j), as a matrix from nodes to links."""
    number = np.arange(shape[0] * shape[1]).reshape(shape)
    start, end = (number[:, :-1], number[:, 1:]) if axis == 0 else (number[1:], number[:-1])
    found = np.zeros((start.size, number.size))
    row = np.arange(start.size)
    found[row, start.ravel()], found[row, end.ravel()] = -1.0, 1.0
    return found


def _hole_rows(film):
    return (
        np.stack([film.hole_of.ravel() == k for k in range(film.holes)])
        if film.holes
        else np.zeros((0, film.free.size))
    )


def ramps(film: Film, terminals: list[tuple[tuple[float, float, float, float], float]]) -> np.ndarray:
    """g on the outer outline where currents enter evenly: each a box (x0, x1, y0, y1) and the current into the film.

    `K . n = dg/ds` along an outline that has the film on its left; the mean over the nodes of an outline is zero.
    """
    nx, ny = film.mask.shape
    outside = np.pad(film.cells, 1, constant_values=1) == 1
    faces = []
    for i, j in np.argwhere(film.mask):
        corners = ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1))
        beyond = ((i, j - 1), (i + 1, j), (i, j + 1), (i - 1, j))
        for side, (k, l) in enumerate(beyond):
            if outside[k + 1, l + 1]:
                faces.append((corners[side], corners[(side + 1) % 4]))
    start, end = np.moveaxis(np.array(faces), 1, 0)
    middle = film.spacing * (start + end) / 2
    entering, slack = np.zeros(len(faces)), 1e-6 * film.spacing
    for (x0, x1, y0, y1), current in terminals:
        lower, upper = np.array([x0, y0]) - slack, np.array([x1, y1]) + slack
        inside = ((middle >= lower) & (middle <= upper)).all(axis=1)
        entering[inside] += current / inside.sum()
    flat = lambda node: node @ np.array([ny + 1, 1])
    nodes = np.unique(flat(start))
    climb = np.zeros((len(faces), len(nodes)))
    row = np.arange(len(faces))
    climb[row, np.searchsorted(nodes, flat(start))] = -1.0
    climb[row, np.searchsorted(nodes, flat(end))] = 1.0
    g = np.zeros((nx + 1, ny + 1))
    # of all solutions the shortest has no constant
    g.ravel()[nodes] = np.linalg.lstsq(climb, -entering, rcond=None)[0]
    return g


# --- conjugate gradients


class Operator:
    """Matrix and preconditioner on the bounding box of the nodes that move, everything that no source changes."""

    def __init__(self, film: Film):
        self.film = film
        movable = film.free | (film.hole_of >= 0)
        rows, columns = (np.flatnonzero(movable.any(axis=axis)) for axis in (1, 0))
        self.box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        self.free = film.free[self.box]
        self.shape = self.free.shape
        self.tied = [np.flatnonzero(film.hole_of[self.box] == k) for k in range(film.holes)]
        self.all_free = bool(self.free.all())
        across, along = film.weights
        self.right = np.ascontiguousarray(along[self.box])  # of the link to (i + 1, j)
        self.up = np.ascontiguousarray(across[self.box])
        left, down = np.pad(along, ((1, 0), (0, 0)))[self.box], np.pad(across, ((0, 0), (1, 0)))[self.box]
        self.centre = self.right + left + self.up + down
        self.symbol = film.spacing / (4 * np.pi) * loop_symbol(*self.shape)
        self.size = [_padded(n) for n in self.shape]
        waves = [2 - 2 * np.cos(np.pi * np.arange(1, n + 1) / (n + 1)) for n in self.shape]
        square = waves[0][:, None] + waves[1]
        mean = np.exp(np.log(np.broadcast_to(film.pearl_length, film.mask.shape)[film.mask] / 2).mean())
        self.inverse = 1 / (mean * square + film.spacing * np.sqrt(square) / 2)

    def project(self, g: np.ndarray) -> np.ndarray:
        """The mean in every hole, zero outside; in place."""
        if self.all_free:
            return g
        means = [g.flat[nodes].mean() for nodes in self.tied]
        g *= self.free
        for nodes, mean in zip(self.tied, means, strict=True):
            g.flat[nodes] = mean
        return g

    def multiply(self, g: np.ndarray) -> np.ndarray:
        """Matrix times g."""
        spectrum = fft.rfft(g, self.size[1], axis=1, workers=WORKERS)
        spectrum = fft.fft(spectrum, self.size[0], axis=0, overwrite_x=True, workers=WORKERS)
        spectrum *= self.symbol
        spectrum = fft.ifft(spectrum, axis=0, overwrite_x=True, workers=WORKERS)[: self.shape[0]]
        found = fft.irfft(spectrum, self.size[1], axis=1, workers=WORKERS)[:, : self.shape[1]]
        found += self.centre * g
        found[:-1] -= self.right[:-1] * g[1:]
        found[1:] -= self.right[:-1] * g[:-1]
        found[:, :-1] -= self.up[:, :-1] * g[:, 1:]
        found[:, 1:] -= self.up[:, :-1] * g[:, :-1]
        return self.project(found)

    def precondition(self, g: np.ndarray) -> np.ndarray:
        """`1 / (Lam k^2 + k / 2)` in sines of the box, Lam the geometric mean."""
        waves = fft.dstn(g, type=1, workers=WORKERS)
        waves *= self.inverse
        return self.project(fft.idstn(waves, type=1, overwrite_x=True, workers=WORKERS))


def solve(
    operator: Operator,
    field: float | np.ndarray = 0.0,
    moments: np.ndarray | None = None,
    fluxoids: np.ndarray | None = None,
    tolerance: float = 1e-10,
    most_steps: int = 1000,
) -> Solution:
    """Stream function to a relative residual, closed currents only.

    Raises:
        RuntimeError: it takes more steps.
    """
    film = operator.film
    linear = np.full(film.free.shape, film.spacing**2) * field
    if moments is not None:
        x, y = film.potential(moments)
        linear[:, 1:] += film.spacing * x
        linear[:, :-1] -= film.spacing * x
        linear[:-1] += film.spacing * y
        linear[1:] -= film.spacing * y
    right = -linear[operator.box]
    for nodes, flux in zip(operator.tied, () if fluxoids is None else fluxoids, strict=fluxoids is not None):
        right.ravel()[nodes] += flux / len(nodes)
    right = operator.project(right)

    g, rest = np.zeros(operator.shape), right.copy()
    enough = tolerance * np.linalg.norm(right)
    direction = operator.precondition(rest)
    product = np.vdot(rest, direction)
    steps = 0
    while np.linalg.norm(rest) > enough:
        if steps == most_steps:
            raise RuntimeError(f"not converged in {most_steps} steps")
        image = operator.multiply(direction)
        length = product / np.vdot(direction, image)
        g += length * direction
        rest -= length * image
        softened = operator.precondition(rest)
        before, product = product, np.vdot(rest, softened)
        direction *= product / before
        direction += softened
        steps += 1
    stream = np.zeros(film.free.shape)
    stream[operator.box] = g
    # F = -right.g / 2 at its minimum
    return Solution(stream, np.vdot(right, g) / 2, np.array([g.ravel()[n[0]] for n in operator.tied]), steps)


# --- fields


def magnetic_field(film: Film, stream: np.ndarray, points: np.ndarray, order: int = 20) -> np.ndarray:
    """Field of the currents at points (k, 3) off the film: Biot and Savart's sum over links, each box by quadrature."""
    x, y = np.diff(stream, axis=1), -np.diff(stream, axis=0)
    x = np.where(_beside(film.mask.astype(int), 0) > 0, x, 0.0) / film.spacing
    y = np.where(_beside(film.mask.astype(int), 1) > 0, y, 0.0) / film.spacing
    at, weight = _gauss(order)
    dx, dy = np.meshgrid(at - 0.5, at - 0.5, indexing="ij")
    shares = (weight[:, None] * weight * film.spacing**2).ravel() / (4 * np.pi)
    field = np.zeros((len(points), 3))
    for current, shift in ((x, (0.0, 0.5)), (y, (0.5, 0.0))):
        links = np.argwhere(current != 0)
        strength = current[tuple(links.T)]
        boxes = film.spacing * (links[:, None] + shift + np.stack([dx.ravel(), dy.ravel()], axis=-1))
        for k, point in enumerate(points):
            to_x, to_y = np.moveaxis(point[:2] - boxes, -1, 0)
            over = (to_x**2 + to_y**2 + point[2] ** 2) ** -1.5 * shares
            plane = strength @ over.sum(axis=1) * point[2]
            if current is x:
                field[k] += 0.0, -plane, strength @ (over * to_y).sum(axis=1)
            else:
                field[k] += plane, 0.0, -strength @ (over * to_x).sum(axis=1)
    return field
