"""From a launch's row to what all of its records have in common.

Decides how a launch's content, its clicks and its options become fields of jobs; knows no recipient.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from campaigns.launch.records import TOKEN, Blueprint, Content, Row, Variant
from campaigns.model.clicks import as_sent
from campaigns.model.content import variables_of
from campaigns.model.ids import Kind, spell
from campaigns.model.launch import Launch
from campaigns.model.secrets import Key
from campaigns.model.tokens import recipient_token
from campaigns.store.database import Row as Columns
from worker.records.values import Scalar


def blueprint_of(launch: Launch, *, public_url: str, token_key: Key, own_worker: bool) -> Blueprint:
    """Return what all records of a launch have in common.

    Args:
        launch: The launch.
        public_url: Of this service, without a slash at its end: where redirected clicks lead.
        token_key: Signs the recipients' tokens.
        own_worker: Whether the site's service worker is ours, and may change what is shown.
    """
    content = Content(as_sent(launch.content, launch.track_clicks, public_url))
    number = launch.id

    def same(_: Variant) -> Content:
        return content

    def make_token(subscriber: int) -> str:
        return recipient_token(token_key, number, subscriber)

    return Blueprint(
        launch_id=launch.launch_id,
        site_id=spell(Kind.SITE, launch.site),
        content=same,
        variables=variables_of(launch.content) | {TOKEN},
        make_token=make_token,
        stretch_time=launch.stretch_time,
        mutable=own_worker or None,
        ttl=launch.ttl,
        urgency=launch.urgency,
        topic=launch.topic,
        not_after=launch.ends_at,
    )


def row_of(columns: Columns, variables: Mapping[str, Scalar | None] | None = None) -> Row:
    """Return a subscriber's columns as a row; `variables` go before its attributes."""
    attributes = {name: _scalar(value) for name, value in columns["attributes"].items()}
    return Row(
        columns["id"],
        columns["endpoint"],
        columns["p256dh"],
        columns["auth"],
        columns["vapid_key"],
        columns["payload_format"],
        columns["language"],
        columns["platform"],
        {**attributes, **variables} if variables else attributes,
    )


def _scalar(value: Any) -> Scalar | None:
    """Return an attribute as a variable: a list is a text."""
    if not isinstance(value, list):
        return value if isinstance(value, Scalar) else None
    return ", ".join(each if isinstance(each, str) else msgspec.json.encode(each).decode() for each in value)
