"""Refusals: bad input is named before any computation starts. Traced values pass; their functions say what follows."""

import operator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np


def concrete(value: Any) -> np.ndarray | None:
    """The value as a NumPy array, or None while it, or a part of it, is being traced."""
    return None if traced(value) else np.asarray(value)


def plain_number(name: str, value: Any) -> float:
    """`value` as a Python float: a setting that fixes the size of arrays and cannot be traced."""
    known = concrete(value)
    if known is None or known.ndim:
        raise ValueError(f"{name} must be a concrete number, got {value!r}")
    real_array(name, known)
    return float(known)


def known_array(name: str, value: Any) -> np.ndarray:
    """`value` as an array of finite floats on the host: what fixes sizes and cannot be traced."""
    known = concrete(value)
    if known is None:
        raise ValueError(f"{name} must be known numbers")
    real_array(name, value)
    return known.astype(float)


def traced(tree: Any) -> bool:
    """Whether any leaf is being traced."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))


def grid_shape(name: str, value: Any) -> tuple[int, int]:
    """`value` as two positive integers."""
    try:
        counts = tuple(operator.index(count) for count in value)
    except TypeError:
        counts = ()
    if len(counts) != 2 or min(counts) < 1:
        raise ValueError(f"{name} must be two positive integers (nx, ny), got {value!r}")
    return counts


def real_array(name: str, value: Any) -> jax.Array:
    """`value` as an array of the default float type; NaN, infinity and complex or text values are refused."""
    array = as_float(name, value)
    # of the value as it came: inside jit the converted array of a plain number is traced
    known = concrete(value)
    if known is not None and not np.all(np.isfinite(known)):
        raise ValueError(f"{name} must be finite, got {_count_bad(known)} NaN or infinite value(s)")
    return array


def positive(name: str, value: Any, *, allow_infinite: bool = False) -> jax.Array:
    """`value` as a positive scalar; concrete values raise at once, traced ones when they are evaluated."""
    array = as_float(name, value)
    if array.ndim:
        raise ValueError(f"{name} must be a scalar, got shape {array.shape}; use jax.vmap for several values")
    message = f"{name} must be positive" + ("" if allow_infinite else " and finite")
    known = concrete(value)
    if known is None:
        bad = ~(array > 0) if allow_infinite else ~((array > 0) & jnp.isfinite(array))
        return eqx.error_if(array, bad, message)
    if not known > 0 or (np.isinf(known) and not allow_infinite):
        raise ValueError(f"{message}, got {known}")
    return array


def step_limit(name: str, value: Any) -> jax.Array:
    """`value` as a number of steps, an integer from 1 if it is known."""
    known = concrete(value)
    if known is not None and (known.ndim or known.dtype.kind not in "iu" or known < 1):
        raise ValueError(f"{name} must be an integer from 1, got {value!r}")
    return jnp.asarray(value)


def not_negative(name: str, value: Any) -> jax.Array:
    """`value` as a scalar of zero or more; traced values raise when they are evaluated."""
    value = with_shape(name, value, ())
    known = concrete(value)
    if known is None:
        return eqx.error_if(value, value < 0, f"{name} must not be negative")
    if known < 0:
        raise ValueError(f"{name} must not be negative, got {known}")
    return value


def with_shape(name: str, value: Any, shape: tuple[int | str, ...]) -> jax.Array:
    """`value` as a finite array of the given shape; a letter stands for any length, "..." for leading axes."""
    array = real_array(name, value)
    leading = shape[:1] == ("...",)
    trailing = shape[1:] if leading else shape
    fits = array.ndim >= len(trailing) if leading else array.ndim == len(trailing)
    sizes = array.shape[array.ndim - len(trailing) :]
    if not fits or any(isinstance(w, int) and w != s for w, s in zip(trailing, sizes, strict=True)):
        wanted = "(" + ", ".join(str(s) for s in shape) + ("," if len(shape) == 1 else "") + ")"
        raise ValueError(f"{name} must have shape {wanted}, got {array.shape}")
    return array


def is_one(value: Any) -> bool:
    """Whether a value is the known number 1: what stands for no radius of one's own."""
    known = None if callable(value) else concrete(value)
    return known is not None and known.ndim == 0 and bool(known == 1)


def broadcast_to_moments(name: str, value: Any, moments: jax.Array) -> jax.Array:
    """A number or map, zero or more, as one value a moment with a last axis of length 1."""
    array = real_array(name, value).astype(moments.dtype)
    sites = moments.shape[:-1]
    if array.shape not in ((), sites):
        raise ValueError(f"{name} must be a number or have the shape {sites} of the moments, got {array.shape}")
    known = concrete(value)
    if known is not None and (known < 0).any():
        raise ValueError(f"{name} must not be negative, got {known.min()}")
    return jnp.broadcast_to(array, sites)[..., None]


def as_float(name: str, value: Any) -> jax.Array:
    """`value` as an array of a real floating type, NaN and infinity included; text and complex values are refused."""
    try:
        array = jnp.asarray(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be a number or an array of numbers, got {value!r}") from error
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise ValueError(f"{name} must be real numbers, got {array.dtype}")
    # an explicit dtype, also for Python numbers, so that results do not depend on how a number was written
    dtype = array.dtype if jnp.issubdtype(array.dtype, jnp.floating) else jnp.zeros(()).dtype
    return jax.lax.convert_element_type(array, dtype)


def _count_bad(known: np.ndarray) -> int:
    return int(np.sum(~np.isfinite(known)))


def require_double(what: str, dtype: Any) -> None:
    """Refuse single precision where the result would be wrong in it."""
    if dtype != jnp.float64:
        raise ValueError(
            f'{what} needs double precision, got {dtype}: call jax.config.update("jax_enable_x64", True) first'
        )
