"""What a campaign shows: checked when it is made, so that a push that cannot be sent is refused at once.

Content is the notification of a send job (ARCHITECTURE.md: SendJob), a template for every recipient. Decides
whether it can be sent to the subscribers that a site has; `clicks` knows how clicks are counted.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from campaigns.model.attribute import RESERVED
from campaigns.model.clicks import as_sent, redirect_problems
from campaigns.model.formats import GROWTH_BYTES, GROWTH_FACTOR, read_formatted
from campaigns.model.ids import END, SUBSCRIBER_END, Kind, LaunchId, spell
from campaigns.model.problems import FieldProblem, InvalidError
from campaigns.model.site import Defaults, NewSite, TrackClicks
from campaigns.model.texts import tree_problem
from campaigns.model.tokens import TOKEN_LENGTH
from campaigns.model.variables import filled, find, mapped, names
from worker.checks.finding import Severity
from worker.checks.rules import findings
from worker.push.services import Endpoints
from worker.records.job import decode_job
from worker.records.notification import Notification
from worker.records.values import encode_json

BYTES_MAX = 65_536
"""Bytes of JSON that content may have; the worker sends nothing larger."""

ACTIONS_MAX = 10

_FOR_SOME = re.compile(r" for [0-9]+ of [0-9]+ recipients \(first: recipients\[[0-9]+\]\)")
_LEADS_TO = "https://x.example/"

# The longest that these can be, for a push that is as large as any will be.
_JOB_ID = f"{LaunchId(END - 1, 'a' * 8)}.{2**31}"
_SUBSCRIPTION = {
    "endpoint": "https://fcm.googleapis.com/x",
    "keys": {  # RFC 8291, appendix A
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}
_ENDPOINTS = Endpoints()


def check_content(
    tree: object,
    *,
    site: NewSite,
    longest: Mapping[str, int],
    track_clicks: TrackClicks,
    public_url: str,
    field: str = "content",
) -> Notification:
    """Read content, and check it with the longest values that a site's subscribers have.

    Args:
        tree: JSON, decoded.
        site: Whose it is.
        longest: Bytes of the longest value of each attribute, by name.
        track_clicks: How its clicks will be counted.
        public_url: Where redirected clicks go.
        field: Where it stands in the request; begins the paths in errors.

    Raises:
        InvalidError: It is no notification, or cannot be sent. Names each field that is wrong.
    """
    problems = [*_problems(tree, longest, field)]
    if problems:
        raise InvalidError(problems)
    content = with_defaults(_read(tree), site.defaults)
    sent = as_sent(content, track_clicks, public_url)
    problems = [*_problems(msgspec.to_builtins(sent), longest, field)]
    if track_clicks is TrackClicks.REDIRECT and not problems:
        problems = [*redirect_problems(content, (*site.origins, *site.redirect_origins), field)]
    if problems:
        raise InvalidError(problems)
    return content


def with_defaults(content: Notification, defaults: Defaults) -> Notification:
    """Return content with a site's own pictures where it has none."""
    return msgspec.structs.replace(
        content, icon=content.icon or defaults.icon, badge=content.badge or defaults.badge
    )


def with_campaign_id(content: Notification, campaign_id: str) -> Notification:
    """Return content with `{{campaign_id}}` filled in: to the worker, a campaign is one launch of it.

    Args:
        content: The content.
        campaign_id: As the own API spells it.
    """
    tree = mapped(msgspec.to_builtins(content), lambda text: filled(text, "campaign_id", campaign_id))
    return msgspec.convert(tree, Notification)


def variables_of(content: Notification) -> frozenset[str]:
    """Return the names of the attributes that content shows: no others are copied into jobs."""
    return frozenset(names(msgspec.to_builtins(content)) - RESERVED)


def translation_for(
    language: str | None, content: Notification, translations: Mapping[str, Notification]
) -> Notification:
    """Return what a subscriber is shown: in its language, in that without the region, or as usual.

    Args:
        language: Its language tag in lower case; None if it is unknown.
        content: What is shown as usual.
        translations: By language tag in lower case.
    """
    for tag in (language or "", (language or "").partition("-")[0]):
        if tag in translations:
            return translations[tag]
    return content


def _read(tree: object) -> Notification:
    """Read content that has no problems as the worker does, which tolerates what is harmless."""
    notification = decode_job(encode_json(_job(tree, {}))).job.notification
    if notification is None:
        raise AssertionError("a job without a payload has a notification")
    return notification


# ── what is wrong ───────────────────────────────────────────────────────────────────────────────────────────


def _problems(tree: object, longest: Mapping[str, int], field: str) -> Iterator[FieldProblem]:
    """Find what is wrong with a notification, by the checks of send jobs."""
    if not isinstance(tree, dict):
        yield FieldProblem(field, "must be an object with at least title and url")
        return
    problem = tree_problem(tree, BYTES_MAX, len(encode_json(tree)))
    if problem:
        yield FieldProblem(field, problem)
        return
    for found in findings(encode_json(_job(tree, longest)), _ENDPOINTS):
        at, dot, rest = found.field.partition(".")
        if found.severity is Severity.ERROR and at == "notification":
            yield FieldProblem(f"{field}{dot}{rest}", _FOR_SOME.sub("", found.problem))
    actions = tree.get("actions")
    if isinstance(actions, list) and len(actions) > ACTIONS_MAX:
        yield FieldProblem(f"{field}.actions", f"has more than {ACTIONS_MAX} actions; browsers show two")


def _job(tree: object, longest: Mapping[str, int]) -> dict[str, Any]:
    """Make a job for one recipient, all of whose values are as long as they get."""
    return {
        "v": 1,
        "job_id": _JOB_ID,
        "campaign_id": _JOB_ID.partition(".")[0],
        "site_id": spell(Kind.SITE, END - 1),
        "notification": tree,
        "mutable": True,
        "recipients": [
            {
                "id": spell(Kind.SUBSCRIBER, SUBSCRIBER_END - 1),
                "subscription": _SUBSCRIPTION,
                "variables": _values(tree, longest),
            }
        ],
    }


def _values(tree: object, longest: Mapping[str, int]) -> dict[str, str]:
    values = {name: "x" * length for name in names(tree) - RESERVED if (length := _length(name, longest))}
    values["t"] = "x" * TOKEN_LENGTH
    for name in _leading(tree):
        if name in values:  # a whole URL, as far as anybody can tell
            values[name] = (_LEADS_TO + values[name])[: max(len(values[name]), len(_LEADS_TO))]
    return values


def _length(name: str, longest: Mapping[str, int]) -> int:
    """Return how long a variable's value gets; 0 if nobody has one."""
    asked = read_formatted(name)
    if asked is None:
        return longest.get(name, 0)
    length = longest.get(asked[1], 0)
    return length * GROWTH_FACTOR + GROWTH_BYTES if length else 0


def _leading(tree: object) -> Iterator[str]:
    """Yield the variables with which a URL begins."""
    members = tree if isinstance(tree, dict) else {}
    actions = members.get("actions")
    urls = [members.get("url")]
    if isinstance(actions, list):
        urls += [action.get("url") for action in actions if isinstance(action, dict)]
    for url in urls:
        first = next(find(url), None) if isinstance(url, str) else None
        if first is not None and first.start() == 0:
            yield first[1]
