"""Sources of magnetic field near a film: current loops, dipoles and sums of them, mu0 = 1."""

import abc
import functools
import operator
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ._checks import positive, with_shape
from .numerics.elliptic import arithmetic_geometric


class Source(eqx.Module):
    """Anything with a magnetic field B(r) in free space. The film lies in the plane z = 0.

    Sources add up and scale with numbers, and `Film.solve(applied_field=source)` takes them. Their parameters are array
    leaves, so that `jax.grad` and `jax.vmap` act on positions and parameters alike.

    Example:
        >>> pair = sm.CurrentLoop(1.0, height=2.0) - 0.5 * sm.CurrentLoop(2.0, height=2.0)
        >>> print(pair.field(jnp.array([0.0, 0.0, 2.0])).round(3))
        [0.    0.    0.375]
    """

    __array_ufunc__ = None  # a NumPy number on the left leaves the product to __rmul__

    @abc.abstractmethod
    def field(self, points: Any) -> Float[Array, "*n 3"]:
        """B at points (..., 3)."""

    def __add__(self, other: Any) -> "Source":
        return _Sum(_terms(self) + _terms(other))

    def __radd__(self, other: Any) -> "Source":
        if isinstance(other, int) and other == 0:  # where the built-in sum starts
            return self
        return _Sum(_terms(other) + _terms(self))

    def __sub__(self, other: Any) -> "Source":
        return self + (-1.0) * _Sum(_terms(other))

    def __neg__(self) -> "Source":
        return -1.0 * self

    def __mul__(self, factor: Any) -> "Source":
        return _Scaled(with_shape("factor", factor, ()), self)

    __rmul__ = __mul__

    def __truediv__(self, factor: Any) -> "Source":
        return (1.0 / with_shape("factor", factor, ())) * self


class CurrentLoop(Source):
    r"""Circular loop of thin wire parallel to the film, counterclockwise seen from above where the current is positive.

    With rho^2 = (x - x0)^2 + (y - y0)^2, z from the plane of the loop, a its radius and s = a^2 + rho^2 + z^2,

        B_z = (I a^2 / 2 P^2 M) [s - 2 rho^2 + 2 rho^2 sigma (s - 2 a^2)],   B_rho = (I a^2 z rho / P^2 M) (1 - s sigma)

    where `P^2 = s^2 - 4 a^2 rho^2`, M is the arithmetic-geometric mean of sqrt((s + P) / 2) and sqrt(P), and
    `2 (s + P) sigma` the sum of squares that belongs to it: the textbook's combination of K and E (Jackson, section
    5.5) after a Landen step, which leaves functions of rho^2. They are exact to rounding on the axis and far
    away, and so are derivatives of every order; at a distance d from the wire to a / d times that. On the wire the
    field is infinite or NaN.

    Args:
        radius: a.
        height: z of its plane; the film is at z = 0.
        centre: `(x, y)`.
        current: I.

    Raises:
        ValueError: a radius that is not positive, wrong shapes, NaN.

    Example:
        >>> loop = CurrentLoop(1.0, height=0.5)
        >>> print(loop.field(jnp.array([[0.0, 0.0, 0.5], [0.3, 0.0, 1.0]])).round(5))
        [[0.      0.      0.5    ]
         [0.06907 0.      0.35641]]
    """

    radius: Float[Array, ""]
    height: Float[Array, ""]
    centre: Float[Array, "2"]
    current: Float[Array, ""]

    def __init__(self, radius: Any, height: Any, *, centre: Any = (0.0, 0.0), current: Any = 1.0):
        self.radius = positive("radius", radius)
        self.height = with_shape("height", height, ())
        self.centre = with_shape("centre", centre, (2,))
        self.current = with_shape("current", current, ())

    def field(self, points: Any) -> Float[Array, "*n 3"]:
        """B at points.

        Args:
            points: `(..., 3)`.

        Raises:
            ValueError: another last axis than 3, NaN.
        """
        points = with_shape("points", points, ("...", 3))
        radius, height, (x0, y0), current = (
            value.astype(points.dtype) for value in (self.radius, self.height, self.centre, self.current)
        )
        x, y, z = points[..., 0] - x0, points[..., 1] - y0, points[..., 2] - height
        square, distance = radius**2, x**2 + y**2
        outside = distance - square
        s = square + z**2 + distance
        product = jnp.sqrt((z**2 - outside) ** 2 + 4 * distance * z**2)
        difference = 2 * square * distance / (s + product)
        mean, total = arithmetic_geometric(jnp.sqrt((s + product) / 2), jnp.sqrt(product), difference)
        sigma = total / (2 * (s + product))
        scale = current * square / (product**2 * mean)
        across = scale * z * (1 - s * sigma)
        along = scale / 2 * (z**2 - outside + 2 * distance * sigma * (z**2 + outside))
        return jnp.stack([across * x, across * y, along], axis=-1)


class MagneticDipole(Source):
    r"""Point dipole, `B = [3 (m.r) r / r^2 - m] / (4 pi r^3)` with r the way from it; infinite where it sits.

    Args:
        position: `(x, y, z)`; the film is at z = 0.
        moment: m, `(m_x, m_y, m_z)`.

    Raises:
        ValueError: wrong shapes, NaN.

    Example:
        >>> tip = MagneticDipole([0.0, 0.0, 1.0], [0.0, 0.0, 4 * jnp.pi])
        >>> print(tip.field(jnp.array([0.0, 0.0, 2.0])))
        [0. 0. 2.]
    """

    position: Float[Array, "3"]
    moment: Float[Array, "3"]

    def __init__(self, position: Any, moment: Any):
        self.position = with_shape("position", position, (3,))
        self.moment = with_shape("moment", moment, (3,))

    def field(self, points: Any) -> Float[Array, "*n 3"]:
        """B at points.

        Args:
            points: `(..., 3)`.

        Raises:
            ValueError: another last axis than 3, NaN.
        """
        points = with_shape("points", points, ("...", 3))
        position, moment = (
            jnp.broadcast_to(v.astype(points.dtype), points.shape) for v in (self.position, self.moment)
        )
        way = points - position
        square = jnp.sum(way**2, axis=-1, keepdims=True)
        along = jnp.sum(moment * way, axis=-1, keepdims=True)
        return (3 * along * way / square - moment) / (4 * jnp.pi * square * jnp.sqrt(square))


class _Sum(Source):
    terms: tuple[Any, ...]

    def field(self, points):
        return functools.reduce(operator.add, [term.field(points) for term in self.terms])


class _Scaled(Source):
    factor: Float[Array, ""]
    source: Any

    def field(self, points):
        field = self.source.field(points)
        return self.factor.astype(field.dtype) * field


def _terms(source):
    if isinstance(source, _Sum):
        return source.terms
    if not hasattr(source, "field"):
        raise TypeError(f"a source adds to what has field(points), got {source!r}")
    return (source,)
