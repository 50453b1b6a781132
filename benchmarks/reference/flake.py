"""Moments of a flake under dry friction, and loops of free moments and impurities, by plain NumPy and SciPy.

Written apart from the package. Conventions: those of `film` beside it; lengths in um, currents in uA, fields in A/m.
Blocks of moments m, |m| <= radius, drive the anomalous potential `a = scale gamma (m_y, -m_x)` and feel

    b = gamma z x K + lorentz kap gamma^2 m + exchange sum_j (m_j - m_i) - anisotropy m_x x,    kap = scale / Lam

over cells where gamma > 0: `-dE/dm` over `scale h^2`, E the energy of film and moments. They move where |b| > pinning.
Two rules say how far. `flow` is the viscous motion `dm/dt = (|b| - pinning)_+ b / |b|`, b less its outward part where
|m| = radius, in explicit steps until all rest. `increment` goes to the minimum of `E + sum pinning |m - m_old|` by
proximal gradients of fixed step. The matrix of the stream function is dense and factorised once.
"""

from typing import NamedTuple

import numpy as np
from scipy import linalg, optimize, sparse
from scipy.sparse.linalg import LinearOperator, eigsh

from benchmarks.reference import film as thin

ON_SPHERE = 1e-12  # of the radius
BISECTIONS = 60
MILLIGAUSS = 4 * np.pi  # of a field of mu0 A/m


class Rest(NamedTuple):
    """Moments at rest, and how often the field was evaluated."""

    moments: np.ndarray
    evaluations: int


class Flake:
    """A film with moments and two leads on its upper side, and all that no drive changes.

    Args:
        mask: cells with film, (nx, ny); the leads end at the upper rim of the grid.
        spacing: h.
        pearl_length: 2 Lam of the cells.
        gamma: rim profile of the cells, 0 where there are no moments.
        pinning: threshold of the cells.
        leads: spans (from, to) of the leads along x; the bias enters through the first.
        scale: Gamma = K_a Lam_ref.
        lorentz: weight of the local term.
        stiffness: of exchange, A/m um^2.
        anisotropy: A/m.
        straight: whether the leads go on beyond the grid, as half-infinite strips.
    """

    def __init__(
        self, mask, spacing, pearl_length, gamma, pinning, leads, scale, lorentz, stiffness, anisotropy, straight=False
    ):
        self.film = thin.Film(mask, spacing, pearl_length, scale * gamma)
        self.gamma, self.pinning, self.active = gamma, pinning, gamma > 0
        self.scale, self.exchange, self.anisotropy = scale, stiffness / spacing**2, anisotropy
        self.local = lorentz * scale / (np.asarray(pearl_length) / 2) * gamma**2
        free = self.film.free
        top = spacing * mask.shape[1]
        boxes = [((a, b, top, top), sign) for (a, b), sign in zip(leads, (1.0, -1.0), strict=True)]
        self.ramp = thin.ramps(self.film, boxes)
        self.area = np.full(free.shape, spacing**2)
        self.of_leads = np.zeros(free.shape)
        if straight:
            x, y = (spacing * np.arange(n) for n in free.shape)
            for (a, b), sign in zip(leads, (1.0, -1.0), strict=True):
                self.of_leads += sign * _strip(x, y, a, b, top + spacing / 2)
        # links that touch film; h K = differences @ g
        self.links = [thin._beside(mask.astype(int), axis) > 0 for axis in (0, 1)]
        self.differences = [_differences(free.shape, axis)[on.ravel()] for axis, on in enumerate(self.links)]
        self.free = np.flatnonzero(free)
        matrix = np.zeros((self.free.size, self.free.size))
        self.by_ramp, self.of_ramp = np.zeros(self.free.size), 0.0
        for on, weights, difference in zip(self.links, self.film.weights, self.differences, strict=True):
            stiffness_of_links = _inductance(on, spacing)
            stiffness_of_links[np.diag_indices_from(stiffness_of_links)] += weights[on]
            inner, given = difference[:, self.free], difference @ self.ramp.ravel()
            matrix += inner.T @ (inner.T @ stiffness_of_links).T
            self.by_ramp += inner.T @ (stiffness_of_links @ given)
            self.of_ramp += given @ stiffness_of_links @ given / 2
        self.factor = linalg.cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
        self.largest_curvature = self._largest_curvature()

    @classmethod
    def like(cls, flake, leads=((10.0, 20.0), (80.0, 90.0)), straight=False):
        """With the maps and numbers of the package's flake: the same sample of disorder."""
        film, scale = flake.film, float(flake.scale)
        mask = np.asarray(film.mask)
        gamma = np.where(mask, np.asarray(film.anomalous) / scale, 0.0)
        numbers = (float(value) for value in (flake.lorentz, flake.stiffness, flake.anisotropy))
        maps = np.asarray(film.pearl_length), gamma, np.asarray(flake.pinning)
        return cls(mask, float(film.spacing), *maps, leads, scale, *numbers, straight)

    # --- film

    def stream(self, moments, bias, applied=0.0):
        """g at the nodes, of the bias and of an applied field in A/m."""
        return self._solve(moments, bias, applied)[0]

    def _solve(self, moments, bias, applied):
        given = bias * self.ramp
        linear = (self.area * (applied + bias * self.of_leads)).ravel()
        for on, difference, a in zip(self.links, self.differences, self.film.potential(moments), strict=True):
            linear += self.film.spacing * (difference.T @ a[on])
        right = bias * self.by_ramp + linear[self.free]
        unknown = -linalg.cho_solve(self.factor, right, check_finite=False)
        g = given.copy()
        g.ravel()[self.free] = unknown
        energy = -(unknown @ right / 2 + bias**2 * self.of_ramp + linear @ given.ravel())
        return g, energy

    def currents(self, stream):
        """K_x on links along y and K_y on links along x."""
        x, y = np.diff(stream, axis=1), -np.diff(stream, axis=0)
        return tuple(np.where(on, k, 0.0) / self.film.spacing for on, k in zip(self.links, (x, y), strict=True))

    def edge_current(self, stream, x):
        """K_x next to the lower edge at the link nearest to x, A/m."""
        return self.currents(stream)[0][round(x / self.film.spacing), 0]

    def flux(self, stream, point):
        """B_z of the currents in the grid at a point (x, y, z), mG."""
        return MILLIGAUSS * thin.magnetic_field(self.film, stream, np.array([point], float))[0, 2]

    # --- moments

    def field(self, moments, bias, applied=0.0):
        """b of every cell, (nx, ny, 2)."""
        x, y = self.currents(self.stream(moments, bias, applied))
        b = self.local[..., None] * moments
        b[..., 0] -= self.gamma * (y[:, 1:] + y[:, :-1]) / 2 + self.anisotropy * self.active * moments[..., 0]
        b[..., 1] += self.gamma * (x[1:] + x[:-1]) / 2
        for axis, step in self._steps(moments):
            low, high = _ends(axis)
            b[low] += self.exchange * step
            b[high] -= self.exchange * step
        return b

    def energy(self, moments, bias, applied=0.0):
        """Energy of film and moments over `scale h^2`."""
        currents = self._solve(moments, bias, applied)[1] / (self.scale * self.film.spacing**2)
        local = np.sum(self.local * np.sum(moments**2, axis=-1))
        hard = self.anisotropy * np.sum(moments[self.active, 0] ** 2)
        squares = sum(np.sum(step**2) for _, step in self._steps(moments))
        return currents + (hard + self.exchange * squares - local) / 2

    def incremental_energy(self, moments, before, bias):
        """With the work against friction on straight ways from where the moments were."""
        return self.energy(moments, bias) + np.sum(self.pinning * _length(moments - before))

    def _steps(self, moments):
        """From cell to cell along each axis, where both have moments."""
        for axis in (0, 1):
            low, high = _ends(axis)
            yield axis, (self.active[low] & self.active[high])[..., None] * (moments[high] - moments[low])

    def _largest_curvature(self):
        shape = (*self.gamma.shape, 2)
        bend = LinearOperator((self.gamma.size * 2,) * 2, matvec=lambda m: -self.field(m.reshape(shape), 0.0).ravel())
        start = np.random.default_rng(0).normal(size=self.gamma.size * 2)
        return float(eigsh(bend, 1, which="LA", tol=1e-4, v0=start, return_eigenvectors=False)[0])

    # --- motion

    def advance(self, moments, bias, step, radius=1.0, applied=0.0):
        """One explicit step of the viscous flow, and the fastest moment over the largest field before it."""
        b = self.field(moments, bias, applied)
        largest = _length(b).max()
        square = np.maximum(np.sum(moments**2, axis=-1), 1e-300)
        outward = np.where(np.sqrt(square) >= radius * (1 - ON_SPHERE), np.sum(b * moments, axis=-1) / square, 0.0)
        b -= np.maximum(outward, 0.0)[..., None] * moments
        size = _length(b)
        speed = np.maximum(size - self.pinning, 0.0)
        found = _cut(moments + step * (speed / np.where(size > 0, size, 1.0))[..., None] * b, radius)
        return found, speed.max() / (largest or 1.0)

    def flow(self, moments, bias, step=None, tolerance=1e-6, most=1_000_000):
        """Viscous flow until no speed is above the tolerance times the largest field; steps below 2 / curvature.

        Raises:
            RuntimeError: it takes more steps.
        """
        step = 1 / self.largest_curvature if step is None else step
        for evaluations in range(1, most + 1):
            later, speed = self.advance(moments, bias, step)
            if speed <= tolerance:
                return Rest(moments, evaluations)
            moments = later
        raise RuntimeError(f"not at rest after {most} steps")

    def increment(self, moments, bias, tolerance=1e-6, most=1_000_000):
        """Minimum of energy and friction downhill from the moments, by proximal gradients of step 1 / curvature.

        Raises:
            RuntimeError: it takes more steps.
        """
        before, step = moments, 1 / self.largest_curvature
        for evaluations in range(1, most + 1):
            b = self.field(moments, bias)
            later = _nearest(moments + step * b, before, step, self.pinning, 1.0)
            # the step over its length is what is left of the force
            if _length(later - moments).max() / step <= tolerance * _length(b).max():
                return Rest(moments, evaluations)
            moments = later
        raise RuntimeError(f"not at rest after {most} steps")


def _nearest(centre, before, step, pinning, radius):
    """Minimum of `pinning |m - before| + |m - centre|^2 / (2 step)` with |m| <= radius, for every moment by itself.

    The multiplier s of the ball makes it a step of `step / (1 + s step)` from `before`; its length falls with s.
    """

    found = _shifted(centre, before, step, pinning, 0.0)
    beyond = _length(found) > radius
    if beyond.any():
        given = centre[beyond], before[beyond], step, pinning[beyond]
        low, high = np.zeros(beyond.sum()), (_length(given[0]) / step + given[3]) / radius
        for _ in range(BISECTIONS):
            middle = (low + high) / 2
            outside = _length(_shifted(*given, middle)) > radius
            low, high = np.where(outside, middle, low), np.where(outside, high, middle)
        found[beyond] = _cut(_shifted(*given, high), radius)
    return found


def _shifted(centre, before, step, pinning, s):
    push = (centre - before) / step - np.asarray(s)[..., None] * before
    size = _length(push)
    way = np.maximum(size - pinning, 0.0) / np.where(size > 0, size, 1.0) / (1 / step + s)
    return before + way[..., None] * push


def _inductance(on, spacing):
    """Of boxes around links, `h^3 kappa / 4 pi` for currents `h K` = 1."""
    place = np.argwhere(on).astype(np.int32)
    kappa = spacing / (4 * np.pi) * thin.box_kernel(*on.shape)
    return kappa[np.abs(place[:, None, 0] - place[None, :, 0]), np.abs(place[:, None, 1] - place[None, :, 1])]


def _differences(shape, axis):
    """h K_x = g(i, j + 1) - g(i, j), or h K_y = g(i, j) - g(i + 1, j), from nodes to links."""
    number = np.arange(shape[0] * shape[1]).reshape(shape)
    start, end = (number[:, :-1], number[:, 1:]) if axis == 0 else (number[1:], number[:-1])
    row, one = np.arange(start.size), np.ones(start.size)
    place = (np.concatenate([row, row]), np.concatenate([start.ravel(), end.ravel()]))
    return sparse.csr_array((np.concatenate([-one, one]), place), shape=(start.size, number.size))


def _strip(x, y, start, end, top, count=60):
    """B_z in the plane of unit current that comes down a strip between two x from y = infinity and ends at `top`."""
    at, weight = thin._gauss(count)
    found = np.zeros((len(x), len(y)))
    for share, wire in zip(weight, start + (end - start) * at, strict=True):
        across, ahead = (x - wire)[:, None], (top - y)[None]
        # of a half-line: 1 - cos(angle), over the distance from it
        found += share * across / (4 * np.pi * np.hypot(across, ahead) * (np.hypot(across, ahead) + ahead))
    return found


def _ends(axis):
    before = (slice(None),) * axis
    return (*before, slice(None, -1)), (*before, slice(1, None))


def _cut(moments, radius):
    size = _length(moments)
    return np.where((size > radius)[..., None], moments * (radius / np.where(size > 0, size, 1.0))[..., None], moments)


def _length(vectors):
    return np.sqrt(np.sum(vectors**2, axis=-1))


# --- free moments, impurities


def heun(moments, field, damping, temperature, step, count, random, llg=True):
    """Steps of stochastic Heun, scaled to unit length: LLG of three components, gyromagnetic ratio 1, or overdamped.

    Its noise is a field in the sense of Stratonovich, of variance `2 T damping / step` a component, for LLG and for
    overdamped moments, `dm/dt = (h - (h.m) m) / damping`.
    """
    spread = np.sqrt(2 * temperature * damping / step)

    def slope(m, h):
        if llg:
            turn = np.cross(m, h)
            return -(turn + damping * np.cross(m, turn)) / (1 + damping**2)
        return (h - np.sum(h * m, axis=-1, keepdims=True) * m) / damping

    for _ in range(count):
        h = field + spread * random.standard_normal(moments.shape)
        first = slope(moments, h)
        second = slope(moments + step * first, h)
        moments = moments + step / 2 * (first + second)
        moments /= _length(moments)[..., None]
    return moments


def impurity_loop(matrix, moments, fields, tolerance=1e-6):
    """Unit vectors in the plane, from minimum to minimum in fields (t, 2): L-BFGS over angles.

    The matrix is ordered (all x, all y).
    """
    angle = np.arctan2(moments[:, 1], moments[:, 0])
    found, evaluations = [], 0

    def energy_and_slope(angle, field):
        m = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        h = field - (matrix @ m.T.ravel()).reshape(2, -1).T
        energy = -np.sum(m * (h + field)) / 2
        return energy, m[:, 1] * h[:, 0] - m[:, 0] * h[:, 1]

    for field in fields:
        scale = np.abs(energy_and_slope(angle, field)[1]).max()
        options = {"gtol": tolerance * max(scale, np.abs(field).max()), "ftol": 0.0, "maxiter": 20_000, "maxcor": 20}
        end = optimize.minimize(energy_and_slope, angle, (field,), method="L-BFGS-B", jac=True, options=options)
        angle, evaluations = end.x, evaluations + end.nfev
        found.append(np.stack([np.cos(angle), np.sin(angle)], axis=-1))
    return np.stack(found), evaluations
