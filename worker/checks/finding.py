"""One thing that is wrong or odd about a send job, as `pushmill check` tells it."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum

_SHOWABLE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Severity(StrEnum):
    """Whether a finding must be mended."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or odd.

    Attributes:
        severity: Errors make the check fail.
        field: Path from the job's top (`recipients[3].subscription`), or `value` for all of it.
        problem: In words, without the value.
    """

    severity: Severity
    field: str
    problem: str


def error(field: str, problem: str) -> Finding:
    """What must be mended."""
    return Finding(Severity.ERROR, field, problem)


def warning(field: str, problem: str) -> Finding:
    """What may be meant."""
    return Finding(Severity.WARNING, field, problem)


def shown(name: str) -> str:
    """A name out of the job, so that it can do nothing to a terminal."""
    return name if _SHOWABLE.fullmatch(name) else json.dumps(name[:64])
