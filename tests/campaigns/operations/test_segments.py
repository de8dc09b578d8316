import pytest

from campaigns.model.condition import Comparison, Op
from campaigns.model.problems import ConflictError, ForbiddenError, InvalidError, NotFoundError
from campaigns.model.scope import Permission
from campaigns.operations.segments import (
    SegmentChanges,
    create_segment,
    edit_segment,
    get_segment,
    get_segments,
    preview_segment,
    remove_segment,
)
from campaigns.store.audience import Size
from tests.campaigns.operations.support import LATER, make_account
from tests.campaigns.store.support import make_subscriber

NEWS, VIP = Comparison("tag", Op.EQ, "news"), Comparison("tag", Op.EQ, "vip")


async def test_a_segment_is_made_changed_listed_and_removed(scope, service, site):
    made = await create_segment(scope, service, site.id, "News", NEWS)
    other = await create_segment(scope, service, site.id, "Vip", VIP)
    changed = await edit_segment(scope, service, made.id, SegmentChanges(condition=VIP), LATER)
    assert (changed.name, changed.condition, changed.updated_at) == ("News", VIP, LATER)
    assert await get_segment(scope, service, made.id) == changed
    assert (await get_segments(scope, service, site.id, 0, 9)).items == [changed, other]
    await remove_segment(scope, service, made.id)
    with pytest.raises(NotFoundError):
        await get_segment(scope, service, made.id)


async def test_a_name_is_taken_once(scope, service, site):
    await create_segment(scope, service, site.id, "News", NEWS)
    with pytest.raises(ConflictError, match="name"):
        await create_segment(scope, service, site.id, "News", VIP)
    other = await create_segment(scope, service, site.id, "Vip", VIP)
    with pytest.raises(ConflictError, match="name"):
        await edit_segment(scope, service, other.id, SegmentChanges(name="News"), LATER)
    with pytest.raises(InvalidError):
        await edit_segment(scope, service, other.id, SegmentChanges(name=" "), LATER)


async def test_a_preview_counts(database, scope, service, site):
    async with database.transaction() as connection:
        for number in range(5):
            tags = ("news",) if number % 2 else ()
            await make_subscriber(connection, site.id, number, profile={"tags": tags})
    assert await preview_segment(scope, service, site.id, NEWS) == Size(2, exact=True)


async def test_a_reader_makes_none(database, service, site):
    reader = await make_account(database, Permission.READ)
    with pytest.raises(ForbiddenError, match="send"):
        await create_segment(reader, service, site.id, "News", NEWS)
