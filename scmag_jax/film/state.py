"""What a solve of a film returns: stream function, currents, fields and moments."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import traced, with_shape
from ..solution import Solution
from .biot_savart import field_of_links
from .functional import Sources
from .kernels import convolve, even_symbol, node_kernel
from .outlines import signed_distance
from .terminals import lead_field


class FilmState(Solution):
    """Answer of `Film.solve`, mu0 = 1.

    Attributes:
        result: member of `RESULTS`.
        stats: `steps` (products with the matrix) and `residual` over the right-hand side.
        history: None.
        film: the film.
        stream: g at the nodes, `(nx + 1, ny + 1)`; between two points of the film g falls by the current that crosses
            the way from one to the other from right to left.
        energy: `E = -min F`, the energy of moments and sources: `int K.a / -2` of moments alone, and with currents that
            are given it lacks the work of their source, `-L I^2 / 2` of a bias alone.
        sources: applied field, that of leads included, anomalous potential and fluxoids.
        terminal_currents: current into every terminal, `(t,)`, or None.
        applied_field: H as it was given, a number or a source; None for a map.

    A batch of states, from `jax.vmap`, has its arrays only; `jax.vmap` what follows from them as well.

    Example:
        >>> state = sm.Film(np.ones((16, 16), bool), 1 / 16, 0.5).solve(applied_field=1.0)
        >>> print(state.current.shape, f"{state.bz(0.1)[8, 8]:.4f} {state.bz(0.1, total=True)[8, 8]:.4f}")
        (16, 16, 2) -0.2536 0.7464
    """

    film: Any
    stream: Float[Array, "mx my"]
    energy: Float[Array, ""]
    sources: Sources
    terminal_currents: Float[Array, "t"] | None
    applied_field: Any

    @property
    def spacing(self) -> Float[Array, ""]:
        """Side of a cell."""
        return self.film.spacing

    @property
    def current(self) -> Float[Array, "nx ny 2"]:
        """Sheet current K at the centres of the cells, the mean of the links on both sides; zero outside."""
        x, y = self.link_currents
        cells = jnp.stack([(x[1:] + x[:-1]) / 2, (y[:, 1:] + y[:, :-1]) / 2], axis=-1)
        return jnp.where(self.film.mask[..., None], cells, 0.0)

    @property
    def link_currents(self) -> tuple[Float[Array, "mx ny"], Float[Array, "nx my"]]:
        """K_x on links along y and K_y on links along x; free of divergence exactly."""
        self._refuse_batches()
        x, y = self.film._links(self.stream)
        return x / self.spacing, y / self.spacing

    @property
    def hole_currents(self) -> Float[Array, "holes"]:
        """Current that circulates around each hole, counterclockwise: g there.

        Raises:
            ValueError: a film with terminals, whose currents go around a hole on both sides: see `current_through`.
        """
        self._refuse_terminals("hole_currents")
        return self.of_holes()

    def of_holes(self) -> Float[Array, "holes"]:
        """Stream function of each hole."""
        self._refuse_batches()
        nodes = self.film.nodes
        sums = jax.ops.segment_sum(self.stream.ravel()[nodes.tied], nodes.group, nodes.size.size)
        return sums / nodes.size

    @property
    def magnetic_moment(self) -> Float[Array, ""]:
        """Moment along z, `int g`, holes included; negative is diamagnetic.

        Raises:
            ValueError: a film with terminals, whose currents are not closed.
        """
        self._refuse_terminals("magnetic_moment")
        self._refuse_batches()
        return self.spacing**2 * jnp.sum(self.stream)

    @property
    def normal_field(self) -> Float[Array, "mx my"]:
        """B_z in the film, averaged over the square of a spacing around each node, the applied field included.

        Raises:
            ValueError: a film with terminals, whose currents come from beyond the grid: see `bz`.
        """
        self._refuse_terminals("normal_field")
        self._refuse_batches()
        symbol = jnp.asarray(even_symbol(node_kernel(*self.stream.shape)))
        return self.sources.field + convolve(symbol, self.stream) / (4 * jnp.pi * self.spacing)

    def _refuse_terminals(self, name):
        if self.film.ramps is not None:
            raise ValueError(f"{name} needs closed currents, and this film has terminals: use bz or current_through")

    def _refuse_batches(self):
        if self.stream.ndim != 2:
            raise ValueError(
                f"a batch of states, of shape {self.stream.shape[:-2]}, has arrays only: jax.vmap the property too, "
                "as in jax.vmap(lambda H: film.solve(H).magnetic_moment)(fields)"
            )

    def bz(self, height: Any, total: bool = False, offsets: Any = None, weights: Any = None) -> Float[Array, "nx ny"]:
        """Field along z above the centres of the cells; arguments as :meth:`magnetic_field`."""
        return self.magnetic_field(height, total, offsets, weights)[..., 2]

    def magnetic_field(
        self, height: Any, total: bool = False, offsets: Any = None, weights: Any = None
    ) -> Float[Array, "nx ny 3"]:
        """Field above the centres of the cells, of the currents in boxes of h x h, exactly, and of straight leads.

        Args:
            height: z, a scalar in the unit of the spacing; `jax.vmap` for several. In the film the components in the
                plane are the limits from above.
            total: with the applied field, which has to be a number or a source.
            offsets: `(k, 2)`: a weighted mean over points that far from each centre instead, as over a pickup loop;
                they may lie beyond the grid.
            weights: of the points, `(k,)`; None is 1 / k.

        Raises:
            ValueError: wrong shapes; `total=True` where the applied field is a map: it says nothing of other heights.
        """
        if total and self.applied_field is None:
            raise ValueError("total=True needs an applied field that was given as a number or a source, not as a map")
        height = with_shape("height", height, ()).astype(float)
        offsets = jnp.zeros((1, 2)) if offsets is None else with_shape("offsets", offsets, ("k", 2)).astype(float)
        count = len(offsets)
        weights = (
            jnp.full(count, 1 / count) if weights is None else with_shape("weights", weights, (count,)).astype(float)
        )
        film = self.film
        x, y = self.link_currents
        field = field_of_links(x, y, height / self.spacing, offsets / self.spacing, weights)
        if film.ramps is not None and film.ramps.corners.size and self.terminal_currents is not None:
            points = film.cell_positions.reshape(-1, 2)
            of_leads = lambda o: lead_field(film.ramps, self.terminal_currents, points + o[None], height)
            mean = jnp.tensordot(weights, jax.lax.map(of_leads, offsets), 1)
            field = field + mean.reshape(field.shape)
        if total and hasattr(self.applied_field, "field"):
            heights = jnp.full((*film.shape, 1), height)
            above = lambda o: jnp.concatenate([film.cell_positions + o[None, None], heights], axis=-1)
            applied = jax.lax.map(lambda o: self.applied_field.field(above(o)), offsets)
            field = field + jnp.tensordot(weights, applied, 1)
        elif total:
            field = field.at[..., 2].add(jnp.sum(weights) * self.applied_field)
        return field

    def flux(self, polygon: Any, height: Any = 0.0, total: bool = False) -> Float[Array, ""]:
        """Flux of B_z through a polygon above the grid: cells count by the part of them that lies inside.

        Args:
            polygon: corners `(k, 2)`, in the film's coordinates.
            height: z of the polygon.
            total: with the applied field, which has to be uniform.

        Raises:
            ValueError: a polygon that reaches beyond the grid.

        Example:
            >>> film = sm.Film(np.ones((16, 16), bool), 1 / 16, 0.5)
            >>> square = [(0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)]
            >>> print(f"{film.solve(applied_field=1.0).flux(square, total=True):.4f}")
            0.1707
        """
        corners = with_shape("polygon", polygon, ("k", 2)).astype(float)
        film = self.film
        low, high = film.origin, film.origin + film.spacing * jnp.asarray(film.shape, dtype=float)
        beyond = ((corners < low[None] - 1e-9 * film.spacing) | (corners > high[None] + 1e-9 * film.spacing)).any()
        message = "polygon must lie above the grid; make the grid larger"
        if traced(beyond):
            corners = eqx.error_if(corners, beyond, message)
        elif beyond:
            raise ValueError(message)
        distance = signed_distance([corners], film.cell_positions)
        inside = jnp.clip(0.5 - distance / film.spacing, 0.0, 1.0)
        return film.spacing**2 * jnp.sum(inside * self.bz(height, total))

    def current_through(self, start: Any, end: Any) -> Float[Array, ""]:
        """Current that crosses the way from one node to another from its right to its left.

        Args:
            start: indices (i, j) of a node, inside or outside the film.
            end: likewise. The way goes along x, then along y.

        Example:
            >>> film = sm.Film(np.ones((8, 8), bool), 1 / 8, 1.0)
            >>> state = film.solve(applied_field=1.0)
            >>> print(bool(jnp.allclose(state.current_through((4, 4), (0, 4)), state.stream[4, 4])))
            True
        """
        (i, j), (k, l) = start, end
        limits = self.stream.shape
        if not all(0 <= a < n for a, n in zip((i, j, k, l), (*limits, *limits), strict=True)):
            raise ValueError(f"start and end must be nodes of the grid, below {limits}, got {start} and {end}")
        x, y = self.link_currents
        # along +x the left is +y, along +y it is -x
        one = jnp.sum(y[min(i, k) : max(i, k), j]) * (1 if k > i else -1)
        two = -jnp.sum(x[k, min(j, l) : max(j, l)]) * (1 if l > j else -1)
        return self.spacing * (one + two)
