import pytest

from worker.config import load_settings


@pytest.fixture
def settings(tmp_path):
    return load_settings(
        {
            "PUSHMILL_VAPID_DIR": str(tmp_path),
            "PUSHMILL_VAPID_SUBJECT": "mailto:x@example.com",
            "PUSHMILL_INSTANCE_ID": "pod",
        }
    )
