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
    """For who waits until there is no answer; any other test would meet it on a busy machine."""
    monkeypatch.setattr(consumer, "ANSWER_LIMIT", 0.05)
    monkeypatch.setattr(producer, "ANSWER_LIMIT", 0.05)
