import json

import pytest

from campaigns.model.payloads import ROOT, pushwoosh_payload
from worker.push.message import compile_message
from worker.records.job import SendJob
from worker.records.notification import Action, Notification
from worker.records.recipient import EncodedKeys, Recipient, Subscription

URL = "https://shop.example/a"


def test_each_member_stands_where_the_sdk_reads_it():
    actions = [Action(name, name.upper(), f"{URL}/{name}") for name in "abc"]
    below = {"silent_hours": "no", "header": "lost", "data": {"body": "instead"}}
    content = Notification(
        "Sale",
        URL,
        body="Today",
        icon="https://shop.example/i.png",
        image="https://shop.example/p.png",
        actions=actions,
        require_interaction=True,
        data={"sku": 7, "pushmill": {"mine": 1}, ROOT: below},
    )
    assert pushwoosh_payload(content) == {
        "p": "{{t}}",
        "header": "Sale",
        "body": "Today",
        "l": URL,
        "i": "https://shop.example/i.png",
        "image": "https://shop.example/p.png",
        "buttons": [{"title": "A", "url": f"{URL}/a"}, {"title": "B", "url": f"{URL}/b"}],
        "u": '{"sku":7}',
        "requireInteraction": True,
        "silent_hours": "no",
    }


@pytest.mark.parametrize(
    ("url", "link"),
    [
        (f"{URL}?a=1&b=2", f"{URL}?a=1&b=2"),
        (f"{URL}?a=1&amp;b=2", f"{URL}?a=1&amp;amp;b=2"),
        (f"{URL}?a=1&lt;=2&copy=3", f"{URL}?a=1&amp;lt;=2&copy=3"),
    ],
)
def test_a_link_is_what_it_was_once_entities_are_undone(url, link):
    assert pushwoosh_payload(Notification("Sale", url))["l"] == link


def test_what_is_not_given_is_left_out():
    assert pushwoosh_payload(Notification("Sale", URL)) == {"p": "{{t}}", "header": "Sale", "l": URL}


def test_the_worker_fills_it_in_for_each_recipient():
    payload = pushwoosh_payload(Notification("Hello {{name|there}}", URL, data={"who": "{{name}}"}))
    job = SendJob(1, "j", "c", "s", [], payload=payload)
    recipient = Recipient("sub_1", Subscription("", EncodedKeys("", "")), {"name": "Ada", "t": "TOKEN"})
    rendered = json.loads(compile_message(job).render(recipient))
    assert rendered == {"p": "TOKEN", "header": "Hello Ada", "l": URL, "u": '{"who":"Ada"}'}
