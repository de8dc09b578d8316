"""`pushmill campaigns sites`: what its owner is told, and what is refused."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from campaigns.commands import site_words
from campaigns.model.scope import Permission
from crypto.vapid import generate_vapid_key
from tests.campaigns.operations.support import subscription

NEWS = '{"field": "tag", "op": "eq", "value": "news"}'


def test_a_site_is_told_in_the_shape_that_programs_read(added):
    assert list(added) == ["site", "vapid_key", "ids", "credentials", "vapid_public_key", "snippet"]
    assert (added["site"], added["vapid_key"]) == ("site_1", "shop")
    assert added["ids"] == {
        "sendpulse": "1",
        "pushary": "site_1",
        "truepush": "000000000000000000000001",
        "pushpilot": "1",
        "pushwoosh": "00000-00001",
    }
    assert {name: sorted(parts) for name, parts in added["credentials"].items()} == {
        "own": ["key"],
        "sendpulse": ["client_id", "client_secret"],
        "pushary": ["key"],
        "truepush": ["token"],
        "pushpilot": ["key"],
        "pushwoosh": ["api_token", "device_token"],
    }
    assert re.fullmatch(r"pk_[0-9a-f]{32}\.sk_[0-9a-f]{32}", added["credentials"]["pushary"]["key"])
    assert "connect-src https://push.example" in added["snippet"]
    assert added["vapid_public_key"] in added["snippet"]


def test_its_credentials_may_do_what_each_is_for(added, credential_of):
    tokens = added["credentials"]
    own = credential_of(tokens["own"]["key"])
    assert (own.site, Permission.ADMIN in own.scopes) == (None, False)
    assert credential_of(tokens["truepush"]["token"]).site == 1
    device = credential_of(tokens["pushwoosh"]["device_token"])
    assert (device.site, device.scopes) == (1, {Permission.SUBSCRIBERS})
    oauth = tokens["sendpulse"]
    assert credential_of(f"{oauth['client_id']}:{oauth['client_secret']}")


def test_what_a_customer_s_code_holds_is_taken_over(pushmill):
    ids = ("--as", "sendpulse:77123", "--as", "pushwoosh:AAAAA-BBBBB")
    found = pushmill.json("sites", "add", "https://shop.example", *ids)["ids"]
    assert (found["sendpulse"], found["pushwoosh"], found["pushpilot"]) == ("77123", "AAAAA-BBBBB", "1")


@pytest.mark.parametrize("text", ["77123", "own:7", "sendpulse:", "sendpulse: 7"])
def test_what_is_no_id_of_a_platform_is_refused(pushmill, text):
    assert pushmill.refused("sites", "add", "https://shop.example", "--as", text).startswith("--as ")
    assert pushmill.json("sites", "list")["data"] == []


def test_a_site_keeps_the_key_that_it_has(pushmill, tmp_path):
    key = generate_vapid_key()
    file = tmp_path / "old.pem"
    file.write_bytes(key.to_pem())
    arguments = ("sites", "add", "https://shop.example", "--key-file", file, "--public")
    other = generate_vapid_key().public_text
    assert "old.pem" in pushmill.refused(*arguments, other)
    assert pushmill.json(*arguments, key.public_text)["vapid_public_key"] == key.public_text


def test_mistakes_about_the_key_are_one_line(pushmill, tmp_path):
    file = tmp_path / "none.pem"
    assert "cannot be read" in pushmill.refused("sites", "add", "https://shop.example", "--key-file", file)
    file.write_text("no key")
    assert "none.pem" in pushmill.refused("sites", "add", "https://shop.example", "--key-file", file)
    assert "--key-file" in pushmill.refused("sites", "add", "https://shop.example", "--public", "x")


def test_a_key_s_name_is_taken_once(pushmill, added):
    told = pushmill.refused("sites", "add", "https://other.example", "--vapid-key", added["vapid_key"])
    assert told == "There is a key shop already; give this one another name."


@pytest.mark.parametrize("url", ["shop.example", "http://shop.example", "https://"])
def test_what_is_no_site_s_url_is_refused(pushmill, url):
    told = pushmill.refused("sites", "add", url)
    assert told == "url must be an https URL (https://shop.example)"


def test_pages_of_localhost_may_subscribe_with_dev(pushmill):
    pushmill("sites", "add", "https://shop.example/en", "--dev")
    origins = pushmill.json("sites", "show", "site_1")["origins"]
    assert origins == ["https://shop.example", "http://localhost:*"]


def test_identity_is_proved_unless_it_is_open(pushmill, added):
    secret = pushmill("sites", "show", added["site"], "--identity-secret").strip()
    assert re.fullmatch(r"[\w-]{43}", secret)
    assert pushmill.json("sites", "show", added["site"], "--identity-secret") == {"identity_secret": secret}
    pushmill("sites", "add", "https://open.example", "--identity", "open")
    assert "identity is open" in pushmill.refused("sites", "show", "site_2", "--identity-secret")


def test_an_identity_secret_that_cannot_be_opened_is_told(pushmill, added, monkeypatch):
    monkeypatch.setenv("PUSHMILL_CAMPAIGNS_SECRET", "t" * 32)
    told = pushmill.refused("sites", "show", added["site"], "--identity-secret")
    assert told.startswith("PUSHMILL_CAMPAIGNS_SECRET is another")


def test_sites_are_listed_and_shown(pushmill, added):
    listed = pushmill.json("sites", "list")
    assert listed["next_cursor"] is None
    assert [each["id"] for each in listed["data"]] == [added["site"]]
    assert pushmill("sites", "list").startswith("site_1        https://shop.example  shop")
    shown = pushmill("sites", "show", "site_1")
    assert added["vapid_public_key"] in shown
    assert pushmill.refused("sites", "show", "site_9") == "There is no such site."
    assert "such as site_7" in pushmill.refused("sites", "show", "1")


def test_people_are_told_the_same(pushmill):
    said = pushmill("sites", "add", "https://shop.example")
    assert "shown this once" in said
    assert re.search(r"^  own +key +pm_\w{40}$", said, re.MULTILINE)
    assert 'data-site="site_1"' in said


def test_people_are_told_of_no_platform_that_is_not_served(pushmill, monkeypatch):
    one_of_each = tuple(
        (SimpleNamespace(adapter=SimpleNamespace(name=name)),) for name in ("own", "pushwoosh")
    )
    monkeypatch.setattr(site_words, "ADAPTERS", one_of_each)
    said = pushmill("sites", "add", "https://shop.example")
    told = [line.split()[0] for line in said.splitlines() if line.startswith("  ")]
    assert told[:3] == ["own", "pushwoosh", "pushwoosh"]
    assert "ids         pushwoosh 00000-00001\n" in said
    assert "sendpulse" not in said


def test_a_second_site_for_the_same_pages_is_refused_unless_it_is_wanted(pushmill, added):
    told = pushmill.refused("sites", "add", "https://shop.example/en")
    assert told.startswith("site_1, https://shop.example, is there for these pages already: ")
    assert "--another" in told
    assert pushmill.json("sites", "add", "https://shop.example", "--another")["site"] == "site_2"
    assert pushmill.json("sites", "add", "https://www.shop.example")["site"] == "site_3"


def test_a_site_is_removed_with_all_that_hangs_on_it(pushmill, added, tmp_path):
    file = tmp_path / "all.jsonl"
    file.write_text(json.dumps({"subscription": subscription(), "external_id": "u", "hwid": "h"}))
    pushmill("subscribers", "import", file, "--site", "site_1", "--vapid-key", "shop")
    pushmill("segments", "add", "news", NEWS, "--site", "site_1", "--as", "truepush:5f0c1e9b8d3a4b0011223344")
    told = pushmill.refused("sites", "remove", "site_1")
    assert told == (
        "this would remove site_1, https://shop.example, with 1 subscriber, 0 campaigns, 1 segment, "
        "0 templates and 3 credentials: give --yes"
    )
    removed = pushmill.json("sites", "remove", "site_1", "--yes")
    assert removed == {
        "removed": "site_1",
        "subscribers": 1,
        "campaigns": 0,
        "segments": 1,
        "templates": 0,
        "credentials": 3,
    }
    assert pushmill.refused("sites", "show", "site_1") == "There is no such site."
    again = pushmill.json("sites", "add", "https://shop.example")
    assert again["site"] == "site_2"
    pushmill("segments", "add", "news", NEWS, "--site", "site_2", "--as", "truepush:5f0c1e9b8d3a4b0011223344")
    assert "There is a key shop already" in pushmill.refused(
        "sites", "add", "https://other.example", "--vapid-key", "shop"
    )


def test_a_site_whose_campaigns_are_being_sent_is_not_removed(pushmill, added):
    pushmill("send", added["site"], "--title", "Hello", "--url", "https://shop.example/", status=1)
    told = pushmill.refused("sites", "remove", added["site"], "--yes")
    assert told.startswith("Campaigns of this site are being sent; cancel them")


def test_without_settings_one_message_names_what_is_missing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "worker.cli", "campaigns", "sites", "list"],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    assert done.returncode == 2
    assert "PUSHMILL_CAMPAIGNS_DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_away_is_one_line(pushmill, monkeypatch):
    monkeypatch.setenv("PUSHMILL_CAMPAIGNS_DATABASE_URL", "postgresql://someone:hunter2@127.0.0.1:1/any")
    told = pushmill.refused("sites", "list", status=1)
    assert told.startswith("the database cannot be used")
    assert "hunter2" not in told
