import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.model import ids, tokens
from campaigns.model.secrets import Key, Keys, Purpose, parse_secrets

KEY = Key(0x5A, bytes(range(32)))
KEYS = Keys((KEY,))
LAUNCHES = st.integers(0, ids.END - 1)
SUBSCRIBERS = st.integers(0, ids.SUBSCRIBER_END - 1)

VECTORS = [
    (1, 2, "WgAAAAABAAAAAAAAAvr4qnZtlt2cnhR08w"),
    (2**40 - 1, 2**53 - 1, "Wv______H________55LfPAo-1bp9VFezA"),
]


def by_hand(launch, subscriber):
    signed = b"\x5a" + launch.to_bytes(5, "big") + subscriber.to_bytes(7, "big")
    mac = hmac.new(bytes(range(32)), signed, hashlib.sha256).digest()[:12]
    return base64.urlsafe_b64encode(signed + mac).rstrip(b"=").decode()


@pytest.mark.parametrize(("launch", "subscriber", "token"), VECTORS)
def test_vectors(launch, subscriber, token):
    assert tokens.recipient_token(KEY, launch, subscriber) == token == by_hand(launch, subscriber)
    assert tokens.read_recipient_token(KEYS, token) == (launch, subscriber)


@given(LAUNCHES, SUBSCRIBERS)
def test_a_token_is_34_characters_that_say_who_it_is(launch, subscriber):
    token = tokens.recipient_token(KEY, launch, subscriber)
    assert len(token) == tokens.TOKEN_LENGTH
    assert tokens.read_recipient_token(KEYS, token) == (launch, subscriber)


@given(LAUNCHES, st.lists(SUBSCRIBERS, max_size=5))
def test_many_tokens_are_those_of_each(launch, subscribers):
    alone = [tokens.recipient_token(KEY, launch, subscriber) for subscriber in subscribers]
    assert tokens.recipient_tokens(KEY, launch, subscribers) == alone


@given(LAUNCHES, SUBSCRIBERS, st.integers(0, 25 * 8 - 1))
def test_a_token_with_any_bit_changed_says_nothing(launch, subscriber, bit):
    raw = bytearray(base64.urlsafe_b64decode(tokens.recipient_token(KEY, launch, subscriber) + "=="))
    raw[bit // 8] ^= 1 << bit % 8
    assert tokens.read_recipient_token(KEYS, base64.urlsafe_b64encode(raw).rstrip(b"=").decode()) is None


@given(LAUNCHES, SUBSCRIBERS, st.integers(0, 33), st.characters(codec="ascii"))
def test_a_token_has_one_spelling(launch, subscriber, place, character):
    token = tokens.recipient_token(KEY, launch, subscriber)
    other = token[:place] + character + token[place + 1 :]
    assert (tokens.read_recipient_token(KEYS, other) is None) == (other != token)


@pytest.mark.parametrize("last", "BCDEFGHIJKLMNOP-_")
def test_not_even_its_unused_bits_may_differ(last):
    token = next(
        token for token in (tokens.recipient_token(KEY, 1, n) for n in range(100)) if token.endswith("A")
    )
    assert tokens.read_recipient_token(KEYS, token) is not None
    assert tokens.read_recipient_token(KEYS, token[:-1] + last) is None


@given(st.text(max_size=40) | st.text("abcXYZ019-_", min_size=34, max_size=34))
def test_anything_else_is_no_token(text):
    assert tokens.read_recipient_token(KEYS, text) is None
    assert tokens.read_subscriber_token(KEYS, text) is None


def test_tokens_of_an_older_secret_are_still_read():
    old, new = parse_secrets("o" * 32), parse_secrets("n" * 32 + "," + "o" * 32)
    token = tokens.recipient_token(old.keys(Purpose.RECIPIENT_TOKEN).signing, 1, 2)
    assert tokens.read_recipient_token(new.keys(Purpose.RECIPIENT_TOKEN), token) == (1, 2)
    fresh = tokens.recipient_token(new.keys(Purpose.RECIPIENT_TOKEN).signing, 1, 2)
    assert tokens.read_recipient_token(old.keys(Purpose.RECIPIENT_TOKEN), fresh) is None


def test_neither_kind_of_token_passes_for_the_other():
    secrets = parse_secrets("s" * 32)
    recipients, subscribers = secrets.keys(Purpose.RECIPIENT_TOKEN), secrets.keys(Purpose.SUBSCRIBER_TOKEN)
    token = tokens.subscriber_token(subscribers.signing, 7, 8)
    assert tokens.read_subscriber_token(subscribers, token) == (7, 8)
    assert tokens.read_recipient_token(recipients, token) is None
