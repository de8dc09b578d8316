"""`pushmill campaigns doctor`: what it looks at, against a site and a service that are there or not."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from campaigns.commands import doctor as doctors

WORKER = b'importScripts("/sdk/worker.js");'


class Site(BaseHTTPRequestHandler):
    """A site with a policy, its worker file, and the service's script on the same port."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript")
        self.send_header("Content-Security-Policy", "script-src 'none'")
        self.send_header("Content-Length", str(len(WORKER)))
        self.end_headers()
        self.wfile.write(WORKER)

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def server():
    with ThreadingHTTPServer(("localhost", 0), Site) as serving:
        thread = Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://localhost:{serving.server_port}"
        serving.shutdown()
        thread.join()


@pytest.fixture
def site(pushmill, server, monkeypatch, tmp_path):
    monkeypatch.setenv("PUSHMILL_CAMPAIGNS_PUBLIC_URL", server)
    monkeypatch.setenv("PUSHMILL_VAPID_DIR", str(tmp_path / "vapid"))
    return pushmill.json("sites", "add", server)["site"]


def results(output):
    found = json.loads(output)
    return found["ok"], {each["check"]: each["result"] for each in found["checks"]}


def examine(pushmill, *arguments, status):
    return results(pushmill.output("doctor", *arguments, "--json", status=status))


def test_what_is_wrong_is_told_apart_from_what_is_well(pushmill, site):
    well, found = examine(pushmill, site, status=1)
    assert not well
    assert found == {
        "database": "ok",
        "kafka": "wrong",
        "key": "wrong",
        "origins": "ok",
        "public url": "ok",
        "policy": "wrong",
        "worker script": "ok",
    }
    pushmill("keys", "sync", "vapid", "--once")
    assert examine(pushmill, site, status=1)[1]["key"] == "ok"
    assert "wrong    kafka" in pushmill.output("doctor", site, status=1)


def test_all_is_well_where_kafka_answers(pushmill, site, monkeypatch):
    async def there(*_needed):
        """Find every topic."""

    monkeypatch.setattr(doctors, "require_topics", there)
    monkeypatch.setattr(Site, "send_header", _without_policy(Site.send_header))
    pushmill("keys", "sync", "vapid", "--once")
    well, found = examine(pushmill, site, status=0)
    assert (well, {*found.values()}) == (True, {"ok"})


def _without_policy(send_header):
    def send(self, name, value):
        if name != "Content-Security-Policy":
            send_header(self, name, value)

    return send


def test_a_site_that_is_away_is_told(pushmill, added):
    found = examine(pushmill, added["site"], status=1)[1]
    assert (found["worker script"], found["policy"], found["key"]) == ("wrong", "unknown", "unknown")


def test_a_test_push_to_nobody_is_told(pushmill, added):
    assert "the subscriber is not active" in pushmill.output(
        "doctor", added["site"], "--to", "sub_1", status=1
    )


def test_a_test_push_that_cannot_be_sent_is_told(pushmill, site):
    told = pushmill.output("doctor", site, "--to", "sub_1", status=1)
    assert "it cannot be sent: content.url is not an absolute https URL" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("7",), "SITE should be a site's id, such as site_7"),
        (("site_9",), "There is no such site."),
        (("site_1", "--to", "7"), "--to should be a subscriber's id, such as sub_7"),
    ],
)
def test_mistakes_are_one_line(pushmill, arguments, told):
    assert pushmill.refused("doctor", *arguments) == told
