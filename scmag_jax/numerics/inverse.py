"""Inverses and log-determinants of matrices whose symmetric part is positive, by products only and without pivots.

By halves: with the Schur complement `S = d - c a^-1 b` of the first block, which is safe to invert for such matrices,

    [[a, b], [c, d]]^-1 = [[a^-1 + a^-1 b S^-1 c a^-1, -a^-1 b S^-1], [-S^-1 c a^-1, S^-1]],    det = det a det S

Batched calls of LAPACK are avoided on purpose: they wait for each other on few cores, and products are faster.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Inexact

LEAF = 25  # size up to which a block is inverted in a loop over its rows


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def inverse(
    matrices: Inexact[Array, "*k b b"], scale: Inexact[Array, "*#k"], refined: bool = False
) -> tuple[Inexact[Array, "*k b b"], Inexact[Array, "*k"]]:
    """M^-1 and `ln det(M / scale)` of a batch of matrices with `M + M^T > 0` (complex ones: `M + M^dagger > 0`).

    Args:
        matrices: M.
        scale: what most pivots are close to: what is added up are logarithms of the ratios, which are small then.
        refined: one step `X (2 - M X)`, which squares the error of the inverse X (of a block, not of a chain).

    Example:
        >>> inverses, logs = inverse(jnp.array([[2.0, 1.0], [-1.0, 1.0]]), jnp.array(1.0))
        >>> print((3 * inverses).round(6).tolist(), jnp.exp(logs).round(6))
        [[1.0, -1.0], [1.0, 2.0]] 3.0
    """
    return inverse_by_halves(matrices, scale, refined)


@inverse.defjvp
def _inverse_jvp(refined, primals, tangents):
    of_matrices, of_scale = tangents
    inverses, logs = inverse(*primals, refined)
    return (inverses, logs), moved_inverse(inverses, inverses @ of_matrices, of_scale / primals[1])


def moved_inverse(
    inverses: Inexact[Array, "*k b b"], step: Inexact[Array, "*k b b"], growth: Inexact[Array, "*#k"]
) -> tuple:
    """Derivatives of `inverse`, `-M^-1 dM M^-1` and `tr M^-1 dM - b growth`: `step = M^-1 dM`, `growth = d ln scale`.

    Example:
        >>> print(moved_inverse(jnp.array([[0.5]]), jnp.array([[0.5]]), jnp.array(0.0)))  # M = 2, dM = 1
        (Array([[-0.25]], dtype=float64), Array(0.5, dtype=float64))
    """
    return -step @ inverses, jnp.trace(step, axis1=-2, axis2=-1) - step.shape[-1] * growth


def inverse_by_halves(
    matrices: Inexact[Array, "*k b b"], scale: Inexact[Array, "*#k"], refined: bool = False
) -> tuple[Inexact[Array, "*k b b"], Inexact[Array, "*k"]]:
    """`inverse` without its rule for derivatives.

    Example:
        >>> print(inverse_by_halves(jnp.array([[2.0]]), jnp.array(1.0))[0])
        [[0.5]]
    """
    inverses, logs = _by_halves(matrices, scale)
    if refined:
        unit = jnp.broadcast_to(jnp.eye(matrices.shape[-1], dtype=matrices.dtype), matrices.shape)
        inverses = inverses + inverses @ (unit - matrices @ inverses)
    return inverses, logs


def _by_halves(matrices, scale):
    size = matrices.shape[-1]
    if size <= LEAF:
        return _in_loop(matrices, scale)
    half = size // 2
    first, second = slice(None, half), slice(half, None)
    a, b, c, d = (matrices[..., i, j] for i in (first, second) for j in (first, second))
    a, log_a = _by_halves(a, scale)
    a_b, c_a = a @ b, c @ a
    d, log_d = _by_halves(d - c @ a_b, scale)
    d_c_a = d @ c_a
    upper = jnp.concatenate([a + a_b @ d_c_a, -a_b @ d], axis=-1)
    lower = jnp.concatenate([-d_c_a, d], axis=-1)
    return jnp.concatenate([upper, lower], axis=-2), log_a + log_d


def _in_loop(matrices, scale):
    """Gauss-Jordan elimination in place, one row after another."""
    *batch, size, _ = matrices.shape
    rows = jnp.broadcast_to(jnp.arange(size), (*batch, size))

    def eliminate(k, state):
        matrices, logs = state
        pivot, own = matrices[..., k, k], rows == k
        unit = own.astype(matrices.dtype)
        row = jnp.where(own, 1.0, matrices[..., k, :]) / pivot[..., None]
        column = matrices[..., :, k] - unit
        matrices = jnp.where(own[..., None, :], unit[..., :, None], matrices) - column[..., :, None] * row[..., None, :]
        return matrices, logs + jnp.log(pivot / scale)

    return jax.lax.fori_loop(0, size, eliminate, (matrices, jnp.zeros(batch, matrices.dtype)))
