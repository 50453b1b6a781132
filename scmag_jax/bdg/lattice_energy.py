"""A superconductor on a lattice as a free energy of the Neel texture."""

from typing import Any

import jax
from jaxtyping import Array, Float

from ..energy import FreeEnergy
from .lattice import LatticeBdG
from .sites import check_start, check_steps, gap_pair


class LatticeEnergy(FreeEnergy):
    """Free energy of a Neel texture: F of a `LatticeBdG` at the self-consistent gap, which it solves for.

    Its derivative is the Neel field at that gap (the gap is stationary); second derivatives contain the response of the
    gap. The texture has shape `(Lx, Ly, 3)`; one of shape `(Lx, 1, 3)` does not vary along y, costs little, and gives
    the energy of the whole lattice all the same: then energies of the texture alone have to be taken Ly times, as in
    `LatticeEnergy(lattice) + Ly * Exchange(stiffness)`, and a field is that of Ly sites. Where no gap is found it
    raises, and so do its derivatives.

    Args:
        lattice: the superconductor.
        start: a gap to start from, `(Lx, Ly)` or a number: that of a similar texture saves steps.
        tolerance: of the gap, as `LatticeBdG.solve`; an error of the gap counts squared in the energy, but not in
            fields: they want it below the tolerance of a relaxation.
        max_steps: likewise.

    Raises:
        ValueError: a lattice that is none, or as `LatticeBdG.solve`.

    Example:
        >>> lattice = LatticeBdG(sm.Altermagnet(0.05, 0.2, 0.2), (8, 6), attraction=5.0, temperature=0.0113379)
        >>> F = LatticeEnergy(lattice)
        >>> x, _, z = jnp.eye(3)[:, None, None]
        >>> print(F(z) < F(x))  # z is the easy axis
        True
    """

    lattice: LatticeBdG
    start: Float[Array, "nx ny 2"] | None
    tolerance: Float[Array, ""]
    max_steps: Any

    def __init__(self, lattice: LatticeBdG, *, start: Any = None, tolerance: Any = 1e-9, max_steps: Any = 100):
        if not isinstance(lattice, LatticeBdG):
            raise ValueError(f"lattice must be a LatticeBdG, got {type(lattice).__name__}")
        self.lattice = lattice
        self.start = None if start is None else gap_pair(check_start(start), lattice.shape)
        self.tolerance, self.max_steps = check_steps(tolerance, max_steps)

    def __call__(self, moments: Float[Array, "Lx Ly 3"]) -> Float[Array, ""]:
        """F of one texture."""
        start = None if self.start is None else jax.lax.complex(self.start[..., 0], self.start[..., 1])
        found = self.lattice.solve(moments, gap=start, tolerance=self.tolerance, max_steps=self.max_steps)
        return found.free_energy
