"""Jobs with notifications, and their rendering, for the tests of messages and templates."""

import json

from hypothesis import settings

from worker.push.message import compile_message
from worker.records.job import SendJob
from worker.records.notification import Notification
from worker.records.recipient import EncodedKeys, Recipient, Subscription

patient = settings(deadline=None)  # a busy machine is no failure
SUBSCRIPTION = Subscription("https://push.example/a", EncodedKeys("p", "a"))
IDS = {"job_id": "j:1", "campaign_id": "c.1", "site_id": "s_1", "recipient_id": "r:1"}
PUSHMILL = {name: IDS[name] for name in ("job_id", "campaign_id", "recipient_id")}


def job_of(notification=None, **fields):
    ids = {name: IDS[name] for name in ("job_id", "campaign_id", "site_id")}
    return SendJob(v=1, **ids, recipients=[], notification=notification, **fields)


def notification_of(**fields):
    return Notification(**{"title": "t", "url": "https://shop.example/"} | fields)


def rendered(job, variables=None):
    return compile_message(job).render(Recipient(IDS["recipient_id"], SUBSCRIPTION, variables))


def shown(variables=None, **fields):
    """Render a notification and return what the browser shows."""
    return json.loads(rendered(job_of(notification_of(**fields)), variables))["notification"]


def filled(template, variables=None):
    return shown(variables, body=template)["body"]
