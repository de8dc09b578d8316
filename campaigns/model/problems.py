"""What an operation may answer instead of a result, without a word of HTTP: adapters say it in their own way.

A problem is the caller's own mistake, or the state of things; it is never a bug and never an outage.
"""

from collections.abc import Iterable

from msgspec import Struct


class FieldProblem(Struct, frozen=True):
    """What is wrong with one field of a request.

    Attributes:
        field: Its path (`content.actions[0].url`); empty for the request as a whole.
        problem: What is wrong and the way out, begins with a verb, and never repeats a value.
    """

    field: str
    problem: str


class ProblemError(Exception):
    """The base of them all.

    Attributes:
        detail: One sentence for whoever called.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotFoundError(ProblemError):
    """There is no such thing, or it is another account's, which is the same to the caller."""

    def __init__(self, what: str) -> None:
        super().__init__(f"There is no such {what}.")
        self.what = what


class InvalidError(ProblemError):
    """Fields of the request are wrong.

    Attributes:
        problems: Each of them, at least one.
    """

    def __init__(self, problems: Iterable[FieldProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(f"{each.field} {each.problem}".strip() for each in self.problems))


class ConflictError(ProblemError):
    """The request is right, but not in the state that things are in."""


class StatusError(ConflictError):
    """Something cannot be done with a thing in its status; the detail names those that it needs."""


class ForbiddenError(ProblemError):
    """The caller is known, and may not do this."""


class IdentityError(ProblemError):
    """The caller does not prove who it says it is: a wrong proof, or a token that is not this service's."""


def reject(problems: Iterable[FieldProblem]) -> None:
    """Raise what was found, if anything was.

    Raises:
        InvalidError: There is a problem.
    """
    found = tuple(problems)
    if found:
        raise InvalidError(found)


def invalid(field: str, problem: str) -> InvalidError:
    """Make the error of a single field."""
    return InvalidError((FieldProblem(field, problem),))
