"""What a solve of a lattice returns, and what a given gap gives: fields, currents and density of every site."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from ..solution import Solution


class LatticeObservables(eqx.Module):
    """What follows from a gap and a texture on a lattice (Vakili 2026, Eqs. 3, 4, 13 to 15).

    Attributes:
        gap: D, complex, with e^{iq.r} divided out, `(Lx, Ly)`.
        free_energy: total, with `sum |D|^2 / V`, without `Tr h / 2`.
        pair_amplitude: `S = -dF_qp/dD^*`, complex, `(Lx, Ly)`; the gap is self-consistent where `D = V S`.
        neel_field: `-dF/dn` of every site, n unconstrained, `(Lx, Ly, 3)`.
        torque: `n x neel_field`, `(Lx, Ly, 3)`.
        bond_current: from a site to the next along x and along y, `(Lx, Ly, 2)`, in e / hbar times the energy unit.
        current: through a cut across x and a cut across y, averaged over the cuts, `(2,)`: Lx of them, one less on an
            open side. The sum of all bond currents along x is `2 dF/dq_x`.
        density: electrons on a site, `(Lx, Ly)`.
    """

    gap: Complex[Array, "Lx Ly"]
    free_energy: Float[Array, ""]
    pair_amplitude: Complex[Array, "Lx Ly"]
    neel_field: Float[Array, "Lx Ly 3"]
    torque: Float[Array, "Lx Ly 3"]
    bond_current: Float[Array, "Lx Ly 2"]
    current: Float[Array, "2"]
    density: Float[Array, "Lx Ly"]

    def divergence(self) -> Float[Array, "Lx Ly"]:
        """Sum of the currents that leave a site: `4 Im(D^* S)`, zero at self-consistency."""
        x, y = self.bond_current[..., 0], self.bond_current[..., 1]
        return x - jnp.roll(x, 1, 0) + y - jnp.roll(y, 1, 1)


class LatticeState(Solution, LatticeObservables):
    """Answer of `LatticeBdG.solve`: the `LatticeObservables` of the self-consistent gap, and

    Attributes:
        result: member of `RESULTS`.
        stats: `steps` (evaluations of S) and `residual`, `max |V S - D| / max |D|` of the gap that is returned.
        history: None.
    """

    @property
    def residual(self) -> Float[Array, ""]:
        """`max |V S - D| / max |D|`."""
        return self.stats["residual"]
