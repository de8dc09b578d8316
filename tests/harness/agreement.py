"""Key agreement with one receiver, where a test or a benchmark makes a single message."""

from crypto.agreement.interface import Agreed
from crypto.agreement.openssl import OpenSSL
from crypto.keys import SubscriptionKeys


def agreed_with(keys: SubscriptionKeys) -> Agreed:
    """Agree with a receiver, with a fresh key."""
    [agreed] = OpenSSL().agree([keys.p256dh])
    assert agreed is not None
    return agreed
