"""`pushmill campaigns subscribers`: what is imported, rejected and exported, and what mistakes are told."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from campaigns.commands import progress, subscribers
from campaigns.model.scope import Permission, Scope
from campaigns.store.accounts import first_account
from campaigns.store.database import Database, DatabaseAwayError
from tests.campaigns.operations.support import make_site, service_over, subscription
from worker.commands.pushmill import app

KEY = "shop"


@pytest.fixture
def site(database_url, monkeypatch, tmp_path):
    """The id of a site of the first account, with the settings that lead there."""
    monkeypatch.setenv("PUSHMILL_CAMPAIGNS_DATABASE_URL", database_url)
    monkeypatch.setenv("PUSHMILL_CAMPAIGNS_SECRET", "s" * 32)
    monkeypatch.setenv("PUSHMILL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.chdir(tmp_path)
    return f"site_{asyncio.run(add_site(database_url))}"


async def add_site(url):
    async with Database(url) as database:
        async with database.connection() as connection:
            account = await first_account(connection)
        scope = Scope(account, None, None, frozenset({Permission.ADMIN}))
        return (await make_site(scope, service_over(database), vapid_key=KEY)).site.id


def call(*arguments, **more):
    done = CliRunner().invoke(app, ["campaigns", "subscribers", *map(str, arguments)], **more)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def import_(file, site, *more, key=KEY, **how):
    return call("import", file, "--site", site, "--vapid-key", key, *more, **how)


def line(name, **said):
    return json.dumps({"subscription": subscription(name)} | said)


def counts(site):
    status, output = call("count", "--site", site, "--json")
    assert status == 0
    return json.loads(output)


def test_json_lines_with_some_that_are_wrong(site, tmp_path, monkeypatch):
    monkeypatch.setattr(subscribers, "BATCH", 2)
    file = tmp_path / "all.jsonl"
    wrong = [line("c", zone="Moon/Crater"), "{", "x" * 70_000]
    file.write_text("\n".join([line("a", external_id="u"), wrong[0], "", line("b"), *wrong[1:], line("d")]))
    status, output = import_(file, site, "--json")
    assert status == 0
    assert json.loads(output) == {"read": 6, "added": 3, "updated": 0, "rejected": 3}
    rejected = tmp_path / "all.jsonl.rejected"
    assert rejected.stat().st_mode & 0o777 == 0o600
    kept = [json.loads(each) for each in rejected.read_text().splitlines()]
    assert [(each["line"], each["text"]) for each in kept] == [(2, wrong[0]), (5, "{"), (6, "")]
    assert "zone is not a time zone" in kept[0]["problem"]
    assert counts(site)["active"] == 3


def test_a_file_of_which_nothing_can_be_imported_is_a_failure(site, tmp_path):
    file = tmp_path / "all.jsonl"
    file.write_text("{\n[")
    status, output = import_(file, site)
    assert status == 1
    assert output == f"2 lines: 0 added, 0 updated, 2 rejected (see {tmp_path / 'all.jsonl.rejected'})\n"
    assert import_(file, site, "--json")[0] == 1
    file.write_text("")
    assert import_(file, site) == (0, "0 lines: 0 added, 0 updated, 0 rejected\n")


def test_it_is_told_how_far_it_is_where_there_is_no_terminal(site, tmp_path, monkeypatch):
    monkeypatch.setattr(subscribers, "BATCH", 2)
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    file = tmp_path / "all.jsonl"
    file.write_text("\n".join(map(line, "abc")))
    told = import_(file, site)[1].splitlines()
    assert told == [
        "pushmill: importing: 2 lines: 2 added, 0 updated, 0 rejected",
        "pushmill: importing: 3 lines: 3 added, 0 updated, 0 rejected",
        "3 lines: 3 added, 0 updated, 0 rejected",
    ]


@pytest.mark.parametrize("ending", [KeyboardInterrupt, DatabaseAwayError("the database is gone")])
def test_an_import_that_breaks_off_says_how_far_it_came(site, tmp_path, monkeypatch, ending):
    whole = subscribers.import_lines
    left = [2, 1]

    async def breaking_off(*given, **more):
        if not left:
            raise ending
        left.pop()
        return await whole(*given, **more)

    monkeypatch.setattr(subscribers, "BATCH", 2)
    monkeypatch.setattr(subscribers, "import_lines", breaking_off)
    file = tmp_path / "all.jsonl"
    file.write_text("\n".join(map(line, "abcdef")))
    status, output = import_(file, site)
    assert status in {1, 130}
    said = "importing stopped after 4 lines: 4 added, 0 updated, 0 rejected; run it again to go on"
    assert said in output
    left += [0] * 3
    assert import_(file, site)[1] == "6 lines: 2 added, 4 updated, 0 rejected\n"


def test_again_adds_nobody_and_removes_what_was_rejected_before(site, tmp_path):
    file = tmp_path / "all.jsonl"
    good = line("a")
    file.write_text(f"{good}\n{{")
    assert import_(file, site)[1] == (
        f"2 lines: 1 added, 0 updated, 1 rejected (see {tmp_path / 'all.jsonl.rejected'})\n"
    )
    file.write_text(good)
    assert import_(file, site)[1] == "1 line: 0 added, 1 updated, 0 rejected\n"
    assert not (tmp_path / "all.jsonl.rejected").exists()


def test_what_the_database_rejects_is_kept_beside_the_file(site, tmp_path):
    file = tmp_path / "all.jsonl"
    file.write_text(line("a"))
    import_(file, site)
    file.write_text(line("a"))  # with new keys
    assert import_(file, site)[0] == 1
    [kept] = (tmp_path / "all.jsonl.rejected").read_text().splitlines()
    assert json.loads(kept)["problem"] == "has an endpoint that is known with other keys"


def test_csv_and_a_round_trip_by_standard_input(site, tmp_path):
    file = tmp_path / "All.CSV"
    keys = subscription("a")["keys"]
    endpoint = subscription("a")["endpoint"]
    head = "\ufeffendpoint,p256dh,auth,external_id,tags\n"
    file.write_text(f'{head}{endpoint},{keys["p256dh"]},{keys["auth"]},u,"a,b"\nx,y,z,,,too many\n')
    assert json.loads(import_(file, site, "--json")[1]) == {
        "read": 2,
        "added": 1,
        "updated": 0,
        "rejected": 1,
    }
    status, exported = call("export", "--site", site)
    assert status == 0
    [found] = map(json.loads, exported.splitlines())
    assert found["subscription"] == {"endpoint": endpoint, "keys": keys}
    assert (found["tags"], found["external_id"]) == (["a", "b"], "u")
    again = import_("-", site, "--json", input=exported)
    assert again[0] == 0, again
    assert json.loads(again[1]) == {"read": 1, "added": 0, "updated": 1, "rejected": 0}


def test_a_user_is_erased(site, tmp_path):
    file = tmp_path / "all.jsonl"
    file.write_text("\n".join(line(name, external_id="u") for name in "ab"))
    import_(file, site)
    assert call("erase", "--site", site, "--external-id", "u") == (0, "2 erased\n")
    assert call("erase", "--site", site, "--external-id", "u", "--json") == (0, '{"erased":0}\n')
    assert "           0  active\n" in call("count", "--site", site)[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("endpoint,tag,colour\n", "has columns that are not known: tag, colour; remove or rename them"),
        ('endpoint\n"a\n', "is not CSV in line "),
    ],
)
def test_a_csv_that_is_none_is_told(site, tmp_path, text, told):
    file = tmp_path / "all.csv"
    file.write_text(text)
    status, output = import_(file, site)
    assert status == 2
    assert output.startswith(f"pushmill: {file} {told}")
    assert output.count("\n") == 1


def test_mistakes_are_one_line(site, tmp_path, monkeypatch):
    file = tmp_path / "all.jsonl"
    file.write_text(line("a"))
    status, output = import_(tmp_path / "none", site)
    assert (status, output.count("\n")) == (1, 1)
    assert "No such file" in output
    assert import_(file, "7") == (2, "pushmill: --site should be a site's id, such as site_7\n")
    assert import_(file, "site_999") == (2, "pushmill: There is no such site.\n")
    assert import_(file, site, key="other") == (2, "pushmill: There is no such VAPID key.\n")
    monkeypatch.setenv("PUSHMILL_CAMPAIGNS_DATABASE_URL", "postgresql://someone:hunter2@127.0.0.1:1/any")
    status, output = import_(file, site)
    assert (status, output.count("\n")) == (1, 1)
    assert "hunter2" not in output
