from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.push.proxy import Proxy, ProxyError, parse_proxy


def basic(login: str) -> str:
    return "Basic " + b64encode(login.encode()).decode()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("http://proxy.example:3128/", "http://proxy.example:3128"),
        ("http://Egress_1.Proxy:08080", "http://egress_1.proxy:8080"),
        ("http://proxy:80", "http://proxy:80"),
        ("http://10.0.0.1:3128", "http://10.0.0.1:3128"),
        ("http://[fd00::1]:3128", "http://[fd00::1]:3128"),
    ],
)
def test_a_place_is_read(url, place):
    assert parse_proxy(url) == Proxy(place, None)


@pytest.mark.parametrize(
    ("user_info", "login"),
    [
        ("mill:hunter2", "mill:hunter2"),
        ("mill", "mill:"),
        ("mill:", "mill:"),
        ("mill:a:b", "mill:a:b"),  # RFC 7617: only the first colon divides
        ("m%40ll:p%2Fs%23%3A%25", "m@ll:p/s#:%"),
        ("mill:%E2%82%AC", "mill:€"),
        ("mill:!$&'()*+,;=-._~", "mill:!$&'()*+,;=-._~"),
    ],
)
def test_a_log_in_is_read_and_not_in_the_url(user_info, login):
    assert parse_proxy(f"http://{user_info}@proxy:3128") == Proxy("http://proxy:3128", basic(login))


BAD = [
    ("https://mill:hunter2@proxy:3128", "http://"),
    ("HTTP://mill:hunter2@proxy:3128", "http://host:port"),
    ("socks5://mill:hunter2@proxy:1080", "http://host:port"),
    ("mill:hunter2@proxy:3128", "http://host:port"),
    ("proxy:3128", "http://host:port"),
    ("http://proxy", "http://host:port"),
    ("http://mill:hunter2@proxy", "http://host:port"),
    ("http://mill:hunter2@:3128", "http://host:port"),
    ("http://:hunter2@proxy:3128", "http://host:port"),
    ("http://mill:hunter2@proxy:0", "http://host:port"),
    ("http://mill:hunter2@proxy:65536", "http://host:port"),
    ("http://mill:hunter2@proxy:3128/path", "http://host:port"),
    ("http://mill:hunter2@proxy:3128?q", "http://host:port"),
    ("http://mill:hunter2@proxy:3128#f", "http://host:port"),
    ("http://mill:hunter2@a..b:3128", "http://host:port"),
    (f"http://mill:hunter2@{'a.' * 130}b:3128", "http://host:port"),
    ("http://mill:hunter2@[::1]", "http://host:port"),
    ("http://mill:hunter2@[::1::]:3128", "http://host:port"),
    ("http://mill:hunter2@::1:3128", "http://host:port"),
    ("http://mill:hunter2@proxy:3128\r\nX: y", "http://host:port"),
    ("http://mill:hunter2@p@proxy:3128", "percent-encoded"),
    ("http://mill:hunter2/x@proxy:3128", "percent-encoded"),
    ("http://mill:hunter2%@proxy:3128", "percent-encoded"),
    ("http://mill:hunter2%zz@proxy:3128", "percent-encoded"),
    ("http://mill:hunter2€@proxy:3128", "percent-encoded"),
    ("http://mi%3All:hunter2@proxy:3128", "no colon"),
    ("http://mill:hunter2%0A@proxy:3128", "control characters"),
    ("http://mill%00:hunter2@proxy:3128", "control characters"),
    ("", "http://host:port"),
]


@pytest.mark.parametrize(("url", "way_out"), BAD)
def test_anything_else_is_refused_with_the_way_out_and_without_repeating_it(url, way_out):
    with pytest.raises(ProxyError) as caught:
        parse_proxy(url)
    assert way_out in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "mill" not in str(caught.value)


def test_a_log_in_is_not_shown():
    shown = repr(parse_proxy("http://mill:hunter2@proxy:3128"))
    assert shown == "Proxy(url='http://proxy:3128')"


@given(st.text(max_size=40).map(lambda text: f"http://{text}"))
def test_any_text_is_a_proxy_or_refused(text):
    try:
        proxy = parse_proxy(text)
    except ProxyError:
        return
    assert "@" not in proxy.url
    assert (proxy.authorization or "").isprintable()


@given(user=st.text(min_size=1).filter(lambda user: ":" not in user), password=st.text())
def test_what_is_percent_encoded_arrives(user, password):
    login = "".join(f"%{byte:02X}" for byte in user.encode("utf-8", "replace"))
    secret = "".join(f"%{byte:02x}" for byte in password.encode("utf-8", "replace"))
    url = f"http://{login}:{secret}@proxy:3128"
    if any(byte < 0x20 or byte == 0x7F for byte in (user + password).encode("utf-8", "replace")):
        with pytest.raises(ProxyError):
            parse_proxy(url)
    else:
        assert parse_proxy(url).authorization == "Basic " + b64encode(
            f"{user}:{password}".encode("utf-8", "replace")
        ).decode("ascii")
