r"""Free-space kernels of a sheet of currents on a grid: exact integrals over square boxes of uniform current, mu0 = 1.

A current K on a link fills a box of h x h around the middle of the link. Two boxes have the mutual inductance

    M = (h^3 / 4 pi) kappa(i, j),    kappa = iint over two unit squares, (i, j) apart, of 1 / r

and the field of a box above the film is elementary. Convolutions are linear, by FFTs of twice the size: there are no
images. Lengths are in units of the spacing here.
"""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

FAR = 20.0  # spacings from which the series is more exact than the differences of the closed form


@lru_cache(maxsize=8)
def box_kernel(nx: int, ny: int) -> np.ndarray:
    """`kappa(i, j)` for `0 <= i < nx`, `0 <= j < ny`, to 1e-10.

    Second differences along x and y of G with `d_x^2 d_y^2 G = 1/r`; from r = 20 the expansion of the average over two
    boxes, `1/r + lap(1/r)/12 + (d_x^4 + d_y^4)(1/r)/360 + d_x^2 d_y^2 (1/r)/144`.

    Example:
        >>> print(box_kernel(1, 1).round(7))
        [[2.9732096]]
    """
    x, y = np.meshgrid(np.arange(nx, dtype=float), np.arange(ny, dtype=float), indexing="ij")
    square = x**2 + y**2
    r = np.sqrt(np.maximum(square, 1.0))
    fourth = (105 * (x**4 + y**4) - 90 * square**2 + 18 * square**2) / r**9
    mixed = 105 * (x * y) ** 2 / r**9 - 12 / r**5
    far = 1 / r + 1 / (12 * r**3) + fourth / 360 + mixed / 144
    near = min(nx, int(FAR) + 2), min(ny, int(FAR) + 2)
    i, j = np.arange(-1.0, near[0] + 1), np.arange(-1.0, near[1] + 1)
    differences = np.diff(np.diff(_fourth_integral(i[:, None], j[None, :]), 2, axis=0), 2, axis=1)
    close = square[: near[0], : near[1]] <= FAR**2
    far[: near[0], : near[1]][close] = differences[close]
    far.flags.writeable = False
    return far


def _fourth_integral(x, y):
    """G with `d_x^2 d_y^2 G = 1/r`."""
    x, y = np.broadcast_arrays(np.abs(x), np.abs(y))
    r = np.hypot(x, y)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(y > 0, y**2 * x / 2 * np.arcsinh(x / y), 0.0)
        second = np.where(x > 0, x**2 * y / 2 * np.arcsinh(y / x), 0.0)
    return first + second - r**3 / 6


@lru_cache(maxsize=8)
def node_kernel(nx: int, ny: int) -> np.ndarray:
    """Mutual inductance of the elementary loops around two nodes, over `h / 4 pi`: `4 kappa - kappa of the neighbours`.

    Example:
        >>> print(node_kernel(1, 1).round(7), node_kernel(2, 2)[1, 1] < 0)
        [[7.4443236]] True
    """
    kappa = box_kernel(nx + 1, ny + 1)
    kappa = np.pad(kappa, ((1, 0), (1, 0)), mode="reflect")  # even in both
    neighbours = kappa[2:, 1:-1] + kappa[:-2, 1:-1] + kappa[1:-1, 2:] + kappa[1:-1, :-2]
    return 4 * kappa[1:-1, 1:-1] - neighbours


def padded_size(count: int) -> int:
    """The smallest even size of factors 2, 3 and 5 for a linear convolution of `count` samples, `2 count - 1` or more.

    Example:
        >>> print([padded_size(n) for n in (1, 4, 12, 1023)])
        [2, 8, 24, 2048]
    """
    size = max(2, 2 * count - 1)
    while size % 2 or not _is_smooth(size):
        size += 1
    return size


def _is_smooth(size):
    for factor in (2, 3, 5):
        while size % factor == 0:
            size //= factor
    return size == 1


def even_symbol(kernel: np.ndarray) -> np.ndarray:
    """Half spectrum `(px, py // 2 + 1)`, real, of a kernel that is even in both indices.

    Example:
        >>> print(even_symbol(np.array([[1.0]])))
        [[1. 1.]
         [1. 1.]]
    """
    wrapped = np.zeros([padded_size(count) for count in kernel.shape])
    nx, ny = kernel.shape
    wrapped[:nx, :ny] = kernel
    wrapped[-(nx - 1) or wrapped.shape[0] :, :] = wrapped[1:nx, :][::-1]
    wrapped[:, -(ny - 1) or wrapped.shape[1] :] = wrapped[:, 1:ny][:, ::-1]
    return np.ascontiguousarray(np.fft.rfft2(wrapped).real)


def convolve(symbol: Float[Array, "px pq"], samples: Float[Array, "nx ny"]) -> Float[Array, "nx ny"]:
    """Linear convolution of samples with the kernel of a symbol whose padded size holds twice as many.

    Example:
        >>> print(convolve(jnp.asarray(even_symbol(np.array([[2.0, 1.0]]))), jnp.array([[1.0, 0.0]])))
        [[2. 1.]]
    """
    px, py = symbol.shape[0], 2 * (symbol.shape[1] - 1)
    nx, ny = samples.shape
    # the zeros are added one axis at a time: half of the transforms of the first are of nothing
    spectrum = jnp.fft.fft(jnp.fft.rfft(samples, n=py, axis=1), n=px, axis=0)
    spectrum = jax.lax.complex(symbol * spectrum.real, symbol * spectrum.imag)
    return jnp.fft.irfft(jnp.fft.ifft(spectrum, axis=0)[:nx], n=py, axis=1)[:, :ny]
