import json
import subprocess
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from py_vapid import Vapid02

from crypto import base64url
from crypto.errors import VapidKeyError, VapidSubjectError, VapidTokenError
from crypto.vapid import (
    MAX_AHEAD,
    VapidClaims,
    check_subject,
    generate_vapid_key,
    load_vapid_key,
    sign,
    verify,
)

patient = settings(deadline=None)  # a busy machine is no failure
NOW = 1_795_255_200.5
SUBJECT = "mailto:ops@example.com"
FCM, MOZILLA = "https://fcm.googleapis.com", "https://updates.push.services.mozilla.com"
KEY = generate_vapid_key()
PRIVATE = KEY.signer.private_key
HOUR = 3600


def pem(private_key, form=PrivateFormat.PKCS8, encryption=None):
    return private_key.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


def token(claims=None, header=b'{"typ":"JWT","alg":"ES256"}', private_key=PRIVATE, **changed):
    """Sign a token by hand, so that it can contain anything."""
    if claims is None:
        says = {"aud": FCM, "exp": int(NOW) + HOUR, "sub": SUBJECT} | changed
        claims = json.dumps({name: value for name, value in says.items() if value is not None}).encode()
    signed = f"{base64url.encode(header)}.{base64url.encode(claims)}"
    r, s = decode_dss_signature(private_key.sign(signed.encode(), ec.ECDSA(SHA256())))
    return f"{signed}.{base64url.encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def problem(authorization, audience=FCM, now=NOW):
    with pytest.raises(VapidTokenError) as caught:
        verify(authorization, audience, now)
    assert str(caught.value) == caught.value.problem
    return caught.value.problem


class TestKey:
    @pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
    def test_load(self, form):
        loaded = load_vapid_key(pem(PRIVATE, form))
        assert (loaded.public, loaded.public_text) == (KEY.public, KEY.public_text)
        assert loaded.fingerprint == KEY.fingerprint

    def test_round_trip(self):
        assert KEY.to_pem().startswith(b"-----BEGIN PRIVATE KEY-----\n")
        assert load_vapid_key(KEY.to_pem()).public == KEY.public

    def test_a_key_of_another_kind_is_not_looked_into(self):
        # Checking the primes of an RSA key takes OpenSSL seconds, in which nothing is sent.
        p, q = (3 << 1022) | 1, (3 << 1022) + 3
        d = pow(65537, -1, (p - 1) * (q - 1))
        public = rsa.RSAPublicNumbers(65537, p * q)
        numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
        broken = numbers.private_key(unsafe_skip_rsa_key_validation=True)
        with pytest.raises(VapidKeyError, match="not an elliptic curve key"):
            load_vapid_key(pem(broken))

    def test_openssl_makes_keys_that_load(self):
        command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey"]
        try:
            made = subprocess.run(command, capture_output=True, check=True).stdout
        except FileNotFoundError:
            pytest.skip("no openssl on this machine (to install: apt-get install openssl)")
        assert len(load_vapid_key(made).public) == 65

    def test_public_forms(self):
        assert (len(KEY.public), KEY.public[0]) == (65, 4)
        assert base64url.decode(KEY.public_text) == KEY.public
        assert len(KEY.fingerprint) == 16
        assert int(KEY.fingerprint, 16) >= 0

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (
                pem(PRIVATE, encryption=BestAvailableEncryption(b"x")),
                "`pushmill keys import` removes the password",
            ),
            (pem(ec.generate_private_key(ec.SECP384R1())), "on the curve secp384r1, must be P-256"),
            (pem(ec.generate_private_key(ec.SECP256K1())), "on the curve secp256k1, must be P-256"),
            (pem(rsa.generate_private_key(65537, 2048)), "not an elliptic curve key"),
            (pem(ed25519.Ed25519PrivateKey.generate()), "not an elliptic curve key"),
            (
                PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
                "not a private key",
            ),
            (KEY.to_pem()[:-60], "not a private key"),
            (KEY.to_pem().replace(b"\nM", b"\nX", 1), "not a private key"),
            (b"", "not a private key"),
            (b"\xff\x00", "not a private key"),
        ],
    )
    def test_refused(self, text, says):
        with pytest.raises(VapidKeyError, match=says) as caught:
            load_vapid_key(text)
        assert "import` r" in str(caught.value) or "the subscriptions were made with" in str(caught.value)
        assert caught.value.__cause__ is None
        assert not any(line in str(caught.value) for line in text.decode("latin-1").splitlines() if line)

    def test_repr_shows_the_fingerprint_only(self):
        assert repr(KEY) == str(KEY) == f"VapidKey(fingerprint='{KEY.fingerprint}')"


class TestSubject:
    @pytest.mark.parametrize(
        "subject",
        [
            "mailto:ops@example.com",
            "mailto:first.last+push@mail.example.co.uk",
            "mailto:o'neill_%1@xn--bcher-kva.example",
            "https://example.com",
            "https://example.com:8443/contact?who=push#top",
            "https://localhost.example.com/",
        ],
    )
    def test_taken(self, subject):
        assert check_subject(subject) == subject
        assert verify(sign(KEY, FCM, subject, int(NOW) + HOUR), FCM, NOW).subject == subject

    @pytest.mark.parametrize(
        "subject",
        [
            "",
            "ops@example.com",
            "mailto:",
            "mailto:ops",
            "mailto:ops@",
            "mailto:@example.com",
            "mailto:ops@example",
            "mailto:ops@example..com",
            "mailto:ops@example.com\n",
            "mailto: ops@example.com",
            "mailto:<ops@example.com>",
            "mailto: <ops@example.com>",
            "mailto:o ps@example.com",
            "mailto:a@b@example.com",
            "mailto:ops@example.com?subject=x",
            "mailto:öps@example.com",
            "http://example.com",
            "https://",
            "https:///contact",
            "https://user@example.com",
            "https://exam ple.com",
            "https://example.com/<contact>",
            "https://example.com/con tact",
            "https://192.0.2.1",
            "https://[2001:db8::1]",
        ],
    )
    def test_malformed(self, subject):
        with pytest.raises(VapidSubjectError, match="must be mailto:user@host or https://host"):
            check_subject(subject)

    @pytest.mark.parametrize(
        "host", ["localhost", "LocalHost", "a.localhost", "mac.local", "x.y.LOCAL", "example.invalid"]
    )
    @pytest.mark.parametrize("form", ["mailto:ops@{}", "https://{}", "https://{}:8080/contact"])
    def test_refused_by_apple(self, host, form):
        with pytest.raises(VapidSubjectError, match="must have a public host"):
            check_subject(form.format(host))

    @patient
    @given(st.text(max_size=40) | st.from_regex(r"(mailto:|https://)[!-~]{0,30}", fullmatch=True))
    def test_no_subject_gets_through_that_apple_is_known_to_refuse(self, subject):
        try:
            check_subject(subject)
        except VapidSubjectError:
            return
        assert not set(subject) & set(" <>\n\t")
        assert subject.isascii()


class TestSign:
    def test_py_vapid_verifies_it(self):
        authorization = sign(KEY, FCM, SUBJECT, int(NOW) + HOUR)
        assert Vapid02.verify(authorization)

    def test_what_it_says(self):
        authorization = sign(KEY, FCM, SUBJECT, 1_795_258_800)
        assert authorization.startswith("vapid t=")
        assert authorization.endswith(f",k={KEY.public_text}")
        assert verify(authorization, FCM, NOW) == VapidClaims(FCM, 1_795_258_800, SUBJECT, KEY.public)

    @pytest.mark.parametrize(
        "audience",
        [
            "",
            "fcm.googleapis.com",
            "https://fcm.googleapis.com/",
            "https://[::1]:8443",
            f"{FCM}\n",
            f"{FCM}:",
        ],
    )
    def test_audience_must_be_an_origin(self, audience):
        with pytest.raises(VapidTokenError, match="bad_audience"):
            sign(KEY, audience, SUBJECT, int(NOW) + HOUR)

    @pytest.mark.parametrize("expires_at", [0, -1])
    def test_expiry_is_never_left_to_a_clock(self, expires_at):
        with pytest.raises(VapidTokenError, match="expired"):
            sign(KEY, FCM, SUBJECT, expires_at)


class TestVerify:
    @pytest.mark.parametrize(
        "form",
        ["vapid t={t}, k={k}", "vapid k={k},t={t}", "VAPID  t={t} ,\tk={k} ", "vapid x=1, T={t}, K={k}"],
    )
    def test_forms(self, form):
        claims = verify(form.format(t=token(), k=KEY.public_text), FCM, NOW)
        assert claims == VapidClaims(FCM, int(NOW) + HOUR, SUBJECT, KEY.public)

    @pytest.mark.parametrize(
        "form",
        [
            "",
            "vapid",
            "vapid ",
            "WebPush {t}",
            "Bearer t={t}, k={k}",
            "vapid t={t}",
            "vapid k={k}",
            "vapid t={t} k={k}",
            "vapid t={t}, t={t}, k={k}",
            "vapid t={t}, k={k},",
            "vapid t={t}.x, k={k}",
            "vapid t=a.b, k={k}",
            "vapid t=..., k={k}",
            "vapid t={t}, k=A",
            "vapid t={t}, k={k}\n",
        ],
    )
    def test_malformed(self, form):
        assert problem(form.format(t=token(), k=KEY.public_text)) == "malformed"

    @pytest.mark.parametrize(
        "key",
        [b"", KEY.public[:64], b"\x02" + KEY.public[1:33], b"\x06" + KEY.public[1:], b"\x04" + b"\x01" * 64],
        ids=count(),
    )
    def test_bad_key(self, key):
        key_text = base64url.encode(key) or "AA"
        assert problem(f"vapid t={token()}, k={key_text}") == "bad_key"

    def test_another_key_did_not_sign_it(self):
        assert problem(f"vapid t={token()}, k={generate_vapid_key().public_text}") == "bad_signature"

    @pytest.mark.parametrize("part", [0, 1, 2])
    def test_any_changed_byte_is_noticed(self, part):
        parts = token().split(".")
        raw = base64url.decode(parts[part])
        for position in range(len(raw)):
            changed = bytearray(raw)
            changed[position] ^= 1
            parts[part] = base64url.encode(bytes(changed))
            assert problem(f"vapid t={'.'.join(parts)}, k={KEY.public_text}") == "bad_signature"

    @pytest.mark.parametrize("signature", [b"", b"\x00" * 64, b"\xff" * 64, b"\x01" * 63, b"\x01" * 65])
    def test_impossible_signatures(self, signature):
        signed = token().rpartition(".")[0]
        text = base64url.encode(signature)
        assert problem(f"vapid t={signed}.{text}, k={KEY.public_text}") == "bad_signature"

    @pytest.mark.parametrize(
        ("header", "expected"),
        [
            (b'{"typ":"JWT","alg":"none"}', "bad_header"),
            (b'{"typ":"JWT","alg":"HS256"}', "bad_header"),
            (b'{"typ":"JWE","alg":"ES256"}', "bad_header"),
            (b'{"typ":"JWT"}', "malformed"),
            (b"[]", "malformed"),
            (b"\xff", "malformed"),
        ],
    )
    def test_header(self, header, expected):
        assert problem(f"vapid t={token(header=header)}, k={KEY.public_text}") == expected

    @pytest.mark.parametrize(
        ("changed", "expected"),
        [
            ({"aud": MOZILLA}, "wrong_audience"),
            ({"aud": FCM + "/"}, "wrong_audience"),
            ({"aud": None}, "malformed"),
            ({"aud": [FCM]}, "malformed"),
            ({"exp": int(NOW)}, "expired"),
            ({"exp": NOW}, "expired"),
            ({"exp": -(10**30)}, "expired"),
            ({"exp": int(NOW) + MAX_AHEAD + 1}, "too_far_ahead"),
            ({"exp": 10**30}, "too_far_ahead"),
            ({"exp": None}, "malformed"),
            ({"exp": True}, "malformed"),
            ({"exp": "1795258800"}, "malformed"),
            ({"exp": float("inf")}, "malformed"),
            ({"sub": None}, "bad_subject"),
            ({"sub": "mailto:a@mac.local"}, "bad_subject"),
            ({"sub": 1}, "malformed"),
            ({"claims": b"not json"}, "malformed"),
            ({"claims": b'{"aud":"\xff"}'}, "malformed"),
            ({"claims": b'{"x":' + b"[" * 100_000}, "malformed"),
        ],
    )
    def test_claims(self, changed, expected):
        assert problem(f"vapid t={token(**changed)}, k={KEY.public_text}") == expected

    def test_edges_of_time(self):
        authorization = f"vapid t={token(exp=int(NOW) + MAX_AHEAD)}, k={KEY.public_text}"
        assert verify(authorization, FCM, NOW).expires_at == int(NOW) + MAX_AHEAD
        assert problem(authorization, now=NOW - 1) == "too_far_ahead"
        assert problem(authorization, now=NOW + MAX_AHEAD) == "expired"

    @patient
    @given(st.text(max_size=60) | st.text(max_size=60).map("vapid t=".__add__))
    def test_any_text_is_refused_by_name(self, text):
        assert problem(text) == "malformed"

    def test_errors_tell_nothing_of_the_token(self):
        authorization = f"vapid t={token()}, k={KEY.public_text}"
        with pytest.raises(VapidTokenError) as caught:
            verify(authorization, MOZILLA, NOW)
        assert str(caught.value) == "wrong_audience"
        assert repr(caught.value) == "VapidTokenError('wrong_audience')"
