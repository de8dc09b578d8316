"""`pushmill dead-letters` as a process, against a broker: listed, shown, replayed, and sent in the end."""

import json
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from aiokafka import AIOKafkaProducer

from tests.harness.command import Done, kafka_of, pushmill
from tests.harness.upstream import Outcomes, Reader, job, recipient
from tests.harness.waiting import until
from tests.harness.world import World
from worker.records.dead_letter import dead_letter
from worker.records.envelope import Partition, Record
from worker.records.values import RecordError
from worker.simulator.service import SimulatedPushService

HOUR = 3600.0
FIRST = float(int(time.time()) - 5 * 3600)
"""When the first letters were written: not so long ago that the broker would remove them."""


class Letters:
    """Writes dead letters as workers do, and runs the command on them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.offsets = [0] * world.partitions

    async def write(
        self, value: bytes | None, *, code: str = "bad_json", topic: str = "jobs", at: float = FIRST,
        key: bytes | None = b"k", headers: tuple = (), partition: int = 0, more: tuple = (),
    ) -> str:  # fmt: skip
        record = Record(Partition(topic, 3), 77, at, key, value, headers)
        letter = dead_letter(record, RecordError(code, "value: is wrong"), self.world.prefix)
        async with AIOKafkaProducer(bootstrap_servers=self.world.broker) as producer:
            sent = await producer.send_and_wait(
                self.world.prefix + letter.topic, letter.value, key=letter.key, partition=partition,
                headers=[*letter.headers, *more], timestamp_ms=int(at * 1000),
            )  # fmt: skip
        return f"{partition}:{sent.offset}"

    async def run(self, *arguments: str) -> Done:
        return await pushmill("dead-letters", *arguments, **kafka_of(self.world.broker, self.world.prefix))

    async def done(self, *arguments: str) -> list[str]:
        """Run the command, and return its lines; it must succeed."""
        done = await self.run(*arguments)
        assert (done.status, done.err) == (0, ""), done
        return done.out.splitlines()

    async def records(self, topic: str, count: int) -> list:
        """Return the records of a topic, once there are so many, and no more."""
        async with Reader(self.world, topic) as reader:
            await reader.read(lambda: len(reader.records) >= count, f"{count} records in {topic}")
            await reader.drain()
            return reader.records


@pytest.fixture
def letters(world: World) -> Letters:
    return Letters(world)


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def value(campaign: str = "camp", job_id: str = "j") -> bytes:
    return json.dumps({"campaign_id": campaign, "job_id": job_id}).encode()


async def test_letters_are_listed_with_what_is_wrong_and_whose_they_are(letters: Letters):
    assert await letters.done("list") == ["no dead letters"]
    await letters.write(value("camp_1", "j1"), code="bad_field")
    await letters.write(b"\xff\x1b[2J", at=FIRST + HOUR, partition=2, topic="later.1m", key=None)
    await letters.write(value("camp_2", "j2"), more=(("truncated-from-bytes", b"3000000"),), partition=2)
    *lines, counted = await letters.done("list")
    prefix = letters.world.prefix
    assert sorted(lines) == [
        f"0:0  {moment(FIRST)}  bad_field  {prefix}jobs 3:77  campaign camp_1  job j1  value: is wrong",
        f"2:0  {moment(FIRST + HOUR)}  bad_json  {prefix}later.1m 3:77  campaign -  job -  value: is wrong",
        (
            f"2:1  {moment(FIRST)}  bad_json  {prefix}jobs 3:77  campaign camp_2  job j2  "
            "cut from 3,000,000 bytes  value: is wrong"
        ),
    ]
    assert counted == "3 dead letters: 2 bad_json, 1 bad_field; 1 cut, which cannot be replayed"
    objects = [json.loads(line) for line in await letters.done("list", "--json", "--campaign", "camp_1")]
    assert objects == [
        {
            "partition": 0,
            "offset": 0,
            "at": moment(FIRST),
            "error_code": "bad_field",
            "error": "value: is wrong",
            "source_topic": f"{prefix}jobs",
            "source_partition": 3,
            "source_offset": 77,
            "campaign_id": "camp_1",
            "job_id": "j1",
            "bytes": len(value("camp_1", "j1")),
            "truncated_from_bytes": None,
        }
    ]


async def test_letters_are_filtered(letters: Letters):
    await letters.write(value("camp_1"), code="bad_field")
    await letters.write(value("camp_2"), code="bad_json", at=FIRST + HOUR)
    await letters.write(value("camp_1"), code="internal_error", at=FIRST + 2 * HOUR)

    async def listed(*arguments: str) -> list[str]:
        return [line.split()[0] for line in (await letters.done("list", *arguments))[:-1]]

    assert await listed("--code", "bad_field", "--code", "bad_json") == ["0:0", "0:1"]
    assert await listed("--campaign", "camp_1") == ["0:0", "0:2"]
    assert await listed("--since", moment(FIRST + HOUR)) == ["0:1", "0:2"]
    elsewhere = datetime.fromtimestamp(FIRST + HOUR, timezone(timedelta(hours=1)))
    assert await listed("--until", elsewhere.isoformat()) == ["0:0"]
    assert await listed("--from", "0:2") == ["0:2"]
    assert await listed("--from", "0:3") == []


async def test_a_letter_is_shown_without_its_secrets(letters: Letters):
    endpoint = "https://fcm.googleapis.com/fcm/send/s3cr3t"
    keys = {"p256dh": "s3cr3t", "auth": "s3cr3t"}
    person = {
        "id": "r1",
        "subscription": {"endpoint": endpoint, "keys": keys},
        "variables": {"name": "s3cr3t"},
    }
    text = json.dumps(
        {"job_id": "j1", "campaign_id": "camp", "payload": "s3cr3t", "recipients": [person]}
    ).encode()
    at = await letters.write(text, headers=(("traceparent", b"00-1"), ("empty", None)))
    shown = "\n".join(await letters.done("show", at))
    for part in (
        f"0:0, written {moment(FIRST)}",
        "bad_json",
        "jobs 3:77",
        "traceparent: 00-1",
        "empty: -",
        "job         j1",
    ):
        assert part in shown
    assert "https://fcm.googleapis.com/<hidden>" in shown
    assert '"name": "<hidden>"' in shown
    assert "s3cr3t" not in shown
    assert (await letters.run("show", at, "--raw")).out == text.decode()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"name": "s3cr3t",\n}', "not JSON    line 2, column 1: has a comma before a closing bracket"),
        (b"\0\0\0\0\x01\x02s3cr3t", "begins with a schema registry's prefix"),
        (None, "value       none: the record is a tombstone"),
    ],
)
async def test_what_is_not_json_is_explained_and_not_shown(letters: Letters, text: bytes | None, said: str):
    shown = "\n".join(await letters.done("show", await letters.write(text)))
    assert said in shown
    assert "s3cr3t" not in shown


async def test_letters_go_back_to_where_they_came_from_as_they_were(letters: Letters):
    own = (("traceparent", b"00-1"), ("spanId", None))
    await letters.write(b"1", headers=own, key=b"a")
    await letters.write(b"2", topic="jobs.urgent", key=None, partition=1)
    await letters.write(b"3", topic="later.1m", key=b"c", partition=2)
    await letters.write(b"cut", more=(("truncated-from-bytes", b"9"),))
    await letters.write(b"elsewhere", topic="outcomes")
    prefix = letters.world.prefix
    counts = f"3 letters: 1 to {prefix}jobs, 1 to {prefix}jobs.urgent, 1 to {prefix}later.1m; left out: "
    counts += "1 letter cut, so the record is gone, 1 letter from no topic of jobs"
    [line] = await letters.done("replay")
    assert sorted(line) == sorted(f"would replay {counts}; run it again with --yes to do it")
    first, second = await letters.done("replay", "--yes")
    assert sorted(first) == sorted(f"replayed {counts}")
    assert (
        second == "to replay only what comes after, begin with: --from 0:3 --from 1:1 --from 2:1 --from 3:0"
    )
    [normal] = await letters.records("jobs", 1)
    assert (normal.key, normal.value, normal.headers) == (b"a", b"1", own)
    [urgent] = await letters.records("jobs.urgent", 1)
    assert (urgent.key, urgent.value, urgent.headers) == (None, b"2", ())
    [later] = await letters.records("later.1m", 1)
    assert (later.key, later.value, later.headers) == (b"c", b"3", ())
    again = second.partition(": ")[2].split()
    assert (await letters.done("replay", *again))[0] == "would replay 0 letters"


async def test_a_replay_keeps_the_order_of_each_key(letters: Letters):
    async with AIOKafkaProducer(bootstrap_servers=letters.world.broker) as producer:
        for number in range(1_000):
            record = Record(Partition("jobs", 0), number, FIRST, b"k%d" % (number % 7), b"%d" % number)
            letter = dead_letter(record, RecordError("bad_json", "x"), letters.world.prefix)
            await producer.send(
                letters.world.prefix + letter.topic,
                letter.value,
                key=letter.key,
                headers=list(letter.headers),
            )
    assert (await letters.done("replay", "--yes"))[0].startswith("replayed 1,000 letters")
    records = await letters.records("jobs", 1_000)
    assert len(records) == 1_000
    for key in {record.key for record in records}:
        numbers = [int(record.value) for record in records if record.key == key]
        assert numbers == sorted(numbers)


async def test_what_is_valid_by_now_is_sent_and_what_is_not_becomes_one_new_letter(
    letters: Letters, service: SimulatedPushService
):
    world = letters.world
    [subscription] = service.subscribe(vapid_public_key=world.key.public_text)
    await letters.write(
        json.dumps(job("j1", [recipient("r1", subscription)])).encode(), code="internal_error"
    )
    await letters.write(b"nonsense")
    await world.start_worker(service)
    assert (await letters.done("replay", "--yes"))[0].startswith("replayed 2 letters")
    async with Outcomes(world) as outcomes:
        [[outcome]] = (await outcomes.of(1)).values()
    assert outcome["status"] == "sent"
    found = await letters.records("dead-letters", 3)
    assert [record.value for record in found].count(b"nonsense") == 2
    assert len(found) == 3
    await until(lambda: len(service.pushes(subscription)) == 1, "the push has arrived")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("show", "0:5"), 1, "there is no letter 0:5 in the partition: it holds 0 to 0"),
        (("show", "1:0"), 1, "there is no letter 1:0 in the partition: it holds none"),
        (("show", "9:0"), 2, "dead-letters has no partition 9, only 4 from 0 on"),
        (("show", "0"), 2, "PARTITION:OFFSET should be a partition and an offset, such as 0:12"),
        (("list", "--from", "x"), 2, "--from should be a partition and an offset"),
        (("list", "--from", "0:1", "--from", "0:2"), 2, "--from names the same partition twice"),
        (("list", "--from", "7:1"), 2, "has no partition 7"),
        (("list", "--since", "yesterday"), 2, "--since should be a time with its zone"),
        (("replay", "--until", "2026-11-21T10:00:00"), 2, "--until should be a time with its zone"),
    ],
)
async def test_what_cannot_be_asked(letters: Letters, arguments: tuple[str, ...], status: int, said: str):
    await letters.write(b"x")
    done = await letters.run(*arguments)
    assert (done.status, done.out) == (status, "")
    assert len(done.err.splitlines()) == 1
    assert said in done.err


@pytest.mark.parametrize("action", [("list",), ("show", "0:0"), ("replay",), ("replay", "--yes")])
async def test_without_its_topic_it_says_so(broker: str, action: tuple[str, ...]):
    done = await pushmill("dead-letters", *action, **kafka_of(broker, "nobody.made.letters."))
    assert (done.status, done.out) == (1, "")
    assert "has no topic nobody.made.letters.dead-letters" in done.err
