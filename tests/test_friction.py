"""Moments under dry friction: the proximal step against brute force, rest states against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.optimize import minimize_scalar

import scmag_jax as sm
from scmag_jax.spins.friction import Friction

ANGLES = np.linspace(0, 2 * np.pi, 2000, endpoint=False)


def in_disk(rng, count):
    vectors = rng.normal(size=(count, 2))
    lengths = np.minimum(1.0, rng.uniform(0.0, 1.5, count))[:, None]
    return vectors / np.linalg.norm(vectors, axis=1)[:, None] * lengths


def test_proximal_step_minimises_in_the_ball():
    rng = np.random.default_rng(0)
    count = 400
    radius, threshold, step = 1.3, rng.uniform(0, 4, count), 10 ** rng.uniform(-2, 1, count)
    anchor = radius * in_disk(rng, count)  # a third of them on the sphere
    centre = anchor + step[:, None] * 5 * rng.normal(size=(count, 2))
    # steps of one time serve all moments: give each its own by vmap
    one = lambda c, a, k, t: Friction(k[None], jnp.full(1, radius)).proximal_step(c, a, t)
    found = np.asarray(jax.jit(jax.vmap(one))(*map(jnp.asarray, (centre, anchor, threshold, step))))
    assert np.linalg.norm(found, axis=1).max() <= radius * (1 + 1e-15)

    def value(m, i):
        return threshold[i] * np.linalg.norm(m - anchor[i]) + np.sum((m - centre[i]) ** 2) / (2 * step[i])

    kinds = {"held": 0, "inside": 0, "on the sphere": 0}
    for i in range(count):
        on_sphere = np.linalg.norm(found[i]) > radius * (1 - 1e-9)
        held = (found[i] == anchor[i]).all()
        kinds["held" if held else "on the sphere" if on_sphere else "inside"] += 1
        # convex in a convex set: no lower point nearby is no lower point
        circle = radius * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
        best = min(value(m, i) for m in (anchor[i], *circle[::20]))
        if on_sphere:
            at = np.arctan2(found[i, 1], found[i, 0])
            near = lambda t, i=i: value(radius * np.array([np.cos(t), np.sin(t)]), i)
            best = min(best, minimize_scalar(near, bounds=(at - 1e-2, at + 1e-2), method="bounded").fun)
        else:
            best = min(best, min(value(found[i] + 1e-4 * d, i) for d in circle[::100]))
        assert value(found[i], i) <= best + 1e-9 * (1 + abs(best))
    assert min(kinds.values()) > 20, kinds


def test_springs_with_friction_follow_the_play_operator():
    # F = stiffness/2 m^2 - h m: the state of Prandtl's play is known in closed form, for any history of h
    rng = np.random.default_rng(1)
    stiffness, threshold = jnp.asarray(rng.uniform(2, 5, 30)), jnp.asarray(rng.uniform(0, 1, 30))
    history = np.concatenate([np.linspace(0, 1.9, 5), np.linspace(1.5, -1.7, 6), np.linspace(-1.0, 1.2, 4)])
    spring = lambda h: lambda m: jnp.sum(stiffness[:, None] * m**2) / 2 - h * jnp.sum(m[:, 1])
    found = sm.quasistatic(spring, jnp.zeros((30, 2)), history, pinning=threshold, tolerance=1e-10)
    k, c = np.asarray(threshold), np.asarray(stiffness)
    m = np.zeros(30)
    for h, moments, energy, start, lost in zip(
        history, found.moments, found.energy, found.start_energy, found.dissipated, strict=True
    ):
        before = m
        m = np.clip(m, (h - k) / c, (h + k) / c)
        np.testing.assert_allclose(moments[:, 1], m, atol=1e-9)
        np.testing.assert_array_equal(moments[:, 0], 0.0)
        np.testing.assert_allclose(lost, np.sum(k * np.abs(m - before)), atol=1e-8)
        assert start - energy >= lost - 1e-12
    # held ones to the last bit
    same = np.asarray(found.moments[1] == found.moments[0]).all(axis=1)
    np.testing.assert_array_equal(same, k > history[1])
    assert same.any() and not same.all()


def test_a_moment_on_the_sphere_lags_behind_a_turning_field():
    # tangential force h sin(lag) = threshold while it slides
    h, threshold, turns = 2.0, 0.7, np.linspace(0.0, 1.5, 31)
    zeeman = lambda angle: lambda m: -h * (jnp.cos(angle) * m[0] + jnp.sin(angle) * m[1])
    found = sm.quasistatic(zeeman, jnp.array([1.0, 0.0]), turns, pinning=threshold, tolerance=1e-10)
    angles = np.arctan2(found.moments[:, 1], found.moments[:, 0])
    # the incremental minimum slides along the chord of a step: half a step of angle behind at most
    np.testing.assert_allclose(angles, np.maximum(0, turns - np.arcsin(threshold / h)), atol=2e-4)
    np.testing.assert_allclose(np.linalg.norm(found.moments, axis=1), 1.0, rtol=1e-15)


def coupled(count=12, seed=2):
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(2 * count, 2 * count))
    matrix = jnp.asarray((matrix + matrix.T) / 2 + 0.5 * np.eye(2 * count))
    linear = jnp.asarray(rng.normal(size=2 * count))
    energy = lambda h: lambda m: 0.5 * m.reshape(-1) @ (matrix @ m.reshape(-1)) - h * (linear @ m.reshape(-1))
    return energy, jnp.asarray(rng.uniform(0.5, 1.5, count)), jnp.asarray(rng.uniform(0.5, 1.2, count))


DRIVES = np.array([0.0, 1.0, 2.0, 3.0, 1.0, -1.0, -3.0, 0.0])


def test_rest_is_what_it_says_also_for_an_indefinite_energy():
    energy, threshold, radius = coupled()
    found = sm.quasistatic(energy, jnp.zeros((12, 2)), DRIVES, pinning=threshold, radius=radius, tolerance=1e-9)
    before = np.zeros((12, 2))
    for h, m in zip(DRIVES, np.asarray(found.moments), strict=True):
        b, k, r = np.asarray(sm.field(energy(h), jnp.asarray(m))), np.asarray(threshold), np.asarray(radius)
        lengths = np.linalg.norm(m, axis=1)
        assert (lengths <= r * (1 + 1e-15)).all()
        for i in range(12):
            force, way = b[i], m[i] - before[i]
            if (way != 0).any():
                force = force - k[i] * way / np.linalg.norm(way)
            if lengths[i] > r[i] * (1 - 1e-9):
                force = force - max(0.0, force @ m[i]) * m[i] / r[i] ** 2
            limit = k[i] if (way == 0).all() else 0.0
            assert np.linalg.norm(force) <= limit + 2e-9 * np.linalg.norm(b, axis=1).max()
        before = m
    assert (np.asarray(found.start_energy - found.energy - found.dissipated) >= -1e-12).all()
    assert float(found.dissipated[-2]) > 0.1


def test_courses_are_antisymmetric_to_the_last_bit():
    energy, threshold, radius = coupled()
    run = lambda drives: sm.quasistatic(energy, jnp.zeros((12, 2)), drives, pinning=threshold, radius=radius)
    np.testing.assert_array_equal(run(-DRIVES).moments, -run(DRIVES).moments)


def test_batches_over_pinning_maps_agree_with_single_courses():
    energy, threshold, radius = coupled()
    run = lambda k: sm.quasistatic(energy, jnp.zeros((12, 2)), DRIVES, pinning=k, radius=radius, tolerance=1e-9)
    together = jax.vmap(run)(jnp.stack([threshold, 0.5 * threshold]))
    np.testing.assert_allclose(together.moments[1], run(0.5 * threshold).moments, atol=1e-7)
    assert together.converged.shape == (2, 8) and together.converged.all()


def test_a_shrinking_radius_cuts_and_nothing_grows_back():
    radius = lambda drive: jnp.where(drive["t"] < 1.5, 1.0, jnp.where(drive["t"] < 2.5, 0.4, 0.0))
    zeeman = lambda drive: lambda m: -drive["h"] * m[..., 0].sum()
    drives = {"h": jnp.array([2.0, 0.0, 0.0, 0.0, 0.0]), "t": jnp.array([1.0, 1.0, 2.0, 1.0, 3.0])}
    found = sm.quasistatic(zeeman, jnp.zeros((3, 2)), drives, pinning=1.0, radius=radius)
    np.testing.assert_allclose(found.moments[:, 0, 0], [1.0, 1.0, 0.4, 0.4, 0.0], rtol=1e-15)


def test_ball_of_other_radii_agrees_with_scaled_moments():
    energy, _, _ = coupled()
    found = sm.relax(energy(1.0), jnp.full((12, 2), 0.1), constraint="ball", radius=0.5)
    scaled = sm.relax(lambda m: energy(1.0)(0.5 * m), jnp.full((12, 2), 0.2), constraint="ball")
    np.testing.assert_allclose(found.energy, scaled.energy, rtol=1e-10)


def zeeman(m):
    return -jnp.sum(m[..., 0])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"constraint": "unit", "pinning": 1.0}, 'pinning and radius need constraint="ball"'),
        ({"constraint": "unit", "radius": 2.0}, 'pinning and radius need constraint="ball"'),
        ({"constraint": "ball", "pinning": -1.0}, "pinning must not be negative"),
        ({"constraint": "ball", "radius": [-1.0, 1.0, 1.0]}, "radius must not be negative"),
        ({"constraint": "ball", "pinning": jnp.ones(4)}, r"pinning must be a number or have the shape \(3,\)"),
        ({"constraint": "ball", "pinning": jnp.nan}, "pinning must be finite"),
        ({"constraint": "ball", "pinning": 1.0, "optimiser": optax.adam(0.1)}, "pinning needs optimiser=None"),
    ],
)
def test_refusals_of_relax(options, message):
    with pytest.raises(ValueError, match=message):
        sm.relax(zeeman, jnp.full((3, 2), 0.5), **options)


def test_unconverged_courses_are_never_silent():
    energy, threshold, _ = coupled()
    run = lambda throw: sm.quasistatic(energy, jnp.zeros((12, 2)), DRIVES, pinning=threshold, max_steps=3, throw=throw)
    found = run(False)
    assert (found.result != sm.RESULTS.successful).any() and (found.result == sm.RESULTS.successful).any()
    with pytest.raises(RuntimeError, match="maximum number of steps"):
        run(True)
    bad = sm.quasistatic(
        lambda h: lambda m: jnp.sum(jnp.log(h) * m), jnp.ones((2, 2)), [-1.0], pinning=1.0, throw=False
    )
    assert (bad.result == sm.RESULTS.nonfinite).all()


# --- motion in time


def spring(m):
    return jnp.sum(m**2) - 3.0 * m[0]


def moving(step, times=(0.0, 0.3, 1.0), **options):
    options = {"damping": 0.5, "pinning": 1.0, "radius": 5.0, **options}
    return sm.evolve(spring, jnp.zeros(2), np.array(times), dynamics="pinned", step=step, **options)


def test_pinned_motion_is_of_first_order_to_its_closed_form():
    # damping m' = 3 - 2 m - 1
    expected = 1 - np.exp(-4 * np.array([0.0, 0.3, 1.0]))
    errors = [np.abs(moving(step).moments[:, 0] - expected).max() for step in (0.02, 0.01)]
    assert errors[0] < 0.02 and errors[0] / errors[1] == pytest.approx(2, abs=0.1)
    found = moving(0.02)
    assert int(found.stats["steps"]) == 50 and int(found.stats["rejected"]) == 0
    np.testing.assert_array_equal(found.moments[:, 1], 0.0)


def test_steps_along_which_the_energy_would_rise_are_halved():
    stiff = lambda m: 500.0 * jnp.sum((m - 0.5) ** 2)
    times = np.linspace(0.0, 1.0, 9)
    found = sm.evolve(stiff, jnp.array([[1.0, 0.0]]), times, dynamics="pinned", damping=1.0, pinning=2.0, step=0.1)
    assert int(found.stats["rejected"]) > 0
    assert (np.diff(found.energy) <= 1e-12).all() and found.energy[0] - found.energy[-1] > 100
    # it stays where the spring is weaker than friction
    assert float(jnp.linalg.norm(found.moments[-1] - 0.5)) <= 2.0 / 1000 + 1e-9


def test_slow_motion_and_small_increments_have_one_limit_where_nothing_snaps():
    # of a convex energy, whatever the moments' ways are; large increments count distances where motion counts ways
    energy, threshold, radius = coupled()
    convex = lambda h: lambda m: energy(h)(m) + 3.0 * jnp.sum(m**2)
    start = jnp.zeros((12, 2))
    course = lambda count: sm.quasistatic(
        convex, start, np.linspace(0, 6, count + 1), pinning=threshold, radius=radius, tolerance=1e-8
    ).moments[-1]
    coarse, fine, finest = course(1), course(20), course(80)
    options = {"damping": 1.0, "pinning": threshold, "radius": radius, "step": 0.05}
    ramp = sm.evolve(
        lambda m, h: convex(h)(m), start, [0.0, 400.0], dynamics="pinned", drive=lambda t: 6 * t / 400, **options
    )
    far, near, nearest = (float(jnp.abs(m - ramp.moments[-1]).max()) for m in (coarse, fine, finest))
    assert nearest < 0.01 and near < 0.2 * far and far > 0.03


def test_a_slow_drive_is_followed_as_by_the_play_operator():
    slow = lambda m, h: jnp.sum(m**2) - h * m[0]
    times = np.linspace(0.0, 40.0, 41)
    drive = lambda t: 2.0 * jnp.sin(2 * jnp.pi * t / 20)
    found = sm.evolve(slow, jnp.zeros(2), times, dynamics="pinned", damping=0.01, pinning=1.0, step=0.005, drive=drive)
    m, expected = 0.0, []
    for t in np.linspace(0.0, 40.0, 8001):
        h = 2 * np.sin(2 * np.pi * t / 20)
        m = np.clip(m, (h - 1) / 2, (h + 1) / 2)
        expected.append(m)
    # the damping lags by damping h' / 4 at most
    np.testing.assert_allclose(found.moments[:, 0], expected[::200], atol=4e-3)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"step": None}, 'step must be given for dynamics="pinned"'),
        ({"temperature": 0.1}, 'temperature must be zero for dynamics="pinned"'),
        ({"velocity": jnp.zeros(2)}, 'velocity must be given for dynamics="neel" only'),
        ({"inertia": 1.0}, 'inertia must be given for dynamics="neel" only'),
        ({"pinning": -1.0}, "pinning must not be negative"),
        ({"damping": 0.0}, "damping must be positive"),
        ({"dynamics": "overdamped"}, 'pinning and radius need dynamics="pinned"'),
    ],
)
def test_refusals_of_pinned_motion(options, message):
    options = {"step": 0.1, "pinning": 1.0, "dynamics": "pinned", **options}
    with pytest.raises(ValueError, match=message):
        sm.evolve(spring, jnp.array([0.5, 0.0]), [0.0, 1.0], **options)


def test_too_few_steps_of_pinned_motion_are_never_silent():
    found = moving(0.02, max_steps=30, throw=False)
    assert found.result == sm.RESULTS.max_steps_reached
    assert jnp.isnan(found.moments[-1]).all() and jnp.isfinite(found.moments[1]).all()
    with pytest.raises(RuntimeError, match="maximum number of steps"):
        moving(0.02, max_steps=30)
