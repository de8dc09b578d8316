import pytest

from tests.worker.checks.support import found
from tests.worker.support import job, recipient


def test_fields_that_come_out_wrong_are_named_with_whom():
    persons = [
        recipient(f"sub_{n}", variables={"t": "x" if n else " ", "u": "https://a.example/"}) for n in range(3)
    ]
    persons[2]["variables"]["u"] = "s3cr3t"
    notification = {"title": "{{t}}", "url": "{{u}}", "icon": "http://a.example/i.png"}
    notification["actions"] = [{"action": "a", "title": "", "url": "ftp://x"}]
    told = found(job(*persons, notification=notification))
    assert told == {
        ("error", "notification.title"): "is empty for 1 of 3 recipients (first: recipients[0])",
        (
            "error",
            "notification.url",
        ): "is not an absolute https URL for 1 of 3 recipients (first: recipients[2])",
        ("warning", "notification.icon"): (
            "is left out for 3 of 3 recipients (first: recipients[0]): "
            "it is neither absolute https, nor data:, nor relative"
        ),
        ("error", "notification.actions[0].title"): "is empty for 3 of 3 recipients (first: recipients[0])",
        ("error", "notification.actions[0].url"): (
            "is not an absolute https URL for 3 of 3 recipients (first: recipients[0])"
        ),
    }


@pytest.mark.parametrize(
    ("size", "severity"), [(2800, None), (2801, "warning"), (3993, "warning"), (3994, "error")]
)
def test_sizes(size, severity):
    told = found(job(payload="x" * size))
    assert list(told) == ([(severity, "payload")] if severity else [])


def test_templates_that_only_hold_ballast():
    notification = {"title": "{{job_id|" + "x" * 65_536 + "}}", "url": "https://shop.example/"}
    assert found(job(notification=notification)).keys() == {("error", "notification")}


def test_sizes_differ_by_recipient():
    sizes = [10, 3000, 3990, 100_000]
    persons = [recipient(f"sub_{n}", variables={"b": "x" * size}) for n, size in enumerate(sizes)]
    told = found(job(*persons, notification={"title": "Hi", "url": "https://a.example/", "body": "{{b}}"}))
    assert "for 2 of 4 recipients (first: recipients[2])" in told["error", "notification"]
    assert "for 1 of 4 recipients (first: recipients[1])" in told["warning", "notification"]


def test_variables():
    persons = [
        recipient("a", variables={"name": "Ada", "old": 1, "job_id": "x", "first-name": "A"}),
        recipient("b"),
    ]
    notification = {
        "title": "{{name|x}} {{na me}} {{nick|}} {{ nick | you }}",
        "body": "{{ name |x}} {{campaign_id}} {{recipient_id}} {{gone}}",
        "url": "https://a.example/?{{gone}}",
    }
    assert found(job(*persons, notification=notification)) == {
        ("error", "notification.title"): "has a {{ that does not start a variable, and is sent unchanged",
        ("warning", "notification.url"): (
            "{{gone}} has no value for 2 of 2 recipients (first: recipients[0]), and no fallback: "
            "it is left empty"
        ),
        ("warning", "recipients[0].variables.old"): "is not used in the notification",
        (
            "warning",
            "recipients[0].variables.job_id",
        ): "is a built-in variable: the value given here is ignored",
        ("error", "recipients[0].variables.first-name"): (
            "is not a valid variable name: use A-Z, a-z, 0-9 and _"
        ),
    }


def test_pictures_that_are_left_out_are_told_for_whom():
    persons = [recipient(f"sub_{n}", variables={"i": url}) for n, url in enumerate(["", "/i.png", "ftp://a"])]
    actions = [{"action": "a", "title": "A", "url": "https://a.example/", "icon": "{{ i }}"}]
    pictures = {"icon": "/i.png", "image": "data:,x", "badge": ""}
    notification = {"title": "t", "url": "https://a.example/", "actions": actions} | pictures
    told = found(job(*persons, notification=notification))
    assert told.keys() == {("warning", "notification.badge"), ("warning", "notification.actions[0].icon")}
    assert "for 2 of 3 recipients (first: recipients[0])" in told["warning", "notification.actions[0].icon"]


def test_a_variable_that_is_null_is_missing():
    persons = [recipient("a", variables={"name": None}), recipient("b", variables={"name": "Ada"})]
    told = found(job(*persons, notification={"title": "Hi {{name}}", "url": "https://a.example/"}))
    assert list(told) == [("warning", "notification.title")]
    assert "for 1 of 2 recipients (first: recipients[0])" in told["warning", "notification.title"]


def test_variables_of_a_payload_that_is_an_object():
    payload = {"text": "Hi {{ name }} {{na me}}", "list": ["{{gone}}"], "{{key}}": 1}
    told = found(job(recipient(variables={"name": "Ada", "old": 1}), payload=payload))
    assert told.keys() == {
        ("error", "payload.text"),
        ("warning", "payload.list[0]"),
        ("warning", "recipients[0].variables.old"),
    }
    assert told["warning", "recipients[0].variables.old"] == "is not used in the payload"
    assert found(job(payload={"text": "x" * 4000})).keys() == {("error", "payload")}
    assert found(job(payload={"text": "{{x|" + "x" * 65_536 + "}}"})).keys() == {("error", "payload")}


def test_variables_of_a_payload():
    told = found(job(recipient(variables={"name": "Ada"}), payload="Hello {{name}}"))
    assert set(told) == {("warning", "payload"), ("warning", "recipients[0].variables.name")}
