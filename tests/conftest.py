"""What every test runs under: doubles, no silent promotion, no display."""

import os

# Before jax or matplotlib start. More workers than cores: XLA's CPU pool can deadlock otherwise.
os.environ.setdefault("PJRT_NPROC", "8")
os.environ.setdefault("MPLBACKEND", "Agg")
# Two test processes share two cores: NumPy's own threads would only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import jax  # noqa: E402

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
