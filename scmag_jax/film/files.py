"""Films and their states in files: a NumPy archive of arrays, and a header in JSON that says how they belong together.

What is read is put back as it was, array by array: a loaded film does not look at its mask again, and solves to the
same bits as the one that was saved. Nothing in a file is executed.
"""

import dataclasses
import json
import os
import pathlib
import zipfile
import zlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._checks import require_double, traced
from ..files import complete_file
from ..numerics.multigrid import Level, Nodes
from ..solution import RESULTS
from .film import Film
from .functional import Sources
from .preconditioner import Multigrid, Sines
from .state import FilmState
from .terminals import Ramps, Terminal

FORMAT = "scmag_jax film"
VERSION = 1  # raised when the meaning of a field changes; other fields are noticed without it
HEADER = "header"
CLASSES = {c.__name__: c for c in (Film, FilmState, Level, Multigrid, Nodes, Ramps, Sines, Sources, Terminal)}
OUTCOMES = ("successful", "max_steps_reached", "stalled", "nonfinite", "gap_collapsed")  # numbers in files: places here


def save_film(path: str | os.PathLike, film_or_state: Any) -> None:
    """Write a film, or a state with its film, to a file that `load_film` reads.

    The file takes its name when it is complete: one that was there before is replaced whole or not at all. It is a
    NumPy archive whose arrays have the names of the fields, `np.load(path)["stream"]`.

    Args:
        path: of the file, customarily ending in .npz; its folder exists.
        film_or_state: what to keep. Of a state the sources are kept as the fields and fluxes that they came to.

    Raises:
        ValueError: neither a film nor a state, or one that is being traced.
        OSError: a file that cannot be written.

    Example:
        >>> import pathlib, tempfile
        >>> film = sm.Film(np.ones((8, 8), bool), 0.1, 1.0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "square.npz"
        ...     save_film(path, film)
        ...     print(bool(load_film(path).solve(1.0).energy == film.solve(1.0).energy))
        True
    """
    if not isinstance(film_or_state, (Film, FilmState)):
        raise ValueError(f"save_film takes a Film or a FilmState, got {type(film_or_state).__name__}")
    if traced(film_or_state):
        raise ValueError("save_film needs known values: call it outside of jax.jit, jax.grad and jax.vmap")
    arrays: dict[str, Any] = {}
    tree = _taken_apart("", film_or_state, arrays)
    arrays[HEADER] = np.array(json.dumps({"format": FORMAT, "version": VERSION, "tree": tree}))
    with complete_file(pathlib.Path(path)) as file:
        np.savez(file, **arrays)


def load_film(path: str | os.PathLike) -> Film | FilmState:
    """The film or the state in a file of `save_film`.

    Args:
        path: of the file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that `save_film` has not written, or not this version of it; single precision. The message
            names the file.

    Example:
        >>> import pathlib, tempfile
        >>> film = sm.Film(np.ones((8, 8), bool), 0.1, 1.0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "square.npz"
        ...     save_film(path, film.solve(1.0))
        ...     state = load_film(path)
        >>> print(f"{state.magnetic_moment:.5f} {state.film.shape}")
        -0.02397 (8, 8)
    """
    require_double("load_film", jnp.zeros(()).dtype)
    try:
        stored = np.load(pathlib.Path(path), allow_pickle=False)
        if isinstance(stored, np.ndarray):
            raise ValueError("it holds a single array")
        with stored:
            found = _put_together(_tree(stored), stored)
    except (ValueError, TypeError, LookupError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as a film: {error}") from error
    if not isinstance(found, (Film, FilmState)):
        raise ValueError(f"{path} cannot be read as a film: it holds something else")
    return found


def _tree(stored):
    if HEADER not in stored.files:
        raise ValueError(f"no array is named {HEADER}")
    header = json.loads(str(stored[HEADER]))
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ValueError("its header is that of something else")
    if header.get("version") != VERSION:
        raise ValueError(f"it has version {header.get('version')} of the format, and version {VERSION} is read here")
    return header["tree"]


def _taken_apart(name, value, arrays):
    """What JSON can say of a value; arrays are collected under the names of the fields that lead to them."""
    below = lambda key, part: _taken_apart(f"{name}.{key}" if name else str(key), part, arrays)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (jax.Array, np.ndarray, np.generic)):
        arrays[name] = np.asarray(value)
        return {"array": name, "host": not isinstance(value, jax.Array)}
    if isinstance(value, RESULTS):
        number = np.select([np.asarray(value == getattr(RESULTS, each)) for each in OUTCOMES], range(len(OUTCOMES)), -1)
        arrays[name] = number
        return {"outcome": name}
    if type(value) is dict:
        return {"dict": {key: below(key, part) for key, part in value.items()}}
    if type(value) in (list, tuple):
        return {type(value).__name__: [below(key, part) for key, part in enumerate(value)]}
    kind = type(value).__name__
    if CLASSES.get(kind) is not type(value):
        raise ValueError(f"save_film cannot keep {name or 'this'}, a {kind}")
    return {"class": kind, "fields": {key: below(key, getattr(value, key)) for key in _fields(type(value))}}


def _put_together(tree, stored):
    if not isinstance(tree, dict):
        return tree
    below = lambda part: _put_together(part, stored)
    if "array" in tree:
        array = stored[tree["array"]]
        return array if tree["host"] else jnp.asarray(array)
    if "outcome" in tree:
        members = [jax.tree.leaves(getattr(RESULTS, name))[0] for name in OUTCOMES]
        which = jnp.asarray(np.array(members)[stored[tree["outcome"]]])
        return jax.tree.unflatten(jax.tree.structure(RESULTS.successful), [which])
    if "dict" in tree:
        return {key: below(part) for key, part in tree["dict"].items()}
    if "list" in tree:
        return [below(part) for part in tree["list"]]
    if "tuple" in tree:
        return tuple(below(part) for part in tree["tuple"])
    kind, names = CLASSES[tree["class"]], set(tree["fields"])
    if names != set(_fields(kind)):
        other = ", ".join(sorted(names.symmetric_difference(_fields(kind))))
        raise ValueError(f"its {kind.__name__} is that of another version of the library, which differs in {other}")
    fields = {key: below(part) for key, part in tree["fields"].items()}
    if not dataclasses.is_dataclass(kind):
        return kind(**fields)
    made = object.__new__(kind)  # as jax does when it rebuilds a tree: a class's __init__ would compute its fields anew
    for key, value in fields.items():
        object.__setattr__(made, key, value)
    return made


def _fields(kind: Any) -> tuple[str, ...]:
    return tuple(f.name for f in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else kind._fields
