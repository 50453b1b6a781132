"""Two impurity moments on a superconducting film: the Keldysh-form interaction of Lu, Tokatly and Bergeret."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .._checks import concrete, positive, real_array, with_shape
from ..numerics.special import struve_k0, struve_moment


def keldysh(x: Float[Array, "*n"] | float) -> Float[Array, "*n"]:
    """Keldysh potential `V(x) = (pi/2) [H_0(x) - Y_0(x)]`, `x = r / pearl_length` (Lu 2023, Eq. 7).

    It solves `V'' + V'/x + V = 1/x`, goes as `-ln(x/2) - 0.5772` at small and as `1/x` at large distance. Relative
    error below 1e-12 for 1e-6 <= x <= 1e4; differentiable to any order, forward and reverse.

    Args:
        x: distance in Pearl lengths, positive, any shape.

    Returns:
        V, same shape, dimensionless.

    Raises:
        ValueError: `x` is negative or NaN.

    Example:
        >>> print(f"{keldysh(0.5):.10f}")
        1.1844976873
    """
    x = real_array("x", x)
    known = concrete(x)
    if known is not None and (known < 0).any():
        raise ValueError(f"x must not be negative, got {known.min()}")
    return struve_k0(x)


class PearlCoupling(eqx.Module):
    """Interaction of in-plane moments mediated by Pearl-screened supercurrents (Lu 2023, Eqs. 6 to 9).

        E_12 = -strength (m1.grad)(m2.grad) V(r / pearl_length) = J_perp m1p m2p - J_par m1l m2l

    with `l` along and `p` across the separation. `strength = Gamma^2 / (2 pi e^2 D)` is an energy times a length
    squared: both couplings go to `strength / r^2` for `r << pearl_length`; beyond it J_perp falls as
    `strength pearl_length / r^3` and J_par as twice that. In the model units of this package (mu0 = 1) the current
    scale is `Gamma = sign sqrt(4 pi strength / pearl_length)` and the flux scale `g = Gamma pearl_length / 2`.

    Attributes:
        pearl_length: r0 = 2 lambda^2 / d = 2 / (mu0 e^2 D), in the length unit of your choice; `jnp.inf` switches
            the screening off (the model of Pershoguba 2015 and Mal'shukov 2018).
        strength: Gamma^2 / (2 pi e^2 D), in (energy unit) x (length unit)^2.
        sign: +1 or -1, the sign of Gamma. It drops out of pair energies and sets the sense of currents and fields.

    Raises:
        ValueError: a length or strength that is not positive, a sign other than +1 and -1.

    Example:
        >>> c = PearlCoupling(pearl_length=1.0, strength=1.0)
        >>> print(f"{c.perpendicular(0.5):.9f} {c.parallel(0.5):.9f}")
        2.786675510 3.602177823
    """

    pearl_length: Float[Array, ""]
    strength: Float[Array, ""]
    sign: Float[Array, ""]

    def __init__(self, pearl_length: Any, strength: Any = 1.0, sign: Any = 1):
        self.pearl_length = positive("pearl_length", pearl_length, allow_infinite=True)
        self.strength = positive("strength", strength)
        self.sign = real_array("sign", sign)
        known = concrete(self.sign)
        if known is not None and (known.ndim or abs(known) != 1):
            raise ValueError(f"sign must be +1 or -1, got {known}")

    @property
    def gamma(self) -> Float[Array, ""]:
        """Gamma, the anomalous current of a unit moment (mu0 = 1): `int j_an = Gamma z x m`."""
        return self.sign * jnp.sqrt(4 * jnp.pi * self.strength / self.pearl_length)

    @property
    def flux(self) -> Float[Array, ""]:
        """g = Gamma / (e^2 D), the weight of the vector potential `a = +g (m x z) delta(r)` of a unit moment."""
        return self.gamma * self.pearl_length / 2

    @property
    def energy_scale(self) -> Float[Array, ""]:
        """E0 = strength / pearl_length^2 = mu0 Gamma^2 / (4 pi pearl_length)."""
        return self.strength / self.pearl_length**2

    def perpendicular(self, r: Float[Array, "*n"] | float) -> Float[Array, "*n"]:
        """J_perp(r) = -strength V'(r/r0) / (r r0), exact (Lu 2023, Eq. 9).

        Args:
            r: distance, positive, any shape.
        """
        r, x = self._reduced(r)
        return self.strength / r**2 * (x * struve_moment(1, x))

    def parallel(self, r: Float[Array, "*n"] | float) -> Float[Array, "*n"]:
        """J_par(r) = strength V''(r/r0) / r0^2 = -d(r J_perp)/dr, exact (Lu 2023, Eq. 9).

        Args:
            r: distance, positive, any shape.
        """
        r, x = self._reduced(r)
        return self.strength / r**2 * (x**2 * struve_moment(2, x))

    def tensor(self, separation: Float[Array, "*n 2"]) -> Float[Array, "*n 2 2"]:
        """K_ab with `E_12 = m1_a K_ab m2_b`, that is `-strength d_a d_b V`.

        Args:
            separation: r2 - r1 (either order), shape `(..., 2)`, not zero.

        Raises:
            ValueError: a last axis other than 2, NaN, or a separation of zero length.
        """
        separation = _not_zero(separation)
        r = jnp.sqrt(jnp.sum(separation**2, axis=-1))
        unit = separation / r[..., None]
        along = unit[..., :, None] * unit[..., None, :]
        identity = jnp.broadcast_to(jnp.eye(2, dtype=along.dtype), along.shape)
        perpendicular, parallel = self.perpendicular(r)[..., None, None], self.parallel(r)[..., None, None]
        return perpendicular * (identity - along) - parallel * along

    def pair_energy(
        self, m1: Float[Array, "*a 2"], m2: Float[Array, "*b 2"], separation: Float[Array, "*c 2"]
    ) -> Float[Array, "*n"]:
        """Interaction energy of two moments, `J_perp m1p m2p - J_par m1l m2l` (Lu 2023, Eqs. 1 and 8).

        Args:
            m1: first moment, shape `(..., 2)`.
            m2: second moment, shape `(..., 2)`.
            separation: vector between them, shape `(..., 2)`; leading axes broadcast.

        Raises:
            ValueError: a last axis other than 2, leading axes that do not broadcast, NaN, or a separation of zero
                length.

        Example:
            >>> c = PearlCoupling(pearl_length=1.0)
            >>> x, y = jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])
            >>> print(f"{c.pair_energy(x, x, 0.5 * x):.6f} {c.pair_energy(y, y, 0.5 * x):.6f}")
            -3.602178 2.786676
        """
        m1, m2 = with_shape("m1", m1, ("...", 2)), with_shape("m2", m2, ("...", 2))
        separation = _not_zero(separation)
        shapes = (m1.shape, m2.shape, separation.shape)
        try:
            shape = np.broadcast_shapes(*shapes)
        except ValueError as error:
            raise ValueError(f"m1, m2 and separation must broadcast, got shapes {shapes}") from error
        m1, m2, separation = (jnp.broadcast_to(v, shape) for v in (m1, m2, separation))
        return jnp.einsum("...a,...ab,...b->...", m1, self.tensor(separation), m2)

    def pair_ground_state(self, r: Float[Array, ""] | float) -> "PairGroundState":
        """Lowest state of two unit moments at distance r: head to tail and parallel, `E = -J_par(r)`.

        The Hessian is the second derivative of the pair energy in the two angles to the line of separation, taken
        at the ground state by automatic differentiation; its eigenvalues are `J_par - J_perp` (both moments turn in
        opposite senses) and `J_par + J_perp`. Without screening the first one vanishes: every `theta1 = -theta2`
        has the same energy (Lu 2023, Fig. 2b).

        Args:
            r: distance, a positive scalar.

        Example:
            >>> state = PearlCoupling(pearl_length=1.0).pair_ground_state(0.5)
            >>> print(f"{state.energy:.9f}", state.stiffness.round(6))
            -3.602177823 [0.815502 6.388853]
        """
        r = positive("r", r)
        separation = jnp.stack([r, jnp.zeros_like(r)])

        def energy(angles):
            moments = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
            return self.pair_energy(moments[0], moments[1], separation)

        angles = jnp.zeros_like(separation)
        hessian = jax.hessian(energy)(angles)
        soft, stiff = hessian[0, 0] - hessian[0, 1], hessian[0, 0] + hessian[0, 1]
        return PairGroundState(energy(angles), angles, hessian, jnp.sort(jnp.stack([soft, stiff])))

    def _reduced(self, r):
        r = real_array("r", r)
        known = concrete(r)
        if known is not None and not (known > 0).all():
            raise ValueError(f"r must be positive, got {known.min()}")
        x = r / self.pearl_length
        # without screening x = 0: the floor gives the limits x M_1 = x^2 M_2 = 1 and finite higher derivatives
        return r, jnp.maximum(x, jnp.finfo(x.dtype).tiny ** 0.125)


def check_coupling(coupling: Any) -> None:
    """Refuses what is not a coupling, such as the bare Pearl length."""
    if not isinstance(coupling, PearlCoupling):
        raise ValueError(f"coupling must be a PearlCoupling, got {coupling!r}")


def _not_zero(separation):
    separation = with_shape("separation", separation, ("...", 2))
    known = concrete(separation)
    if known is not None and (known == 0).all(axis=-1).any():
        raise ValueError("separation must not be zero: coincident moments have no finite energy")
    return separation


class PairGroundState(eqx.Module):
    """Ground state of two moments.

    Attributes:
        energy: lowest energy.
        angles: of both moments to the line of separation, shape `(2,)`; reversing both gives the same energy.
        hessian: d^2 E / d theta_i d theta_j, shape `(2, 2)`.
        stiffness: eigenvalues of the Hessian, ascending.
    """

    energy: Float[Array, ""]
    angles: Float[Array, "2"]
    hessian: Float[Array, "2 2"]
    stiffness: Float[Array, "2"]


class ElementaryCoupling(PearlCoupling):
    """The elementary approximation of the couplings (Lu 2023, Eq. 10), for comparison with the exact `PearlCoupling`.

        J_perp = strength r0 / (r^2 (r + r0)),   J_par = strength r0 (2 r + r0) / (r^2 (r + r0)^2)

    The paper calls it highly accurate; its largest relative errors are 9.8 % in J_perp (at r = 2.9 r0), 10.5 % in
    J_par (4.5 r0) and 12 % in their difference (5.56 r0), because it drops the derivative of one term of the
    approximate potential it starts from.

    Example:
        >>> exact, rough = PearlCoupling(pearl_length=1.0), ElementaryCoupling(pearl_length=1.0)
        >>> print(f"{rough.perpendicular(2.884) / exact.perpendicular(2.884) - 1:.4f}")
        -0.0980
    """

    def perpendicular(self, r: Float[Array, "*n"] | float) -> Float[Array, "*n"]:
        """J_perp(r) of Eq. 10."""
        r, x = self._reduced(r)
        return self.strength / (r**2 * (1 + x))

    def parallel(self, r: Float[Array, "*n"] | float) -> Float[Array, "*n"]:
        """J_par(r) of Eq. 10."""
        r, x = self._reduced(r)
        return self.strength * (1 + 2 * x) / (r**2 * (1 + x) ** 2)
