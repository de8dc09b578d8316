from campaigns.api.outside import TEXT_MAX, read_user_agent, read_zones


def test_zones_are_those_of_tzdata():
    zones = read_zones()
    assert "Europe/Berlin" in zones
    assert "Mars/Olympus" not in zones
    assert zones.country_of("Asia/Tokyo") == "JP"


def test_a_user_agent_is_taken_apart():
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
    found = read_user_agent(agent)
    assert (found.browser, found.os) == ("Firefox", "Linux")
    assert read_user_agent("").browser is None


def test_a_user_agent_of_any_length_is_taken():
    assert read_user_agent("Firefox/133.0 " + "x" * 1_000_000).browser == "Firefox"
    assert TEXT_MAX < 10_000
