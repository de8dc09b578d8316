"""Logging in to Kafka: which settings go together, and that their files can be used."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.certificate_files import PASSWORD, Files
from worker import broker_settings
from worker.broker_settings import BrokerSettings, ignored, variable
from worker.config import PREFIX, ConfigError, KafkaSettings, load_kafka_settings

URL = "https://login.example.com/oauth2/token"
OAUTH = {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "OAUTHBEARER"}
CLIENT = {"SASL_OAUTH_CLIENT_ID": "mill", "SASL_OAUTH_CLIENT_SECRET": PASSWORD}
AWS = {"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "AWS_MSK_IAM"}


def load(environ: dict[str, str] | None = None, **values: object) -> KafkaSettings:
    """Settings from variables named without the prefix, and others with their whole name."""
    given = {f"{PREFIX}KAFKA_{name}": str(value) for name, value in values.items()}
    return load_kafka_settings(given | (environ or {}))


def refused(environ: dict[str, str] | None = None, **values: object) -> list[str]:
    """The problems of such settings, without the prefix."""
    with pytest.raises(ConfigError) as caught:
        load(environ, **values)
    assert all(PASSWORD not in problem and "\n" not in problem for problem in caught.value.problems)
    return [problem.removeprefix(f"{PREFIX}KAFKA_") for problem in caught.value.problems]


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text("abc.def.ghi\n")
    return path


# ── user name and password ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_password_and_its_user_are_required(protocol, mechanism):
    chosen = {"SECURITY_PROTOCOL": protocol, "SASL_MECHANISM": mechanism}
    problems = refused(**chosen)
    assert [problem.split()[0] for problem in problems] == ["SASL_USERNAME", "SASL_PASSWORD"]
    assert all(protocol in problem and mechanism in problem for problem in problems)
    (problem,) = refused(**chosen, SASL_USERNAME="mill")
    assert problem.startswith("SASL_PASSWORD is required")
    settings = load(**chosen, SASL_USERNAME="mill", SASL_PASSWORD=PASSWORD)
    assert ignored(settings) == []
    assert PASSWORD not in repr(settings)


# ── tokens ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_tokens_are_fetched_or_read_from_a_file(token):
    settings = load(**OAUTH, **CLIENT, SASL_OAUTH_TOKEN_URL=URL, SASL_OAUTH_SCOPE="kafka")
    assert settings.kafka_sasl_oauth_token_url == URL
    assert settings.kafka_sasl_oauth_client_secret.get_secret_value() == PASSWORD
    assert PASSWORD not in repr(settings)
    assert PASSWORD not in repr(settings.model_dump())
    assert load(**OAUTH, SASL_OAUTH_TOKEN_FILE=token).kafka_sasl_oauth_token_file == token


def test_one_source_of_tokens_is_required(token):
    (problem,) = refused(**OAUTH)
    assert problem == (
        "SASL_OAUTH_TOKEN_FILE or PUSHMILL_KAFKA_SASL_OAUTH_TOKEN_URL is required with OAUTHBEARER; "
        "set one of them"
    )
    (problem,) = refused(**OAUTH, **CLIENT, SASL_OAUTH_TOKEN_URL=URL, SASL_OAUTH_TOKEN_FILE=token)
    assert problem.startswith("SASL_OAUTH_TOKEN_FILE is ")
    assert "cannot be combined with PUSHMILL_KAFKA_SASL_OAUTH_TOKEN_URL" in problem


@pytest.mark.parametrize("missing", sorted(CLIENT))
def test_a_url_needs_a_client_and_its_secret(missing):
    given = {name: value for name, value in CLIENT.items() if name != missing}
    (problem,) = refused(**OAUTH, **given, SASL_OAUTH_TOKEN_URL=URL)
    assert problem == f"{missing} is required together with PUSHMILL_KAFKA_SASL_OAUTH_TOKEN_URL"


@pytest.mark.parametrize("name", [*CLIENT, "SASL_OAUTH_SCOPE"])
def test_a_client_needs_a_url(token, name):
    (problem,) = refused(**OAUTH, SASL_OAUTH_TOKEN_FILE=token, **{name: PASSWORD[:4]})
    assert problem.startswith(name)
    assert "needs PUSHMILL_KAFKA_SASL_OAUTH_TOKEN_URL" in problem


def test_every_bad_setting_is_named_at_once():
    problems = refused(**OAUTH, SASL_OAUTH_CLIENT_ID="mill")
    assert [problem.split()[0] for problem in problems] == ["SASL_OAUTH_CLIENT_ID", "SASL_OAUTH_TOKEN_FILE"]
    problems = refused(**OAUTH, SASL_OAUTH_TOKEN_URL=URL)
    assert [problem.split()[0] for problem in problems] == [*CLIENT]


@pytest.mark.parametrize(
    "url",
    [
        *("https://login.example.com", "https://login.example.com:8443/t?x=1", "https://[2001:db8::1]/t"),
        *("http://localhost:8080/t", "http://127.0.0.1/t", "http://127.9.9.9:1/t", "http://[::1]:80/t"),
    ],
)
def test_a_token_url_is_read(url):
    assert load(**OAUTH, **CLIENT, SASL_OAUTH_TOKEN_URL=url).kafka_sasl_oauth_token_url == url


@pytest.mark.parametrize(
    ("url", "way_out"),
    [
        *(("http://login.example.com/t", "https://"), ("http://10.0.0.1/t", "https://")),
        *(("http://localhost.example.com/t", "https://"), ("ftp://localhost/t", "a URL such as")),
        *(("login.example.com/t", "a URL such as"), ("https:///t", "a URL such as")),
        *(("https://x:port/t", "a URL such as"), ("https://[::1/t", "a URL such as")),
        (f"https://mill:{PASSWORD}@login.example.com/t", "PUSHMILL_KAFKA_SASL_OAUTH_CLIENT_SECRET"),
        ("https://login.example.com/t#x", "fragment"),
    ],
)
def test_any_other_is_refused(url, way_out):
    (problem,) = refused(**OAUTH, **CLIENT, SASL_OAUTH_TOKEN_URL=url)
    assert problem.startswith("SASL_OAUTH_TOKEN_URL: should ")
    assert way_out in problem
    assert url not in problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "is empty"), (b"a b", "characters"), (b"\xff\xfe", "is not text"), (b"x" * 100_000, "more than")],
)
def test_a_token_file_holds_one_token(tmp_path, content, problem):
    path = tmp_path / "token"
    path.write_bytes(content)
    (found,) = refused(**OAUTH, SASL_OAUTH_TOKEN_FILE=path)
    assert found.startswith(f"SASL_OAUTH_TOKEN_FILE is '{path}': ")
    assert problem in found
    assert "one bearer token and nothing else" in found


# ── AWS ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_aws_needs_the_region():
    assert load({"AWS_REGION": "eu-central-1"}, **AWS).aws_region == "eu-central-1"
    (problem,) = refused(**AWS)
    assert problem.startswith("AWS_REGION is required if PUSHMILL_KAFKA_SASL_MECHANISM is AWS_MSK_IAM")
    (problem,) = refused({"AWS_REGION": "eu/../x"}, **AWS)
    assert problem == "AWS_REGION is 'eu/../x': should be the cluster's region, such as eu-central-1"


def test_nobody_else_needs_one():
    assert load({"AWS_REGION": "Frankfurt am Main"}).kafka_sasl_mechanism == "PLAIN"
    assert load(SASL_MECHANISM="AWS_MSK_IAM").aws_region is None


def test_aws_needs_its_extra(monkeypatch):
    monkeypatch.setattr(broker_settings, "find_spec", lambda name: None)
    (problem,) = refused({"AWS_REGION": "eu-central-1"}, **AWS)
    assert problem == (
        "SASL_MECHANISM is 'AWS_MSK_IAM': needs the extra `aws`; install it with pip install 'pushmill[aws]'"
    )
    assert load(**OAUTH, **CLIENT, SASL_OAUTH_TOKEN_URL=URL)


# ── certificates and keys ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["CERTFILE", "KEYFILE"])
def test_certificate_and_key_go_together(files, name):
    path = files.certificate if name == "CERTFILE" else files.key
    (problem,) = refused(**{f"SSL_{name}": path})
    assert problem.startswith("SSL_KEYFILE")
    assert "must be set together with PUSHMILL_KAFKA_SSL_CERTFILE" in problem


def test_a_pair_is_loaded(files):
    load(SSL_CERTFILE=files.certificate, SSL_KEYFILE=files.key)
    settings = load(SSL_CERTFILE=files.certificate, SSL_KEYFILE=files.encrypted(), SSL_KEY_PASSWORD=PASSWORD)
    assert PASSWORD not in repr(settings)


def test_a_key_that_cannot_be_used_is_told_in_one_line(files):
    def problem(key, **others):
        (found,) = refused(SSL_CERTFILE=files.certificate, SSL_KEYFILE=key, **others)
        assert found.startswith(f"SSL_KEYFILE is '{key}'"[:90])
        return found

    assert (
        "is encrypted, and there is no password; correct it, or PUSHMILL_KAFKA_SSL_KEY_PASSWORD"
        in problem(files.encrypted())
    )
    assert "cannot be decrypted with the password" in problem(files.encrypted(), SSL_KEY_PASSWORD="wrong")
    assert "is the key of another certificate; correct it, or PUSHMILL_KAFKA_SSL_CERTFILE" in problem(
        files.anothers()
    )
    assert "has no private key; use a PEM file" in problem(files.der())
    assert "is not an existing file" in problem(files.folder)


def test_a_bad_certificate_is_told_once(files):
    (problem,) = refused(SSL_CERTFILE=files.key, SSL_KEYFILE=files.key)
    assert problem.startswith(f"SSL_CERTFILE is '{files.key}': has no certificates")
    (problem,) = refused(SSL_CAFILE=files.key)
    assert problem.startswith(f"SSL_CAFILE is '{files.key}': has no certificates")


# ── what is not used ────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_set_and_not_used_is_named(files, token):
    tls = {"SSL_CAFILE": files.ca, "SSL_CERTFILE": files.certificate, "SSL_KEYFILE": files.key}
    login = {"SASL_USERNAME": "mill", "SASL_PASSWORD": PASSWORD}

    def named(**values):
        return [name.removeprefix("PUSHMILL_KAFKA_") for name in ignored(load(**values))]

    assert named(**tls, **login) == [*login, *tls]
    assert named(SECURITY_PROTOCOL="SSL", **tls, **login) == [*login]
    assert named(SECURITY_PROTOCOL="SASL_PLAINTEXT", **tls, **login) == [*tls]
    assert named(SECURITY_PROTOCOL="SASL_SSL", **tls, **login) == []
    assert named(**OAUTH, **tls, **login, SASL_OAUTH_TOKEN_FILE=token) == [*login]
    assert named(SASL_MECHANISM="PLAIN") == ["SASL_MECHANISM"]
    assert named(**CLIENT) == [*CLIENT]
    assert named() == []
    assert ignored(load({"AWS_REGION": "x"})) == []


FIELDS = {
    "kafka_security_protocol": ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    "kafka_sasl_mechanism": ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "AWS_MSK_IAM"),
    "kafka_sasl_username": ("mill",),
    "kafka_sasl_password": (PASSWORD,),
    "kafka_sasl_oauth_token_url": (URL, "http://x"),
    "kafka_sasl_oauth_client_id": ("mill",),
    "kafka_sasl_oauth_client_secret": (PASSWORD,),
    "kafka_sasl_oauth_scope": ("kafka",),
    "kafka_sasl_oauth_token_file": ("/nowhere",),
    "aws_region": ("eu-central-1", "?"),
    "kafka_ssl_cafile": ("/nowhere",),
    "kafka_ssl_certfile": ("/nowhere",),
    "kafka_ssl_keyfile": ("/nowhere",),
    "kafka_ssl_key_password": (PASSWORD,),
}


def test_every_setting_for_the_login_is_tried_below():
    assert FIELDS.keys() == BrokerSettings.model_fields.keys() - {"kafka_bootstrap_servers"}


@given(st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in FIELDS.items()}))
def test_any_combination_is_taken_or_refused_in_lines_without_secrets(values):
    environ = {variable(field): value for field, value in values.items()}
    try:
        settings = load_kafka_settings(environ)
    except ConfigError as error:
        named = {problem.split()[0].rstrip(":") for problem in error.problems}
        assert named <= {variable(field) for field in FIELDS}
        assert PASSWORD not in str(error)  # noqa: PT017 - either is right
        assert "\n" not in "".join(error.problems)  # noqa: PT017
    else:
        assert set(ignored(settings)) <= environ.keys()
        assert PASSWORD not in repr(settings)
