"""The demo reads the contract for itself; here its reading is compared with the worker's."""

from datetime import UTC, datetime

import pytest

from worker.demo import contract
from worker.records import topics
from worker.records.control import CampaignControl, State, decode_control
from worker.records.outcome import Status

AT = datetime(2026, 11, 21, 9, 0, 0, 250_000, tzinfo=UTC)


def test_its_topics_are_those_that_the_worker_creates():
    read = {
        contract.JOBS,
        contract.URGENT_JOBS,
        contract.CONTROL,
        contract.OUTCOMES,
        contract.EXPIRED,
        contract.DEAD_LETTERS,
    }
    assert len(read) == 6
    assert read < {topic.name for topic in topics.TOPICS}


@pytest.mark.parametrize("status", contract.Status)
def test_its_statuses_are_the_workers(status):
    assert Status(status.value).name == status.name


@pytest.mark.parametrize("state", ["paused", "running"])
def test_the_worker_reads_its_control_records(state):
    written = contract.encode_json(contract.CampaignControl("autumn", state, AT, 8.25))
    assert decode_control(written) == CampaignControl(1, "autumn", State(state), AT, 8.25)
