from datetime import timedelta

import pytest

from campaigns.store.database import OvertakenError
from campaigns.store.job_outcomes import (
    Job,
    Unnumbered,
    add_bits,
    add_unnumbered,
    change_bits,
    drop_outcomes,
    known_bits,
)
from tests.campaigns.collect.rows import add_launch
from tests.campaigns.store.support import NOON, make_site

ONE, TWO = Job(1, 0), Job(1, 1)


async def test_bitmaps_are_kept_by_job(database):
    async with database.connection() as connection:
        await add_bits(connection, {TWO: b"\2", ONE: b"\1"})
        await change_bits(connection, {TWO: b"\2\1"})
        assert await known_bits(connection, [ONE, TWO, Job(2, 0)]) == {ONE: b"\1", TWO: b"\2\1"}


async def test_nobody_else_may_have_added_the_same(database):
    async with database.connection() as connection:
        await add_bits(connection, {TWO: b"\2"})
        with pytest.raises(OvertakenError):
            await add_bits(connection, {ONE: b"\1", TWO: b"\1"})


async def test_outcomes_without_a_number_are_new_once(database):
    first, second = Unnumbered(1, 0, "sub_1"), Unnumbered(1, 0, "sub_2")
    async with database.connection() as connection:
        assert await add_unnumbered(connection, [first]) == {first}
        assert await add_unnumbered(connection, [first, second]) == {second}


async def test_jobs_are_forgotten_once_their_launch_was_done_long_ago_or_is_gone(database):
    async with database.connection() as connection:
        site = (await make_site(connection)).id
        await add_launch(connection, site, 1)
        await add_launch(connection, site, 2, state="done", done_at=NOON)
        await add_launch(connection, site, 3, state="done", done_at=NOON - timedelta(hours=1))
        jobs = [Job(launch, job) for launch in range(1, 5) for job in range(3)]
        await add_bits(connection, dict.fromkeys(jobs, b"\1"))
        await add_unnumbered(connection, [Unnumbered(*job, "sub_1") for job in jobs])
        assert [await drop_outcomes(connection, NOON, 4) for _ in range(3)] == [4, 2, 0]
        assert await known_bits(connection, jobs) == {job: b"\1" for job in jobs if job.launch < 3}
        left = await connection.fetchval(
            "SELECT array_agg(DISTINCT launch ORDER BY launch) FROM unnumbered_outcome"
        )
        assert left == [1, 2]
