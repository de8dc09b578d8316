"""Pushwoosh's client for Python, as it is installed, against the service over a socket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pypushwoosh import constants
from pypushwoosh.client import PushwooshClient
from pypushwoosh.command import (
    BaseCommand,
    CompileFilterCommand,
    CreateMessageForApplicationCommand,
    CreateTargetedMessageCommand,
    DeleteMessageCommand,
    GetTagsCommand,
    SetTagsCommand,
    UnregisterDeviceCommand,
)
from pypushwoosh.filter import ApplicationFilter, IntegerTagFilter, ListTagFilter
from pypushwoosh.notification import Notification

from campaigns.api.server import ApiServer
from campaigns.metrics import Metrics
from tests.campaigns.adapters.own.support import SHOP
from tests.campaigns.adapters.pushwoosh.support import PushwooshApi
from worker.edges.process.listening import listen


class Customer:
    """A customer's program: only the host is another."""

    def __init__(self, api: PushwooshApi, port: int) -> None:
        self.api = api
        self._client = PushwooshClient(timeout=60)
        self._client.scheme, self._client.hostname = "http", f"127.0.0.1:{port}"

    async def invoke(self, command: BaseCommand) -> Any:
        if hasattr(command, "auth"):
            command.auth = self.api.token
        return await asyncio.to_thread(self._client.invoke, command)

    async def done(self, command: BaseCommand) -> Any:
        answer = await self.invoke(command)
        assert (answer["status_code"], answer["status_message"]) == (200, "OK"), answer
        return answer["response"]


@pytest.fixture
async def customer(database: Any) -> AsyncIterator[Customer]:
    api = await PushwooshApi.begun(database)
    metrics = Metrics(CollectorRegistry())
    async with ApiServer(api.gateway, listen("127.0.0.1", 0), metrics=metrics, drain_seconds=30) as server:
        yield Customer(api, server.port)


async def test_a_message_is_sent_and_taken_back(customer: Customer) -> None:
    notification = Notification()
    notification.content = {"en": "Hello", "de": "Hallo"}
    notification.link = f"{SHOP}/new"
    notification.send_date = "2026-11-22 10:00"
    notification.platforms = [constants.PLATFORM_CHROME, constants.PLATFORM_IOS]
    notification.conditions = [["Age", "GTE", 18]]
    command = CreateMessageForApplicationCommand(notification, customer.api.application)
    [code] = (await customer.done(command))["Messages"]
    [campaign] = await customer.api.fetch("SELECT * FROM campaign")
    assert (campaign["status"], campaign["content"]["body"]) == ("scheduled", "Hello")
    assert campaign["translations"]["de"]["body"] == "Hallo"
    await customer.done(DeleteMessageCommand(code))
    [campaign] = await customer.api.fetch("SELECT * FROM campaign")
    assert campaign["status"] == "cancelled"


async def test_a_message_to_whom_an_expression_means(customer: Customer) -> None:
    await customer.api.subscribe("w-1", tags={"Age": 30, "Town": "Ulm"})
    await customer.api.subscribe("w-2", tags={"Age": 30, "Town": "Bonn"})
    expression = (
        ApplicationFilter(customer.api.application, [constants.PLATFORM_CHROME])
        .intersect(IntegerTagFilter("Age", constants.TAG_FILTER_OPERATOR_GTE, 18))
        .subtract(ListTagFilter("Town", constants.TAG_FILTER_OPERATOR_IN, ["Bonn"]))
    )
    compiled = CompileFilterCommand()
    compiled.devices_filter = expression
    assert (await customer.done(compiled))["devices"] == 1
    command = CreateTargetedMessageCommand()
    command.devices_filter = expression
    command.content = "Hello"
    assert await customer.done(command)
    [launch] = await customer.api.fetch("SELECT targeted FROM launch")
    assert launch["targeted"] == 1


async def test_tags_of_a_device(customer: Customer) -> None:
    api = customer.api
    await api.subscribe("w-1")
    await customer.done(SetTagsCommand(api.application, "w-1", {"Name": "Ada", "Likes": ["a"]}))
    told = await customer.done(GetTagsCommand(api.application, "w-1"))
    assert told["result"] == {"Name": "Ada", "Likes": ["a"]}
    await customer.done(UnregisterDeviceCommand(api.application, "w-1"))
    [known] = await api.fetch("SELECT status FROM subscriber")
    assert known["status"] == "unsubscribed"


async def test_what_is_refused_is_told_as_the_client_tells_it(customer: Customer) -> None:
    notification = Notification()
    notification.content = "Hello"
    command = CreateMessageForApplicationCommand(notification, "AAAAA-BBBBB")
    answer = await customer.invoke(command)
    assert answer == {"status_code": 210, "status_message": "Application not found", "response": None}
