"""One representative for all optax optimisers built alike, so that a new object does not retrace a solver.

An optax optimiser is a pair of closures, new ones every time `optax.adam(0.1)` is written. Two optimisers are alike
when their functions have the same code and, recursively, the same captured values.
"""

import functools
import types
from typing import Any

import jax
import numpy as np

_representatives: dict[Any, Any] = {}


def canonical(optimiser: Any) -> Any:
    """The first optimiser seen that is alike; the optimiser itself if it captures what cannot be compared."""
    try:
        return _representatives.setdefault(_fingerprint(optimiser, 32), optimiser)
    except _Incomparable:
        return optimiser


class _Incomparable(Exception):
    pass


def _fingerprint(value: Any, depth: int) -> Any:
    if depth == 0 or isinstance(value, jax.core.Tracer):
        raise _Incomparable

    def inner(item):
        return _fingerprint(item, depth - 1)

    if isinstance(value, types.FunctionType):
        try:
            cells = tuple(inner(cell.cell_contents) for cell in value.__closure__ or ())
        except ValueError as empty:
            raise _Incomparable from empty
        return ("function", value.__code__, cells, inner(value.__defaults__), inner(value.__kwdefaults__))
    if isinstance(value, functools.partial):
        return ("partial", inner(value.func), inner(value.args), inner(value.keywords))
    if isinstance(value, types.MethodType):
        return ("method", inner(value.__func__), inner(value.__self__))
    if isinstance(value, (tuple, list)):
        return (type(value), tuple(inner(item) for item in value))
    if isinstance(value, dict):
        return ("dict", tuple((key, inner(item)) for key, item in value.items()))
    if isinstance(value, (np.ndarray, jax.Array)):
        array = np.asarray(value)
        return ("array", array.shape, str(array.dtype), array.tobytes())
    try:
        hash(value)
    except TypeError as unhashable:
        raise _Incomparable from unhashable
    return (type(value), value)
