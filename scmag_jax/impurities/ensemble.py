"""Moments at arbitrary positions on an infinite film: free energy, currents and fields."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from .._checks import concrete, plain_number, real_array, with_shape
from ..energy import FreeEnergy
from .coupling import PearlCoupling, check_coupling
from .fields import magnetic_field, sheet_current, stream_function
from .pairs import DirectSum, EwaldSum, closest_distance, interaction_rows

MATRIX_LIMIT = 2048  # moments up to which the interaction matrix is kept (100 MB in float64)
MAP_ELEMENTS = 100_000  # pairs of point and moment evaluated at once in maps of currents and fields


class Ensemble(FreeEnergy):
    """Free energy of in-plane moments on an infinite superconducting film, open or periodic.

        E = 1/2 sum_ij w_i w_j m_i K(r_i - r_j) m_j - g sum_i w_i m_i.(z x j_ext)

    with `K_ab = -strength d_a d_b V` (Lu 2023, Eq. 6) and the coupling to an external supercurrent of the physics
    behind Eq. 3 there (re-derived). In a box, K is summed over all periodic images, a moment's own images included,
    and the term q = 0 is left out (no depolarisation).

    The interaction matrix is set up once, at construction; differentiate through the constructor for derivatives
    with respect to positions and coupling. Up to 2048 moments it is kept, so that an evaluation is one matrix
    product; beyond, its rows are recomputed block by block in every evaluation, memory bounded.

    In a box a distance is resolved down to a limit, below which energies, currents and fields are NaN: between traced
    positions 1e-8 of the mean spacing (concrete ones set their own limit); between a point of a map and a moment
    4e-10 `split` times the shorter side, 4e-6 in single precision.

    Args:
        positions: shape `(n, 2)`, in the length unit of the coupling's Pearl length.
        coupling: the pair interaction.
        box: sides `(Lx, Ly)` of a periodic box, concrete numbers, or None for the open plane.
        method: "direct" (open plane), "ewald" (box), or "auto".
        weights: `Gamma_i / Gamma` of every moment, signed, shape `(n,)`; None = 1.
        applied_current: external sheet current j_ext, shape `(2,)` or `(n, 2)`, mu0 = 1 units; None = none.
        split: fraction of the largest Ewald split length, in (0, 1]. It changes the cost and, while no self energies
            cancel, not the result: usually 1e-12. Strongly screened moments in a long box are the worst case found,
            1e-10 of a very small energy at 1 and 4e-8 at 0.25.

    Raises:
        ValueError: wrong shapes, NaN, no moment at all, coincident moments, a box side that is not positive, a method
            that does not fit the geometry, an applied current without screening (infinite Pearl length).

    Example:
        >>> c = PearlCoupling(pearl_length=1.0)
        >>> e = Ensemble(jnp.array([[0.0, 0.0], [0.5, 0.0]]), c)
        >>> m = jnp.array([[1.0, 0.0], [1.0, 0.0]])
        >>> print(f"{e(m):.9f}")
        -3.602177823
        >>> print(e.bz(m, jnp.zeros((4, 2)), 0.1).shape)
        (4,)
    """

    coupling: PearlCoupling
    weights: Float[Array, "n"]
    applied_current: Float[Array, "n 2"] | None
    interaction: DirectSum | EwaldSum
    matrix: Float[Array, "3 n n"] | None

    def __init__(
        self,
        positions: Any,
        coupling: PearlCoupling,
        box: Any = None,
        method: str = "auto",
        weights: Any = None,
        applied_current: Any = None,
        *,
        split: float = 1.0,
    ):
        positions = with_shape("positions", positions, ("n", 2))
        check_coupling(coupling)
        count = len(positions)
        if not count:
            raise ValueError("positions must hold at least one moment")
        sides = None if box is None else _check_box(box)
        if method not in ("auto", "direct", "ewald"):
            raise ValueError(f'method must be "auto", "direct" or "ewald", got {method!r}')
        if method == "direct" and sides is not None:
            raise ValueError('method "direct" sums pairs in the open plane; a periodic box needs "ewald"')
        if method == "ewald" and sides is None:
            raise ValueError('method "ewald" needs a periodic box, got box=None')
        split = plain_number("split", split)
        if not 0 < split <= 1:
            raise ValueError(f"split must lie in (0, 1], got {split}")
        _refuse_coincident(concrete(positions), sides)
        self.coupling = coupling
        self.weights = jnp.ones(count, positions.dtype) if weights is None else with_shape("weights", weights, (count,))
        if applied_current is not None:
            self._finite_pearl_length("an applied current, whose energy grows with it")
            applied_current = _check_current(applied_current, count)
        self.applied_current = applied_current
        if sides is None:
            self.interaction = DirectSum(positions, coupling)
        else:
            self.interaction = EwaldSum(positions, coupling, sides, split)
        self.matrix = interaction_rows(self.interaction, jnp.arange(count)) if count <= MATRIX_LIMIT else None

    @property
    def positions(self) -> Float[Array, "n 2"]:
        """Positions of the moments."""
        return self.interaction.positions

    def with_current(self, applied_current: Any) -> "Ensemble":
        """The ensemble in another applied current: positions and couplings are not computed again.

        Args:
            applied_current: as the class; may be traced, so that it can be a drive of `hysteresis`.

        Raises:
            ValueError: as the class.

        Example:
            >>> e = Ensemble(jnp.array([[0.0, 0.0], [0.5, 0.0]]), PearlCoupling(pearl_length=1.0))
            >>> m = jnp.array([[0.0, 1.0], [0.0, 1.0]])
            >>> print(f"{e.with_current([1.0, 0.0])(m) - e(m):.4f}")
            -3.5449
        """
        self._finite_pearl_length("an applied current, whose energy grows with it")
        current = _check_current(applied_current, len(self.weights))
        return eqx.tree_at(lambda e: e.applied_current, self, current, is_leaf=lambda leaf: leaf is None)

    def __call__(self, moments: Float[Array, "n 2"]) -> Float[Array, ""]:
        """Total energy of one configuration of moments, shape `(n, 2)`; unit vectors for the model of the paper."""
        moments = self._weighted(moments)
        if self.matrix is None:
            energy = _blockwise_energy(self.interaction, moments)
        else:
            energy = _quadratic(self.matrix, moments)
        energy = energy + self.interaction.wave_energy(moments)
        if self.applied_current is not None:
            turned = jnp.stack([-self.applied_current[:, 1], self.applied_current[:, 0]], axis=-1)
            energy = energy - self.coupling.flux * jnp.sum(moments * turned)
        return energy

    def stream(self, moments: Float[Array, "n 2"], points: Float[Array, "*p 2"]) -> Float[Array, "*p"]:
        """Stream function of the moments' sheet current, `psi = (Gamma/2 pi) sum_j (m_j.grad) V(|r - r_j|/r0)`.

        Args:
            moments: shape `(n, 2)`.
            points: shape `(..., 2)`; psi diverges at a moment.

        Raises:
            ValueError: an infinite Pearl length.
        """
        self._finite_pearl_length("a stream function")
        return self._map(stream_function(self._potential(moments), self.coupling.gamma), points)

    def current(self, moments: Float[Array, "n 2"], points: Float[Array, "*p 2"]) -> Float[Array, "*p 2"]:
        """Sheet current of the moments, `j = (d_y psi, -d_x psi)` (Lu 2023, Eq. 12), mu0 = 1 units.

        One moment: `j = (e^2 D / Gamma) [J_par u - (J_par + J_perp) (u.rhat) rhat]`, `u = m x z`. The applied
        current is not included.

        Args:
            moments: shape `(n, 2)`.
            points: shape `(..., 2)`; the current diverges at a moment.

        Returns:
            Shape `(..., 2)`.

        Raises:
            ValueError: an infinite Pearl length, at which Gamma vanishes for a given strength.
        """
        self._finite_pearl_length("a current")
        return self._map(sheet_current(self._potential(moments), self.coupling.gamma), points)

    def bz(self, moments: Float[Array, "n 2"], points: Float[Array, "*p 2"], height: Any) -> Float[Array, "*p"]:
        """Field of the moments' currents along z at a height above the film (even in the height).

        Args:
            moments: shape `(n, 2)`.
            points: in-plane positions, shape `(..., 2)`.
            height: z, a scalar; at z = 0 the field diverges at a moment.
        """
        return self.magnetic_field(moments, points, height)[..., 2]

    def magnetic_field(
        self, moments: Float[Array, "n 2"], points: Float[Array, "*p 2"], height: Any
    ) -> Float[Array, "*p 3"]:
        """Field B of the moments' currents at a height, shape `(..., 3)`; in-plane components are odd in the height.

        Args:
            moments: shape `(n, 2)`.
            points: in-plane positions, shape `(..., 2)`.
            height: z, a scalar. At z = 0 the in-plane components are the limit from above.

        Raises:
            ValueError: an infinite Pearl length, which leaves no scale for the field.
        """
        self._finite_pearl_length("a magnetic field")
        height = with_shape("height", height, ())
        field = magnetic_field(self._potential(moments), self.coupling.gamma)
        above = self._map(lambda point: field(point, jnp.abs(height)), points)
        odd = jnp.where(height < 0, -1.0, 1.0)
        return above * jnp.stack([odd, odd, jnp.ones_like(odd)]).reshape((1,) * (above.ndim - 1) + (3,))

    def _finite_pearl_length(self, purpose):
        known = concrete(self.coupling.pearl_length)
        if known is not None and np.isinf(known):
            raise ValueError(f"pearl_length must be finite for {purpose}: Gamma is not defined by strength without it")

    def _weighted(self, moments):
        moments = with_shape("moments", moments, (len(self.weights), 2))
        return self.weights[:, None] * moments

    def _potential(self, moments):
        return self.interaction.potential(self._weighted(moments))

    def _map(self, function, points):
        points = with_shape("points", points, ("...", 2))
        batch = max(1, MAP_ELEMENTS // len(self.weights))
        values = jax.lax.map(function, points.reshape(-1, 2), batch_size=batch)
        return values.reshape(points.shape[:-1] + values.shape[1:])


def _apply(tensor, moments):
    # K.m from the components xx, xy, yy of some rows of K; one product, whose rows xy serve both directions
    products = jnp.einsum("kij,ja->kia", tensor, moments)
    return jnp.stack([products[0, :, 0] + products[1, :, 1], products[1, :, 0] + products[2, :, 1]], axis=-1)


@jax.custom_jvp
def _quadratic(tensor, moments):
    """1/2 m.K.m; K is symmetric, so that value and field share one product with it (plain autodiff takes two)."""
    return 0.5 * jnp.sum(moments * _apply(tensor, moments))


def _quadratic_jvp(primals, tangents):
    (tensor, moments), (tensor_dot, moments_dot) = primals, tangents
    applied = _apply(tensor, moments)
    value = 0.5 * jnp.sum(moments * applied)
    tangent = jnp.zeros_like(value)
    if not isinstance(moments_dot, SymbolicZero):
        tangent = tangent + jnp.sum(applied * moments_dot)
    if not isinstance(tensor_dot, SymbolicZero):
        tangent = tangent + 0.5 * jnp.sum(moments * _apply(tensor_dot, moments))
    return value, tangent


_quadratic.defjvp(_quadratic_jvp, symbolic_zeros=True)


def _blockwise_energy(interaction, moments):
    count = len(interaction.positions)
    number = -(-count // max(1, MATRIX_LIMIT**2 // (4 * count)))
    size = -(-count // number)
    index = jnp.arange(number * size).reshape(number, size)

    def add(energy, rows):
        # rows beyond the last moment repeat it with weight zero
        inside = (rows < count).astype(moments.dtype)[:, None]
        rows = jnp.minimum(rows, count - 1)
        fields = _apply(interaction_rows(interaction, rows), moments)
        return energy + 0.5 * jnp.sum(inside * moments[rows] * fields), None

    # the rows are recomputed in the backward pass instead of stored
    return jax.lax.scan(jax.checkpoint(add), jnp.zeros((), moments.dtype), index)[0]


def _check_box(box):
    known = concrete(box)
    if known is None:
        raise ValueError("box must be concrete numbers: it fixes the number of terms of the Ewald sum")
    real_array("box", box)
    if known.shape != (2,) or not (known > 0).all():
        raise ValueError(f"box must be two positive sides (Lx, Ly), got {known.tolist()}")
    return known.astype(float)


def _check_current(applied_current, count):
    current = real_array("applied_current", applied_current)
    if current.shape not in ((2,), (count, 2)):
        raise ValueError(f"applied_current must have shape (2,) or ({count}, 2), got {current.shape}")
    return jnp.broadcast_to(current, (count, 2))


def _refuse_coincident(known, sides):
    if known is None or len(known) < 2:
        return
    scale = float(np.ptp(known, axis=0).max()) if sides is None else float(max(sides.max(), np.abs(known).max()))
    # nearest images are found by a difference that rounds to eps of the scale
    least = 1e-12 if sides is None else max(1e-12, 4 * float(np.finfo(known.dtype).eps))
    if closest_distance(known, sides) <= least * scale:
        raise ValueError("positions must be distinct: coincident moments have no finite energy")
