"""Textures: the wall of the physics notes, unit length, derivatives, topological charge, files, refusals."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

import scmag_jax as sm

CLOSINGS = ("return", "winding")


def plain_wall(length, r0, width, tilt, closing):
    """Site by site, image by image, as the notes write it."""
    n = np.zeros((length, 3))
    for r in range(length):
        theta = math.pi if closing == "return" else -math.pi
        for m in range(-4, 5):
            moved = math.atan(math.exp((r - r0 - m * length) / width))
            fixed = math.atan(math.exp((r - m * length) / width))
            theta += 2 * (moved - fixed) if closing == "return" else 2 * (moved + fixed) - 2 * math.pi * (m < 0)
        n[r] = [math.sin(theta) * math.sin(tilt), math.cos(theta), math.sin(theta) * math.cos(tilt)]
    return n


@pytest.mark.parametrize("closing", CLOSINGS)
@pytest.mark.parametrize(("length", "r0", "width", "tilt"), [(50, 25.0, 4.0, 0.0), (50, 10.3, 4.0, 2.1), (31, 0, 3, 1)])
def test_wall_is_the_one_of_the_notes(closing, length, r0, width, tilt):
    n = sm.textures.domain_wall((length, 3), r0, width, tilt, closing=closing)
    wanted = plain_wall(length, r0, width, tilt, closing)
    # angles of size pi, summed over 9 images there and 33 here: a few roundings
    np.testing.assert_allclose(n, np.broadcast_to(wanted[:, None], (length, 3, 3)), atol=5e-15, rtol=0)
    turned = sm.textures.domain_wall((2, length), r0, width, tilt, axis="y", closing=closing)
    wanted = np.stack([-wanted[:, 1], wanted[:, 0], wanted[:, 2]], axis=-1)
    np.testing.assert_allclose(turned, np.broadcast_to(wanted[None], (2, length, 3)), atol=5e-15, rtol=0)


def test_domains_and_inner_angles_of_the_two_closings():
    tilt = 0.7
    inside = np.array([math.sin(tilt), 0, math.cos(tilt)])
    for closing, sign in zip(CLOSINGS, (1, -1), strict=True):
        n = sm.textures.domain_wall((100, 1), 40.0, 2.0, tilt, closing=closing)[:, 0]
        # domain centres are 10 widths away from the walls: 2 exp(-10)
        np.testing.assert_allclose(n[20], [0, 1, 0], atol=2e-4)
        np.testing.assert_allclose(n[70], [0, -1, 0], atol=2e-4)
        np.testing.assert_allclose(n[40], inside, atol=2e-4)
        np.testing.assert_allclose(n[0], sign * inside, atol=2e-4)


@pytest.mark.parametrize("closing", CLOSINGS)
@pytest.mark.parametrize("width", [1.0, 4.0, 20.0])
def test_wall_is_smooth_across_the_seam(closing, width):
    # Seen from the wall at r0 the other one is at L - r0: the same texture, wherever the seam is, with the domains
    # exchanged for "return", and turned by pi for "winding".
    length, r0 = 40, 13
    n, other = (sm.textures.domain_wall((length, 1), r, width, 0.4, closing=closing)[:, 0] for r in (r0, length - r0))
    signs = [1, -1, 1] if closing == "return" else [-1, -1, -1]
    # images left out at the widest of these: exp(-32)
    np.testing.assert_allclose(np.roll(n, -r0, axis=0) * np.array(signs), other, atol=1e-13)


UNIT = {
    "uniform": lambda: sm.textures.uniform((4, 3), [0.3, -2.0, 5.0]),
    "sharp wall": lambda: sm.textures.domain_wall((50, 4), 20.3, 0.01, 1.0),
    "wide wall": lambda: sm.textures.domain_wall((50, 4), 20.3, 25.0, 1.0, closing="winding"),
    "line": lambda: sm.textures.domain_wall((50, 1), 20.0, 4.0, 1.0),
    "line along y": lambda: sm.textures.domain_wall((1, 50), 20.0, 4.0, 1.0, axis="y"),
    "vortex": lambda: sm.textures.vortex((30, 20), [14.5, 9.5], 2.0, helicity=0.2, polarity=-1),
    "sharp vortex": lambda: sm.textures.vortex((30, 20), [14.0, 9.0], 0.001, winding=-3),
    "skyrmion": lambda: sm.textures.skyrmion((30, 20), [14.0, 9.0], 5.0, 2.0, polarity=-1),
    "sharp skyrmion": lambda: sm.textures.skyrmion((30, 20), [14.0, 9.0], 5.0, 0.001, winding=2),
}


@pytest.mark.parametrize("name", UNIT)
def test_vectors_have_unit_length(name):
    n = UNIT[name]()
    assert n.dtype == jnp.float64
    np.testing.assert_allclose(jnp.linalg.norm(n, axis=-1), 1.0, atol=5e-16, rtol=0)


# every centre lies on a site, where modulus and angle are not smooth
SMOOTH = {
    "wall": (lambda p: sm.textures.domain_wall((12, 2), p[0], p[1], p[2], closing="winding"), [5.0, 1.7, 0.6]),
    "wall along y": (lambda p: sm.textures.domain_wall((2, 12), p[0], p[1], p[2], axis="y"), [5.0, 2.0, 1.0]),
    "vortex": (lambda p: sm.textures.vortex((7, 6), p[:2], p[2], helicity=p[3]), [3.0, 2.0, 1.3, 0.4]),
    "double vortex": (lambda p: sm.textures.vortex((7, 6), p[:2], p[2], -2, p[3]), [3.0, 2.0, 1.3, 0.4]),
    "skyrmion": (lambda p: sm.textures.skyrmion((9, 7), p[:2], p[2], p[3], 1, p[4], -1), [4.0, 3.0, 2.0, 0.9, 0.4]),
    "triple skyrmion": (lambda p: sm.textures.skyrmion((9, 7), p[:2], p[2], p[3], 3, p[4]), [4.0, 3.0, 2.0, 0.9, 0.4]),
}
SHARP = {
    "wall": (lambda p: sm.textures.domain_wall((12, 1), p[0], p[1], p[2]), [5.0, 0.01, 0.6]),
    "vortex": (lambda p: sm.textures.vortex((7, 6), p[:2], p[2], 2, p[3]), [3.0, 2.0, 0.001, 0.4]),
    "skyrmion": (lambda p: sm.textures.skyrmion((9, 7), p[:2], p[2], p[3], 1, p[4]), [4.0, 3.0, 2.0, 0.001, 0.4]),
    "tiny skyrmion": (lambda p: sm.textures.skyrmion((9, 7), p[:2], p[2], p[3], 1, p[4]), [4.0, 3.0, 0.001, 1.0, 0.4]),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_agree_with_differences(name):
    function, start = SMOOTH[name][0], jnp.array(SMOOTH[name][1])
    slope = jax.jacfwd(function)
    # value and slope at every step in one compilation; central differences: step^2 and rounding / step
    step = 1e-5
    start, steps = start[None], step * jnp.eye(start.size)
    both = jax.jit(jax.vmap(lambda p: (function(p), slope(p))))
    above, below = both(start + steps), both(start - steps)
    first, second = (np.moveaxis(np.asarray(a - b) / (2 * step), 0, -1) for a, b in zip(above, below, strict=True))
    np.testing.assert_allclose(jax.jit(slope)(start[0]), first, atol=1e-8)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(slope))(start[0]), second, atol=1e-7)
    assert float(np.abs(second).max()) > 0.1


@pytest.mark.parametrize("name", SHARP)
def test_derivatives_of_sharp_textures_are_finite(name):
    function, start = SHARP[name][0], jnp.array(SHARP[name][1])
    assert bool(jnp.isfinite(jax.jit(jax.jacrev(function))(start)).all())
    assert bool(jnp.isfinite(jax.jit(jax.jacfwd(function))(start)).all())


def test_a_batch_of_positions_compiles_once():
    positions = jnp.array([0.0, 10.0, 20.5, 50.0])
    traces = []

    @jax.jit
    def walls(positions, width):
        traces.append(None)
        return jax.vmap(lambda r0: sm.textures.domain_wall((50, 3), r0, width, 0.2))(positions)

    found = walls(positions, 4.0)
    walls(positions + 0.0, 3.0)
    assert found.shape == (4, 50, 3, 3) and len(traces) == 1
    for n, r0 in zip(found, positions, strict=True):
        np.testing.assert_allclose(n, sm.textures.domain_wall((50, 3), r0, 4.0, 0.2), atol=1e-15)
    # at either end of the way the two walls of "return" have met
    np.testing.assert_allclose(found[0], sm.textures.uniform((50, 3), [0.0, -1.0, 0.0]), atol=1e-14)
    np.testing.assert_allclose(found[3], sm.textures.uniform((50, 3), [0.0, 1.0, 0.0]), atol=1e-14)


def test_single_precision_with_double_parameters():
    n = sm.textures.domain_wall((50, 2), jnp.float32(20.0), jnp.float32(4.0), jnp.float32(0.1))
    assert n.dtype == jnp.float32
    np.testing.assert_allclose(n, sm.textures.domain_wall((50, 2), 20.0, 4.0, 0.1), atol=2e-6)
    mixed = sm.textures.skyrmion((20, 20), jnp.array([10.0, 10.0], jnp.float32), jnp.float32(5.0), 2.0)
    assert mixed.dtype == jnp.float64
    far = jnp.array([9.0, 9.0, 5.0, 0.01], jnp.float32)  # thousands of widths away
    single = sm.textures.skyrmion((200, 200), far[:2], far[2], far[3])
    assert bool(jnp.isfinite(single).all())
    slope = jax.jit(jax.jacrev(lambda p: sm.textures.skyrmion((30, 30), p[:2], p[2], p[3], winding=3)))(far)
    assert slope.dtype == jnp.float32 and bool(jnp.isfinite(slope).all())


@pytest.mark.parametrize("polarity", [1, -1])
@pytest.mark.parametrize("winding", [1, -1, 2, -3])
def test_charge_of_a_skyrmion_is_an_integer(winding, polarity):
    make = lambda helicity, position: sm.textures.skyrmion((48, 44), position, 9.0, 2.0, winding, helicity, polarity)
    for helicity, position in ((0.0, [24.0, 22.0]), (1.1, [3.3, 40.7])):
        n = make(helicity, position)
        # an integer by construction: the sum of some 4000 angles, rounded
        np.testing.assert_allclose(sm.textures.topological_charge(n), winding * polarity, atol=1e-12)
    n = make(0.0, [24.0, 22.0])
    np.testing.assert_allclose(n[24, 22], [0, 0, polarity], atol=1e-15)
    np.testing.assert_allclose(n[33, 22, 2], 0.0, atol=1e-14)
    np.testing.assert_allclose(n[33, 22, :2], [1.0, 0.0], atol=1e-14)


def test_profiles_are_the_published_ones():
    n = sm.textures.skyrmion((41, 41), [20.0, 20.0], 6.0, 2.0, helicity=0.3)
    r = np.arange(1, 15)
    theta = 2 * np.arctan(np.sinh(r / 2.0) / np.sinh(6.0 / 2.0))
    np.testing.assert_allclose(n[20 + r, 20, 2], np.cos(theta), atol=1e-14)
    np.testing.assert_allclose(n[20 + r, 20, 1], np.sin(theta) * np.sin(0.3), atol=1e-14)
    v = sm.textures.vortex((41, 41), [20.0, 20.0], 2.0)
    np.testing.assert_allclose(v[20, 20 + r, 2], 1 / np.cosh(r / 2.0), atol=1e-14)
    np.testing.assert_allclose(v[20, 20 + r, 0], -np.tanh(r / 2.0), atol=1e-14)


def test_charge_of_other_textures():
    charge = sm.textures.topological_charge
    for n in (
        sm.textures.uniform((5, 4), [1, 2, 3]),
        sm.textures.domain_wall((50, 4), 20.0, 4.0, 0.3, closing="winding"),
    ):
        np.testing.assert_allclose(charge(n), 0.0, atol=1e-13)
    np.testing.assert_allclose(charge(sm.textures.domain_wall((50, 1), 20.0, 4.0, 0.3)), 0.0, atol=0)
    # half the sphere, but for the tail exp(-20) of the core at the rim
    n = sm.textures.vortex((81, 81), [40.0, 40.0], 2.0, winding=-1)
    np.testing.assert_allclose(charge(n, boundary=("open", "open")), -0.5, atol=1e-7)
    # whatever the texture, an integer on the torus
    n = np.random.default_rng(0).normal(size=(9, 7, 3))
    n = jnp.asarray(n / np.linalg.norm(n, axis=-1, keepdims=True))
    np.testing.assert_allclose(charge(n), np.round(charge(n)), atol=1e-13)
    assert bool(jnp.isfinite(jax.grad(charge)(sm.textures.uniform((5, 4), [1, 2, 3]))).all())


@pytest.mark.parametrize("axis", ["x", "y"])
@pytest.mark.parametrize("tilt", [0.0, -2.5])
def test_position_and_tilt_come_back(axis, tilt):
    shape = (120, 3) if axis == "x" else (3, 120)
    look = dict(guess=62.0, axis=axis)
    for closing in CLOSINGS:
        for r0 in (60.0, 61.37):
            n = sm.textures.domain_wall(shape, r0, 3.0, tilt, axis=axis, closing=closing)
            # the other wall is 19 widths away
            np.testing.assert_allclose(sm.textures.wall_position(n, **look), r0, atol=1e-6)
            np.testing.assert_allclose(sm.textures.wall_tilt(n, **look), tilt, atol=1e-14)
        n = sm.textures.domain_wall(shape, 60.0, 3.0, tilt, axis=axis, closing=closing)
        other = sm.textures.wall_tilt(n, guess=118.0, axis=axis)
        wanted = tilt if closing == "return" else tilt + np.pi
        np.testing.assert_allclose(np.exp(1j * float(other)), np.exp(1j * wanted), atol=1e-14)
        np.testing.assert_allclose(sm.textures.wall_position(n, guess=118.0, axis=axis), 120.0, atol=1e-6)
        np.testing.assert_allclose(sm.textures.wall_position(n, guess=-3.0, axis=axis), 0.0, atol=1e-6)


def test_position_is_differentiable_and_follows_a_wall():
    def back(r0):
        return sm.textures.wall_position(sm.textures.domain_wall((120, 2), r0, 3.0, 0.3), guess=60.0)

    np.testing.assert_allclose(jax.grad(back)(60.3), 1.0, atol=1e-6)
    np.testing.assert_allclose(jax.jit(jax.vmap(back))(jnp.array([58.0, 60.0, 61.9])), [58.0, 60.0, 61.9], atol=1e-6)
    # a wall narrower than the lattice: between its two sites
    sharp = sm.textures.domain_wall((20, 1), 10.3, 0.001, 0.3)
    np.testing.assert_allclose(sm.textures.wall_position(sharp, guess=9.0), 10.5, atol=1e-12)


def test_an_open_sheet_has_no_wall_at_its_seam():
    r = jnp.arange(60.0)
    n = jnp.stack([0 * r, -jnp.tanh((r - 40.2) / 3), 1 / jnp.cosh((r - 40.2) / 3)], axis=-1)[:, None]
    np.testing.assert_allclose(sm.textures.wall_position(n, guess=58.0, boundary="open"), 40.2, atol=1e-12)
    np.testing.assert_allclose(sm.textures.wall_position(n, guess=58.0), 59.5, atol=0.5)


def test_no_wall_is_no_number():
    n = sm.textures.uniform((20, 2), [0.0, 1.0, 0.0])
    for look in (sm.textures.wall_position, sm.textures.wall_tilt):
        with pytest.raises(ValueError, match="n must have a wall along x"):
            look(n, guess=3.0)
        assert np.isnan(jax.jit(look)(n, 3.0))


def test_files_come_back(tmp_path):
    n = sm.textures.vortex((7, 5), [3.0, 2.0], 1.0)
    np.savez(tmp_path / "a.npz", moments=n)
    np.savez(tmp_path / "b.npz", n=1.005 * n)
    np.save(tmp_path / "c.npy", np.asarray(n, np.float32))
    for name, tolerance in (("a.npz", 5e-16), ("b.npz", 5e-16), ("c.npy", 1e-7)):
        found = sm.textures.load(tmp_path / name)
        assert found.dtype == jnp.float64
        np.testing.assert_allclose(found, n, atol=tolerance)
        np.testing.assert_allclose(jnp.linalg.norm(found, axis=-1), 1.0, atol=5e-16)
    sm.textures.load(str(tmp_path / "a.npz"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (np.ones((7, 5, 2)), r"must have shape \(Lx, Ly, 3\), got \(7, 5, 2\)"),
        (np.ones((0, 5, 3)), r"must have shape"),
        (np.ones((7, 5, 3)), "unit vectors, got one of length 1.73205 at"),
        (np.full((7, 5, 3), np.nan), "must be finite, got 105 NaN"),
        (np.ones((7, 5, 3), complex), "real numbers, got complex"),
    ],
)
def test_bad_files_are_named(tmp_path, content, message):
    path = tmp_path / "texture.npy"
    np.save(path, content)
    with pytest.raises(ValueError, match="texture.npy.*" + message):
        sm.textures.load(path)


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.npz"):
        sm.textures.load(tmp_path / "absent.npz")
    np.savez(tmp_path / "other.npz", spins=np.ones((2, 2, 3)))
    with pytest.raises(ValueError, match=r"other.npz must hold an array named moments or n, got \['spins'\]"):
        sm.textures.load(tmp_path / "other.npz")
    (tmp_path / "text.npy").write_text("1 2 3")
    with pytest.raises(ValueError, match="text.npy is no NumPy file"):
        sm.textures.load(tmp_path / "text.npy")
    whole = (tmp_path / "other.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cut.npz is no NumPy file"):
        sm.textures.load(tmp_path / "cut.npz")


WALL = dict(shape=(50, 20), position=20.0, width=4.0, tilt=0.0)
VORTEX = dict(shape=(50, 20), position=[20.0, 10.0], core=2.0)
SKYRMION = dict(shape=(50, 20), position=[20.0, 10.0], radius=5.0, width=2.0)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("uniform", dict(shape=(0, 3), direction=[0, 0, 1]), "shape must be two positive"),
        ("uniform", dict(shape=(2, 3), direction=[0, 0, 0]), "direction must not be a vector of length zero"),
        ("uniform", dict(shape=(2, 3), direction=[0, 1]), "direction must have shape"),
        ("domain_wall", WALL | dict(shape=50), "shape must be two positive"),
        ("domain_wall", WALL | dict(position=-0.1), "position must be from 0 to 50"),
        ("domain_wall", WALL | dict(position=21.0, axis="y"), "position must be from 0 to 20"),
        ("domain_wall", WALL | dict(position=float("nan")), "position must be finite"),
        ("domain_wall", WALL | dict(position=[1.0, 2.0]), "position must have shape"),
        ("domain_wall", WALL | dict(width=0.0), "width must be positive"),
        ("domain_wall", WALL | dict(width=26.0), "width must be at most 25, half the length along x"),
        ("domain_wall", WALL | dict(tilt="up"), "tilt must be"),
        ("domain_wall", WALL | dict(axis="z"), "axis must be"),
        ("domain_wall", WALL | dict(closing="open"), "closing must be"),
        ("vortex", VORTEX | dict(position=20.0), "position must have shape"),
        ("vortex", VORTEX | dict(core=-1.0), "core must be positive"),
        ("vortex", VORTEX | dict(winding=0), "winding must be an integer other than 0"),
        ("vortex", VORTEX | dict(winding=0.5), "winding must be an integer other than 0"),
        ("vortex", VORTEX | dict(polarity=0), "polarity must be 1 or -1"),
        ("skyrmion", SKYRMION | dict(radius=0.0), "radius must be positive"),
        ("skyrmion", SKYRMION | dict(width=0.0), "width must be positive"),
        ("topological_charge", dict(n=np.ones((3, 2))), "n must have shape"),
        ("topological_charge", dict(n=np.ones((3, 2, 3)), boundary="open"), "boundary must be two of"),
        ("wall_position", dict(n=np.ones((3, 2, 3)), guess=[1.0]), "guess must have shape"),
        ("wall_position", dict(n=np.ones((1, 2, 3)), guess=1.0), "n must have two sites or more"),
        ("wall_tilt", dict(n=np.ones((3, 2, 3)), guess=1.0, axis=0), "axis must be"),
        ("wall_tilt", dict(n=np.ones((3, 2, 3)), guess=1.0, boundary="closed"), "boundary must be"),
    ],
)
def test_bad_input_names_the_argument(name, arguments, message, monkeypatch):
    # what a user meets: the check of annotations, on in the tests only, would refuse some of it first
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(ValueError, match="^" + message):
        getattr(sm.textures, name)(**arguments)


def test_traced_widths_out_of_range_are_refused_when_evaluated():
    wall = eqx.filter_jit(lambda width: sm.textures.domain_wall((50, 1), 20.0, width, 0.0))
    with pytest.raises(eqx.EquinoxRuntimeError, match="width must be at most 25"):
        wall(jnp.array(26.0))
