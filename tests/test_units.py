"""Strings with units, constants and the model units of impurities and films (T13)."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import constants

from scmag_jax import materials as mat
from scmag_jax import units

REFERENCE = json.loads((Path(__file__).parent / "data" / "materials.json").read_text())["estimates"]


def close(value, truth, rtol):
    np.testing.assert_allclose(np.asarray(value), truth, rtol=rtol)


def test_constants_are_those_of_codata():
    # the exact ones to rounding; mu0 within what its CODATA editions differ by
    assert units.ELEMENTARY_CHARGE == constants.e
    assert units.PLANCK == constants.h
    assert units.BOLTZMANN == constants.k
    close(units.HBAR, constants.hbar, rtol=1e-15)
    close(units.FLUX_QUANTUM, 2.067833848461929e-15, rtol=1e-15)
    close(units.MU0, constants.mu_0, rtol=1e-9)


@pytest.mark.parametrize(
    ("text", "dimension", "si"),
    [
        ("0.5 um", "length", 5e-7),
        ("4.5 meV", "energy", 4.5e-3 * constants.e),
        ("17 K", "energy", 17 * constants.k),
        ("0.216 eV angstrom", "velocity", 0.216e-10 * constants.e / constants.hbar),
        ("216 meV * angstrom / hbar", "velocity", 0.216e-10 * constants.e / constants.hbar),
        ("3e4 m/s", "velocity", 3e4),
        ("50 meV * (0.4 nm)^2", "exchange", 8e-21 * constants.e),
        ("0.5 electron_mass", "mass", 0.5 * constants.m_e),
        ("2.4 A/m", "sheet current", 2.4),
        ("1 mT", "field", 1e-3),
        ("1 gauss", "field", 1e-4),
        ("2 mG", "field", 2e-7),
        ("1 mPhi0", "flux", 2.067833848461929e-18),
        ("3 pH", "inductance", 3e-12),
        ("20 degC", "temperature", 293.15),
        ("3", "number", 3.0),
    ],
)
def test_strings_become_si(text, dimension, si):
    close(units.to_si(text, dimension), si, rtol=2e-9)  # the electron mass and hbar differ by edition, not by more


def test_numbers_and_arrays_are_si_already():
    assert units.to_si(3, "length") == 3
    array = np.arange(3.0)
    assert units.to_si(array, "energy") is array


@pytest.mark.parametrize(
    "text",
    [
        "3 eV",
        "3",
        "three metres",
        "",
        "1 m/(",
        "0.5 furlongs_per",
        "m//m",
        "[1, 2] m",
        "0,5 um",
        "nan m",
        "inf m",
    ],
)
def test_bad_strings_name_the_argument(text):
    with pytest.raises(ValueError, match="^thickness must be"):
        units.to_si(text, "length", "thickness")


def test_unknown_dimension_is_refused():
    with pytest.raises(ValueError, match="^dimension must be one of .*length"):
        units.to_si("1 m", "lenght")


def test_pint_is_imported_only_for_strings():
    code = "import sys, scmag_jax.units as u; u.to_si(1.0, 'length'); assert 'pint' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_impurity_units():
    pearl_length, gamma = 3e-6, -2e-16
    ours = units.ImpurityUnits(pearl_length, gamma)
    e2d = 2 / (units.MU0 * pearl_length)
    close(ours.energy, gamma**2 / (2 * np.pi * e2d * pearl_length**2), rtol=1e-13)
    close(ours.energy, units.MU0 * gamma**2 / (4 * np.pi * pearl_length), rtol=1e-13)
    close(ours.strength, gamma**2 / (2 * np.pi * e2d), rtol=1e-13)
    close(ours.coupling, gamma / e2d, rtol=1e-13)
    close(ours.field, gamma / e2d / (2 * np.pi * pearl_length**3), rtol=1e-13)
    close(ours.sheet_current, gamma / (2 * np.pi * pearl_length**2), rtol=1e-13)
    close(mat.coupling_energy(gamma, pearl_length), ours.energy, rtol=1e-15)
    close(mat.coupling_strength(gamma, pearl_length), ours.strength, rtol=1e-15)
    # a current of one unit costs 2 E0: g j = Gamma^2/(2 pi e^2 D r0^2) = E0
    close(ours.coupling * ours.sheet_current, ours.energy, rtol=1e-13)


def test_impurity_units_agree_with_the_reference():
    flake = REFERENCE["with_bulk_flake_screening_lambda500nm_d300nm"]
    ours = units.ImpurityUnits(flake["r0_m"], REFERENCE["Gamma_Tmatrix_Am"])
    close(ours.field, flake["Bz_unit_T"], rtol=1e-9)  # mu0 of an older edition: 7e-10
    close(ours.coupling * 2.4 / (1e-3 * constants.e), flake["jext_2p4_A_per_m_coupling_meV"], rtol=1e-9)


@pytest.mark.parametrize(
    ("pearl_length", "gamma", "name"),
    [
        (0.0, 1e-16, "pearl_length"),
        (-1.0, 1e-16, "pearl_length"),
        ("1 T", 1e-16, "pearl_length"),
        (1e-6, np.nan, "gamma"),
    ],
)
def test_impurity_units_refuse_bad_input(pearl_length, gamma, name):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        units.ImpurityUnits(pearl_length, gamma)


def test_film_units():
    length, current = 2e-6, 3e-4
    ours = units.FilmUnits(length, current)
    close(ours.sheet_current, 150.0, rtol=1e-15)
    close(ours.field, units.MU0 * 150.0, rtol=1e-15)
    close(ours.flux, ours.field * length**2, rtol=1e-15)
    close(ours.flux_quantum * ours.flux, units.FLUX_QUANTUM, rtol=1e-15)
    close(ours.flux, ours.inductance * current, rtol=1e-15)
    close(ours.energy, ours.flux * current, rtol=1e-15)
    close(ours.energy, ours.moment * ours.field, rtol=1e-15)
    same = units.FilmUnits("2 um", "0.3 mA")
    close([same.length, same.current], [length, current], rtol=1e-15)


def test_film_units_both_ways():
    ours = units.FilmUnits("1 um", "1 uA")
    close(ours.model("1 mG", "field"), 1e-7 / (units.MU0 * 1.0), rtol=1e-13)
    close(ours.model("2 Phi0", "flux"), 2 * ours.flux_quantum, rtol=1e-9)
    close(ours.model("30 uA", "current"), 30.0, rtol=1e-13)
    close(ours.model(np.array([1e-6, 2e-6]), "length"), [1.0, 2.0], rtol=1e-13)
    close(ours.express(ours.flux_quantum, "flux", "mPhi0"), 1e3, rtol=1e-9)
    close(ours.express(np.array([1.0, 2.0]), "sheet current", "A/m"), [1.0, 2.0], rtol=1e-13)
    for dimension, unit in [
        ("field", "mG"),
        ("energy", "K"),
        ("magnetic moment", "bohr_magneton"),
        ("inductance", "pH"),
    ]:
        close(ours.model(f"{float(ours.express(0.7, dimension, unit))!r} {unit}", dimension), 0.7, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: units.FilmUnits(0.0, 1.0), "^length must be positive"),
        (lambda: units.FilmUnits("1 um", "1 T"), "^current must be a number with a unit of current"),
        (lambda: units.FilmUnits(1.0, 1.0).model(1.0, "mass"), "^dimension must be one of current"),
        (lambda: units.FilmUnits(1.0, 1.0).model("1 m", "field"), "^value must be"),
        (lambda: units.FilmUnits(1.0, 1.0).express(1.0, "field", "furlongs_per"), "^unit must be"),
        (lambda: units.FilmUnits(1.0, 1.0).express(np.nan, "field", "T"), "^value must be finite"),
    ],
)
def test_film_units_refuse_bad_input(make, message):
    with pytest.raises(ValueError, match=message):
        make()
