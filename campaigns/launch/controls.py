"""Telling the worker what is wanted of launches: paused, running again, or cancelled.

Control records are made from a launch's row as it stands and go without a transaction, for a repeat changes
nothing. Any number of processes may do this: whoever has said something that is out of date by the time it is
acknowledged leaves the launch marked, so that what is right is said last. And whoever sets out to say
something notes that first: cut off from Kafka, it may say it long after others have said what is right, and
die before it can leave a mark. As long as somebody has not come back, what is right is repeated.
"""

from campaigns.launch.service import Service
from campaigns.model.launch import control_record
from campaigns.store.launching import keep_controlled, launches_to_control
from worker.edges.kafka.producer import RecordProducer
from worker.records.envelope import Publication
from worker.records.topics import CONTROL
from worker.records.values import encode_json

REPEAT_SECONDS = 10.0
"""How long at most an outdated control may stand whose writer has died."""


async def write_controls(service: Service, producer: RecordProducer) -> bool:
    """Write the control records that are due; return whether there were any.

    Raises:
        DatabaseAwayError: Nothing can be read or kept.
        KafkaStuckError: Kafka refuses a record.
    """
    async with service.database.connection() as connection:
        launches = await launches_to_control(connection, REPEAT_SECONDS)
    if not launches:
        return False
    await producer.publish(
        Publication(CONTROL, launch.launch_id.encode(), encode_json(control_record(launch)))
        for launch in launches
    )
    async with service.database.transaction() as connection:
        for launch in sorted(launches, key=lambda each: each.id):
            await keep_controlled(connection, launch)
    return True
