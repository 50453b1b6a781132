"""A scanning SQUID: its pickup loop, and the images it takes."""

import inspect
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import concrete, positive, traced, with_shape
from ..sources import CurrentLoop, MagneticDipole, Source
from .rules import mean_of_samples, ring_counts, ring_points

QUANTITIES = ("flux", "field")


class Squid(eqx.Module):
    r"""Pickup loop of a scanning SQUID, parallel to the film, mu0 = 1: a point, disk, annulus or measured kernel.

    The flux through it at a scan position r is

        Phi(r) = int p(r - r') B_z(r', height) d2r'

    with p = 1 inside the loop, or the point-spread kernel. The mean over a loop is taken at points whose number follows
    from height / loop_radius where both are known, and from 0.3 where one is traced; it is right to 1e-6 of the flux of
    the worst source, a point below the loop, from height = 0.1 loop_radius on. To differentiate with respect to height
    or radius with fewer points than 0.3 needs, make the Squid first and replace its leaves (`eqx.filter_jvp`,
    `eqx.tree_at`).

    Args:
        height: of the loop above the film.
        loop_radius: of a circular loop; None is a point, or a kernel.
        inner_radius: of a hole in the sensitive area: flux between two radii.
        kernel: p on a grid, `(kx, ky)`, axis order [ix, iy], its origin in the middle of the array.
        kernel_spacing: side of a cell of the kernel.

    Raises:
        ValueError: lengths that are not positive, an inner radius that is not below the outer one, a kernel together
            with a loop, or without its spacing.

    Example:
        >>> film = sm.Film(np.ones((32, 32), bool), 1 / 32, 0.1)
        >>> squid = Squid(height=0.2, loop_radius=0.2)
        >>> image = squid.image(film.solve(1.0))
        >>> print(image.shape, f"{image[16, 16]:.4f}")
        (32, 32) -0.0464
    """

    height: Float[Array, ""]
    loop_radius: Float[Array, ""] | None
    inner_radius: Float[Array, ""] | None
    kernel: Float[Array, "kx ky"] | None
    kernel_spacing: Float[Array, ""] | None
    counts: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        height: Any,
        loop_radius: Any = None,
        *,
        inner_radius: Any = None,
        kernel: Any = None,
        kernel_spacing: Any = None,
    ):
        self.height = positive("height", height).astype(float)
        self.loop_radius = None if loop_radius is None else positive("loop_radius", loop_radius).astype(float)
        self.inner_radius = None if inner_radius is None else positive("inner_radius", inner_radius).astype(float)
        self.kernel = None if kernel is None else with_shape("kernel", kernel, ("kx", "ky")).astype(float)
        self.kernel_spacing = (
            None if kernel_spacing is None else positive("kernel_spacing", kernel_spacing).astype(float)
        )
        if inner_radius is not None:
            if loop_radius is None:
                raise ValueError("inner_radius needs a loop_radius")
            outer, inner = concrete(loop_radius), concrete(inner_radius)
            if outer is not None and inner is not None and not inner < outer:
                raise ValueError(f"inner_radius must be below loop_radius {outer:g}, got {inner:g}")
        if kernel is not None and loop_radius is not None:
            raise ValueError("kernel stands instead of a loop: leave out loop_radius")
        if (kernel is None) != (kernel_spacing is None):
            raise ValueError("kernel and kernel_spacing must be given together")
        # of what was given: inside jit the converted arrays are traced
        known = loop_radius is not None and not traced((height, loop_radius))
        ratio = float(np.asarray(height) / np.asarray(loop_radius)) if known else None
        self.counts = () if loop_radius is None else ring_counts(ratio, inner_radius is not None)

    @property
    def area(self) -> Any:
        """Area of the loop, or the integral of the kernel; None for a point."""
        if self.kernel is not None and self.kernel_spacing is not None:
            return self.kernel_spacing**2 * jnp.sum(self.kernel)
        if self.loop_radius is None:
            return None
        hole = 0.0 if self.inner_radius is None else self.inner_radius**2
        return jnp.pi * (self.loop_radius**2 - hole)

    @property
    def source(self) -> Source:
        """What has the field, per current, that by reciprocity the flux through the loop is measured with.

        A loop of current 1; for a point a dipole of moment 1 along z, which stands for the field instead of the flux.

        Raises:
            ValueError: a kernel.
        """
        if self.kernel is not None:
            raise ValueError("a kernel has no source: give a loop_radius")
        if self.loop_radius is None:
            above = jnp.zeros(3).at[2].set(self.height)
            return MagneticDipole(above, [0.0, 0.0, 1.0])
        outer = CurrentLoop(self.loop_radius, self.height)
        return outer if self.inner_radius is None else outer - CurrentLoop(self.inner_radius, self.height)

    def image(self, state: Any, quantity: str | None = None, *, total: bool = False) -> Float[Array, "nx ny"]:
        """Flux through the loop above every cell, or the mean field in it.

        A state whose `bz` takes `offsets` and `weights`, such as `FilmState`, is asked for exactly what the loop
        averages, beyond the grid too. The image of any other is the convolution of `bz(height)` on its grid, with cubic
        interpolation and no field beyond: closer to the rim than the loop reaches it misses what lies outside.

        Args:
            state: anything with `bz(height)`, `(nx, ny)`, and `spacing`, lengths in the unit of the height.
            quantity: "flux", or "field" for the mean of B_z; None is "flux", and "field" for a point.
            total: with the applied field, passed on to `bz`.

        Raises:
            ValueError: an unknown quantity, the flux of a point, a state without what is asked for.
        """
        point = self.loop_radius is None and self.kernel is None
        quantity = ("field" if point else "flux") if quantity is None else quantity
        if quantity not in QUANTITIES:
            raise ValueError(f'quantity must be "flux" or "field", got {quantity!r}')
        if point and quantity == "flux":
            raise ValueError('quantity must be "field" for a point, which has no area')
        known = inspect.signature(state.bz).parameters
        if total and "total" not in known:
            raise ValueError("total needs a state whose bz(height, total=...) knows the applied field")
        options = {"total": True} if total else {}
        if point:
            return state.bz(self.height, **options)
        offsets, weights = self._points(quantity)
        if "offsets" in known:
            # compiled as a whole where the state is a pytree; what else it may be could change behind the cache
            average = _compiled_average if isinstance(state, eqx.Module) else _average
            return average(state, self.height, offsets, weights, options)
        spacing = positive("spacing", state.spacing).astype(float)
        return mean_of_samples(state.bz(self.height, **options), offsets / spacing, weights)

    def line_cut(
        self, image: Any, spacing: Any, start: Any, end: Any, points: int, *, origin: Any = (0.0, 0.0)
    ) -> Float[Array, "p"]:
        """Values of an image at equal distances along a line, by bilinear interpolation between the centres of cells.

        Args:
            image: values at the centres of cells, `(nx, ny)`.
            spacing: side of a cell.
            start: `(x, y)` of the first point.
            end: of the last.
            points: how many.
            origin: position of the grid's corner, `film.origin`. Within half a cell of the rim values are those of the
                outermost cells.

        Raises:
            ValueError: wrong shapes, fewer than 2 points, a line that leaves the grid.

        Example:
            >>> image = jnp.arange(4.0)[:, None] * jnp.ones((4, 4))
            >>> print(Squid(height=1.0).line_cut(image, 1.0, (0.5, 2.0), (3.5, 2.0), 3))
            [0.  1.5 3. ]
        """
        image = with_shape("image", image, ("nx", "ny"))
        spacing = positive("spacing", spacing)
        ends = jnp.stack([with_shape("start", start, (2,)), with_shape("end", end, (2,))])
        if points < 2:
            raise ValueError(f"points must be 2 or more, got {points}")
        at = (ends - with_shape("origin", origin, (2,))[None, :]) / spacing
        known = concrete(at)
        slack = 1e-9 * max(image.shape)
        if known is not None and not ((known >= -slack) & (known <= np.array(image.shape) + slack)).all():
            raise ValueError(
                f"start and end must lie on the grid of {image.shape} cells, got {known.tolist()} in cells"
            )
        part = jnp.linspace(0.0, 1.0, points)[:, None]
        last = jnp.asarray(image.shape) - 1
        where = jnp.clip(at[:1] + part * (at[1:] - at[:1]) - 0.5, 0, last.astype(float)[None, :])
        below = jnp.clip(jnp.floor(where).astype(int), 0, jnp.maximum(last - 1, 0)[None, :])
        above = jnp.minimum(below + 1, last[None, :])
        (i, j), (k, l) = below.T, above.T
        s, t = (where - below.astype(float)).T
        return (1 - s) * ((1 - t) * image[i, j] + t * image[i, l]) + s * ((1 - t) * image[k, j] + t * image[k, l])

    def _points(self, quantity):
        """Offsets from the scan position and weights of B_z there."""
        if self.loop_radius is not None:
            inner = jnp.zeros(()) if self.inner_radius is None else self.inner_radius
            offsets, weights = ring_points(self.counts, inner, self.loop_radius)
            return offsets, weights if quantity == "field" else self.area * weights
        kernel, side = jnp.asarray(self.kernel), jnp.asarray(self.kernel_spacing)
        x, y = (side * (jnp.arange(float(n)) - (n - 1) / 2) for n in kernel.shape)
        # what is spread to +d is seen from -d
        offsets = -jnp.stack(jnp.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
        weights = side**2 * kernel.ravel()
        return offsets, weights / self.area if quantity == "field" else weights


def _average(state, height, offsets, weights, options):
    return state.bz(height, offsets=offsets, weights=weights, **options)


_compiled_average = eqx.filter_jit(_average)
