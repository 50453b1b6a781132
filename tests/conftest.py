"""What every test runs under: doubles, no silent promotion, no display."""

import gc
import os
import pathlib

import pytest

# Before jax or matplotlib start. More workers than cores: XLA's CPU pool can deadlock otherwise.
os.environ.setdefault("PJRT_NPROC", "8")
os.environ.setdefault("MPLBACKEND", "Agg")
# Two test processes share two cores: NumPy's own threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax  # noqa: E402

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

MOST_MAPPINGS = 30_000


@pytest.fixture(scope="module", autouse=True)
def _programs_are_let_go():
    """Compiled programs are mapped memory, of which a process on Linux has 65530 pieces at most: XLA dies beyond."""
    yield
    mappings = pathlib.Path("/proc/self/maps")
    if mappings.exists() and len(mappings.read_text().splitlines()) > MOST_MAPPINGS:
        jax.clear_caches()
        gc.collect()
