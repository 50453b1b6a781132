"""Films in files: what is read solves to the same bits, and what is no film is named."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import scmag_jax as sm
from scmag_jax.film import files
from scmag_jax.film.preconditioner import Multigrid, Sines


def square_film():
    return sm.Film(np.ones((12, 14), bool), 0.1, 0.3, origin=(-1.0, 2.0))


def holed_film():
    mask = np.ones((16, 14), bool)
    mask[4:7, 5:8] = mask[10:12, 3:5] = False
    pearl_length = 0.2 + np.random.default_rng(0).uniform(0, 0.2, mask.shape)
    return sm.Film(mask, 0.1, pearl_length, anomalous=sm.rim(mask, 0.1, 0.2))


def round_film():
    x = np.linspace(-1, 1, 21)
    return sm.Film(None, 0.1, 0.3, outline=np.hypot(x[:, None], x) - 0.83)


def strip_film():
    mask = np.zeros((20, 12), bool)
    mask[:, 2:9] = True
    left = sm.Terminal([(-0.1, 0), (0.04, 0), (0.04, 2), (-0.1, 2)], profile=[1.0, 2.0, 1.0], lead="straight")
    right = sm.Terminal([(1.96, 0), (2.1, 0), (2.1, 2), (1.96, 2)], lead="open")
    return sm.Film(mask, 0.1, 0.3, terminals={"left end": left, "right": right})


def deep_film():
    """More cells than are inverted at once: several levels."""
    return sm.Film(
        np.pad(np.ones((20, 30), bool), ((5, 10), (1, 8))), 0.1, np.linspace(0.2, 0.4, 39)[None] * np.ones((35, 1))
    )


FILMS = {"square": square_film, "holes": holed_film, "round": round_film, "strip": strip_film, "deep": deep_film}


def drive(film, **more):
    m = jnp.stack([jnp.ones(film.shape), jnp.zeros(film.shape)], axis=-1) / 2
    currents = {"left end": 1.0, "right": -1.0} if film.terminals else None
    return film.solve(0.7, terminal_currents=currents, moments=m, **more)


def assert_same(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for path, leaf in jax.tree.leaves_with_path(a):
        name, other = jax.tree_util.keystr(path), dict(jax.tree.leaves_with_path(b))[path]
        assert type(leaf) is type(other) and leaf.dtype == other.dtype, name
        np.testing.assert_array_equal(np.asarray(leaf), np.asarray(other), err_msg=name)


@pytest.mark.parametrize("name", FILMS)
def test_a_loaded_film_is_the_saved_one_and_solves_to_the_same_bits(tmp_path, name, monkeypatch):
    film, path = FILMS[name](), tmp_path / "film.npz"
    assert isinstance(film.inverse, Sines if name in ("square", "strip") else Multigrid)
    assert name != "deep" or len(film.inverse.levels) > 0

    sm.save_film(path, film)
    with monkeypatch.context() as without:
        without.setattr(sm.Film, "__init__", None)  # the mask is not looked at again
        loaded = sm.load_film(path)

    assert isinstance(loaded, sm.Film)
    assert_same(film, loaded)
    assert_same(drive(film), drive(loaded))
    assert [p.name for p in tmp_path.iterdir()] == ["film.npz"]


def test_a_film_with_other_maps_keeps_the_preconditioner_it_was_made_with(tmp_path):
    film = square_film()
    varied = jnp.asarray(np.linspace(0.1, 2.0, 12)[:, None] * np.ones((1, 14)))
    changed = eqx.tree_at(lambda f: f.pearl_length, film.replace(anomalous=0.5), varied)
    sm.save_film(tmp_path / "a", changed)
    loaded = sm.load_film(tmp_path / "a")
    assert isinstance(loaded.inverse, Sines)  # made anew it would be another
    assert_same(drive(changed), drive(loaded))
    # and the other way around
    sm.save_film(tmp_path / "b", film)
    assert_same(drive(film.replace(pearl_length=0.9)), drive(sm.load_film(tmp_path / "b").replace(pearl_length=0.9)))


def test_a_state_with_a_vortex_and_trapped_flux(tmp_path):
    film, path = holed_film(), str(tmp_path / "state.npz")
    state = film.solve(0.2, fluxoids=[1.0, -2.0], vortices=[(0.83, 1.07, 1.0)])
    sm.save_film(path, state)
    loaded = sm.load_film(path)

    assert isinstance(loaded, sm.FilmState) and loaded.converged
    assert_same(state, loaded)
    np.testing.assert_array_equal(loaded.hole_currents, state.hole_currents)
    # its film takes another vortex, and is saved again
    again = loaded.film.solve(0.2, fluxoids=[1.0, -2.0], vortices=[(0.35, 0.25, -1.0)])
    sm.save_film(path, again)
    assert_same(film.solve(0.2, fluxoids=[1.0, -2.0], vortices=[(0.35, 0.25, -1.0)]), sm.load_film(path))


def test_a_state_with_terminals_and_its_film(tmp_path):
    state, path = drive(strip_film()), tmp_path / "state.npz"
    sm.save_film(path, state)
    loaded = sm.load_film(path)

    film = loaded.film
    assert film.terminals == ("left end", "right") and film.outlines == (0, 0)
    assert [terminal.lead for terminal in film.entries] == ["straight", "open"]
    assert isinstance(film.entries[0].region, np.ndarray) and film.entries[1].profile is None
    np.testing.assert_array_equal(loaded.bz(0.2), state.bz(0.2))
    np.testing.assert_allclose(film.solve(terminal_currents=[2.0, -2.0]).current_through((10, 11), (10, 0)), 2.0)
    with pytest.raises(ValueError, match="add up to zero"):
        film.solve(terminal_currents={"right": 1.0})


def test_states_that_did_not_converge_and_batches_of_states(tmp_path):
    film, path = square_film(), tmp_path / "state.npz"
    unfinished = film.solve(1.0, max_steps=2, throw=False)
    sm.save_film(path, unfinished)
    loaded = sm.load_film(path)
    assert loaded.result == sm.RESULTS.max_steps_reached and not loaded.converged
    assert_same(unfinished, loaded)

    batch = jax.tree.map(lambda *two: jnp.stack(two), film.solve(1.0, throw=False), unfinished)  # as of jax.vmap
    sm.save_film(path, batch)
    np.testing.assert_array_equal(sm.load_film(path).converged, batch.converged)
    np.testing.assert_array_equal(sm.load_film(path).stream, batch.stream)
    np.testing.assert_array_equal(batch.converged, [True, False])


def test_every_outcome_of_a_solve_has_a_number():
    assert len(files.OUTCOMES) == len(sm.RESULTS)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "film.npz"
    sm.save_film(path, square_film())
    before = path.read_bytes()
    sm.save_film(path, square_film())
    with monkeypatch.context() as broken:

        def full(file, **_):
            file.write(b"half")
            raise OSError("no space left on device")

        broken.setattr(np, "savez", full)
        with pytest.raises(OSError, match="no space"):
            sm.save_film(path, strip_film())
    assert path.read_bytes()[:4] == before[:4] and sm.load_film(path).shape == (12, 14)
    assert [p.name for p in tmp_path.iterdir()] == ["film.npz"]


def test_what_cannot_be_saved(tmp_path):
    path = tmp_path / "film.npz"
    with pytest.raises(ValueError, match="takes a Film or a FilmState, got dict"):
        files.save_film(path, {"film": square_film()})

    def save(r0):
        film = square_film().replace(pearl_length=r0)
        sm.save_film(path, film)
        return film.spacing

    with pytest.raises(ValueError, match="outside of jax.jit"):
        jax.jit(save)(0.3)
    odd = eqx.tree_at(lambda film: film.inverse, square_film(), sm.energy.FreeEnergy)
    with pytest.raises(ValueError, match="cannot keep inverse"):
        sm.save_film(path, odd)
    with pytest.raises(FileNotFoundError):
        sm.save_film(tmp_path / "nowhere" / "film.npz", square_film())
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_loaded(tmp_path):
    path = tmp_path / "film.npz"
    with pytest.raises(FileNotFoundError, match="film.npz"):
        sm.load_film(path)
    path.write_text("no archive")
    with pytest.raises(ValueError, match=r"film\.npz cannot be read as a film"):
        sm.load_film(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"film\.npz cannot be read as a film"):
        sm.load_film(path)
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(ValueError, match="it holds a single array"):
        sm.load_film(path)
    np.savez(path, moments=np.ones(3))
    with pytest.raises(ValueError, match="no array is named header"):
        sm.load_film(path)
    np.savez(path, header=np.array([{}], object))
    with pytest.raises(ValueError, match="cannot be read as a film"):
        sm.load_film(path)
    for header in ("no JSON", "[]", '{"format": "another"}'):
        np.savez(path, header=header)
        with pytest.raises(ValueError, match="cannot be read as a film"):
            sm.load_film(path)

    sm.save_film(path, square_film())
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with pytest.raises(ValueError, match="cannot be read as a film"):
        sm.load_film(path)
    middle = whole.index(b"symbol.npy") + 500
    path.write_bytes(whole[:middle] + b"\x00\x01\x02\x03" + whole[middle + 4 :])
    with pytest.raises(ValueError, match="cannot be read as a film"):
        sm.load_film(path)


def test_files_of_other_versions(tmp_path):
    path = tmp_path / "film.npz"
    sm.save_film(path, square_film())
    with np.load(path) as stored:
        arrays = dict(stored)
    header = json.loads(str(arrays.pop("header")))
    write = lambda header: np.savez(path, header=json.dumps(header), **arrays)

    write(header | {"version": 2})
    with pytest.raises(ValueError, match="it has version 2 of the format, and version 1 is read here"):
        sm.load_film(path)
    write(header)
    assert sm.load_film(path).shape == (12, 14)
    header["tree"]["fields"]["thickness"] = header["tree"]["fields"].pop("origin")
    write(header)
    with pytest.raises(ValueError, match="another version of the library, which differs in origin, thickness"):
        sm.load_film(path)
    write({"format": files.FORMAT, "version": 1, "tree": [1, 2]})
    with pytest.raises(ValueError, match="it holds something else"):
        sm.load_film(path)


def test_single_precision_is_refused(tmp_path):
    path = tmp_path / "film.npz"
    sm.save_film(path, square_film())
    with jax.enable_x64(False), pytest.raises(ValueError, match="needs double precision"):
        sm.load_film(path)
