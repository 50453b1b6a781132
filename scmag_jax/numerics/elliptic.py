"""Complete elliptic integrals by the arithmetic-geometric mean, with derivatives of every order."""

import jax.numpy as jnp
from jaxtyping import Array, Float

STEPS = 7  # each squares the relative distance of the two means; 7 are enough for any b/a above 1e-6


def arithmetic_geometric(
    a: Float[Array, "*n"], b: Float[Array, "*n"], square: Float[Array, "*n"]
) -> tuple[Float[Array, "*n"], Float[Array, "*n"]]:
    r"""Arithmetic-geometric mean M of a and b, and the sum of the squares on the way to it.

        a_(n+1) = (a_n + b_n) / 2,   b_(n+1) = sqrt(a_n b_n),   c_n^2 = a_n^2 - b_n^2,   S = sum_n 2^n c_n^2 / c_0^2

    from a_0 = a, b_0 = b. With a = 1 and `square` the parameter m these are the complete elliptic integrals
    `K = pi / (2 M)` and `E = K (1 - m S / 2)` (DLMF 19.8.5, 19.8.6); S has no cancellation as m -> 0.

    Args:
        a: positive, any shape.
        b: at most a, and no less than a millionth of it.
        square: `a^2 - b^2`, which the caller knows without cancellation.

    Returns:
        M and S, to rounding.

    Example:
        >>> m = jnp.asarray(0.5)
        >>> mean, total = arithmetic_geometric(jnp.ones(()), jnp.sqrt(1 - m), m)
        >>> print(f"{jnp.pi / (2 * mean):.12f} {jnp.pi / (2 * mean) * (1 - m * total / 2):.12f}")
        1.854074677301 1.350643881048
    """
    share, total, weight = jnp.ones_like(a), jnp.ones_like(a), 1.0
    for _ in range(STEPS):
        a, b = (a + b) / 2, jnp.sqrt(a * b)
        factor = square / (16 * a**2)
        share, square, weight = share * factor, square * factor, 2 * weight
        total = total + weight * share
    return a, total
