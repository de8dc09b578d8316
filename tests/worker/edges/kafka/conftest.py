import pytest

from worker.config import load_settings
from worker.edges.kafka import consumer, producer


@pytest.fixture
def settings(tmp_path):
    return load_settings(
        {
            "PUSHMILL_VAPID_DIR": str(tmp_path),
            "PUSHMILL_VAPID_SUBJECT": "mailto:x@example.com",
            "PUSHMILL_INSTANCE_ID": "pod",
        }
    )


@pytest.fixture
def impatient(monkeypatch):
    """Shorten time-outs for tests that wait for one; any other test would hit them on a busy machine."""
    monkeypatch.setattr(consumer, "ANSWER_LIMIT", 0.05)
    monkeypatch.setattr(producer, "ANSWER_LIMIT", 0.05)
