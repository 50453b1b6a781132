"""Finite films: outlines, sources, terminals, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from film_cases import CELLS, holed, round_film, strip

import scmag_jax as sm
from scmag_jax.film.functional import Stiffness
from scmag_jax.film.preconditioner import Sines

# --- masks and sources


def test_film_is_where_mask_and_outline_say_so():
    n = 24
    square = [(0.2, 0.2), (2.2, 0.2), (2.2, 2.2), (0.2, 2.2)]
    mask = np.ones((n, n), bool)
    mask[10:14, 10:14] = False
    by_mask = sm.Film(mask, 0.1, 0.5, outline=[square])
    by_polygon = sm.Film(np.ones((n, n), bool), 0.1, 0.5, outline=[square, [(1, 1), (1.4, 1), (1.4, 1.4), (1, 1.4)]])
    assert by_mask.holes == by_polygon.holes == 1
    one, two = by_mask.solve(1.0), by_polygon.solve(1.0)
    assert float(one.magnetic_moment) == pytest.approx(float(two.magnetic_moment), rel=1e-9)
    labels = by_mask.hole_labels
    assert labels.max() == 0 and labels[12, 12] == 0 and labels[5, 5] == -1


def test_total_field_of_a_source():
    film = holed(14)
    loop = sm.CurrentLoop(0.3, 0.4, centre=(0.5, 0.5))
    state = film.solve(loop)
    points = jnp.concatenate([film.cell_positions, jnp.full((14, 14, 1), 0.2)], axis=-1)
    np.testing.assert_allclose(
        state.magnetic_field(0.2, total=True), state.magnetic_field(0.2) + loop.field(points), rtol=0, atol=1e-12
    )
    with pytest.raises(ValueError, match="total=True needs an applied field"):
        film.solve(jnp.ones((15, 15))).bz(0.1, total=True)


# --- terminals


def test_currents_that_add_up_in_decimals_only_are_taken():
    # 0.1 + 0.2 - 0.3 is 5.6e-17; a terminal without current is none
    h = 1 / 8
    corner = lambda x, y: [(x - h / 4, y), (x + h / 4, y), (x + h / 4, y + 0.4), (x - h / 4, y + 0.4)]
    terminals = {"a": corner(0, 0), "b": corner(0, 0.6), "c": corner(2, 0.2), "d": corner(2, 0.61)}
    given = {name: sm.Terminal(region, lead="open") for name, region in terminals.items()}
    film = sm.Film(np.ones((16, 8), bool), h, 0.4, terminals=given)
    state = film.solve(terminal_currents={"a": 0.1, "b": 0.2, "c": -0.3, "d": 0.0})
    assert bool(jnp.isfinite(state.stream).all())
    assert float(state.current_through((8, 8), (8, 0))) == pytest.approx(0.3, abs=1e-12)
    assert not film.solve().stream.any()


def test_profile_of_injection():
    n = 8
    film = strip(n, 0.5, length=4, profile=[0.0, 1.0])
    state = film.solve(terminal_currents=[1.0, -1.0])
    entering = np.asarray(state.link_currents[0][0])
    # counterclockwise around the film the end at x = 0 runs down
    expected = ((np.arange(n) + 0.5) / n)[::-1]
    np.testing.assert_allclose(entering, expected / expected.sum() / (2 / n), rtol=1e-12)


def test_narrow_profiles_are_integrated():
    entering = strip(8, 0.5, length=4, profile=np.exp(-((np.linspace(-1, 1, 101) / 0.05) ** 2)))
    shares = np.asarray(entering.solve(terminal_currents=[1.0, -1.0]).link_currents[0][0]) / 4
    np.testing.assert_allclose(shares, [0, 0, 0, 0.5, 0.5, 0, 0, 0], atol=1e-6)
    one_end = strip(8, 0.5, length=4, profile=[1] + 30 * [0])
    shares = np.asarray(one_end.solve(terminal_currents=[1.0, -1.0]).link_currents[0][0]) / 4
    np.testing.assert_allclose(shares, [0, 0, 0, 0, 0, 0, 0, 1], atol=1e-12)


def test_what_open_currents_do_not_have():
    state = strip(8, 1.0, length=4).solve(terminal_currents=[1.0, -1.0])
    for read in (lambda s: s.magnetic_moment, lambda s: s.hole_currents, lambda s: s.normal_field):
        with pytest.raises(ValueError, match="needs closed currents"):
            read(state)
    with pytest.raises(ValueError, match="start and end must be nodes"):
        state.current_through((99, 4), (0, 0))
    # a bias costs -L I^2 / 2 of the energy, the source having done L I^2
    assert state.energy < 0


def test_terminals_inside_the_grid_need_no_lead():
    mask = np.zeros((20, 12), bool)
    mask[4:16, 3:9] = True
    film = sm.Film(
        mask,
        1.0,
        5.0,
        terminals={"a": [(3, 2), (5, 2), (5, 10), (3, 10)], "b": [(15.5, 2), (17, 2), (17, 10), (15.5, 10)]},
    )
    state = film.solve(terminal_currents=[2.0, -2.0])
    assert float(state.current_through((10, 12), (10, 0))) == pytest.approx(2.0, abs=1e-10)
    np.testing.assert_allclose(state.current.sum(axis=1)[5:15, 0], 2.0, rtol=1e-9)


# --- refusals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask": np.zeros((8, 8), bool)}, "mask must contain film"),
        ({"mask": np.eye(8, dtype=bool)}, "mask must contain a square of at least 2 x 2"),
        ({"mask": np.ones(8, bool)}, "mask must have shape"),
        ({"mask": 2 * np.ones((8, 8))}, "mask must be boolean"),
        ({"mask": None}, "mask must be given"),
        ({"pearl_length": np.full((8, 8), np.nan)}, "pearl_length must be finite"),
        ({"pearl_length": 0.0}, "pearl_length must be positive"),
        ({"pearl_length": np.ones((8, 7))}, "pearl_length must have shape"),
        ({"anomalous": np.full((8, 8), np.nan)}, "anomalous must be finite"),
        ({"spacing": -1.0}, "spacing must be positive"),
        ({"outline": -np.ones((9, 9))}, "outline must leave the nodes at the rim"),
        ({"outline": np.ones((9, 8))}, "outline must have shape"),
        ({"terminals": {"far": [(20, 20), (21, 20), (21, 21)]}}, "terminal 'far' must contain a piece"),
        ({"terminals": {"cut": [(-1, 0), (1, 0), (1, 5), (-1, 5)]}}, "terminal 'cut' cuts a lead open at the rim"),
        ({"terminals": {"bad": [(0, 0), (1, 1)]}}, "region must be a polygon"),
    ],
)
def test_refused(arguments, message):
    given = {"mask": CELLS, "spacing": 1.0, "pearl_length": 1.0} | arguments
    with pytest.raises(ValueError, match=message):
        sm.Film(**given)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"applied_field": np.ones((8, 8))}, "applied_field must have shape"),
        ({"applied_field": np.nan}, "applied_field must be finite"),
        ({"moments": np.ones((8, 8, 3))}, "moments must have shape"),
        ({"fluxoids": [1.0]}, "fluxoids must have shape"),
        ({"vortices": [[20.0, 0.0, 1.0]]}, "vortices must lie in the film"),
        ({"vortices": [[0.5, 4.0, 1.0]]}, "vortices must lie in the film"),
        ({"terminal_currents": [1.0, -1.0]}, "terminal_currents need a film with terminals"),
        ({"tolerance": -1.0}, "tolerance must be positive"),
    ],
)
def test_refused_by_solve(arguments, message):
    with pytest.raises(ValueError, match=message):
        sm.Film(CELLS, 1.0, 1.0).solve(**arguments)


def test_other_refusals():
    film = strip(8, 1.0, length=4)
    for currents, message in (
        ([1.0, -0.5], "add up to zero"),
        ({"in": 1.0}, "add up to zero"),
        ({"inn": 1.0, "out": -1.0}, "got 'inn'"),
        ([1.0], "must have shape"),
    ):
        with pytest.raises(ValueError, match=message):
            film.solve(terminal_currents=currents)
    with pytest.raises(eqx.EquinoxRuntimeError, match="add up to zero"):
        jax.block_until_ready(eqx.filter_jit(lambda i: film.solve(terminal_currents=i).stream)(jnp.array([1.0, -0.5])))
    with pytest.raises(ValueError, match="inductance needs a film with holes"):
        film.inductance()
    with pytest.raises(eqx.EquinoxRuntimeError, match="maximum number of steps"):
        holed(14).solve(1.0, max_steps=2, tolerance=1e-18)
    mask = np.zeros((16, 10), bool)
    mask[:8, :5] = mask[8:, 5:] = True
    ends = {"a": [(-0.2, 0), (0.2, 0), (0.2, 5), (-0.2, 5)], "b": [(0, -0.2), (7.9, -0.2), (7.9, 0.2), (0, 0.2)]}
    with pytest.raises(ValueError, match="mask must not touch itself by a corner"):
        sm.Film(mask, 1.0, 1.0, terminals={name: sm.Terminal(region, lead="open") for name, region in ends.items()})
    disk = round_film(16, 0.3)
    with pytest.raises(ValueError, match="outline must leave every node on its side"):
        disk.replace(outline=disk.outline - 0.2)
    for bad in (1.5, 0, "a"):
        with pytest.raises(ValueError, match="max_steps must be an integer from 1"):
            holed(14).solve(max_steps=bad)
    with pytest.raises(ValueError, match="terminals must be a mapping"):
        sm.Film(CELLS, 1.0, 1.0, terminals=[1])
    with pytest.raises(ValueError, match="mask must have shape"):
        sm.rim(np.ones(8, bool), 1.0, 1.0)
    with pytest.raises(ValueError, match="outline must be finite"):
        sm.signed_distance([[(0, 0), (1, np.nan), (1, 1)]], [(0.0, 0.0)])
    with pytest.raises(ValueError, match="outline can only be replaced"):
        film.replace(outline=np.zeros((9, 9)))
    with pytest.raises(ValueError, match="double precision"), jax.enable_x64(False):
        sm.Film(CELLS, 1.0, 1.0)
    assert isinstance(sm.Film(CELLS, 1.0, 1.0).inverse, Sines)
    assert Stiffness is type(film._stiffness())
