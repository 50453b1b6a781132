"""What drives a film, as it is given: fields, moments, fluxoids, vortices and currents; what is refused of it."""

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import concrete, real_array, traced, with_shape
from .functional import Sources

CONSERVED = 1e-9  # of the largest terminal current: how far the sum may be off zero


def sources_of(film, applied_field, fluxoids, moments, vortices):
    """What `Film.solve` is given, at nodes and cells."""
    corners = tuple(n + 1 for n in film.shape)
    field = jnp.broadcast_to(applied_at_nodes(film, applied_field), corners)
    flux = jnp.zeros(corners)
    if fluxoids is not None:
        each = with_shape("fluxoids", fluxoids, (film.holes,)).astype(float)
        flux = flux.ravel().at[film.nodes.tied].set((each / film.nodes.size)[film.nodes.group]).reshape(corners)
    if vortices is not None:
        flux = flux + flux_of_vortices(film, with_shape("vortices", vortices, ("v", 3)).astype(float))
    if moments is None:
        potential = jnp.zeros((*film.shape, 2))
    else:
        m = with_shape("moments", moments, (*film.shape, 2)).astype(float)
        amplitude = jnp.where(film.mask, film.anomalous, 0.0)
        potential = amplitude[..., None] * jnp.stack([m[..., 1], -m[..., 0]], axis=-1)
    return Sources(field, potential, flux)


def applied_at_nodes(film, field):
    """Applied field as a number or one at every node."""
    corners = tuple(n + 1 for n in film.shape)
    if hasattr(field, "field"):
        points = jnp.concatenate([film.node_positions, jnp.zeros((*corners, 1))], axis=-1)
        field = field.field(points)[..., 2]
    field = real_array("applied_field", field).astype(float)
    return field if field.ndim == 0 else with_shape("applied_field", field, corners)


def flux_of_vortices(film, vortices):
    """Flux at the nodes: each vortex shared by the corners of its cell, so that its position can vary."""
    at = (vortices[:, :2] - film.origin[None]) / film.spacing
    cell = jnp.clip(jnp.floor(jax.lax.stop_gradient(at)).astype(int), 0, jnp.asarray(film.shape)[None] - 1)
    part = at - cell.astype(float)
    movable = film.nodes.free.ravel().at[film.nodes.tied].set(True).reshape(film.nodes.free.shape)
    corners = [(i, j, cell[:, 0] + i, cell[:, 1] + j) for i, j in ((0, 0), (1, 0), (0, 1), (1, 1))]
    # a corner without a share need not be movable
    unused = lambda p, upper: p == 0 if upper else p == 1
    held = [movable[k, l] | unused(part[:, 0], i) | unused(part[:, 1], j) for i, j, k, l in corners]
    outside = ((part < 0) | (part > 1)).any(axis=1) | ~jnp.stack(held).all(axis=0)
    known = concrete(outside)
    message = "vortices must lie in the film, a cell or more from its outline"
    if known is None:
        vortices = eqx.error_if(vortices, outside.any(), message)
    elif known.any():
        raise ValueError(f"{message}, got one at {np.asarray(vortices)[known][0, :2].tolist()}")
    total = jnp.zeros(film.nodes.free.shape)
    for i, j, k, l in corners:
        share = jnp.where(i, part[:, 0], 1 - part[:, 0]) * jnp.where(j, part[:, 1], 1 - part[:, 1])
        total = total.at[k, l].add(share * vortices[:, 2])
    return total


def currents_into(film, given):
    """Currents into the terminals, `(t,)`, or None in a film that has none."""
    if not film.terminals:
        if given is not None and np.size(given):
            raise ValueError("terminal_currents need a film with terminals, this one has none")
        return None
    if given is None:
        return jnp.zeros(len(film.terminals))
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in film.terminals]
        if unknown:
            raise ValueError(f"terminal_currents must be of {', '.join(film.terminals)}, got {unknown[0]!r}")
        values = [with_shape(f"terminal_currents[{n!r}]", given.get(n, 0.0), ()) for n in film.terminals]
        currents = jnp.stack([value.astype(float) for value in values])
    else:
        currents = with_shape("terminal_currents", given, (len(film.terminals),)).astype(float)
    where = np.array(film.outlines)
    sums = jnp.stack([jnp.sum(jnp.where(where == number, currents, 0.0)) for number in sorted(set(film.outlines))])
    wrong = jnp.max(jnp.abs(sums)) > CONSERVED * jnp.max(jnp.abs(currents))
    message = "terminal_currents must add up to zero on every piece of film"
    if traced(wrong):
        return eqx.error_if(currents, wrong, message)
    if wrong:
        raise ValueError(f"{message}, got {np.asarray(currents).tolist()}")
    return currents
