"""Films that the tests of finite films share."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np

import scmag_jax as sm

DATA = json.loads((Path(__file__).parent / "data" / "reference_film.json").read_text())
MU0 = 4e-7 * np.pi  # as in the recorded SI numbers
TESLA = 0.795774715459477e3  # 1 mT over mu0 in A/m
MILLITESLA = MU0 * 1e3  # of 1 A/m
FLUX_QUANTUM = 2.067833848e-15 / (MU0 * 1e-12)  # in uA um, mu0 = 1
CELLS = np.ones((8, 8), bool)


def square(n, stiffness, **more):
    return sm.Film(np.ones((n, n), bool), 1 / n, 2 * stiffness, **more)


def holed(n, seed=0, **more):
    """A square with a hole, a notch and a random Pearl length."""
    mask = np.ones((n, n), bool)
    mask[n // 4 : n // 2, n // 3 : n // 2] = False
    mask[-3:, -4:] = False
    pearl_length = np.random.default_rng(seed).uniform(0.05, 0.5, (n, n))
    return sm.Film(mask, 1 / n, pearl_length, **more)


def random_moments(shape, seed=1):
    return jnp.asarray(np.random.default_rng(seed).uniform(-0.7, 0.7, (*shape, 2)))


def strip(n, stiffness, length=16, lead="open", profile=None):
    """A strip of half width 1, current along x, n cells across."""
    h = 2 / n
    ends = {"in": (-h / 4, h / 4), "out": (length - h / 4, length + h / 4)}
    terminals = {
        name: sm.Terminal([(a, -1), (b, -1), (b, 3), (a, 3)], lead=lead, profile=profile)
        for name, (a, b) in ends.items()
    }
    return sm.Film(np.ones((n * length // 2, n), bool), h, 2 * stiffness, terminals=terminals)


def round_film(n, stiffness, radius=1.0, inner=None):
    """A disk or a ring with cut links, n cells across, its centre at the origin and at a node."""
    h, cells = 2 * radius / n, n + 4
    r = np.hypot(*np.meshgrid(*2 * [(np.arange(cells + 1) - cells / 2) * h], indexing="ij"))
    distance = r - radius if inner is None else np.maximum(r - radius, inner - r)
    return sm.Film(None, h, 2 * stiffness, outline=distance, origin=(-cells * h / 2, -cells * h / 2))


def on_axis(cells):
    """Mean of the four cells around the middle."""
    i, j = (n // 2 for n in cells.shape)
    return float(jnp.mean(cells[i - 1 : i + 1, j - 1 : j + 1]))


def slope(f, x, direction, step):
    """Fourth-order central difference along a direction."""
    value = lambda s: float(f(x + s * direction))
    return (8 * (value(step) - value(-step)) - value(2 * step) + value(-2 * step)) / (12 * step)
