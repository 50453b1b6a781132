"""jax 0.10.2 compiles a product and a sum wrongly on CPU (jax-ml/jax#39103); pyproject.toml excludes it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.mark.parametrize("count", [20001, 40001])
def test_product_then_sum_agrees_with_numpy(count):
    random = np.random.default_rng(0)
    matrix, x = random.normal(size=(3, 3)), random.normal(size=(count, 3))

    compiled = jax.jit(lambda matrix, x: jnp.sum((matrix @ x.T) ** 2, 0))(matrix, x)

    # Six products a number: rounding only. The bug gives errors of order one.
    np.testing.assert_allclose(compiled, np.sum((matrix @ x.T) ** 2, 0), rtol=1e-13)
