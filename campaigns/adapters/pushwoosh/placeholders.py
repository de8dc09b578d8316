"""Placeholders in texts, `{Tag|format|default}`, as variables of templates.

Without a default, whoever lacks the tag is not sent to; with an empty one, they see the placeholder itself.
Liquid (`{{ … }}`, `{% … %}`) is another language, and is refused.
Source: the platform's page on dynamic content.
"""

import re
from collections.abc import Mapping
from typing import Any

from campaigns.adapters.pushwoosh.tags import attribute_of
from campaigns.adapters.pushwoosh.words import refused
from campaigns.model.condition import Comparison, Condition, Op
from campaigns.model.formats import formatted_name, written

FORMATS = {
    "": "plain",
    "regular": "plain",
    "CapitalizeFirst": "first",
    "CapitalizeAllFirst": "words",
    "UPPERCASE": "upper",
    "lowercase": "lower",
    "comma": "grouped",
    "cent": "cents",
    "dollar": "dollars",
    "euro": "euros",
    "jpy": "yen",
    "lira": "lira",
    "M-d-y": "shortdate",
    "m-d-y": "numdate",
    "M d y": "spacedate",
    "M d Y": "yeardate",
    "l": "weekday",
    "M d": "monthday",
    "H:i": "clock",
    "m-d-y H:i": "datetime",
}
"""By the platform's word, ours."""

_PLACEHOLDER = re.compile(r"\{([^{}|]+)\|([^{}|]*)(?:\|([^{}]*))?\}")
_LIQUID = ("{{", "{%")


class Placeholders:
    """Compiles the texts of one message, and remembers which tags their readers need.

    Args:
        values: `dynamic_content_placeholders`: what is written in place of tags.
    """

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values = {name: value for name, value in (values or {}).items() if value is not None}
        self._needed: dict[str, None] = {}

    @property
    def conditions(self) -> list[Condition]:
        """What recipients must have."""
        return [Comparison(f"attribute.{attribute_of(tag)}", Op.SET) for tag in self._needed]

    def compiled(self, text: str, field: str) -> str:
        """Return a text as a template.

        Raises:
            RefusedError: It has Liquid, or a format that there is not.
        """
        if any(mark in text for mark in _LIQUID):
            raise refused(field, "has Liquid, which is not known here; use {Tag|format|default}")
        return _PLACEHOLDER.sub(lambda match: self._variable(match, field), text)

    def _variable(self, match: re.Match[str], field: str) -> str:
        tag, word, default = match[1].strip(), match[2].strip(), match[3]
        form = FORMATS.get(word)
        if form is None:
            raise refused(field, f"has a placeholder whose format is none of {', '.join(FORMATS)[2:]}")
        if tag in self._values:
            return self._written(form, self._values[tag], field)
        attribute = attribute_of(tag)
        name = attribute if form == "plain" else formatted_name(form, attribute)
        if default is None:
            self._needed[tag] = None
            return "{{" + name + "}}"
        return "{{" + name + "|" + (default.strip() or match[0] + " ") + "}}"

    def _written(self, form: str, value: Any, field: str) -> str:
        if not isinstance(value, str | int | float | bool):
            raise refused("dynamic_content_placeholders", "must have texts, numbers, true or false")
        text = written(form, value)
        if any(mark in text for mark in _LIQUID):
            raise refused(field, "would have two braces; leave them out of dynamic_content_placeholders")
        return text
