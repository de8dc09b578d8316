"""What every part of the launcher needs to do its work."""

from collections.abc import Callable
from typing import NamedTuple

from campaigns.launch.blueprints import blueprint_of
from campaigns.launch.records import Blueprint
from campaigns.model.launch import Launch
from campaigns.model.secrets import Key
from campaigns.store.database import Database
from worker.config import KafkaSettings


def ignore(_: int) -> None:
    """Count nothing."""


class Service(NamedTuple):
    """Where to read and write, and how this service is seen from outside.

    Attributes:
        database: PostgreSQL.
        settings: How to reach Kafka.
        public_url: Of this service, without a slash at its end.
        token_key: Signs recipients' tokens.
        count_written: Is told how many recipients have been written.
    """

    database: Database
    settings: KafkaSettings
    public_url: str
    token_key: Key
    count_written: Callable[[int], object] = ignore

    def blueprint_of(self, launch: Launch, *, own_worker: bool) -> Blueprint:
        """Return what all records of a launch have in common."""
        return blueprint_of(
            launch, public_url=self.public_url, token_key=self.token_key, own_worker=own_worker
        )
