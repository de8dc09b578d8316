from datetime import timedelta

import msgspec
import pytest

from campaigns.model.campaign import CampaignStatus as S
from campaigns.model.campaign import NewCampaign, Plan, launch, pause
from campaigns.model.campaign_changes import copied, edit
from campaigns.model.problems import ConflictError
from campaigns.model.recurrence import Recurrence
from tests.campaigns.model.test_campaign import LATER, NOW, made

DAY = timedelta(days=1)
DAILY = Recurrence(cron="0 10 * * *", zone="UTC")
AT_NOON = Recurrence(cron="0 12 * * *", zone="UTC")


def test_a_campaign_that_has_lost_its_time_is_a_draft_again():
    scheduled = made(S.SCHEDULED, start_at=LATER)
    assert edit(scheduled, NOW, name="x").status is S.SCHEDULED
    assert edit(scheduled, NOW, plan=Plan()).status is S.DRAFT
    assert edit(made(S.REFUSED), NOW, name="x").status is S.DRAFT
    assert edit(made(), LATER, name="x") == msgspec.structs.replace(made(), name="x", updated_at=LATER)
    with pytest.raises(ConflictError):
        edit(made(S.QUEUED), NOW, name="x")


def test_a_copy_has_no_time_that_has_passed():
    original = made(S.DONE, start_at=NOW, ends_at=NOW, ttl=60)
    assert copied(original, LATER).plan == Plan(ttl=60)
    assert copied(original, NOW - timedelta(hours=1)).plan == original.plan
    copy = copied(original, LATER)
    assert type(copy) is NewCampaign
    assert (copy.name, copy.content, copy.target) == (original.name, original.content, original.target)


def test_what_recurs_goes_on_with_its_new_times():
    recurring = launch(made(recurrence=DAILY), NOW).campaign
    assert recurring.next_at == LATER
    changed = edit(recurring, NOW, recurrence=AT_NOON)
    assert (changed.status, changed.next_at) == (S.RECURRING, NOW.replace(hour=12))
    with pytest.raises(ConflictError, match="have passed"):
        edit(recurring, LATER, plan=Plan(ends_at=LATER))
    with pytest.raises(ConflictError, match="another one"):
        edit(recurring, NOW, recurrence=None)


def test_a_time_that_has_come_is_not_lost_to_a_change_of_something_else():
    recurring = launch(made(recurrence=DAILY, ends_at=LATER), NOW).campaign
    for changes in ({"name": "x"}, {"plan": Plan(ends_at=LATER, ttl=60)}):
        changed = edit(recurring, LATER + timedelta(seconds=1), **changes)
        assert (changed.status, changed.next_at) == (S.RECURRING, LATER)


def test_what_recurs_is_changed_while_it_is_paused_too():
    paused = pause(launch(made(recurrence=DAILY), NOW).campaign, NOW).campaign
    changed = edit(paused, NOW, recurrence=AT_NOON)
    assert (changed.status, changed.next_at, changed.recurrence) == (S.PAUSED, None, AT_NOON)
    with pytest.raises(ConflictError, match="another one"):
        edit(paused, NOW, recurrence=None)
    once = pause(launch(made(start_at=LATER), NOW).campaign, NOW).campaign
    with pytest.raises(ConflictError, match="paused"):
        edit(once, NOW, recurrence=DAILY)


def test_what_waits_for_its_time_recurs_once_it_is_told_to():
    scheduled = launch(made(start_at=LATER), NOW).campaign
    changed = edit(scheduled, NOW, recurrence=DAILY)
    assert (changed.status, changed.next_at) == (S.RECURRING, LATER)


def test_a_copy_recurs_as_its_original_and_is_a_draft():
    original = launch(made(recurrence=DAILY, start_at=NOW - DAY, ends_at=NOW + DAY), NOW).campaign
    copy = copied(original, NOW)
    assert (copy.recurrence, copy.plan) == (DAILY, Plan(ends_at=NOW + DAY))
