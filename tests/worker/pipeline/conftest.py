import pytest
from prometheus_client import CollectorRegistry

from worker.metrics import Metrics


@pytest.fixture
def metrics():
    return Metrics(CollectorRegistry())
