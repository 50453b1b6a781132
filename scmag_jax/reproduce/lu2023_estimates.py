"""Lu, Tokatly and Bergeret 2023: the claims about materials, in SI units."""

import jax
import jax.numpy as jnp

from ..impurities.coupling import PearlCoupling
from ..materials import GAP_RATIO, DiracBand, Material, bcs_gap, superfluid_weight
from ..units import to_si
from .claims import Claim
from .lu2023 import Parameters


def material_claims(parameters: Parameters) -> list[Claim]:
    """The estimates for Fe(Se,Te), what they assume, and the superfluid weight behind them."""
    band = DiracBand(parameters.velocity, parameters.fermi_energy)
    sample = Material(band, parameters.gap, parameters.exchange, parameters.spin)
    meV = to_si("1 meV", "energy")
    coupling = PearlCoupling(sample.pearl_length(), sample.coupling_strength() / meV)
    distances = [to_si(text, "length") for text in (parameters.arxiv_distance, parameters.prb_distance)]
    arxiv, prb = (float(coupling.parallel(r)) for r in distances)
    coherence = float(sample.coherence_length)
    ratios = [r / coherence for r in distances]
    beta = float(sample.beta)
    prefactor = _printed_over_derived_weight(0.1)
    return [
        Claim(
            "arXiv:2307.10723, conclusion",
            f"coupling in Fe(Se,Te) at {parameters.arxiv_distance}",
            "about 2 meV",
            arxiv,
            "meV",
            "J_par",
            "within a factor 2",
            0.5 < arxiv / 2 < 2,
            f"Smaller by {2 / arxiv:.0f}; with the {prefactor:.0f} times larger weight of Eq. S40 it would be "
            f"{arxiv * prefactor:.3f} meV. Born limit, beta = {beta:.3f}.",
        ),
        Claim(
            "PRB 108, L180506, text on Fe(Se,Te)",
            f"coupling in Fe(Se,Te) at {parameters.prb_distance}",
            "of the order of meV",
            prb,
            "meV",
            "J_par",
            "within a factor 10 of 1 meV",
            0.1 < prb < 10,
            f"Smaller by {1 / prb:.0f}. A bulk flake that carries the backflow would lower it further.",
        ),
        Claim(
            "PRB 108, L180506, text on Eq. 6",
            "the distances of the estimates are far above the coherence length",
            "r >> xi",
            max(ratios),
            "",
            f"{parameters.prb_distance} over xi = hbar v/gap",
            "at least 3",
            max(ratios) >= 3,
            f"xi = {coherence * 1e9:.1f} nm; {parameters.arxiv_distance} is {ratios[0]:.2f} xi, "
            f"{parameters.prb_distance} {ratios[1]:.2f} xi: point impurities are not justified there.",
        ),
        Claim(
            "arXiv:2307.10723, Eq. S40",
            "superfluid weight of the Rashba film, 2 pi vF^2 N0 T sum",
            "Eq. S40",
            prefactor,
            "",
            "Eq. S40 over -(1/e^2) dj/dA of the current of Eqs. S35 and S37",
            "within 1 %",
            abs(prefactor - 1) < 0.01,
            "The main text, (1/2) pi vF^2 N0 T sum over all n, is right and is used here.",
        ),
    ]


def _printed_over_derived_weight(t):
    """Eq. S40 over minus the derivative of the quasiclassical current by A; units with N0 = vF = e = T = 1."""
    gap = GAP_RATIO * float(bcs_gap(t)) / t
    frequencies = jnp.pi * (2 * jnp.arange(20_000.0) + 1)[:, None]
    angle = jnp.linspace(0.0, 2 * jnp.pi, 8, endpoint=False)[None, :]

    def current(a):  # both signs of the frequency give the same
        w = jax.lax.complex(frequencies + 0 * angle, 0 * frequencies - a * jnp.cos(angle))
        green = w / jnp.sqrt(w**2 + gap**2)  # the tau3 component; the trace doubles it
        return 2 * jnp.pi * jnp.sum(jnp.mean(jnp.cos(angle) * green.imag, axis=1))

    # the Matsubara sum of the weight is superfluid_weight(t) itself
    return 2 * float(superfluid_weight(t)) / -float(jax.grad(current)(0.0))
