"""Finite superconducting film of any outline: stream function on a grid by conjugate gradients and FFTs."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from .._checks import concrete, positive, require_double, step_limit, traced, with_shape
from ..numerics.cg import conjugate_gradients
from ..numerics.inverse import inverse_by_halves
from ..numerics.multigrid import Nodes, nodes_of, project
from ..solution import RESULTS
from .driving import currents_into, sources_of
from .functional import Stiffness, differences, linear, quadratic, quadratic_of_links
from .kernels import even_symbol, node_kernel
from .maps import cell_map, outline_distance, pearl_length_map, positive_map
from .outlines import known_mask
from .preconditioner import Multigrid, Sines, link_means
from .state import FilmState
from .terminals import Ramps, Terminal, lead_field, ramps_of
from .topology import Topology, cells_inside, is_rectangle, topology_inside, topology_of

SMALLEST_FRACTION = 0.05  # of a link cut by the outline: shorter ones count as that long
ON_OUTLINE = 1e-9  # of the largest distance: nodes that close to the outline are not inside
AIM = 0.9  # of the tolerance: what conjugate gradients aim at


class Film(eqx.Module):
    r"""Superconducting film with holes, terminals and any map of the Pearl length, mu0 = 1.

    The stream function g of the sheet current, `K = (d_y g, -d_x g)`, minimises

        F[g] = 1/2 int Lam |K|^2 + 1/2 iint K.K' / (4 pi |r - r'|) + int g H + int K.a - sum Phi g

    with `Lam = pearl_length / 2`, the applied field H along z, the anomalous potential `a = anomalous * (m_y, -m_x)`
    and fluxoids Phi of holes and vortices; its Euler equation is London's, `Lam K + A + a = grad chi` (Xiang 2023,
    methods; re-derived). g is zero outside, constant in each hole, and climbs along a terminal as current enters. The
    energy of the moments is `E = -min F`.

    Cells are squares, and currents flow along their sides in boxes whose inductances are exact. As long as `Lam` is
    above the spacing, moments of rectangles are of second order in it (of order 1.5 with holes or inward corners), and
    outlines in steps of the first: a disk of 256 cells across is 0.8 % off. Links that are cut where a signed distance
    says so leave 0.005, 0.02 and 0.1 % of error for `Lam` = 1, 0.1 and 0.01 radii, falling with order 1.5 or more.

    Maps and spacing may be traced; mask, outline and terminals have to be known. :meth:`replace` gives a film with
    other maps without looking at the mask again.

    Args:
        mask: cells with film, `(nx, ny)`, axis order [ix, iy]; the film may reach the rim of the grid. With an outline
            the film is where both say so; None then is everywhere, if the outline comes at the nodes.
        spacing: h, side of a cell; the length unit of all.
        pearl_length: r0 = 2 lambda^2 / d, twice what is called Lambda elsewhere; a number or a map of the cells.
            Infinite cells count as holes.
        outline: for sub-pixel edges the signed distance at the nodes, `(nx + 1, ny + 1)`, negative inside; or polygons,
            the first the outside, the others holes.
        terminals: name -> `Terminal` or the polygon of its region.
        anomalous: amplitude of a, a number or a map of the cells; None is 1, and no rim: uniform moments then give
            exactly no current.
        origin: position of the grid's corner.

    Raises:
        ValueError: an empty mask, NaN, a Pearl length that is not positive, terminals that are not on an outer outline
            or cut open at the rim of the grid, single precision.

    Example:
        >>> film = Film(np.ones((32, 32), bool), 1 / 32, 0.1)
        >>> state = film.solve(applied_field=1.0)
        >>> print(f"{state.magnetic_moment:.5f} {state.stats['steps']}")
        -0.25757 7
    """

    mask: Bool[Array, "nx ny"]
    spacing: Float[Array, ""]
    pearl_length: Float[Array, "*map"]
    outline: Float[Array, "mx my"] | None
    anomalous: Float[Array, "*map"]
    origin: Float[Array, "2"]
    nodes: Nodes
    symbol: Float[Array, "px pq"]
    inverse: Any
    ramps: Ramps | None
    entries: tuple[Terminal, ...]
    shape: tuple[int, int] = eqx.field(static=True)
    terminals: tuple[str, ...] = eqx.field(static=True)
    outlines: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        mask: Any,
        spacing: Any,
        pearl_length: Any,
        *,
        outline: Any = None,
        terminals: Any = None,
        anomalous: Any = None,
        origin: Any = (0.0, 0.0),
    ):
        require_double("Film", jnp.zeros(()).dtype)
        # as they came: inside jit what is known is known only in that form
        known = concrete(spacing), concrete(origin)
        self.spacing = positive("spacing", spacing).astype(float)
        self.origin = with_shape("origin", origin, (2,)).astype(float)
        mask = None if mask is None else known_mask(mask)
        if outline is not None:
            distance, mask = outline_distance(outline, mask, *known)
            inside = distance < -ON_OUTLINE * np.abs(distance).max()
            topology = topology_inside(inside & topology_of(mask).free)
            mask = mask & cells_inside(topology.free)
            self.outline = jnp.asarray(distance)
        elif mask is None:
            raise ValueError("mask must be given where there is no outline")
        else:
            self.outline = None
        self.shape = mask.shape
        self.pearl_length, mask = pearl_length_map(pearl_length, mask, outline is not None)
        topology = topology_of(mask) if outline is None else topology
        if not topology.free.any() and not topology.holes:
            raise ValueError("mask must contain a square of at least 2 x 2 cells of film, or a ring")
        self.mask = jnp.asarray(mask)
        self.anomalous = cell_map("anomalous", 1.0 if anomalous is None else anomalous, mask)
        nodes = nodes_of(topology.free, topology.hole_nodes, topology.hole_of, topology.holes)
        self.nodes = jax.tree.map(jnp.asarray, nodes)
        inner = [max(1, n - 1) for n in self.shape]
        self.symbol = jnp.asarray(even_symbol(node_kernel(*inner)))
        self.inverse = self._approximate_inverse(mask, topology)
        self.ramps, self.entries, self.terminals, self.outlines = None, (), (), ()
        if terminals:
            if outline is not None:
                raise ValueError("terminals need an outline in steps: leave out outline=")
            if not isinstance(terminals, Mapping):
                raise ValueError(f"terminals must be a mapping, name -> Terminal, got a {type(terminals).__name__}")
            if known[0] is None or known[1] is None:
                raise ValueError("spacing and origin must be known where there are terminals")
            named = {name: t if isinstance(t, Terminal) else Terminal(t) for name, t in terminals.items()}
            self.ramps, self.outlines = ramps_of(mask, named, float(known[0]), np.asarray(known[1], float))
            self.terminals, self.entries = tuple(named), tuple(named.values())

    # --- geometry

    @property
    def holes(self) -> int:
        """Number of holes."""
        return self.nodes.size.size

    @property
    def node_positions(self) -> Float[Array, "mx my 2"]:
        """Positions of the nodes."""
        return self._grid(0.0, 1)

    @property
    def cell_positions(self) -> Float[Array, "nx ny 2"]:
        """Positions of the centres of the cells."""
        return self._grid(0.5, 0)

    def replace(self, *, pearl_length: Any = None, anomalous: Any = None, outline: Any = None) -> "Film":
        """The film with other maps, on the same nodes; with traced ones, the preconditioner stays and costs more steps.

        Args:
            pearl_length: as the class; what it is without film does not matter.
            anomalous: as the class.
            outline: signed distance at the nodes, of a change so small that no node changes sides (by more than a
                twentieth of a cell). Links shorter than that do not answer to it, so that larger changes are better
                made in new films.

        Raises:
            ValueError: as the class; an outline that moves nodes to its other side, or for a film without one.

        Example:
            >>> film = Film(np.ones((8, 8), bool), 0.1, 1.0)
            >>> moment = lambda r0: film.replace(pearl_length=r0).solve(1.0).magnetic_moment
            >>> print(f"{jax.grad(moment)(1.0):.5f}")
            0.02100
        """
        film = self
        if pearl_length is not None:
            value = positive_map("pearl_length", pearl_length, self.mask)
            film = eqx.tree_at(lambda f: f.pearl_length, film, value)
        if anomalous is not None:
            film = eqx.tree_at(lambda f: f.anomalous, film, cell_map("anomalous", anomalous, self.mask))
        if outline is not None:
            if self.outline is None:
                raise ValueError("outline can only be replaced in a film that was made with one")
            value = with_shape("outline", outline, tuple(n + 1 for n in self.shape)).astype(float)
            far = SMALLEST_FRACTION * self.spacing
            wrong = (self.nodes.free & (value > far)) | (~self.nodes.free & (value < -far) & (self.outline >= 0))
            message = "outline must leave every node on its side: make a new film for a larger change"
            if traced(wrong):
                value = eqx.error_if(value, wrong.any(), message)
            elif wrong.any():
                raise ValueError(f"{message}, got {int(wrong.sum())} nodes that change sides")
            film = eqx.tree_at(lambda f: f.outline, film, value)
        if pearl_length is not None and not traced(film):
            free, tied, group = (np.asarray(a) for a in self.nodes[:3])
            inverse = film._approximate_inverse(np.asarray(self.mask), Topology(free, tied, group, self.holes))
            film = eqx.tree_at(lambda f: f.inverse, film, inverse)
        return film

    @property
    def hole_labels(self) -> Int[Array, "mx my"]:
        """Index of the hole that every node belongs to, -1 for none."""
        none = jnp.full(self.nodes.free.size, -1)
        return none.at[self.nodes.tied].set(self.nodes.group).reshape(self.nodes.free.shape)

    # --- the problem

    def solve(
        self,
        applied_field: Any = 0.0,
        terminal_currents: Any = None,
        fluxoids: Any = None,
        moments: Any = None,
        vortices: Any = None,
        tolerance: Any = 1e-10,
        max_steps: Any = 500,
        throw: bool = True,
    ) -> FilmState:
        """Stream function of given sources; differentiable in all of them and in every map of the film.

        Derivatives are those of the implicit function theorem, one more solve for each observable; that of the energy
        needs none. `jax.vmap` over sources shares the set-up.

        Args:
            applied_field: H along z in the film: a number, one at every node, `(nx + 1, ny + 1)`, or a source with
                `field(points)`, such as a `CurrentLoop`.
            terminal_currents: current into the film through each terminal, name -> current or `(t,)` in their order.
                The sum over the terminals of a piece of film is zero.
            fluxoids: flux trapped in each hole, `(holes,)`; None is zero.
            moments: m of every cell, `(nx, ny, 2)`; None is zero. Their length is not checked: all is linear in them.
            vortices: position and flux of pinned vortices, `(v, 3)`.
            tolerance: of the residual over the right-hand side.
            max_steps: products allowed.
            throw: raise if it did not converge; False returns what was found, and `result` says so.

        Raises:
            ValueError: wrong shapes, NaN, currents that do not add up to zero, a vortex outside the film.
            eqx.EquinoxRuntimeError: not converged, and `throw=True`.
        """
        sources = sources_of(self, applied_field, fluxoids, moments, vortices)
        known_elsewhere = hasattr(applied_field, "field") or np.ndim(applied_field) == 0
        applied = applied_field if hasattr(applied_field, "field") else sources.field[0, 0]
        currents = currents_into(self, terminal_currents)
        tolerance, max_steps = positive("tolerance", tolerance), step_limit("max_steps", max_steps)
        found = _solve(self, sources, currents, tolerance, max_steps, throw)
        applied = applied if known_elsewhere else None
        return FilmState(film=self, terminal_currents=currents, applied_field=applied, history=None, **found)

    def inductance(self, tolerance: Any = 1e-10) -> Float[Array, "holes holes"]:
        """Inductance matrix of the holes: fluxoids are L times the currents that circulate around them.

        Raises:
            ValueError: a film without holes.

        Example:
            >>> mask = np.ones((16, 16), bool)
            >>> mask[6:10, 6:10] = False
            >>> print(Film(mask, 1 / 16, 0.1).inductance().round(4))
            [[0.648]]
        """
        if not self.holes:
            raise ValueError("inductance needs a film with holes")
        solve = lambda fluxoids: self.solve(fluxoids=fluxoids, tolerance=tolerance).of_holes()
        return inverse_by_halves(jax.vmap(solve)(jnp.eye(self.holes)), jnp.ones(()))[0]

    def _stiffness(self):
        """The quadratic part of F."""
        cells = jnp.broadcast_to(self.pearl_length / 2, self.shape)
        along_x, along_y = self._cut(*link_means(self.mask, cells))
        return Stiffness(along_x, along_y, self.spacing / (4 * jnp.pi) * self.symbol)

    def _cut(self, along_x, along_y):
        """Links that the outline cuts are shorter, and weigh more."""
        if self.outline is None:
            return along_x, along_y
        found = []
        for weights, axis in ((along_x, 0), (along_y, 1)):
            low, high = (jax.lax.slice_in_dim(a, s, e, axis=axis) for a, s, e in _ends(self.outline, axis))
            one, other = (jax.lax.slice_in_dim(a, s, e, axis=axis) for a, s, e in _ends(self.nodes.free, axis))
            inner, outer = jnp.where(one, low, high), jnp.where(one, high, low)
            cut = (one != other) & (outer >= 0)  # the mask may end the film as well
            part = inner / jnp.where(cut, inner - outer, 1.0)
            found.append(jnp.where(cut, weights / jnp.clip(part, SMALLEST_FRACTION, 1.0), weights))
        return tuple(found)

    def _along_terminals(self, currents):
        """Stream function on the outlines that terminals are on, zero elsewhere."""
        nothing = jnp.zeros(self.nodes.free.shape)
        if self.ramps is None:
            return nothing
        return nothing.ravel().at[self.ramps.nodes].set(self.ramps.per_current @ currents).reshape(nothing.shape)

    def _links(self, g):
        """`h K` on the links that touch film."""
        x, y = differences(g)
        if self.ramps is None:
            return x, y
        film = self.mask
        beside_x, beside_y = jnp.pad(film, ((1, 1), (0, 0))), jnp.pad(film, ((0, 0), (1, 1)))
        return (
            jnp.where(beside_x[1:] | beside_x[:-1], x, 0.0),
            jnp.where(beside_y[:, 1:] | beside_y[:, :-1], y, 0.0),
        )

    def _dual(self, sources, g):
        """F[g]."""
        if self.ramps is None:
            return quadratic(self._stiffness(), g) + self._driven(sources, g)
        return quadratic_of_links(self._stiffness(), self.spacing, *self._links(g)) + self._driven(sources, g)

    def _driven(self, sources, g):
        """The part of F that is linear in g."""
        return linear(sources, self.spacing, g, *self._links(g))

    def _with_leads(self, sources, currents):
        if self.ramps is None or not self.ramps.corners.size:
            return sources
        points = self.node_positions.reshape(-1, 2)
        bz = lead_field(self.ramps, currents, points, jnp.zeros(()))[:, 2].reshape(self.nodes.free.shape)
        return sources._replace(field=sources.field + bz)

    def _approximate_inverse(self, mask, topology):
        cells = jnp.broadcast_to(self.pearl_length / 2, self.shape)
        full = is_rectangle(topology.free)
        uniform = self.pearl_length.ndim == 0 or (not traced(cells) and np.ptp(np.asarray(cells)[mask]) == 0)
        if uniform and full and not topology.holes and self.outline is None:
            return Sines(topology.free, self.spacing, cells[tuple(np.argwhere(mask)[0])])
        known = cells if traced(cells) else np.asarray(cells)
        return Multigrid(mask, topology, self.spacing, known, *self._cut(*link_means(mask, known)))

    def _grid(self, shift, more):
        x, y = (self.spacing * (jnp.arange(n + more, dtype=float) + shift) for n in self.shape)
        return self.origin[None, None] + jnp.stack(jnp.meshgrid(x, y, indexing="ij"), axis=-1)


# --- what is compiled


@eqx.filter_jit
def _solve(film, sources, currents, tolerance, max_steps, throw):
    sources = sources if currents is None else film._with_leads(sources, currents)
    start = film._along_terminals(currents)
    push = film._driven if currents is None else film._dual  # the same there, without convolutions of zero
    right = -project(film.nodes, jax.grad(lambda g: push(sources, g))(start))
    stiffness = film._stiffness()
    matrix = lambda u: project(film.nodes, stiffness(u))
    inverse = jax.tree.map(jax.lax.stop_gradient, film.inverse)

    def solve(matrix, right):
        right = project(film.nodes, right)  # of a cotangent too
        approximate = lambda u: project(film.nodes, inverse(u))
        found = conjugate_gradients(matrix, right, approximate, AIM * tolerance, max_steps)
        # not the residual of the recurrence, which goes on falling where rounding has ended that of x
        size = jnp.sqrt(jnp.sum(right**2))
        residual = jnp.sqrt(jnp.sum((right - matrix(found.x)) ** 2)) / jnp.where(size > 0, size, 1.0)
        return found.x, (residual, found.steps)

    u, (residual, steps) = jax.lax.custom_linear_solve(matrix, right, solve, solve, symmetric=True, has_aux=True)
    stream = start + u
    finite = jnp.isfinite(residual)
    result = RESULTS.where(residual <= tolerance, RESULTS.successful, RESULTS.max_steps_reached)
    result = RESULTS.where(finite, result, RESULTS.nonfinite)
    if throw:
        stream = result.error_if(stream, result != RESULTS.successful)
    return {
        "result": result,
        "stats": {"steps": steps, "residual": residual},
        "stream": stream,
        "energy": -_at_minimum(film, sources, start, u),
        "sources": sources,
    }


@jax.custom_jvp
def _at_minimum(film, sources, start, u):
    """F at its minimum in u, whose first derivative needs none of u."""
    return film._dual(sources, start + u)


@_at_minimum.defjvp
def _at_minimum_jvp(primals, tangents):
    *given, u = primals
    return jax.jvp(lambda f, s, g: f._dual(s, g + u), tuple(given), tangents[:3])


def _ends(array, axis):
    return (array, 0, -1), (array, 1, None)
