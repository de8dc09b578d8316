"""The settings as aiokafka's options, and what deserves a warning."""

import ssl

import pytest
from structlog.testing import capture_logs

from tests.harness.certificate_files import PASSWORD, Files
from worker.config import load_kafka_settings
from worker.edges.kafka.login import login, warn_of_oddities


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def settings(**values):
    return load_kafka_settings({f"PUSHMILL_KAFKA_{name}": str(value) for name, value in values.items()})


def warnings(**values):
    with capture_logs() as lines:
        warn_of_oddities(settings(**values))
    assert all(line["log_level"] == "warning" for line in lines)
    return lines


def test_without_tls_and_sasl_there_is_nothing_to_say():
    assert login(settings()) == {"security_protocol": "PLAINTEXT"}
    assert warnings() == []


def test_a_certificate_is_shown_and_others_are_checked(files):
    options = login(
        settings(
            SECURITY_PROTOCOL="SSL",
            SSL_CAFILE=files.ca,
            SSL_CERTFILE=files.certificate,
            SSL_KEYFILE=files.encrypted(),
            SSL_KEY_PASSWORD=PASSWORD,
        )
    )
    context = options.pop("ssl_context")
    assert options == {"security_protocol": "SSL"}
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats()["x509_ca"] == 1


def test_a_file_that_is_replaced_meanwhile_fails_nobody(files):
    given = settings(SECURITY_PROTOCOL="SSL", SSL_CERTFILE=files.certificate, SSL_KEYFILE=files.key)
    first = login(given)["ssl_context"]
    files.key.write_bytes(b"half of a new k")
    assert login(given)["ssl_context"] is first


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_password_is_handed_over(mechanism):
    given = {"SASL_MECHANISM": mechanism, "SASL_USERNAME": "mill", "SASL_PASSWORD": PASSWORD}
    assert login(settings(SECURITY_PROTOCOL="SASL_PLAINTEXT", **given)) == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "mill",
        "sasl_plain_password": PASSWORD,
    }


def test_what_is_set_and_not_used_is_one_line_that_names_it(files):
    (line,) = warnings(SASL_USERNAME="mill", SASL_PASSWORD=PASSWORD, SSL_CAFILE=files.ca)
    assert line["event"] == "settings for the login to Kafka are not used"
    assert line["settings"] == [
        *("PUSHMILL_KAFKA_SASL_USERNAME", "PUSHMILL_KAFKA_SASL_PASSWORD", "PUSHMILL_KAFKA_SSL_CAFILE")
    ]
    assert PASSWORD not in str(line)


def test_a_client_certificate_that_has_ended_is_said(files):
    given = {"SECURITY_PROTOCOL": "SSL", "SSL_CERTFILE": files.expired(), "SSL_KEYFILE": files.expired_key}
    (line,) = warnings(**given)
    assert line["event"] == "the client certificate for Kafka has expired"
    assert (line["setting"], line["at"][:10]) == ("PUSHMILL_KAFKA_SSL_CERTFILE", "2020-01-02")
    given = {"SSL_CERTFILE": files.certificate, "SSL_KEYFILE": files.key}
    assert warnings(SECURITY_PROTOCOL="SSL", **given) == []


def test_a_token_that_anybody_can_read_is_said(tmp_path):
    path = tmp_path / "token"
    path.write_text("abc")
    given = {"SASL_MECHANISM": "OAUTHBEARER", "SASL_OAUTH_TOKEN_FILE": path}
    (line,) = warnings(SECURITY_PROTOCOL="SASL_PLAINTEXT", **given)
    assert "unencrypted" in line["event"]
    assert warnings(SECURITY_PROTOCOL="SASL_SSL", **given) == []
