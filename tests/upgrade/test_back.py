"""What this version writes is read by 0.1.0 as this version reads it: an update may be taken back."""

import base64
import json
import subprocess
import sys

import pytest

from tests.upgrade.release import source
from tests.worker.pipeline.world import World
from tests.worker.support import JOBS, RECEIVER, job, recipient, record
from worker.ledger import ledger
from worker.ledger.progress import decode_progress
from worker.pipeline.intake import take_in
from worker.pipeline.placement import make_deliveries
from worker.pipeline.publication import Postponed, publications
from worker.push.services import Endpoints
from worker.records.envelope import Partition, Record
from worker.records.topics import TIERS

READ = """
import json, sys
from worker.ledger.progress import decode_progress
from worker.pipeline.intake import take_in
from worker.pipeline.placement import make_deliveries
from worker.push.services import Endpoints
from worker.records.envelope import Partition, Record

class Entry:
    def __init__(self, size):
        self.unsettled = range(size)

def read(topic, value, headers):
    headers = tuple((name, bytes.fromhex(said)) for name, said in headers)
    taken = take_in(Record(Partition(topic, 0), 0, 5.0, None, value.encode(), headers), 999.0)
    deliveries, unsendable = make_deliveries(taken, Entry(len(taken.recipients)), Endpoints(), 0.0)
    assert not unsendable
    return [told(taken.job.message, each) for each in deliveries]

def told(message, each):
    text = message.render(each.recipient).decode()
    return [each.recipient.id, each.due, each.next, each.lapses, each.attempts, text]

def progress(offset, metadata):
    found = decode_progress(offset, metadata)
    partial = [[at, each.size, each.settled] for at, each in found.partial.items()]
    return [found.low, list(map(list, found.done)), partial]

import worker
print(json.dumps({
    "from": worker.__file__,
    "records": [read(*each) for each in json.loads(sys.stdin.readline())],
    "commits": [progress(*each) for each in json.loads(sys.stdin.readline())],
}))
"""


class Recorded(World):
    """Keeps what its workers write to tiers, and the maps that they commit."""

    def __init__(self, seed):
        self.later, self.maps = [], []
        super().__init__(seed, clean=True)

    def _publish(self, publications):
        publications = list(publications)
        self.later += [each for each in publications if each.topic.startswith("later.")]
        super()._publish(publications)

    def checkpoint(self, **how):
        super().checkpoint(**how)
        self.maps += [[each.offset, each.metadata] for each in self.commits.values() if each.metadata]


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Let 0.1.0 read records and commits; return what it makes of them."""
    folder = source("0.1.0", tmp_path_factory.mktemp("0.1.0"))

    def read(records, commits=()):
        asked = f"{json.dumps(records)}\n{json.dumps(list(commits))}\n"
        command = [sys.executable, "-c", READ]
        done = subprocess.run(command, check=False, cwd=folder, input=asked, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout)
        assert found["from"].startswith(str(folder))
        return found

    return read


def written(publication):
    headers = [[name, said.hex()] for name, said in publication.headers]
    return [publication.topic, publication.value.decode(), headers]


class Entry:
    def __init__(self, size):
        self.unsettled = range(size)


def here(publication):
    record = Record(Partition(publication.topic, 0), 0, 5.0, None, publication.value, publication.headers)
    taken = take_in(record, 999.0)
    deliveries, unsendable = make_deliveries(taken, Entry(len(taken.recipients)), Endpoints(), 0.0)
    assert not unsendable
    return [
        [
            *(each.recipient.id, each.due, each.next, each.lapses, each.attempts),
            taken.job.message.render(each.recipient).decode(),
        ]
        for each in deliveries
    ]


@pytest.mark.parametrize("seed", range(2))
def test_it_sends_what_waits_in_tiers_at_the_same_time_with_the_same_text(before, seed):
    world = Recorded(seed)
    world.live(lives=6)
    assert len(world.later) > 100
    assert before([written(each) for each in world.later])["records"] == [here(each) for each in world.later]


NOTIFICATION = {"title": "Hi {{name|there}}", "url": "https://shop.example/", "data": {"a": None}}
KEYS = {
    "p256dh": base64.encodebytes(RECEIVER.public).decode(),
    "auth": base64.encodebytes(b"\xfb\xff" * 8).decode(),
}


def foreign(*people, half=b"", **fields):
    """Write a job as some other serializer would, with `half` in the place of each `??`."""
    value = job(*people, **{"notification": NOTIFICATION} | fields)
    return json.dumps(value).encode().replace(b"??", half)


OPTIONAL = ("ttl", "urgency", "slice", "vapid_key", "mutable", "topic", "start_at", "payload", "not_after")
FOREIGN = {
    "null in a job": foreign(**dict.fromkeys(OPTIONAL)),
    "null in a notification": foreign(
        notification=NOTIFICATION | dict.fromkeys(("body", "icon", "actions", "tag", "dir", "timestamp"))
    ),
    "null in a recipient": foreign(recipient("a", variables=None, not_before=None)),
    "null as a variable": foreign(recipient("a", variables={"name": None, "sku": "x"})),
    "nothing but null as variables": foreign(recipient("a", variables={"name": None})),
    "a list as variables": foreign(recipient("a", variables=[])),
    "half a pair": foreign(recipient("a", variables={"name": "??", "?? ": 1}), half=rb"Zo\ud83d"),
    "bytes that are not UTF-8": foreign(recipient("a", variables={"name": "??"}), half=b"Zo\xeb\xed\xa0\xbd"),
    "ordinary base64": foreign(
        recipient("a", subscription={"endpoint": "https://fcm.googleapis.com/x", "keys": KEYS})
    ),
    "whole numbers with a point": foreign(v=1.0, ttl=60.0, slice={"first": 0.0, "total": 5.0}),
}


def postponed(raw, headers):
    """Take a job in, postpone its recipient, and return the record of the tier."""
    taken = take_in(record(raw, headers=headers), 999.0)
    [person] = taken.recipients
    effect = Postponed(person, None, 1, TIERS[0], (5.0, 50.0))
    [publication] = publications([(ledger.Entry(JOBS, 0, 1, 0, taken.job), [(0, effect)])], "pod-0/0")
    return publication


def test_it_reads_what_other_serializers_wrote_once_that_has_been_in_a_tier(before):
    headers = (("spanId", None), ("traceparent", b"00-1"))
    later = [postponed(raw, headers) for raw in FOREIGN.values()]
    assert before([written(each) for each in later])["records"] == [here(each) for each in later]
    assert {each.headers for each in later} == {(("spanId", b""), ("traceparent", b"00-1"))}
    for each in later:  # 0.1.0 looks at keys only once it sends
        [person] = json.loads(each.value)["recipients"]
        assert not set("+/=\n") & set("".join(person["subscription"]["keys"].values()))


def test_it_reads_the_same_recipients_from_a_commit(before):
    world = Recorded(7)
    world.live(lives=6)
    assert len(world.maps) > 50
    found = [decode_progress(*each) for each in world.maps]
    assert before([], world.maps)["commits"] == [
        [
            each.low,
            [list(done) for done in each.done],
            [[at, part.size, part.settled] for at, part in each.partial.items()],
        ]
        for each in found
    ]
