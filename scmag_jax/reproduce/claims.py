"""What a paper says, what we find, and whether the two agree."""

import csv
import dataclasses
import io
import json
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Claim:
    """One statement of a paper checked against a computed number.

    Attributes:
        source: paper and place, for instance "Lu 2023, Fig. 3d".
        statement: what the paper says.
        paper: the value it gives, as printed, or what it expects.
        ours: the number computed here.
        unit: of `ours`; empty if dimensionless.
        quantity: what `ours` is.
        criterion: when the statement counts as reproduced.
        holds: whether `ours` meets the criterion.
        why: the reason, with the numbers that decide.

    Example:
        >>> claim = Claim("Lu 2023", "2 meV at 2 nm", "2", 0.05, "meV", "J", "within a factor 2", False, "")
        >>> claim.verdict
        'not reproduced'
    """

    source: str
    statement: str
    paper: str
    ours: float
    unit: str
    quantity: str
    criterion: str
    holds: bool
    why: str

    @property
    def verdict(self) -> str:
        """ "reproduced" or "not reproduced"."""
        return "reproduced" if self.holds else "not reproduced"


def to_json(claims: Sequence[Claim]) -> str:
    """The claims as a JSON list of objects."""
    return json.dumps([_row(claim) for claim in claims], indent=2, ensure_ascii=False) + "\n"


def to_csv(claims: Sequence[Claim]) -> str:
    """The claims as comma-separated values with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(_row(claims[0])), lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(claim) for claim in claims)
    return text.getvalue()


def to_markdown(claims: Sequence[Claim]) -> str:
    """The claims as a Markdown table."""
    lines = ["| claim | paper | here | verdict | reason |", "|---|---|---|---|---|"]
    for claim in claims:
        here = f"{claim.quantity}: {claim.ours:.6g} {claim.unit}".rstrip()
        cells = (
            f"{claim.statement} ({claim.source})",
            claim.paper,
            here,
            f"**{claim.verdict}** (criterion: {claim.criterion})",
            claim.why,
        )
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _row(claim: Claim) -> dict[str, str | float]:
    # a number and a truth value of NumPy or jax would not pass through JSON
    values = dataclasses.asdict(claim) | {"ours": float(claim.ours), "verdict": claim.verdict}
    del values["holds"]
    return values
