import json

import pytest

from worker.simulator.journal import digest


@pytest.mark.parametrize(
    ("keep", "rows", "texts"), [("all", 3, [b"hello"] * 3), ("digest", 3, [None] * 3), ("none", 0, [])]
)
async def test_what_is_kept(start, keep, rows, texts):
    sender = await start("fcm", keep=keep)
    [subscription] = sender.service.subscribe()
    for _ in range(3):
        await sender.push(subscription)
    pushes = sender.service.pushes(subscription)
    assert [push.plaintext for push in pushes] == texts
    assert [push.digest for push in pushes] == [digest(b"hello")] * rows
    assert sender.service.stats.taken == 3


async def test_the_journal_is_bounded_and_decryption_can_be_sampled(start):
    sender = await start("fcm", keep_limit=3, decrypt_every=2)
    [subscription] = sender.service.subscribe()
    for _ in range(4):
        await sender.push(subscription)
    assert [push.plaintext for push in sender.service.pushes(subscription)] == [b"hello", None, b"hello"]
    assert (sender.service.stats.taken, sender.service.stats.decrypted) == (4, 2)


async def test_repeats_are_counted(start):
    sender = await start("fcm", keep="digest")
    first, second = sender.service.subscribe(2)
    for subscription, text in ((first, b"a"), (first, b"b"), (second, b"a"), (first, b"a"), (first, b"a")):
        await sender.push(subscription, text)
    await sender.push(first, b"b", TTL=None)
    assert sender.service.repeats() == 2
    assert json.loads((await sender.ask("GET", "/repeats")).body) == {"repeats": 2}
