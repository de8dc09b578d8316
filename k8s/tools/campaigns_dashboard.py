"""The campaign service's dashboard, from a table: four questions.

It queries metrics as processes export them, never recorded ones, so it works without the rules.
"""

from typing import Any

from k8s.tools.grafana import Board, Panel, quantile_of, rate_of, render, stat

_REQUESTS = "pushmill_campaigns_http_requests_total"
_DURATION = "pushmill_campaigns_http_request_duration_seconds"
_FAILED = rate_of(_REQUESTS, "route", "code", more='code=~"5.."')
_REFUSED = rate_of(_REQUESTS, "route", "code", more='code=~"4..", code!="429"')
_LAG = "sum by (topic) (pushmill_campaigns_collector_lag_records{HERE})"
_NO_KEY = 'pushmill_deferred_recipients_total{namespace=~"$namespace", reason="no_vapid_key"}'
_OURS = "and on (pod) pushmill_campaigns_database_pool{HERE}"
"""Workers' pods may be in the same namespace."""

ANSWERS = (
    stat(
        "How many requests are answered a second?",
        "All adapters together, refusals included.",
        "suffix: /s",
        f"sum(rate({_REQUESTS}{{HERE}}[$__rate_interval]))",
    ),
    stat(
        "Which share of requests fails?",
        "5xx of all. It alerts above one in twenty.",
        "percentunit",
        f'sum(rate({_REQUESTS}{{HERE, code=~"5.."}}[$__rate_interval])) '
        f"/ (sum(rate({_REQUESTS}{{HERE}}[$__rate_interval])) > 0) or vector(0)",
        ("green", None),
        ("orange", 0.01),
        ("red", 0.05),
    ),
    stat(
        "How long does one in a hundred take?",
        "99th percentile of the time from request to answer, over all adapters.",
        "s",
        quantile_of(0.99, _DURATION),
        ("green", None),
        ("orange", 0.25),
        ("red", 1),
    ),
    stat(
        "How long has a launch been waiting?",
        "The one that waits longest although it might be written on. It alerts above two minutes.",
        "s",
        "max(pushmill_campaigns_launch_stalled_seconds{HERE})",
        ("green", None),
        ("orange", 30),
        ("red", 120),
    ),
    stat(
        "How old is the oldest small send?",
        "In the outbox, waiting to be written to Kafka. It alerts above a minute.",
        "s",
        "max(pushmill_campaigns_outbox_oldest_seconds{HERE})",
        ("green", None),
        ("orange", 10),
        ("red", 60),
    ),
    stat(
        "How many records wait to be counted?",
        "Outcomes, expired subscriptions and events that no collector has applied yet.",
        "short",
        "sum(pushmill_campaigns_collector_lag_records{HERE})",
        ("green", None),
        ("orange", 10_000),
    ),
    Panel(
        "Who calls how often?",
        "Requests a second, by the API that they are for.",
        "suffix: /s",
        (("{{adapter}}", rate_of(_REQUESTS, "adapter")),),
        stacked=True,
    ),
    Panel(
        "Which requests fail, and where?",
        "5xx a second. On /v1/events alone, it is Kafka: browsers keep what they report, and send it again. "
        "On all routes, it is the database.",
        "suffix: /s",
        (("{{route}} {{code}}", f"{_FAILED} > 0"),),
    ),
    Panel(
        "What is refused, and where?",
        "4xx a second, but for 429. A customer's mistakes, or somebody who tries things out.",
        "suffix: /s",
        (("{{route}} {{code}}", f"{_REFUSED} > 0"),),
    ),
    Panel(
        "How long do answers take?",
        "From the whole request to the answer, by adapter.",
        "s",
        (
            ("{{adapter}} p50", quantile_of(0.5, _DURATION, "adapter")),
            ("{{adapter}} p99", quantile_of(0.99, _DURATION, "adapter")),
        ),
    ),
    Panel(
        "Whose requests are beyond their limit?",
        "429 a second: a program in a loop, a flood of subscriptions or events, or a limit that is too low.",
        "suffix: /s",
        (("{{adapter}}", rate_of("pushmill_campaigns_rate_limited_total", "adapter")),),
    ),
    Panel(
        "How many fields are passed over?",
        "Fields of requests that only decorate, and are not supported. What narrows who, when or how often "
        "is refused instead.",
        "suffix: /s",
        (("{{adapter}}", rate_of("pushmill_campaigns_ignored_fields_total", "adapter")),),
    ),
)

SENDING = (
    Panel(
        "How many recipients are written a second?",
        "To push.jobs and push.jobs.urgent. A launch without a stretch is written as fast as workers send.",
        "suffix: /s",
        (("{{pod}}", rate_of("pushmill_campaigns_launched_recipients_total", "pod")),),
        stacked=True,
    ),
    Panel(
        "How many launches are under way?",
        "Writing: recipients are still to be written. Written: their outcomes are still awaited.",
        "short",
        (("{{state}}", "max by (state) (pushmill_campaigns_launches{HERE})"),),
    ),
    Panel(
        "Does any launch wait for a launcher?",
        "How long the launch that waits longest might have been written on, and was not.",
        "s",
        (("{{pod}}", "max by (pod) (pushmill_campaigns_launch_stalled_seconds{HERE})"),),
    ),
    Panel(
        "Do small sends leave the outbox?",
        "Age of the oldest one, a second at most while all is well.",
        "s",
        (("{{pod}}", "max by (pod) (pushmill_campaigns_outbox_oldest_seconds{HERE})"),),
    ),
    Panel(
        "Is what is due begun in time?",
        "How late the latest of what came due was begun, by kind.",
        "s",
        (("{{kind}}", "max by (kind) (pushmill_campaigns_due_overdue_seconds{HERE})"),),
    ),
    Panel(
        "Do workers wait for a key?",
        "Recipients that workers put off because the VAPID key that their job names is not in their folder.",
        "suffix: /s",
        (("{{pod}}", f"sum by (pod) (rate({_NO_KEY}[$__rate_interval]))"),),
    ),
)

COUNTING = (
    Panel(
        "Do collectors keep up?",
        "Records not applied yet. Launches wait for outcomes, and go no faster than these are counted.",
        "short",
        (("{{topic}}", _LAG),),
        width=12,
    ),
    Panel(
        "Which records are not ours?",
        "Passed over, a second: another upstream's, of launches that are long over, or unreadable.",
        "suffix: /s",
        (("{{topic}}", rate_of("pushmill_campaigns_foreign_total", "topic")),),
        width=12,
    ),
)

WELL = (
    Panel(
        "Is every role done by somebody?",
        "Processes that are ready, by role. It alerts at none.",
        "short",
        (("{{role}}", "sum by (role) (pushmill_campaigns_ready_processes{HERE})"),),
    ),
    Panel(
        "How are database connections used?",
        "In use and idle, all processes together. In use at the pool's size for long, requests wait for one.",
        "short",
        (("{{state}}", "sum by (state) (pushmill_campaigns_database_pool{HERE})"),),
        stacked=True,
    ),
    Panel(
        "How much CPU does each pod use?",
        "Cores. A process uses one core at most.",
        "suffix: cores",
        (("{{pod}}", f"{rate_of('process_cpu_seconds_total', 'pod')} {_OURS}"),),
    ),
    Panel(
        "How much memory does each pod use?",
        "Resident bytes of all its processes. A line that only climbs is a leak.",
        "bytes",
        (("{{pod}}", f"sum by (pod) (process_resident_memory_bytes{{HERE}}) {_OURS}"),),
    ),
    Panel(
        "Since when does each pod run?",
        "Seconds since the newest of its processes was started. Falling again and again, one of them dies.",
        "s",
        (("{{pod}}", f"max by (pod) (time() - process_start_time_seconds{{HERE}}) {_OURS}"),),
    ),
)

ROWS = (
    ("Do callers get answers?", ANSWERS),
    ("Is everything sent when it should be?", SENDING),
    ("Is everything counted?", COUNTING),
    ("Is the service well?", WELL),
)

BOARD = Board(
    uid="pushmill-campaigns",
    title="Pushmill: campaigns",
    about="Do callers get answers, is everything sent in time, is everything counted, is the service well.",
    rows=ROWS,
    present="pushmill_campaigns_ready_processes",
    alerts="PushmillCampaigns.*",
    alert_text="{{pod}} {{role}} {{adapter}} {{topic}} {{kind}}",
)


def campaigns_dashboard() -> dict[str, Any]:
    """The whole dashboard as Grafana imports it."""
    return render(BOARD)
