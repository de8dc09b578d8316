import os
import ssl
import sys
from datetime import UTC, datetime

import pytest

from tests.harness.certificate_files import PASSWORD, TRADITIONAL, Files
from worker.certificates import CertificateError, KeyFileError, expiry, load_authorities, load_pair


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def context() -> ssl.SSLContext:
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def test_authorities_are_trusted(files):
    made = context()
    load_authorities(made, files.ca)
    assert made.cert_store_stats()["x509_ca"] == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "has no certificates"), (b"hello", "has no certificates"), (None, "has no certificates")],
)
def test_a_file_without_certificates_is_refused(files, content, problem):
    path = files.key if content is None else files.write("x.pem", content)
    with pytest.raises(CertificateError, match=problem):
        load_authorities(context(), path)
    with pytest.raises(CertificateError, match=problem):
        load_pair(context(), path, files.key, None)
    with pytest.raises(CertificateError, match=problem):
        expiry(path)


def unreadable(files, kind):
    if kind == "folder":
        return files.folder
    path = files.folder / "nowhere.pem"
    if kind == "forbidden":
        path.symlink_to("/proc/self/mem")  # opens, but reading its start fails even for root
    return path


@pytest.mark.parametrize("kind", ["folder", "missing", "forbidden"])
def test_a_file_that_cannot_be_read_is_said(files, kind):
    path = unreadable(files, kind)
    for attempt in (
        lambda: load_authorities(context(), path),
        lambda: load_pair(context(), path, files.key, None),
        lambda: expiry(path),
    ):
        with pytest.raises(CertificateError, match=r"cannot be read|has no certificates"):
            attempt()
    with pytest.raises(KeyFileError, match=r"cannot be read|has no private key"):
        load_pair(context(), files.certificate, path, None)


@pytest.mark.parametrize("password", [None, "", "needless"])
def test_a_pair_is_loaded(files, password):
    load_pair(context(), files.certificate, files.key, password)


def test_an_encrypted_key_is_decrypted(files):
    for path in (files.encrypted(), files.encrypted(TRADITIONAL)):
        load_pair(context(), files.certificate, path, PASSWORD)


@pytest.mark.parametrize(
    ("password", "problem"),
    [
        (None, "is encrypted, and there is no password"),
        ("", "is encrypted, and there is no password"),
        ("wrong", "cannot be decrypted with the password"),
        ("x" * 1024, "has a password of more than 1023 bytes"),
    ],
)
def test_without_the_right_password_it_is_refused(files, password, problem):
    for path in (files.encrypted(), files.encrypted(TRADITIONAL)):
        with pytest.raises(KeyFileError, match=problem) as caught:
            load_pair(context(), files.certificate, path, password)
        assert caught.value.password


def test_nothing_is_asked_on_the_terminal(files):
    """OpenSSL would open the terminal and wait, had it no callback."""
    leader, follower = os.openpty()
    program = (
        "import os, ssl, sys; from pathlib import Path; os.setsid(); os.open(sys.argv[3], os.O_RDWR)\n"
        "from worker.certificates import load_pair\n"
        "load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), Path(sys.argv[1]), Path(sys.argv[2]), None)"
    )
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-c", program, files.certificate, files.encrypted(), os.ttyname(follower)],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, follower, fd) for fd in (0, 1, 2)],
    )
    _, status = os.waitpid(pid, 0)
    os.close(follower)
    said = os.read(leader, 100_000).decode()
    os.close(leader)
    assert os.waitstatus_to_exitcode(status) == 1
    assert "is encrypted, and there is no password" in said
    assert "pass phrase" not in said


def test_the_key_of_another_certificate_is_refused(files):
    for path in (files.anothers(), files.rsa()):
        with pytest.raises(KeyFileError, match="is the key of another certificate") as caught:
            load_pair(context(), files.certificate, path, None)
        assert not caught.value.password


def test_a_file_without_a_key_is_refused(files):
    for path in (
        files.certificate,
        files.der(),
        files.write("empty.pem", b""),
        files.write("x.pem", b"hello"),
    ):
        with pytest.raises(KeyFileError, match="has no private key; use a PEM file"):
            load_pair(context(), files.certificate, path, PASSWORD)


def test_a_key_cut_short_is_refused(files):
    path = files.write("cut.pem", files.key.read_bytes()[:100])
    with pytest.raises(KeyFileError, match="has no private key"):
        load_pair(context(), files.certificate, path, None)


def test_the_end_of_a_certificate_is_read(files):
    assert expiry(files.expired()) == datetime(2020, 1, 2, tzinfo=UTC)
    assert expiry(files.certificate) > datetime(2026, 1, 1, tzinfo=UTC)
