import pytest

from campaigns.collect.expirations import read_expirations
from campaigns.store.expirations import Gone
from campaigns.store.subscribers import digest_of
from tests.campaigns.collect.records import expired

ENDPOINT = "https://push.example/1"


def test_what_is_gone_is_told_by_its_endpoints_digest():
    read = read_expirations([expired(7, ENDPOINT), expired(7, ENDPOINT), None])
    assert read.gone == {Gone(1, 7, digest_of(ENDPOINT))}
    assert read.passed_over == 0
    assert "push.example" not in repr(read)


@pytest.mark.parametrize(
    "value", [b"{", b"{}", expired(7, ENDPOINT, site="shop"), expired(-1, ENDPOINT)], ids=range(4)
)
def test_what_is_not_of_this_service_is_passed_over(value):
    read = read_expirations([value, expired(7, ENDPOINT)])
    assert (len(read.gone), read.passed_over) == (1, 1)
