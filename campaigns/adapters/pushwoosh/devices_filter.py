"""The language of `devices_filter`: terms for applications and tags, joined by plus, star and backslash.

    expression  = term { ("+" | "*" | backslash) term }     from left to right
    term        = "(" expression ")" | application | group | tag | tag of an application
    application = A ( "CODE" [, [ platforms ]] )
    tag         = T ( "name", operator [, value] )   AT ( "CODE", "name", operator [, value] )

Decides which devices an expression means; whose the applications are, its caller finds out. Operators and
platforms are read without regard to case.
Source: pypushwoosh 0.3.1, which writes it, and the platform's pages on advanced tags and segmentation.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, NoReturn

from campaigns.adapters.pushwoosh.conditions import bounded, tag_condition
from campaigns.adapters.pushwoosh.platforms import NAMES, platforms_condition
from campaigns.adapters.pushwoosh.words import ALWAYS, all_of, any_of, refused
from campaigns.model.condition import Condition, Not

LENGTH_MAX = 8_192
DEPTH_MAX = 50
"""Parentheses, one within another."""

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"[^"]*")
        | (?P<number>-?[0-9]+(?:\.[0-9]+)?(?![0-9A-Za-z_-]))
        | (?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?)
        | (?P<word>[A-Za-z_]+)
        | (?P<sign>[()\[\],+*\\])
    )""",
    re.VERBOSE,
)


class DevicesFilter(NamedTuple):
    """What an expression means.

    Attributes:
        applications: The codes that it names, each once, in order.
        condition: Who is meant.
    """

    applications: tuple[str, ...]
    condition: Condition


class _Token(NamedTuple):
    kind: str
    text: str


def parse_devices_filter(text: str, now: datetime | None, field: str = "devices_filter") -> DevicesFilter:
    """Read an expression.

    Args:
        text: The expression.
        now: What "N days ago" counts from; None where it may not be said.
        field: Where it stands in the request.

    Raises:
        RefusedError: It is none.
        InvalidError: It has too many terms, or is nested too deeply.
    """
    if len(text) > LENGTH_MAX:
        raise refused(field, f"is longer than {LENGTH_MAX:,} characters")
    parser = _Parser(text, now, field)
    condition = parser.whole()
    return DevicesFilter(tuple(dict.fromkeys(parser.applications)), bounded(condition, field))


class _Parser:
    """Reads one expression from its beginning to its end."""

    def __init__(self, text: str, now: datetime | None, field: str) -> None:
        self.applications: list[str] = []
        self._now = now
        self._field = field
        self._tokens = [*self._read(text), _Token("end", "")]
        self._at = 0
        self._terms: dict[str, Callable[[], Condition]] = {
            "A": self._application,
            "T": self._tag,
            "AT": self._application_tag,
        }

    def whole(self) -> Condition:
        condition = self._expression(DEPTH_MAX)
        if self._next.kind != "end":
            self._fail("has something behind its end, or lacks an operator")
        return condition

    # ── tokens ──────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, text: str) -> list[_Token]:
        tokens, position, end = [], 0, len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                self._fail(f"has a character that cannot be there, at {position}")
            tokens.append(_Token(match.lastgroup, match[match.lastgroup]))
            position = match.end()
        return tokens

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _comes(self, sign: str) -> bool:
        """Take a sign, if it comes next."""
        is_next = self._next == _Token("sign", sign)
        self._at += is_next
        return is_next

    def _expect(self, sign: str) -> None:
        if not self._comes(sign):
            self._fail(f"lacks {sign} before {self._next.text or 'its end'}")

    def _string(self) -> str:
        token = self._take()
        if token.kind != "string":
            self._fail("has something else where a text in double quotes must be")
        return token.text[1:-1]

    def _fail(self, problem: str) -> NoReturn:
        raise refused(self._field, problem)

    # ── expressions ─────────────────────────────────────────────────────────────────────────────────────────

    def _expression(self, depth: int) -> Condition:
        if depth <= 0:
            self._fail(f"is nested more than {DEPTH_MAX} levels deep")
        condition = self._term(depth)
        while True:
            if self._comes("+"):
                condition = any_of((condition, self._term(depth)))
            elif self._comes("*"):
                condition = all_of((condition, self._term(depth)))
            elif self._comes("\\"):
                condition = all_of((condition, Not(self._term(depth))))
            else:
                return condition

    def _term(self, depth: int) -> Condition:
        if self._comes("("):
            condition = self._expression(depth - 1)
            self._expect(")")
            return condition
        word = self._take()
        read = self._terms.get(word.text.upper()) if word.kind == "word" else None
        if read is None:
            self._fail("has a term that is none of A, T and AT; groups and events are not known here")
        self._expect("(")
        condition = read()
        self._expect(")")
        return condition

    def _application(self) -> Condition:
        self.applications.append(self._string())
        if not self._comes(","):
            return ALWAYS
        return platforms_condition([self._platform(each) for each in self._list()], self._field)

    def _platform(self, name: Any) -> int:
        number = NAMES.get(str(name).upper())
        if number is None:
            self._fail(f"has platforms besides {', '.join(NAMES)}")
        return number

    def _application_tag(self) -> Condition:
        self.applications.append(self._string())
        self._expect(",")
        return self._tag()

    def _tag(self) -> Condition:
        name = self._string()
        self._expect(",")
        operator = self._take()
        if operator.kind != "word":
            self._fail("lacks an operator behind the name of a tag")
        value = self._value() if self._comes(",") else None
        return tag_condition(name, operator.text, value, self._now, self._field)

    # ── values ──────────────────────────────────────────────────────────────────────────────────────────────

    def _value(self) -> Any:
        return self._list() if self._next == _Token("sign", "[") else self._scalar()

    def _list(self) -> list[Any]:
        self._expect("[")
        values = [self._scalar()]
        while self._comes(","):
            values.append(self._scalar())
        self._expect("]")
        return values

    def _scalar(self) -> Any:
        token = self._take()
        match token.kind:
            case "string":
                return token.text[1:-1]
            case "number":
                return float(token.text) if "." in token.text else int(token.text[:20])
            case "date":
                return token.text
            case "word":
                return {"true": True, "false": False}.get(token.text.lower(), token.text)
        raise refused(self._field, "lacks a value")
