"""The worker's dashboard, from a table: four questions.

It queries metrics as workers export them, never recorded ones, so it works without the rules.
"""

from typing import Any

from k8s.tools.grafana import Board, Panel, quantile_of, rate_of, render, stat

_LAG = "sum by (topic) (max by (topic, partition) (pushmill_consumer_lag_records{HERE}))"
_HELD = "sum by (topic) (max by (topic, partition) (pushmill_held_records{HERE}))"
_READ = f"({rate_of('pushmill_consumed_records_total', 'topic')} or 0 * {_LAG})"
_WITH_VERSION = (
    "* on (job, instance) group_left (version) max by (job, instance, version) (pushmill_build_info)"
)
_OURS = "and on (pod) pushmill_build_info{HERE}"
"""The campaign service's pods may be in the same namespace."""
_NOT_SENT = rate_of("pushmill_outcomes_total", "push_service", more='status!="sent"')
_ANSWERED = 'code!~"dns|connect|tls|reset|timeout|bad_answer|endpoint_not_allowed"'
_UNANSWERED = _ANSWERED.replace("!~", "=~")

KEEPING_UP = (
    stat(
        "How many pushes go out a second?",
        "Pushes that a push service has taken.",
        "suffix: /s",
        'sum(rate(pushmill_outcomes_total{HERE, status="sent"}[$__rate_interval]))',
    ),
    stat(
        "How many recipients are due and not sent?",
        "In memory, due, and waiting for a slot. Some is normal under load; growth for minutes is not.",
        "short",
        "sum(pushmill_due_recipients{HERE})",
        ("green", None),
        ("orange", 50_000),
    ),
    stat(
        "How late is one in a hundred?",
        "99th percentile of first attempt minus due time, over both lanes.",
        "s",
        quantile_of(0.99, "pushmill_lateness_seconds"),
        ("green", None),
        ("orange", 15),
        ("red", 60),
    ),
    stat(
        "How long would the backlog take?",
        "Records not read yet in the inputs, at the present pace. It alerts above ten minutes.",
        "s",
        f"max(({_LAG} > 0) / {_READ}) or vector(0)",
        ("green", None),
        ("orange", 60),
        ("red", 600),
    ),
    stat(
        "How many recipients wait in memory?",
        "Due soon or due now, and in flight. A worker stops reading at PUSHMILL_MAX_BUFFERED.",
        "short",
        "sum(pushmill_buffered_recipients{HERE})",
    ),
    stat(
        "How many workers deliver?",
        "Workers that own partitions.",
        "short",
        'sum(pushmill_worker_state{HERE, state="running"})',
        ("red", None),
        ("green", 1),
    ),
    Panel(
        "How many recipients are due and not sent yet?",
        "One line for each worker. If one stands out, a push service slows what its partitions hold; if all "
        "grow, there are too few workers or every push service is slow.",
        "short",
        (("{{pod}}", "sum by (pod) (pushmill_due_recipients{HERE})"),),
    ),
    Panel(
        "How late do first attempts go out?",
        "First attempt minus due time. Jobs produced after their start_at are late from the beginning.",
        "s",
        (
            ("{{lane}} p50", quantile_of(0.5, "pushmill_lateness_seconds", "lane")),
            ("{{lane}} p99", quantile_of(0.99, "pushmill_lateness_seconds", "lane")),
        ),
    ),
    Panel(
        "How many records wait in the inputs?",
        "Records not read yet. The tiers' own lag is intended and not shown anywhere.",
        "short",
        (("{{topic}}", _LAG),),
    ),
    Panel(
        "How many records does an open transaction hold back?",
        "Of inputs and controls. They are read once whoever writes the transaction commits or aborts it.",
        "short",
        (("{{topic}}", _HELD),),
    ),
    Panel(
        "How many records are read a second?",
        "Inputs and tiers; what comes out of a tier is read again.",
        "suffix: /s",
        (("{{topic}}", rate_of("pushmill_consumed_records_total", "topic")),),
    ),
    Panel(
        "Do records leave their tiers in time?",
        "How long the next record of each tier could have come out already. It waits for room in memory.",
        "s",
        (("{{tier}}", "max by (tier) (pushmill_tier_overdue_seconds{HERE})"),),
    ),
    Panel(
        "How full is the memory of each worker?",
        "Recipients held, of at most PUSHMILL_MAX_BUFFERED; the last tenth is the urgent lane's.",
        "short",
        (("{{pod}}", "sum by (pod) (pushmill_buffered_recipients{HERE})"),),
    ),
)

WHAT_BECOMES = (
    Panel(
        "What becomes of recipients?",
        "Final statuses a second. Only sent means that a push service took it.",
        "suffix: /s",
        (("{{status}}", rate_of("pushmill_outcomes_total", "status")),),
        width=12,
        stacked=True,
    ),
    Panel(
        "Which share is not sent, by push service?",
        "Final statuses other than sent, of all. A jump at one push service is its own, or our key there; "
        "a jump everywhere is ours.",
        "percentunit",
        (
            (
                "{{push_service}}",
                f"{_NOT_SENT} / ({rate_of('pushmill_outcomes_total', 'push_service')} > 0)",
            ),
        ),
        width=12,
    ),
    Panel(
        "Which push services take how much?",
        "Pushes sent, a second.",
        "suffix: /s",
        (("{{push_service}}", rate_of("pushmill_outcomes_total", "push_service", more='status="sent"')),),
        stacked=True,
    ),
    Panel(
        "How many are tried again, and why?",
        "Recipients whose attempt gave no final answer.",
        "suffix: /s",
        (
            (
                "{{push_service}} {{reason}}",
                f"{rate_of('pushmill_retries_total', 'push_service', 'reason')} > 0",
            ),
        ),
    ),
    Panel(
        "How many are put off into tiers, and why?",
        "not_due: planned for later. retry: tried again. paused: by their campaign. gate_closed: a push "
        "service asked to wait. surplus: one site holds half of the memory. no_vapid_key: the key that their "
        "job names is missing.",
        "suffix: /s",
        (("{{reason}} {{tier}}", f"{rate_of('pushmill_deferred_recipients_total', 'tier', 'reason')} > 0"),),
    ),
    Panel(
        "Are expirations believed?",
        "Answers 404 and 410 that were not believed, for too many came at once. Anything here is an incident "
        "at that push service until shown otherwise.",
        "suffix: /s",
        (("{{push_service}}", rate_of("pushmill_quarantined_total", "push_service")),),
    ),
    Panel(
        "Which records are no valid jobs?",
        "Records written to push.dead-letters; nothing is sent for them. Upstream's mistake, but for "
        "internal_error, which is ours.",
        "suffix: /s",
        (("{{reason}}", rate_of("pushmill_dead_letters_total", "reason")),),
    ),
    Panel(
        "Was anything read anew, or lost unread?",
        "Partitions that are read on from their first record, for Kafka had not what was next: retention "
        "took it, or the topic was made anew. Anything here alerts.",
        "short",
        (
            (
                "{{topic}}",
                "sum by (topic) (increase(pushmill_offset_resets_total{HERE}[$__rate_interval]))",
            ),
        ),
    ),
    Panel(
        "Do push services keep messages as long as asked?",
        "Messages whose TTL the push service lowered.",
        "suffix: /s",
        (("{{push_service}}", rate_of("pushmill_ttl_lowered_total", "push_service")),),
    ),
    Panel(
        "Do push services drop what they have accepted?",
        "Pushes that WNS accepted and said it will not deliver. They count as sent.",
        "suffix: /s",
        (("{{detail}}", rate_of("pushmill_accepted_but_dropped_total", "detail")),),
    ),
)

WHO_SLOWS_US = (
    Panel(
        "Which push service asks us to slow down?",
        "429, 406 and 503 a second. Some under load is how the limit is found; a wall of them is a limit on "
        "one site, or an incident.",
        "suffix: /s",
        (
            (
                "{{push_service}} {{code}}",
                rate_of("pushmill_requests_total", "push_service", "code", more='code=~"429|406|503"'),
            ),
        ),
    ),
    Panel(
        "How many back-off gates are closed?",
        "Pairs of a push service and a site that wait, in each worker for itself. One is a site; many at "
        "once are the push service.",
        "short",
        (("{{push_service}}", "sum by (push_service) (pushmill_closed_gates{HERE})"),),
    ),
    Panel(
        "How close are we to the concurrency limits?",
        "Requests in flight, of the requests allowed at once. A limit far below the others was lowered by "
        "429, 503 or time-outs; it rises again by itself.",
        "short",
        (
            (
                "{{push_service}} in flight",
                "sum by (push_service) (pushmill_in_flight_requests{HERE})",
            ),
            ("{{push_service}} limit", "sum by (push_service) (pushmill_concurrency_limit{HERE})"),
        ),
    ),
    Panel(
        "How long do push services take to answer?",
        "From request to answer, time-outs included. In-flight requests divided by this is the pace.",
        "s",
        (
            ("{{push_service}} p50", quantile_of(0.5, "pushmill_request_duration_seconds", "push_service")),
            ("{{push_service}} p99", quantile_of(0.99, "pushmill_request_duration_seconds", "push_service")),
        ),
    ),
    Panel(
        "What do push services answer?",
        "HTTP statuses a second.",
        "suffix: /s",
        (
            (
                "{{push_service}} {{code}}",
                f"{rate_of('pushmill_requests_total', 'push_service', 'code', more=_ANSWERED)} > 0",
            ),
        ),
    ),
    Panel(
        "Which requests get no answer, and why?",
        "DNS, connect, TLS, reset, time-out, or bytes that are no answer. At all push services at once, it "
        "is our network; endpoint_not_allowed is a host name that led to a forbidden address.",
        "suffix: /s",
        (
            (
                "{{push_service}} {{code}}",
                f"{rate_of('pushmill_requests_total', 'push_service', 'code', more=_UNANSWERED)} > 0",
            ),
        ),
    ),
)

WORKER_WELL = (
    Panel(
        "Does the event loop keep time?",
        "How late timers fire. Above 0.1 s for long, the process has too little CPU.",
        "s",
        (("{{pod}}", "max by (pod) (pushmill_event_loop_lag_seconds{HERE})"),),
    ),
    Panel(
        "How much CPU does each worker use?",
        "Cores. A process uses one core at most; PUSHMILL_PROCESSES makes more of them.",
        "suffix: cores",
        (("{{pod}}", f"{rate_of('process_cpu_seconds_total', 'pod')} {_OURS}"),),
    ),
    Panel(
        "How much memory does each worker use?",
        "Resident bytes. It follows the recipients held; a line that only climbs is a leak.",
        "bytes",
        (("{{pod}}", f"sum by (pod) (process_resident_memory_bytes{{HERE}}) {_OURS}"),),
    ),
    Panel(
        "How long do checkpoints take?",
        "From publishing to committed offsets: Kafka's pace. Above a second, sending stops in between.",
        "s",
        (
            ("p50", quantile_of(0.5, "pushmill_checkpoint_duration_seconds")),
            ("p99", quantile_of(0.99, "pushmill_checkpoint_duration_seconds")),
        ),
    ),
    Panel(
        "How old is the last checkpoint?",
        "Seconds since one was acknowledged while anything is open, of the process that waits longest. Above "
        "one second that process sends nothing new; it alerts above 15.",
        "s",
        (("{{pod}}", "max by (pod) (pushmill_checkpoint_age_seconds{HERE})"),),
    ),
    Panel(
        "How many checkpoints are made a second?",
        "Two or more for each worker that holds anything; none for long where something is held means stuck.",
        "suffix: /s",
        (("{{pod}}", rate_of("pushmill_checkpoint_duration_seconds_count", "pod")),),
    ),
    Panel(
        "How long does one encryption take?",
        "It is most of a push's CPU time. A rise for all workers is a slower or crowded machine.",
        "s",
        (
            ("p50", quantile_of(0.5, "pushmill_encrypt_duration_seconds")),
            ("p99", quantile_of(0.99, "pushmill_encrypt_duration_seconds")),
        ),
    ),
    Panel(
        "How many VAPID tokens are signed a second?",
        "They are kept for hours: a few for each key and push service. As many as pushes: none is kept.",
        "suffix: /s",
        (("{{pod}}", rate_of("pushmill_vapid_signatures_total", "pod")),),
    ),
    Panel(
        "What state are the workers in?",
        "Number of workers in each state; starting for long means no topics or no Kafka.",
        "short",
        (("{{state}}", "sum by (state) (pushmill_worker_state{HERE})"),),
        stacked=True,
    ),
    Panel(
        "What runs, and since when?",
        "Seconds since the start of each worker. Two versions for long are an update that stopped.",
        "s",
        (
            (
                "{{pod}} {{version}}",
                f"(time() - process_start_time_seconds{{HERE}}) {_WITH_VERSION}",
            ),
        ),
    ),
)

ROWS = (
    ("Are we keeping up?", KEEPING_UP),
    ("What becomes of pushes?", WHAT_BECOMES),
    ("Who is slowing us?", WHO_SLOWS_US),
    ("Is the worker well?", WORKER_WELL),
)

BOARD = Board(
    uid="pushmill",
    title="Pushmill",
    about="Are we keeping up, what becomes of pushes, who is slowing us, is the worker well.",
    rows=ROWS,
    present="pushmill_build_info",
    alerts="Pushmill.*",
    alert_text="{{pod}} {{push_service}} {{topic}} {{tier}} {{reason}}",
)


def dashboard() -> dict[str, Any]:
    """The whole dashboard as Grafana imports it."""
    return render(BOARD)
