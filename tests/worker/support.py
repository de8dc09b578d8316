"""Factories for what travels through the worker, in the shapes of docs/jobs.md."""

import json

from prometheus_client import CollectorRegistry

from crypto.agreement.openssl import OpenSSL
from crypto.keys import ReceiverKeys
from crypto.vapid import TokenCache, generate_vapid_key
from worker.ledger.ledger import Entry
from worker.ledger.progress import Progress, decode_progress
from worker.metrics import Metrics
from worker.pipeline.delivery import Delivery, JobContext
from worker.pipeline.landing import rows
from worker.pipeline.pipeline import Limits, Pipeline, Record
from worker.push.message import compile_message
from worker.push.services import Endpoints
from worker.records.envelope import Partition
from worker.records.job import Lane, decode_job
from worker.records.recipient import LaterRecipient
from worker.timing.schedule import lapses_at, make_plan, times

NOW = 1_800_000_000.0
RECEIVER = ReceiverKeys.from_bytes(bytes(range(1, 49)))
VAPID_KEY = generate_vapid_key()

JOBS = Partition("jobs", 0)
URGENT = Partition("jobs.urgent", 0)
HOSTS = {
    "fcm": "fcm.googleapis.com",
    "mozilla": "updates.push.services.mozilla.com",
    "wns": "db5p.notify.windows.com",
    "apple": "web.push.apple.com",
    "other": "graph.facebook.com",
}


def recipient(name="sub_1", service="fcm", **fields):
    path = "rl_push_send?" if service == "other" else "send/"
    keys = {"p256dh": RECEIVER.p256dh, "auth": RECEIVER.auth_text}
    subscription = {"endpoint": f"https://{HOSTS[service]}/{path}{name}", "keys": keys}
    return {"id": name, "subscription": subscription, **fields}


def job(*recipients, **fields):
    content = {} if "payload" in fields else {"notification": {"title": "Hi", "url": "https://shop.example/"}}
    return {
        "v": 1,
        "job_id": "job_1",
        "campaign_id": "camp_1",
        "site_id": "site_a",
        "recipients": list(recipients) or [recipient()],
        **content,
        **fields,
    }


def record(value, partition=JOBS, offset=0, timestamp=NOW, *, key=b"k", headers=()):
    raw = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
    return Record(partition, offset, timestamp, key, raw, headers)


def job_context(value, lane=Lane.NORMAL, written_at=NOW, headers=()):
    sent = decode_job(json.dumps(value).encode()).job
    return JobContext(sent, make_plan(sent, written_at, 0.0), lane, compile_message(sent), headers)


def delivery(name="sub_1", site="site_a", service="fcm", lane=Lane.NORMAL, **fields):
    """One that is not in any ledger; `fields` replace those of `Delivery`."""
    context = job_context(job(recipient(name, service), site_id=site), lane)
    return deliver(context, 0, **fields)


def deliver(context, index, entry=None, **fields):
    person = context.job.recipients[index]
    when = times(context.plan, person, index)
    values = {
        "job": context,
        "entry": entry or Entry(JOBS, 0, len(context.job.recipients), 0, context),
        "recipient": person,
        "index": index,
        "number": when.number,
        "endpoint": Endpoints().parse(person.subscription.endpoint),
        "due": when.due,
        "next": when.next,
        "attempts": person.attempts if isinstance(person, LaterRecipient) else 0,
    } | fields
    lapses = lapses_at(context.plan, values["due"], values["attempts"])
    return Delivery(**{"lapses": lapses} | values)


class FixedEntropy:
    """Not random at all, so that a test says what it wants."""

    def __init__(self, jitter=0.5):
        self.next_jitter = jitter

    def salts(self, count):
        return [bytes(16)] * count

    def jitter(self):
        return self.next_jitter


class FixedAgreement:
    """The same answer for each receiver whose key is on the curve, at the cost of one agreement for all."""

    name = "fixed"

    def __init__(self):
        self._known = {}

    def agree(self, receivers):
        for each in set(receivers) - self._known.keys():
            (self._known[each],) = OpenSSL().agree([each])
        return [self._known[each] for each in receivers]


class OneKey:
    """Every site's key; a job that names another gets none."""

    def __init__(self, key=VAPID_KEY):
        self.key = key

    def for_site(self, vapid_key, site_id):
        return self.key if vapid_key in {None, "default"} else None


AGREEMENT = FixedAgreement()
TOKENS = TokenCache("mailto:push@example.com")


def make_pipeline(*partitions, now=NOW, metrics=None, entropy=None, keys=None, **limits):
    pipeline = Pipeline(
        Limits(**limits),
        endpoints=Endpoints(),
        keys=keys or OneKey(),
        tokens=TOKENS,
        agreement=AGREEMENT,
        entropy=entropy or FixedEntropy(),
        metrics=metrics or Metrics(CollectorRegistry()),
        stopwatch=lambda: 0.0,
        now=now,
    )
    for partition in partitions or (JOBS, URGENT):
        pipeline.assign(partition, Progress(0))
    return pipeline


def land(pipeline, landed, now):
    """Bring answers back that came together, as (flight, answer)."""
    for flights, answer in rows(landed):
        pipeline.land(flights, answer, now)


def restored(commit):
    """What a new owner knows of a partition: the last acknowledged commit, read anew."""
    return decode_progress(commit.offset, commit.metadata)
