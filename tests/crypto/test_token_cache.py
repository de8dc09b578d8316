import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import base64url
from crypto.errors import VapidSubjectError, VapidTokenError
from crypto.vapid import CLOCK_SLACK, TokenCache, generate_vapid_key, load_vapid_key, verify

patient = settings(deadline=None)  # a busy machine is no failure
NOW = 1_795_255_200.5
SUBJECT = "mailto:ops@example.com"
FCM, MOZILLA = "https://fcm.googleapis.com", "https://updates.push.services.mozilla.com"
KEY = generate_vapid_key()
HOUR = 3600


def signed_at(authorization):
    claims = authorization.split("t=")[1].split(".")[1]
    return json.loads(base64url.decode(claims))["exp"] - 12 * HOUR


class TestTokenCache:
    def test_one_signature_for_each_key_and_audience(self):
        cache, other = TokenCache(SUBJECT), generate_vapid_key()
        for _ in range(3):
            for key in (KEY, other):
                for audience in (FCM, MOZILLA):
                    claims = verify(cache.authorization(key, audience, NOW), audience, NOW)
                    assert (claims.public_key, claims.subject) == (key.public, SUBJECT)
        assert (cache.signatures, len(cache)) == (4, 4)

    def test_a_key_read_again_is_the_same_key(self):
        cache = TokenCache(SUBJECT)
        first = cache.authorization(KEY, FCM, NOW)
        assert cache.authorization(load_vapid_key(KEY.to_pem()), FCM, NOW) == first
        assert cache.signatures == 1

    def test_lives_for_twelve_hours_and_is_renewed_after_six(self):
        cache = TokenCache(SUBJECT)
        first = cache.authorization(KEY, FCM, NOW)
        assert verify(first, FCM, NOW).expires_at == int(NOW) + 12 * HOUR
        assert cache.authorization(KEY, FCM, NOW + 6 * HOUR - 1) == first
        second = cache.authorization(KEY, FCM, NOW + 6 * HOUR)
        assert signed_at(second) == int(NOW) + 6 * HOUR
        assert (cache.signatures, len(cache)) == (2, 1)

    def test_lifetime_and_renewal_are_the_caller_s(self):
        cache = TokenCache(SUBJECT, lifetime=7200, renew_before=600)
        first = cache.authorization(KEY, FCM, NOW)
        assert verify(first, FCM, NOW).expires_at == int(NOW) + 7200
        assert cache.authorization(KEY, FCM, NOW + 6599) == first
        assert cache.authorization(KEY, FCM, NOW + 6600) != first

    def test_clock_that_steps_back(self):
        cache = TokenCache(SUBJECT)
        first = cache.authorization(KEY, FCM, NOW)
        assert cache.authorization(KEY, FCM, NOW - CLOCK_SLACK) == first
        back = NOW - 13 * HOUR
        with pytest.raises(VapidTokenError, match=r"\Atoo_far_ahead\Z"):
            verify(first, FCM, back)
        assert verify(cache.authorization(KEY, FCM, back), FCM, back).expires_at == int(back) + 12 * HOUR
        assert cache.signatures == 2

    @patient
    @given(st.lists(st.floats(0, 4e9), max_size=8))
    def test_whatever_the_clock_does_the_token_is_valid_then(self, times):
        cache = TokenCache(SUBJECT)
        for now in times:
            # Far enough below 24 hours that a push service's clock may be hours slow.
            authorization = cache.authorization(KEY, FCM, now)
            assert verify(authorization, FCM, now).expires_at <= now + 12 * HOUR + CLOCK_SLACK

    def test_the_least_recently_used_is_forgotten(self):
        cache = TokenCache(SUBJECT, capacity=2)
        one, two, three = (f"https://push{n}.example" for n in range(3))
        for audience in (one, two, one, three, one):
            cache.authorization(KEY, audience, NOW)
        assert (cache.signatures, len(cache)) == (3, 2)
        cache.authorization(KEY, two, NOW)
        assert (cache.signatures, len(cache)) == (4, 2)

    def test_bad_audience_leaves_nothing_behind(self):
        cache = TokenCache(SUBJECT)
        with pytest.raises(VapidTokenError, match="bad_audience"):
            cache.authorization(KEY, "https://[::1]", NOW)
        assert (cache.signatures, len(cache)) == (0, 0)

    def test_subject_is_checked_at_the_start(self):
        with pytest.raises(VapidSubjectError):
            TokenCache("mailto:root@localhost")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"lifetime": 43_201},
            {"lifetime": 0},
            {"renew_before": 43_200},
            {"renew_before": -1},
            {"capacity": 0},
        ],
    )
    def test_numbers_out_of_range(self, wrong):
        with pytest.raises(ValueError, match="must be"):
            TokenCache(SUBJECT, **wrong)

    def test_repr_tells_no_token(self):
        cache = TokenCache(SUBJECT)
        assert cache.authorization(KEY, FCM, NOW) not in repr(cache)
