r"""Motion of unit vectors in fixed steps, with or without noise: splittings whose parts stay on the sphere.

First order: half a step of Brownian motion, a step of the drift, half a step of Brownian motion. The drift is a
midpoint rotation (Munthe-Kaas, Appl. Numer. Math. 29, 115 (1999)) whose first slope is that of the moments before the
noise: the same to second order, and the variance in a harmonic well is then right to one order more.
Brownian motion on a sphere of d dimensions with the generator D Laplacian is a geodesic in a random direction; a
tangent Gaussian of variance 2 tau a component, tau = D dt, would do to first order in tau, and one of
2 tau (1 - (d - 1) tau / 3) does to second: curvature shortens distances.

"neel": geodesic BAOAB (Leimkuhler and Matthews, Proc. R. Soc. A 472, 20160138 (2016)).
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._checks import concrete, plain_number, real_array
from ._deterministic import tangent, unit

MOST_FIXED_STEPS = 2**31 - 1  # their number is an int32


def fixed_steps(step, state, times, counts, longest, even, key):
    """States at the times. `counts` holds the steps of every interval: `longest` at most, all alike where `even`.

    Only states at the times are kept, also for the reverse mode, which repeats the steps between them.
    """

    def interval(state, given):
        start, length, first, count = given

        def one(state, index):
            drawn = None if key is None else jax.random.fold_in(key, first + index)
            return step(state, start + index.astype(start.dtype) * length, length, drawn), None

        def several(state, indices):
            return jax.lax.scan(one, state, indices)[0]

        if even:
            state = several(state, jnp.arange(longest, dtype=counts.dtype))
        else:
            state = _uneven(several, state, count, longest)
        return state, state[:2]

    lengths = jnp.diff(times) / counts.astype(times.dtype)
    given = (times[:-1], lengths, jnp.cumsum(counts) - counts, counts)
    later = jax.lax.scan(jax.checkpoint(interval), state, given)[1]
    return jax.tree.map(lambda first, rest: jnp.concatenate([first[None], rest]), state[:2], later)


def _uneven(several, state, count, longest):
    """`count` steps, a traced number, in loops of static length: blocks, then single steps; idle turns cost nothing."""
    block = math.isqrt(longest)
    turns = jnp.arange(longest, dtype=count.dtype)

    def blocks(state, number):
        indices = number * block + turns[:block]
        return jax.lax.cond((number + 1) * block <= count, several, lambda state, _: state, state, indices), None

    def singles(state, number):
        index = count // block * block + number
        return jax.lax.cond(index < count, several, lambda state, _: state, state, index[None]), None

    state = jax.lax.scan(blocks, state, turns[: longest // block])[0]
    return jax.lax.scan(singles, state, turns[: block - 1])[0]


def overdamped_step(state, field, t, length, key, numbers):
    def rotation(moments, t):
        return moments, tangent(field(moments, t), moments) / numbers.damping

    def turn(moments, rotation, length):
        middle, pull = rotation
        return _turn(moments, middle, length * pull)

    rate = None if key is None else numbers.temperature / numbers.damping
    return _first_order(rotation, turn, state, t, length, rate, key)


def llg_step(state, field, t, length, key, numbers):
    share = numbers.ratio / (1 + numbers.damping**2)

    def rotation(moments, t):
        h = field(moments, t)
        return share * (h + numbers.damping * jnp.cross(moments, h))

    def turn(moments, axis, length):
        return _rotate(moments, length * axis)

    # a Gaussian field of variance 2 T damping / ratio moves the moments as Brownian motion of this rate does
    rate = None if key is None else share * numbers.damping * numbers.temperature
    return _first_order(rotation, turn, state, t, length, rate, key)


def neel_step(state, field, t, length, key, numbers):
    moments, velocity, push = state
    velocity = velocity + length / 2 * push
    moments, velocity = _coast(moments, velocity, length / 2)
    decay = length * numbers.damping / numbers.inertia
    velocity = jnp.exp(-decay) * velocity
    if key is not None:
        spread = jnp.sqrt(-jnp.expm1(-2 * decay) * numbers.temperature / numbers.inertia)
        velocity = velocity + tangent(spread * jax.random.normal(key, moments.shape, moments.dtype), moments)
    moments, velocity = _coast(moments, velocity, length / 2)
    push = neel_push(moments, field, t + length, numbers)
    return moments, velocity + length / 2 * push, push


def neel_push(moments, field, t, numbers):
    """Acceleration by the field, which a step leaves to the next one."""
    return tangent(field(moments, t), moments) / numbers.inertia


def _first_order(rotation, turn, state, t, length, rate, key):
    moments, *rest = state
    first = rotation(moments, t)
    if key is not None:
        before, after = jax.random.normal(key, (2, *moments.shape), moments.dtype)
        moments = _diffuse(moments, before, rate * length / 2)
    middle = unit(turn(moments, first, length / 2))
    moments = unit(turn(moments, rotation(middle, t + length / 2), length))
    if key is not None:
        moments = _diffuse(moments, after, rate * length / 2)
    return moments, *rest


def _diffuse(moments, normal, tau):
    bent = moments.shape[-1] - 2  # dimensions of the sphere less one
    # to second order 2 tau (1 - bent tau / 3), and never negative
    variance = 2 * tau if bent == 0 else -3 / bent * jnp.expm1(-2 / 3 * bent * tau)
    return unit(_turn(moments, moments, jnp.sqrt(variance) * tangent(normal, moments)))


def _coast(moments, velocity, length):
    """Along the great circle, at constant speed."""
    path = length * velocity
    moved = unit(_turn(moments, moments, path))
    return moved, tangent(_turn(velocity, moments, path), moved)


def _turn(vectors, moments, path):
    """Rotation that carries `moments` along `path`, tangent to them, by its length."""

    def generator(x):
        return path * _dot(moments, x) - moments * _dot(path, x)

    return _exponential(generator, _dot(path, path), vectors)


def _rotate(vectors, axis):
    """Rotation by the length of `axis`."""
    return _exponential(lambda x: jnp.cross(axis, x), _dot(axis, axis), vectors)


def _exponential(generator, square, vectors):
    """exp(A) x = x + sin(a)/a A x + (1 - cos a)/a^2 A^2 x for A^3 = -a^2 A, with finite derivatives at a = 0."""
    small = square < 1e-6
    angle = jnp.sqrt(jnp.where(small, 1.0, square))
    first = jnp.where(small, 1 - square / 6 * (1 - square / 20), jnp.sin(angle) / angle)
    second = jnp.where(small, 0.5 - square / 24, 2 * (jnp.sin(angle / 2) / angle) ** 2)
    turned = generator(vectors)
    return vectors + first * turned + second * generator(turned)


def _dot(left, right):
    return jnp.sum(left * right, axis=-1, keepdims=True)


def step_counts(times, step):
    """Fixed steps of every interval, or None where the steps adapt."""
    if step is None:
        return None
    step, known = plain_number("step", step), concrete(times)
    if not step > 0:
        raise ValueError(f"step must be positive, got {step}")
    if known is None:
        raise ValueError("times must be concrete where step is given: they fix how many steps are compiled")
    # a quotient that rounding lifted above an integer asks for no further step
    counts = np.maximum(np.ceil(np.diff(known) / step * (1 - 1e-9)), 1)
    if counts.sum() > MOST_FIXED_STEPS:
        raise ValueError(f"step={step:g} divides times into {counts.sum():.3g} steps, more than {MOST_FIXED_STEPS}")
    return counts.astype(np.int32)


def check_temperature(value, m0):
    """One temperature a moment, or None where all are known to be zero."""
    known = concrete(value)
    if value is None or (known is not None and known.dtype.kind in "iuf" and (known == 0).all()):
        return None
    temperature, sites = real_array("temperature", value), m0.shape[:-1]
    if known is None:
        temperature = eqx.error_if(temperature, temperature < 0, "temperature must not be negative")
    elif (known < 0).any():
        raise ValueError(f"temperature must not be negative, got {known.min()}")
    shape = temperature.shape
    aligned = sites[len(sites) - len(shape) :]
    if len(shape) > len(sites) or any(have not in (1, want) for have, want in zip(shape, aligned, strict=True)):
        raise ValueError(f"temperature must be a scalar or broadcast to {sites}, one a moment, got shape {shape}")
    return jnp.broadcast_to(temperature.astype(m0.dtype), sites)[..., None]


def check_noise(temperature, key, step):
    """The key, typed, or None without noise."""
    if key is not None:
        key = _typed_key(key)
    missing = [name for name, value in (("key", key), ("step", step)) if value is None]
    if temperature is not None and missing:
        raise ValueError(f"{' and '.join(missing)} must be given at a temperature above zero, or a traced one")
    return None if temperature is None else key


def _typed_key(key):
    if isinstance(key, jax.Array):
        if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) and key.shape == ():
            return key
        if key.dtype == jnp.uint32 and key.shape == (2,):
            return jax.random.wrap_key_data(key)
    raise ValueError(f"key must be one key of jax.random, such as jax.random.key(0), got {key!r}")
