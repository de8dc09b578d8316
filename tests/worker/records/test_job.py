import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.records.job import (
    RECIPIENTS_MAX,
    TTL_DEFAULT,
    Decoded,
    Lane,
    LaterJob,
    SendJob,
    Slice,
    Urgency,
    decode_job,
    decode_later,
)
from worker.records.notification import Action, Notification
from worker.records.recipient import EncodedKeys, LaterRecipient, Recipient, Subscription, Unreadable
from worker.records.values import RecordError, encode_json

patient = settings(deadline=None)  # a busy machine is no failure
NINE = datetime(2026, 11, 21, 9, tzinfo=UTC)
SECRET = "s3cret-value"
EXAMPLE = {
    "v": 1,
    "job_id": "01JD2",
    "campaign_id": "camp_1",
    "site_id": "site_a",
    "vapid_key": "site_a",
    "notification": {
        "title": "Hello {{name|there}}",
        "body": "…",
        "url": "https://shop.example/{{sku}}?c={{campaign_id}}",
        "icon": "https://shop.example/i.png",
        "image": "https://shop.example/m.png",
        "badge": "https://shop.example/b.png",
        "actions": [
            {
                "action": "buy",
                "title": "Buy",
                "url": "https://shop.example/buy",
                "icon": "https://shop.example/",
            }
        ],
        "tag": "promo",
        "lang": "en",
        "dir": "auto",
        "silent": False,
        "renotify": False,
        "require_interaction": True,
        "timestamp": "2026-11-21T09:00:00Z",
        "data": {"any": "json"},
        "vibrate": [200, 100.5],
        "app_badge": 3,
    },
    "mutable": False,
    "ttl": 86400,
    "urgency": "normal",
    "topic": "promo-42",
    "start_at": "2026-11-21T09:00:00Z",
    "stretch_time": 18000,
    "not_after": "2026-11-22T09:00:00Z",
    "slice": {"first": 200, "total": 120000},
    "recipients": [
        {
            "id": "sub_1",
            "subscription": {"endpoint": "https://push.example/a", "keys": {"p256dh": "BP", "auth": "AA"}},
            "variables": {"name": "Ada", "sku": "a-1"},
            "not_before": "2026-11-21T18:00:00Z",
        }
    ],
}
SMALLEST = {
    **{name: EXAMPLE[name] for name in ("v", "job_id", "campaign_id", "site_id")},
    "payload": "hi",
    "recipients": [{name: EXAMPLE["recipients"][0][name] for name in ("id", "subscription")}],
}
LATER = SMALLEST | {
    "start_at": "2026-11-21T09:00:00Z",
    "stretch_time": 0,
    "ttl": 60,
    "lane": "urgent",
    "recipients": [
        SMALLEST["recipients"][0] | {"attempts": 2, "number": 7, "due_at": "2026-11-21T09:00:00Z"}
    ],
}
MISSING = object()


def changed(job, path, value):
    """Copy a job with another value, or none, at a path such as `recipients[0].id`."""
    job = json.loads(json.dumps(job))
    *way, last = [int(p) if p.isdecimal() else p for p in path.replace("[", ".").replace("]", "").split(".")]
    place = job
    for step in way:
        place = place[step]
    if value is MISSING:
        del place[last]
    else:
        place[last] = value
    return job


def raw(path, text, job=EXAMPLE):
    """Encode a job with any text in place of the value at a path."""
    return json.dumps(changed(job, path, "@@")).encode().replace(b'"@@"', text)


def problem(value, decode=decode_job):
    with pytest.raises(RecordError) as caught:
        decode(value if isinstance(value, bytes) else json.dumps(value).encode())
    assert str(caught.value) == caught.value.problem
    return caught.value.code, caught.value.problem


def decoded(job, decode=decode_job):
    return decode(json.dumps(job).encode())


# ── what is valid ───────────────────────────────────────────────────────────────────────────────────────


def test_the_example_of_the_contract_decodes_to_all_that_it_says():
    job = decoded(EXAMPLE).job
    assert job.recipients == [
        type(job.recipients[0])(
            id="sub_1",
            subscription=Subscription("https://push.example/a", EncodedKeys("BP", "AA")),
            variables={"name": "Ada", "sku": "a-1"},
            not_before=NINE + timedelta(hours=9),
        )
    ]
    assert job.notification == Notification(
        title="Hello {{name|there}}",
        url="https://shop.example/{{sku}}?c={{campaign_id}}",
        body="…",
        icon="https://shop.example/i.png",
        image="https://shop.example/m.png",
        badge="https://shop.example/b.png",
        actions=[Action("buy", "Buy", "https://shop.example/buy", "https://shop.example/")],
        tag="promo",
        lang="en",
        dir="auto",
        silent=False,
        renotify=False,
        require_interaction=True,
        timestamp=NINE,
        data={"any": "json"},
        vibrate=[200, 100.5],
        app_badge=3,
    )
    assert (job.job_id, job.campaign_id, job.site_id, job.vapid_key) == (
        "01JD2",
        "camp_1",
        "site_a",
        "site_a",
    )
    assert (job.mutable, job.ttl, job.urgency, job.topic) == (False, 86400, Urgency.NORMAL, "promo-42")
    assert (job.start_at, job.stretch_time, job.not_after) == (NINE, 18000, NINE + timedelta(days=1))
    assert job.slice == Slice(200, 120000)


def test_what_is_not_given_has_its_default():
    job = decoded(SMALLEST).job
    given = {"v", "job_id", "campaign_id", "site_id", "payload", "recipients"}
    others = {name: getattr(job, name) for name in SendJob.__struct_fields__ if name not in given}
    assert others.pop("ttl") == TTL_DEFAULT == 2_419_200
    assert others.pop("urgency") is Urgency.NORMAL
    assert set(others.values()) == {None}


@pytest.mark.parametrize("field", ["job_id", "campaign_id", "site_id", "vapid_key", "recipients[0].id"])
@pytest.mark.parametrize("text", ["a", "-", "_9", "x" * 128, "01JD2.a:b-c_d", "0"])
def test_ids_reach_to_their_limits(field, text):
    assert text in json.dumps(msgspec.to_builtins(decoded(changed(EXAMPLE, field, text)).job))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("ttl", 0),
        ("ttl", 2**31 - 1),
        ("stretch_time", 0),
        ("stretch_time", 0.5),
        ("topic", "t" * 32),
        ("urgency", "very-low"),
        ("start_at", "2026-11-21T10:00:00+01:00"),
        ("start_at", "2026-11-21T09:00:00.123456Z"),
        ("vapid_key", None),
        ("slice", {"first": 119_999, "total": 120_000}),
        ("notification.actions", []),
        ("notification.data", {"deep": {"er": [1, None, True, 1.5, "x"]}}),
        ("recipients[0].variables", {"a": 1, "b": 1.5, "c": True, "d": "x", "e": 10**30}),
    ],
)
def test_values_at_their_limits_are_valid(field, value):
    assert not decoded(changed(EXAMPLE, field, value)).flaws


def test_a_thousand_recipients_and_unknown_fields_are_valid():
    assert (
        len(decoded(SMALLEST | {"recipients": SMALLEST["recipients"] * RECIPIENTS_MAX}).job.recipients)
        == 1000
    )
    new = changed(changed(EXAMPLE, "recipients[0].new", 1), "notification.new", {"a": []}) | {"new": [1]}
    new["recipients"][0]["subscription"]["expirationTime"] = None
    assert decoded(new) == decoded(EXAMPLE)


def test_the_last_of_two_equal_keys_wins():
    assert decode_job(json.dumps(SMALLEST).encode()[:-1] + b',"job_id":"other"}').job.job_id == "other"


# ── what is not ─────────────────────────────────────────────────────────────────────────────────────────

TEXTS = ["title", "url", "body", "icon", "image", "badge", "tag", "lang"]
INVALID = [
    *((name, MISSING) for name in ("job_id", "campaign_id", "site_id", "recipients")),
    *((name, value) for name in ("job_id", "campaign_id", "site_id", "vapid_key") for value in ("", 7)),
    *(("job_id", value) for value in ("a" * 129, ".a", ":a", "a\n", "a b", "ä", "a/b", "../a", None, ["a"])),
    *(("vapid_key", value) for value in ("../default", "a\x00")),
    *((f"notification.{name}", 1) for name in TEXTS),
    *((f"notification.{name}", value) for name in ("title", "url") for value in (MISSING, None)),
    *((f"notification.{name}", 1) for name in ("silent", "renotify", "require_interaction")),
    ("notification.dir", SECRET),
    ("notification.timestamp", "2026-11-21T09:00:00"),
    ("notification.timestamp", 1_795_251_600_000),
    ("notification.data", [1]),
    ("notification.data", "x"),
    ("notification.actions[0]", "buy"),
    *((f"notification.actions[0].{name}", MISSING) for name in ("action", "title", "url")),
    ("notification.actions[0].icon", 1),
    ("notification", SECRET),
    ("notification", None),
    ("mutable", "yes"),
    *(("ttl", value) for value in (-1, 2**31, 1.5, "60", "", True, [], {})),
    *(("urgency", value) for value in (SECRET, "Normal", 1, "", [])),
    *(("payload", value) for value in (5, [], ["x"], True)),
    *(("notification.vibrate", value) for value in (5, "200", {"0": 1})),
    *(("notification.vibrate[0]", value) for value in (-1, "x", None, [])),
    *(("notification.app_badge", value) for value in (-1, 1.5, "3", True, [])),
    *(("topic", value) for value in ("", "t" * 33, "a b", "a=", "a\n")),
    *(
        ("start_at", value)
        for value in ("2026-11-21", "2026-11-21T09:00:00", "now", 0, "2026-13-01T00:00:00Z")
    ),
    *(("stretch_time", value) for value in (-1, "5h", 10**9)),
    ("not_after", "tomorrow"),
    ("slice", 5),
    *((f"slice.{name}", value) for name in ("first", "total") for value in (MISSING, -1, 1.5, 2**53)),
    ("slice.total", 0),
    ("slice.total", 200),
    ("recipients", []),
    ("recipients", SMALLEST["recipients"] * (RECIPIENTS_MAX + 1)),
    ("recipients", {}),
    ("recipients[0]", 5),
    *(("recipients[0].id", value) for value in (MISSING, "", 7, "a" * 129, "a\n", None, SECRET + "/")),
]


@pytest.mark.parametrize(("path", "value"), INVALID)
def test_a_field_that_is_missing_or_wrong_is_named_without_its_value(path, value):
    code, said = problem(changed(EXAMPLE, path, value))
    assert code == "bad_field"
    assert said.startswith(f"{path}: ")
    assert SECRET not in said


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("stretch_time", b"1e999"),
        ("ttl", b"9" * 5000),
        ("notification.data", b'{"a": -1e999}'),
        ("ttl", b"9" * 30),
    ],
)
def test_numbers_that_nothing_holds_are_refused(path, text):
    code, said = problem(raw(path, text))
    assert (code, said.startswith(path)) == ("bad_field", True)


def test_exactly_one_of_notification_and_payload_is_needed():
    for job in (
        EXAMPLE | {"payload": "x"},
        changed(SMALLEST, "payload", MISSING),
        SMALLEST | {"payload": None},
    ):
        assert problem(job) == (
            "bad_field",
            "notification: exactly one of notification and payload must be given",
        )
    assert problem(SMALLEST | {"payload": 5})[1].startswith("payload: ")
    assert decoded(SMALLEST | {"payload": {}}).job.payload == {}


def test_data_is_nested_only_so_deep():
    def nested(levels, field, job):
        return raw(field, b'{"a":' * (levels - 1) + b"[]" + b"}" * (levels - 1), job)

    assert decode_job(nested(100, "notification.data", EXAMPLE)).job.notification.data
    assert decode_job(nested(100, "payload", SMALLEST)).job.payload
    for levels in (101, 300, 600):
        for field, job in (("notification.data", EXAMPLE), ("payload", SMALLEST)):
            said = ("bad_field", f"{field}: is nested deeper than 100 levels")
            assert problem(nested(levels, field, job)) == said


@pytest.mark.parametrize("tag", [MISSING, ""])
def test_renotify_needs_a_tag(tag):
    job = changed(changed(EXAMPLE, "notification.tag", tag), "notification.renotify", True)
    assert problem(job) == ("bad_field", "notification.renotify: needs notification.tag")
    assert decoded(changed(EXAMPLE, "notification.renotify", True)).job.notification.renotify


@pytest.mark.parametrize("version", [0, 2, "1", None, 2.0, 10**40, MISSING])
def test_another_version_is_refused_as_that(version):
    code, said = problem(changed(EXAMPLE, "v", version))
    assert code == "unsupported_version"
    assert said.startswith("v: ")


@pytest.mark.parametrize("recipients", [MISSING, {"sub_1": {}}, [5]])
def test_a_later_version_is_known_by_its_number_whatever_else_it_changed(recipients):
    later = {"job_id": {"new": "shape"}} | changed(EXAMPLE, "recipients", recipients) | {"v": 2}
    code, said = problem({name: later[name] for name in sorted(later)})
    assert code == "unsupported_version"
    assert said.startswith("v: ")


@pytest.mark.parametrize("value", [b"", b" ", b"{", b"\xff", b"\xef\xbb\xbf{", b"nul", b"'a'", b"{\x00}\x00"])
def test_what_is_not_json_says_so(value):
    assert problem(value) == ("bad_json", "value: is not JSON")


@pytest.mark.parametrize("value", [b"[]", b"null", b"7", b'"x"'])
def test_what_is_json_but_no_object_says_so(value):
    code, said = problem(value)
    assert (code, said[:6]) == ("bad_field", "value:")


BROKEN = [b"'x'", b"[1,]", b"nul", b'"\\x"', b'"\n"', b"[" * 10**5 + b"]" * 10**5]
PLACES = [
    ("payload", SMALLEST),
    ("notification.title", EXAMPLE),
    ("notification.data", EXAMPLE),
    ("recipients[0].id", EXAMPLE),
    ("recipients[0].variables.name", EXAMPLE),
    ("recipients[0].new", EXAMPLE),
    ("new", EXAMPLE),
]


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:9])
@pytest.mark.parametrize(("path", "job"), PLACES)
@pytest.mark.parametrize("flawed", [False, True], ids=["", "beside a flaw"])
def test_broken_json_is_never_anything_but_a_job_error(text, path, job, flawed):
    # beside a flaw, recipients are read one by one, by other decoders
    job = changed(job, "recipients[0].not_before", 5) if flawed else job
    assert problem(raw(path, text, job))[0] in {"bad_json", "bad_field"}


# ── what is harmless ────────────────────────────────────────────────────────────────────────────────────

HALVES = [rb"Zo\ud83d", rb"Zo\uDE00", b"Zo\xed\xa0\xbd", b"Zo\xff"]
TEXT_PLACES = [
    "notification.title",
    "notification.url",
    "notification.body",
    "notification.tag",
    "notification.icon",
    "notification.actions[0].title",
    "notification.data.any",
    "recipients[0].variables.name",
    "recipients[0].subscription.endpoint",
    "recipients[0].subscription.keys.auth",
    "recipients[0].new",
    "new",
]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("flawed", [False, True], ids=["", "beside a flaw"])
def test_half_of_a_surrogate_pair_is_u_fffd_in_any_text(half, flawed):
    other = {"id": "other"} | ({} if flawed else {"subscription": EXAMPLE["recipients"][0]["subscription"]})
    for path in TEXT_PLACES:
        job = EXAMPLE | {"recipients": [*EXAMPLE["recipients"], other]}
        found = decode_job(raw(path, b'"%b"' % half, job))
        assert found == decoded(changed(job, path, "Zo\N{REPLACEMENT CHARACTER}"))
        assert len(found.flaws) == flawed


@pytest.mark.parametrize("half", HALVES)
def test_half_of_a_surrogate_pair_is_u_fffd_in_names_and_payloads(half):
    text = "Zo\N{REPLACEMENT CHARACTER}"
    assert decode_job(raw("payload", b'"%b"' % half, SMALLEST)).job.payload == text
    assert decode_job(raw("payload", b'{"%b":["%b"]}' % (half, half), SMALLEST)).job.payload == {text: [text]}
    assert decode_job(raw("notification.data", b'{"%b":1}' % half)).job.notification.data == {text: 1}
    [found] = decode_job(raw("recipients[0].variables", b'{"%b":1}' % half)).job.recipients
    assert found.variables == {text: 1}


@pytest.mark.parametrize("half", HALVES)
def test_half_of_a_surrogate_pair_is_not_part_of_an_id(half):
    for path in ("job_id", "campaign_id", "site_id", "vapid_key", "recipients[0].id"):
        code, said = problem(raw(path, b'"%b"' % half))
        assert (code, said.partition(":")[0]) == ("bad_field", path)


OPTIONAL = [
    *("vapid_key", "mutable", "ttl", "urgency", "topic", "start_at", "stretch_time", "not_after", "slice"),
    *(f"notification.{name}" for name in ("body", "icon", "image", "badge", "actions", "tag", "lang", "dir")),
    *(f"notification.{name}" for name in ("silent", "renotify", "require_interaction", "timestamp", "data")),
    *("notification.vibrate", "notification.app_badge"),
    *("notification.actions[0].icon", "recipients[0].variables", "recipients[0].not_before"),
]


@pytest.mark.parametrize("path", OPTIONAL)
@pytest.mark.parametrize("flawed", [False, True], ids=["", "beside a flaw"])
def test_null_for_an_optional_field_is_the_field_left_out(path, flawed):
    job = EXAMPLE | {"recipients": [*EXAMPLE["recipients"], *([{"id": "flawed"}] if flawed else [])]}
    found = decoded(changed(job, path, None))
    assert found == decoded(changed(job, path, MISSING))
    assert len(found.flaws) == flawed


def test_every_optional_field_at_once_may_be_null():
    nulls = {name: None for name in SendJob.__struct_fields__ if name not in {*SMALLEST}}
    shown = dict.fromkeys(Notification.__struct_fields__) | {"title": "t", "url": "u"}
    job = {**SMALLEST, **nulls, "notification": shown, "payload": None}
    job["recipients"] = [SMALLEST["recipients"][0] | {"variables": None, "not_before": None}]
    plain = {**SMALLEST, "notification": {"title": "t", "url": "u"}}
    del plain["payload"]
    assert decoded(job) == decoded(plain)


@pytest.mark.parametrize("path", ["recipients[0].variables", "notification.data", "slice"])
def test_an_empty_list_of_php_is_an_object_that_is_not_given(path):
    assert decoded(changed(EXAMPLE, path, [])) == decoded(changed(EXAMPLE, path, MISSING))


def test_an_empty_object_is_a_list_that_is_not_given():
    path = "notification.actions"
    assert decoded(changed(EXAMPLE, path, {})) == decoded(changed(EXAMPLE, path, MISSING))


def test_a_variable_that_is_null_is_kept_as_that():
    found = decoded(changed(EXAMPLE, "recipients[0].variables.name", None))
    assert found.job.recipients[0].variables == {"name": None, "sku": "a-1"}


def test_whole_numbers_may_be_written_with_a_point():
    floats = EXAMPLE | {"v": 1.0, "ttl": 86400.0, "slice": {"first": 200.0, "total": 120000.0}}
    assert decoded(floats) == decoded(EXAMPLE)


def test_one_recipient_s_trouble_is_no_reason_to_be_strict_with_the_others():
    people = [{"id": "flawed", "subscription": 5}, EXAMPLE["recipients"][0] | {"variables": []}]
    found = decoded(EXAMPLE | {"recipients": people, "ttl": None})
    assert (found.flaws, found.job.ttl) == ({0: "bad_subscription"}, TTL_DEFAULT)
    out_of_range = raw("recipients[0].variables.name", b"1e999", EXAMPLE | {"ttl": None})
    assert decode_job(out_of_range).flaws == {0: "bad_variables"}


def test_a_tier_record_is_read_as_tolerantly():
    nulls = changed(changed(LATER, "recipients[0].number", None), "recipients[0].due_at", None)
    left_out = changed(changed(LATER, "recipients[0].number", MISSING), "recipients[0].due_at", MISSING)
    assert decoded(nulls | {"urgency": None}, decode_later) == decoded(left_out, decode_later)
    job = decode_later(raw("payload", rb'"Zo\ud83d"', LATER)).job
    assert job.payload == "Zo\N{REPLACEMENT CHARACTER}"
    [found] = decoded(changed(LATER, "recipients[0].variables", []), decode_later).job.recipients
    assert found.variables is None


# ── recipients that cannot be read ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "value", "flaw"),
    [
        ("subscription", MISSING, "bad_subscription"),
        ("subscription", None, "bad_subscription"),
        ("subscription", "https://push.example", "bad_subscription"),
        ("subscription.endpoint", MISSING, "bad_subscription"),
        ("subscription.endpoint", 5, "bad_subscription"),
        ("subscription.keys", None, "bad_subscription"),
        ("subscription.keys.auth", MISSING, "bad_subscription"),
        ("subscription.keys.p256dh", 5, "bad_subscription"),
        ("variables", "x", "bad_variables"),
        ("variables", ["x"], "bad_variables"),
        ("variables.name", ["x"], "bad_variables"),
        ("variables.name", {}, "bad_variables"),
        ("not_before", "tomorrow", "bad_not_before"),
        ("not_before", "2026-11-21T09:00:00", "bad_not_before"),
        ("not_before", 5, "bad_not_before"),
    ],
)
def test_a_bad_recipient_costs_only_itself(path, value, flaw):
    others = [SMALLEST["recipients"][0] | {"id": name} for name in ("a", "b", "c")]
    found = decoded(changed(EXAMPLE | {"recipients": others}, "recipients[1]", EXAMPLE["recipients"][0]))
    assert not found.flaws
    job = EXAMPLE | {"recipients": [others[0], EXAMPLE["recipients"][0], others[2]]}
    found = decoded(changed(job, f"recipients[1].{path}", value))
    assert found.flaws == {1: flaw}
    assert [recipient.id for recipient in found.recipients] == ["a", "sub_1", "c"]
    assert found.recipients[1] == Unreadable("sub_1", flaw)
    assert found.job.recipients == [found.recipients[0], found.recipients[2]]
    assert found.job.ttl == 86400


@pytest.mark.parametrize(
    "bad", [{}, {"id": ""}, {"id": 5, "subscription": 5}, {"id": "a\n"}, {"subscription": {}}]
)
def test_a_recipient_without_a_readable_id_makes_the_job_invalid(bad):
    flawed = {"id": "x", "subscription": 5}
    code, said = problem(SMALLEST | {"recipients": [flawed, SMALLEST["recipients"][0], bad]})
    assert code == "bad_field"
    assert said.startswith("recipients[2].id: ")


def test_a_flawed_job_is_checked_like_any_other():
    flawed = SMALLEST | {"recipients": [{"id": "x"}]}
    assert problem(changed(flawed, "payload", MISSING))[1].startswith("notification: ")
    assert problem(flawed | {"slice": {"first": 1, "total": 1}})[1].startswith("slice.total: ")
    assert problem(flawed | {"ttl": -1})[1].startswith("ttl: ")


# ── tiers ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tier_record_decodes():
    job = decoded(LATER, decode_later).job
    assert isinstance(job, LaterJob)
    assert (job.lane, job.ttl, job.start_at, job.stretch_time) == (Lane.URGENT, 60, NINE, 0)
    assert (job.recipients[0].attempts, job.recipients[0].number, job.recipients[0].due_at) == (2, 7, NINE)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *((name, MISSING) for name in ("start_at", "stretch_time", "ttl", "lane", "job_id")),
        ("lane", SECRET),
        ("start_at", None),
        *((f"recipients[0].{name}", MISSING) for name in ("id", "subscription", "attempts")),
        ("recipients[0].attempts", -1),
        ("recipients[0].number", 1.5),
        ("recipients[0].due_at", "now"),
        ("recipients[0].variables", {"a": [SECRET]}),
    ],
)
def test_a_tier_record_with_any_flaw_is_invalid(path, value):
    code, said = problem(changed(LATER, path, value), decode_later)
    assert code == "bad_field"
    assert said.startswith(path)
    assert SECRET not in said


def test_a_tier_record_is_checked_like_any_other():
    assert problem(LATER | {"v": 2}, decode_later)[0] == "unsupported_version"
    assert problem(LATER | {"payload": None}, decode_later)[1].startswith("notification: ")
    assert problem(b"{", decode_later)[0] == "bad_json"
    assert problem(raw("lane", b'"urgent","new":' + b"[" * 10**5, LATER), decode_later)[0] == "bad_json"


# ── whatever comes ──────────────────────────────────────────────────────────────────────────────────────

MARK = "§"
texts = st.text(max_size=8).map(lambda text: MARK + text)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def paths(value, path=""):
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in items:
        yield from paths(inner, f"{path}[{name}]" if isinstance(name, int) else f"{path}.{name}".lstrip("."))


def is_sound(value, decode):
    """Check that a value decodes to a job, or to a `RecordError` that repeats no value."""
    try:
        found = decode(value)
    except RecordError:
        code, said = problem(value, decode)
        assert code in {"bad_json", "bad_field", "unsupported_version"}
        assert MARK not in said
        return
    assert isinstance(found, Decoded)
    assert [each for each in found.recipients if isinstance(each, Recipient)] == found.job.recipients
    assert found.flaws == {i: r.flaw for i, r in enumerate(found.recipients) if isinstance(r, Unreadable)}
    if not found.flaws:
        assert decode(encode_json(found.job)) == found


@patient
@given(st.sampled_from([*paths(EXAMPLE)]), st.just(MISSING) | anything, st.booleans())
def test_any_change_of_a_job_gives_a_job_or_an_error(path, value, flawed):
    job = changed(EXAMPLE, path, value)
    if flawed and isinstance(job.get("recipients"), list):
        job["recipients"].append({"id": "flawed"})
    is_sound(json.dumps(job).encode(), decode_job)


@patient
@given(st.sampled_from([*paths(LATER)]), st.just(MISSING) | anything)
def test_any_change_of_a_tier_record_gives_a_job_or_an_error(path, value):
    is_sound(json.dumps(changed(LATER, path, value)).encode(), decode_later)


@patient
@given(st.data())
def test_any_bytes_in_any_place_give_a_job_or_an_error(data):
    job = json.dumps(data.draw(st.sampled_from([EXAMPLE, SMALLEST | {"recipients": [{"id": "a"}]}]))).encode()
    start = data.draw(st.integers(0, len(job)))
    stop = start + data.draw(st.integers(0, 12))
    is_sound(job[:start] + data.draw(st.binary(max_size=12)) + job[stop:], decode_job)


@patient
@given(st.binary() | anything.map(lambda value: json.dumps(value).encode()))
def test_arbitrary_records_give_a_job_or_an_error(value):
    is_sound(value, decode_job)
    is_sound(value, decode_later)


ids = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9._:-]{0,9}", fullmatch=True)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware
subscriptions = st.builds(Subscription, st.text(), st.builds(EncodedKeys, st.text(), st.text()))
later_recipients = st.builds(
    LaterRecipient,
    id=ids,
    subscription=subscriptions,
    variables=st.none() | st.dictionaries(st.text(), st.text() | st.booleans() | st.integers(), max_size=3),
    not_before=st.none() | moments,
    attempts=st.integers(0, 20),
    number=st.none() | st.integers(0, 2**53 - 1),
    due_at=st.none() | moments,
)
later_jobs = st.builds(
    LaterJob,
    v=st.just(1),
    job_id=ids,
    campaign_id=ids,
    site_id=ids,
    recipients=st.lists(later_recipients, min_size=1, max_size=3),
    vapid_key=st.none() | ids,
    payload=st.text(),
    ttl=st.integers(0, 2**31 - 1),
    urgency=st.sampled_from(Urgency),
    start_at=moments,
    stretch_time=st.floats(0, 10**8),
    not_after=st.none() | moments,
    lane=st.sampled_from(Lane),
)


@patient
@given(later_jobs)
def test_what_is_encoded_decodes_to_the_same(job):
    assert decode_later(encode_json(job)).job == job


def test_nothing_that_is_secret_shows_in_a_job():
    job = changed(EXAMPLE, "recipients[0].subscription.keys", {"p256dh": SECRET, "auth": SECRET})
    job = changed(changed(job, "recipients[0].variables.name", SECRET), "notification.body", SECRET)
    job = changed(job, "recipients[0].subscription.endpoint", f"https://push.example/{SECRET}")
    found = decoded(job)
    later = LaterRecipient(id="a", subscription=found.job.recipients[0].subscription, attempts=1)
    for shown in (
        found,
        found.job,
        found.job.recipients,
        later,
        Recipient("a", later.subscription, {"b": SECRET}),
    ):
        assert SECRET not in repr(shown)
        assert SECRET not in str(shown)
    assert "sub_1" in repr(found.job.recipients)
    assert "01JD2" in repr(found.job)
    assert SECRET not in repr(decoded(SMALLEST | {"payload": SECRET}))
