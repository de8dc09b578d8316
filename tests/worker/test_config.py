import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from worker.config import PREFIX, ConfigError, Settings, load_settings, settings_table, unknown_variables
from worker.push.proxy import Proxy
from worker.push.services import HostRule

CONTRACT = {
    "KAFKA_BOOTSTRAP_SERVERS": "localhost:9092",
    "KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
    "KAFKA_SASL_MECHANISM": "PLAIN",
    "KAFKA_SASL_USERNAME": None,
    "KAFKA_SASL_PASSWORD": None,
    "KAFKA_SASL_OAUTH_TOKEN_URL": None,
    "KAFKA_SASL_OAUTH_CLIENT_ID": None,
    "KAFKA_SASL_OAUTH_CLIENT_SECRET": None,
    "KAFKA_SASL_OAUTH_SCOPE": None,
    "KAFKA_SASL_OAUTH_TOKEN_FILE": None,
    "KAFKA_SSL_CAFILE": None,
    "KAFKA_SSL_CERTFILE": None,
    "KAFKA_SSL_KEY_PASSWORD": None,
    "KAFKA_SSL_KEYFILE": None,
    "KAFKA_ENABLE_IDEMPOTENCE": True,
    "GROUP_ID": "pushmill",
    "INSTANCE_ID": None,
    "LEAVE_FILE": None,
    "TOPIC_PREFIX": "push.",
    "ENDPOINT_HOSTS": "",
    "ALLOW_PRIVATE_ENDPOINTS": False,
    "CA_FILE": None,
    "AGREEMENT": "auto",
    "PROCESSES": 1,
    "MAX_IN_FLIGHT": 512,
    "MAX_BUFFERED": 60_000,
    "REQUEST_TIMEOUT": 10.0,
    "MAX_ATTEMPTS": 8,
    "CHECKPOINT_INTERVAL": 0.25,
    "DRAIN_TIMEOUT": 20.0,
    "DEFAULT_STRETCH_TIME": 0.0,
    "STATUS_HOST": None,
    "STATUS_PORT": 9400,
    "LOG_FORMAT": "json",
    "LOG_LEVEL": "info",
}


@pytest.fixture
def load(tmp_path):
    """Load settings from the required variables and others, named without their prefix."""

    def load(**values: str) -> Settings:
        given = {"VAPID_DIR": str(tmp_path), "VAPID_SUBJECT": "mailto:push@example.org"} | values
        return load_settings({PREFIX + name: value for name, value in given.items()})

    return load


@pytest.fixture
def refused(load):
    """Return the problems that a load raises."""

    def refused(**values: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load(**values)
        return list(caught.value.problems)

    return refused


def test_defaults_are_the_contracts(load, tmp_path):
    settings = load()
    assert {name: getattr(settings, name.lower()) for name in CONTRACT} == CONTRACT
    assert settings.vapid_dir == tmp_path
    assert settings.vapid_subject == "mailto:push@example.org"


def test_every_setting_is_in_the_contract():
    ours = {PREFIX + name for name in (*CONTRACT, "TRANSPORT", "PROXY_URL", "VAPID_DIR", "VAPID_SUBJECT")}
    assert {name for name, _, _ in settings_table()} == ours | {"AWS_REGION"}


def test_values_are_read(load, tmp_path):
    file = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(file))
    settings = load(
        KAFKA_SECURITY_PROTOCOL="SASL_SSL",
        KAFKA_SASL_USERNAME="mill",
        KAFKA_SASL_PASSWORD="hunter2",
        KAFKA_SSL_CAFILE=str(file),
        KAFKA_ENABLE_IDEMPOTENCE="false",
        ENDPOINT_HOSTS="push.example.org:8443, *",
        PROCESSES="auto",
        MAX_IN_FLIGHT="1",
        STATUS_PORT="0",
    )
    assert settings.kafka_sasl_password is not None
    assert settings.kafka_sasl_password.get_secret_value() == "hunter2"
    assert settings.kafka_ssl_cafile == file
    assert settings.kafka_enable_idempotence is False
    assert settings.host_rules == ((HostRule("push.example.org", 8443),), True)
    assert (settings.processes, settings.max_in_flight, settings.status_port) == ("auto", 1, 0)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("a:1", "a:1"),
        ("a:1, b.example:2 ", "a:1,b.example:2"),
        ("kafka", "kafka"),
        ("[::1]:9092", "[::1]:9092"),
        ("[::1]", "[::1]"),
        ("a:65535", "a:65535"),
    ],
)
def test_brokers_are_read(load, given, kept):
    assert load(KAFKA_BOOTSTRAP_SERVERS=given).kafka_bootstrap_servers == kept


def test_an_empty_value_counts_as_not_given(load):
    assert load(**dict.fromkeys(CONTRACT, "")) == load()


def test_what_is_required_is_asked_for():
    with pytest.raises(ConfigError) as caught:
        load_settings({"PUSHMILL_VAPID_SUBJECT": ""})
    problems = caught.value.problems
    assert [problem.split(":")[0] for problem in problems] == [
        "PUSHMILL_VAPID_DIR is required",
        "PUSHMILL_VAPID_SUBJECT is required",
    ]


BAD = [
    ("KAFKA_BOOTSTRAP_SERVERS", "PLAINTEXT://kafka:9092", "host:port"),
    ("KAFKA_BOOTSTRAP_SERVERS", "a:1,,b:2", "host:port"),
    ("KAFKA_BOOTSTRAP_SERVERS", "a:65536", "host:port"),
    ("KAFKA_BOOTSTRAP_SERVERS", "[::1]:65536", "host:port"),
    ("KAFKA_SECURITY_PROTOCOL", "TLS", "'SASL_SSL'"),
    ("KAFKA_SASL_MECHANISM", "GSSAPI", "'SCRAM-SHA-512'"),
    ("KAFKA_SASL_OAUTH_TOKEN_FILE", "/nowhere/token", "mount it"),
    ("KAFKA_SSL_CAFILE", "/nowhere/ca.pem", "mount it"),
    ("KAFKA_SSL_CERTFILE", __file__, "has no certificates"),
    ("KAFKA_SSL_KEYFILE", "/nowhere/key.pem", "mount it"),
    ("KAFKA_ENABLE_IDEMPOTENCE", "perhaps", "boolean"),
    ("GROUP_ID", " ", "blank"),
    ("INSTANCE_ID", "pod 0", "A-Z"),
    ("INSTANCE_ID", "x" * 201, "200"),
    ("TOPIC_PREFIX", "push/", "A-Z"),
    ("VAPID_DIR", "/nowhere", "folder"),
    ("VAPID_SUBJECT", "push@example.org", "mailto:"),
    ("VAPID_SUBJECT", "mailto:push@localhost", "localhost"),
    ("ENDPOINT_HOSTS", "https://push.example.org/", "host name"),
    ("ALLOW_PRIVATE_ENDPOINTS", "2", "boolean"),
    ("CA_FILE", "/nowhere/ca.pem", "mount it"),
    ("CA_FILE", __file__, "has no certificates"),
    ("TRANSPORT", "curl", "'httptools' or 'aiohttp'"),
    ("PROCESSES", "0", "auto"),
    ("PROCESSES", "-1", "auto"),
    ("PROCESSES", "many", "auto"),
    ("MAX_IN_FLIGHT", "0", "equal to 1"),
    ("MAX_BUFFERED", "1999", "2000"),
    ("REQUEST_TIMEOUT", "0", "greater than 0"),
    ("REQUEST_TIMEOUT", "nan", "finite"),
    ("MAX_ATTEMPTS", "0", "equal to 1"),
    ("MAX_ATTEMPTS", "1.5", "integer"),
    ("CHECKPOINT_INTERVAL", "0.01", "0.05"),
    ("CHECKPOINT_INTERVAL", "0.6", "0.5"),
    ("DRAIN_TIMEOUT", "60", "rebalance time-out (60)"),
    ("DRAIN_TIMEOUT", "15", "PUSHMILL_REQUEST_TIMEOUT"),
    ("DRAIN_TIMEOUT", "inf", "finite"),
    ("DEFAULT_STRETCH_TIME", "-1", "equal to 0"),
    ("STATUS_PORT", "65536", "65535"),
    ("STATUS_PORT", "tcp://10.0.0.1:9400", "integer"),
    ("LOG_FORMAT", "xml", "'console'"),
    ("LOG_LEVEL", "loud", "'warning'"),
]


@pytest.mark.parametrize(("name", "value", "way_out"), BAD)
def test_a_bad_value_is_told_with_its_variable_and_the_way_out(refused, name, value, way_out):
    (problem,) = refused(**{name: value})
    assert problem.startswith(f"{PREFIX}{name} is ")
    assert way_out in problem


def test_one_message_names_every_bad_value(refused):
    first = {name: value for name, value, _ in BAD}
    problems = refused(**first)
    assert {problem.split()[0] for problem in problems} == {PREFIX + name for name in first}
    assert len(str(ConfigError(tuple(problems))).splitlines()) == 1 + len(first)


def test_a_long_value_is_cut_short(refused):
    (problem,) = refused(LOG_LEVEL="x" * 10_000)
    assert len(problem) < 200


def test_a_drain_shorter_than_a_request_names_both(refused):
    (problem,) = refused(REQUEST_TIMEOUT="30")
    assert problem.startswith(
        "PUSHMILL_DRAIN_TIMEOUT is '20.0': should be more than PUSHMILL_REQUEST_TIMEOUT"
    )


def test_a_drain_that_fits_its_requests_passes(load):
    assert load(REQUEST_TIMEOUT="54", DRAIN_TIMEOUT="59.5").drain_timeout == 59.5


def test_a_secret_is_never_shown(refused, load):
    (problem,) = refused(KAFKA_SASL_PASSWORD="hunter2\udcff")
    assert problem.startswith("PUSHMILL_KAFKA_SASL_PASSWORD: ")
    assert "hunter2" not in problem
    assert "hunter2" not in repr(load(KAFKA_SASL_PASSWORD="hunter2"))
    assert not [
        problem for problem in refused(KAFKA_SASL_PASSWORD="hunter2", LOG_LEVEL="x") if "hunter2" in problem
    ]


PROXY_URL = "http://mill:hunter2@proxy.example:3128"


def test_there_is_no_proxy_unless_it_is_set(load):
    assert load().proxy is None
    assert load(TRANSPORT="aiohttp", PROXY_URL="").proxy is None
    proxy = load(TRANSPORT="aiohttp", PROXY_URL=f" {PROXY_URL}\n").proxy
    assert proxy == Proxy("http://proxy.example:3128", "Basic bWlsbDpodW50ZXIy")


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"])
def test_a_proxy_of_the_environment_is_none(tmp_path, name):
    environ = {"PUSHMILL_VAPID_DIR": str(tmp_path), "PUSHMILL_VAPID_SUBJECT": "mailto:push@example.org"}
    settings = load_settings(environ | {"PUSHMILL_TRANSPORT": "aiohttp", name: PROXY_URL})
    assert settings.proxy is None


@pytest.mark.parametrize("transport", ["", "httptools"])
def test_a_proxy_needs_the_transport_that_goes_through_one(refused, transport):
    (problem,) = refused(TRANSPORT=transport, PROXY_URL=PROXY_URL)
    assert problem.startswith("PUSHMILL_PROXY_URL: needs PUSHMILL_TRANSPORT=aiohttp; ")


@pytest.mark.parametrize(
    ("url", "way_out"),
    [
        ("https://mill:hunter2@proxy.example:3128", "begin with http://"),
        ("http://mill:hunter2@proxy.example", "http://host:port"),
        ("http://mill:hunter2@b@proxy.example:3128", "percent-encoded"),
        ("hunter2", "http://host:port"),
    ],
)
@pytest.mark.parametrize("transport", ["httptools", "aiohttp", "curl"])
def test_a_proxy_that_is_none_is_told_without_repeating_it(refused, transport, url, way_out):
    problem = refused(TRANSPORT=transport, PROXY_URL=url)[-1]
    assert problem.startswith("PUSHMILL_PROXY_URL: should ")
    assert way_out in problem
    assert "hunter2" not in problem


def test_a_proxys_password_is_never_shown(load, refused):
    settings = load(TRANSPORT="aiohttp", PROXY_URL=PROXY_URL)
    for text in (repr(settings), str(settings), repr(settings.proxy), repr(settings.model_dump())):
        assert "hunter2" not in text
        assert "bWlsbDpodW50ZXIy" not in text
    problems = refused(TRANSPORT="aiohttp", PROXY_URL=PROXY_URL, LOG_LEVEL="x")
    assert [problem for problem in problems if "hunter2" in problem] == []


def test_settings_are_built_without_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("PUSHMILL_GROUP_ID", "from-outside")
    settings = Settings(vapid_dir=tmp_path, vapid_subject="https://example.org", max_attempts=3)
    assert (settings.group_id, settings.max_attempts) == ("pushmill", 3)
    assert load_settings(
        {"PUSHMILL_VAPID_DIR": str(tmp_path), "PUSHMILL_VAPID_SUBJECT": "https://example.org"}
    )


def test_settings_cannot_be_changed(load):
    with pytest.raises(ValidationError):
        load().group_id = "other"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PUSHMILL_MAX_INFLIGHT", "PUSHMILL_MAX_IN_FLIGHT"),
        ("PUSHMILL_KAFKA_BOOTSTRAP_SERVER", "PUSHMILL_KAFKA_BOOTSTRAP_SERVERS"),
        ("PUSHMILL_VAPID_DIRECTORY", "PUSHMILL_VAPID_DIR"),
        ("PUSHMILL_COLOUR", None),
    ],
)
def test_a_misspelt_variable_gets_a_suggestion(name, meant):
    assert unknown_variables({name: "1", "PATH": "/bin", "PUSHMILL_GROUP_ID": "x"}) == {name: meant}


@pytest.mark.parametrize(
    "name",
    [
        "PUSHMILL_SERVICE_HOST",
        "PUSHMILL_SERVICE_PORT",
        "PUSHMILL_SERVICE_PORT_HTTP",
        "PUSHMILL_PORT",
        "PUSHMILL_PORT_9400_TCP_ADDR",
        "PUSHMILL_WORKER_PORT_9400_TCP",
    ],
)
def test_what_kubernetes_adds_is_no_misspelling(name):
    assert unknown_variables({name: "tcp://10.0.0.1:9400"}) == {}


def test_the_table_says_something_of_every_setting():
    table = {name: (default, meaning) for name, default, meaning in settings_table()}
    assert all(default and meaning for default, meaning in table.values())
    assert table["PUSHMILL_VAPID_DIR"][0] == "required"
    assert table["PUSHMILL_REQUEST_TIMEOUT"][0] == "`10`"
    assert table["PUSHMILL_KAFKA_ENABLE_IDEMPOTENCE"][0] == "`true`"
    assert table["PUSHMILL_ENDPOINT_HOSTS"][0] == "the known push services"
    assert table["PUSHMILL_INSTANCE_ID"][0] == "none"


@given(
    st.dictionaries(
        st.sampled_from([PREFIX + name for name in (*CONTRACT, "PROXY_URL", "VAPID_DIR")]),
        st.text(max_size=20),
    )
)
def test_any_text_gives_settings_or_one_message(environ):
    try:
        load_settings(environ | {"PUSHMILL_VAPID_SUBJECT": "https://example.org"})
    except ConfigError as error:
        assert all(problem.startswith(PREFIX) for problem in error.problems)  # noqa: PT017 - either is right
