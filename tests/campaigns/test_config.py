from datetime import timedelta

import pytest

from campaigns.config import (
    ROLES,
    CampaignSettings,
    campaign_settings_table,
    load_campaign_settings,
    unknown_variables,
)
from campaigns.model.retention import Retention
from campaigns.model.secrets import Purpose
from worker.config import ConfigError
from worker.config import unknown_variables as unknown_to_the_worker

PREFIX = "PUSHMILL_CAMPAIGNS_"
SECRET = "0123456789abcdef0123456789abcdef"
REQUIRED = {"DATABASE_URL": "postgresql://push:hunter2@db/push", "SECRET": SECRET}
CONTRACT = {
    "ROLES": ",".join(ROLES),
    "PROCESSES": 1,
    "HOST": None,
    "PORT": 9500,
    "STATUS_HOST": None,
    "STATUS_PORT": 9401,
    "PUBLIC_URL": "http://localhost:9500",
    "DATABASE_POOL": 10,
    "TRUSTED_PROXIES": "",
    "COUNTRY_HEADER": "",
    "PUSHPILOT_PREFIX": "/pushpilot",
    "DRAIN_TIMEOUT": 20.0,
    "KEEP_IDEMPOTENCY_HOURS": 24,
    "KEEP_ENGAGEMENT_MONTHS": 13,
    "KEEP_LAUNCH_MONTHS": 25,
    "KEEP_UNREACHABLE_DAYS": 30,
    "KEEP_UNSUBSCRIBED_DAYS": 30,
}


def load(**values: str) -> CampaignSettings:
    return load_campaign_settings({PREFIX + name: value for name, value in (REQUIRED | values).items()})


def refused(**values: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(**values)
    return list(caught.value.problems)


def test_defaults_are_the_contracts():
    settings = load()
    assert {name: getattr(settings, name.lower()) for name in CONTRACT} == CONTRACT
    assert settings.rate_limit_storage.get_secret_value() == "memory://"
    assert settings.vapid_dir is None


def test_every_setting_is_in_the_contract():
    ours = {PREFIX + name for name in (*CONTRACT, *REQUIRED, "RATE_LIMIT_STORAGE")}
    assert {name for name, _, _ in campaign_settings_table()} == ours


def test_what_both_wings_have_is_spelled_as_the_workers():
    settings = load_campaign_settings(
        {
            **{PREFIX + name: value for name, value in REQUIRED.items()},
            "PUSHMILL_TOPIC_PREFIX": "test.",
            "PUSHMILL_LOG_FORMAT": "console",
            "PUSHMILL_VAPID_DIR": "/keys",
            "PUSHMILL_ENDPOINT_HOSTS": "push.example.org",
        }
    )
    assert settings.topic_prefix == "test."
    assert settings.log_format == "console"
    assert str(settings.vapid_dir) == "/keys"
    assert len(settings.host_rules[0]) > 0


def test_all_problems_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        load_campaign_settings({PREFIX + "PORT": "99999", PREFIX + "ROLES": "cook"})
    problems = caught.value.problems
    assert [problem.split()[0].rstrip(":") for problem in problems] == [
        PREFIX + name for name in ("DATABASE_URL", "SECRET", "ROLES", "PORT")
    ]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", "mysql://x:hunter2@y/z", "should be postgresql://"),
        ("DATABASE_URL", "postgresql://x:hunter2@y:port/z", "should be postgresql://"),
        ("SECRET", "hunter2", "has a secret below 32 characters"),
        ("SECRET", f"{SECRET},hunter2", "has a secret below 32 characters"),
        ("ROLES", "api,cook", "should be some of api, launcher"),
        ("ROLES", ",", "should be some of api, launcher"),
        ("PROCESSES", "0", "greater than or equal to 1"),
        ("PUBLIC_URL", "push.example.com", "should be a URL such as"),
        ("PUBLIC_URL", "https://push.example.com/?a=1", "without query"),
        ("TRUSTED_PROXIES", "10.0.0.0/8,proxy", "should be addresses or networks"),
        ("COUNTRY_HEADER", "CF IPCountry", "should be the name of a header"),
        ("RATE_LIMIT_STORAGE", "redys://:hunter2@host", "should begin with one of memory://"),
        ("DRAIN_TIMEOUT", "0", "greater than 0"),
        ("KEEP_LAUNCH_MONTHS", "0", "greater than or equal to 1"),
    ],
)
def test_bad_values(name, value, says):
    (problem,) = refused(**{name: value})
    assert problem.startswith(PREFIX + name)
    assert says in problem
    assert "hunter2" not in problem


def test_secrets_are_in_no_representation():
    settings = load(RATE_LIMIT_STORAGE="redis://:hunter2@host")
    assert "hunter2" not in repr(settings)
    assert SECRET not in repr(settings)


def test_lists_are_split():
    settings = load(
        ROLES="collector, api,api", SECRET=f"{SECRET}, {SECRET[::-1]}", TRUSTED_PROXIES="10.0.0.0/8, ::1"
    )
    assert settings.role_names == ("api", "collector")
    first = load().secrets.keys(Purpose.SEAL).signing
    assert settings.secrets.keys(Purpose.SEAL).signing == first
    assert [str(network) for network in settings.proxy_networks] == ["10.0.0.0/8", "::1/128"]


def test_a_secret_may_lie_in_a_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text(SECRET[::-1] + "\n")
    read = load(SECRET="", SECRET_FILE=str(file)).secrets
    assert read.keys(Purpose.SEAL).signing == load(SECRET=SECRET[::-1]).secrets.keys(Purpose.SEAL).signing


def test_a_secret_may_not_be_given_twice(tmp_path):
    (problem,) = refused(SECRET_FILE=str(tmp_path))
    assert problem == f"{PREFIX}SECRET_FILE cannot be combined with {PREFIX}SECRET; remove one of them"


def test_a_secrets_file_must_be_there(tmp_path):
    problems = refused(SECRET="", SECRET_FILE=str(tmp_path / "away"), PORT="x")
    assert [problem.split()[0] for problem in problems] == [PREFIX + "SECRET_FILE", PREFIX + "PORT"]


def test_how_long_everything_is_kept():
    assert load().retention == Retention()
    given = load(
        KEEP_IDEMPOTENCY_HOURS="1",
        KEEP_ENGAGEMENT_MONTHS="2",
        KEEP_LAUNCH_MONTHS="3",
        KEEP_UNREACHABLE_DAYS="4",
        KEEP_UNSUBSCRIBED_DAYS="5",
    ).retention
    assert given == Retention(timedelta(hours=1), 2, 3, timedelta(days=4), timedelta(days=5))


def test_the_public_url_ends_without_a_slash():
    assert load(PUBLIC_URL="https://shop.example/push/").public_url == "https://shop.example/push"


def test_neither_wing_warns_of_the_others_variables():
    given = dict.fromkeys(
        (PREFIX + "PORT", PREFIX + "SECRET_FILE", "PUSHMILL_GROUP_ID", PREFIX + "PROT"), "1"
    )
    assert unknown_variables(given) == {PREFIX + "PROT": PREFIX + "PORT"}
    assert unknown_to_the_worker(given) == {}


@pytest.mark.parametrize(
    "path", ["pilot", "/", "/pilot/", "/Pilot", "/a b", "//a", "/{a}", "/v1", "/api/pilot", "/push"]
)
def test_pushpilots_paths_must_be_its_own(path):
    [problem] = refused(PUSHPILOT_PREFIX=path)
    assert problem.startswith(f"{PREFIX}PUSHPILOT_PREFIX is ")
    assert "should be a path such as /pushpilot" in problem
    assert load(PUSHPILOT_PREFIX="/pilot/api-2").pushpilot_prefix == "/pilot/api-2"
