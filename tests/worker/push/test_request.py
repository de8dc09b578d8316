import pytest

from worker.push.request import PushHeaders, PushRequest, push_headers
from worker.push.services import Endpoints, PushService
from worker.records.job import Urgency

ENDPOINTS = Endpoints(any_host=True)
BY_SERVICE = {
    PushService.FCM: "https://fcm.googleapis.com/fcm/send/abc:s3cret",
    PushService.MOZILLA: "https://updates.push.services.mozilla.com/wpush/v2/s3cret",
    PushService.WNS: "https://db5p.notify.windows.com/w/?token=s3cret%2f%2b",
    PushService.APPLE: "https://web.push.apple.com/s3cret",
    PushService.OTHER: "https://push.example/s3cret",
}
services = pytest.mark.parametrize("service", PushService)


def headers(service=PushService.MOZILLA, **given):
    arguments = {
        "authorization": "vapid t=s3cret, k=key",
        "content_type": "application/json",
        "ttl": 60,
        "urgency": Urgency.NORMAL,
        "topic": None,
    }
    return push_headers(service, **arguments | given)


def test_every_service_is_tried_here():
    assert {ENDPOINTS.parse(url).origin.service for url in BY_SERVICE.values()} == set(PushService)


@services
def test_the_headers_of_a_push(service):
    found = dict(headers(service))
    assert found.pop("X-WNS-Cache-Policy", None) == ("cache" if service is PushService.WNS else None)
    assert found == {
        "TTL": "60",
        "Urgency": "normal",
        "Authorization": "vapid t=s3cret, k=key",
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/json",
    }


@services
def test_an_empty_body_has_neither_encoding_nor_type(service):
    assert not {"Content-Encoding", "Content-Type"} & headers(service, content_type=None).keys()


def test_a_topic_goes_along_if_there_is_one():
    assert headers(topic="promo-42")["Topic"] == "promo-42"
    assert "Topic" not in headers()


@services
@pytest.mark.parametrize("urgency", Urgency)
def test_urgency_is_what_the_job_says_but_never_very_low_to_fcm(service, urgency):
    lowered = service is PushService.FCM and urgency is Urgency.VERY_LOW
    assert headers(service, urgency=urgency)["Urgency"] == ("low" if lowered else urgency.value)


@services
@pytest.mark.parametrize("ttl", [0, 1, 2_419_200])
def test_only_wns_is_told_a_cache_policy_and_it_fits_the_ttl(service, ttl):
    found = headers(service, ttl=ttl)
    assert found["TTL"] == str(ttl)
    policy = ("cache" if ttl else "no-cache") if service is PushService.WNS else None
    assert found.get("X-WNS-Cache-Policy") == policy


def test_headers_are_shared_by_what_has_the_same_ones_and_cannot_be_changed():
    first, second, other = headers(), headers(), headers(urgency=Urgency.HIGH)
    assert first is second
    assert first != other
    assert all(type(value) is str for value in first.values())
    with pytest.raises(TypeError):
        first["TTL"] = "0"


def test_headers_as_lines():
    assert PushHeaders({"TTL": "60", "Urgency": "low"}).lines == b"TTL: 60\r\nUrgency: low\r\n"
    assert PushHeaders({}).lines == b""


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\nX: y", "a\rX: y", "é", "\r\n"])
@pytest.mark.parametrize("name", [True, False])
def test_a_header_that_could_be_taken_for_another_has_no_lines(value, name):
    headers = PushHeaders({value: "60"} if name else {"TTL": value})
    for _ in range(2):
        with pytest.raises(ValueError, match=r"."):
            _ = headers.lines


def test_a_request_shows_no_secret():
    made = [PushRequest(ENDPOINTS.parse(url), headers(), b"s3cret") for url in BY_SERVICE.values()]
    assert "s3cret" not in f"{made} {[str(each) for each in made]} {headers()}"
