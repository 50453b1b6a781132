"""A finite film as a free energy of its moments."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from .._checks import positive, with_shape
from ..energy import FreeEnergy
from .driving import applied_at_nodes, currents_into
from .film import Film


class FilmEnergy(FreeEnergy):
    r"""Energy of the moments of a film, `E(m) = -min_g F`, less a local Lorentz term.

        E = -min_g F[g; m] - (lorentz / 2) int a^2 / Lam,    -dE/dm = Gamma z x K + lorentz Gamma^2 m / Lam  per area

    with `Gamma = anomalous` and `Lam = pearl_length / 2`. The first term is the energy that currents cost: it is convex
    in m, and zero or more where nothing else drives. The second is what is left of the removal of the self term of
    point impurities, `lorentz = 1/2` in isotropic surroundings (re-derived from the pair sum of Lu 2023).

    A field costs one solve, since E is stationary in g; second derivatives contain the response of the currents.

    Args:
        film: the film.
        applied_field: as `Film.solve`; so are the others.
        terminal_currents: currents into the terminals.
        fluxoids: of the holes.
        vortices: pinned.
        lorentz: weight of the local term.
        tolerance: of the stream function; its error counts squared in E, but not in fields.
        max_steps: products allowed in a solve.

    Raises:
        ValueError: a film that is none, or as `Film.solve`.

    Example:
        >>> mask = np.ones((16, 16), bool)
        >>> film = sm.Film(mask, 1 / 16, 0.1, anomalous=sm.rim(mask, 1 / 16, 0.25))
        >>> F = FilmEnergy(film)
        >>> m = jnp.zeros((16, 16, 2)).at[..., 0].set(1.0)
        >>> print(f"{F(m):.4f} {-jnp.sum(m * sm.field(F, m)) / F(m):.4f}")  # quadratic
        0.2598 2.0000
    """

    film: Film
    applied_field: Float[Array, "*map"]
    terminal_currents: Any
    fluxoids: Float[Array, "holes"] | None
    vortices: Float[Array, "v 3"] | None
    lorentz: Float[Array, ""]
    tolerance: Float[Array, ""]
    max_steps: Any

    def __init__(
        self,
        film: Film,
        *,
        applied_field: Any = 0.0,
        terminal_currents: Any = None,
        fluxoids: Any = None,
        vortices: Any = None,
        lorentz: Any = 0.0,
        tolerance: Any = 1e-10,
        max_steps: Any = 500,
    ):
        if not isinstance(film, Film):
            raise ValueError(f"film must be a Film, got {type(film).__name__}")
        self.film = film
        self.applied_field = applied_at_nodes(film, applied_field)
        self.terminal_currents = currents_into(film, terminal_currents)
        self.fluxoids = None if fluxoids is None else with_shape("fluxoids", fluxoids, (film.holes,)).astype(float)
        self.vortices = None if vortices is None else with_shape("vortices", vortices, ("v", 3)).astype(float)
        self.lorentz = with_shape("lorentz", lorentz, ()).astype(float)
        self.tolerance, self.max_steps = positive("tolerance", tolerance), jnp.asarray(max_steps)

    def __call__(self, moments: Float[Array, "nx ny 2"]) -> Float[Array, ""]:
        """E of one texture."""
        film = self.film
        state = film.solve(
            self.applied_field,
            self.terminal_currents,
            self.fluxoids,
            moments,
            self.vortices,
            self.tolerance,
            self.max_steps,
        )
        stiffness = 2 * jnp.where(film.mask, film.anomalous, 0.0) ** 2 / film.pearl_length
        local = jnp.sum(stiffness[..., None] * moments**2)
        return state.energy - self.lorentz / 2 * film.spacing**2 * local
