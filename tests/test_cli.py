"""The command line and its run files: what is refused, in which words, and what is left on disk."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

import scmag_jax as sm
from scmag_jax import cli, config
from scmag_jax.files import complete_file

GOOD = """
output = "state.npz"

[coupling]
pearl_length = 1.0
strength = 1.0

[moments]
positions = [[0.0, 0.0], [0.5, 0.0]]

[relax]
starts = 3
seed = 1
"""


@pytest.fixture
def run_file(tmp_path):
    def write(text=GOOD, **files) -> pathlib.Path:
        for name, array in files.items():
            np.savez(tmp_path / f"{name}.npz", **array)
        path = tmp_path / "run.toml"
        path.write_text(text)
        return path

    return write


def scmag(*arguments) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return ended.value.code or 0


def test_info_states_versions_and_devices(capsys):
    assert scmag("info") == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines["scmag_jax"] == "0.1.0"
    assert {"jax", "jaxlib", "equinox", "optax", "numpy", "devices"} <= lines.keys()
    assert lines["x64"] == "on"


def test_the_command_switches_doubles_on_by_itself():
    program = "from scmag_jax.cli import main; main(['info'])"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "x64          on" in run.stdout


def test_relax_finds_the_ground_state_of_a_pair(run_file, capsys):
    path = run_file()
    assert scmag("relax", path) == 0

    out = capsys.readouterr().out
    with np.load(path.parent / "state.npz") as state:
        state = dict(state)
    # Head to tail: -J_par(r). A residual of 1e-8 leaves an error of its square, so rounding is what remains.
    exact = -float(sm.PearlCoupling(pearl_length=1.0, strength=1.0).parallel(0.5))
    assert state["converged"].all()
    np.testing.assert_allclose(state["energy"], exact, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(state["moments"], axis=-1), 1.0, rtol=1e-14)
    assert state["moments"].shape == (3, 2, 2)
    assert f"{exact:.10g}" in out and "3 converged" in out and "state.npz" in out
    assert not list(path.parent.glob("*.tmp"))


def test_parameters_of_the_run_file_reach_the_answer(run_file):
    path = run_file(GOOD.replace("strength = 1.0", "strength = 2.5"))
    assert scmag("relax", path) == 0
    exact = -float(sm.PearlCoupling(pearl_length=1.0, strength=2.5).parallel(0.5))
    np.testing.assert_allclose(np.load(path.parent / "state.npz")["energy"].min(), exact, rtol=1e-12)


def test_relax_without_convergence_says_so_and_flags_its_states(run_file, capsys):
    path = run_file(GOOD + "max_steps = 1\ntolerance = 1e-15\n")
    assert scmag("relax", path) == 1
    assert "no start met relax.tolerance" in capsys.readouterr().err
    assert not np.load(path.parent / "state.npz")["converged"].any()


def test_positions_from_a_file_beside_the_run_file(run_file):
    positions = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 0.7]])
    path = run_file(GOOD.replace("positions = [[0.0, 0.0], [0.5, 0.0]]", 'file = "p.npz"'), p={"positions": positions})
    np.testing.assert_array_equal(config.load_run(path).positions(), positions)

    np.savetxt(path.parent / "p.csv", positions, delimiter=",", fmt="%.17g")
    path = run_file(GOOD.replace("positions = [[0.0, 0.0], [0.5, 0.0]]", 'file = "p.csv"'))
    np.testing.assert_array_equal(config.load_run(path).positions(), positions)


@pytest.mark.parametrize("periodic", [False, True])
def test_random_positions_fill_the_box_and_keep_their_distance(run_file, periodic):
    box = "" if periodic else ", box = [2.0, 1.0]"
    text = GOOD.replace(
        "positions = [[0.0, 0.0], [0.5, 0.0]]",
        f"random = {{ number = 150, hard_core = 0.08, seed = 3{box} }}" + ("\nbox = [2.0, 1.0]" if periodic else ""),
    )
    positions = config.load_run(run_file(text)).positions()

    assert positions.shape == (150, 2)
    assert np.all((positions >= 0) & (positions <= [2.0, 1.0]))
    # The covered half of a side is 1/2: a missing half of the box would be seen.
    assert positions[:, 0].max() > 1.5 and positions[:, 1].max() > 0.75
    separation = np.abs(positions[:, None] - positions)
    if periodic:
        separation = np.minimum(separation, [2.0, 1.0] - separation)
    distance = np.linalg.norm(separation, axis=-1)[~np.eye(150, dtype=bool)]
    assert distance.min() >= 0.08


def test_density_sets_the_side_of_the_square(run_file):
    text = GOOD.replace("positions = [[0.0, 0.0], [0.5, 0.0]]", "random = { number = 400, density = 100.0 }")
    positions = config.load_run(run_file(text)).positions()
    # 400 points on a side of 2: the largest coordinate misses the edge by 1/200 of the side on average.
    assert 1.9 < positions.max() <= 2.0


BAD = {
    "unknown key": ("strength = 1.0", "strenght = 1.0", ["'strenght'", "[coupling]", "'strength'"]),
    "unknown section": ("[relax]", "[relaks]", ["'relaks'", "'relax'"]),
    "missing key": ("pearl_length = 1.0", "", ["'pearl_length'", "[coupling]"]),
    "zero Pearl length": (
        "pearl_length = 1.0",
        "pearl_length = 0.0",
        ["coupling.pearl_length", "greater than 0"],
    ),
    "negative Pearl length": ("pearl_length = 1.0", "pearl_length = -2.0", ["coupling.pearl_length", "-2.0"]),
    "NaN": ("pearl_length = 1.0", "pearl_length = nan", ["coupling.pearl_length", "nan"]),
    "NaN position": ("[0.5, 0.0]", "[nan, 0.0]", ["moments.positions", "finite"]),
    "shape": ("[[0.0, 0.0], [0.5, 0.0]]", "[[0.0, 0.0, 1.0]]", ["moments.positions", "(n, 2)", "(1, 3)"]),
    "ragged": ("[0.5, 0.0]", "[0.5]", ["moments.positions", "(n, 2)"]),
    "coincident": ("[0.5, 0.0]", "[0.0, 0.0]", ["positions", "coincident"]),
    "weights": ("[relax]", "weights = [1.0]\n[relax]", ["weights"]),
    "sign": ("strength = 1.0", "sign = 2", ["coupling.sign"]),
    "two sources": ("[relax]", "random = { number = 3 }\n[relax]", ["moments", "exactly one of"]),
    "no area": (
        "positions = [[0.0, 0.0], [0.5, 0.0]]",
        "random = { number = 3 }",
        ["random.density", "random.box"],
    ),
    "jammed": (
        "positions = [[0.0, 0.0], [0.5, 0.0]]",
        "random = { number = 90, box = [1.0, 1.0], hard_core = 0.1 }",
        ["hard_core", "71%"],
    ),
    "unknown key inside random": (
        "positions = [[0.0, 0.0], [0.5, 0.0]]",
        "random = { numbr = 90 }",
        ["'numbr'", "[moments.random]", "'number'"],
    ),
    "missing file": (
        "positions = [[0.0, 0.0], [0.5, 0.0]]",
        'file = "none.npz"',
        ["moments.file", "none.npz"],
    ),
    "starts": ("starts = 3", "starts = 0", ["relax.starts"]),
    "no folder": ('"state.npz"', '"nowhere/state.npz"', ["output", "nowhere"]),
    "output": ('"state.npz"', '"state.txt"', ["output", ".npz"]),
    "not TOML": ("[coupling]", "[coupling", ["run.toml", "TOML"]),
}


@pytest.mark.parametrize("old, new, words", BAD.values(), ids=BAD)
def test_bad_run_file_is_refused_in_one_line_and_leaves_nothing(run_file, capsys, monkeypatch, old, new, words):
    assert GOOD.count(old) == 1
    monkeypatch.setattr(cli, "_relax_starts", lambda *_: pytest.fail("computed before the input was checked"))
    path = run_file(GOOD.replace(old, new))

    assert scmag("relax", path) == 2

    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1, captured.err
    assert all(word in captured.err for word in words), captured.err
    assert captured.out == ""
    assert [file.name for file in path.parent.iterdir()] == ["run.toml"]


def test_missing_run_file_and_unknown_paper_are_refused(tmp_path, capsys):
    assert scmag("relax", tmp_path / "none.toml") == 2
    assert "none.toml" in capsys.readouterr().err
    assert scmag("reproduce", "lu2032", "--output", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "lu2032" in error and "lu2023" in error
    assert not (tmp_path / "out").exists()


def test_a_failed_write_leaves_no_file(tmp_path):
    with (
        pytest.raises(RuntimeError, match="interrupted"),
        complete_file(tmp_path / "a.npz") as file,
    ):
        file.write(b"half")
        raise RuntimeError("interrupted")
    assert not list(tmp_path.iterdir())


def test_placement_without_room_is_refused(run_file, monkeypatch):
    # Sequential placement jams at 55 %, so 80 % has no room; the check of the area is set aside.
    monkeypatch.setattr(config.moments, "MAX_COVERAGE", 1.0)
    text = GOOD.replace(
        "positions = [[0.0, 0.0], [0.5, 0.0]]",
        "random = { number = 10, hard_core = 0.32 }\nbox = [1.0, 1.0]",
    )
    with pytest.raises(config.RunFileError, match="moments.random"):
        config.load_run(run_file(text)).positions()


# --- the flake

FLAKE = """
output = "loop.nc"

[flake]
preset = "weak"
spacing = 5.0
pinning = 2.2

[schedule]
protocol = "bias loop"
amplitude = 200.0
step = 100.0

[measure]
height = 2.0
"""


def test_flake_goes_through_its_schedule_and_is_read_back(run_file, capsys):
    from scmag_jax.flake import Flake, Measurements, bias_loop, run

    path = run_file(FLAKE)
    assert scmag("flake", path) == 0
    out = capsys.readouterr().out
    assert "11 steps, all at rest" in out and "loop.nc" in out
    import xarray

    data = xarray.load_dataset(path.parent / "loop.nc", engine="h5netcdf")
    flake = Flake.weak(spacing=5.0, pinning=2.2)
    expected = run(flake, bias_loop(200.0, step=100.0), measure=Measurements(flake, height=2.0))
    np.testing.assert_array_equal(data.parked, expected.parked)
    assert [p.name for p in path.parent.iterdir() if p.suffix != ".toml"] == ["loop.nc"]
    before = (path.parent / "loop.nc").stat().st_mtime_ns
    assert scmag("flake", path) == 0
    assert (path.parent / "loop.nc").stat().st_mtime_ns == before
    # the same file of another flake is not written over
    assert scmag("flake", run_file(FLAKE.replace("2.2", "2.5"))) == 2
    assert "belongs to another run" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change, message",
    [
        (("pinning = 2.2", "pining = 2.2"), "flake has an unknown key 'pining', nearest known key: 'pinning'"),
        (('preset = "weak"', 'preset = "week"'), "flake has an unknown preset 'week'"),
        (("spacing = 5.0", "spacing = 3.0"), "spacing must divide"),
        (("step = 100.0", "stepp = 100.0"), "unknown key 'stepp' in [schedule], nearest known key: 'step'"),
        (("step = 100.0", "temperatures = [3.0]"), "temperatures do not belong to the protocol 'bias loop'"),
        (('protocol = "bias loop"', ""), "schedule needs a protocol, or drives of its own"),
        (("height = 2.0", "height = -2.0"), "measure.height should be greater than 0"),
        (("height = 2.0", "parked = [500.0, 5.0]"), "parked and section must lie in the rectangle"),
        (('output = "loop.nc"', 'output = "loop.npz"'), "output must end in .nc"),
        (('output = "loop.nc"', 'output = "none/loop.nc"'), "there is no folder"),
    ],
)
def test_bad_run_file_of_the_flake_is_refused_in_one_line(run_file, change, message, capsys):
    assert change[0] in FLAKE
    path = run_file(FLAKE.replace(*change))
    assert scmag("flake", path) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and str(path) in error


def test_own_drives_and_warming_in_a_run_file(run_file):
    own = FLAKE.replace(
        'protocol = "bias loop"\namplitude = 200.0\nstep = 100.0', "bias = [0.0, 50.0]\ntemperature = 3.0"
    )
    _, schedule, _ = config.load_flake_run(run_file(own)).make()
    np.testing.assert_array_equal(schedule.drives["bias"], [0.0, 50.0])
    np.testing.assert_array_equal(schedule.drives["temperature"], [3.0, 3.0])
    warm = FLAKE.replace('"bias loop"', '"write and warm"\ntemperatures = [4.0, 5.0]')
    _, schedule, _ = config.load_flake_run(run_file(warm)).make()
    assert schedule.drives["bias"].max() == 200.0
    np.testing.assert_array_equal(schedule.drives["temperature"][-4:], [4.0, 1.5, 5.0, 1.5])


def test_drives_beside_a_protocol_are_held_or_refused(run_file):
    held = FLAKE.replace('"bias loop"', '"write and warm"\nfield = 0.5')
    _, schedule, _ = config.load_flake_run(run_file(held)).make()
    assert (schedule.drives["field"] == 0.5).all() and len(schedule) > 10
    for line, message in (
        ("bias = 5.0", "bias is what the protocol"),
        ("field = [0.0, 1.0]", "field must be one number"),
    ):
        wrong = FLAKE.replace('"bias loop"', f'"bias loop"\n{line}')
        with pytest.raises(config.RunFileError, match=message):
            config.load_flake_run(run_file(wrong))
