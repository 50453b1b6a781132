"""What reproducing a paper consists of."""

import dataclasses
from collections.abc import Callable
from typing import Any

from .claims import Claim

Data = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Figure:
    """One figure: how to compute it and how to draw it.

    Attributes:
        name: of its files.
        title: with the paper's panel.
        compute: parameters, sizes -> named arrays.
        draw: `draw(**arrays, title=...)` -> matplotlib Figure.
        seconds: rough share of the run time, for the progress bar.
    """

    name: str
    title: str
    compute: Callable[[Any, Any], Data]
    draw: Callable[..., Any]
    seconds: float | int


@dataclasses.dataclass(frozen=True)
class Paper:
    """Figures and claims of a paper.

    Attributes:
        citation: authors and reference.
        parameters: a dataclass of the paper's parameters.
        quick: default numbers of points, a dataclass; `full` the ones of --full.
        figures: in the order of the paper.
        claims: parameters, data by name of figure -> the table.
        claims_seconds: rough run time of the table, for the progress bar.
    """

    citation: str
    parameters: Any
    quick: Any
    full: Any
    figures: tuple[Figure, ...]
    claims: Callable[[Any, dict[str, Data]], list[Claim]]
    claims_seconds: float | int
