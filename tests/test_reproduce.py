"""The papers recomputed: files are whole, the report complete, and the numbers follow the parameters."""

import dataclasses
import json

import numpy as np
import pytest

from scmag_jax import reproduce
from scmag_jax.reproduce import lu2023

PAPER = reproduce.PAPERS["lu2023"]
SMALL = lu2023.Sizes(curve=24, pair_angles=13, grid=8, angles=4, temperatures=4, searched=2, radius=24)


def paper_with(**parameters):
    paper = PAPER()
    return dataclasses.replace(
        paper, quick=SMALL, parameters=dataclasses.replace(paper.parameters, cutoffs=(10.0, 50.0), **parameters)
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(reproduce.PAPERS, "lu2023", paper_with)
        report = reproduce.run(["lu2023"], tmp_path_factory.mktemp("out"), progress=False)
    return report.parent


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_every_figure_has_a_picture_and_its_data(folder):
    names = {figure.name for figure in paper_with().figures}
    assert {"figure_2a", "figure_2b", "figure_2c", "figure_3ab", "figure_3c", "figure_3d"} <= names
    files = {path.name for path in (folder / "lu2023").iterdir()}
    assert files == {f"{name}.{suffix}" for name in names for suffix in ("png", "npz")}, (
        "a file is missing or half done"
    )
    for name in names:
        assert (folder / "lu2023" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        with np.load(folder / "lu2023" / f"{name}.npz") as data:
            assert len(data.files) > 1


@pytest.mark.slow
def test_the_report_holds_every_claim_with_its_verdict(folder):
    report = (folder / "report.md").read_text()
    claims = json.loads((folder / "claims.json").read_text())
    assert len(claims) >= 20
    for claim in claims:
        assert np.isfinite(claim["ours"]) and claim["verdict"] in ("reproduced", "not reproduced")
        assert claim["criterion"] and claim["why"], claim["statement"]
        assert claim["statement"].replace("|", r"\|") in report
    assert "default (not --full)" in report


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_numbers_follow_the_parameters(folder):
    before = {c["statement"] + c["source"]: c["ours"] for c in json.loads((folder / "claims.json").read_text())}
    changed = paper_with(spacing=0.5, fermi_energy="9 meV")
    data = {figure.name: figure.compute(changed.parameters, SMALL) for figure in changed.figures}
    after = {c.statement + c.source: c.ours for c in changed.claims(changed.parameters, data)}
    assert set(after) == set(before)

    def ratio(words):
        (name,) = [name for name in after if words in name]
        return after[name] / before[name]

    # J = E_F (J0 m)^2/(8 pi^2 v^2 r^2) is linear in the Fermi energy
    assert ratio("coupling in Fe(Se,Te) at 2 nm") == pytest.approx(2, rel=1e-6)
    # independent numbers of the reference: 79.1693205 degrees at d = r0/2, 79.1366716 at r0/50
    (angle,) = [name for name in after if "one transition between the two" in name]
    assert after[angle] == pytest.approx(79.16932051479546, abs=1e-8)
    assert before[angle] == pytest.approx(79.13667163168877, abs=1e-8)


def test_bad_requests_name_the_argument(tmp_path):
    with pytest.raises(ValueError, match="names must be a list"):
        reproduce.run(["lu2024"], tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="output must be a folder"):
        reproduce.run(["lu2023"], tmp_path / "file")
    assert not (tmp_path / "out").exists()
