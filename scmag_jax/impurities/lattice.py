"""Infinite Bravais lattices of moments: exact interaction J(k), ordered states, phase boundary."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import concrete, plain_number, positive, real_array, with_shape
from .coupling import PearlCoupling, check_coupling
from .lattice_sum import cross, interactions, length_ratio, reciprocal_vectors, reduced

MOST_ASPECT = 1024  # ratio of the two shortest vectors beyond which a lattice is refused: a chain, in effect
TRACED_ASPECT = 16  # longest reduced vector over shortest that a traced lattice allows (a rhombus down to 3.6 deg)
GRID = 24  # points of the Brillouin-zone grid per direction: even, so that k = 0 and the zone edges are on it
REFINEMENTS = 20  # halvings of the grid step around its best point
HALVINGS = 50  # of 30 degrees: to 3e-14
TIE = 512  # roundings, 1e-13 in double precision, within which two energies are the same
SPLITS = (0.1, 10.0)  # split lengths allowed; the number of terms grows as their square either way


class MagneticOrder(eqx.Enumeration):
    """Order of a Bravais lattice of moments; the members are the names that `BravaisLattice.energy` takes."""

    ferromagnetic = "ferromagnetic"
    layered_antiferromagnetic = "layered antiferromagnetic"
    incommensurate = "incommensurate"


ORDERED = (MagneticOrder[MagneticOrder.ferromagnetic], MagneticOrder[MagneticOrder.layered_antiferromagnetic])


class LatticeGroundState(eqx.Module):
    """Luttinger-Tisza ground state of a Bravais lattice.

    Attributes:
        kind: a member of `MagneticOrder`.
        energy: per moment.
        wavevector: Cartesian, shape `(2,)`.
        moments: `moments[i, j]` is the moment at `i a1 + j a2`, shape `(2, 2, 2)`; for an incommensurate mode the
            amplitude `e cos(k.R)`, which is not of unit length.
    """

    kind: Any
    energy: Float[Array, ""]
    wavevector: Float[Array, "2"]
    moments: Float[Array, "2 2 2"]


class BravaisLattice(eqx.Module):
    """An infinite two-dimensional Bravais lattice of identical in-plane moments.

    Attributes:
        vectors: primitive vectors in rows, shape `(2, 2)`, in the length unit of the coupling's Pearl length.
        aspect: bound on the ratio of the two shortest independent lattice vectors, which sets the (static) number
            of terms of the sums, an integer up to 1024. Known from concrete vectors; 16 for traced ones unless you
            promise another. A promise that the vectors break raises when they are evaluated.

    Raises:
        ValueError: vectors of another shape, or parallel ones, a ratio above 1024, an `aspect` that is no integer
            from 1 to 1024.

    Example:
        >>> lattice = BravaisLattice.rhombic(spacing=0.02, angle=75.0)
        >>> c = PearlCoupling(pearl_length=1.0)
        >>> print(f"{lattice.energy(c, 'ferromagnetic') * 0.02**2:.9f}")
        -1.700607239
        >>> print(MagneticOrder[lattice.ground_state(c).kind])
        ferromagnetic
    """

    vectors: Float[Array, "2 2"]
    aspect: int = eqx.field(static=True)

    def __init__(self, vectors: Any, *, aspect: int | None = None):
        self.vectors = with_shape("vectors", vectors, (2, 2))
        if aspect is not None:
            _check_aspect(aspect)
        known = concrete(vectors)
        if known is not None:
            area = abs(float(np.linalg.det(known)))
            if area <= 1e-12 * float(np.sum(known**2)):
                raise ValueError(f"vectors must not be parallel, got {known.tolist()}")
            with jax.ensure_compile_time_eval():  # known vectors stay known inside jit
                ratio = float(length_ratio(reduced(jnp.asarray(known, dtype=self.vectors.dtype))))
            if ratio > MOST_ASPECT * (1 + 1e-9):
                raise ValueError(
                    f"vectors must not make a chain: the two shortest of the lattice have the ratio {ratio:.6g}, at "
                    f"most {MOST_ASPECT} is allowed (the angle of a rhombus 0.056 degrees)"
                )
            needed = 4 ** max(0, int(np.ceil(np.log(ratio * (1 - 1e-9)) / np.log(4))))
            self.aspect = max(needed, aspect or 1)
        else:
            self.aspect = TRACED_ASPECT if aspect is None else int(aspect)
            roundings = 1 + 64 * float(jnp.finfo(self.vectors.dtype).eps)
            too_long = length_ratio(reduced(self.vectors)) > self.aspect * roundings
            self.vectors = eqx.error_if(
                self.vectors,
                too_long,
                f"vectors have a larger ratio than aspect={self.aspect} allows: traced lattices need aspect= beyond "
                f"a ratio of {TRACED_ASPECT}, and a true one",
            )

    @classmethod
    def rhombic(cls, spacing: Any, angle: Any, *, aspect: int | None = None) -> "BravaisLattice":
        """Rhombic lattice `a1 = d (1, 0)`, `a2 = d (cos angle, sin angle)` (Lu 2023, Fig. 3).

        Args:
            spacing: lattice constant d.
            angle: between the two vectors, in degrees, inside (0, 180): 60 is triangular, 90 square.
            aspect: see the class; 1 holds for every angle from 60 to 120 degrees.

        Raises:
            ValueError: a spacing that is not positive, an angle outside (0, 180).
        """
        spacing, angle = positive("spacing", spacing), real_array("angle", angle)
        if angle.ndim:
            raise ValueError(f"angle must be a scalar, got shape {angle.shape}; use jax.vmap for several angles")
        known = concrete(angle)
        if known is None:
            angle = eqx.error_if(angle, (angle <= 0) | (angle >= 180), "angle must lie inside (0, 180) degrees")
        elif not 0 < known < 180:
            raise ValueError(f"angle must lie inside (0, 180) degrees, got {known}")
        return cls(_rhombus(spacing, angle), aspect=aspect)

    @property
    def cell_area(self) -> Float[Array, ""]:
        """Area of the primitive cell."""
        return jnp.abs(cross(self.vectors[0], self.vectors[1]))

    @property
    def reciprocal(self) -> Float[Array, "2 2"]:
        """Reciprocal vectors in rows, `b_i . a_j = 2 pi delta_ij`."""
        return reciprocal_vectors(self.vectors)

    def interaction(
        self, coupling: PearlCoupling, k: Float[Array, "2"], *, split: float | None = None
    ) -> Float[Array, "2 2"]:
        """Exact interaction `J_ab(k) = sum_{R != 0} K_ab(R) cos(k.R)`, `K_ab = -strength d_a d_b V`.

        A state with moments `m(R) = e cos(k.R)`, `2 k` a reciprocal vector, has the energy `e.J.e / 2` per moment.
        Gaussian Ewald sums in both spaces, exact to rounding. At k = 0 the value is the thermodynamic limit: with
        screening the sum converges absolutely and no depolarisation is left; without it (infinite Pearl length)
        the term of q = 0, which depends on direction, is left out.

        A k within rounding of a reciprocal vector counts as that vector. Without screening J depends there on the
        direction, and with a Pearl length r0 far above the spacing d it changes over |dk| = 1/r0 by about r0/d: near
        a reciprocal vector J is then as uncertain as k is.

        Args:
            coupling: the pair interaction.
            k: Cartesian wavevector, shape `(2,)`; any k, inside the Brillouin zone or not.
            split: Ewald split length in units of sqrt(cell area / 4 pi), from 0.1 to 10; it changes the cost, and
                the result by rounding only.

        Returns:
            J(k), real symmetric, shape `(2, 2)`.

        Raises:
            ValueError: a coupling, k or split of another kind.
        """
        check_coupling(coupling)
        k = with_shape("k", k, (2,))
        if split is not None:
            split = plain_number("split", split)
            if not SPLITS[0] <= split <= SPLITS[1]:
                raise ValueError(f"split must lie in [{SPLITS[0]}, {SPLITS[1]}], got {split}")
        return interactions(self, coupling, k[None], split)[0]

    def energy(self, coupling: PearlCoupling, state: str) -> Float[Array, ""]:
        """Lowest energy per moment of an ordered state.

        Args:
            coupling: the pair interaction.
            state: "ferromagnetic", or "layered antiferromagnetic": the lowest of the three states whose rows along
                a lattice direction alternate.

        Raises:
            ValueError: another name.
        """
        check_coupling(coupling)
        return jnp.min(_mode_energies(self, coupling, _state_fractions(state)))

    def truncated_energy(self, coupling: PearlCoupling, state: str, cutoff: Any) -> Float[Array, ""]:
        """`energy` of a sum cut off at a circle, `R < cutoff`, averaged over the noise of the circle's rim.

        The ferromagnet pays the depolarisation of a disc in an infinite film,
        `E(cutoff) - E(inf) = (pi / 2 A_c) cutoff^2 J_perp(cutoff)`, an identity of the couplings
        (`d(r^2 J_perp)/dr = r (J_perp - J_par)`); what alternates pays nothing. This is what a finite patch, or a
        finite sum, sees, and it is the origin of the transition with temperature of Lu 2023, Fig. 3d.

        Args:
            coupling: the pair interaction.
            state: as in `energy`.
            cutoff: radius of the circle.
        """
        energy, cutoff = self.energy(coupling, state), positive("cutoff", cutoff)
        if state != ORDERED[0]:
            return energy
        return energy + _depolarisation(self, coupling, cutoff)

    def ground_state(self, coupling: PearlCoupling) -> LatticeGroundState:
        """Lowest state of the lattice: Luttinger-Tisza minimum of J(k) over the whole Brillouin zone.

        A grid of 24 x 24 wavevectors is refined around its lowest point. Where the minimum is at k = 0 or half a
        reciprocal vector, as in every case tried, the mode has unit length on every site and is the exact ground
        state. Of energies within 1e-13 of each other k = 0 is preferred, then half a reciprocal vector.

        Args:
            coupling: the pair interaction.
        """
        check_coupling(coupling)
        fractions = _brillouin_minimum(self, coupling)
        k = fractions @ self.reciprocal
        energy, direction = _lowest_mode(self.interaction(coupling, k))
        doubled = 2 * fractions
        commensurate = jnp.all(jnp.abs(doubled - jnp.round(doubled)) < 1e-6)
        uniform = commensurate & jnp.all(jnp.round(doubled) % 2 == 0)
        kind = MagneticOrder.where(uniform, MagneticOrder.ferromagnetic, MagneticOrder.layered_antiferromagnetic)
        kind = MagneticOrder.where(commensurate, kind, MagneticOrder.incommensurate)
        sites = jnp.asarray(np.indices((2, 2)), dtype=k.dtype)
        phase = 2 * jnp.pi * (fractions[0] * sites[0] + fractions[1] * sites[1])
        return LatticeGroundState(kind, energy, k, jnp.cos(phase)[..., None] * direction[None, None, :])


def _rhombus(spacing, angle):
    radians = angle * (jnp.pi / 180)
    second = jnp.stack([jnp.cos(radians), jnp.sin(radians)])
    return spacing * jnp.stack([jnp.asarray([1.0, 0.0], dtype=second.dtype), second])


def _check_aspect(aspect: Any) -> None:
    integer = isinstance(aspect, int | np.integer) and not isinstance(aspect, bool)
    if not integer or not 1 <= aspect <= MOST_ASPECT:
        raise ValueError(f"aspect must be an integer from 1 to {MOST_ASPECT}, got {aspect!r}")


def _state_fractions(state: str) -> list[tuple[float, float]]:
    """Wavevectors of a state, in fractions of the reciprocal vectors."""
    if state not in ORDERED:
        raise ValueError(f"state must be one of {list(ORDERED)}, got {state!r}")
    return [(0.0, 0.0)] if state == ORDERED[0] else [(0.5, 0.0), (0.0, 0.5), (0.5, 0.5)]


def _depolarisation(lattice, coupling, cutoff):
    return jnp.pi / (2 * lattice.cell_area) * cutoff**2 * coupling.perpendicular(cutoff)


def _mode_energies(lattice, coupling, fractions):
    fractions = jnp.asarray(fractions, dtype=lattice.vectors.dtype)
    return jax.vmap(_lowest_energy)(interactions(lattice, coupling, fractions @ lattice.reciprocal))


def critical_angle(coupling: PearlCoupling, spacing: Any, cutoff: Any = None) -> Float[Array, ""]:
    """Angle of the rhombic lattice at which ferromagnet and layered antiferromagnet have the same energy.

    Bisection between 60 and 90 degrees; derivatives of every order, by the coupling, the spacing and the cutoff, follow
    from the implicit function theorem.

    Args:
        coupling: the pair interaction.
        spacing: lattice constant d.
        cutoff: radius of a circular truncation of the sums (`truncated_energy`), or None for the thermodynamic
            limit.

    Returns:
        The angle in degrees; NaN where the two energies do not cross between 60 and 90 degrees.

    Example:
        >>> print(f"{critical_angle(PearlCoupling(pearl_length=1.0), spacing=0.02):.7f}")
        79.1366716
    """
    check_coupling(coupling)
    spacing = positive("spacing", spacing)
    cutoff = None if cutoff is None else positive("cutoff", cutoff)
    return _critical_angle(coupling, spacing, cutoff)


@jax.jit
def _critical_angle(coupling, spacing, cutoff):
    square = BravaisLattice(np.eye(2))

    def excess(angle, coupling, spacing, cutoff):
        # the angle stays inside the bracket: no check at every evaluation
        lattice = eqx.tree_at(lambda lattice: lattice.vectors, square, _rhombus(spacing, angle))
        # one call for all wavevectors of both states: half the compilation of two
        energies = _mode_energies(lattice, coupling, [f for state in ORDERED for f in _state_fractions(state)])
        ferromagnetic, layered = energies[0], jnp.min(energies[1:])
        if cutoff is not None:
            ferromagnetic = ferromagnetic + _depolarisation(lattice, coupling, cutoff)
        return (ferromagnetic - layered) * spacing**2 / coupling.strength

    fixed = jax.tree.map(jax.lax.stop_gradient, (coupling, spacing, cutoff))

    bottom, top = jnp.full_like(spacing, 60.0), jnp.full_like(spacing, 90.0)

    def halve(step, bracket):
        # the two ends are looked at in the same loop: what costs is compiling the sums, not evaluating them
        low, high, crosses = bracket
        middle = jnp.where(step == 0, bottom, jnp.where(step == 1, top, (low + high) / 2))
        left = excess(middle, *fixed) < 0
        expected = jnp.where(step == 0, left, jnp.where(step == 1, ~left, True))
        narrow = step > 1
        return jnp.where(narrow & left, middle, low), jnp.where(narrow & ~left, middle, high), crosses & expected

    low, high, crosses = jax.lax.fori_loop(0, 2 + HALVINGS, halve, (bottom, top, spacing > 0))
    angle = jax.lax.stop_gradient((low + high) / 2)

    def equation(angle):
        return jnp.where(crosses, excess(angle, coupling, spacing, cutoff), angle)

    # the root is known: what is left to custom_root are its derivatives
    angle = jax.lax.custom_root(equation, angle, lambda _, root: root, lambda linear, y: y / linear(jnp.ones_like(y)))
    return jnp.where(crosses, angle, jnp.nan)


@jax.jit
def _brillouin_minimum(lattice, coupling):
    """Fractions of the reciprocal vectors at the minimum of the lowest mode: grid, then halving steps around it."""
    dtype = lattice.vectors.dtype

    def energies(fractions):
        return _mode_energies(lattice, coupling, fractions)

    axis = jnp.arange(GRID, dtype=dtype) / GRID
    # J(-k) = J(k): half of the zone will do; row by row to bound the memory under vmap
    rows = jnp.stack(jnp.broadcast_arrays(axis[: GRID // 2 + 1, None], axis[None, :]), axis=-1)
    grid = jax.lax.map(energies, rows)
    # rounding does not choose between equal energies: k = 0 first, then the halves, then the first of the grid
    tie = TIE * jnp.finfo(dtype).eps
    lowest = jnp.min(grid)
    half = GRID // 2
    preferred = np.array([0, half, half * GRID, half * GRID + half])
    tied = grid.reshape(-1)[preferred] <= lowest + tie * jnp.abs(lowest)
    best = jnp.where(jnp.any(tied), jnp.asarray(preferred)[jnp.argmax(tied)], jnp.argmin(grid))
    start = rows.reshape(-1, 2)[best]
    offsets = jnp.asarray([(0, 0)] + [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j], dtype=dtype)

    def refine(carry, _):
        here, step = carry
        candidates = here[None] + step * offsets
        values = energies(candidates)
        # a move must gain more than rounding, so that exact minima on the grid stay exact
        gain = values[0] - jnp.min(values) > tie * jnp.abs(values[0])
        moved = jnp.where(gain, candidates[jnp.argmin(values)], here)
        return (moved, jnp.where(gain, step, step / 2)), None

    (fractions, _), _ = jax.lax.scan(refine, (start, jnp.asarray(0.5 / GRID, dtype=dtype)), length=REFINEMENTS)
    return jax.lax.stop_gradient(fractions)


def _lowest_energy(interaction):
    return _lowest_mode(interaction)[0]


def _lowest_mode(interaction):
    """Half the lower eigenvalue of a real symmetric 2 x 2 matrix and its unit eigenvector, in closed form."""
    difference, off = (interaction[0, 0] - interaction[1, 1]) / 2, interaction[0, 1]
    square = difference**2 + off**2
    degenerate = square == 0
    radius = jnp.where(degenerate, 0.0, jnp.sqrt(jnp.where(degenerate, 1.0, square)))
    angle = jnp.arctan2(off, jnp.where(degenerate, 1.0, difference)) / 2
    energy = ((interaction[0, 0] + interaction[1, 1]) / 2 - radius) / 2
    return energy, jnp.stack([-jnp.sin(angle), jnp.cos(angle)])
