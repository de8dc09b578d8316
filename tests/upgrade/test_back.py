"""What this version writes is read by 0.1.0 as this version reads it: an update may be taken back."""

import json
import subprocess
import sys

import pytest

from tests.upgrade.release import source
from tests.worker.pipeline.world import World
from worker.ledger.progress import decode_progress
from worker.pipeline.intake import take_in
from worker.pipeline.placement import make_deliveries
from worker.push.services import Endpoints
from worker.records.envelope import Partition, Record

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
