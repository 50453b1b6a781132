"""Finite films: derivatives against differences, the energy of moments, batches, films made under transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from film_cases import holed, random_moments, round_film, slope

import scmag_jax as sm

# --- a hole and a random Pearl length, against differences


DERIVATIVES = {
    "pearl_length": lambda film: film.pearl_length,
    "moments": lambda film: random_moments(film.shape),
    "applied_field": lambda film: jnp.asarray(np.random.default_rng(5).normal(size=film.nodes.free.shape)),
    "anomalous": lambda film: jnp.asarray(np.random.default_rng(6).uniform(0.2, 1.0, film.shape)),
    "fluxoids": lambda film: jnp.array([0.4]),
    "height": lambda film: jnp.array(0.11),
}


FILM = holed(14)
POINT = {name: make(FILM) for name, make in DERIVATIVES.items()}


def weighted(observe):
    """Observables `(2,)`, and the derivative of their sum with weights by everything: one program for all of it."""
    sum_of = lambda given, weights: (lambda values: (weights @ values, values))(jnp.stack(observe(given)))
    return jax.jit(jax.value_and_grad(sum_of, has_aux=True))


@weighted
def measured(given):
    """Observables of everything: field above the film, and energy."""
    film = FILM.replace(pearl_length=given["pearl_length"], anomalous=given["anomalous"])
    sources = {key: given[key] for key in ("moments", "applied_field", "fluxoids")}
    state = film.solve(**sources, tolerance=1e-13)
    weights = jnp.asarray(np.random.default_rng(8).normal(size=film.shape))
    return jnp.sum(weights * state.bz(given["height"])), state.energy


@pytest.mark.parametrize("name", DERIVATIVES)
@pytest.mark.parametrize("which", [0, 1])
def test_derivatives(name, which):
    weights, x = jnp.eye(2)[which], POINT[name]
    direction = jnp.asarray(np.random.default_rng(7).normal(size=x.shape))
    found = float(jnp.sum(measured(POINT, weights)[1][name] * direction))
    if name == "height" and which == 1:
        assert found == 0.0  # the energy knows no height
        return
    f = lambda value: measured(POINT | {name: value}, weights)[0][1][which]
    scale = {"pearl_length": 1e-3, "height": 1e-3}.get(name, 1e-2)
    assert found == pytest.approx(slope(f, x, direction, scale), rel=1e-6)


def test_derivatives_by_terminal_currents_and_outline():
    n = 16
    h = 1 / n
    mask = np.ones((2 * n, n), bool)
    mask[10:14, 5:9] = False
    terminals = {
        "a": sm.Terminal([(-h / 4, 0), (h / 4, 0), (h / 4, 1), (-h / 4, 1)], lead="straight"),
        "b": sm.Terminal([(2 - h / 4, 0), (2 + h / 4, 0), (2 + h / 4, 0.5), (2 - h / 4, 0.5)], lead="open"),
        "c": sm.Terminal([(2 - h / 4, 0.5), (2 + h / 4, 0.5), (2 + h / 4, 1), (2 - h / 4, 1)], lead="open"),
    }
    film = sm.Film(mask, h, np.random.default_rng(2).uniform(0.1, 0.6, mask.shape), terminals=terminals)
    m = random_moments(mask.shape)

    @weighted
    def observed(current):
        currents = jnp.array([1.0, -0.3, -0.7]) + current * jnp.array([0.0, 1.0, -1.0])
        state = film.solve(0.3, terminal_currents=currents, moments=m, tolerance=1e-13)
        return state.bz(0.1)[5, 7], state.energy

    for which, weights in enumerate(jnp.eye(2)):
        f = lambda s, which=which, weights=weights: observed(s, weights)[0][1][which]
        found = float(observed(jnp.array(0.2), weights)[1])
        assert found == pytest.approx(slope(f, jnp.array(0.2), jnp.array(1.0), 1e-2), rel=1e-6)

    ring = round_film(16, 0.3, inner=0.4)
    ring = ring.replace(pearl_length=np.random.default_rng(1).uniform(0.2, 0.9, ring.shape))
    shape = jnp.asarray(np.random.default_rng(3).normal(size=ring.outline.shape)) * 0.01
    moment = lambda s: ring.replace(outline=ring.outline + s * shape).solve(1.0, tolerance=1e-13).magnetic_moment
    both = jax.jit(jax.value_and_grad(moment))
    f, found = lambda s: both(s)[0], float(both(jnp.array(0.0))[1])
    assert found == pytest.approx(slope(f, jnp.array(0.0), jnp.array(1.0), 1e-4), rel=1e-6)


def test_derivative_by_the_position_of_a_vortex():
    # between the nodes the vortex is shared by them, so that the moment is linear in its position there
    film = holed(14)
    pinned = lambda x: jnp.array([[0.0, 0.55, 1.0]]) + x * jnp.array([[1.0, 0.0, 0.0]])
    moment = jax.jit(jax.value_and_grad(lambda x: film.solve(vortices=pinned(x), tolerance=1e-13).magnetic_moment))
    assert float(moment(0.75)[1]) == pytest.approx(float(moment(0.77)[0] - moment(0.73)[0]) / 0.04, rel=1e-8)


def test_film_energy():
    film = holed(14, anomalous=1.3)
    F = sm.FilmEnergy(film, applied_field=0.4, fluxoids=[0.2], lorentz=0.3)
    m = random_moments((14, 14))
    direction = random_moments((14, 14), 9)
    # the field, and what it changes by: second derivatives contain the response of the currents
    field, turned = jax.jit(lambda m, u: jax.jvp(lambda m: sm.field(F, m), (m,), (u,)))(m, direction)
    assert -float(jnp.sum(field * direction)) == pytest.approx(slope(F, m, direction, 1e-2), rel=1e-8)
    # -dE/dm = Gamma z x K + lorentz Gamma^2 m / Lam per area, links averaged on the cells
    state = film.solve(0.4, fluxoids=[0.2], moments=m)
    x, y = state.link_currents
    kx, ky = (x[1:] + x[:-1]) / 2, (y[:, 1:] + y[:, :-1]) / 2
    local = 0.3 * 1.3**2 * m / (film.pearl_length / 2)[..., None]
    expected = jnp.where(film.mask[..., None], 1.3 * jnp.stack([-ky, kx], axis=-1) + local, 0.0) / 14**2
    np.testing.assert_allclose(field, expected, rtol=0, atol=1e-10)
    # E is quadratic
    product = -float(jnp.sum(direction * turned))
    second = float(F(m + direction) - 2 * F(m) + F(m - direction))
    assert product == pytest.approx(second, rel=1e-7)
    # relaxation in a ball
    found = sm.relax(F, m, constraint="ball", tolerance=1e-2, max_steps=100, throw=False)
    assert F(found.moments) < F(m) and float(jnp.linalg.norm(found.moments, axis=-1).max()) <= 1 + 1e-12


# --- batches and films made under transformations


def test_batches_share_the_program():
    film = holed(14)
    fields, fluxoids = jnp.array([0.0, 1.0, -2.0]), jnp.array([[1.0], [0.0], [0.5]])
    states = jax.vmap(lambda field, flux: film.solve(field, fluxoids=flux))(fields, fluxoids)
    for k in range(3):
        alone = film.solve(fields[k], fluxoids=fluxoids[k])
        np.testing.assert_allclose(states.stream[k], alone.stream, rtol=0, atol=1e-11)
    lengths = jnp.array([0.1, 1.0])
    moments = jax.jit(jax.vmap(lambda r0: sm.Film(film.mask, 1 / 14, r0).solve(1.0).magnetic_moment))(lengths)
    for r0, found in zip(lengths, moments, strict=True):
        expected = sm.Film(film.mask, 1 / 14, float(r0)).solve(1.0).magnetic_moment
        assert float(found) == pytest.approx(float(expected), rel=1e-9)


def test_batched_states_say_so():
    film = holed(14)
    states = jax.vmap(lambda field, flux: film.solve(field, fluxoids=flux))(
        jnp.array([1.0, 2.0, 3.0]), jnp.zeros((3, 1))
    )
    for read in (lambda s: s.magnetic_moment, lambda s: s.current, lambda s: s.hole_currents, lambda s: s.bz(0.1)):
        with pytest.raises(ValueError, match=r"a batch of states, of shape \(3,\), has arrays only"):
            read(states)


@pytest.mark.parametrize("n", [14, 40])
def test_films_are_made_inside_jit(n):
    mask = np.ones((n, n), bool)
    mask[5:9, 4:8] = False
    expected = sm.Film(mask, 0.1, 0.3).solve(1.0)
    # moments scale with the cube of all lengths, so that dm/dh h + dm/dr0 r0 = 3 m
    moment = lambda h, r0: sm.Film(mask, h, r0).solve(1.0, tolerance=1e-12).magnetic_moment
    value, (by_h, by_r0) = jax.jit(jax.value_and_grad(moment, argnums=(0, 1)))(0.1, 0.3)
    assert float(value) == pytest.approx(float(expected.magnetic_moment), rel=1e-9)
    assert float(0.1 * by_h + 0.3 * by_r0) == pytest.approx(3 * float(value), rel=1e-9)


def test_what_is_known_stays_known_inside_jit():
    mask = np.array(holed(14).mask)
    made = jax.jit(lambda r0: sm.Film(mask, 0.1, r0).solve(1.0).magnetic_moment)
    assert float(made(0.3)) == pytest.approx(float(sm.Film(mask, 0.1, 0.3).solve(1.0).magnetic_moment), rel=1e-9)
    distance = np.asarray(round_film(12, 1.0).outline)
    constant = jax.jit(lambda H: sm.Film(None, 0.1, 0.3, outline=distance).solve(H).magnetic_moment)(1.0)
    assert float(constant) == pytest.approx(float(sm.Film(None, 0.1, 0.3, outline=distance).solve(1.0).magnetic_moment))
