"""`pushmill topics`: creates Pushmill's topics in Kafka, and reports where existing ones differ."""

import os
from typing import Annotated

import typer
from aiokafka.errors import KafkaError

from worker.commands import FAILED, end, run_async
from worker.config import KafkaSettings, load_kafka_settings
from worker.edges.kafka.topics import Found, create_topics

app = typer.Typer(help="Pushmill's topics in Kafka.", no_args_is_help=True)


@app.command()
def create(
    partitions: Annotated[int, typer.Option(min=1, help="Of each topic that is created.")] = 12,
    replicas: Annotated[
        int | None,
        typer.Option(min=1, help="Of each topic that is created.", show_default="the cluster's own default"),
    ] = None,
) -> None:
    """Create the topics that are missing, and say what is found otherwise; never alters one that exists.

    Returns when clients of every broker can use them.
    """
    settings = load_kafka_settings(os.environ)
    run_async(_create_topics(settings, partitions, replicas))


async def _create_topics(settings: KafkaSettings, partitions: int, replicas: int | None) -> None:
    try:
        found = await create_topics(settings, partitions=partitions, replicas=replicas)
    except KafkaError as error:
        end(f"cannot create a topic: {error}", FAILED)
    for topic in found:
        typer.echo(_line(topic))


def _line(topic: Found) -> str:
    what = "created" if topic.created else "exists "
    head = f"{what}  {topic.name}  ({topic.partitions} partitions)"
    return "\n".join((head, *(f"         {each}" for each in topic.differs)))
