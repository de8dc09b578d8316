import pytest

from tests.harness.agreement import crypto_mb


@pytest.fixture(scope="session")
def library():
    return crypto_mb()
