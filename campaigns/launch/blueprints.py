"""From a launch's row to what all of its records have in common.

Decides how a launch's content, its clicks and its options become fields of jobs; knows no recipient.
"""

from campaigns.launch.records import Blueprint, Content, Variant
from campaigns.model.clicks import as_sent
from campaigns.model.content import variables_of
from campaigns.model.ids import Kind, spell
from campaigns.model.launch import Launch
from campaigns.model.secrets import Key
from campaigns.model.tokens import recipient_token


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

    def token_of(subscriber: int) -> str:
        return recipient_token(token_key, number, subscriber)

    return Blueprint(
        launch_id=launch.launch_id,
        site_id=spell(Kind.SITE, launch.site),
        content=same,
        variables=variables_of(launch.content),
        token_of=token_of,
        stretch_time=launch.stretch_time,
        mutable=own_worker or None,
        ttl=launch.ttl,
        urgency=launch.urgency,
        topic=launch.topic,
        not_after=launch.ends_at,
    )
