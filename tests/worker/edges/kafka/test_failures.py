"""Every reason why a connection cannot be made, in one line without a text of the other side."""

import os
import socket
import ssl

import aiohttp
import pytest
from aiokafka.errors import (
    IllegalSaslStateError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    NodeNotReadyError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)
from hypothesis import given
from hypothesis import strategies as st

from worker.config import load_kafka_settings
from worker.edges.kafka import connections
from worker.edges.kafka.client import unreachable
from worker.edges.kafka.failures import remedy, why
from worker.edges.kafka.tokens import TokenError

SECRET = "hunter2"


def caused(error, cause):
    error.__cause__ = cause
    return error


def untrusted():
    error = ssl.SSLCertVerificationError(1, SECRET)
    error.verify_message = "self-signed certificate"
    return error


WORDS = [
    (socket.gaierror(-2, SECRET), "its name does not resolve", "BOOTSTRAP_SERVERS"),
    (UnicodeError(SECRET), "its name is none that can be resolved", "BOOTSTRAP_SERVERS"),
    (ConnectionRefusedError(111, SECRET), "it refuses connections", "BOOTSTRAP_SERVERS"),
    (ConnectionResetError(104, SECRET), "it closes the connection", "SECURITY_PROTOCOL"),
    (TimeoutError(), "it does not answer in time", "BOOTSTRAP_SERVERS"),
    (OSError(113, "No route to host"), "No route to host", "BOOTSTRAP_SERVERS"),
    (untrusted(), "its certificate cannot be trusted (self-signed certificate)", "SSL_CAFILE"),
    (ssl.SSLError(1, SECRET), "TLS fails (SSLError)", "SSL_CAFILE"),
    (SaslAuthenticationFailed(SECRET), "it refuses the login", "SASL_MECHANISM"),
    (IllegalSaslStateError(SECRET), "it refuses the login", "SASL_MECHANISM"),
    (UnsupportedSaslMechanismError(SECRET), "it does not offer this SASL mechanism", "SASL_MECHANISM"),
    (IncompatibleBrokerVersion(SECRET), "its version does not know a request that is needed", "older"),
    (TokenError("PUSHMILL_X: no token"), "PUSHMILL_X: no token", "without a token"),
    (KafkaConnectionError(SECRET), "it closes the connection", "SECURITY_PROTOCOL"),
    (NodeNotReadyError(SECRET), "NodeNotReadyError", "BOOTSTRAP_SERVERS"),
    (AssertionError(SECRET), "unexpected AssertionError", "BOOTSTRAP_SERVERS"),
]


@pytest.mark.parametrize(("error", "words", "check"), WORDS, ids=lambda value: type(value).__name__)
def test_a_failure_is_told_in_words(error, words, check):
    assert why(error) == words
    assert why(caused(KafkaConnectionError(SECRET), error)) == words
    assert check in remedy(error, advertised=False)
    assert SECRET not in why(error) + remedy(error, advertised=False)


def test_aiohttp_s_reason_is_found():
    key = aiohttp.client_reqrep.ConnectionKey("x", 443, True, True, None, None, None)
    error = aiohttp.ClientConnectorDNSError(key, socket.gaierror(-2, SECRET))
    assert why(error) == "its name does not resolve"


def test_a_chain_that_bites_its_tail_has_an_end():
    one, other = KafkaError("one"), KafkaError("other")
    caused(one, caused(other, one))
    assert why(one) == "KafkaError"


@pytest.fixture
def failures(monkeypatch):
    found = {}
    monkeypatch.setattr(connections, "failures", found)
    return found


def settings(**values):
    given = {"BOOTSTRAP_SERVERS": "a:1,b:2,c:3"} | values
    return load_kafka_settings({f"PUSHMILL_KAFKA_{name}": value for name, value in given.items()})


def test_what_all_brokers_have_in_common_is_said_once(failures):
    failures |= {"a:1": ConnectionRefusedError(), "b:2": ConnectionRefusedError()}
    text = str(unreachable(settings(), KafkaConnectionError("Unable to bootstrap")))
    assert text.startswith(
        "cannot use Kafka at a:1,b:2,c:3 (it refuses connections): is it running, and are "
    )


def test_what_differs_is_said_of_each(failures):
    failures |= {"a:1": ConnectionRefusedError(), "b:2": socket.gaierror(-2, "x")}
    text = str(unreachable(settings(), KafkaConnectionError("Unable to bootstrap")))
    assert "(a:1: it refuses connections; b:2: its name does not resolve): is it running" in text


def test_a_server_that_was_named_without_a_port_is_not_an_advertised_one(failures, monkeypatch):
    monkeypatch.setenv("PUSHMILL_KAFKA_BOOTSTRAP_SERVERS", "a, b")
    failures |= {"a:9092": ConnectionRefusedError(), "b:9092": ConnectionRefusedError()}
    text = str(unreachable(load_kafka_settings(os.environ), KafkaConnectionError("Unable to bootstrap")))
    assert "advertise" not in text
    assert "(it refuses connections): is it running" in text


def test_what_a_broker_advertises_is_at_fault_if_one_was_reached(failures):
    failures |= {"a:1": ConnectionRefusedError(), "kafka-0.internal:9092": socket.gaierror(-2, "x")}
    for error in (NodeNotReadyError("no"), UnknownTopicOrPartitionError(), TimeoutError()):
        text = str(unreachable(settings(), error))
        assert "(kafka-0.internal:9092, which it advertises: its name does not resolve): " in text
        assert "advertised.listeners" in text


def test_an_answer_is_no_failure_to_connect(failures):
    failures["a:1"] = ConnectionRefusedError()
    text = str(unreachable(settings(), TopicAuthorizationFailedError("push.jobs")))
    assert "(TopicAuthorizationFailedError)" in text


def test_what_is_set_and_not_used_is_named(failures):
    text = str(unreachable(settings(SASL_USERNAME="mill", SASL_PASSWORD=SECRET), KafkaConnectionError("x")))
    assert text.endswith(" (set but not used: PUSHMILL_KAFKA_SASL_USERNAME, PUSHMILL_KAFKA_SASL_PASSWORD)")
    assert SECRET not in text


ERRORS = st.sampled_from([error for error, _, _ in WORDS])


@given(st.dictionaries(st.sampled_from(["a:1", "b:2", "c:3", "d:4", "e:5"]), ERRORS), ERRORS)
def test_any_failures_make_one_line(found, error):
    connections.failures.clear()
    connections.failures.update(found)
    text = str(unreachable(settings(), error))
    connections.failures.clear()
    assert text.startswith("cannot use Kafka at a:1,b:2,c:3 (")
    assert "\n" not in text
    assert SECRET not in text
    assert len(text) < 700
