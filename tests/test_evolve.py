"""Dynamics against solutions in closed form, an independent integrator, and conservation laws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

import scmag_jax as sm
from scmag_jax.spins._thermal import step_counts

TIMES = np.linspace(0.0, 10.0, 11)
PULL = jnp.array([0.0, 0.7, 0.0])
INERTIA, DAMPING, START = 1.3, 0.2, 2.0
UP = jnp.array([0.0, 0.0, 1.0])
# Global error over ten units of time: some fifty steps of the tolerance 1e-8 each, and the growth of errors.
ACCURACY = 2e-7


TWO = np.array([[0.6, 0.0, 0.8], [-0.48, 0.64, 0.6]])
AXIS, BOND = np.array([0.3, 0.7, 0.2]), np.array([[0.5, 0.4, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.5]])


def two_moments(m):
    return -jnp.sum(m @ AXIS) - 0.8 * jnp.sum(m[:, 2] ** 2) + m[0] @ BOND @ m[1]


def field_of_two(m):
    return AXIS + 1.6 * m * np.array([0.0, 0.0, 1.0]) - np.stack([BOND @ m[1], BOND.T @ m[0]])


def overdamped_slope(m, damping):
    h = field_of_two(m)
    return (h - np.sum(h * m, axis=-1, keepdims=True) * m) / damping


def llg_slope(m, damping, gyromagnetic_ratio):
    # Gilbert's form m' = m x (-ratio h + damping m'), solved as a linear system
    def solve(one, h):
        across = np.cross(np.eye(3), one)  # rows e_i x m: the matrix of v -> m x v
        return np.linalg.solve(np.eye(3) - damping * across, -gyromagnetic_ratio * np.cross(one, h))

    return np.stack([solve(*pair) for pair in zip(m, field_of_two(m), strict=True)])


def neel_slope(state, damping, inertia):
    n, velocity = state[:2], state[2:]
    push = overdamped_slope(n, inertia) - damping / inertia * velocity
    return np.concatenate([velocity, push - np.sum(velocity**2, axis=-1, keepdims=True) * n])


def fall(m):
    return -0.9 * m[2]


def pulse(length, t):
    return jnp.where(t < length, jnp.array([0.1, 0.0]), jnp.zeros(2))


def oscillator(pull, easy, m):
    return -pull * m[1] - easy * m[1] ** 2


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
    found = sm.evolve(fall, [1.0, 0.0, 0.0], TIMES, dynamics="llg", damping=damping, gyromagnetic_ratio=ratio)
    phase = ratio * h * TIMES / (1 + damping**2)
    np.testing.assert_allclose(found.moments[:, 2], np.tanh(damping * phase), atol=ACCURACY)
    np.testing.assert_allclose(found.moments[:, 0], np.cos(phase) / np.cosh(damping * phase), atol=ACCURACY)
    # counter-clockwise for a positive ratio
    np.testing.assert_allclose(found.moments[:, 1], np.sin(phase) / np.cosh(damping * phase), atol=ACCURACY)


def test_error_of_adaptive_steps_falls_with_the_tolerance():
    def error(tolerance):
        found = sm.evolve(fall, [1.0, 0.0, 0.0], TIMES, dynamics="llg", damping=0.3, tolerance=tolerance)
        return np.abs(found.moments[:, 2] - np.tanh(0.3 * 0.9 * TIMES / 1.09)).max()

    errors = [error(tolerance) for tolerance in (1e-4, 1e-6, 1e-8)]
    # proportional to it up to a few; a factor of 10 for one of 100 would still show
    assert errors[0] > 10 * errors[1] > 100 * errors[2]


@pytest.mark.parametrize("dynamics", ["overdamped", "llg", "neel"])
def test_fixed_steps_are_of_second_order(dynamics):
    numbers, slope = {
        "overdamped": ({"damping": 0.7}, overdamped_slope),
        "llg": ({"damping": 0.3, "gyromagnetic_ratio": 1.3}, llg_slope),
        "neel": ({"damping": 0.4, "inertia": 1.1}, neel_slope),
    }[dynamics]
    start = np.concatenate([TWO, np.zeros((2, 3))] if dynamics == "neel" else [TWO])
    exact = solve_ivp(
        lambda t, y: slope(y.reshape(-1, 3), **numbers).ravel(), (0, 2), start.ravel(), rtol=1e-11, atol=1e-11
    ).y[:6, -1]

    def error(step):
        found = sm.evolve(two_moments, TWO, [0.0, 1.0, 2.0], dynamics=dynamics, step=step, **numbers)
        return np.abs(found.moments[-1].ravel() - exact).max()

    # the next order changes the ratio by some per cent
    assert 1e-6 < error(1 / 30) < 1e-3
    np.testing.assert_allclose(error(1 / 30) / error(1 / 60), 4.0, rtol=0.1)


@pytest.mark.parametrize(("pull", "easy"), [(0.8, 0.0), (0.0, 0.4), (0.5, 0.3)])
def test_neel_resonance(pull, easy):
    # small motion about y: stiffness h + 2 K, omega^2 = stiffness / inertia - (damping / 2 inertia)^2
    energy = jax.tree_util.Partial(oscillator, jnp.asarray(pull), jnp.asarray(easy))
    amplitude, rate = 0.01, DAMPING / (2 * INERTIA)
    omega = np.sqrt((pull + 2 * easy) / INERTIA - rate**2)
    found = sm.evolve(
        energy,
        [0.0, 1.0, 0.0],
        TIMES,
        dynamics="neel",
        damping=DAMPING,
        inertia=INERTIA,
        velocity=[amplitude * omega, 7.0, 0.0],
    )
    expected = np.exp(-rate * TIMES) * np.sin(omega * TIMES)
    # the frequency depends on the amplitude by a relative amplitude^2 / 16 to / 4; ACCURACY / amplitude is 2e-5
    np.testing.assert_allclose(found.moments[:, 0] / amplitude, expected, atol=2e-4)
    speed = np.exp(-rate * TIMES) * (omega * np.cos(omega * TIMES) - rate * np.sin(omega * TIMES))
    np.testing.assert_allclose(found.velocity[:, 0] / amplitude, speed, atol=2e-4)


def test_free_neel_vector_runs_along_a_great_circle():
    found = sm.evolve(
        lambda n: 0.0 * jnp.sum(n), UP, TIMES, dynamics="neel", damping=0.0, inertia=1.0, velocity=PULL, step=0.5
    )
    # exact, steps of any length
    circle = np.stack([np.zeros(11), np.sin(0.7 * TIMES), np.cos(0.7 * TIMES)], -1)
    np.testing.assert_allclose(found.moments, circle, atol=1e-14)


def test_fixed_steps_conserve_the_energy_to_second_order():
    def error(step):
        found = pendulum(TIMES, damping=0.0, step=step)
        total = found.energy + INERTIA / 2 * jnp.sum(found.velocity**2, -1)
        np.testing.assert_allclose(jnp.sum(found.moments**2, -1), 1.0, rtol=1e-15)
        np.testing.assert_allclose(jnp.sum(found.moments * found.velocity, -1), 0.0, atol=1e-15)
        return np.abs(total - total[0]).max()

    # 2 % of an energy of order one for steps of 0.2 / 2 pi periods; it oscillates and does not grow
    assert error(0.2) < 0.01
    np.testing.assert_allclose(error(0.2) / error(0.1), 4.0, rtol=0.1)


def test_uneven_intervals_take_the_same_steps():
    # blocks and single steps of a loop of static length, against the plain loop
    even = pendulum(TIMES, step=0.1)
    some = pendulum(TIMES[[0, 1, 2, 7, 10]], step=0.1)
    np.testing.assert_allclose(some.moments, even.moments[jnp.array([0, 1, 2, 7, 10])], atol=1e-13)
    assert some.stats["steps"] == even.stats["steps"] == 100
    # 1.1 / 0.1 is a little more than 11; a step longer than an interval is one step of it
    assert step_counts([0.0, 1.1, 1.15, 2.0], 0.1).tolist() == [11, 1, 9]


def test_derivative_through_fixed_steps():
    @jax.jit
    @jax.value_and_grad
    def last(pull):
        energy = jax.tree_util.Partial(oscillator, pull, jnp.asarray(0.1))
        found = sm.evolve(energy, [0.3, 0.5, 0.4], [0.0, 0.1, 0.5], step=0.02)
        return found.moments[-1, 2]

    step = 1e-4
    difference = (last(0.7 + step)[0] - last(0.7 - step)[0]) / (2 * step)
    # the difference is off by step^2, and by rounding over step
    np.testing.assert_allclose(last(0.7)[1], difference, rtol=1e-6)


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
    np.testing.assert_allclose(late.moments[4:], pendulum(TIMES).moments[:7], atol=1e-5)
    np.testing.assert_allclose(late.moments[:5], jnp.broadcast_to(start, (5, 3)), atol=1e-15)


def test_derivative_by_the_damping():
    @jax.jit
    @jax.value_and_grad
    def last(damping):
        return pendulum(TIMES[:4], damping).moments[-1, 1]

    step = 1e-3
    difference = (last(DAMPING + step)[0] - last(DAMPING - step)[0]) / (2 * step)
    # the difference is off by step^2 and by the steps' tolerance over step
    np.testing.assert_allclose(last(DAMPING)[1], difference, rtol=1e-4)


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

    def energy(n, q):
        return coefficients.free_energy(q, n)

    def run(length):
        return sm.evolve(
            energy,
            tilted,
            [0.0, 40.0],
            dynamics="neel",
            damping=0.25 * inertia,
            inertia=inertia,
            drive=jax.tree_util.Partial(pulse, jnp.asarray(length)),
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
        ({"velocity": [0.0, 1.0]}, "velocity"),
        ({"velocity": [0.0, np.nan, 1.0]}, "velocity"),
        ({"velocity": UP, "dynamics": "llg", "inertia": None}, "velocity"),
        ({"step": 0.0}, "step"),
        ({"step": -0.1}, "step"),
        ({"step": np.nan}, "step"),
        ({"step": [0.1, 0.2]}, "step"),
        ({"step": 1e-12}, "step"),
        ({"step": 0.1, "times": [0.0]}, "times"),
    ],
)
def test_bad_input_is_named(changed, named):
    arguments = {"m0": UP, "times": [0.0, 1.0], "dynamics": "neel", "damping": 0.1, "inertia": 1.0} | changed
    with pytest.raises(ValueError, match=named):
        sm.evolve(pendulum_energy, arguments.pop("m0"), arguments.pop("times"), **arguments)
