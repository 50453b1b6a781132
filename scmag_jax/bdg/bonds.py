r"""The superconductor on a lattice as a real antisymmetric matrix of sites and bonds, in the Majorana basis.

With `U = [[1, 1], [-i, i]] / sqrt 2` acting on `(c, c^dag)` the Hamiltonian `H = [[h, D], [D^dag, -h^*]]` becomes
`U H U^dag = i A` with

    A = [[Im h + Im D, Re h - Re D], [-Re h - Re D, Im h - Im D]]

real and antisymmetric, so that `det(i w - H) = det(w - A)` is real and positive. Along a side on which nothing varies,
A is a sum over momenta of `Z = site + bond e^ik - bond^T e^-ik`, or of the real form `[[Re Z, -Im Z], [Im Z, Re Z]]`
whose determinant is the square of the modulus.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..numerics.blocks import Couplings
from .model import Altermagnet

SIGMA = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
PAIRING = np.array([[0.0, 1.0], [-1.0, 0.0]])  # i sigma_y


class Fields(NamedTuple):
    """What the Hamiltonian is made of, site by site; the derivatives of F by them are all local observables.

    A side of length 1 stands for a side along which nothing varies.

    Attributes:
        real: part of the gap, with e^{iq.r} divided out, shape `(nx, ny)`; `imaginary` likewise.
        neel: vector n, `(nx, ny, 3)`.
        phase: of the bonds along x and y, besides that of the Cooper-pair momentum, `(nx, ny, 2)`.
        potential: energy of an electron on a site, `(nx, ny)`.
    """

    real: Float[Array, "nx ny"]
    imaginary: Float[Array, "nx ny"]
    neel: Float[Array, "nx ny 3"]
    phase: Float[Array, "nx ny 2"]
    potential: Float[Array, "nx ny"]


class Bonds(NamedTuple):
    """Blocks of A, each `(nx, ny, 4, 4)`: of a site with itself, with the next along x, with the next along y."""

    site: Float[Array, "nx ny 4 4"]
    x: Float[Array, "nx ny 4 4"]
    y: Float[Array, "nx ny 4 4"]


def majorana_bonds(model: Altermagnet, fields: Fields, average: str, amplitude: Any) -> Bonds:
    """Blocks of A (Vakili 2026, Eqs. 10 to 12 in the order of Eqs. 7 and 15).

    Args:
        model: the normal state.
        fields: `phase` is the whole phase of a bond.
        average: "mean": n of a bond is `(n_i + n_j) / 2`; "site": n_i.
        amplitude: factors of the bonds, `(nx, ny, 2)`: 0 beyond an open side.
    """
    t, tso, tm = model.hopping, model.rashba, model.altermagnet
    bonds = []
    # coefficients of 1, sigma_x, sigma_y, sigma_z; the spin-orbit part is imaginary
    for axis, (sign, spin_orbit) in enumerate(((-1.0, (0.0, 0.0, -0.5, 0.0)), (1.0, (0.0, 0.5, 0.0, 0.0)))):
        n = fields.neel
        if average == "mean":
            n = (n + jnp.roll(n, -1, axis)) / 2
        even = jnp.concatenate([-t * jnp.ones_like(n[..., :1]), sign * tm * n], axis=-1)
        odd = jnp.broadcast_to(tso * jnp.asarray(spin_orbit, n.dtype), even.shape)
        cos, sin = (amplitude[..., axis] * f(fields.phase[..., axis]) for f in (jnp.cos, jnp.sin))
        real = even * cos[..., None] - odd * sin[..., None]
        imaginary = even * sin[..., None] + odd * cos[..., None]
        # T e^{i phase} = sum_m (real + i imaginary)_m sigma_m
        re_sigma, im_sigma = (jnp.asarray(part, n.dtype) for part in (SIGMA.real, SIGMA.imag))
        re = jnp.tensordot(real, re_sigma, 1) - jnp.tensordot(imaginary, im_sigma, 1)
        im = jnp.tensordot(real, im_sigma, 1) + jnp.tensordot(imaginary, re_sigma, 1)
        bonds.append(_block(im, re, -re, im))
    level = 4 * t - model.chemical_potential + fields.potential
    diagonal = level[..., None, None] * jnp.eye(2, dtype=level.dtype)[None, None]
    pairing = jnp.asarray(PAIRING, level.dtype)[None, None]
    re, im = fields.real[..., None, None] * pairing, fields.imaginary[..., None, None] * pairing
    return Bonds(_block(im, diagonal - re, -diagonal - re, -im), *bonds)


def slices(bonds: Bonds, shape: tuple[int, int], turns: tuple[int | None, int | None]) -> tuple[Couplings, Any]:
    """A as matrices of slices, one for every momentum of the sides along which nothing varies, and their weights.

    Args:
        bonds: blocks; sides of length 1 that `shape` has longer are those.
        shape: sites along x and y.
        turns: 0 where the Majorana fermions are periodic along such a side, 1 where they are antiperiodic.

    Returns:
        Couplings with one leading axis, and weights `(k,)` with which `ln det(w - A)` is the sum over it.
    """
    site, x, y = (bond[None] for bond in bonds)
    weight = np.ones(1)
    uniform = [side == 1 and sites > 1 for side, sites in zip(bonds.site.shape[:2], shape, strict=True)]
    if any(uniform):
        half = 1 if uniform[1] else 0  # k and -k have the same determinant: half of them along one side
        modes = [
            _momenta(sites, turns[axis], axis == half) if uniform[axis] else (np.zeros(1), np.ones(1))
            for axis, sites in enumerate(shape)
        ]
        (kx, ky), weights = (np.meshgrid(*parts, indexing="ij") for parts in zip(*modes, strict=True))
        weight = np.ravel(weights[0] * weights[1]) / 2  # the real form counts every momentum twice
        real, imaginary = site, jnp.zeros_like(site)
        for is_uniform, angle, bond in zip(uniform, (kx, ky), (x, y), strict=True):
            if is_uniform:
                angle = jnp.asarray(angle.reshape(-1, 1, 1, 1, 1), site.dtype)
                back = jnp.swapaxes(bond, -1, -2)
                real = real + (bond - back) * jnp.cos(angle)
                imaginary = imaginary + (bond + back) * jnp.sin(angle)
        site = _block(*jnp.broadcast_arrays(real, -imaginary, imaginary, real))
        none = jnp.zeros_like(site)
        x, y = (
            none if is_uniform else jnp.broadcast_to(_block(bond, 0 * bond, 0 * bond, bond), site.shape)
            for is_uniform, bond in zip(uniform, (x, y), strict=True)
        )
    # slices across the longer side: a round of reduction costs their third power
    if site.shape[1] < site.shape[2]:
        site, x, y = (jnp.swapaxes(a, 1, 2) for a in (site, y, x))
    return Couplings(site, x, y), jnp.asarray(weight, site.dtype)


def _momenta(sites, turns, half):
    """Momenta `2 pi (m + turns / 2) / sites` and weights; with `half` one of k and -k."""
    orders = 2 * np.arange(sites) + turns  # in units of pi / sites
    if not half:
        return np.pi * orders / sites, np.ones(sites)
    orders = orders[orders <= sites]
    return np.pi * orders / sites, np.where(orders % sites == 0, 1.0, 2.0)


def _block(a, b, c, d):
    return jnp.concatenate([jnp.concatenate([a, b], axis=-1), jnp.concatenate([c, d], axis=-1)], axis=-2)
