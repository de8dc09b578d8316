import re

import pytest


@pytest.mark.parametrize(
    ("profile", "pattern"),
    [
        ("fcm", r"/fcm/send/[\w-]{11}:APA91b[\w-]{134}"),
        ("mozilla", r"/wpush/v2/gAAAAAB[\w-]{100,}"),
        ("wns", r"/w/\?token=[\w-]+%2f[\w-]+%2b[\w-]+%3d"),
        ("apple", r"/Q[\w-]{100,}"),
    ],
)
async def test_endpoints_look_like_the_real_ones(start, profile, pattern):
    service = (await start(profile)).service
    subscriptions = service.subscribe(50)
    for subscription in subscriptions:
        assert re.fullmatch(re.escape(service.origin) + pattern, subscription.endpoint)
    assert len({subscription.endpoint for subscription in subscriptions}) == 50


async def test_targets_are_compared_as_they_are(start):
    sender = await start("wns")
    [subscription] = sender.service.subscribe()
    target = subscription.endpoint.removeprefix(sender.service.origin)
    for other in (target.replace("%2f", "/"), target.replace("%2f", "%2F"), target + "&x=1"):
        assert (await sender.push(subscription, target=other)).status == 404
    assert (await sender.push(subscription)).status == 201


async def test_subscriptions_share_keys_but_not_tokens(start):
    service = (await start("fcm", key_pairs=2)).service
    subscriptions = service.subscribe(6)
    assert len({subscription.receiver.public for subscription in subscriptions}) == 2
    assert len({subscription.token for subscription in subscriptions}) == 6


async def test_tokens_follow_from_the_seed(start):
    services = [(await start("fcm", seed=seed)).service for seed in (1, 1, 2, None)]
    tokens = [service.subscribe()[0].token for service in services]
    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 3
