"""The gradient expansion against tabulated integrals and the full free energy; meshes graded to small gaps."""

import json
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

import scmag_jax as sm
from scmag_jax.bdg.mesh import point_mesh

DATA = json.loads((pathlib.Path(__file__).parent / "data" / "reference_bdg.json").read_text())
GAP, TEMPERATURE = DATA["params"]["Delta"], DATA["params"]["T"]
MODEL = sm.Altermagnet(chemical_potential=0.05, rashba=0.2, altermagnet=0.2)
X, Y, Z = jnp.eye(3)


def expansion(model=MODEL, gap=GAP, temperature=TEMPERATURE, **options):
    return sm.gradient_expansion(model, gap, temperature, **options)


@pytest.mark.parametrize(("cutoff", "name", "accuracy"), [(np.pi, "3.141593", 1e-13), (40.0, "40.000000", 1e-11)])
def test_tabulated_integrals_with_a_cutoff(cutoff, name, accuracy):
    # the table's own quadrature is good to 5e-12 at the larger cut-off
    table = DATA["gamma_Az_radial_integrals"][name]
    found = expansion(cutoff=cutoff)
    assert_allclose(found.gamma, table["gamma"], rtol=accuracy)
    assert_allclose(found.anisotropy, table["Az"], rtol=accuracy)


def test_integrals_to_infinity():
    found = expansion()
    # mpmath, 60 digits, in pieces to infinity. The table (-2.1289181239e-3) loses digits beyond k = 40: 1.4e-8 off.
    assert_allclose(found.gamma, -0.00212891809433709508, rtol=1e-13)
    table = DATA["gamma_Az_radial_integrals"]["inf"]
    assert_allclose(found.gamma, table["gamma"], rtol=2e-8)
    assert_allclose(found.anisotropy, table["Az"], rtol=1e-10)


def test_coefficients_of_the_material():
    p, table = DATA["material"]["params_t_units"], DATA["material"]["radial"]
    found = expansion(sm.Altermagnet(p["mu"], p["tso"], p["tm"]), p["Delta"], p["T"])
    assert_allclose(found.gamma, table["gamma"], rtol=2e-8)
    assert_allclose(found.anisotropy, table["Az"], rtol=1e-12)


def polar_mesh(cutoff, model):
    """A disc: Gauss-Legendre panels between and beyond the Fermi momenta, and a uniform ring of angles."""
    speed = float(jnp.sqrt(model.rashba**2 + 4 * model.chemical_potential))
    fermi = [(speed - float(model.rashba)) / 2, (speed + float(model.rashba)) / 2]
    edges = np.concatenate([np.linspace(0, 2 * fermi[1], 17), np.linspace(2 * fermi[1], cutoff, 17)[1:]])
    nodes, weights = np.polynomial.legendre.leggauss(12)
    k = (edges[:-1, None] + np.diff(edges)[:, None] * (nodes + 1) / 2).ravel()
    w = (np.diff(edges)[:, None] * weights / 2).ravel()
    angles = 2 * np.pi * np.arange(16) / 16
    points = np.stack([k[:, None] * np.cos(angles), k[:, None] * np.sin(angles)], axis=-1).reshape(-1, 2)
    return point_mesh(points, np.repeat(w * k / (2 * np.pi) / len(angles), len(angles)), "continuum")


@pytest.fixture(scope="module")
def weak():
    # both orders are derivatives at zero exchange; n = 0 is the same thing
    cutoff = 3.0
    u = sm.UniformBdG(
        MODEL, gap=GAP, temperature=TEMPERATURE, mesh=polar_mesh(cutoff, MODEL), dispersion="continuum", poles=28
    )
    tm = float(MODEL.altermagnet)

    def field(q):
        return jax.jit(lambda q, n: u.neel_field(q, n))(q, jnp.zeros(3))

    slope = jax.jacfwd(field)(jnp.zeros(2))
    bend = jax.jit(jax.jacfwd(lambda n: u.neel_field(jnp.zeros(2), n)))(jnp.zeros(3))
    return slope / tm, bend / tm**2, expansion(cutoff=cutoff)


def test_first_order_is_the_derivative_of_the_full_free_energy(weak):
    slope, _, expected = weak
    # h = -tm gamma (q_y, q_x, 0)
    pattern = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    assert_allclose(slope, -expected.gamma * pattern, atol=1e-9 * abs(expected.gamma))


def test_second_order_is_the_derivative_of_the_full_free_energy(weak):
    _, bend, expected = weak
    assert_allclose((bend[2, 2] - bend[0, 0]) / 2, expected.anisotropy, rtol=1e-8)
    assert_allclose(bend[0, 0], bend[1, 1], rtol=1e-10)


def test_no_field_without_gap_or_spin_orbit_coupling():
    scale = abs(float(expansion().gamma))
    # gamma goes as gap^2: 1e-16 of itself at 1e-8 is the rounding of a cancelling sum
    assert abs(expansion(gap=1e-8).gamma) < 1e-11 * scale
    assert_allclose(expansion(gap=1e-3).gamma / expansion(gap=5e-4).gamma, 4.0, rtol=0.02)
    flat = expansion(sm.Altermagnet(0.05, 0.0, 0.2))
    assert abs(flat.gamma) < 1e-20 and abs(flat.anisotropy) < 1e-18


def test_parity_in_the_spin_orbit_coupling():
    found, mirrored = expansion(), expansion(sm.Altermagnet(0.05, -0.2, 0.2))
    assert_allclose(mirrored.gamma, -found.gamma, rtol=1e-14)
    assert_allclose(mirrored.anisotropy, found.anisotropy, rtol=1e-14)


@pytest.mark.parametrize("name", ["chemical_potential", "rashba", "gap", "temperature", "cutoff"])
def test_derivatives_of_gamma(name):
    values = {"chemical_potential": 0.05, "rashba": 0.2, "gap": 0.2, "temperature": 0.05, "cutoff": 3.0}

    def gamma(value):
        p = values | {name: value}
        model = sm.Altermagnet(p["chemical_potential"], p["rashba"], 0.2)
        return expansion(model, p["gap"], p["temperature"], cutoff=p["cutoff"]).gamma

    value = values[name]
    step = 1e-3 * value
    difference = (
        8 * (gamma(value + step) - gamma(value - step)) - gamma(value + 2 * step) + gamma(value - 2 * step)
    ) / (12 * step)
    assert_allclose(jax.grad(gamma)(value), difference, rtol=1e-7)


def test_expansion_as_a_free_energy():
    found, q = expansion(), jnp.array([0.1, 0.03])
    field = sm.field(lambda n: found.free_energy(q, n), (X + Y + Z) / jnp.sqrt(3.0))
    tm, gamma = 0.2, found.gamma
    expected = [-tm * gamma * 0.03, -tm * gamma * 0.1, 2 * tm**2 * found.anisotropy / np.sqrt(3.0)]
    assert_allclose(field, jnp.array(expected), rtol=1e-13)


def test_expansion_over_many_parameters():
    gaps = jnp.array([0.05, 0.2])
    together = jax.vmap(lambda gap: expansion(gap=gap).gamma)(gaps)
    assert_allclose(together[1], expansion(gap=0.2).gamma, rtol=1e-13)


@pytest.mark.parametrize("chemical_potential", [0.05, 0.0])
def test_derivatives_by_the_spin_orbit_coupling_where_it_vanishes(chemical_potential):
    # gamma is odd and A_z even: their derivatives are those of smooth functions, also at and near zero
    def both(rashba):
        found = expansion(sm.Altermagnet(chemical_potential, rashba, 0.2), 0.2, 0.05)
        return jnp.stack([found.gamma, found.anisotropy])

    first = jax.jit(jax.jacfwd(both))
    second = jax.jit(jax.jacfwd(jax.jacfwd(both)))
    scale = jnp.abs(both(0.1)) * jnp.array([10.0, 100.0])
    assert abs(first(0.0)[1]) < 1e-14 * scale[1] and abs(second(0.0)[0]) < 1e-12 * scale[0]
    step = 0.01
    curvature = (16 * both(step) - both(2 * step))[1] / (6 * step**2)  # both are zero at zero
    assert_allclose(second(0.0)[1], curvature, rtol=1e-6)
    assert_allclose(first(1e-7)[1], 1e-7 * second(0.0)[1], rtol=1e-10)
    assert_allclose(second(1e-4)[1], second(0.0)[1], rtol=1e-4)


@pytest.mark.parametrize(("changed", "named"), [("gap", "gap"), ("temperature", "temperature"), ("cutoff", "cutoff")])
def test_expansion_names_what_is_wrong(changed, named):
    for bad in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match=named):
            expansion(**{changed: bad})


# --- graded meshes


def graded(gap, temperature, q, n, model=MODEL, **options):
    mesh = sm.graded_mesh(model, gap, temperature, q, n, **options)
    keep = {"dispersion": options["dispersion"]} if "dispersion" in options else {}
    return sm.UniformBdG(model, gap=gap, temperature=temperature, mesh=mesh, **keep)


def test_graded_and_uniform_mesh_agree():
    q, n = jnp.array([0.05, 0.02]), jnp.array([0.6, 0.0, 0.8])
    fine = sm.UniformBdG(MODEL, gap=0.05, temperature=0.02, mesh=(384, 384))
    found = graded(0.05, 0.02, q, n, order=16)
    # both are converged to what the poles leave
    assert_allclose(found.free_energy(q, n), fine.free_energy(q, n), rtol=1e-12)
    assert_allclose(found.neel_field(q, n), fine.neel_field(q, n), atol=1e-12)
    assert_allclose(found.supercurrent(q, n), fine.supercurrent(q, n), atol=1e-11)


def test_number_of_momenta_grows_as_the_inverse_temperature():
    sizes = [sm.graded_mesh(MODEL, 0.0, t, jnp.zeros(2), Z).size for t in (4e-3, 2e-3, 1e-3)]
    assert sizes[2] < 2.3 * sizes[1] < 2.3**2 * sizes[0]


@pytest.mark.slow
def test_field_of_the_material():
    # the polar mesh of the table is converged to 1e-3; cut-offs: a disc there, a square here (K^-2 = 2.5e-3 of 1 %)
    p, table = DATA["material"]["params_t_units"], DATA["material"]["full_BdG"][2]["F1_over_t"]
    model = sm.Altermagnet(p["mu"], p["tso"], p["tm"])
    q = jnp.array([[p["qa"], 0.0], [-p["qa"], 0.0]])
    u = graded(p["Delta"], p["T"], q, Y, model, dispersion="continuum", cutoff=20.0, order=8, resolution=6.0)
    forward, backward = u.free_energy(q, Y)
    assert_allclose((forward - backward) / 2, table, rtol=2e-3)


def test_graded_mesh_resolves_the_current_of_a_strong_altermagnet():
    # The hardest of the reviewed cases: default values against a finer resolution, and the figures of the docstring.
    model = sm.Altermagnet(2.0, 0.2, 0.7)
    q, n = jnp.array([0.3, 0.1]), jnp.array([0.6, 0.0, 0.8])
    default, fine = (graded(0.1, 0.02, q, n, model, resolution=r).solve(q, n) for r in (4.0, 3.0))
    assert default.free_energy != fine.free_energy
    assert_allclose(default.free_energy, fine.free_energy, rtol=0, atol=3e-10)
    assert_allclose(default.neel_field, fine.neel_field, atol=3e-7)
    assert_allclose(default.current, fine.current, atol=5e-7)


def test_a_mesh_belongs_to_its_dispersion():
    mesh = sm.graded_mesh(MODEL, 0.2, 0.1, jnp.zeros(2), Z, dispersion="continuum", cutoff=2.0)
    with pytest.raises(ValueError, match="continuum"):
        sm.UniformBdG(MODEL, gap=0.2, temperature=0.1, mesh=mesh)


def test_graded_mesh_names_what_is_wrong():
    q = jnp.zeros(2)
    for options, named in (
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": 1e-7, "gap": 0.0}, "temperature"),
        ({"order": 1}, "order"),
        ({"resolution": 0.0}, "resolution"),
        ({"resolution": 7.0}, "resolution"),
        ({"dispersion": "cubic"}, "dispersion"),
        ({"dispersion": "continuum"}, "cutoff"),
        ({"cutoff": 3.0}, "cutoff"),
        ({"gap": -0.2}, "gap"),
        ({"order": True}, "order"),
    ):
        arguments = {"gap": 0.2, "temperature": 0.01} | options
        with pytest.raises(ValueError, match=named):
            sm.graded_mesh(MODEL, arguments.pop("gap"), arguments.pop("temperature"), q, Z, **arguments)
    with pytest.raises(ValueError, match="n must have unit length"):
        sm.graded_mesh(MODEL, 0.2, 0.01, q, 5 * Z)
    with pytest.raises(ValueError, match="empty"):
        sm.graded_mesh(MODEL, 0.2, 0.01, jnp.zeros((0, 2)), Z)
    with pytest.raises(ValueError, match="traced"):
        jax.jit(lambda gap: sm.graded_mesh(MODEL, gap, 0.01, q, Z).weight)(0.2)
