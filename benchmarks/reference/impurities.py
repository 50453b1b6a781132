"""Impurity moments on a thin superconductor (Lu 2023) in NumPy and SciPy, written apart from the package.

Conventions. `pearl_length` is r0 = 2 lambda^2/d; `strength` is Gamma^2/(2 pi e^2 D): both couplings tend to
strength/r^2 for r << r0; model units have mu0 = 1. A pair has the energy

    E = J_perp m1.m2 - (J_par + J_perp) (m1.rhat) (m2.rhat) = m1.K(r).m2,    K_ab = -strength d_a d_b V(r/r0),

where V(x) = (pi/2) [H0(x) - Y0(x)] is the Keldysh potential. Helpers with a leading underscore have r0 = 1.
"""

import numpy as np
from scipy import integrate, optimize, special

NODES, WEIGHTS = np.polynomial.legendre.leggauss(64)
EXPONENT = 40.0  # integrals and sums stop where an exponential has fallen to e^-40 = 4e-18
STRUVE_LIMIT = 20.0  # beyond this r/r0 the differences of Struve and Bessel functions have cancelled too far


# --- pairs


def couplings(r, pearl_length=1.0, strength=1.0):
    """J_perp and J_par of pairs at distance r, from Struve and Bessel functions and, at r > 20 r0, from
    J_perp ~ (1/x) int u e^(-xu)/sqrt(1+u^2) du and J_par ~ int u^2 e^(-xu)/sqrt(1+u^2) du."""
    x = np.asarray(r, float) / pearl_length
    perpendicular, parallel = np.empty_like(x), np.empty_like(x)
    near = x <= STRUVE_LIMIT
    perpendicular[near], parallel[near] = _special_functions(x[near])
    perpendicular[~near], parallel[~near] = _laplace_integrals(x[~near])
    unit = strength / pearl_length**2
    return unit * perpendicular, unit * parallel


def couplings_by_special_functions(r, pearl_length=1.0, strength=1.0):
    """The same from SciPy's Struve and Bessel functions at every distance, in spite of the cancellation."""
    unit = strength / pearl_length**2
    perpendicular, parallel = _special_functions(np.asarray(r, float) / pearl_length)
    return unit * perpendicular, unit * parallel


def couplings_by_quadrature(r, pearl_length=1.0, strength=1.0, block=4096):
    """The same by V(x) = int_0^inf exp(-x sinh s) ds, 64 Gauss nodes on [0, arcsinh(40/x)];
    blocks fit a cache."""
    x = np.asarray(r, float).ravel() / pearl_length
    perpendicular, parallel = np.empty_like(x), np.empty_like(x)
    for start in range(0, x.size, block):
        part = slice(start, start + block)
        s_max = np.arcsinh(EXPONENT / x[part, None])
        u = np.sinh(0.5 * s_max * (1.0 + NODES))
        weight = 0.5 * s_max * WEIGHTS * u * np.exp(-x[part, None] * u)
        perpendicular[part] = weight.sum(1) / x[part]
        parallel[part] = (weight * u).sum(1)
    unit = strength / pearl_length**2
    return unit * perpendicular.reshape(np.shape(r)), unit * parallel.reshape(np.shape(r))


def keldysh(x):
    """V(x) = (pi/2) [H0(x) - Y0(x)] = int_0^inf exp(-x u)/sqrt(1 + u^2) du."""
    x = np.asarray(x, float)
    p = 0.5 * EXPONENT * (1.0 + NODES)
    far = (0.5 * EXPONENT * WEIGHTS * np.exp(-p) / np.sqrt(x[..., None] ** 2 + p**2)).sum(-1)
    return np.where(x <= STRUVE_LIMIT, 0.5 * np.pi * (special.struve(0, x) - special.y0(x)), far)


def _special_functions(x):
    potential = 0.5 * np.pi * (special.struve(0, x) - special.y0(x))
    slope = 1.0 - 0.5 * np.pi * (special.struve(1, x) - special.y1(x))
    return -slope / x, (1.0 - slope) / x - potential


def _laplace_integrals(x):
    p = 0.5 * EXPONENT * (1.0 + NODES)  # p = x u
    weight = 0.5 * EXPONENT * WEIGHTS * np.exp(-p) / np.sqrt(1.0 + (p / x[..., None]) ** 2)
    return (weight * p).sum(-1) / x**3, (weight * p**2).sum(-1) / x**3


def pair_energy(m1, m2, separation, pearl_length=1.0, strength=1.0):
    """Energy of two moments, each (..., 2), at the given separation (..., 2)."""
    distance = np.linalg.norm(separation, axis=-1)
    perpendicular, parallel = couplings(distance, pearl_length, strength)
    along1, along2 = (np.sum(m * separation, -1) / distance for m in (m1, m2))
    return perpendicular * np.sum(m1 * m2, -1) - (parallel + perpendicular) * along1 * along2


# --- currents and fields


def current(points, positions, moments, pearl_length=1.0, strength=1.0, sign=1):
    """Sheet current (p, 2) at points (p, 2), with u = m x z for each moment:
    j = (e^2 D/Gamma) [J_par u - (J_par + J_perp) (u.rhat) rhat]."""
    gamma = sign * np.sqrt(4.0 * np.pi * strength / pearl_length)
    separation = points[:, None, :] - positions[None, :, :]
    distance = np.linalg.norm(separation, axis=-1)
    rhat = separation / distance[..., None]
    u = np.stack([moments[:, 1], -moments[:, 0]], -1)
    along = np.sum(u * rhat, -1)
    perpendicular, parallel = couplings(distance, pearl_length, strength)
    each = parallel[..., None] * u - ((parallel + perpendicular) * along)[..., None] * rhat
    return (2.0 / pearl_length / gamma) * each.sum(1)


def bz(points, height, positions, moments, pearl_length=1.0, strength=1.0, sign=1):
    """Normal field (p,) at points (p, 2): with g = Gamma r0/2 and lengths in r0 in the integral,
    Bz(r, z) = -(3 g/(2 pi r0^3)) (m.r) int_0^inf e^-s (s + z) ((s + z)^2 + r^2)^(-5/2) ds."""
    g = sign * np.sqrt(4.0 * np.pi * strength / pearl_length) * pearl_length / 2.0
    total = np.zeros(len(points))
    for position, moment in zip(positions, moments, strict=True):
        for index, separation in enumerate((points - position) / pearl_length):
            total[index] += moment @ separation * _bz_integral(np.hypot(*separation), abs(height) / pearl_length)
    return -3.0 * g / (2.0 * np.pi * pearl_length**3) * total


def _bz_integral(r, z):
    """The integral above with s + z = r tan(phi)."""
    limits = np.arctan2(z, r), np.arctan2(z + EXPONENT, r)
    value, _ = integrate.quad(
        lambda phi: np.exp(z - r * np.tan(phi)) * np.sin(phi) * np.cos(phi) ** 2,
        *limits,
        epsabs=0,
        epsrel=1e-12,
    )
    return value / r**3


# --- Ewald sums: V(r) = int_0^inf (dt/t) erfcx(t) exp(-r^2/4t^2), split at t = tau


def _short_range(r, tau):
    """A and B of the part t < tau of the kernel, K_S = A delta_ab - B r_a r_b; t = tau e^-y."""
    a = np.asarray(r)[..., None] ** 2 / (4.0 * tau**2)
    y_max = 0.5 * np.log1p(EXPONENT / a)
    y = 0.5 * y_max * (1.0 + NODES)
    growth = np.exp(2.0 * y)
    weight = 0.5 * y_max * WEIGHTS * special.erfcx(tau * np.exp(-y)) * growth * np.exp(-a * growth) / (2.0 * tau**2)
    return weight.sum(-1), (weight * growth).sum(-1) / (2.0 * tau**2)


def _long_range(q, tau):
    """Fourier transform of the part t > tau of V; zero at q = 0, where q_a q_b V vanishes."""
    q = np.asarray(q, float)
    safe = np.where((q == 0.0) | (np.abs(q - 1.0) < 0.01), 2.0, q)
    closed = np.exp(-((safe * tau) ** 2)) * special.erfcx(tau) - special.erfc(safe * tau) / safe
    value = np.where(q == 0.0, 0.0, 2.0 * np.pi / (safe**2 - 1.0) * closed)
    for index in np.argwhere(np.abs(q - 1.0) < 0.01):  # closed form is 0/0 at q = 1
        at = tuple(index)
        value[at] = 4.0 * np.pi * integrate.quad(
            lambda t, q=q[at]: t * special.erfcx(t) * np.exp(-((q * t) ** 2)),
            tau, np.sqrt(tau**2 + EXPONENT / q[at] ** 2), epsabs=0, epsrel=1e-13,
        )[0]  # fmt: skip
    return value


def _self_term(tau):
    """int_tau^inf erfcx(t)/(2 t^3) dt, the long-range part at the moment's own place; t = tau e^y."""
    y = 0.5 * (EXPONENT / 2.0) * (1.0 + NODES)
    return (0.5 * (EXPONENT / 2.0) * WEIGHTS * special.erfcx(tau * np.exp(y)) * np.exp(-2.0 * y)).sum() / (2.0 * tau**2)


# --- Bravais lattices


def rhombic(spacing, angle):
    """Rows are a1 = d (1, 0) and a2 = d (cos, sin); angle in degrees."""
    theta = np.deg2rad(angle)
    return spacing * np.array([[1.0, 0.0], [np.cos(theta), np.sin(theta)]])


def reciprocal(vectors):
    """Rows are b1, b2 with b_i.a_j = 2 pi delta_ij."""
    return 2.0 * np.pi * np.linalg.inv(vectors).T


def lattice_points(vectors, radius):
    """All lattice points within a radius of the origin, the origin included, shape (n, 2)."""
    n1, n2 = (int(radius * np.linalg.norm(b) / (2.0 * np.pi)) for b in reciprocal(vectors))
    n = np.stack(np.meshgrid(np.arange(-n1, n1 + 1), np.arange(-n2, n2 + 1), indexing="ij"), -1).reshape(-1, 2)
    points = n @ vectors
    return points[np.sum(points**2, -1) <= radius**2]


def reduced(vectors):
    """The two shortest vectors of the lattice."""
    short, long = np.array(vectors, float)
    while True:
        long = long - np.round(short @ long / (short @ short)) * short
        if long @ long >= short @ short:
            return np.array([short, long])
        short, long = long, short


def lattice_interaction(vectors, k, pearl_length=1.0, strength=1.0, splitting=1.0):
    """J_ab(k) = sum_{R != 0} K_ab(R) cos(k.R), (2, 2); nothing depends on `splitting`, a factor of tau."""
    a, k = reduced(vectors) / pearl_length, np.asarray(k, float) * pearl_length
    k = k - np.round(a @ k / (2.0 * np.pi)) @ reciprocal(a)  # J is periodic, and the sum over q is short near k = 0
    area = abs(np.linalg.det(a))
    tau = splitting * np.sqrt(area) / (2.0 * np.sqrt(np.pi))
    r = lattice_points(a, 2.0 * tau * np.sqrt(EXPONENT))
    r = r[np.sum(r**2, -1) > 0.0]
    q = k + lattice_points(reciprocal(a), np.sqrt(EXPONENT) / tau + np.linalg.norm(k))
    short_a, short_b = _short_range(np.linalg.norm(r, axis=-1), tau)
    phase = np.cos(r @ k)
    isotropic = np.sum(phase * short_a) - _self_term(tau)
    long = (q.T * _long_range(np.linalg.norm(q, axis=-1), tau)) @ q / area
    return strength / pearl_length**2 * (isotropic * np.eye(2) - (r.T * (phase * short_b)) @ r + long)


def lattice_interaction_with_cutoff(vectors, k, cutoff, pearl_length=1.0, strength=1.0):
    """J_ab(k) summed over 0 < |R| <= cutoff only, as a truncated calculation would."""
    r = lattice_points(vectors, cutoff)
    r = r[np.sum(r**2, -1) > 0.0]
    distance = np.linalg.norm(r, axis=-1)
    perpendicular, parallel = couplings_by_quadrature(distance, pearl_length, strength)
    phase = np.cos(r @ np.asarray(k))
    anisotropic = phase * (perpendicular + parallel) / distance**2
    return np.sum(phase * perpendicular) * np.eye(2) - (r.T * anisotropic) @ r


def ferromagnetic_energy(vectors, pearl_length=1.0, strength=1.0, cutoff=None):
    """Lowest energy per moment of the state k = 0."""
    return _lowest_energy(vectors, np.zeros(2), pearl_length, strength, cutoff)


def layered_energy(vectors, pearl_length=1.0, strength=1.0, cutoff=None):
    """Lowest energy per moment of the layered antiferromagnet k = b1/2: rows along a2 that alternate."""
    return _lowest_energy(vectors, 0.5 * reciprocal(vectors)[0], pearl_length, strength, cutoff)


def _lowest_energy(vectors, k, pearl_length, strength, cutoff):
    if cutoff is None:
        interaction = lattice_interaction(vectors, k, pearl_length, strength)
    else:
        interaction = lattice_interaction_with_cutoff(vectors, k, cutoff, pearl_length, strength)
    return 0.5 * np.linalg.eigvalsh(interaction)[0]


def critical_angle(spacing, pearl_length=1.0, bracket=(60.0, 90.0)):
    """Angle (degrees) at which the two states of a rhombic lattice have the same energy."""

    def difference(angle):
        vectors = rhombic(spacing, angle)
        return ferromagnetic_energy(vectors, pearl_length) - layered_energy(vectors, pearl_length)

    return optimize.brentq(difference, *bracket, xtol=1e-11, rtol=1e-14)


def phase_diagram(angles, temperatures, spacing, pearl_length=1.0):
    """E_FM - E_AFM per moment, (angles, temperatures), for strength = 1 and r0(T) = r0(0) D(0)/D(T)."""
    difference = np.empty((len(angles), len(temperatures)))
    for j, temperature in enumerate(temperatures):
        r0 = pearl_length / superfluid_weight(temperature)
        for i, angle in enumerate(angles):
            vectors = rhombic(spacing, angle)
            difference[i, j] = ferromagnetic_energy(vectors, r0) - layered_energy(vectors, r0)
    return difference


# --- BCS


def bcs_gap(t, terms=2000):
    """Delta/(2 pi T) of a BCS superconductor at t = T/Tc; the tail of the Matsubara sum is an integral."""
    n = np.arange(terms) + 0.5

    def equation(delta):
        tail = -np.log(0.5 * (1.0 + np.sqrt(1.0 + (delta / terms) ** 2)))
        return np.sum(1.0 / np.sqrt(n**2 + delta**2) - 1.0 / n) + tail - np.log(t)

    return optimize.brentq(equation, 0.0, 1.0 / t, xtol=1e-15, rtol=1e-14)


def superfluid_weight(t, terms=2000):
    """D(T)/D(0) = sum_{n >= 0} delta^2/((n + 1/2)^2 + delta^2)^(3/2) with delta = Delta/(2 pi T)."""
    delta = bcs_gap(t, terms)
    n = np.arange(terms) + 0.5
    tail = 1.0 - terms / np.hypot(terms, delta)
    return np.sum(delta**2 / (n**2 + delta**2) ** 1.5) + tail


# --- moments at arbitrary positions


def plane_interaction(positions, pearl_length=1.0, strength=1.0):
    """Matrix (2n, 2n) of moments on the open plane, ordered (all x, all y)."""
    n = len(positions)
    separation = positions[:, None, :] - positions[None, :, :]
    distance = np.linalg.norm(separation, axis=-1) + np.eye(n)
    perpendicular, parallel = couplings_by_quadrature(distance, pearl_length, strength)
    off_diagonal = 1.0 - np.eye(n)
    return _matrix(off_diagonal * perpendicular, (perpendicular + parallel) / distance**2, separation)


def box_interaction(positions, box, pearl_length=1.0, strength=1.0, block=4096):
    """Matrix (2n, 2n) of moments in a periodic box, ordered (all x, all y), self images included, q = 0 not.

    tau is so small that only the nearest image counts in the short-range sum.
    """
    positions, box = np.asarray(positions) / pearl_length, np.asarray(box) / pearl_length
    n = len(positions)
    tau = 0.25 * box.min() / np.sqrt(EXPONENT)

    separation = positions[:, None, :] - positions[None, :, :]
    separation -= box * np.round(separation / box)
    distance = np.linalg.norm(separation, axis=-1)
    pairs = np.flatnonzero(np.triu(distance < 0.5 * box.min(), 1))
    isotropic, anisotropic = np.zeros((n, n)), np.zeros((n, n))
    for start in range(0, pairs.size, block):
        part = pairs[start : start + block]
        isotropic.flat[part], anisotropic.flat[part] = _short_range(distance.flat[part], tau)
    isotropic, anisotropic = isotropic + isotropic.T, anisotropic + anisotropic.T
    np.fill_diagonal(isotropic, -_self_term(tau))
    matrix = _matrix(isotropic, anisotropic, separation)

    q = lattice_points(reciprocal(np.diag(box)), np.sqrt(EXPONENT) / tau)
    q = q[(q[:, 0] > 0.0) | ((q[:, 0] == 0.0) & (q[:, 1] > 0.0))]  # q and -q together
    phase = positions @ q.T
    waves = np.concatenate([np.cos(phase), np.sin(phase)], 1) * np.tile(
        np.sqrt(2.0 * _long_range(np.linalg.norm(q, axis=-1), tau) / box.prod()), 2
    )
    waves = np.concatenate([waves * np.tile(q[:, 0], 2), waves * np.tile(q[:, 1], 2)], 0)
    return strength / pearl_length**2 * (matrix + waves @ waves.T)


def _matrix(isotropic, anisotropic, separation):
    """Blocks isotropic delta_ab - anisotropic r_a r_b."""
    x, y = separation[..., 0], separation[..., 1]
    mixed = -anisotropic * x * y
    return np.block([[isotropic - anisotropic * x * x, mixed], [mixed, isotropic - anisotropic * y * y]])


def energy_and_gradient(interaction, moments):
    """E = m.K.m/2 and dE/dm (n, 2) from a matrix of either kind; the field is minus the gradient."""
    gradient = (interaction @ moments.T.ravel()).reshape(2, -1).T
    return 0.5 * np.sum(moments * gradient), gradient
