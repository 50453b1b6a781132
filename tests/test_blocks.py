"""Block reduction, inverses, Anderson mixing and conjugate gradients against dense NumPy."""

import functools
import operator
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scmag_jax.numerics import blocks
from scmag_jax.numerics.anderson import Evaluation, anderson
from scmag_jax.numerics.blocks import Couplings, log_determinants
from scmag_jax.numerics.cg import conjugate_gradients
from scmag_jax.numerics.inverse import LEAF, inverse

W, R = np.array([0.2, 0.7, 3.0, 11.0, 40.0]), np.array([1.0, 1.0, 1.3, 2.5, 9.0])
SHAPES = [(length, sites, 4) for length in (1, 2, 3, 5, 8) for sites in (1, 2, 3)]
SHAPES += [(8, 4, 1), (7, 3, 2), (6, 1, 3)]
# one and two slices, odd and even numbers of them at every level, rings of one, two and more sites
WITH_GRADIENT = [(1, 1, 1), (1, 3, 4), (2, 2, 4), (3, 1, 4), (7, 3, 2)]
# calls of LAPACK in a program, and what becomes one, before and after compilation
CALLS = re.compile(r"custom_call|custom-call|triangular.solve|cholesky")


@pytest.fixture
def random():
    return np.random.default_rng(11)


def couplings_of(shape, random, batch=(), imaginary=0.0):
    length, sites, size = shape
    parts = random.normal(size=(3, *batch, length, sites, size, size)) + 0j
    if imaginary:
        parts += 1j * imaginary * random.normal(size=parts.shape)
    site, along, across = parts if imaginary else parts.real
    return Couplings(site - site.swapaxes(-1, -2), along, across)


def arrays(tree):
    return jax.tree.map(jnp.asarray, tree)


def dense(couplings):
    """A as `Couplings` defines it, one bond after another; linear, so it takes perturbations too."""
    *batch, length, sites, size, _ = couplings.site.shape
    matrix = np.zeros((*batch, length, sites, size, length, sites, size), couplings.site.dtype)
    for i, y in np.ndindex(length, sites):
        matrix[..., i, y, :, i, y, :] += couplings.site[..., i, y, :, :]
        for bonds, (j, z) in (
            (couplings.along, ((i + 1) % length, y)),
            (couplings.across, (i, (y + 1) % sites)),
        ):
            bond = bonds[..., i, y, :, :]
            matrix[..., i, y, :, j, z, :] += bond
            matrix[..., j, z, :, i, y, :] -= bond.swapaxes(-1, -2)
    return matrix.reshape(*batch, length * sites * size, length * sites * size)


def pencil(w, couplings):
    """`w - A` of every pole, or its change for changes of both: `(j, n, n)`."""
    matrix = dense(couplings)
    return w[:, None, None] * np.eye(len(matrix)) - matrix


def determinants(w, couplings):
    """`det(1 - A / w)` of every pole: its phase, and the logarithm of its modulus."""
    return np.linalg.slogdet(np.eye(len(dense(couplings))) - dense(couplings) / w[:, None, None])


def first(point, tangent):
    """Derivative of `sum_j r_j ln det(1 - A / w_j)` along (dA, dw, dr), with dense inverses."""
    (couplings, w, r), (of_couplings, of_w, of_r) = point, tangent
    step = np.linalg.solve(pencil(w, couplings), pencil(of_w, of_couplings))
    return of_r @ determinants(w, couplings)[1] + r @ growth(step, of_w / w)


def growth(step, of_w):
    """`tr M^-1 dM - n dw / w`."""
    return np.trace(step, axis1=1, axis2=2) - step.shape[-1] * of_w


def second(point, one, other):
    """Second derivative along two directions."""
    couplings, w, r = point
    steps = [np.linalg.solve(pencil(w, couplings), pencil(t[1], t[0])) for t in (one, other)]
    slopes = [growth(step, t[1] / w) for step, t in zip(steps, (one, other), strict=True)]
    return one[2] @ slopes[1] + other[2] @ slopes[0] - r @ growth(steps[0] @ steps[1], one[1] * other[1] / w**2)


def direction(shape, random):
    return couplings_of(shape, random), random.normal(size=W.size), random.normal(size=R.size)


def terms(slope, tangent):
    """All products of a scalar product, `(p,)`."""
    pairs = zip(jax.tree.leaves(slope), jax.tree.leaves(tangent), strict=True)
    return np.concatenate([np.ravel(np.asarray(a) * b) for a, b in pairs])


def total(couplings, w, r):
    return jnp.sum(log_determinants(couplings, w, r))


gradient = jax.grad(total, argnums=(0, 1, 2))


# --- log-determinants


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values(shape, random):
    # sums of up to a hundred logarithms of order 1 for each of five poles: 1e-14 of them, measured 1e-15
    couplings = couplings_of(shape, random)
    sign, logs = determinants(W, couplings)
    np.testing.assert_array_equal(sign, 1.0)
    np.testing.assert_allclose(jax.jit(total)(*arrays((couplings, W, R))), R @ logs, rtol=1e-14)


def test_large_frequencies(random):
    # the logarithm falls as w^-2, and so does what rounding leaves of it: ln w times the size would leave 1e-13
    couplings = couplings_of((5, 3, 2), random)
    levels = np.linalg.eigvalsh(1j * dense(couplings))
    for w in (1e2, 1e4, 1e6):
        value = jax.jit(total)(*arrays((couplings, *lowest(w))))
        np.testing.assert_allclose(value, np.log1p((levels / w) ** 2).sum() / 2, rtol=1e-12, atol=2e-15)


@pytest.mark.parametrize("shape", WITH_GRADIENT, ids=str)
def test_gradients(shape, random):
    # by A, which may leave the antisymmetric matrices, w and r, in random directions. Inverses of a condition of some
    # hundred: 1e-13 of the sum of the moduli of all terms
    point = couplings_of(shape, random), W, R
    slope = jax.jit(gradient)(*arrays(point))
    for _ in range(4):
        tangent = direction(shape, random)
        tangent = tangent[0]._replace(site=random.normal(size=tangent[0].site.shape)), *tangent[1:]
        found = terms(slope, tangent)
        np.testing.assert_allclose(found.sum(), first(point, tangent), rtol=0, atol=1e-13 * np.abs(found).sum())


def test_second_derivatives(random):
    # forward over reverse and reverse over reverse, by A, w and r together: the inverse squared, 1e-12
    shape = (5, 3, 2)
    point, one, other = (couplings_of(shape, random), W, R), direction(shape, random), direction(shape, random)

    def products(point, one):
        def along(*point):
            pairs = zip(jax.tree.leaves(gradient(*point)), jax.tree.leaves(one), strict=True)
            return functools.reduce(operator.add, [jnp.sum(a * b) for a, b in pairs])

        return jax.jvp(gradient, point, one)[1], jax.grad(along, argnums=(0, 1, 2))(*point)

    lowered = jax.jit(products).lower(*arrays((point, one)))
    program, expected = lowered.compile(), second(point, one, other)
    for product in program(*arrays((point, one))):
        found = terms(product, other)
        np.testing.assert_allclose(found.sum(), expected, rtol=0, atol=1e-12 * np.abs(found).sum())
    # batched calls of LAPACK wait for each other on few cores, and then forever: products only
    for text in (lowered.as_text(), program.as_text()):
        assert "dot" in text and not CALLS.search(text)


def test_batches(random):
    # leading axes and `vmap` are single calls: other orders of sums
    shape, batch = (3, 2, 2), (2, 3)
    couplings, weights = couplings_of(shape, random, batch), np.arange(1.0, 7.0).reshape(batch)

    @jax.jit
    def both(couplings, w, r):
        found = log_determinants(couplings, w, r)
        return jnp.sum(weights * found), found

    (_, found), slope = jax.value_and_grad(both, has_aux=True)(*arrays((couplings, W, R)))
    assert found.shape == batch
    logs = np.linalg.slogdet(np.eye(12) - dense(couplings) / W[:, None, None, None, None])[1]
    np.testing.assert_allclose(found, np.tensordot(R, logs, 1), rtol=1e-14)
    mapped = jax.jit(jax.vmap(jax.vmap(log_determinants, (0, None, None)), (0, None, None)))
    np.testing.assert_allclose(mapped(*arrays((couplings, W, R))), found, rtol=1e-14)
    # of a batch every matrix has its own gradient
    tangent = couplings_of(shape, random), 0 * W, 0 * R
    for index in np.ndindex(batch):
        single, own = (Couplings(*(a[index] for a in tree)) for tree in (couplings, slope))
        found = terms(own, tangent[0])
        exact = weights[index] * first((single, W, R), tangent)
        np.testing.assert_allclose(found.sum(), exact, rtol=0, atol=1e-13 * np.abs(found).sum())


def test_complex_frequencies(random):
    # w off the real axis and A no longer real, as a density of states asks for. Logarithms of complex numbers are known
    # up to whole turns of each pole; derivatives are holomorphic
    shape = (3, 2, 2)
    couplings = couplings_of(shape, random, imaginary=0.1)
    point = couplings, W[:3] + 1.5 + np.array([0.4, -1.3, 2.0]) * 1j, R[:3] + 0j
    value, slope = jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2), holomorphic=True))(*arrays(point))
    sign, logs = determinants(point[1], couplings)
    np.testing.assert_allclose(value.real, R[:3] @ logs, rtol=1e-14)
    # the derivative by r are the single logarithms
    np.testing.assert_allclose(np.exp(np.asarray(slope[2])), sign * np.exp(logs), rtol=1e-12)
    np.testing.assert_allclose(value, np.asarray(slope[2]) @ R[:3], rtol=1e-14)
    tangent = couplings_of(shape, random, imaginary=1.0), random.normal(size=3) + 1j, 0j * R[:3]
    found = terms(slope, tangent)
    np.testing.assert_allclose(found.sum(), first(point, tangent), rtol=0, atol=1e-13 * np.abs(found).sum())


def test_chunks_of_poles_add_up(random, monkeypatch):
    # five poles, two at a time, the last chunk filled up with a weightless one: value, gradient and second derivative
    # against dense inverses, as above
    shape = (2, 1, 2)
    point, one, other = (couplings_of(shape, random), W, R), direction(shape, random), direction(shape, random)
    assert blocks._chunks(*arrays(point))[1].shape == (1, 5)
    monkeypatch.setattr(blocks, "TOGETHER", 2 * point[0].site.size)
    assert blocks._chunks(*arrays(point))[1].shape == (3, 2)
    value, (slope, product) = jax.jit(lambda p, t: (total(*p), jax.jvp(gradient, p, t)))(*arrays((point, one)))
    np.testing.assert_allclose(value, R @ determinants(W, point[0])[1], rtol=1e-14)
    for found, exact in (
        (terms(slope, other), first(point, other)),
        (terms(product, other), second(point, one, other)),
    ):
        np.testing.assert_allclose(found.sum(), exact, rtol=0, atol=1e-13 * np.abs(found).sum())


def lowest(w):
    """One pole, in the shapes of five."""
    return W * 0 + w, np.eye(5)[0]


@pytest.mark.parametrize("refined", [False, True])
def test_small_frequencies(refined, random):
    # no pivots are sought, and blocks that are eliminated can have levels at zero where A has none. On random matrices
    # the error grows as 1 / w: measured 4e-13, 8e-12 and 4e-10 of the logarithm, a tenth of it of the derivative;
    # refined, the derivative has none
    shape = (7, 3, 2)
    couplings, tangent = couplings_of(shape, random), (couplings_of(shape, random), 0 * W, 0 * R)
    call = jax.jit(jax.value_and_grad(lambda *point: jnp.sum(log_determinants(*point, refined)), argnums=(0, 1, 2)))
    for w in (1e-2, 1e-4, 1e-6):
        point = couplings, *lowest(w)
        value, slope = call(*arrays(point))
        assert abs(value - np.linalg.slogdet(np.eye(42) - dense(couplings) / w)[1]) < 1e-13 / w
        found = terms(slope, tangent)
        error = 1e-13 if refined else 1e-14 / w
        np.testing.assert_allclose(found.sum(), first(point, tangent), rtol=0, atol=error * np.abs(found).sum())


@pytest.mark.parametrize(
    ("refined", "errors"),
    # measured 3e-14, 1e-9, 8e-6, and 5e-15, 7e-12, 6e-10
    [(False, (1e-12, 1e-8, 1e-4)), (True, (1e-13, 1e-10, 1e-8))],
)
def test_levels_at_zero(refined, errors):
    # the worst there is: a square lattice where every ring has levels at zero, and so has the whole. Elimination then
    # multiplies 1 / w with itself
    bond = np.ones((8, 4, 1, 1))
    couplings = Couplings(0 * bond, bond, bond)
    levels = np.linalg.eigvalsh(1j * dense(couplings))
    assert np.abs(levels).min() < 1e-14
    call = jax.jit(lambda *point: jnp.sum(log_determinants(*point, refined)))
    for w, error in zip((1e-1, 1e-2, 1e-3), errors, strict=True):
        value = call(*arrays((couplings, *lowest(w))))
        np.testing.assert_allclose(value, np.log1p((levels / w) ** 2).sum() / 2, rtol=0, atol=error)


# --- inverses


@pytest.mark.parametrize("size", [1, 2, 3, 12, LEAF, LEAF + 1, 31, 50, 51, 60])
def test_inverses(size, random):
    # M + M^T > 0 and otherwise anything; the condition is up to a hundred times the size
    matrices = random.normal(size=(3, size, size))
    matrices = matrices - matrices.swapaxes(1, 2) + np.multiply.outer([0.1, 1.0, 10.0], np.eye(size))
    scale = np.array([0.5, 1.0, 2.0])
    found, logs = jax.jit(inverse)(jnp.asarray(matrices), jnp.asarray(scale))
    expected, (sign, exact) = np.linalg.inv(matrices), np.linalg.slogdet(matrices / scale[:, None, None])
    np.testing.assert_array_equal(sign, 1.0)
    np.testing.assert_allclose(logs, exact, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    np.testing.assert_allclose(found @ matrices, np.broadcast_to(np.eye(size), matrices.shape), rtol=0, atol=1e-11)


def test_derivatives_of_inverses(random):
    matrices, change = random.normal(size=(2, 2, 27, 27))
    matrices = matrices - matrices.swapaxes(1, 2) + np.eye(27)
    scale = jnp.array([0.5, 2.0])
    call = jax.jit(lambda m, d: jax.jvp(inverse, (m, scale), (d, jnp.ones(2))))
    (found, _), (of_found, of_logs) = call(matrices, change)
    slope = jax.jit(jax.grad(lambda m: jnp.sum(inverse(m, scale)[1])))(jnp.asarray(matrices))
    expected = np.linalg.inv(matrices)
    np.testing.assert_allclose(of_found, -expected @ change @ expected, rtol=0, atol=1e-10)
    np.testing.assert_allclose(of_logs, growth(expected @ change, 1 / scale), rtol=0, atol=1e-11)
    np.testing.assert_allclose(slope, expected.swapaxes(1, 2), rtol=0, atol=1e-12)


# --- iterations


def fixed_point(matrix, right):
    """`x -> x + f(x)` whose fixed point solves `matrix x = right`."""

    def evaluate(x):
        step = right - matrix @ x
        return Evaluation(step, jnp.max(jnp.abs(step)), {"x": x}, 0.0, step)

    return evaluate


@pytest.mark.parametrize("size", [1, 2, 5, 10])
def test_anderson_on_linear_problems(size, random):
    # n differences determine the solution: n + 1 evaluations, and the one after them is it. The plain iteration
    # diverges. A condition of ten, one digit in each normalisation: 1e-9
    matrix = np.eye(size) + 2 * np.diag(np.linspace(0.0, 1.0, size)) + random.normal(size=(size, size)) / size
    right = random.normal(size=size)
    found = anderson(fixed_point(jnp.asarray(matrix), jnp.asarray(right)), jnp.zeros(size), 1e-9, 100, memory=size)
    assert found.steps <= size + 2
    assert found.residual <= 1e-9
    np.testing.assert_allclose(found.x, np.linalg.solve(matrix, right), rtol=0, atol=1e-8)
    np.testing.assert_array_equal(found.other["x"], found.x)  # all of one evaluation


def test_anderson_ends():
    matrix, right = jnp.asarray(np.diag(np.linspace(0.1, 0.9, 30))), jnp.ones(30)
    solve = jax.jit(lambda start, *limits: anderson(fixed_point(matrix, right), start, *limits))
    # a tolerance that no residual meets: as many evaluations as are allowed, and what the last of them was
    for steps in (1, 2, 7):
        found = solve(jnp.zeros(30), 0.0, steps)
        assert found.steps == steps and found.residual > 0
        np.testing.assert_allclose(found.residual, jnp.max(jnp.abs(right - matrix @ found.x)), rtol=1e-12)
    # a start that is the solution takes the one evaluation that says so
    assert solve(jnp.asarray(1 / np.linspace(0.1, 0.9, 30)), 1e-9, 100).steps == 1

    def astray(x):
        step = jnp.cos(x) - x
        return Evaluation(step, jnp.where(x[0] > 0.5, jnp.nan, 1.0), None, 0.0, step)

    # a residual that is not a number ends it at once: the second evaluation is at 1
    found = anderson(astray, jnp.zeros(3), 1e-9, 100)
    assert jnp.isnan(found.residual) and found.steps == 2


def test_anderson_on_a_nonlinear_problem():
    # a hundred times x = cos x, from here and there: the plain iteration takes 69 steps
    starts = jnp.linspace(0.0, 1.5, 100)

    def evaluate(x):
        step = jnp.cos(x) - x
        return Evaluation(step, jnp.max(jnp.abs(step)), None, 0.0, step)

    found = anderson(evaluate, starts, 1e-12, 100)
    np.testing.assert_allclose(found.x, 0.7390851332151607, rtol=0, atol=1e-12)
    assert found.steps <= 20


@pytest.mark.parametrize("boldness", [1.0, 30.0, -1.0])
def test_anderson_does_not_rise(boldness, random):
    # sum of ln cosh: Newton's steps are e^(2x) too long far away, let alone thirty times that, or the wrong way
    centre, slope = jnp.asarray(random.normal(size=6)), jnp.linspace(1.0, 3.0, 6)

    def evaluate(x):
        gradient = slope * jnp.tanh(slope * (x - centre))
        step = -boldness * gradient * jnp.cosh(slope * (x - centre)) ** 2 / slope**2
        value = jnp.sum(jnp.log(jnp.cosh(slope * (x - centre))))
        return Evaluation(step, jnp.max(jnp.abs(gradient)), value, value, -gradient / slope**2)

    solve = jax.jit(lambda steps: anderson(evaluate, centre + 4.0, 1e-10, steps))
    values = [float(solve(steps).other) for steps in range(1, 41)]
    assert np.diff(values).max() <= 1e-12
    np.testing.assert_allclose(solve(300).x, centre, rtol=0, atol=1e-9)


def test_conjugate_gradients(random):
    # as many products as there are eigenvalues; an array of any shape, and an approximate inverse
    root = random.normal(size=(12, 12))
    matrix, right = root @ root.T + np.eye(12), random.normal(size=(3, 4))

    def product(x):
        return (jnp.asarray(matrix) @ x.ravel()).reshape(x.shape)

    expected = np.linalg.solve(matrix, right.ravel()).reshape(3, 4)
    for precondition in (lambda x: x, lambda x: x / np.diag(matrix).reshape(3, 4)):
        found = conjugate_gradients(product, jnp.asarray(right), precondition, 1e-13, 100)
        assert found.steps <= 20
        np.testing.assert_allclose(found.x, expected, rtol=0, atol=1e-12)
        assert found.residual <= 1e-13
    few = conjugate_gradients(product, jnp.asarray(right), lambda x: x, 1e-13, 3)
    assert few.steps == 3 and few.residual > 1e-3
    none = conjugate_gradients(product, jnp.zeros((3, 4)), lambda x: x, 1e-13, 100)
    assert none.steps == 0 and none.residual == 0
    np.testing.assert_array_equal(none.x, 0.0)


def test_conjugate_gradients_of_a_semidefinite_matrix(random):
    # a ring's Laplacian and a right-hand side without a mean
    matrix = 2 * np.eye(8) - np.roll(np.eye(8), 1, 0) - np.roll(np.eye(8), -1, 0)
    right = random.normal(size=8)
    right -= right.mean()
    found = conjugate_gradients(lambda x: jnp.asarray(matrix) @ x, jnp.asarray(right), lambda x: x, 1e-12, 100)
    np.testing.assert_allclose(found.x - found.x.mean(), np.linalg.pinv(matrix) @ right, rtol=0, atol=1e-12)
    assert found.steps <= 5  # distinct eigenvalues
