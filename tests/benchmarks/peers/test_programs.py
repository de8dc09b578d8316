"""Senders in other languages, built and run as `make bench` does."""

import asyncio
import sys

import pytest

from benchmarks.contestant import Unavailable
from benchmarks.peers.programs import BUILD_SECONDS, PROGRAMS, Program
from tests.benchmarks.peers.support import assert_each_got_its_text_once, decrypting_service
from tests.harness.requirements import forgo, require

WORDS = {"Go webpush-go": "go", "Rust web-push": "rust", "node web-push": "node"}


@pytest.mark.timeout(BUILD_SECONDS)
@pytest.mark.parametrize("name", PROGRAMS)
async def test_a_program_sends_each_push_once_and_tells_its_cost(name, tmp_path):
    require(WORDS[name])
    try:
        await asyncio.to_thread(PROGRAMS[name].prepare)
    except Unavailable as reason:
        forgo(WORDS[name], str(reason))
    async with decrypting_service(tmp_path) as (service, task):
        cost = await PROGRAMS[name].run(task)
    assert_each_got_its_text_once(service, task)
    assert 10 < cost < 100_000


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (Program("node", ("no-such-tool",), ("true",), ("node",)), "no-such-tool is not on PATH"),
        (Program("node", (), ("false",), ("node",)), "`false` failed: status 1"),
        (
            Program("node", (), (sys.executable, "-c", "raise SystemExit('why\\nnot')"), ("node",)),
            "failed: not",
        ),
    ],
    ids=["no tool", "no words", "words"],
)
def test_what_cannot_be_built_says_why(program, reason, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.peers.programs.BUILT", tmp_path)
    with pytest.raises(Unavailable) as told:
        program.prepare()
    assert str(told.value).endswith(reason)


async def test_a_program_that_fails_tells_no_cost(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.peers.programs.BUILT", tmp_path)
    (tmp_path / "node").mkdir()
    async with decrypting_service(tmp_path) as (_, task):
        with pytest.raises(RuntimeError, match="exited with status 3"):
            await Program("node", (), (), (sys.executable, "-c", "raise SystemExit(3)")).run(task)
