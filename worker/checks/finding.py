"""What a check reports: one problem of a send job. Knows neither the rules nor how findings are shown."""

import json
import re
from dataclasses import dataclass
from enum import StrEnum

from worker.checks.syntax import Place

_SHOWABLE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Severity(StrEnum):
    """Whether a finding must be fixed."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem of a job.

    Attributes:
        severity: Errors make the check fail.
        field: Path from the top of the job (`recipients[3].subscription`), or `value` for the whole job.
        problem: What is wrong, in words, without the value.
        place: Where in the bytes it is, if the field does not say it.
    """

    severity: Severity
    field: str
    problem: str
    place: Place | None = None


def error(field: str, problem: str, place: Place | None = None) -> Finding:
    """Make a finding that must be fixed."""
    return Finding(Severity.ERROR, field, problem, place)


def warning(field: str, problem: str) -> Finding:
    """Make a finding that may be intended."""
    return Finding(Severity.WARNING, field, problem)


def shown(name: str) -> str:
    """Return a name from the job in a form that is safe on a terminal."""
    return name if _SHOWABLE.fullmatch(name) else json.dumps(name[:64])
