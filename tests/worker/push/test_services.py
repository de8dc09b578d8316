import re
from string import printable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.push.services import (
    ENDPOINT_MAX_CHARS,
    EndpointRefusedError,
    Endpoints,
    HostRule,
    HostRuleError,
    PushService,
    parse_host_rules,
)

KNOWN_ONLY = Endpoints()
ANY_HOST = Endpoints(any_host=True)

# (endpoint, push service, audience, target)
GOOD = [
    (
        "https://fcm.googleapis.com/fcm/send/dQw4w9WgXcQ:APA91bH_x-y",
        PushService.FCM,
        "https://fcm.googleapis.com",
        "/fcm/send/dQw4w9WgXcQ:APA91bH_x-y",
    ),
    ("https://fcm.googleapis.com/wp/abc", PushService.FCM, "https://fcm.googleapis.com", "/wp/abc"),
    ("https://jmt17.google.com/fcm/send/abc", PushService.FCM, "https://jmt17.google.com", "/fcm/send/abc"),
    (
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAAABk_x-y==",
        PushService.MOZILLA,
        "https://updates.push.services.mozilla.com",
        "/wpush/v2/gAAAAABk_x-y==",
    ),
    (
        "https://db5p.notify.windows.com/w/?token=BQYAAAB%2fx%2bY%3d",
        PushService.WNS,
        "https://db5p.notify.windows.com",
        "/w/?token=BQYAAAB%2fx%2bY%3d",
    ),
    ("https://web.push.apple.com/QGyI_x-y", PushService.APPLE, "https://web.push.apple.com", "/QGyI_x-y"),
    (
        "https://graph.facebook.com/rl_push_send?x=1",
        PushService.OTHER,
        "https://graph.facebook.com",
        "/rl_push_send?x=1",
    ),
    (
        "https://fcm.googleapis.com:443/fcm/send/a",
        PushService.FCM,
        "https://fcm.googleapis.com",
        "/fcm/send/a",
    ),
    ("https://FCM.GoogleAPIs.com/fcm/send/A", PushService.FCM, "https://fcm.googleapis.com", "/fcm/send/A"),
    ("https://fcm.googleapis.com", PushService.FCM, "https://fcm.googleapis.com", "/"),
    ("https://fcm.googleapis.com?a=1", PushService.FCM, "https://fcm.googleapis.com", "/?a=1"),
    (
        "https://fcm.googleapis.com/a/../b//c;d,e!$&'()*+=@~[]",
        PushService.FCM,
        "https://fcm.googleapis.com",
        None,
    ),
]


@pytest.mark.parametrize(("url", "service", "audience", "target"), GOOD)
def test_known_push_services_are_admitted(url, service, audience, target):
    endpoint = Endpoints().parse(url)
    assert endpoint.origin.service is service
    assert endpoint.origin.url == audience
    assert endpoint.origin.host == audience.removeprefix("https://")
    assert endpoint.origin.port == 443
    assert endpoint.target == (target or url.removeprefix(audience))


# Refused while any public host is allowed: not a plain https URL of a host name.
NEVER = [
    # Not https, or not at the beginning
    "",
    "http://fcm.googleapis.com/a",
    "HTTPS://fcm.googleapis.com/a",
    "Https://fcm.googleapis.com/a",
    "https:/fcm.googleapis.com/a",
    "https:fcm.googleapis.com/a",
    "https:///fcm.googleapis.com/a",
    "//fcm.googleapis.com/a",
    "fcm.googleapis.com/a",
    "/fcm/send/a",
    "ftp://fcm.googleapis.com/a",
    "wss://fcm.googleapis.com/a",
    "file:///etc/passwd",
    "javascript:alert(1)//https://fcm.googleapis.com/",
    "data:text/html,https://fcm.googleapis.com/",
    "https://",
    "https:///",
    "https://?a",
    "https://:443/a",
    # IP addresses in every notation that some resolver reads
    "https://127.0.0.1/a",
    "https://127.0.0.1/x.google.com/",
    "https://127.0.0.1:443/a",
    "https://127.1/a",
    "https://127.0.1/a",
    "https://2130706433/a",
    "https://017700000001/a",
    "https://0177.0.0.1/a",
    "https://0x7f000001/a",
    "https://0x7f.0.0.1/a",
    "https://0X7F.0.0.0x1/a",
    "https://0x/a",
    "https://foo.0x/a",
    "https://0/a",
    "https://0.0.0.0/a",
    "https://10.0.0.1/a",
    "https://169.254.169.254/latest/meta-data/",
    "https://192.168.0.1/a",
    "https://127.0.0.1./a",
    "https://999.999.999.999/a",
    "https://1.2.3.4.5/a",
    "https://fcm.googleapis.com.1/a",
    "https://[::1]/a",
    "https://[::ffff:127.0.0.1]/a",
    "https://[64:ff9b::7f00:1]/a",
    "https://[fe80::1%25eth0]/a",
    "https://::1/a",
    "https://\uff11\uff12\uff17.0.0.1/a",
    "https://\u2460\u2461\u2466.0.0.1/a",
    # User info
    "https://fcm.googleapis.com@evil.example/a",
    "https://fcm.googleapis.com:443@evil.example/a",
    "https://user:pass@fcm.googleapis.com/a",
    "https://user@fcm.googleapis.com/a",
    "https://@fcm.googleapis.com/a",
    "https://evil.example%40fcm.googleapis.com/a",
    # Ports
    "https://fcm.googleapis.com:22/a",
    "https://fcm.googleapis.com:80/a",
    "https://fcm.googleapis.com:8443/a",
    "https://fcm.googleapis.com:0/a",
    "https://fcm.googleapis.com:65979/a",
    "https://fcm.googleapis.com:65536/a",
    "https://fcm.googleapis.com:99999999443/a",
    "https://fcm.googleapis.com:/a",
    "https://fcm.googleapis.com:-443/a",
    "https://fcm.googleapis.com:+443/a",
    "https://fcm.googleapis.com:443x/a",
    "https://fcm.googleapis.com:0x1bb/a",
    "https://fcm.googleapis.com:443:443/a",
    "https://fcm.googleapis.com: 443/a",
    "https://fcm.googleapis.com:\uff14\uff14\uff13/a",
    # Names that cannot be
    "https://fcm.googleapis.com./a",
    "https://fcm.googleapis.com../a",
    "https://.fcm.googleapis.com/a",
    "https://fcm..googleapis.com/a",
    "https://-fcm.googleapis.com/a",
    "https://fcm-.googleapis.com/a",
    "https://./a",
    "https://../a",
    "https://*.push.apple.com/a",
    "https://a_b.push.apple.com/a",
    "https://" + "a" * 64 + ".push.apple.com/a",
    "https://" + "a." * 127 + "push.apple.com/a",
    # Look-alikes and encodings of a known name
    "https://fcm\uff0egoogleapis\uff0ecom/a",
    "https://fcm\u3002googleapis\u3002com/a",
    "https://fcm.g\u043e\u043egleapis.com/a",
    "https://f\u212am.googleapis.com/a",
    "https://fcm.googleapi\u017f.com/a",
    "https://fcm.googleapis.com\u2044@evil.example/a",
    "https://fcm.googleapis.com\u200b/a",
    "https://fcm.googleapis.com\u00ad/a",
    "https://fcm.googleapis.com\ufeff/a",
    "https://fcm%2egoogleapis%2ecom/a",
    "https://fcm.googleapis.com%2f@evil.example/a",
    "https://fcm.googleapis.com%00.evil.example/a",
    "https://evil.example%2f.push.apple.com/a",
    # Backslashes
    "https:\\\\fcm.googleapis.com\\a",
    "https://fcm.googleapis.com\\a",
    "https://evil.example\\.push.apple.com/a",
    "https://evil.example\\@fcm.googleapis.com/a",
    "https://fcm.googleapis.com/a\\b",
    # White space and control characters
    " https://fcm.googleapis.com/a",
    "https://fcm.googleapis.com/a ",
    "https://fcm.googleapis.com/a\n",
    "https://fcm.googleapis.com/a\r\nHost: evil.example",
    "https://fcm.googleapis.com/a\r\n\r\nPOST / HTTP/1.1",
    "https://fcm.googleapis.com\n.evil.example/a",
    "https://fcm.googleapis.com\t/a",
    "https://fcm .googleapis.com/a",
    "https://fcm.googleapis.com/a b",
    "https://fcm.googleapis.com/a\0b",
    "https://fcm.googleapis.com/\x7f",
    "https://fcm.googleapis.com/\x85",
    "https://fcm.googleapis.com/\u2028",
    "h\nttps://fcm.googleapis.com/a",
    "https://fcm.googleapis.com/\u00e9",
    "https://fcm.googleapis.com/\ud800",
    # Fragments and what no URL holds unencoded
    "https://fcm.googleapis.com/a#b",
    "https://fcm.googleapis.com#/a",
    "https://evil.example#.push.apple.com/a",
    'https://fcm.googleapis.com/"',
    "https://fcm.googleapis.com/<script>",
    "https://fcm.googleapis.com/{a}",
    "https://fcm.googleapis.com/a|b",
    "https://fcm.googleapis.com/a^b",
    "https://fcm.googleapis.com/a`b",
    # Too long
    "https://fcm.googleapis.com/" + "a" * ENDPOINT_MAX_CHARS,
    "https://" + "a" * 254 + "/",
    # A host with one path only
    "https://graph.facebook.com/me/feed",
    "https://graph.facebook.com/",
    "https://graph.facebook.com/x/../rl_push_send",
    "https://graph.facebook.com?/rl_push_send",
]  # fmt: skip


@pytest.mark.parametrize("url", NEVER)
def test_hostile_endpoints_are_refused_even_when_any_host_is_allowed(url):
    for endpoints in (KNOWN_ONLY, ANY_HOST):
        with pytest.raises(EndpointRefusedError) as caught:
            endpoints.parse(url)
        assert str(caught.value) == caught.value.problem
        assert "googleapis" not in caught.value.problem


# Plain host names that are nobody's push service, however much they look like one.
STRANGERS = [
    "https://evil.example/",
    "https://fcm.googleapis.com.evil.example/a",
    "https://evilfcm.googleapis.com/a",
    "https://x.fcm.googleapis.com/a",
    "https://googleapis.com/a",
    "https://storage.googleapis.com/a",
    "https://android.googleapis.com/gcm/send/a",
    "https://www.google.com/a",
    "https://xjmt17.google.com/a",
    "https://fcm-googleapis-com.evil.example/a",
    "https://fcm.googleapis.co/a",
    "https://fcm.googleapis.comm/a",
    "https://evil.example/fcm.googleapis.com/",
    "https://evil.example/https://fcm.googleapis.com/",
    "https://evil.example?https://fcm.googleapis.com/",
    "https://evil.example/@fcm.googleapis.com/",
    "https://push.services.mozilla.com/a",
    "https://xpush.services.mozilla.com/a",
    "https://updates.push.services.mozilla.com.evil.example/a",
    "https://services.mozilla.com/a",
    "https://notify.windows.com/a",
    "https://evilnotify.windows.com/a",
    "https://windows.com/a",
    "https://push.apple.com/a",
    "https://evilpush.apple.com/a",
    "https://www.apple.com/a",
    "https://xn--fcm-googleapis-com.example/a",
    "https://xn--fm-cka.googleapis.com/a",
    "https://www.facebook.com/rl_push_send",
    "https://localhost/a",
    "https://metadata.google.internal/a",
    "https://kubernetes.default.svc/a",
    "https://127.0.0.1.nip.io/a",
]  # fmt: skip


@pytest.mark.parametrize("url", STRANGERS)
def test_strangers_are_refused_by_default(url):
    with pytest.raises(EndpointRefusedError, match="not a known push service"):
        KNOWN_ONLY.parse(url)


def test_there_are_many_hostile_endpoints():
    assert len(set(NEVER)) >= 60
    assert len(set(NEVER + STRANGERS)) == len(NEVER + STRANGERS)


@pytest.mark.parametrize("url", STRANGERS)
def test_strangers_are_other_when_any_host_is_allowed(url):
    endpoint = ANY_HOST.parse(url)
    assert endpoint.origin.service is PushService.OTHER
    assert endpoint.origin.key == f"{endpoint.origin.host}:443"


def test_any_host_allows_no_other_port():
    with pytest.raises(EndpointRefusedError, match="port"):
        ANY_HOST.parse("https://push.example.org:8443/a")


@pytest.mark.parametrize(
    ("url", "admitted"),
    [
        ("https://example.org/a", True),
        ("https://push.example.org/a", True),
        ("https://PUSH.Example.ORG/a", True),
        ("https://a.b.example.org/a", True),
        ("https://evilexample.org/a", False),
        ("https://example.org.evil.example/a", False),
        ("https://example.org:8443/a", False),
        ("https://up.example.net:8443/a", True),
        ("https://a.up.example.net:8443/a", True),
        ("https://up.example.net:08443/a", True),
        ("https://up.example.net/a", False),
        ("https://up.example.net:9/a", False),
        ("https://fcm.googleapis.com/a", True),
        ("https://example.org@127.0.0.1/a", False),
    ],
)
def test_host_rules_admit_suffixes_at_a_dot_on_their_port(url, admitted):
    rules, any_host = parse_host_rules("example.org, up.example.net:8443")
    endpoints = Endpoints(rules, any_host=any_host)
    if admitted:
        assert endpoints.parse(url).origin.service in {PushService.OTHER, PushService.FCM}
    else:
        with pytest.raises(EndpointRefusedError):
            endpoints.parse(url)


def test_an_origin_of_another_port_names_it():
    endpoint = Endpoints([HostRule("up.example.net", 8443)]).parse("https://UP.example.net:8443/a?b")
    origin = endpoint.origin
    assert (origin.url, origin.key) == ("https://up.example.net:8443", "up.example.net:8443")
    assert (origin.host, origin.port, endpoint.target) == ("up.example.net", 8443, "/a?b")


def test_an_address_is_admitted_only_by_its_own_rule():
    endpoints = Endpoints([HostRule("127.0.0.1", 8443), HostRule("0.1", 8443)], any_host=True)
    assert endpoints.parse("https://127.0.0.1:8443/a").origin.host == "127.0.0.1"
    for url in ("https://127.0.0.1/a", "https://10.0.0.1:8443/a", "https://2130706433:8443/a"):
        with pytest.raises(EndpointRefusedError):
            endpoints.parse(url)


def test_known_services_share_one_key_and_strangers_have_their_own():
    keys = {ANY_HOST.parse(f"https://{name}.notify.windows.com/w").origin.key for name in ("a", "b", "c")}
    assert keys == {"wns"}
    keys = {ANY_HOST.parse(f"https://{name}.example/w").origin.key for name in ("a", "b")}
    assert keys == {"a.example:443", "b.example:443"}


def test_an_origin_is_shared():
    endpoints = Endpoints()
    first, second = (endpoints.parse(f"https://fcm.googleapis.com/{path}") for path in "ab")
    assert first.origin is second.origin


def test_what_is_remembered_is_bounded():
    endpoints = Endpoints(any_host=True)
    for number in range(10_000):
        endpoints.parse(f"https://h{number}.example/")
    assert len(endpoints._origins) <= 4096


def test_a_refused_host_is_not_remembered():
    endpoints = Endpoints()
    for _ in range(2):
        with pytest.raises(EndpointRefusedError):
            endpoints.parse("https://evil.example/")
    assert not endpoints._origins


@pytest.mark.parametrize(
    ("text", "rules", "any_host"),
    [
        ("", (), False),
        (" , ,", (), False),
        ("*", (), True),
        ("Push.Example.ORG", (HostRule("push.example.org"),), False),
        ("a.example:8443,*, b.example", (HostRule("a.example", 8443), HostRule("b.example")), True),
        ("localhost:1", (HostRule("localhost", 1),), False),
    ],
)
def test_host_rules_are_read(text, rules, any_host):
    assert parse_host_rules(text) == (rules, any_host)


@pytest.mark.parametrize(
    "text",
    [
        "https://push.example.org", "push.example.org/", "push.example.org:", "a.example:0", "a.example:x",
        "a.example:65536", "a.example:1:2", "a.example:\u0663", "*.example.org", ".example.org", "a..b",
        "a b", "[::1]:1", "a_b.example", "-a.example", "\u00e9.example", "a.example;b.example",
    ],
)  # fmt: skip
def test_bad_host_rules_are_named_with_the_way_out(text):
    with pytest.raises(HostRuleError) as caught:
        parse_host_rules(f"good.example,{text}")
    assert repr(text) in str(caught.value)
    assert "push.example.org:8443" in str(caught.value)


@given(st.text())
def test_any_text_is_admitted_or_refused(text):
    for url in (
        text,
        f"https://{text}",
        f"https://fcm.googleapis.com/{text}",
        f"https://fcm.googleapis.com{text}",
    ):
        try:
            endpoint = ANY_HOST.parse(url)
        except EndpointRefusedError:
            continue
        assert (endpoint.origin.url + endpoint.target).isascii()
        assert endpoint.target.startswith("/")
        assert url.endswith(endpoint.target.lstrip("/"))


# What `parse` reads, said once more as one pattern.
AS_A_PATTERN = re.compile(r"https://([A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?([/?][!$-;=?-\[\]_a-z~]*)?")
PIECES = [*printable, "https://", "fcm.googleapis.com", ":443", "/a", "?b", "\0", "\x7f", "\xe9", "\ud800"]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example("")
@example("?")
@example("/?/")
@example("?/?")
def test_what_is_admitted_is_of_one_pattern(text):
    url = f"https://fcm.googleapis.com{text}"
    match = AS_A_PATTERN.fullmatch(url)
    if match is None or match[1].lower() != "fcm.googleapis.com" or match[2] not in {None, "443"}:
        with pytest.raises(EndpointRefusedError):
            KNOWN_ONLY.parse(url)
    else:
        target = match[3] or "/"
        assert KNOWN_ONLY.parse(url).target == (target if target[0] == "/" else f"/{target}")


@pytest.mark.parametrize("before", ["/", "?", "/a?", ""])
def test_each_character_is_admitted_or_refused_as_by_the_pattern(before):
    for code in range(0x3000):
        url = f"https://fcm.googleapis.com{before}{chr(code)}"
        if AS_A_PATTERN.fullmatch(url) and (before or chr(code) in "/?"):
            assert KNOWN_ONLY.parse(url).target.endswith(chr(code))
        else:
            with pytest.raises(EndpointRefusedError):
                KNOWN_ONLY.parse(url)


@given(st.from_regex(r"[A-Za-z0-9%_.:=&?/+-]{0,200}", fullmatch=True))
def test_a_target_is_kept_to_the_letter(target):
    assert KNOWN_ONLY.parse(f"https://fcm.googleapis.com/{target}").target == "/" + target
