"""What the path reports as metrics: durations and answers as they come, levels on request.

Decides what each metric counts; only reads the path, and changes nothing in it.
"""

from collections.abc import Sequence

from worker.metrics import Metrics
from worker.pipeline.delivery import Flight
from worker.pipeline.politeness import Politeness
from worker.pipeline.queue import DueQueue
from worker.push.answers import Answer, TransportFailure, lowered_ttl, taken
from worker.push.services import PushService, service_of


def measure_landed(metrics: Metrics, flights: Sequence[Flight], answer: Answer, now: float) -> None:
    """Count requests of one lane to one push service that all got this answer at this moment."""
    first = flights[0].delivery
    service = first.endpoint.origin.service
    late = [each.sent_at - each.delivery.due for each in flights if not each.delivery.attempts]
    metrics.lateness[first.job.lane].observe_each(late)
    metrics.request_duration[service].observe_each([now - each.sent_at for each in flights])
    if isinstance(answer, TransportFailure):
        metrics.requests[service][answer].inc(len(flights))
        return
    metrics.requests[service][answer.status].inc(len(flights))
    if answer.headers:
        lowered = sum(lowered_ttl(answer.headers, each.ttl) for each in flights)
        metrics.ttl_lowered[service].inc(lowered)
        if 200 <= answer.status < 300 and (said := taken(service, answer).detail):
            metrics.dropped[service, said].inc(len(flights))


def measure_levels(metrics: Metrics, queue: DueQueue, politeness: Politeness) -> None:
    """Update the metrics that are levels rather than counts."""
    metrics.buffered.set(len(queue) + politeness.in_flight)
    metrics.due.set(queue.due)
    limits, gates = politeness.limits(), politeness.closed_gates()
    for service in PushService:
        of_service = [limits[key] for key in limits if service_of(key) is service]
        metrics.in_flight[service].set(sum(in_flight for in_flight, _ in of_service))
        most = politeness.ceiling if not of_service else min(limit for _, limit in of_service)
        metrics.concurrency_limit[service].set(most)
        closed = sum(number for key, number in gates.items() if service_of(key) is service)
        metrics.closed_gates[service].set(closed)
