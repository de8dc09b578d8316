import pytest

from tests.worker.support import JOBS, NOW, job, job_context, recipient
from worker.ledger.ledger import Entry
from worker.pipeline.actionable import NOT_ALLOWED, REFUSED, actionable_outcomes
from worker.records.outcome import Outcome, Status
from worker.records.values import moment


def settled(*outcomes, subject=None):
    held = subject or job_context(job(recipient("sub_1"), site_id="site_b"))
    return [(Entry(JOBS, 0, len(outcomes), 0, held), list(enumerate(outcomes)))]


def outcome(status, detail=None, service="apple"):
    return Outcome("sub_1", status, moment(NOW), 1, 403, service, detail)


def test_a_refused_identity_is_told_with_its_site_job_and_campaign_and_without_the_recipient():
    [found] = actionable_outcomes(settled(outcome(Status.UNAUTHORIZED, "bad_jwt")))
    assert found.event == REFUSED
    assert (found.site, found.push_service, found.detail) == ("site_b", "apple", "bad_jwt")
    held = job_context(job(recipient("sub_1"), site_id="site_b")).job
    assert (found.job, found.campaign) == (held.job_id, held.campaign_id)
    assert "sub_1" not in found


def test_a_host_that_is_not_allowed_is_told():
    [found] = actionable_outcomes(settled(outcome(Status.INVALID, "endpoint_not_allowed", None)))
    assert found.event == NOT_ALLOWED


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.UNAUTHORIZED])
def test_what_is_counted_and_no_more_is_not_told(status):
    assert list(actionable_outcomes(settled(outcome(status, "bad_keys")))) == []


def test_one_line_is_enough_for_a_site_at_a_push_service():
    refused = [outcome(Status.UNAUTHORIZED, "bad_jwt") for _ in range(3)]
    assert len({each.kind for each in actionable_outcomes(settled(*refused))}) == 1
    elsewhere = outcome(Status.UNAUTHORIZED, "bad_jwt", "wns")
    assert len({each.kind for each in actionable_outcomes(settled(*refused, elsewhere))}) == 2


def test_records_that_are_no_jobs_have_no_outcomes():
    entry = Entry(JOBS, 0, 1, 0, None)
    assert list(actionable_outcomes([(entry, [(0, outcome(Status.UNAUTHORIZED))])])) == []
