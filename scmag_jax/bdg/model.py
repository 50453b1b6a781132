"""Normal state of a d-wave altermagnet with Rashba coupling: its Bloch Hamiltonian, lattice and continuum."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import concrete, positive, with_shape

UNIT_TOLERANCE = 1e-2  # of |n|: room for differences by hand, none for a vector that was not normalised


class Bloch(NamedTuple):
    """A field of Hermitian 2 x 2 matrices `scalar + vector . sigma`; all components broadcast."""

    scalar: Any
    vector: tuple[Any, Any, Any]

    def dot(self, other: "Bloch") -> Any:
        """Product of the two vectors."""
        return sum(a * b for a, b in zip(self.vector, other.vector, strict=True))


class Altermagnet(eqx.Module):
    """Square-lattice metal with Rashba coupling and d-wave altermagnetic exchange (Vakili 2026, Eqs. 7, 11, 12).

    With the bond matrices of `c^dag_i T c_{i+d}`,

        T_x = -t - (i tso / 2) sigma_y - tm n.sigma,    T_y = -t + (i tso / 2) sigma_x + tm n.sigma

        H_k = -2t (cos kx + cos ky) + 4t - mu + tso (sin kx sigma_y - sin ky sigma_x) + 2 tm (cos ky - cos kx) n.sigma

    that is Eq. 7 near k = 0: `t k^2 - mu + tso (kx sigma_y - ky sigma_x) + tm (kx^2 - ky^2) n.sigma`. Eq. 10 as printed
    has the opposite order of the operators, hence the opposite sign of the spin-orbit term: that is `rashba=-...` here.

    Attributes:
        chemical_potential: mu, from the bottom of the band, in the energy unit of `hopping`.
        rashba: tso, spin-orbit energy times length, lattice constant 1.
        altermagnet: tm, exchange of the Neel vector with the d-wave spin splitting.
        hopping: t, positive.

    Raises:
        ValueError: a parameter that is not a finite scalar, a hopping that is not positive.

    Example:
        >>> model = Altermagnet(chemical_potential=0.05, rashba=0.2, altermagnet=0.2, hopping=1.0)
        >>> h = model.lattice(jnp.array(0.3), jnp.array(0.1), jnp.array([0.0, 0.0, 1.0]))
        >>> print(h.scalar.shape, float(h.vector[2]) > 0)  # the exchange is positive along kx
        () True
    """

    chemical_potential: Float[Array, ""]
    rashba: Float[Array, ""]
    altermagnet: Float[Array, ""]
    hopping: Float[Array, ""]

    def __init__(self, chemical_potential: Any, rashba: Any, altermagnet: Any, hopping: Any = 1.0):
        self.chemical_potential = with_shape("chemical_potential", chemical_potential, ())
        self.rashba = with_shape("rashba", rashba, ())
        self.altermagnet = with_shape("altermagnet", altermagnet, ())
        self.hopping = positive("hopping", hopping)

    def lattice(self, kx: Any, ky: Any, n: Float[Array, "3"]) -> Bloch:
        """H at momenta that broadcast, on the square lattice."""
        cos_x, cos_y = jnp.cos(kx), jnp.cos(ky)
        scalar = -2 * self.hopping * (cos_x + cos_y - 2) - self.chemical_potential
        return self._bloch(scalar, jnp.sin(kx), jnp.sin(ky), 2 * (cos_y - cos_x), n)

    def continuum(self, kx: Any, ky: Any, n: Float[Array, "3"]) -> Bloch:
        """H at momenta that broadcast, near the bottom of the band (Vakili 2026, Eq. 7)."""
        scalar = self.hopping * (kx**2 + ky**2) - self.chemical_potential
        return self._bloch(scalar, kx, ky, kx**2 - ky**2, n)

    def _bloch(self, scalar, sin_x, sin_y, splitting, n):
        exchange = self.altermagnet * splitting
        return Bloch(
            scalar, (exchange * n[0] - self.rashba * sin_y, exchange * n[1] + self.rashba * sin_x, exchange * n[2])
        )

    def lattice_bound(self) -> Float[Array, ""]:
        """A bound of |energy| on the lattice, for |n| = 1."""
        bottom, top = jnp.abs(self.chemical_potential), jnp.abs(8 * self.hopping - self.chemical_potential)
        return jnp.maximum(bottom, top) + jnp.sqrt(2.0) * jnp.abs(self.rashba) + 4 * jnp.abs(self.altermagnet)

    def continuum_bound(self, cutoff: Any) -> Float[Array, ""]:
        """A bound of |energy| in the continuum up to a modulus of k, for |n| = 1."""
        bottom, top = jnp.abs(self.chemical_potential), jnp.abs(self.hopping * cutoff**2 - self.chemical_potential)
        return jnp.maximum(bottom, top) + jnp.abs(self.rashba) * cutoff + jnp.abs(self.altermagnet) * cutoff**2


def check_model(model: Any) -> None:
    """Refuse anything but an `Altermagnet`."""
    if not isinstance(model, Altermagnet):
        raise ValueError(f"model must be an Altermagnet, got {type(model).__name__}")


def check_direction(n: Any) -> Float[Array, "... 3"]:
    """n as vectors of unit length; traced ones pass."""
    n = with_shape("n", n, ("...", 3))
    known = concrete(n)
    if known is not None and known.size:
        length = (known**2).sum(-1) ** 0.5
        worst = length.flat[abs(length - 1).argmax()]
        if abs(worst - 1) > UNIT_TOLERANCE:
            raise ValueError(f"n must have unit length, got |n| = {worst:g}")
    return n


def common_shape(q: Any, n: Any) -> tuple[int, ...]:
    """Leading shape of momenta and Neel vectors."""
    try:
        return jnp.broadcast_shapes(q.shape[:-1], n.shape[:-1])
    except ValueError:
        raise ValueError(
            f"q {q.shape} and n {n.shape} must broadcast up to their last axis; q[:, None] pairs all with all"
        ) from None
