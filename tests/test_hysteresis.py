"""The hysteresis driver: schedules, datasets, files; runs that are killed; loops known in closed form."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

import scmag_jax as sm
from scmag_jax.files import Journal

SOURCE = pathlib.Path(sm.__file__).parents[1]
COUNT = 5
THRESHOLD = jnp.linspace(0.5, 1.5, COUNT)
LOOP = sm.schedules.loop(3.0, step=0.5)


def chain(drive):
    """Neighbours that pull each other, softly sprung, in a field along y."""

    def energy(m):
        return jnp.sum(m**2) - 0.4 * jnp.sum(m[1:] * m[:-1]) - drive * jnp.sum(m[:, 1])

    return energy


OBSERVABLES = {
    "total": lambda m: jnp.sum(m, axis=0),
    "work": lambda m, drive: -drive * jnp.sum(m[:, 1]),
}


def run(path=None, schedule=LOOP, **options):
    options = {"pinning": THRESHOLD, "observables": OBSERVABLES, **options}
    return sm.hysteresis(chain, jnp.zeros((COUNT, 2)), schedule, path=path, **options)


def test_one_dataset_holds_drives_moments_observables_and_convergence(tmp_path):
    data = run(tmp_path / "loop.nc")
    assert dict(data.sizes) == {"step": len(LOOP), "site": COUNT, "component": 2, "total_0": 2}
    np.testing.assert_array_equal(data.drive, LOOP.drives["drive"])
    np.testing.assert_array_equal(data.branch, LOOP.branch)
    assert data.converged.all() and (data.residual <= 1e-6).all() and (data.evaluations > 0).all()
    np.testing.assert_allclose(data.total, data.moments.sum("site"), atol=1e-15)
    np.testing.assert_allclose(data.mean_moments, data.moments.mean("site"), atol=1e-15)
    np.testing.assert_allclose(data.work, -data.drive * data.total[:, 1], atol=1e-15)
    # energies fall at fixed drive, by the work against friction at least
    assert (data.start_energy - data.energy >= data.dissipated - 1e-12).all() and data.dissipated.sum() > 1
    energies = [chain(drive)(jnp.asarray(m)) for drive, m in zip(data.drive.values, data.moments.values, strict=True)]
    np.testing.assert_allclose(data.energy, energies, atol=1e-14)
    # the same as one compiled course, and as what is on disk
    course = sm.quasistatic(chain, jnp.zeros((COUNT, 2)), LOOP.drives["drive"], pinning=THRESHOLD)
    np.testing.assert_allclose(data.moments, course.moments, atol=1e-6)
    with xarray.open_dataset(tmp_path / "loop.nc", engine="h5netcdf") as stored:
        assert stored.load().identical(data)
    assert [p.name for p in tmp_path.iterdir()] == ["loop.nc"]


def test_a_loop_has_remanence_and_closes():
    data = run(schedule=LOOP + sm.schedules.sweep(3.0, -3.0, 3.0, step=0.5))
    second, third = (data.isel(step=data.branch == b) for b in (2, 4))
    np.testing.assert_allclose(second.moments[-1], third.moments[-1], atol=1e-5)
    down = data.isel(step=data.branch == 1)
    remanent = float(down.total[np.argmin(np.abs(down.drive.values)), 1])
    assert remanent > 0.5
    # virgin, down and up: the loop is antisymmetric
    np.testing.assert_allclose(third.total.values[:, 1], -down.total.values[:, 1], atol=1e-5)


def test_schedules_of_names_reach_the_energy_as_a_dictionary():
    schedule = sm.schedules.sweep(0.0, 2.0, step=1.0, name="field").with_drives(scale=2.0)
    energy = lambda drive: lambda m: jnp.sum(m**2) - drive["scale"] * drive["field"] * jnp.sum(m[..., 0])
    data = sm.hysteresis(energy, jnp.zeros((1, 2)), schedule, pinning=0.0)
    np.testing.assert_allclose(data.moments[:, 0, 0], [0.0, 1.0, 1.0], atol=1e-6)
    np.testing.assert_array_equal(data.scale, 2.0)


def test_means_instead_of_textures(tmp_path):
    data, whole = run(tmp_path / "means.nc", textures=False), run()
    assert "moments" not in data
    np.testing.assert_array_equal(data.last_moments, whole.moments[-1])
    np.testing.assert_array_equal(data.mean_moments, whole.mean_moments)


def test_textures_on_a_grid_have_named_axes():
    data = sm.hysteresis(lambda h: lambda m: -h * jnp.sum(m[..., 0]), jnp.zeros((3, 4, 2)), [0.0, 2.0], pinning=1.0)
    assert data.moments.dims == ("step", "x", "y", "component")


def stoner_wohlfarth(angle):
    """One moment with an easy axis of strength 1/2 along x, in a field at an angle to it: h_K = 1."""
    along = np.array([np.cos(angle), np.sin(angle)])
    return lambda h: lambda m: -0.5 * m[0] ** 2 - h * jnp.dot(m, along)


@pytest.mark.parametrize("degrees", [10.0, 30.0, 70.0])
def test_unit_moments_switch_where_their_minimum_vanishes(degrees):
    # Stoner and Wohlfarth: h = (cos^(2/3) + sin^(2/3))^(-3/2)
    angle = np.radians(degrees)
    expected = (np.cos(angle) ** (2 / 3) + np.sin(angle) ** (2 / 3)) ** -1.5
    data = sm.hysteresis(
        stoner_wohlfarth(angle),
        jnp.array([np.cos(angle), np.sin(angle)]),
        sm.schedules.sweep(1.2, -1.2, step=0.01),
        observables={"along": lambda m: m[0] * np.cos(angle) + m[1] * np.sin(angle), "axis": lambda m: m[0]},
    )
    switched = data.drive[np.flatnonzero(data["axis"] < 0)[0]]
    assert expected <= -switched <= expected + 0.0101
    # the branch before: stationary, against a scan of the angle
    np.testing.assert_allclose((data.moments**2).sum("component"), 1.0, rtol=1e-14)


def test_reversal_curves_fill_the_loop():
    schedule = sm.schedules.first_order_reversal_curves(3.0, [1.0, 0.0, -1.0, -2.0], step=0.5)
    data = run(schedule=schedule)
    curves = [data.isel(step=data.branch == 2 * k + 1) for k in range(4)]
    assert [float(curve.drive[0]) for curve in curves] == [1.5, 0.5, -0.5, -1.5]
    ends = np.stack([curve.total.values[-1] for curve in curves])
    np.testing.assert_allclose(ends, ends[:1].repeat(4, 0), atol=1e-5)
    at_two = [float(curve.total[np.argmin(np.abs(curve.drive.values - 2.0)), 1]) for curve in curves]
    assert (np.diff(at_two) < 1e-5).all() and at_two[0] > at_two[-1] + 0.01


def test_minor_loops_grow_out_of_the_virgin_state():
    data = run(schedule=sm.schedules.minor_loops([0.2, 1.0, 3.0], step=0.2))
    # below every threshold nothing happens
    assert (data.moments.values[np.abs(data.drive.values) <= 0.4][:3] == 0).all()
    widths = [float(np.abs(data.total.values[data.branch.values == b, 1]).max()) for b in (1, 3, 5)]
    assert widths[0] == 0 and widths[1] < widths[2]


def test_disordered_impurities_have_a_loop_without_a_ferromagnetic_ground_state():
    # 200 moments at random in a periodic box, a bias as a uniform drive in units of J_par(d) / g
    data = json.loads((pathlib.Path(__file__).parent / "data" / "reference_impurities.json").read_text())
    sample = next(s for s in data["ensemble"] if s["spacing"] == 0.02)
    coupling = sm.PearlCoupling(1.0)
    ensemble = sm.Ensemble(jnp.asarray(sample["positions"]), coupling, box=tuple(sample["box"]))
    unit = float(coupling.parallel(0.02) / coupling.flux)
    biased = lambda bias: ensemble.with_current(jnp.stack([unit * bias, 0.0 * bias]))
    angles = 2 * jnp.pi * jax.random.uniform(jax.random.key(0), (200,))
    start = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    # zero drives first: the virgin state is the minimum next to a random start
    schedule = sm.Schedule({"drive": 0.0}) + sm.schedules.loop(6.0, step=0.5)
    found = sm.hysteresis(biased, start, schedule, observables={"average": lambda m: jnp.mean(m, axis=0)})
    assert found.converged.all()
    virgin, saturated = found.average[0], found.average[found.drive.argmax()]
    # N random moments of one length have |M| of N^-1/2 or so; the drive turns them to z x K
    assert np.linalg.norm(virgin) < 3 / np.sqrt(200) and float(saturated[1]) > 0.95
    down = found.isel(step=found.branch == found.branch.max() - 1)
    up = found.isel(step=found.branch == found.branch.max())
    remanent = down.isel(step=int(np.argmin(np.abs(down.drive.values))))
    assert 0.3 < float(remanent.average[1]) < 0.7
    # the remanent state is not the lowest one
    assert float(remanent.energy) > float(found.energy[0])
    at_zero = lambda part, sign: np.interp(0.0, sign * part.average.values[:, 1], sign * part.drive.values)
    coercive = at_zero(down, -1), at_zero(up, 1)
    assert coercive[0] > 0.2 and coercive[1] > 0.2


# --- files

KILLED = textwrap.dedent(
    """
    import pathlib, sys, time
    import jax
    jax.config.update("jax_enable_x64", True)
    sys.path.insert(0, {tests!r})
    import test_hysteresis as case
    def slowly(steps):
        for step in steps:
            yield step
            time.sleep(0.2)
    case.run(pathlib.Path({path!r}), progress=slowly)
    """
)


def test_a_run_that_is_killed_goes_on_in_another_process_to_the_same_bits(tmp_path):
    path = tmp_path / "killed.nc"
    code = KILLED.format(tests=str(pathlib.Path(__file__).parent), path=str(path))
    environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment)
    partial = path.with_name("killed.nc.partial")
    try:
        begun, size = time.monotonic(), 0
        while time.monotonic() - begun < 120:
            size = partial.stat().st_size if partial.exists() else 0
            if size > 6000 or process.poll() is not None:
                break
            time.sleep(0.02)
        assert process.poll() is None, "it ended before it could be killed"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = partial.read_bytes()
    assert 0 < len(kept) and not path.exists()
    # torn in the middle of a record, as if killed while writing
    partial.write_bytes(kept[: len(kept) - 37])
    done = []
    data = run(path, progress=lambda steps: (done.append(step) or step for step in steps))
    fresh = run(tmp_path / "fresh.nc")
    assert data.identical(fresh)
    assert data.moments.values.tobytes() == fresh.moments.values.tobytes()
    assert not partial.exists() and len(done) == len(LOOP)
    # a finished run is read, not computed
    assert run(path, progress=lambda steps: pytest.fail("computed again")).identical(data)


def test_files_of_another_run_are_refused(tmp_path):
    path = tmp_path / "loop.nc"
    run(path)
    with pytest.raises(ValueError, match="belongs to another run, which differs in pinning:"):
        run(path, pinning=2 * THRESHOLD)
    with pytest.raises(ValueError, match="differs in .*schedule:"):
        run(path, schedule=sm.schedules.loop(2.0, step=0.5))
    with pytest.raises(ValueError, match="differs in energy:"):
        sm.hysteresis(
            lambda h: lambda m: chain(h)(m) + 0.1 * jnp.sum(m**4),
            jnp.zeros((COUNT, 2)),
            LOOP,
            path=path,
            pinning=THRESHOLD,
            observables=OBSERVABLES,
        )
    path.write_text("something else")
    with pytest.raises(ValueError, match="is no dataset of a run"):
        run(path)
    other = tmp_path / "other.nc"
    other.with_name("other.nc.partial").write_text("something else")
    with pytest.raises(ValueError, match="is no journal of a run"):
        run(other)
    with pytest.raises(ValueError, match="folder that exists"):
        run(tmp_path / "none" / "loop.nc")


def test_a_change_in_the_middle_of_a_schedule_is_another_run(tmp_path):
    # it ends where it began: the first and the last step know nothing of the change
    path = tmp_path / "cycle.nc"
    cycle = {"field": [0.0, 2.0, 0.0], "temperature": [1.0, 2.0, 1.0]}
    energy = lambda drive: lambda m: -drive["field"] * jnp.sum(m[..., 0])
    radius = lambda hot: lambda drive: jnp.where(drive["temperature"] > 1.5, hot, 1.0)
    go = lambda hot, sees: sm.hysteresis(
        energy, jnp.zeros((2, 2)), cycle, pinning=1.0, radius=radius(hot), observables={"sees": sees}, path=path
    )
    assert float(go(0.5, jnp.sum).sees[-1]) == 1.0
    with pytest.raises(ValueError, match="differs in radius:"):
        go(0.25, jnp.sum)
    with pytest.raises(ValueError, match="differs in observables:"):
        go(0.5, lambda m: 2 * jnp.sum(m))


def test_two_runs_do_not_share_a_journal(tmp_path):
    with Journal(tmp_path / "journal", {"run": "a"}):
        with pytest.raises(ValueError, match="is in use by another run"):
            Journal(tmp_path / "journal", {"run": "a"})


def test_steps_that_were_let_pass_are_computed_again_when_they_are_not(tmp_path):
    path = tmp_path / "loop.nc"
    loose = run(path, max_steps=4, throw=False)
    assert not loose.converged.all()
    with pytest.raises(RuntimeError, match="holds steps that did not converge"):
        run(path)
    assert run(path, throw=False).identical(loose)
    path.unlink()

    def until(steps):
        for step in steps:
            if step == 20:
                raise KeyboardInterrupt
            yield step

    with pytest.raises(KeyboardInterrupt):
        run(path, max_steps=4, throw=False, progress=until)
    whole = run(path)
    assert whole.converged.all() and whole.moments.identical(run().moments)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e5])
def test_switching_does_not_depend_on_the_unit_of_energy(scale):
    angle = np.radians(80.0)
    energy = lambda h: lambda m: scale * stoner_wohlfarth(angle)(h)(m)
    data = sm.hysteresis(energy, jnp.array([np.cos(angle), np.sin(angle)]), sm.schedules.sweep(1.2, -0.8, step=0.01))
    switched = data.drive[np.flatnonzero(data.moments[:, 0] < 0)[0]]
    assert 0.6738 <= -switched <= 0.6839


def test_journal_keeps_whole_records(tmp_path):
    path = tmp_path / "journal"
    with Journal(path, {"run": "a"}) as journal:
        for k in range(3):
            journal.append({"k": k, "array": np.full((2, k), float(k)), "ok": True})
    whole = path.read_bytes()
    for length in range(len(whole) - 1, len(whole) - 300, -23):
        path.write_bytes(whole[:length])
        with Journal(path, {"run": "a"}) as journal:
            assert [int(r["k"]) for r in journal.records] == [0, 1]
            journal.append({"k": 2, "array": np.full((2, 2), 2.0), "ok": True})
        assert path.read_bytes() == whole
    with pytest.raises(ValueError, match="differs in run"):
        Journal(path, {"run": "b"})


# --- refusals


def test_a_step_that_does_not_converge_is_named_and_what_was_done_is_kept(tmp_path):
    path = tmp_path / "loop.nc"
    with pytest.raises(RuntimeError, match=r"step \d+ \(drive = .*\) did not converge.*raise max_steps"):
        run(path, max_steps=4)
    finished = Journal(path.with_name("loop.nc.partial"), _purpose_of(path)).records
    assert 0 < len(finished) < len(LOOP)
    # more steps are the same run
    assert run(path).converged.all()
    data = run(max_steps=4, throw=False)
    assert not data.converged.all() and data.converged[0]


def _purpose_of(path):
    import json

    with path.with_name(path.name + ".partial").open("rb") as file:
        return json.loads(str(np.lib.format.read_array(file)))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"schedule": np.zeros((2, 2))}, "schedule must be a Schedule"),
        ({"schedule": {"drive": [0.0, np.nan]}}, "drive must be known finite numbers"),
        ({"observables": {"energy": jnp.sum}}, "observables must not have the names of other variables"),
        ({"observables": {"x": lambda a, b, c: a}}, r"observables\['x'\] must take the moments"),
        ({"pinning": -1.0}, "pinning must not be negative"),
        ({"pinning": None}, "m0 must not contain moments of zero length.*film textures need pinning"),
        ({"pinning": 1.0, "constraint": "unit"}, 'pinning and radius need constraint="ball"'),
        ({"tolerance": -1.0}, "tolerance must be a positive number"),
        ({"max_steps": -1}, "max_steps must be an integer"),
        ({"schedule": {"x": [0.0, 1.0]}}, "drives must not have the names of other variables"),
        ({"observables": {"a/b": jnp.sum}}, "observables must have names without a slash"),
    ],
)
def test_bad_input_names_the_argument(change, message):
    with pytest.raises(ValueError, match=message):
        run(**change)


def test_hysteresis_refuses_to_be_traced():
    with pytest.raises(ValueError, match="use quasistatic"):
        jax.jit(lambda m: sm.hysteresis(chain, m, LOOP, pinning=1.0))(jnp.zeros((COUNT, 2)))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: sm.schedules.sweep(1.0, step=0.1), "turns must be at least two"),
        (lambda: sm.schedules.sweep(0.0, 0.0, step=0.1), "each different"),
        (lambda: sm.schedules.sweep(0.0, 1.0, step=0.0), "step must be a positive number"),
        (lambda: sm.schedules.first_order_reversal_curves(1.0, [2.0], step=0.1), "reversals must lie below"),
        (lambda: sm.Schedule({}), "at least one drive"),
        (lambda: sm.Schedule({"a": [1.0, 2.0], "b": [1.0, 2.0, 3.0]}), "one length"),
        (lambda: sm.Schedule({"a": [1.0, 2.0]}, [0.5, 1.0]), "branch must be 2 integers"),
        (lambda: sm.Schedule({"a": 1.0}) + sm.Schedule({"b": 1.0}), "do not add up"),
        (lambda: sm.Schedule({"a": "x"}), "a must be known finite numbers"),
    ],
)
def test_bad_schedules_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_steps_are_at_most_as_long_as_asked_for():
    values = sm.schedules.sweep(0.0, 1.0, -0.25, step=0.3).drives["drive"]
    assert np.abs(np.diff(values)).max() <= 0.3 and {0.0, 1.0, -0.25} <= set(values)
    np.testing.assert_array_equal(
        sm.schedules.loop(0.7, step=0.1).drives["drive"][7:22], -sm.schedules.loop(0.7, step=0.1).drives["drive"][21:36]
    )
