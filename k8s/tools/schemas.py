"""What crosses Kafka, generated from the code's own types: JSON Schemas, and asyncapi.yaml around them.

The types say what is required and which values are accepted, and their docstrings say what a field is for;
the tables here add what no type can express. Examples are the files in schemas/examples.
"""

import inspect
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import yaml

from campaigns.model import begun, events, marker
from campaigns.model.begun import LaunchBegun
from campaigns.model.events import EventRecord
from campaigns.model.marker import BatchMarker, LaunchMarker
from campaigns.model.site import TrackClicks
from worker.records import control, job, notification, outcome, recipient, stats
from worker.records.control import CampaignControl
from worker.records.job import LaterJob, SendJob
from worker.records.outcome import Expired, OutcomeBatch
from worker.records.stats import CampaignStats
from worker.records.topics import (
    ALL_TOPICS,
    CONTROL,
    DEAD_LETTERS,
    EVENTS,
    EXPIRED,
    JOBS,
    LAUNCHES,
    OUTCOMES,
    STATS,
    TIERS,
    URGENT_JOBS,
)

Schema = dict[str, Any]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "schemas/examples"

TYPES: dict[str, type[msgspec.Struct]] = {
    "send-job": SendJob,
    "later-job": LaterJob,
    "campaign-control": CampaignControl,
    "outcome-batch": OutcomeBatch,
    "expired": Expired,
    "campaign-stats": CampaignStats,
    "launch-marker": LaunchMarker,
    "launch-begun": LaunchBegun,
    "batch-marker": BatchMarker,
    "event-record": EventRecord,
}
"""Every JSON value, by the name of its files."""

_EXACTLY_ONE = {
    "oneOf": [
        {"required": [name], "properties": {name: {"type": kind}}}
        for name, kind in (("notification", "object"), ("payload", ["string", "object"]))
    ]
}
_BEYOND_TYPES: dict[str, Schema] = {
    "SendJob": _EXACTLY_ONE,
    "LaterJob": _EXACTLY_ONE,
}
"""Rules that the worker checks after it has decoded a value."""

_ONLY_WRITTEN = {module.__name__ for module in (outcome, stats, events, marker, begun)}
_NULL = {"type": "null"}
_EMPTY: dict[Any, Schema] = {
    "object": {"type": "array", "maxItems": 0},
    "array": {"type": "object", "maxProperties": 0},
}

_KINDS = {
    name: kind
    for module in (control, job, notification, outcome, recipient, stats, events, marker, begun)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and kind.__module__ == module.__name__
} | {"TrackClicks": TrackClicks}
"""The types that these values consist of, by name."""

_NAMES = {"EncodedKeys": "Keys"}
"""Types that are published under another name than their own."""

_OPEN = {"Status", "EventKind"}
"""Enums to which later versions may add values: published as strings, with today's values as examples."""

_UNDESCRIBED = {("LaterRecipient", "id")}
"""Fields that are published without the text that their type has for them."""


# ── JSON Schemas ────────────────────────────────────────────────────────────────────────────────────────────


def json_schemas() -> dict[Path, Schema]:
    """Make a self-contained JSON Schema for each value, by its file."""
    return {ROOT / f"schemas/{name}.schema.json": _json_schema(kind) for name, kind in TYPES.items()}


def _json_schema(kind: type[msgspec.Struct]) -> Schema:
    parts = _parts([kind], "#/$defs/{name}")
    whole = parts.pop(kind.__name__)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **whole,
        "$defs": dict(sorted(parts.items())),
    }


def _parts(kinds: list[type[msgspec.Struct]], ref_template: str) -> dict[str, Schema]:
    _, parts = msgspec.json.schema_components(kinds, ref_template=ref_template)
    for name, schema in parts.items():
        if _KINDS[name].__module__ not in _ONLY_WRITTEN:
            _loosen(schema, parts)
        _describe(_KINDS[name], schema)
        if name in _OPEN:
            schema.update(type="string", examples=schema.pop("enum"))
        schema.update(_BEYOND_TYPES.get(name, {}))
    plain: dict[str, Schema] = _as_published(parts)
    return {_NAMES.get(name, name): schema for name, schema in plain.items()}


def _loosen(schema: Schema, parts: dict[str, Schema]) -> None:
    """Let optional fields be null, or an empty container of the wrong kind: `worker.records.tolerance`."""
    for field, value in schema.get("properties", {}).items():
        if field in schema["required"]:
            continue
        default = {key: value.pop(key) for key in ("default",) if key in value}
        kinds = [each for each in value.get("anyOf", [dict(value)]) if each != _NULL]
        types = {_target(each, parts).get("type") for each in kinds}
        empty = [_EMPTY[kind] for kind in types if len(types) == 1 and kind in _EMPTY]
        value.clear()
        value.update({"anyOf": [*kinds, *empty, _NULL], **default})


def _target(schema: Schema, parts: dict[str, Schema]) -> Schema:
    return parts[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _describe(kind: type, schema: Schema) -> None:
    about = inspect.cleandoc(kind.__doc__ or "")
    schema["description"] = about.partition("\n")[0].partition("; ARCHITECTURE.md")[0].removesuffix(".") + "."
    texts = _texts(kind)
    for field, properties in schema.get("properties", {}).items():
        if field in texts and (kind.__name__, field) not in _UNDESCRIBED:
            properties["description"] = texts[field]


def _texts(kind: type) -> dict[str, str]:
    """Read what the docstrings of a type and its bases say of each field, by its name on the wire."""
    texts: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if each.__name__ in _KINDS:
            texts |= _attributes(inspect.cleandoc(each.__doc__ or ""))
    if issubclass(kind, msgspec.Struct):
        names = dict(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))
        texts = {names[field]: text for field, text in texts.items()}
    return texts


def _attributes(docstring: str) -> dict[str, str]:
    lines = docstring.partition("Attributes:\n")[2]
    found = re.findall(r"^ {4}(\w+): (.+(?:\n {6,}.+)*)", lines, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", text) for name, text in found}


def _as_published(value: Any, key: str = "") -> Any:
    match value:
        case dict():
            return {key: _as_published(each, key) for key, each in value.items()}
        case list():
            return [_as_published(each) for each in value]
        case str() if key == "pattern":
            # JSON Schema's patterns have no \A and \Z; there, ^ and $ mean what these mean in Python.
            return re.sub(r"^\\A(.*)\\Z$", r"^\1$", value)
        case str() if key in {"$ref", "title"}:
            path, slash, name = value.rpartition("/")
            return path + slash + _NAMES.get(name, name)
    return value


# ── AsyncAPI ────────────────────────────────────────────────────────────────────────────────────────────────

_JOB_KEY, _CAMPAIGN_KEY, _SUBSCRIPTION_KEY = "The job's id.", "The campaign's id.", "`site_id/recipient_id`."

_MESSAGES: dict[str, tuple[str, str, str]] = {
    "send-job": ("SendJob", "A notification, and whom to send it to.", _JOB_KEY),
    "later-job": (
        "LaterJob",
        "A job that is not due yet, or whose recipients must be tried again.",
        _JOB_KEY,
    ),
    "campaign-control": ("CampaignControl", "Pauses, resumes or cancels a campaign.", _CAMPAIGN_KEY),
    "outcome-batch": ("OutcomeBatch", "What became of some of a job's recipients.", _JOB_KEY),
    "expired": ("Expired", "A subscription that is gone.", _SUBSCRIPTION_KEY),
    "campaign-stats": ("CampaignStats", "What happened in a campaign since the last one.", _CAMPAIGN_KEY),
    "launch-marker": ("LaunchMarker", "How far the writing of a launch has come.", "The launch's id."),
    "launch-begun": ("LaunchBegun", "A launch as it began.", "The launch's id, and `/begun`."),
    "batch-marker": (
        "BatchMarker",
        "The newest batch of small sends that a relay has written.",
        "The relay.",
    ),
    "event-record": ("EventRecord", "What a browser reports of a push.", "The subscriber's id."),
}

_CHANNELS: dict[str, tuple[str, str, str]] = {
    JOBS: (
        "send-job",
        "receive",
        "Jobs to send. The key is the job's id or none, never the campaign's.",
    ),
    URGENT_JOBS: ("send-job", "receive", "Jobs that are served first."),
    CONTROL: (
        "campaign-control",
        "receive",
        (
            "The last record of each campaign holds, on every worker in 5 s. One written in a transaction "
            "hides every later one in its partition until the transaction ends."
        ),
    ),
    OUTCOMES: ("outcome-batch", "send", "Every recipient of every valid job ends here, in one final status."),
    EXPIRED: ("expired", "send", "Subscriptions to delete."),
    STATS: ("campaign-stats", "send", "For live views; the outcomes are the record."),
    EVENTS: ("event-record", "send", "What browsers report to the campaign service."),
}

_HEADER = "# Written from the code's own types by `python -m k8s.tools.render`: change those, not this.\n"

_ABOUT = (
    "Send jobs come in from Kafka, pushes go out, and every recipient's outcome goes back. Topics begin with "
    "PUSHMILL_TOPIC_PREFIX, `push.` by default. Times are RFC 3339 in UTC, durations seconds. Unknown fields "
    "are ignored. Delivery is at least once. Records are read with isolation.level=read_committed: one of an "
    "aborted transaction never counts, and an open transaction holds back everything behind its start in its "
    "partitions."
)

_DEAD_LETTER_HEADERS = {
    "error-code": "A short stable word.",
    "error": "Which field, and what is wrong with it.",
    "source-topic": "Where the record came from.",
    "source-partition": "As a decimal number.",
    "source-offset": "As a decimal number.",
}


def asyncapi() -> str:
    """Make asyncapi.yaml."""
    text = yaml.dump(_document(), Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)
    return _HEADER + text


class _Dumper(yaml.SafeDumper):
    """Indents lists, and writes everything out instead of referring to it."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _document() -> dict[str, Any]:
    channels, operations = _channels()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Pushmill",
            "version": version("pushmill"),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": _messages(),
            "schemas": _parts(list(TYPES.values()), "#/components/schemas/{name}"),
        },
    }


def _channels() -> tuple[dict[str, Any], dict[str, Any]]:
    configs = {topic.name: topic.config for topic in ALL_TOPICS}
    channels, operations = {}, {}
    for topic, (name, action, about) in _CHANNELS.items():
        channel = _identifier(topic)
        message = _MESSAGES[name][0]
        channels[channel] = _channel(f"push.{topic}", message, about, configs[topic])
        operations[f"{action}{message if topic != URGENT_JOBS else 'UrgentJob'}"] = _operation(
            action, channel, message
        )
    later = "Jobs that wait. Pushmill alone writes and reads it; its lag is intended, its time the broker's."
    channels["later"] = _channel("push.later.{tier}", "LaterJob", later, configs[TIERS[0].topic]) | {
        "parameters": {
            "tier": {"description": "How long a record waits.", "enum": [tier.name for tier in TIERS]}
        }
    }
    operations["sendLaterJob"] = _operation("send", "later", "LaterJob")
    operations["receiveLaterJob"] = _operation("receive", "later", "LaterJob")
    about = "How far the campaign service has come with writing; it alone writes and reads this."
    channels["launches"] = _channel(f"push.{LAUNCHES}", "LaunchMarker", about, configs[LAUNCHES])
    for message in ("LaunchBegun", "BatchMarker"):
        channels["launches"]["messages"][message] = {"$ref": f"#/components/messages/{message}"}
    operations["sendLaunchMarker"] = _operation("send", "launches", "LaunchMarker")
    operations["sendLaunchBegun"] = _operation("send", "launches", "LaunchBegun")
    operations["sendBatchMarker"] = _operation("send", "launches", "BatchMarker")
    about = "Records that could not be handled, byte for byte, with the reason in their headers."
    channels["deadLetters"] = _channel(f"push.{DEAD_LETTERS}", "DeadLetter", about, configs[DEAD_LETTERS])
    operations["sendDeadLetter"] = _operation("send", "deadLetters", "DeadLetter")
    return channels, operations


def _identifier(topic: str) -> str:
    first, *more = re.split(r"[.-]", topic)
    return first + "".join(word.capitalize() for word in more)


def _channel(address: str, message: str, about: str, config: dict[str, str]) -> dict[str, Any]:
    return {
        "address": address,
        "description": about,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {
            "kafka": {"topicConfiguration": _topic_configuration(config), "bindingVersion": "0.5.0"}
        },
    }


def _topic_configuration(config: dict[str, str]) -> dict[str, Any]:
    return {"cleanup.policy": config.get("cleanup.policy", "delete").split(",")} | {
        name: int(value) for name, value in config.items() if value.isdecimal()
    }


def _operation(action: str, channel: str, message: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
    }


def _messages() -> dict[str, Any]:
    made = {title: _message(name, title, about, key) for name, (title, about, key) in _MESSAGES.items()}
    words = {name: {"type": "string", "description": text} for name, text in _DEAD_LETTER_HEADERS.items()}
    made["DeadLetter"] = {
        "name": "DeadLetter",
        "title": "DeadLetter",
        "summary": "A record that is no valid job; the key is its own.",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "required": list(words), "properties": words},
        "payload": {"type": "string", "format": "binary"},
    }
    return made


def _message(name: str, title: str, about: str, key: str) -> dict[str, Any]:
    return {
        "name": title,
        "title": title,
        "summary": about,
        "payload": {"$ref": f"#/components/schemas/{title}"},
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": "0.5.0"}},
        "examples": [{"name": path.stem, "payload": json.loads(path.read_text())} for path in examples(name)],
    }


def examples(name: str) -> list[Path]:
    """List the examples of a value: schemas/examples/NAME.json, NAME.something.json."""
    return sorted(path for path in EXAMPLES.glob("*.json") if path.name.split(".")[0] == name)
