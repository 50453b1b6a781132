"""Dynamics against solutions in closed form, an independent integrator, and conservation laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import scmag_jax as sm

TIMES = np.linspace(0.0, 10.0, 11)
PULL = jnp.array([0.0, 0.7, 0.0])
INERTIA, DAMPING, START = 1.3, 0.2, 2.0
UP = jnp.array([0.0, 0.0, 1.0])
# Global error over ten units of time: some fifty steps of the tolerance 1e-8 each, and the growth of errors.
ACCURACY = 2e-7


def pendulum_energy(n):
    return -jnp.sum(n * PULL)


def pendulum(times, damping=DAMPING, **options):
    start = jnp.array([0.0, np.cos(START), np.sin(START)])
    return sm.evolve(pendulum_energy, start, times, dynamics="neel", damping=damping, inertia=INERTIA, **options)


def test_neel_vector_in_a_field_is_a_damped_pendulum():
    def slope(_, y):
        return [y[1], -(0.7 * np.sin(y[0]) + DAMPING * y[1]) / INERTIA]

    expected = solve_ivp(slope, (0, TIMES[-1]), [START, 0.0], t_eval=TIMES, rtol=1e-11, atol=1e-11).y
    found = pendulum(TIMES)
    np.testing.assert_allclose(found.moments[:, 1], np.cos(expected[0]), atol=ACCURACY)
    np.testing.assert_allclose(found.moments[:, 2], np.sin(expected[0]), atol=ACCURACY)
    np.testing.assert_allclose(found.velocity[:, 1], -np.sin(expected[0]) * expected[1], atol=ACCURACY)
    np.testing.assert_allclose(found.energy, -0.7 * np.cos(expected[0]), atol=ACCURACY)
    # on the sphere exactly, moving along it
    np.testing.assert_allclose(jnp.sum(found.moments**2, -1), 1.0, rtol=1e-15)
    np.testing.assert_allclose(jnp.sum(found.moments * found.velocity, -1), 0.0, atol=1e-15)


def test_neel_dynamics_without_damping_conserve_the_energy():
    found = pendulum(TIMES, damping=0.0)
    total = found.energy + INERTIA / 2 * jnp.sum(found.velocity**2, -1)
    np.testing.assert_allclose(total, total[0], atol=ACCURACY)
    assert np.ptp(found.energy) > 0.5


def test_llg_switches_as_in_closed_form():
    # field h along z: with phase = gamma h t / (1 + damping^2), m_z = tanh(damping phase), and m turns by the phase
    damping, ratio, h = 0.3, 1.7, 0.9
    found = sm.evolve(
        lambda m: -h * m[2], [1.0, 0.0, 0.0], TIMES, dynamics="llg", damping=damping, gyromagnetic_ratio=ratio
    )
    phase = ratio * h * TIMES / (1 + damping**2)
    np.testing.assert_allclose(found.moments[:, 2], np.tanh(damping * phase), atol=ACCURACY)
    np.testing.assert_allclose(found.moments[:, 0], np.cos(phase) / np.cosh(damping * phase), atol=ACCURACY)
    # counter-clockwise for a positive ratio
    np.testing.assert_allclose(found.moments[:, 1], np.sin(phase) / np.cosh(damping * phase), atol=ACCURACY)


def test_overdamped_planar_moment_in_closed_form():
    # theta' = -sin(theta) / damping gives cos(theta) = tanh(t / damping)
    found = sm.evolve(lambda m: -m[0], jnp.array([0.0, 2.0]), TIMES, damping=2.0)
    np.testing.assert_allclose(found.moments[:, 0], np.tanh(TIMES / 2), atol=ACCURACY)


def test_a_drive_that_jumps_is_followed():
    # at rest until the field comes on at t = 4: the late motion is the early one shifted
    def energy(n, strength):
        return strength * pendulum_energy(n)

    start = jnp.array([0.0, np.cos(START), np.sin(START)])
    late = sm.evolve(
        energy,
        start,
        TIMES,
        dynamics="neel",
        damping=DAMPING,
        inertia=INERTIA,
        drive=lambda t: jnp.where(t < 4.0, 0.0, 1.0),
    )
    # the step in which the jump falls is judged by an estimate that holds for smooth motion: 2e-6 measured
    np.testing.assert_allclose(late.moments[4:], pendulum(TIMES[:7]).moments, atol=1e-5)
    np.testing.assert_allclose(late.moments[:5], jnp.broadcast_to(start, (5, 3)), atol=1e-15)


def test_derivative_by_the_damping():
    def last(damping):
        return pendulum(TIMES[:4], damping).moments[-1, 1]

    step = 1e-3
    difference = (last(DAMPING + step) - last(DAMPING - step)) / (2 * step)
    # the difference is off by step^2 and by the steps' tolerance over step
    np.testing.assert_allclose(jax.grad(last)(DAMPING), difference, rtol=1e-4)


def test_batches_agree_with_single_runs():
    dampings = jnp.array([0.1, 0.4])
    together = jax.vmap(lambda d: pendulum(TIMES, d).moments)(dampings)
    np.testing.assert_allclose(together[1], pendulum(TIMES, dampings[1]).moments, atol=ACCURACY)


def test_too_few_steps_are_never_silent():
    found = pendulum(TIMES, max_steps=5, throw=False)
    assert found.result == sm.RESULTS.max_steps_reached
    assert jnp.isnan(found.moments[-1]).all()
    with pytest.raises(RuntimeError, match="maximum number of steps"):
        pendulum(TIMES, max_steps=5)


def test_supercurrent_pulse_reverses_a_macrospin():
    # The easy axis is z; a supercurrent along x pulls n towards -sign(gamma) y. Switched off while n passes y, the
    # inertia carries it on to the other side; without the pulse nothing moves.
    model = sm.Altermagnet(chemical_potential=0.05, rashba=0.2, altermagnet=0.2)
    coefficients = sm.gradient_expansion(model, gap=0.2, temperature=0.0113)
    field = abs(float(model.altermagnet * coefficients.gamma)) * 0.1
    inertia = field  # one unit of time is then that of the motion in the field
    tilted = jnp.array([0.0, 0.05, 1.0])

    def run(length):
        def drive(t):
            return jnp.where(t < length, jnp.array([0.1, 0.0]), jnp.zeros(2))

        return sm.evolve(
            lambda n, q: coefficients.free_energy(q, n),
            tilted,
            [0.0, 40.0],
            dynamics="neel",
            damping=0.25 * inertia,
            inertia=inertia,
            drive=drive,
        ).moments[-1]

    assert run(0.0)[2] > 0.9
    assert run(1.5)[2] < -0.9


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"dynamics": "LLG"}, "dynamics"),
        ({"times": [0.0]}, "times"),
        ({"times": [0.0, 2.0, 1.0]}, "times"),
        ({"times": [0.0, np.nan]}, "times"),
        ({"m0": [0.0, 0.0, 0.0]}, "m0"),
        ({"m0": [1.0, np.nan, 0.0]}, "m0"),
        ({"m0": [1.0, 0.0]}, "m0"),
        ({"damping": -0.1}, "damping"),
        ({"damping": 0.0, "dynamics": "overdamped", "inertia": None}, "damping"),
        ({"inertia": None}, "inertia"),
        ({"inertia": -1.0}, "inertia"),
        ({"dynamics": "llg"}, "inertia"),
        ({"tolerance": 0.0}, "tolerance"),
        ({"max_steps": 0}, "max_steps"),
        ({"gyromagnetic_ratio": 0.0}, "gyromagnetic_ratio"),
    ],
)
def test_bad_input_is_named(changed, named):
    arguments = {"m0": UP, "times": [0.0, 1.0], "dynamics": "neel", "damping": 0.1, "inertia": 1.0} | changed
    with pytest.raises(ValueError, match=named):
        sm.evolve(pendulum_energy, arguments.pop("m0"), arguments.pop("times"), **arguments)
