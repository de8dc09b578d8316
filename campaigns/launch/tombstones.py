"""Telling Kafka to forget the endpoints of subscribers who were erased.

A record without a value takes what `push.expired` holds of them with it once the topic is compacted. It goes
without a transaction: a repeat changes nothing, so that any number of processes may do this.
"""

from campaigns.launch.service import Service
from campaigns.model.ids import Kind, spell
from campaigns.store.erasures import Erasure, due_erasures, keep_told
from worker.edges.kafka.producer import RecordProducer
from worker.records.envelope import Publication
from worker.records.topics import EXPIRED

AT_ONCE = 500


async def write_tombstones(service: Service, producer: RecordProducer) -> bool:
    """Write the tombstones that are due; return whether there were any.

    Raises:
        DatabaseAwayError: Nothing can be read or kept.
        KafkaStuckError: Kafka refuses a record.
    """
    async with service.database.connection() as connection:
        erasures = await due_erasures(connection, AT_ONCE)
    if not erasures:
        return False
    await producer.publish(Publication(EXPIRED, _key(each), None) for each in erasures)
    async with service.database.transaction() as connection:
        await keep_told(connection, erasures)
    return True


def _key(erasure: Erasure) -> bytes:
    """Return the key under which workers tell of a subscriber (ARCHITECTURE.md: Expired)."""
    return f"{spell(Kind.SITE, erasure.site)}/{spell(Kind.SUBSCRIBER, erasure.subscriber)}".encode()
