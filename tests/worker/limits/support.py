"""Short ways to bring trouble to gates and to probe them."""

from worker.limits.gates import (
    STRIKES,
    Gates,
)


def throttle(gates, now, site="a", key="fcm", *, times=1, wait=0.0, sent_at=None):
    for _ in range(times):
        gates.throttled(key, site, wait, sent_at=now if sent_at is None else sent_at, now=now)


def fail(gates, now, site="a", key="fcm", *, times=1):
    for _ in range(times):
        gates.unreachable(key, site, sent_at=now, now=now)


def lets(gates, now, site="a", key="fcm"):
    return gates.wait_until(key, site, now) is None


def closed(*sites, at=0.0, **fields):
    gates = Gates()
    for site in sites or "a":
        throttle(gates, at, site, times=STRIKES, **fields)
    return gates


def probe(gates, now, answer, site="a", key="fcm"):
    assert lets(gates, now, site, key)
    answer(gates, now, site, key)


def good(gates, now, site="a", key="fcm"):
    gates.answered(key, site, now)
