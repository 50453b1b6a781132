"""Terminals: parts of an outer outline through which a given current enters a film, and the leads behind them."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .topology import outer_faces

LEADS = ("open", "straight")


class Terminal(eqx.Module):
    """Where current enters a film, or leaves it.

    The stream function climbs along the terminal as the current does. Where the current comes from is a question of its
    own, which the field of the film answers to: the leads of an experiment make a good part of its flux image.

    Args:
        region: polygon `(k, 2)` in the film's coordinates: the faces of the outline whose middle is inside or on it
            belong to the terminal. At a corner let it end less than half a cell behind the face.
        profile: current density along the terminal, counterclockwise around the film, as samples at equal distances;
            None is uniform.
        lead: "straight": a strip of the terminal's width and profile that comes from infinity at right angles to it.
            "open": the current comes from nowhere, as if along a wire far above. None stands for "open", and is refused
            at the rim of the grid, where it would cut a lead that is drawn.

    Raises:
        ValueError: a region that is no polygon, samples whose sum is not positive, an unknown lead.

    Example:
        >>> Terminal([(-1, 0), (1, 0), (1, 5), (-1, 5)], lead="straight").lead
        'straight'
    """

    region: Float[np.ndarray, "k 2"]
    profile: Float[np.ndarray, "s"] | None
    lead: str | None = eqx.field(static=True)

    def __init__(self, region: Any, *, profile: Any = None, lead: str | None = None):
        polygon = np.asarray(region, dtype=float)
        if polygon.ndim != 2 or polygon.shape[1] != 2 or len(polygon) < 3 or not np.isfinite(polygon).all():
            raise ValueError(f"region must be a polygon of shape (k, 2), k at least 3, got shape {polygon.shape}")
        if lead not in (None, *LEADS):
            raise ValueError(f'lead must be "open" or "straight", got {lead!r}')
        if profile is not None:
            profile = np.asarray(profile, dtype=float)
            if profile.ndim != 1 or not np.isfinite(profile).all() or not profile.sum() > 0:
                raise ValueError("profile must be samples (k,) whose sum is positive")
        self.region, self.profile, self.lead = polygon, profile, lead


class Ramps(NamedTuple):
    """What currents into the terminals do along the outlines.

    Attributes:
        nodes: flat indices of the nodes of the outlines, `(k,)`.
        per_current: stream function there per current into each terminal, `(k, t)`.
        corners: ends of runs of equal current density of the straight leads, in the film's coordinates, `(e, 2)`.
        outward: direction of the lead of each, `(e, 2)`.
        step: what the current density per current of the terminals rises by there, counterclockwise, `(e, t)`.
    """

    nodes: Array
    per_current: Float[Array, "k t"]
    corners: Float[Array, "e 2"]
    outward: Float[Array, "e 2"]
    step: Float[Array, "e t"]


def ramps_of(
    mask: np.ndarray, terminals: dict[str, Terminal], spacing: float, origin: np.ndarray
) -> tuple[Ramps, tuple[int, ...]]:
    """Ramps of named terminals, and the outline that each of them is on.

    Raises:
        ValueError: a terminal that no face of an outer outline belongs to, that is in pieces, shares faces with
            another, or is cut open at the rim of the grid without a word on its lead.
    """
    faces = outer_faces(mask)
    middle = origin + spacing * (faces.start + faces.end) / 2
    fractions = np.zeros((len(middle), len(terminals)))
    outlines, corners, outward, steps = [], [], [], []
    for index, (name, terminal) in enumerate(terminals.items()):
        mine = _inside(terminal.region, middle, 1e-6 * spacing)
        if not mine.any():
            raise ValueError(f"terminal {name!r} must contain a piece of an outer outline of the film, got none")
        walk = np.unique(faces.outline[mine])
        members = np.flatnonzero(faces.outline == walk[0])
        run = _run(mine[members])
        if len(walk) > 1 or run is None:
            raise ValueError(f"terminal {name!r} must be one piece of one outline, got several; split it")
        run = members[run]
        if (fractions[run] != 0).any():
            raise ValueError(f"terminal {name!r} shares a piece of the outline with another")
        fractions[run, index] = _shares(terminal.profile, len(run))
        outlines.append(int(walk[0]))
        at_rim = ((faces.start[run] + faces.end[run]) % (2 * np.array(mask.shape)) == 0).any()
        if at_rim and terminal.lead is None:
            raise ValueError(
                f'terminal {name!r} cuts a lead open at the rim of the grid: give it lead="straight" to go on, or '
                'lead="open" if that is meant'
            )
        if terminal.lead == "straight":
            directions = faces.outward()[run]
            if (directions != directions[0]).any():
                raise ValueError(f"terminal {name!r} must be a straight piece of the outline for a straight lead")
            density = np.concatenate([[0.0], fractions[run, index], [0.0]]) / spacing
            ends = np.concatenate([faces.start[run], faces.end[run[-1:]]])
            rises = np.diff(density)
            for k in np.flatnonzero(np.abs(rises) > 1e-12 * density.max()):
                # the boxes of the last links reach half a cell beyond the outline
                corners.append(origin + spacing * (ends[k] + directions[0] / 2))
                outward.append(directions[0])
                steps.append(np.eye(len(terminals))[index] * rises[k])
    _refuse_touching(faces, outlines, mask.shape)
    nodes, per_current = _along_outlines(faces, fractions, mask.shape)
    count = len(terminals)
    arrays = (
        nodes,
        per_current,
        np.reshape(corners, (-1, 2)).astype(float),
        np.reshape(outward, (-1, 2)).astype(float),
        np.reshape(steps, (-1, count)),
    )
    return Ramps(*map(jnp.asarray, arrays)), tuple(outlines)


def lead_field(
    ramps: Ramps, currents: Float[Array, "t"], points: Float[Array, "n 2"], height: Float[Array, ""]
) -> Float[Array, "n 3"]:
    r"""Field of the straight leads, half-infinite strips of current towards the film, mu0 = 1.

        Bz = -(K / 4 pi) [ln(R - X)],    B_t = (K / 4 pi) [atan(Y / z) + atan(X Y / (z R))]

    between the sides of a strip, with X along the lead outwards and Y across it from a side, counterclockwise around
    the film (the integral of Biot and Savart's law along half-lines and across the strip).
    """
    jumps = ramps.step @ currents / (4 * jnp.pi)

    def add(total, edge):
        corner, outward, jump = edge
        across = jnp.stack([-outward[1], outward[0]])
        away = points - corner[None]
        x, y = away @ outward, away @ across
        square = x**2 + y**2 + height**2
        r = jnp.sqrt(jnp.where(square > 0, square, 1e-300))
        # r - x cancels where x > 0
        behind = jnp.where(x > 0, (y**2 + height**2) / jnp.where(x > 0, r + x, 1.0), r - x)
        bz = -jnp.log(jnp.where(behind > 0, behind, 1.0))
        sign = jnp.where(height < 0, -1.0, 1.0)
        # on a side of the strip, in its plane, angles are those of the middle, zero; and have a derivative
        level = (height == 0) & (y == 0)
        z, side = jnp.where(level, 1.0, jnp.abs(height)), jnp.where(level, 0.0, y)
        bt = jnp.arctan2(side, z) + jnp.arctan2(x * side, z * r)
        return total + jump * jnp.concatenate([sign * bt[:, None] * across[None], bz[:, None]], axis=1), None

    start = jnp.zeros((len(points), 3), points.dtype)
    return jax.lax.scan(add, start, (ramps.corners, ramps.outward, jumps))[0]


def _inside(polygon, points, tolerance):
    """Points inside a polygon or on its sides."""
    start, end = polygon, np.roll(polygon, -1, axis=0)
    odd, near = np.zeros(len(points), bool), np.zeros(len(points), bool)
    x, y = points.T
    for (ax, ay), (bx, by) in zip(start, end, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            crosses = ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
        odd ^= crosses
        length = (bx - ax) ** 2 + (by - ay) ** 2
        part = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / (length or 1.0), 0, 1)
        near |= np.hypot(x - ax - part * (bx - ax), y - ay - part * (by - ay)) <= tolerance
    return odd | near


def _run(mine):
    """Indices of the one run of True in a closed walk, in order; None if there are several."""
    starts = np.flatnonzero(mine & ~np.roll(mine, 1))
    if len(starts) == 0:  # the whole outline
        return np.arange(len(mine))
    if len(starts) > 1:
        return None
    return (starts[0] + np.arange(mine.sum())) % len(mine)


def _shares(profile, count):
    """What of the current enters through each face: integrals of the samples' interpolation."""
    if profile is None or len(profile) == 1:
        return np.full(count, 1 / count)
    samples, ends = np.linspace(0, 1, len(profile)), np.linspace(0, 1, count + 1)
    at = np.union1d(samples, ends)
    density = np.interp(at, samples, profile)
    total = np.concatenate([[0.0], np.cumsum(np.diff(at) * (density[1:] + density[:-1]) / 2)])
    return np.diff(np.interp(ends, at, total)) / total[-1]


def _refuse_touching(faces, outlines, shape):
    """Where corners touch, one node would have to have the stream function of two outlines."""
    index = faces.start @ np.array([shape[1] + 1, 1])
    twice = np.bincount(index, minlength=(shape[0] + 1) * (shape[1] + 1))[index] > 1
    wrong = twice & np.isin(faces.outline, outlines)
    if wrong.any():
        where = faces.start[wrong][0].tolist()
        raise ValueError(f"mask must not touch itself by a corner where there are terminals, got node {where}")


def _along_outlines(faces, fractions, shape):
    """Nodes of the outlines and the stream function there, of average zero on each: `K . n = dg/ds`, n outwards."""
    nodes, climbs = [], []
    for number in range(faces.outline.max() + 1):
        members = faces.outline == number
        if not fractions[members].any():
            continue
        climb = -np.concatenate([np.zeros((1, fractions.shape[1])), np.cumsum(fractions[members], axis=0)[:-1]])
        nodes.append(faces.start[members] @ np.array([shape[1] + 1, 1]))
        climbs.append(climb - climb.mean(axis=0))
    return np.concatenate(nodes), np.concatenate(climbs)
