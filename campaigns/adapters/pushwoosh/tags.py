"""Tags: how their names become names of attributes and fields, and back.

An attribute's name has letters of ASCII, digits and underscores alone, a tag's has anything. So whatever else
there is becomes `_x20_`, its code in hexadecimal, and back again: no two tags share an attribute.
"""

import re

from campaigns.model.attribute import RESERVED

SYSTEM = {
    "Language": "language",
    "Country": "country",
    "City": "city",
    "First Install": "created_at",
    "Last Application Open": "seen_at",
}
"""Tags that the platform sets by itself, and the fields of a subscriber that they are here."""

_OTHER = re.compile(r"[^A-Za-z0-9_]")
_LIKE_AN_ESCAPE = re.compile("_(?=x)")
_ESCAPE = re.compile("_x([0-9a-f]{1,6})_")


def attribute_of(tag: str) -> str:
    """Return the attribute that a tag is."""
    attribute = _escaped(tag)
    if tag in RESERVED or attribute.startswith("__"):
        return _escape(tag[0]) + _escaped(tag[1:])
    return attribute


def tag_of(attribute: str) -> str:
    """Return the tag that an attribute is."""
    return _ESCAPE.sub(lambda match: _character(match[0], int(match[1], 16)), attribute)


def field_of(tag: str) -> str:
    """Return the field of conditions that a tag is."""
    return SYSTEM.get(tag) or f"attribute.{attribute_of(tag)}"


def _escaped(text: str) -> str:
    return _OTHER.sub(lambda match: _escape(match[0]), _LIKE_AN_ESCAPE.sub("_x5f_", text))


def _escape(character: str) -> str:
    return f"_x{ord(character):x}_"


def _character(escape: str, code: int) -> str:
    return chr(code) if code < 0x110000 else escape
