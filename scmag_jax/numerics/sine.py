"""Discrete sine transforms (type I): waves that vanish on the frame of a rectangle."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def sine_transform(samples: Float[Array, "nx ny"]) -> Float[Array, "nx ny"]:
    """`X_kl = sum_ij x_ij sin(pi (i+1)(k+1) / (nx+1)) sin(pi (j+1)(l+1) / (ny+1))`.

    Twice in a row it is `(nx + 1) (ny + 1) / 4` times the samples.

    Example:
        >>> x = jnp.arange(6.0).reshape(2, 3)
        >>> print(bool(jnp.allclose(sine_transform(sine_transform(x)), 3 * x)))
        True
    """
    for axis in (1, 0):
        count = samples.shape[axis]
        padding = [(1, 0) if i == axis else (0, 0) for i in range(2)]
        spectrum = jnp.fft.rfft(jnp.pad(samples, padding), n=2 * (count + 1), axis=axis)
        samples = -jnp.take(spectrum, jnp.arange(1, count + 1), axis=axis).imag
    return samples
