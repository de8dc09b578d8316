"""A figure counts only if every push has arrived once."""

import pytest

from benchmarks import __main__ as bench
from benchmarks.contestant import Unavailable, child, sender, subscribed
from benchmarks.peers.table import Peer
from tests.harness.simulator import push_services


async def test_a_sender_that_sends_nothing_has_no_figure(tmp_path):
    async with push_services(tmp_path) as [service]:
        with pytest.raises(RuntimeError, match="0 of 2 pushes were accepted, 0 arrived more than once"):
            async with subscribed(service, 2):
                pass


async def test_a_sender_that_sends_everything_has_one_in_turn_after_turn(tmp_path):
    run = sender("benchmarks.senders", "core httptools")
    async with push_services(tmp_path) as [service]:
        for _ in range(2):
            assert (await run(service, 100))["core httptools"] > 0


async def test_a_process_that_fails_is_told():
    with pytest.raises(RuntimeError, match="senders exited with status 1"):
        await child("benchmarks.senders", "no such sender", task={"ca": "", "subscriptions": []})


def test_who_cannot_be_prepared_is_skipped_with_the_reason(monkeypatch):
    def fail():
        raise Unavailable("no compiler")

    monkeypatch.setattr(bench, "PEERS", {"some": Peer(None, fail), "other": Peer(None)})
    assert bench._prepare(["some", "other", "bare"]) == {"some": "no compiler"}
