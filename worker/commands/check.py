"""`pushmill check`: checks a file of send jobs more strictly than the worker does.

Decides what the file's jobs are, and the exit status. The rules are in `worker.checks`.
"""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer

from worker.checks.finding import Finding, Severity
from worker.checks.rules import findings
from worker.commands import FAILED, MISUSED, end
from worker.push.services import Endpoints, HostRuleError, parse_host_rules

_HOSTS_VARIABLE = "PUSHMILL_ENDPOINT_HOSTS"


class NumberedJob(NamedTuple):
    """One job of a file; `line` counts from 1, or is None if the whole file is one job."""

    line: int | None
    value: bytes


class _Sizes(msgspec.Struct):
    job_id: str | None = None
    recipients: list[msgspec.Raw] = []


def check(
    file: Annotated[str, typer.Argument(help="A job in JSON, or one in each line; - is standard input.")],
) -> None:
    """Check send jobs strictly: also what the worker ignores, or finds out only when it sends."""
    endpoints = _endpoints(os.environ)
    name, value = _read(file)
    records = list(split(value))
    severities: Counter[Severity] = Counter()
    for line, finding in _findings(records, endpoints):
        severities[finding.severity] += 1
        location = name if line is None else f"{name}:{line}"
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


def _findings(records: list[NumberedJob], endpoints: Endpoints) -> Iterator[tuple[int | None, Finding]]:
    seen: dict[str, int | None] = {}
    for line, value in records:
        for finding in findings(value, endpoints):
            yield line, finding
        job_id = _sizes(value).job_id
        if job_id is None:
            continue
        if job_id in seen:
            problem = f"is the same as on line {seen[job_id]}: each record needs its own"
            yield line, Finding(Severity.ERROR, "job_id", problem)
        seen.setdefault(job_id, line)


def _endpoints(environ: Mapping[str, str]) -> Endpoints:
    try:
        rules, any_host = parse_host_rules(environ.get(_HOSTS_VARIABLE, ""))
    except HostRuleError as error:
        end(f"{_HOSTS_VARIABLE}: {error}", MISUSED)
    return Endpoints(rules, any_host=any_host)


def _read(file: str) -> tuple[str, bytes]:
    try:
        return ("stdin", sys.stdin.buffer.read()) if file == "-" else (file, Path(file).read_bytes())
    except OSError as error:
        end(f"{file} cannot be read: {error.strerror or error}", MISUSED)


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _sizes(value: bytes) -> _Sizes:
    try:
        return msgspec.json.decode(value, type=_Sizes)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
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
