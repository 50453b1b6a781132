r"""The functional of the stream function, typed once; solver, energies, fields of moments are its derivatives.

    F[g] = 1/2 int Lam |K|^2 + 1/2 iint K.K' / (4 pi |r - r'|) + int g H + int K.a - sum Phi g

with K = (d_y g, -d_x g), Lam = pearl_length / 2 and mu0 = 1. g lives on the corners of cells, K on their sides, the
links: K_x on those along y, K_y on those along x, each filling a box of h x h around the middle of its link. F is a
convex dual: the energy of moments and sources is `E = -min_g F`.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..numerics.multigrid import laplacian
from .kernels import box_kernel, convolve, even_symbol


class Sources(NamedTuple):
    """What drives a film.

    Attributes:
        field: applied H_z at the nodes, `(nx + 1, ny + 1)`.
        potential: anomalous vector potential a of every cell, `(nx, ny, 2)`.
        flux: fluxoids and vortices, as flux at nodes, `(nx + 1, ny + 1)`.
    """

    field: Float[Array, "mx my"]
    potential: Float[Array, "nx ny 2"]
    flux: Float[Array, "mx my"]


class Stiffness(NamedTuple):
    """Quadratic part: the London term's weight of every link, and the spectrum of the inductance of elementary loops.

    Attributes:
        along_x: Lam of links (i, j) to (i + 1, j), which carry K_y, `(nx, ny + 1)`.
        along_y: Lam of links (i, j) to (i, j + 1), which carry K_x, `(nx + 1, ny)`.
        inductance: half spectrum of `(h / 4 pi) node_kernel` of the inner nodes.
    """

    along_x: Float[Array, "nx my"]
    along_y: Float[Array, "mx ny"]
    inductance: Float[Array, "px pq"]

    def __call__(self, g: Float[Array, "mx my"]) -> Float[Array, "mx my"]:
        """The operator on a stream function that is zero on the frame of the grid."""
        magnetic = convolve(self.inductance, g[1:-1, 1:-1])
        return laplacian(self.along_x, self.along_y, g) + jnp.pad(magnetic, 1)


def differences(g: Float[Array, "mx my"]) -> tuple[Float[Array, "mx ny"], Float[Array, "nx my"]]:
    """`h K_x` on links along y and `h K_y` on links along x.

    Example:
        >>> x, y = differences(jnp.array([[0.0, 1.0], [2.0, 3.0]]))
        >>> print(x.ravel(), y.ravel())
        [1. 1.] [-2. -2.]
    """
    return g[:, 1:] - g[:, :-1], g[:-1] - g[1:]


def to_links(cells: Float[Array, "nx ny 2"]) -> tuple[Float[Array, "mx ny"], Float[Array, "nx my"]]:
    """x component on links along y, y component on links along x: means of the cells on both sides, zero outside.

    Example:
        >>> x, y = to_links(jnp.ones((1, 1, 2)))
        >>> print(x.ravel(), y.ravel())
        [0.5 0.5] [0.5 0.5]
    """
    x, y = jnp.pad(cells[..., 0], ((1, 1), (0, 0))), jnp.pad(cells[..., 1], ((0, 0), (1, 1)))
    return (x[1:] + x[:-1]) / 2, (y[:, 1:] + y[:, :-1]) / 2


def quadratic(stiffness: Stiffness, g: Float[Array, "mx my"]) -> Float[Array, ""]:
    """`1/2 int Lam |K|^2 + 1/2 iint K.K' / (4 pi |r - r'|)` of a closed current: zero on the frame."""
    return jnp.sum(g * stiffness(g)) / 2


def quadratic_of_links(
    stiffness: Stiffness, spacing: Float[Array, ""], x: Float[Array, "mx ny"], y: Float[Array, "nx my"]
) -> Float[Array, ""]:
    """The same of currents `h K` on links that may begin or end on the frame."""
    london = jnp.sum(stiffness.along_y * x**2) + jnp.sum(stiffness.along_x * y**2)
    magnetic = jnp.zeros((), x.dtype)
    for links in (x, y):
        symbol = jnp.asarray(even_symbol(box_kernel(*links.shape)), x.dtype)
        magnetic = magnetic + jnp.sum(links * convolve(symbol, links))
    return (london + spacing / (4 * jnp.pi) * magnetic) / 2


def linear(
    sources: Sources,
    spacing: Float[Array, ""],
    g: Float[Array, "mx my"],
    x: Float[Array, "mx ny"],
    y: Float[Array, "nx my"],
) -> Float[Array, ""]:
    """`int g H + int K.a - sum Phi g` of a stream function and its links' `h K`."""
    a_x, a_y = to_links(sources.potential)
    anomalous = spacing * (jnp.sum(x * a_x) + jnp.sum(y * a_y))
    return spacing**2 * jnp.sum(sources.field * g) + anomalous - jnp.sum(sources.flux * g)
