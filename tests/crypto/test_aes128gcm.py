import json
import os
from itertools import count
from pathlib import Path

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import aes128gcm, base64url
from crypto.aes128gcm import (
    MAX_PLAINTEXT,
    agree_as_receiver,
    decode_content,
    decrypt,
    encode_content,
    encrypt,
    parse_body,
)
from crypto.agreement.openssl import OpenSSL
from crypto.errors import DecryptionError, PayloadTooLargeError
from crypto.keys import ReceiverKeys, generate_receiver_keys, parse_subscription_keys
from tests.harness.agreement import agreed_with, chosen_agreement

patient = settings(deadline=None)  # a busy machine is no failure
VECTORS = Path(__file__).parent / "vectors"
RECEIVER = generate_receiver_keys()
KEYS = parse_subscription_keys(RECEIVER.p256dh, RECEIVER.auth_text)
SALT = bytes(range(16))
IKM = bytes(range(32))

plaintexts = st.binary(max_size=MAX_PLAINTEXT) | st.text(max_size=900).map(str.encode)
samples = pytest.mark.parametrize(
    "plaintext", [b"", b"\x00", b"\x02", "🦆🍉".encode(), b"\x00" * 40, os.urandom(MAX_PLAINTEXT)]
)


def vector(name):
    return json.loads((VECTORS / name).read_text())


def push(plaintext, salt=SALT):
    return encrypt(plaintext, KEYS, agreed_with(KEYS), salt)


def sealed_for_receiver(chunks, record_size=4096, keyid=None):
    """Make a push body that `encrypt` would never make."""
    sender = agreed_with(KEYS).sender
    ikm = agree_as_receiver(sender, RECEIVER)
    keyid = sender if keyid is None else keyid
    return encode_content(chunks, ikm, SALT, record_size=record_size, keyid=keyid)


def sealed_by_hand(record):
    """Make one record of content, with any delimiter and padding."""
    key, nonce = aes128gcm._derive(IKM, SALT)
    return SALT + b"\x00\x00\x10\x00\x00" + AESGCM(key).encrypt(nonce, record, None)


class TestRfc8291AppendixA:
    example = vector("rfc8291_appendix_a.json")
    body, salt = base64url.decode(example["body"]), base64url.decode(example["salt"])
    as_private, as_public = base64url.decode(example["as_private"]), base64url.decode(example["as_public"])
    receiver = ReceiverKeys.from_bytes(
        base64url.decode(example["ua_private"]) + base64url.decode(example["auth"])
    )

    def test_encrypt(self):
        keys = parse_subscription_keys(self.example["ua_public"], self.example["auth"])
        private = ec.derive_private_key(int.from_bytes(self.as_private, "big"), ec.SECP256R1())
        [agreed] = OpenSSL(lambda: private).agree([keys.p256dh])
        assert encrypt(self.example["plaintext"].encode(), keys, agreed, self.salt) == self.body

    def test_decrypt(self):
        assert self.receiver.p256dh == self.example["ua_public"]
        assert decrypt(self.body, self.receiver).decode() == self.example["plaintext"]

    def test_key_material(self):
        ikm = base64url.decode(self.example["ikm"])
        assert agree_as_receiver(self.as_public, self.receiver) == ikm
        assert decode_content(self.body, ikm).decode() == self.example["plaintext"]


@pytest.mark.parametrize("name", ["rfc8188_3_1.json", "rfc8188_3_2.json"])
def test_rfc8188_examples(name):
    example = vector(name)
    ikm, salt = base64url.decode(example["ikm"]), base64url.decode(example["salt"])
    chunks = [chunk.encode() for chunk in example["chunks"]]
    keyid = example["keyid"].encode()
    body = encode_content(chunks, ikm, salt, record_size=example["record_size"], keyid=keyid)
    assert base64url.encode(body) == example["body"]
    assert decode_content(body, ikm) == b"I am the walrus"
    assert parse_body(body)[:3] == (salt, example["record_size"], keyid)


class TestAgainstHttpEce:
    @samples
    def test_it_reads_ours(self, plaintext):
        self.check_it_reads_ours(plaintext, SALT)

    @patient
    @given(plaintexts, st.binary(min_size=16, max_size=16))
    def test_it_reads_ours_whatever_they_are(self, plaintext, salt):
        self.check_it_reads_ours(plaintext, salt)

    @patient
    @given(plaintexts.filter(len), st.binary(min_size=16, max_size=16))
    def test_we_read_its(self, plaintext, salt):
        # It makes no record of an empty text, so that case is left out.
        sender = ec.generate_private_key(ec.SECP256R1())
        body = http_ece.encrypt(
            plaintext, salt=salt, private_key=sender, dh=RECEIVER.public, auth_secret=RECEIVER.auth
        )
        assert decrypt(body, RECEIVER) == plaintext

    @patient
    @given(st.binary(min_size=1, max_size=300), st.integers(18, 60))
    def test_records_in_both_directions(self, content, record_size):
        size = record_size - 17
        chunks = [content[i : i + size] for i in range(0, len(content), size)]
        ours = encode_content(chunks, IKM, SALT, record_size=record_size)
        assert ours == http_ece.encrypt(content, salt=SALT, key=IKM, rs=record_size, keyid="")
        assert decode_content(ours, IKM) == http_ece.decrypt(ours, key=IKM) == content

    @staticmethod
    def check_it_reads_ours(plaintext, salt):
        body = push(plaintext, salt)
        assert len(body) == len(plaintext) + 103
        read = http_ece.decrypt(body, private_key=RECEIVER.private_key, auth_secret=RECEIVER.auth)
        assert read == decrypt(body, RECEIVER) == plaintext


def test_header():
    agreed = agreed_with(KEYS)
    body = encrypt(b"hello", KEYS, agreed, SALT)
    assert body[:86] == SALT + b"\x00\x00\x10\x00" + b"\x41" + agreed.sender
    assert parse_body(body) == (SALT, 4096, agreed.sender, body[86:])


def test_largest_payload_makes_the_largest_body():
    assert len(push(b"x" * MAX_PLAINTEXT)) == 4096
    with pytest.raises(PayloadTooLargeError, match="3994 bytes is over the limit of 3993") as caught:
        push(b"x" * 3994)
    assert (caught.value.size, caught.value.limit) == (3994, 3993)


@pytest.mark.parametrize("salt", [b"", b"s" * 15, b"s" * 17])
def test_salt_of_another_length_is_refused(salt):
    with pytest.raises(ValueError, match="salt must be 16 bytes"):
        push(b"hello", salt)


@patient
@given(st.lists(plaintexts, max_size=40))
def test_a_burst_is_read_message_by_message(texts):
    receivers = [generate_receiver_keys() for _ in texts]
    keys = [parse_subscription_keys(each.p256dh, each.auth_text) for each in receivers]
    agreed = chosen_agreement().agree([each.p256dh for each in keys])
    bodies = [encrypt(*each, SALT) for each in zip(texts, keys, agreed, strict=True)]
    assert [decrypt(*each) for each in zip(bodies, receivers, strict=True)] == texts
    assert [
        http_ece.decrypt(body, private_key=to.private_key, auth_secret=to.auth)
        for body, to in zip(bodies, receivers, strict=True)
    ] == texts


class TestTampering:
    body = push(b"attack at dawn")

    @pytest.mark.parametrize("position", range(len(body)))
    def test_any_flipped_bit_is_refused(self, position):
        for bit in range(8):
            changed = bytearray(self.body)
            changed[position] ^= 1 << bit
            if 16 <= position < 20 and int.from_bytes(changed[16:20], "big") > len(self.body) - 86:
                # The record size does not affect the keys: any size that leaves one record is equivalent.
                assert decrypt(bytes(changed), RECEIVER) == b"attack at dawn"
                continue
            with pytest.raises(DecryptionError):
                decrypt(bytes(changed), RECEIVER)

    @pytest.mark.parametrize("length", range(len(body)))
    def test_any_cut_is_refused(self, length):
        with pytest.raises(DecryptionError):
            decrypt(self.body[:length], RECEIVER)

    def test_anything_added_is_refused(self):
        with pytest.raises(DecryptionError):
            decrypt(self.body + b"\x00", RECEIVER)

    def test_another_receiver_is_refused(self):
        for other in (generate_receiver_keys(), ReceiverKeys.from_bytes(RECEIVER.to_bytes()[:32] + SALT)):
            with pytest.raises(DecryptionError, match="does not authenticate"):
                decrypt(self.body, other)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (sealed_for_receiver([b"a" * 3, b"b"], 200), "does not exceed the one record"),
        (sealed_for_receiver([b"a" * 4079]), "does not exceed the one record"),
        (sealed_for_receiver([b"a"], 18), "does not exceed the one record"),
        (sealed_for_receiver([b"a"], keyid=b""), "keyid is not"),
        (sealed_for_receiver([b"a"], keyid=RECEIVER.public[:33]), "keyid is not"),
        (sealed_for_receiver([b"a"], keyid=b"\x06" + RECEIVER.public[1:]), "keyid is not an uncompressed"),
        (sealed_for_receiver([b"a"], keyid=b"\x04" + b"\x01" * 64), "keyid is not a point on P-256"),
        (SALT + b"\x00\x00\x00\x11\x00" + b"x" * 17, "record size is below 18"),
        (push(b"hello")[:86], "there is no record"),
        (push(b"hello")[:85], "header is cut short"),
        (b"", "header is cut short"),
    ],
    ids=count(),
)
def test_strictness(body, problem):
    with pytest.raises(DecryptionError, match=problem):
        decrypt(body, RECEIVER)


@pytest.mark.parametrize(
    ("record", "content"),
    [
        (b"hello\x02", b"hello"),
        (b"hello\x02\x00\x00", b"hello"),
        (b"\x02\x02\x00", b"\x02"),
        (b"\x00\x02", b"\x00"),
    ],
)
def test_padding_is_taken_off(record, content):
    assert decode_content(sealed_by_hand(record), IKM) == content


@pytest.mark.parametrize(
    "record", [b"", b"\x00\x00", b"hello", b"hello\x01", b"hello\x02\x03", b"hello\x01\x00"]
)
def test_wrong_delimiters_are_refused(record):
    with pytest.raises(DecryptionError, match="wrong delimiter"):
        decode_content(sealed_by_hand(record), IKM)


def test_every_record_may_be_padded():
    assert (
        decode_content(encode_content([b"he", b"", b"llo", b""], IKM, SALT, record_size=40), IKM) == b"hello"
    )


class TestDelimiters:
    """Make records in an order that contradicts their delimiters (RFC 8188, section 2)."""

    whole = encode_content([b"a", b"b", b"c"], IKM, SALT, record_size=20)

    @pytest.mark.parametrize("end", [21 + 20, 21 + 40])
    def test_a_missing_last_record_is_noticed(self, end):
        with pytest.raises(DecryptionError, match="wrong delimiter"):
            decode_content(self.whole[:end], IKM)

    def test_swapped_records_are_noticed(self):
        swapped = self.whole[:21] + self.whole[41:61] + self.whole[21:41] + self.whole[61:]
        with pytest.raises(DecryptionError, match="does not authenticate"):
            decode_content(swapped, IKM)

    def test_last_delimiter_before_the_end_is_refused(self):
        first = encode_content([b"abc"], IKM, SALT, record_size=20)
        with pytest.raises(DecryptionError, match="wrong delimiter"):
            decode_content(first + self.whole[41:], IKM)


@pytest.mark.parametrize(
    ("chunks", "record_size", "keyid"),
    [
        ([], 4096, b""),
        ([b"abcd"], 20, b""),
        ([b""], 17, b""),
        ([b"a"], 1 << 32, b""),
        ([b"a"], 4096, b"k" * 256),
    ],
)
def test_encode_content_refuses(chunks, record_size, keyid):
    with pytest.raises(ValueError):
        encode_content(chunks, IKM, SALT, record_size=record_size, keyid=keyid)


@patient
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_by_name(body):
    with pytest.raises(DecryptionError):
        decrypt(body, RECEIVER)


def test_errors_tell_no_secret():
    secrets = [b"attack at dawn", RECEIVER.auth, RECEIVER.public, IKM]
    for body in (
        push(b"attack at dawn")[:-1],
        sealed_for_receiver([b"attack at dawn"], keyid=RECEIVER.public),
    ):
        with pytest.raises(DecryptionError) as caught:
            decrypt(body, RECEIVER)
        assert caught.value.__cause__ is None
        text = repr(caught.value)
        assert not any(
            form in text for s in secrets for form in (repr(s)[2:-1], s.hex(), base64url.encode(s))
        )
