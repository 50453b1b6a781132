"""Superconductor / altermagnet on a finite lattice in real space: any texture, self-consistent gap, no eigenvectors."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import concrete, grid_shape, positive, require_double, traced, with_shape
from ..numerics.blocks import log_determinants
from ..numerics.poles import LARGEST_WINDOW, Poles, error_bound, poles_needed, tanh_poles
from .bonds import Fields, majorana_bonds, slices
from .lattice_state import LatticeObservables, LatticeState
from .model import Altermagnet, check_direction, check_model
from .selfconsistency import result_of, self_consistent
from .sites import (
    check_attraction,
    check_boundary,
    check_open_sides,
    check_poles,
    check_start,
    check_steps,
    check_winding,
    gap_pair,
    half_turns,
    is_uniform,
    site_map,
    with_sides,
)

TOGETHER = 2**22  # entries of the matrices of transverse momenta that are worked on at once
WORST_POLES = 1e-5  # an error of tanh beyond this is a mistake, not a choice
REFINED = 0.01  # of the hopping: below this temperature inverses are refined
START = 0.1  # of the attraction: the first guess of the gap


class LatticeBdG(eqx.Module):
    r"""Superconductor with a d-wave altermagnet on a lattice of `Lx x Ly` sites (Vakili 2026, Eqs. 10 to 15).

        H = sum_{i,d} [c^dag_i T_d(i) e^{i q_d / 2} c_{i+d} + h.c.] - (mu - 4t) sum_i c^dag_i c_i
            + sum_i [D_i c^dag_i,up c^dag_i,down + h.c.]
        F = -(T/2) sum_E ln 2cosh(E / 2T) + sum_i |D_i|^2 / V_i

    with the bond matrices `T_x = -t - (i tso/2) sigma_y - tm n.sigma`, `T_y = -t + (i tso/2) sigma_x + tm n.sigma` of
    `Altermagnet`, n of a bond being the mean of its two sites. Electrons move with the pairs: `q = 2 pi winding / shape
    + twist` is the momentum of the Cooper pairs, and `e^{iq.r}` is divided out of D.

    F is a sum over poles of log-determinants, which cyclic block reduction works out without eigenvalues; fields and
    currents are its derivatives, and all of it can be differentiated again. The route follows from what varies: a side
    along which neither texture, gap, attraction nor potential changes is Fourier transformed. Known arrays are looked
    at for that; traced ones tell it by a side of length 1, as a texture of shape `(Lx, 1, 3)` that does not vary along
    y. All routes give the same number; the gap is then sought among those that do not vary along such a side either.

    Methods compile at their first call, for some ten seconds on two cores (derivatives of what was solved for: up to a
    minute), and not again for the same shapes. `jax.vmap` works, and its memory grows with the batch; `jax.lax.map`
    keeps it bounded. A lattice whose winding or boundary phase is traced is not Fourier transformed along that side.

    Args:
        model: the normal state.
        shape: sites along x and y.
        attraction: V of `-V n_up n_down`, a number or one a site, `(Lx, Ly)`; zero where there is no pairing.
        temperature: k_B T, positive. Far below 0.01 t levels at exactly zero energy, as a clean lattice without a gap
            has, cost digits of the fields: 2e-8 at T = 5e-4 t, 3e-6 at 1e-4 t. Lattices with a gap lose none.
        winding: turns of the phase of D around the lattice, two whole numbers; 0 along an open side, where they would
            be no more than a choice of gauge.
        twist: more momentum of the Cooper pairs, `(2,)`, any.
        boundary_phase: of an electron's hop across the last bond of a side, `(2,)`; a winding w adds `-pi w`, so that
            electrons are periodic.
        boundary: "periodic" or "open", of both sides. An open side has no last bond.
        bond_average: n of a bond is the "mean" of its two sites, or that of its first "site".
        potential: energy of an electron on a site, a number or `(Lx, Ly)`: disorder.
        poles: number of poles; at T = 0.01 t 16 leave an error of some 1e-11 of F and 1e-10 of fields, 20 of 1e-13.

    Raises:
        ValueError: an argument of the wrong shape or sign, NaN, single precision, too few poles for the temperature.

    Example:
        >>> model = Altermagnet(chemical_potential=0.05, rashba=0.2, altermagnet=0.2)
        >>> lattice = LatticeBdG(model, (10, 8), attraction=5.0, temperature=0.0113379, winding=(1, 0))
        >>> state = lattice.solve(jnp.array([1.0, 0.0, 0.0]))
        >>> print(f"{state.free_energy / 80:.8f} {state.gap[0, 0].real:.6f} {state.current[0] / 8:.6f}")
        -3.95309642 0.394191 0.015437
    """

    model: Altermagnet
    attraction: Float[Array, "*map"]
    potential: Float[Array, "*map"]
    temperature: Float[Array, ""]
    winding: Float[Array, "2"]
    twist: Float[Array, "2"]
    boundary_phase: Float[Array, "2"]
    expansion: Poles
    widest: Float[Array, ""]
    shape: tuple[int, int] = eqx.field(static=True)
    boundary: tuple[str, str] = eqx.field(static=True)
    bond_average: str = eqx.field(static=True)
    poles: int = eqx.field(static=True)
    turns: tuple[int | None, int | None] = eqx.field(static=True)
    refined: bool = eqx.field(static=True)

    def __init__(
        self,
        model: Altermagnet,
        shape: Any,
        *,
        attraction: Any,
        temperature: Any,
        winding: Any = (0, 0),
        twist: Any = (0.0, 0.0),
        boundary_phase: Any = (0.0, 0.0),
        boundary: Any = ("periodic", "periodic"),
        bond_average: str = "mean",
        potential: Any = 0.0,
        poles: int = 20,
    ):
        check_model(model)
        self.shape = grid_shape("shape", shape)
        # what is known stays known inside jit only in the form in which it came
        self.refined = not _is_warm(temperature, model.hopping)
        temperature = positive("temperature", temperature)
        require_double("LatticeBdG", jnp.zeros(()).dtype)
        self.model, self.temperature = jax.tree.map(_double, (model, temperature))
        self.attraction = _double(check_attraction(attraction, self.shape))
        self.potential = _double(site_map("potential", potential, self.shape))
        self.winding = _double(check_winding(winding))
        self.twist = _double(with_shape("twist", twist, (2,)))
        self.boundary_phase = _double(with_shape("boundary_phase", boundary_phase, (2,)))
        self.boundary = check_boundary(boundary)
        check_open_sides(self.boundary, winding)
        self.turns = half_turns(boundary_phase, winding, self.boundary)
        if bond_average not in ("mean", "site"):
            raise ValueError(f'bond_average must be "mean" or "site", got {bond_average!r}')
        self.bond_average = bond_average
        self.poles = check_poles(poles)
        self.widest, self.expansion = self._expansion()

    @property
    def momentum(self) -> Float[Array, "2"]:
        """Momentum of the Cooper pairs, `q = 2 pi winding / shape + twist`."""
        return 2 * jnp.pi * self.winding / jnp.asarray(self.shape, self.winding.dtype) + self.twist

    @property
    def window(self) -> Float[Array, ""]:
        """Bound of |E| / 2T, for |n| = 1 and any gap up to V / 2, which no self-consistent one exceeds."""
        bound = self.model.lattice_bound() + jnp.max(jnp.abs(self.potential)) + jnp.max(self.attraction) / 2
        return bound / (2 * self.temperature)

    def free_energy(self, gap: Any, n: Any) -> Float[Array, ""]:
        """F of the whole lattice at a given gap, with `sum |D|^2 / V`, without `Tr h / 2`.

        Differentiable in both; in JAX's convention `-conj(jax.grad(F)(gap)) / 2 = S - D / V`.

        Args:
            gap: D, complex or real, `(Lx, Ly)`; sides of length 1 and numbers stand for gaps that do not vary. At most
                V / 2, which the poles are made for; zero where there is no pairing.
            n: Neel vectors, `(Lx, Ly, 3)`, likewise; of unit length (traced ones are not checked).

        Raises:
            ValueError: wrong shape, NaN, a Neel vector that is off unit length by more than 1 %.
        """
        return _free_energy(self, *self._fields(gap, n))

    def observables(self, gap: Any, n: Any) -> LatticeObservables:
        """F, pair amplitude, Neel field, torque, currents and density at a given gap; arguments as `free_energy`."""
        return _observables(self, *self._fields(gap, n))

    def solve(
        self, n: Any, *, gap: Any = None, tolerance: Any = 1e-9, max_steps: Any = 100, throw: bool = True
    ) -> LatticeState:
        """The self-consistent gap of a texture, and what follows from it.

        The phase of the whole gap is that of the start. Derivatives of the answer in the texture and in every parameter
        are those of the implicit function theorem. Near a transition of first order the solution that is found depends
        on the start.

        Args:
            n: Neel vectors, `(Lx, Ly, 3)`; sides of length 1 stand for textures that do not vary along them.
            gap: start, complex or real, `(Lx, Ly)` or a number, not zero everywhere, which is a solution that only
                symmetry keeps; a state of a similar texture saves steps.
            tolerance: of `max |V S - D| / max |D|`.
            max_steps: evaluations of S allowed.
            throw: raise if it did not converge; False returns what was found last, and `result` says why.

        Raises:
            ValueError: wrong shape, NaN, a Neel vector that is off unit length by more than 1 %, no start.
            eqx.EquinoxRuntimeError: not converged, or the gap collapsed, and `throw=True`.
        """
        tolerance, max_steps = check_steps(tolerance, max_steps)
        start = START * self.attraction if gap is None else check_start(gap)
        start, *fields = self._fields(start, n)
        return _solve(self, start, fields, tolerance, max_steps, throw)

    def local_density_of_states(self, gap: Any, n: Any, energies: Any, broadening: Any) -> Float[Array, "e Lx Ly"]:
        r"""Density of states of the electrons of every site, both spins, per energy.

            rho_i(E) = -(1/pi) Im tr G_i,ee(E + i broadening),    G(z) = (z - H)^-1

        Args:
            gap: as `free_energy`.
            n: as `free_energy`.
            energies: `(e,)`, from the Fermi level.
            broadening: half width of the Lorentzians, positive; errors are 1e-9 at 0.01 of the hopping, 1e-5 at 0.001.

        Example:
            >>> lattice = LatticeBdG(Altermagnet(0.05, 0.2, 0.2), (8, 8), attraction=5.0, temperature=0.02)
            >>> rho = lattice.local_density_of_states(0.5, jnp.array([0.0, 0.0, 1.0]), jnp.array([0.0, 0.8]), 0.05)
            >>> print(rho.shape, bool(rho[0, 0, 0] < rho[1, 0, 0]))  # a gap
            (2, 8, 8) True
        """
        energies = with_shape("energies", energies, ("e",))
        gap, n, _, potential = self._fields(gap, n)
        return _density_of_states(self, gap, n, potential, energies, positive("broadening", broadening))

    # --- what varies

    def _fields(self, gap, n):
        """Gap `(2, nx, ny)`, n `(nx, ny, 3)` and the maps `(nx, ny)`, with sides of length 1 where nothing varies."""
        n = _double(with_sides("n", check_direction(n), self.shape, (3,)))
        gap = self._checked(_double(gap_pair(gap, self.shape)))
        arrays = [gap, n, *(a.reshape(*(a.shape or (1, 1)), 1) for a in (self.attraction, self.potential))]
        for axis, (sites, turns) in enumerate(zip(self.shape, self.turns, strict=True)):
            if turns is not None and sites > 1 and all(is_uniform(a, axis) for a in arrays):
                arrays = [jax.lax.slice_in_dim(a, 0, 1, axis=axis) for a in arrays]
            else:
                arrays = [jnp.broadcast_to(a, (*a.shape[:axis], sites, *a.shape[axis + 1 :])) for a in arrays]
        gap, n, attraction, potential = arrays
        gap = jnp.where(attraction > 0, gap, 0.0)  # no pairing, no gap: |D|^2 / V would be infinite
        return jnp.moveaxis(gap, -1, 0), n, attraction[..., 0], potential[..., 0]

    def _checked(self, gap):
        """The gap; refused if it, or a parameter changed after construction, leaves what poles and sides hold for."""
        # of known numbers it is known inside jit too
        with jax.ensure_compile_time_eval():
            most = jnp.max(self.attraction) / 2
            antiperiodic = (1 - jnp.cos(self._closing_phase())) / 2
            stale = self.window > self.widest * (1 + 1e-9)
            for axis, turns in enumerate(self.turns):
                stale = stale if turns is None else stale | (jnp.abs(antiperiodic[axis] - turns) > 1e-9)
        known = concrete(gap)
        if known is None or traced(most):
            too_large = jnp.sum(gap**2, axis=-1).max() > (most * (1 + 1e-9)) ** 2
            gap = eqx.error_if(gap, too_large, "gap must be at most half the attraction")
        else:
            largest = np.sqrt((known**2).sum(axis=-1).max())
            if largest > float(most) * (1 + 1e-9):
                raise ValueError(f"gap must be at most half the attraction, {float(most):g}, got {largest:g}")
        message = "a LatticeBdG keeps its temperature, bands and closing phases: construct a new one for others"
        if traced(stale):
            return eqx.error_if(gap, stale, message)
        if stale:
            raise ValueError(message)
        return gap

    # --- the functional

    def _multiplicity(self, side):
        """Sites that one of the given shape stands for."""
        return self.shape[0] // side[0] * (self.shape[1] // side[1])

    def _cuts(self):
        """Places to cut the lattice across each side."""
        sides = zip(self.shape, self.boundary, strict=True)
        return [max(1, sites - 1) if kind == "open" else sites for sites, kind in sides]

    def _bonds(self, fields):
        """Blocks of A."""
        phase, amplitude = self.momentum / 2, jnp.ones((*fields.real.shape, 2), fields.real.dtype)
        phase = fields.phase + phase[None, None, :]
        for axis, (side, sites) in enumerate(zip(fields.real.shape, self.shape, strict=True)):
            if side != sites:
                continue  # the boundary phase is in the momenta
            last = tuple(-1 if axis == i else slice(None) for i in range(2))
            if self.boundary[axis] == "open":
                amplitude = amplitude.at[(*last, axis)].set(0.0)
            else:
                phase = phase.at[(*last, axis)].add(self._closing_phase()[axis])
        return majorana_bonds(self.model, fields._replace(phase=phase), self.bond_average, amplitude)

    def _closing_phase(self):
        return self.boundary_phase - jnp.pi * self.winding

    def _quasiparticles(self, fields):
        """`-(T/2) sum_E ln 2cosh(E / 2T)` of the whole lattice: `-T [2 Lx Ly ln 2 + sum_j r_j ln det(1 - A / w_j)]`."""
        w, r = 2 * self.temperature * self.expansion.z, self.expansion.r
        nothing = 2 * self.shape[0] * self.shape[1] * jnp.log(2.0)  # of A = 0
        logs = _weighted_sum(*slices(self._bonds(fields), self.shape, self.turns), w, r, self.refined)
        return -self.temperature * (nothing + logs)

    def _pairing(self, fields, attraction):
        """`sum |D|^2 / V` of the whole lattice."""
        paired = attraction > 0
        pairs = (fields.real**2 + fields.imaginary**2) / jnp.where(paired, attraction, 1.0)
        return self._multiplicity(attraction.shape) * jnp.sum(jnp.where(paired, pairs, 0.0))

    def _expansion(self):
        # of known numbers it is known inside jit too, so that the same poles serve inside and outside
        with jax.ensure_compile_time_eval():
            window = self.window
        if traced(window):
            inexact = error_bound(window, self.poles) > WORST_POLES
            window = eqx.error_if(window, inexact, f"poles must be more than {self.poles} at this temperature")
        elif not window <= LARGEST_WINDOW:
            lowest = float(self.temperature * window / LARGEST_WINDOW)
            raise ValueError(f"temperature must be at least {lowest:.2g}, got {float(self.temperature):g}")
        elif error_bound(float(window), self.poles) > WORST_POLES:
            least, enough = (poles_needed(float(window), tolerance) for tolerance in (WORST_POLES, 1e-10))
            raise ValueError(
                f"poles must be at least {least} at this temperature, got {self.poles}: tanh would be off by "
                f"{error_bound(float(window), self.poles):.0e}; {enough} give 1e-10"
            )
        return jnp.asarray(window), tanh_poles(window, self.poles)


def _double(array):
    return array.astype(float)


def _is_warm(temperature, hopping):
    """Whether the temperature is known to be high enough for inverses as they are."""
    temperature, hopping = concrete(temperature), concrete(hopping)
    if temperature is None or hopping is None or temperature.dtype.kind not in "fiu":
        return False
    return bool((temperature >= REFINED * hopping).all())


# --- what is compiled


def _fields_of(gap, n, potential):
    return Fields(gap[0], gap[1], n, jnp.zeros((*n.shape[:2], 2), n.dtype), potential)


def _measure(gap, attraction, parameters):
    """F of the whole lattice, S of a site, and the slopes of the quasiparticles' F in the fields of a site."""
    lattice, n, potential = parameters
    fields = _fields_of(gap, n, potential)
    energy, slopes = jax.value_and_grad(lattice._quasiparticles)(fields)
    count = lattice._multiplicity(n.shape)
    slopes = jax.tree.map(lambda a: a / count, slopes)
    return energy + lattice._pairing(fields, attraction), -jnp.stack([slopes.real, slopes.imaginary]) / 2, slopes


@eqx.filter_jit
def _free_energy(lattice, gap, n, attraction, potential):
    fields = _fields_of(gap, n, potential)
    # without the fields: a derivative of it is then one of the first order
    return lattice._quasiparticles(fields) + lattice._pairing(fields, attraction)


@eqx.filter_jit
def _observables(lattice, gap, n, attraction, potential):
    energy, _, slopes = _measure(gap, attraction, (lattice, n, potential))
    return LatticeObservables(**_named(lattice, gap, n, energy, slopes))


@eqx.filter_jit
def _solve(lattice, start, fields, tolerance, max_steps, throw):
    n, attraction, potential = fields
    periodic = tuple(side == "periodic" for side in lattice.boundary)
    parameters = (lattice, n, potential)
    found = self_consistent(_measure, periodic, throw, attraction, parameters, start, tolerance, max_steps)
    result = result_of(found, attraction, tolerance)
    stats = {"steps": found.steps, "residual": found.residual}
    named = _named(lattice, found.gap, n, found.energy, found.observables)
    return LatticeState(result=result, stats=stats, history=None, **named)


def _named(lattice, gap, n, energy, slopes):
    slopes = jax.tree.map(lambda a: jnp.broadcast_to(a, (*lattice.shape, *a.shape[2:])), slopes)
    n = jnp.broadcast_to(n, (*lattice.shape, 3))
    return {
        "gap": jnp.broadcast_to(jax.lax.complex(gap[0], gap[1]), lattice.shape),
        "free_energy": energy,
        "pair_amplitude": jax.lax.complex(-slopes.real / 2, -slopes.imaginary / 2),
        "neel_field": -slopes.neel,
        "torque": -jnp.cross(n, slopes.neel),
        "bond_current": slopes.phase,
        "current": jnp.sum(slopes.phase, axis=(0, 1)) / jnp.asarray(lattice._cuts(), n.dtype),
        # F is without Tr h / 2, the sum of potential - mu + 4t
        "density": slopes.potential + 1,
    }


@eqx.filter_jit
def _density_of_states(lattice, gap, n, potential, energies, broadening):
    fields = _fields_of(gap, n, potential)
    bonds = jax.tree.map(lambda block: jax.lax.complex(block, jnp.zeros_like(block)), lattice._bonds(fields))
    # dA of an energy of the electrons alone: -i U diag(1, 0) U^dag
    electrons = jnp.asarray(np.kron([[-0.5j, 0.5], [-0.5, -0.5j]], np.eye(2)))
    one = jnp.ones(1, electrons.dtype)

    def at_energy(energy):
        w = jax.lax.complex(broadening, -energy)[None]

        def log_determinant(level):
            shifted = bonds._replace(site=bonds.site + level[..., None, None] * electrons[None, None])
            return _weighted_sum(*slices(shifted, lattice.shape, lattice.turns), w, one, True)

        # d ln det / d level = -tr G_ee
        return jax.grad(log_determinant, holomorphic=True)(jnp.zeros(potential.shape, one.dtype)).imag / jnp.pi

    density = jax.lax.map(at_energy, energies) / lattice._multiplicity(n.shape)
    return jnp.broadcast_to(density, (energies.size, *lattice.shape))


def _weighted_sum(couplings, weight, w, r, refined):
    """`sum_k weight_k sum_j r_j ln det(1 - A_k / w_j)`, some momenta at a time."""
    entries = couplings.site[0].size * couplings.site.shape[-3]
    together = max(1, min(weight.size, TOGETHER // entries))
    if together == weight.size:
        return jnp.sum(weight * log_determinants(couplings, w, r, refined))
    logs = jax.lax.map(lambda c: log_determinants(c, w, r, refined), couplings, batch_size=together)
    return jnp.sum(weight * logs)
