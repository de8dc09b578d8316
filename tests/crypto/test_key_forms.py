"""Every form in which other programs keep a VAPID key, and everything that only looks like one."""

import contextlib
import json
import subprocess
from base64 import b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from crypto import base64url
from crypto.errors import VapidKeyError, VapidPasswordError
from crypto.key_forms import parse_public_key, read_vapid_key
from crypto.keys import public_point
from crypto.vapid import generate_vapid_key, load_vapid_key

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PRIVATE = ec.derive_private_key(2**255 - 19, ec.SECP256R1())  # fixed, for it is in the names of tests
KEY = load_vapid_key(PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
PASSWORD = b"open sesame"
numbers = st.integers(1, N - 1) | st.integers(1, 2**230) | st.integers(N - 50, N - 1)


def raw(private):
    return private.private_numbers().private_value.to_bytes(32)


def public_text(private):
    return base64url.encode(public_point(private))


def der(private, form=PrivateFormat.PKCS8, encryption=None):
    return private.private_bytes(Encoding.DER, form, encryption or NoEncryption())


def pem(private, form=PrivateFormat.PKCS8, encryption=None):
    return private.private_bytes(Encoding.PEM, form, encryption or NoEncryption())


SEC1 = PrivateFormat.TraditionalOpenSSL
PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


def bare_sec1(private, point=b""):
    body = b"\x02\x01\x01\x04\x20" + raw(private) + (b"\xa1\x44\x03\x42\x00" + point if point else b"")
    return b"\x30" + bytes([len(body)]) + body


def jwk(private, **more):
    point = public_point(private)
    x, y = base64url.encode(point[1:33]), base64url.encode(point[33:])
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "d": base64url.encode(raw(private)), **more}


def web_push(private, **more):
    return {"publicKey": public_text(private), "privateKey": base64url.encode(raw(private)), **more}


def as_json(tree, **options):
    return json.dumps(tree, **options).encode()


FORMS = {
    "base64url": lambda private: base64url.encode(raw(private)).encode(),
    "base64url on a line": lambda private: base64url.encode(raw(private)).encode() + b"\r\n",
    "base64": lambda private: b64encode(raw(private)),
    "in quotes": lambda private: b'"' + base64url.encode(raw(private)).encode() + b'"\n',
    "hex": lambda private: raw(private).hex().encode(),
    "PowerShell's UTF-16": lambda private: base64url.encode(raw(private)).encode("utf-16"),
    "byte order mark": lambda private: b"\xef\xbb\xbf" + pem(private),
    "zero in front": lambda private: base64url.encode(b"\0" + raw(private)).encode(),
    "web-push": lambda private: as_json(web_push(private), indent=2),
    "web-push without public key": lambda private: as_json({"privateKey": web_push(private)["privateKey"]}),
    "snake case": lambda private: as_json({"private_key": pem(private).decode(), "type": "x"}),
    "JWK": lambda private: as_json(jwk(private, ext=True, key_ops=["sign"])),
    "JWK without point": lambda private: as_json({n: v for n, v in jwk(private).items() if n not in "xy"}),
    "JWK set": lambda private: as_json({"keys": [jwk(private), {"kty": "RSA", "n": "AQAB"}]}),
    "DER SEC1": lambda private: der(private, SEC1),
    "DER PKCS8": der,
    "DER SEC1 without curve": bare_sec1,
    "DER SEC1 without curve, with point": lambda private: bare_sec1(private, public_point(private)),
    "base64 of DER": lambda private: b64encode(der(private)),
    "PEM SEC1": lambda private: pem(private, SEC1),
    "PEM PKCS8": pem,
    "PEM with parameters": lambda private: PARAMETERS + pem(private, SEC1),
    "PEM with its public key": lambda private: pem(private) + private.public_key().public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    ),
    "PEM with CRLF": lambda private: pem(private).replace(b"\n", b"\r\n"),
    "PEM with CR": lambda private: pem(private).replace(b"\n", b"\r"),
    "PEM with backslash n": lambda private: pem(private).replace(b"\n", b"\\n"),
    "PEM with backslash r n": lambda private: (PARAMETERS + pem(private, SEC1)).replace(b"\n", b"\\r\\n"),
    "PEM in quotes": lambda private: b'"' + pem(private).replace(b"\n", b"\\n") + b'"',
    "PEM on one line": lambda private: pem(private).replace(b"\n", b" "),
    "PEM without breaks": lambda private: pem(private).replace(b"\n", b""),
    "PEM indented": lambda private: b"    " + pem(private).replace(b"\n", b"\n    "),
    "PEM below a remark": lambda private: b"Bag Attributes\n    friendlyName: vapid\n" + pem(private),
    "Kubernetes Secret": lambda private: b64encode(pem(private)),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@given(number=numbers)
def test_every_form_is_read(form, number):
    private = ec.derive_private_key(number, ec.SECP256R1())
    key = read_vapid_key(FORMS[form](private), public=public_point(private))
    assert key.public == public_point(private)
    assert read_vapid_key(key.to_pem()).public == key.public


@pytest.mark.parametrize("form", FORMS)
def test_another_public_key_is_refused_with_both_named(form):
    data, other = FORMS[form](PRIVATE), generate_vapid_key()
    with pytest.raises(VapidKeyError) as caught:
        read_vapid_key(data, public=other.public)
    assert KEY.public_text in str(caught.value)
    assert other.public_text in str(caught.value)
    assert not tells(str(caught.value), PRIVATE)


def tells(text, private):
    """Whether a message contains a part of a private key, however it is written."""
    forms = (base64url.encode(raw(private)), b64encode(raw(private)).decode(), raw(private).hex())
    return any(form[at : at + 8] in text for form in forms for at in range(len(form) - 8))


ENCRYPTED = {
    "PKCS8 PEM": pem(PRIVATE, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD)),
    "PKCS8 DER": der(PRIVATE, PrivateFormat.PKCS8, BestAvailableEncryption(PASSWORD)),
    "old PEM": pem(PRIVATE, SEC1, BestAvailableEncryption(PASSWORD)),
    "old PEM with CRLF": pem(PRIVATE, SEC1, BestAvailableEncryption(PASSWORD)).replace(b"\n", b"\r\n"),
    "old PEM on one line": pem(PRIVATE, SEC1, BestAvailableEncryption(PASSWORD)).replace(b"\n", b" "),
}


@pytest.mark.parametrize("form", ENCRYPTED)
def test_encrypted_forms(form):
    assert read_vapid_key(ENCRYPTED[form], password=PASSWORD).public == KEY.public
    with pytest.raises(VapidPasswordError, match="its password is needed"):
        read_vapid_key(ENCRYPTED[form])
    for wrong in (b"", b"sesame"):
        with pytest.raises(VapidPasswordError) as caught:
            read_vapid_key(ENCRYPTED[form], password=wrong)
        assert "sesame" not in str(caught.value)


@pytest.mark.parametrize("form", FORMS)
def test_a_password_that_is_not_needed_does_no_harm(form):
    assert read_vapid_key(FORMS[form](PRIVATE), password=PASSWORD).public == KEY.public


def test_leading_zeros_that_were_left_out_need_the_public_key():
    private = ec.derive_private_key(2**240 - 7, ec.SECP256R1())
    cut = base64url.encode(raw(private).lstrip(b"\0")).encode()
    with pytest.raises(VapidKeyError, match=r"30 bytes, not 32.*public key"):
        read_vapid_key(cut)
    assert read_vapid_key(cut, public=public_point(private)).public == public_point(private)
    tree = web_push(private, privateKey=cut.decode())
    assert read_vapid_key(as_json(tree)).public == public_point(private)


@pytest.mark.parametrize("length", [29, 30, 31])
def test_a_number_that_is_cut_off_is_not_taken(length):
    with pytest.raises(VapidKeyError, match="is not the one of the public key"):
        read_vapid_key(base64url.encode(raw(PRIVATE)[:length]).encode(), public=KEY.public)


P384 = ec.generate_private_key(ec.SECP384R1())
K256 = ec.generate_private_key(ec.SECP256K1())
OTHER = generate_vapid_key().signer.private_key
POINT = base64url.encode(KEY.public)
SPKI = PublicFormat.SubjectPublicKeyInfo
COMPRESSED = PRIVATE.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
K256_PARAMETERS = PARAMETERS.replace(b"BggqhkjOPQMBBw==", b"BgUrgQQACg==")


def encoded(number):
    return base64url.encode(number.to_bytes(32)).encode()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"nonsense!", "in any form known here"),
        (b"\x00\x01\x02", "not a private key in any form"),
        (b"A" * 65_537, "larger than 65536"),
        # numbers
        (encoded(0), "not from 1 to n - 1"),
        (encoded(N), "not from 1 to n - 1"),
        (encoded(2**256 - 1), "not from 1 to n - 1"),
        (bytes(31) + b"\xff", None),
        (N.to_bytes(32), "not from 1 to n - 1"),
        (b"AAAA", "holds 3 bytes"),
        (base64url.encode(raw(PRIVATE) + b"\1").encode(), "holds 33 bytes"),
        (base64url.encode(b"\1" + raw(PRIVATE)).encode(), "holds 33 bytes"),
        # public keys
        (POINT.encode(), "holds a public key"),
        (as_json({"publicKey": POINT}), "holds a public key"),
        (as_json({n: v for n, v in jwk(PRIVATE).items() if n != "d"}), "holds a public key"),
        (PRIVATE.public_key().public_bytes(Encoding.PEM, SPKI), "holds a public key"),
        (PRIVATE.public_key().public_bytes(Encoding.DER, SPKI), "holds a public key"),
        (base64url.encode(COMPRESSED).encode(), "holds a public key"),
        # other keys
        (pem(P384), "is on the curve secp384r1, must be P-256"),
        (der(P384, SEC1), "is on the curve secp384r1, must be P-256"),
        (der(K256, SEC1), "is on the curve secp256k1, must be P-256"),
        (K256_PARAMETERS + pem(PRIVATE, SEC1), "is on another curve"),
        (pem(rsa.generate_private_key(65537, 2048)), "is not an elliptic curve key"),
        (pem(rsa.generate_private_key(65537, 2048), SEC1), "another kind of key"),
        (pem(ed25519.Ed25519PrivateKey.generate()), "is not an elliptic curve key"),
        (PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()), "ssh-keygen"),
        (as_json(jwk(PRIVATE, crv="P-384")), "a JWK on another curve"),
        (as_json(jwk(PRIVATE, kty="OKP")), "not of an elliptic curve key"),
        (as_json(jwk(PRIVATE, kty=["EC"])), "not of an elliptic curve key"),
        # damage
        (pem(PRIVATE)[:-40], "cut off"),
        (pem(PRIVATE).replace(b"\nM", b"\n?", 1), "not base64"),
        (pem(PRIVATE).replace(b"\nM", b"\nX", 1), "is damaged"),
        (der(PRIVATE)[:-1], "is damaged"),
        (der(PRIVATE, SEC1).replace(raw(PRIVATE), raw(OTHER)), "is damaged"),
        (der(PRIVATE, SEC1).replace(raw(PRIVATE), bytes(32)), "number is not from 1 to n - 1"),
        (bare_sec1(PRIVATE, public_point(OTHER)), "is not the one of the public key"),
        (pem(PRIVATE) + pem(OTHER), "holds 2 keys"),
        (pem(PRIVATE) * 17, "more than 16 blocks"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "without a private key"),
        # JSON
        (b"{", "is not JSON"),
        (b'{"a":' * 10_000, "is not JSON"),
        (b"{}", "JSON without a privateKey"),
        (as_json({"privateKey": 5}), "JSON without a privateKey"),
        (as_json({"privateKey": ""}), "is empty"),
        (as_json(web_push(PRIVATE, publicKey=public_text(OTHER))), "is not the one of the public key"),
        (as_json(web_push(PRIVATE, publicKey="AAAA")), "is not a public key"),
        (as_json(jwk(PRIVATE, d=None)), "d is not base64url"),
        (as_json(jwk(PRIVATE, d="?")), "d is not base64url"),
        (as_json(jwk(PRIVATE, x="?")), "x and y"),
        (as_json(jwk(PRIVATE, y=None)), "x and y"),
        (as_json(jwk(PRIVATE, x="A" * 44)), "x and y"),
        (as_json(jwk(PRIVATE, x=jwk(OTHER)["x"])), "is not the one of the public key"),
        (as_json({"keys": []}), "0 private keys"),
        (as_json({"keys": [jwk(PRIVATE), jwk(OTHER)]}), "2 private keys"),
        (b64encode(b64encode(b64encode(b64encode(pem(PRIVATE))))), "holds [0-9]+ bytes"),
        (as_json({"privateKey": as_json({"privateKey": as_json({"privateKey": POINT}).decode()}).decode()}),
         "several times over"),
    ],
)  # fmt: skip
def test_what_is_not_a_key_of_use(data, problem):
    if problem is None:
        assert read_vapid_key(data)
        return
    with pytest.raises(VapidKeyError, match=problem) as caught:
        read_vapid_key(data)
    assert len(str(caught.value)) < 400
    assert caught.value.__cause__ is None
    for private in (PRIVATE, OTHER, P384):
        number = private.private_numbers().private_value
        assert base64url.encode(number.to_bytes(48))[20:30] not in str(caught.value)
    assert not tells(str(caught.value), PRIVATE)
    assert not tells(str(caught.value), OTHER)


@pytest.mark.parametrize("option", ["", "-param_enc explicit"])
def test_what_openssl_makes(option):
    command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", *option.split()]
    try:
        made = subprocess.run(command, capture_output=True, check=True).stdout
    except FileNotFoundError:
        pytest.skip("no openssl on this machine (to install: apt-get install openssl)")
    assert made.startswith(b"-----BEGIN EC PARAMETERS-----")
    assert len(read_vapid_key(made).public) == 65


@given(st.binary(max_size=200), st.none() | st.binary(max_size=5))
def test_any_bytes_give_a_key_or_the_documented_error(data, password):
    with contextlib.suppress(VapidKeyError):
        assert len(read_vapid_key(data, password=password).public) == 65


PUBLIC = [POINT, POINT + "=", f" {POINT}\n", b64encode(KEY.public).decode()]


@pytest.mark.parametrize("text", PUBLIC, ids=range(len(PUBLIC)))  # keys are new in each process
def test_public_keys(text):
    assert parse_public_key(text) == KEY.public


def test_a_compressed_public_key():
    assert parse_public_key(base64url.encode(COMPRESSED)) == KEY.public


NOT_PUBLIC = ["", "?", "AAAA", base64url.encode(raw(PRIVATE)), POINT[:-4], "A" * 87]


@pytest.mark.parametrize("text", NOT_PUBLIC, ids=range(len(NOT_PUBLIC)))
def test_what_is_not_a_public_key(text):
    with pytest.raises(VapidKeyError, match="is not a public key") as caught:
        parse_public_key(text)
    assert not tells(str(caught.value), PRIVATE)
