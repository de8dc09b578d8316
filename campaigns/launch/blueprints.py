"""From a launch's row to what all of its records have in common.

Decides how a launch's content, its clicks and its options become fields of jobs; knows no recipient.
"""

from collections.abc import Iterable

from campaigns.launch.records import Blueprint, Content, Variant
from campaigns.model.clicks import as_sent
from campaigns.model.content import translation_for, variables_of
from campaigns.model.formats import read_formatted
from campaigns.model.ids import Kind, spell
from campaigns.model.launch import Launch
from campaigns.model.payloads import pushwoosh_payload
from campaigns.model.secrets import Key
from campaigns.model.subscriber import PayloadFormat
from campaigns.model.tokens import recipient_tokens


def blueprint_of(launch: Launch, *, public_url: str, token_key: Key, own_worker: bool) -> Blueprint:
    """Return what all records of a launch have in common.

    Args:
        launch: The launch.
        public_url: Of this service, without a slash at its end: where redirected clicks lead.
        token_key: Signs the recipients' tokens.
        own_worker: Whether the site's service worker is ours, and may change what is shown.
    """
    number, made = launch.id, dict[Variant, Content]()

    def content(variant: Variant) -> Content:
        if variant not in made:
            made[variant] = _content(launch, variant, public_url)
        return made[variant]

    def tokens_of(subscribers: Iterable[int]) -> list[str]:
        return recipient_tokens(token_key, number, subscribers)

    shown = frozenset[str]().union(*map(variables_of, (launch.content, *launch.translations.values())))
    formatted = tuple(sorted(name for name in shown if read_formatted(name)))
    return Blueprint(
        launch_id=launch.launch_id,
        site_id=spell(Kind.SITE, launch.site),
        content=content,
        by_language=bool(launch.translations),
        variables=shown.difference(formatted),
        formatted=formatted,
        tokens_of=tokens_of,
        stretch_time=launch.stretch_time,
        mutable=own_worker or None,
        ttl=launch.ttl,
        urgency=launch.urgency,
        topic=launch.topic,
        not_after=launch.ends_at,
    )


def _content(launch: Launch, variant: Variant, public_url: str) -> Content:
    """Return what subscribers of a variant get: in their language, in the form that their worker reads."""
    chosen = translation_for(variant.language, launch.content, launch.translations)
    if variant.payload_format == PayloadFormat.PUSHWOOSH:
        return Content(payload=pushwoosh_payload(chosen))
    return Content(as_sent(chosen, launch.track_clicks, public_url))
