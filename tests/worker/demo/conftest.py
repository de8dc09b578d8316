import pytest

from worker.demo.drafts import draft
from worker.demo.producer import RecipientKey


@pytest.fixture(scope="package")
def drafts():
    return draft(10_000, seed=3)


@pytest.fixture(scope="package")
def fates(drafts):
    return {
        RecipientKey(each.job["job_id"], recipient.id): recipient.fate
        for each in drafts
        for recipient in each.recipients
    }
