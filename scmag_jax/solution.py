"""What every solver returns: the answer, how it ended, and what it cost."""

from typing import Any

import equinox as eqx


class RESULTS(eqx.Enumeration):
    """How a solve ended. The members are their messages; they pass through jit and vmap.

    `successful`, `max_steps_reached`, `stalled`, `nonfinite`, `gap_collapsed`. Compare with `==`, which broadcasts over
    batches, or look at `Solution.converged`.
    """

    successful = ""
    max_steps_reached = (
        "The maximum number of steps was reached before the tolerance was met. Raise `max_steps`, loosen "
        "`tolerance`, or start closer; `throw=False` returns the best state found together with this result."
    )
    stalled = (
        "The solve stopped making progress before the tolerance was met: neither energy nor residual fell for "
        "many steps. The tolerance may lie below the rounding of the free energy; loosen `tolerance`, try another "
        "optimiser, or start elsewhere."
    )
    nonfinite = (
        "A number became NaN or infinite on the way. Check parameters for values outside their range, maps for "
        "extreme ones, and the start for coincident moments."
    )
    gap_collapsed = (
        "The gap collapsed: no superconducting state solves the gap equation here. Lower the temperature or the "
        "Cooper-pair momentum; `throw=False` returns the normal state together with this result."
    )


class Solution(eqx.Module):
    """Base of every solver's answer.

    Attributes:
        result: a member of `RESULTS`.
        stats: what the solve cost, for instance `{"steps": ..., "residual": ...}`.
        history: what was recorded on the way, or None.
    """

    result: Any
    stats: dict[str, Any]
    history: Any

    @property
    def converged(self) -> Any:
        """Whether the solve succeeded, a boolean array with the shape of the batch."""
        return self.result == RESULTS.successful
