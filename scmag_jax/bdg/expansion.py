"""First and second order in the altermagnetic exchange: the coefficients gamma and A_z as radial integrals."""

from math import factorial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import positive, require_double, with_shape
from ..numerics.quadrature import gauss_legendre, horner
from .model import Altermagnet, check_model

NODES, PANELS = 32, 10  # of a stretch; a panel spans at most 5 of ln k, as in `matsubara_sum`
SINH_SERIES = tuple(1 / factorial(2 * i + 1) for i in range(10))  # sinh(d) / d in powers of d^2, exact up to |d| = 1
FARTHEST = 1e9  # in units of the largest momentum scale; the tails fall as k^-3


class GradientExpansion(eqx.Module):
    """The free energy of weak exchange, `F = tm gamma (q_x n_y + q_y n_x) - tm^2 A_z n_z^2` (Vakili 2026, Eqs. 8, 9).

    Valid for `tm mu / t << gap` and small q; terms that do not depend on the direction of n are left out.

    Attributes:
        gamma: coefficient of the supercurrent-induced Neel field; odd in the spin-orbit coupling, 0 without a gap.
        anisotropy: A_z; positive favours n along z.
        altermagnet: tm of the model.

    Example:
        >>> e = GradientExpansion(jnp.array(-2e-3), jnp.array(8e-5), jnp.array(0.2))
        >>> print(f"{e.free_energy(jnp.array([0.1, 0.0]), jnp.array([0.0, 1.0, 0.0])):.1e}")
        -4.0e-05
    """

    gamma: Float[Array, ""]
    anisotropy: Float[Array, ""]
    altermagnet: Float[Array, ""]

    def free_energy(self, q: Float[Array, "2"], n: Float[Array, "3"]) -> Float[Array, ""]:
        """F(q, n) to this order, per unit area; its derivatives are field and current. `jax.vmap` for several."""
        q, n = with_shape("q", q, (2,)), with_shape("n", n, (3,))
        first = self.altermagnet * self.gamma * (q[0] * n[1] + q[1] * n[0])
        return first - self.altermagnet**2 * self.anisotropy * n[2] ** 2


def gradient_expansion(model: Altermagnet, gap: Any, temperature: Any, *, cutoff: Any = None) -> GradientExpansion:
    r"""gamma and A_z of a superconducting continuum Rashba metal (Vakili 2026, Eqs. 5, 6; the supplement's integrals).

    With `E_s = t k^2 - mu + s tso k`, `e_s = sqrt(E_s^2 + gap^2)`, `th_s = tanh(e_s / 2T)`:

        gamma = -(1/8 pi) int k^2 sum_s s (E_s / e_s) th_s dk + (1/16 pi) int k^3 [sum_s (s/2) E_s' g_ss - tso g_+-] dk
        A_z = (1/32 pi) int k^5 [g_++ + g_-- - 2 g_+-] dk,          g_ss = -sech^2(e_s / 2T) / 2T

    and g_+- the same between the helical bands. Differences that cancel at large k are written out, and the nodes
    crowd around the Fermi momenta on the scale of gap and temperature, so that the result is accurate to 1e-12.

    Args:
        model: its exchange tm is only handed on.
        gap: pairing amplitude, positive.
        temperature: k_B T, positive.
        cutoff: largest k; None = infinity.

    Returns:
        `GradientExpansion`, with `.gamma` and `.anisotropy`.

    Raises:
        ValueError: a gap, temperature or cut-off that is not positive; single precision.

    Example:
        >>> model = Altermagnet(chemical_potential=0.05, rashba=0.2, altermagnet=0.2)
        >>> e = gradient_expansion(model, gap=0.199988305, temperature=0.0113378685)
        >>> print(f"{e.gamma:.9e} {e.anisotropy:.8e}")
        -2.128918097e-03 8.30100503e-05
    """
    check_model(model)
    gap, temperature = positive("gap", gap), positive("temperature", temperature)
    require_double("gradient_expansion", gap.dtype)
    top = None if cutoff is None else positive("cutoff", cutoff)
    gamma, anisotropy = _integrals(model, gap, temperature, top)
    return GradientExpansion(gamma, anisotropy, with_shape("altermagnet", model.altermagnet, ()))


@eqx.filter_jit
def _integrals(model, gap, temperature, cutoff):
    k, weight = _nodes(model, gap, temperature, cutoff)
    first, second, anisotropy = _integrands(model, gap, temperature, k)
    gamma = -jnp.sum(weight * k**2 * first) / (8 * jnp.pi) + jnp.sum(weight * k**3 * second) / (16 * jnp.pi)
    return gamma, jnp.sum(weight * k**5 * anisotropy) / (32 * jnp.pi)


def _integrands(model, gap, temperature, k):
    t, tso = model.hopping, model.rashba
    mean, split = t * k**2 - model.chemical_potential, tso * k
    upper, lower = mean + split, mean - split
    e_upper, e_lower = jnp.sqrt(upper**2 + gap**2), jnp.sqrt(lower**2 + gap**2)
    th_upper, th_lower = jnp.tanh(e_upper / (2 * temperature)), jnp.tanh(e_lower / (2 * temperature))

    # (E/e)_+ - (E/e)_-: where both have one sign, the difference of squares over the sum
    same = upper * lower > 0
    total = upper * e_lower + lower * e_upper
    crossed = e_upper * e_lower
    ratio = jnp.where(
        same, gap**2 * 4 * mean * split / (crossed * jnp.where(same, total, 1.0)), upper / e_upper - lower / e_lower
    )
    # sum_s s (E_s / e_s) th_s about the mean of both th, whose difference dies out exponentially
    mean_ratio = (upper / e_upper + lower / e_lower) / 2
    spread = 4 * mean * split / (e_upper + e_lower)  # e_+ - e_-
    thermal = _tanh_difference(e_upper, e_lower, spread, temperature)  # (th_+ - th_-) / (e_+ - e_-)
    first = ratio * (th_upper + th_lower) / 2 + mean_ratio * thermal * spread

    g_upper, g_lower = (-_sech_squared(e, temperature) / (2 * temperature) for e in (e_upper, e_lower))
    product = upper * lower + gap**2
    positive_product = product > 0
    # product - e_+ e_-, whose product with the sum of both is -gap^2 (E_+ - E_-)^2
    deficit = jnp.where(
        positive_product,
        -((2 * gap * split) ** 2) / jnp.where(positive_product, product + crossed, 1.0),
        product - crossed,
    )
    between = deficit / (crossed * (e_upper + e_lower)) * (th_upper + th_lower) / 2
    between -= thermal / 2 * (1 + product / crossed)
    slopes = 2 * t * k
    second = ((slopes + tso) * g_upper - (slopes - tso) * g_lower) / 2 - tso * between
    return first, second, g_upper + g_lower - 2 * between


def _sech_squared(e, temperature):
    decay = jnp.exp(-e / temperature)
    return 4 * decay / (1 + decay) ** 2


def _tanh_difference(e, other, difference, temperature):
    """`[tanh(e / 2T) - tanh(other / 2T)] / difference`, that is sinh(d) / (2T d cosh cosh) with d = difference / 2T."""
    a, b, d = (x / (2 * temperature) for x in (e, other, difference))
    near = jnp.abs(d) < 1
    close = horner(SINH_SERIES, jnp.where(near, d, 0.0) ** 2) * jnp.exp(-a - b)
    apart = (jnp.exp(-2 * b) - jnp.exp(-2 * a)) / (2 * jnp.where(near, 1.0, d))
    both = (1 + jnp.exp(-2 * a)) * (1 + jnp.exp(-2 * b))
    return 2 * jnp.where(near, close, apart) / (both * temperature)


def _nodes(model, gap, temperature, cutoff):
    """Nodes on [0, cutoff], graded towards the Fermi momenta: k = centre +- scale sinh(u), Gauss-Legendre in u."""
    model, gap, temperature = jax.lax.stop_gradient((model, gap, temperature))
    t, split = model.hopping, jnp.abs(model.rashba)
    speed = jnp.sqrt(jnp.maximum(split**2 + 4 * t * model.chemical_potential, 0.0))
    # where a helical band crosses mu; without crossings both are the minimum of the band
    low, high = jnp.abs(speed - split) / (2 * t), (speed + split) / (2 * t)
    energy = jnp.sqrt(gap**2 + (jnp.pi * temperature) ** 2)
    # the nearest singularity, E_s = +-i energy, also where the band is flat
    scale = jnp.minimum(energy / jnp.maximum(speed, 1e-300), jnp.sqrt(energy / t))
    farthest = FARTHEST * jnp.maximum(jnp.maximum(high, scale), jnp.sqrt(jnp.abs(model.chemical_potential) / t))
    end = farthest if cutoff is None else jax.lax.stop_gradient(cutoff)
    low, high = jnp.minimum(low, end), jnp.minimum(high, end)
    middle = (low + high) / 2
    stretches = [(low, -low), (low, middle - low), (high, middle - high), (high, end - high)]
    fraction, weights = (jnp.asarray(a, dtype=gap.dtype) for a in gauss_legendre(NODES, PANELS))
    parts = [_stretch(centre, length, scale, fraction, weights) for centre, length in stretches]
    if cutoff is not None:
        # the end moves with the cut-off, so that its derivative is the integrand there
        ratio = cutoff / end
        parts = [(k * ratio, w * ratio) for k, w in parts]
    return tuple(jnp.concatenate(part) for part in zip(*parts, strict=True))


def _stretch(centre, length, scale, fraction, weights):
    reach = jnp.arcsinh(jnp.abs(length) / scale)
    k = centre + jnp.sign(length) * scale * jnp.sinh(reach * fraction)
    return k, scale * jnp.cosh(reach * fraction) * reach * weights
