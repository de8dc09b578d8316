import pytest
import ua_parser

from campaigns.model.device import Device, Families, device_of

BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
AGENTS = [
    (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/130.0.0.0 Safari/537.36",
        Device("chrome", "windows", "desktop", None),
    ),
    (
        "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
        Device("firefox", "linux", "desktop", None),
    ),
    (
        f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT} Version/18.0 Safari/605.1.15",
        Device("safari", "macos", "desktop", "Mac"),
    ),
    (
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {WEBKIT} Version/18.0 Mobile/15E148",
        Device("safari", "ios", "mobile", "iPhone"),
    ),
    (
        f"Mozilla/5.0 (Linux; Android 10; K) {BLINK} Chrome/130.0.0.0 Mobile Safari/537.36",
        Device("chrome", "android", "mobile", None),
    ),
    (
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {BLINK} Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
        Device("edge", "windows", "desktop", None),
    ),
    (
        f"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) {WEBKIT} Version/18.0 Mobile/15E148 Safari/604.1",
        Device("safari", "ios", "tablet", "iPad"),
    ),
    ("curl/8", Device("curl", None, None, None)),
    ("", Device()),
]


@pytest.mark.parametrize(("agent", "device"), AGENTS)
def test_a_user_agent_in_our_words(agent, device):
    read = ua_parser.parse(agent)
    families = Families(*(part and part.family for part in (read.user_agent, read.os, read.device)))
    assert device_of(families) == device


def test_what_is_not_in_a_table_is_kept_in_lower_case_and_short():
    device = device_of(Families("Brave", "Haiku" * 50, "M" * 500))
    assert (device.browser, device.platform) == ("brave", None)
    assert len(device.os or "") == len(device.device or "") == 100
