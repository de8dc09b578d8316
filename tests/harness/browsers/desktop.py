"""A desktop that shows notifications to a test: what browsers on Linux hand them to, over D-Bus.

A click here is a real one: the browser fires `notificationclick`, and its worker may open a window.
Source: https://specifications.freedesktop.org/notification-spec/1.2/
"""

import asyncio
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, Self

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from tests.harness.waiting import GENEROUS

INTERFACE = "org.freedesktop.Notifications"
PATH = "/org/freedesktop/Notifications"
BODY = "default"
"""The action of a click on the notification itself."""

DISMISSED, WITHDRAWN = 2, 3
"""Reasons for which a notification has gone: by its user, by the program."""

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class Shown(NamedTuple):
    """A notification as the browser has handed it over; `buttons` are texts by action."""

    number: int
    title: str
    body: str
    buttons: dict[str, str]


class Desktop:
    """A session bus and the notifications on it, within its `async with` block."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count(1)
        self._came: asyncio.Queue[Shown] = asyncio.Queue()
        self.address = ""
        """For `DBUS_SESSION_BUS_ADDRESS`."""

    async def __aenter__(self) -> Self:
        configuration = self._folder / "bus.conf"
        configuration.write_text(CONFIGURATION)
        with (self._folder / "bus.log").open("wb") as log:
            self._daemon = await asyncio.create_subprocess_exec(
                *("dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile"),
                "--print-address",
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._daemon.stdout is not None
        self.address = (await asyncio.wait_for(self._daemon.stdout.readline(), GENEROUS)).decode().strip()
        self._bus = await MessageBus(self.address).connect()
        self._bus.add_message_handler(self._answer)
        await self._bus.request_name(INTERFACE)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._bus.disconnect()
        await self._bus.wait_for_disconnect()
        self._daemon.terminate()
        await self._daemon.wait()

    async def shown(self, title: str) -> Shown:
        """Wait for the next notification; it must have this title."""
        came = await asyncio.wait_for(self._came.get(), GENEROUS)
        assert came.title == title, came
        return came

    def is_empty(self) -> bool:
        """Whether nothing came that no test has asked for."""
        return self._came.empty()

    def click(self, shown: Shown, action: str = BODY) -> None:
        """Click a notification or a button of it, which closes it."""
        self._signal("ActionInvoked", "us", shown.number, action)
        self._close(shown.number, DISMISSED)

    def dismiss(self, shown: Shown) -> None:
        """Close a notification without a click."""
        self._close(shown.number, DISMISSED)

    def _close(self, number: int, reason: int) -> None:
        self._signal("NotificationClosed", "uu", number, reason)

    def _signal(self, name: str, signature: str, *values: Any) -> None:
        self._bus.send(Message.new_signal(PATH, INTERFACE, name, signature, list(values)))

    def _answer(self, message: Message) -> Message | None:
        if message.message_type is not MessageType.METHOD_CALL or message.interface != INTERFACE:
            return None
        match message.member:
            case "GetCapabilities":
                return Message.new_method_return(message, "as", [["actions", "body", "persistence"]])
            case "GetServerInformation":
                return Message.new_method_return(message, "ssss", ["tests", "tests", "1", "1.2"])
            case "Notify":
                return Message.new_method_return(message, "u", [self._take(*message.body)])
            case "CloseNotification":
                self._close(message.body[0], WITHDRAWN)
                return Message.new_method_return(message)
        return None

    def _take(
        self, _app: str, replaces: int, _icon: str, title: str, body: str, actions: list[str], *_: Any
    ) -> int:
        number = replaces or next(self._numbers)
        buttons = dict(zip(actions[::2], actions[1::2], strict=True))
        self._came.put_nowait(Shown(number, title, body, buttons))
        return number
