"""The examples in the docstrings run as printed."""

import doctest
import importlib
import inspect
import pkgutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import scmag_jax as sm

MODULES = sorted(["scmag_jax", *(module.name for module in pkgutil.walk_packages(sm.__path__, prefix="scmag_jax."))])
# Bases, enumerations and answers of other calls: nothing that a user constructs.
WITHOUT_EXAMPLE = {"FreeEnergy", "Solution", "RESULTS", "MagneticOrder", "LatticeObservables", "LatticeState"}
WITHOUT_EXAMPLE |= {"LatticeGroundState", "PairGroundState", "Relaxation", "UniformState", "Evolution"}
WITHOUT_EXAMPLE |= {"Quasistatic"}
# What an example may use without importing it, next to the names of its own module.
NAMES = {"sm": sm, "jax": jax, "jnp": jnp, "np": np}


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_module(name):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    for example in _examples(importlib.import_module(name)):
        runner.run(example, out=report.append)
    assert not report, "".join(report)


def test_the_search_finds_decorated_functions_and_methods():
    # doctest's own finder skips what jax.jit or jaxtyping wrapped, and would pass by running nothing.
    found = {example.name for name in MODULES for example in _examples(importlib.import_module(name))}
    assert {"scmag_jax.impurities.coupling.PearlCoupling"} <= found, sorted(found)


def test_every_public_name_has_an_example():
    public = {name: getattr(sm, name) for name in dir(sm) if not name.startswith("_")}
    silent = sorted(
        name
        for name, value in public.items()
        if name not in WITHOUT_EXAMPLE
        and callable(value)
        and str(getattr(value, "__module__", "")).startswith("scmag_jax")
        and ">>>" not in _text_of(value)
    )
    assert not silent, f"public names without an example in their docstring: {silent}"


def _examples(module):
    """Every docstring with a prompt in the module, its classes and their methods, once."""
    parser = doctest.DocTestParser()
    for name, value in _documented(module):
        text = _text_of(value)
        if ">>>" in text:
            yield parser.get_doctest(text, vars(module) | NAMES, name, getattr(module, "__file__", None), 0)


def _documented(module):
    yield module.__name__, module
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__ or name.startswith("_"):
            continue
        yield f"{module.__name__}.{name}", value
        if inspect.isclass(value):
            for inner, attribute in vars(value).items():
                if not inner.startswith("_"):
                    yield f"{module.__name__}.{name}.{inner}", attribute


def _text_of(value) -> str:
    text = getattr(value, "__doc__", None)
    return inspect.cleandoc(text) if isinstance(text, str) else ""
