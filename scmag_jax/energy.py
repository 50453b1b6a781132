"""The one idea: a model is a free energy, a callable from a configuration of moments to a scalar."""

import abc
import functools
import operator
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._checks import real_array, with_shape


class FreeEnergy(eqx.Module):
    """A free energy F(m): one configuration in, one scalar out.

    Subclasses are pytrees whose parameters are array leaves, so that `jax.grad`, `jax.vmap` and `eqx.filter_jit`
    act on moments and parameters alike.

    Free energies of the same moments add up, also with plain functions of them, and scale with numbers.

    Example:
        >>> F = sm.Exchange(1.0) + 0.5 * sm.Anisotropy(0.1, [0.0, 1.0, 0.0]) + (lambda n: -0.2 * jnp.sum(n[..., 2]))
        >>> print(f"{F(sm.textures.uniform((4, 3), [0.0, 1.0, 0.0])):.2f}")
        -0.60
    """

    __array_ufunc__ = None  # a NumPy number on the left leaves the product to __rmul__

    @abc.abstractmethod
    def __call__(self, moments: Float[Array, "..."]) -> Float[Array, ""]:
        """The free energy of one configuration."""

    def __add__(self, other: Any) -> "FreeEnergy":
        return _Sum(terms_of(self) + terms_of(other))

    def __radd__(self, other: Any) -> "FreeEnergy":
        if isinstance(other, int) and other == 0:  # where the built-in sum starts
            return self
        return _Sum(terms_of(other) + terms_of(self))

    def __sub__(self, other: Any) -> "FreeEnergy":
        return self + (-1.0) * _Sum(terms_of(other))

    def __neg__(self) -> "FreeEnergy":
        return -1.0 * self

    def __truediv__(self, factor: Any) -> "FreeEnergy":
        return (1.0 / with_shape("factor", factor, ())) * self

    def __mul__(self, factor: Any) -> "FreeEnergy":
        return _Scaled(with_shape("factor", factor, ()), self)

    __rmul__ = __mul__


def field(F: Callable, m: Float[Array, "..."]) -> Float[Array, "..."]:
    """Effective field of every moment, `h = -dF/dm`.

    Args:
        F: any free energy, `FreeEnergy` or plain function of one configuration.
        m: moments, in the shape that `F` takes.

    Returns:
        The field, same shape as `m`, in the energy unit of `F` (moments are dimensionless).

    Example:
        >>> print(field(lambda m: 0.5 * jnp.sum(m**2), jnp.array([[3.0, 4.0]])))
        [[-3. -4.]]
    """
    return -jax.grad(F)(real_array("m", m))


def torque(F: Callable, n: Float[Array, "*s 3"]) -> Float[Array, "*s 3"]:
    """Torque on every three-component moment, `n x h` with `h = -dF/dn`.

    Args:
        F: any free energy of a texture of three-component vectors.
        n: texture, shape `(..., 3)`.

    Raises:
        ValueError: planar moments, or another last axis than 3; NaN.

    Example:
        >>> print(torque(lambda n: -n[0, 2], jnp.array([[1.0, 0.0, 0.0]])))
        [[ 0. -1.  0.]]
    """
    n = with_shape("n", n, ("...", 3))
    return jnp.cross(n, field(F, n))


def check_scalar(F: Callable, m0: Float[Array, "..."], *arguments: Any) -> None:
    """Refuse a free energy whose value for `m0` is not a scalar; called while tracing, it costs nothing later."""
    shape = jax.eval_shape(F, m0, *arguments).shape
    if shape != ():
        raise ValueError(
            f"F(m0) must be a scalar, got shape {shape} for m0 of shape {m0.shape}; a single moment has m0 of shape "
            f"({m0.shape[-1]},), and many of them a free energy that adds up"
        )


class _Sum(FreeEnergy):
    terms: tuple[Callable, ...]

    def __call__(self, moments):
        return functools.reduce(operator.add, [term(moments) for term in self.terms])


class _Scaled(FreeEnergy):
    factor: Float[Array, ""]
    energy: FreeEnergy

    def __call__(self, moments):
        energy = self.energy(moments)
        return self.factor.astype(energy.dtype) * energy


class _Function(FreeEnergy):
    function: Callable = eqx.field(static=True)

    def __call__(self, moments):
        return self.function(moments)


def terms_of(F: Any) -> tuple[Callable, ...]:
    """The free energies that a sum is made of, as callables that may stand in a module; of anything else, itself."""
    if isinstance(F, _Sum):
        return F.terms
    if not callable(F):
        raise TypeError(f"a free energy adds to free energies and functions of the moments, got {F!r}")
    # a function has no arrays of its own to batch or differentiate; callable modules keep theirs
    return (_Function(F) if jax.tree_util.all_leaves([F]) else F,)
