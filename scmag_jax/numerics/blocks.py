r"""Log-determinants of `1 - A / w`, A the antisymmetric matrix of a periodic lattice: products only, no pivoting.

The lattice has L slices of s sites with m components each; A couples neighbouring sites. Every second slice is
eliminated, again and again (cyclic block reduction), so that `log2 L` rounds of batched products remain:

    E = M_jj^-1,    M_ik -> M_ik - M_ij E M_jk,    ln det M = sum_j ln det M_jj + ln det M'

No pivots are sought: the symmetric part of `w - A` is `w > 0`, hence that of every Schur complement is positive, and
all of them are invertible (`inverse`).
Couplings of neighbouring slices join single sites, so that the first round, half of all slices, costs one inversion.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

from .inverse import inverse, inverse_by_halves, moved_inverse

TOGETHER = 2**18  # entries of slices that are worked on at once: several poles at a time where blocks are small


class Couplings(NamedTuple):
    """Antisymmetric matrix A of a periodic lattice of L slices of s sites, m components each; leading axes are batches.

    `A[i, i] = site`, `A[i, j] = bond` and `A[j, i] = -bond^T` for the next site j along or across. Sides of one and
    two sites are allowed: their bonds add up. An open side has zeros on its last bond.

    Attributes:
        site: of a site with itself, antisymmetric, shape `(..., L, s, m, m)`.
        along: of site (i, y) with (i + 1, y), same shape.
        across: of site (i, y) with (i, y + 1), same shape.
    """

    site: Inexact[Array, "*k L s m m"]
    along: Inexact[Array, "*k L s m m"]
    across: Inexact[Array, "*k L s m m"]


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def log_determinants(
    couplings: Couplings, w: Inexact[Array, "j"], r: Inexact[Array, "j"], refined: bool = False
) -> Inexact[Array, "*k"]:
    """`sum_j r_j ln det(1 - A / w_j)`, for every matrix of a batch.

    Logarithms of pivots are taken of their ratios to w: where w is large its own would be all but cancelled, at the
    cost of digits.

    A derivative is worked out pole by pole together with the value and kept as a sum, not stored: memory is that of a
    few poles, some 30 times the slices of one. Second derivatives, forward or reverse, work each pole out again.

    Args:
        couplings: A; real, or complex (then w and r too) for w off the real axis.
        w: with a positive real part.
        r: weights.
        refined: with one step of iterative refinement of every inverse, for w below some 1e-3 of the largest |A|.

    Example:
        >>> site = jnp.broadcast_to(jnp.array([[0.0, 2.0], [-2.0, 0.0]]), (3, 1, 2, 2))  # three sites by themselves
        >>> A = Couplings(site, 0 * site, 0 * site)
        >>> print(jnp.exp(log_determinants(A, jnp.array([1.0]), jnp.array([1.0]))).round(3))  # (1 + 4 / w^2)^3
        125.0
    """
    batch = couplings.site.shape[:-4]

    def add(total, poles):
        w, r = poles
        return total + jnp.tensordot(r, _some_poles(refined, couplings, w), 1), None

    return jax.lax.scan(add, jnp.zeros(batch, couplings.site.dtype), _chunks(couplings, w, r))[0]


@log_determinants.defjvp
def _log_determinants_jvp(refined, primals, tangents):
    couplings, w, r = primals
    of_couplings, of_w, of_r = tangents
    batch = couplings.site.shape[:-4]

    @partial(jax.checkpoint, prevent_cse=False)
    def derivative(couplings, w, r):
        logs, back = jax.vjp(partial(_some_poles, refined), couplings, w)
        return logs, *back(jnp.broadcast_to(r.reshape(-1, *[1] * len(batch)), logs.shape))

    def add(totals, poles):
        logs, slope, of_w = derivative(couplings, *poles)
        value = jnp.tensordot(poles[1], logs, 1)
        return jax.tree.map(jnp.add, totals, (value, slope)), (logs, of_w)

    zero = jnp.zeros(batch, couplings.site.dtype), jax.tree.map(jnp.zeros_like, couplings)
    (value, slope), by_pole = jax.lax.scan(add, zero, _chunks(couplings, w, r))
    logs, by_w = (a.reshape(-1, *batch)[: w.size] for a in by_pole)
    change = jnp.tensordot(of_r, logs, 1) + jnp.tensordot(of_w, by_w, 1)
    for s, d in zip(slope, of_couplings, strict=True):
        change = change + jnp.sum(s * d, axis=(-4, -3, -2, -1))
    return value, change


def _chunks(couplings, w, r):
    """w `(chunks, together, *batch)` and r `(chunks, together)`, filled up with weightless poles."""
    *batch, length, sites, size, _ = couplings.site.shape
    entries = couplings.site.size * sites
    together = max(1, min(TOGETHER // entries, w.size))
    missing = -w.size % together
    w = jnp.concatenate([w, jnp.ones(missing, w.dtype)]).reshape(-1, together, *[1] * len(batch))
    r = jnp.concatenate([r, jnp.zeros(missing, r.dtype)]).reshape(-1, together)
    return jnp.broadcast_to(w, (*w.shape[:2], *batch)), r


def _some_poles(refined, couplings, w):
    return jax.vmap(lambda w: _log_determinant(refined, couplings, w))(w)


def _log_determinant(refined, couplings, w):
    """`ln det(1 - A / w)`, shape `(*k)`, for w `(*k)`."""
    length = couplings.site.shape[-4]
    even, odd = (Couplings(*(c[..., start::2, :, :, :] for c in couplings)) for start in (0, 1))
    kept = _slices(w, even.site, even.across)
    if length == 1:
        closing = _dense(couplings.along)
        return inverse(kept - closing + _transpose(closing), w[..., None], refined)[1][..., 0]
    inverses, logs = _slice_inverses(w, odd.site, odd.across, refined)
    count = length // 2
    left, right = even.along[..., :count, :, :, :], odd.along
    # bonds are diagonal in the sites of a slice: products with them take the place of sums over all its entries
    from_left, from_right = _bonds_times(left, inverses), _bonds_times(_transpose(right), inverses)
    to_left, to_right = _times_bonds(from_left, _transpose(left)), _times_bonds(from_right, right)
    up, down = -_times_bonds(from_left, right), -_times_bonds(from_right, _transpose(left))
    rest = -_dense(even.along[..., count:, :, :, :])
    kept, up, down = _joined(kept, to_left, to_right, up, down, rest, _transpose(-rest))
    return jnp.sum(logs, axis=-1) + _reduced(kept, up, down, w[..., None], refined)


def _reduced(blocks, up, down, scale, refined):
    """`ln det(M / scale)` of a periodic chain, `(..., n, b, b)`: `up[i] = M[i, i + 1]`, `down[i] = M[i + 1, i]`."""
    count = blocks.shape[-3] // 2
    if count == 0:
        return inverse(blocks + up + down, scale, refined)[1][..., 0]
    (kept, left_up, left_down), (out, right_up, right_down) = (
        tuple(a[..., start::2, :, :] for a in (blocks, up, down)) for start in (0, 1)
    )
    rest_up, rest_down = left_up[..., count:, :, :], left_down[..., count:, :, :]
    left_up, left_down = left_up[..., :count, :, :], left_down[..., :count, :, :]
    inverses, logs = inverse(out, scale, refined)
    from_left, from_right = left_up @ inverses, right_down @ inverses
    to_left, to_right = -from_left @ left_down, -from_right @ right_up
    up, down = -from_left @ right_up, -from_right @ left_down
    kept, up, down = _joined(kept, to_left, to_right, up, down, rest_up, rest_down)
    return jnp.sum(logs, axis=-1) + _reduced(kept, up, down, scale, refined)


def _joined(kept, to_left, to_right, up, down, rest_up, rest_down):
    """The chain of the slices that are left; of an odd number two are neighbours, by the bond `rest`."""
    axis = kept.ndim - 3
    if rest_up.shape[axis] == 0:
        return kept + to_left + jnp.roll(to_right, 1, axis), up, down
    nothing = jnp.zeros_like(kept[..., :1, :, :])
    kept = kept + jnp.concatenate([to_left, nothing], axis) + jnp.concatenate([nothing, to_right], axis)
    return kept, jnp.concatenate([up, rest_up], axis), jnp.concatenate([down, rest_down], axis)


# --- slices: rings of sites


def _slices(w, site, across):
    """Diagonal blocks of `w - A`, shape `(..., L, b, b)` with b = s m."""
    *leading, sites, size, _ = site.shape
    # axes: site, component, site, component
    here = jnp.eye(sites, dtype=site.dtype).reshape(*[1] * len(leading), sites, 1, sites, 1)
    following = jnp.roll(here, 1, axis=-2)
    block = here * (_frequencies(w, site) - site)[..., :, :, None, :]
    block = block - following * across[..., :, :, None, :]
    block = block + jnp.roll(here, 1, axis=-4) * jnp.moveaxis(across, -1, -3)[..., None, :, :, :]
    return block.reshape(*leading, sites * size, sites * size)


def _frequencies(w, site):
    """w on the diagonal of the blocks of every site."""
    *leading, size, _ = site.shape
    diagonal = jnp.eye(size, dtype=site.dtype).reshape(*[1] * len(leading), size, size)
    return w.reshape(*w.shape, *[1] * (site.ndim - w.ndim)) * diagonal


@partial(jax.custom_jvp, nondiff_argnums=(3,))
def _slice_inverses(w, site, across, refined):
    """Inverses and log-determinants of `_slices`; the derivative needs no more than the entries that can change."""
    return inverse_by_halves(_slices(w, site, across), w[..., None], refined)


@_slice_inverses.defjvp
def _slice_inverses_jvp(refined, primals, tangents):
    inverses, logs = _slice_inverses(*primals, refined)
    of_w, of_site, of_across = tangents
    of_diagonal = _frequencies(of_w, of_site) - of_site
    sites = of_site.shape[-3]
    parts = inverses.reshape(*inverses.shape[:-1], sites, -1)
    axis = parts.ndim - 2
    moved = _of_sites(parts, of_diagonal) - jnp.roll(_of_sites(parts, of_across), 1, axis)
    moved = moved + _of_sites(jnp.roll(parts, -1, axis), _transpose(of_across))
    moved = moved.reshape(inverses.shape)
    return (inverses, logs), moved_inverse(inverses, moved, (of_w / primals[0])[..., None])


def _of_sites(parts, matrices):
    """parts `(..., b, s, m)` times the matrices `(..., s, m, m)` of the sites."""
    return jnp.einsum("...bsi,...sij->...bsj", parts, matrices)


def _times_bonds(blocks, bonds):
    """`blocks @ diag(bonds)`."""
    return _of_sites(blocks.reshape(*blocks.shape[:-1], *bonds.shape[-3:-1]), bonds).reshape(blocks.shape)


def _bonds_times(bonds, blocks):
    """`diag(bonds) @ blocks`."""
    return (bonds @ blocks.reshape(*bonds.shape[:-1], blocks.shape[-1])).reshape(blocks.shape)


def _dense(bonds):
    *leading, sites, size, _ = bonds.shape
    block = (
        jnp.eye(sites, dtype=bonds.dtype).reshape(*[1] * len(leading), sites, 1, sites, 1) * bonds[..., :, :, None, :]
    )
    return block.reshape(*leading, sites * size, sites * size)


def _transpose(matrices):
    return jnp.swapaxes(matrices, -1, -2)
