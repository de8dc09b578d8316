"""`pushmill check`: checks a file of send jobs more strictly than the worker does.

Decides what the file's jobs are, and the exit status. The rules are in `worker.checks`.
"""

import os
import sys
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer

from worker.checks.finding import Finding, Severity, error
from worker.checks.places import places
from worker.checks.rules import findings
from worker.checks.syntax import Place, explain
from worker.commands import FAILED, MISUSED, end
from worker.push.services import Endpoints, HostRuleError, parse_host_rules
from worker.records.job import SendJob
from worker.records.tolerance import tolerated

_HOSTS_VARIABLE = "PUSHMILL_ENDPOINT_HOSTS"


class NumberedJob(NamedTuple):
    """One job of a file; `line` counts from 1, or is None if the whole file is one job."""

    line: int | None
    value: bytes


class _Sizes(msgspec.Struct):
    job_id: str | None = None
    recipients: list[msgspec.Raw] = []


def check(
    file: Annotated[
        str,
        typer.Argument(help="A file with one job in JSON, or with one on each line; - is standard input."),
    ],
) -> None:
    """Check send jobs before they are produced, more strictly than the worker: also what it ignores.

    Prints FILE:LINE:COLUMN for each problem. Exit status 1 if there are errors; warnings alone give 0.
    """
    endpoints = _endpoints(os.environ)
    name, value = _read(file)
    records = list(split(value))
    severities: Counter[Severity] = Counter()
    for place, finding in _findings(records, endpoints):
        severities[finding.severity] += 1
        location = f"{name}:{place.line}:{place.column}"
        typer.echo(f"{location}: {finding.severity}: {finding.field}: {finding.problem}")
    typer.echo(f"{_summary(records)}: {_count(severities)}")
    raise typer.Exit(FAILED if severities[Severity.ERROR] else 0)


def split(value: bytes) -> Iterator[NumberedJob]:
    """Split JSON Lines into jobs; anything else is one job, however many lines it has."""
    lines = [NumberedJob(number, line) for number, line in enumerate(value.splitlines(), 1) if line.strip()]
    if len(lines) > 1 and (_is_json(lines[0].value) or all(line.lstrip()[:1] == b"{" for _, line in lines)):
        yield from lines
    else:
        yield NumberedJob(None, value)


def _findings(records: list[NumberedJob], endpoints: Endpoints) -> Iterator[tuple[Place, Finding]]:
    seen: dict[str, int | None] = {}
    for line, value in records:
        yield from _placed(line, value, [*findings(value, endpoints), *_repeated_id(line, value, seen)])


def _repeated_id(line: int | None, value: bytes, seen: dict[str, int | None]) -> Iterator[Finding]:
    job_id = _sizes(value).job_id
    if job_id is None:
        return
    if job_id in seen:
        yield error("job_id", f"is the same as on line {seen[job_id]}: each record needs its own")
    seen.setdefault(job_id, line)


def _placed(line: int | None, value: bytes, found: list[Finding]) -> Iterator[tuple[Place, Finding]]:
    """Yield findings with their places in the file, in their order there; this job begins on a line."""
    if not found:
        return
    where = places(value, {finding.field for finding in found})
    fault = explain(value)  # something that is tolerated
    if fault:
        where["value"] = fault.place
    placed = [(finding.place or where[finding.field], finding) for finding in found]
    for place, finding in sorted(placed, key=itemgetter(0)):
        yield Place(place.line if line is None else line, place.column), finding


def _endpoints(environ: Mapping[str, str]) -> Endpoints:
    try:
        rules, any_host = parse_host_rules(environ.get(_HOSTS_VARIABLE, ""))
    except HostRuleError as error:
        end(f"{_HOSTS_VARIABLE}: {error}", MISUSED)
    return Endpoints(rules, any_host=any_host)


def _read(file: str) -> tuple[str, bytes]:
    try:
        name, value = ("stdin", sys.stdin.buffer.read()) if file == "-" else (file, Path(file).read_bytes())
        return name, value.removeprefix(BOM_UTF8)  # workers take it for nothing as well
    except OSError as error:
        end(f"{file} cannot be read: {error.strerror or error}", MISUSED)


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _sizes(value: bytes) -> _Sizes:
    for form in (value, tolerated(value, SendJob)):
        with suppress(msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return msgspec.json.decode(form, type=_Sizes)
    return _Sizes()


def _summary(records: list[NumberedJob]) -> str:
    recipients = sum(len(_sizes(value).recipients) for _, value in records)
    return f"{_number(len(records), 'job')}, {_number(recipients, 'recipient')}"


def _count(severities: Counter[Severity]) -> str:
    if not severities:
        return "no problems found"
    return ", ".join(_number(severities[severity], severity) for severity in Severity if severities[severity])


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
