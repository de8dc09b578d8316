"""A real Firefox without a window, driven over WebDriver BiDi, with a push service of the test's own."""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from tests.harness.browsers.commands import CommandError, Commands
from tests.harness.browsers.process import browser_process
from tests.harness.waiting import until_seen

_NOWHERE = "http://127.0.0.1:9/"
PREFERENCES: dict[str, Any] = {
    "dom.push.connection.enabled": True,  # its remote control would turn it off
    "dom.push.testing.allowInsecureServerURL": True,
    "permissions.default.desktop-notification": 1,  # allowed everywhere
    "remote.active-protocols": 1,  # BiDi alone
    "browser.startup.homepage": "about:blank",
    "browser.startup.page": 0,
    "browser.newtabpage.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "datareporting.healthreport.uploadEnabled": False,
    # It would look for hosts of its maker.
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.safebrowsing.update.enabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "services.settings.server": _NOWHERE,
    "toolkit.telemetry.enabled": False,
    "toolkit.telemetry.server": _NOWHERE,
}


class Firefox:
    """Runs until its `async with` block ends.

    Its notifications go to the D-Bus at the address `bus`; its push service is the WebSocket `push_service`.
    """

    def __init__(self, folder: Path, bus: str, push_service: str) -> None:
        self._folder = folder
        self._bus = bus
        self._preferences = PREFERENCES | {"dom.push.serverURL": push_service}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        profile = self._folder / "profile"
        profile.mkdir()
        lines = [
            f"user_pref({json.dumps(name)}, {json.dumps(value)});"
            for name, value in self._preferences.items()
        ]
        (profile / "user.js").write_text("\n".join(lines))
        command = [
            "firefox",
            "--headless",
            "--no-remote",
            "--profile",
            str(profile),
            "--remote-debugging-port=0",
        ]
        environment = {"DBUS_SESSION_BUS_ADDRESS": self._bus, "MOZ_CRASHREPORTER_DISABLE": "1"}
        await self._stack.enter_async_context(browser_process(command, self._folder, environment))
        told = profile / "WebDriverBiDiServer.json"
        await until_seen(lambda: told.exists() and told.read_text().endswith("}"), "Firefox has started")
        address = json.loads(told.read_text())
        url = f"ws://{address['ws_host']}:{address['ws_port']}/session"
        self._commands = await self._stack.enter_async_context(Commands(url))
        await self._commands.call("session.new", capabilities={})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def open(self, url: str) -> "Page":
        """Open a page in a tab of its own, and wait until it has loaded."""
        tab = (await self._commands.call("browsingContext.create", type="tab"))["context"]
        page = Page(self._commands, tab)
        await page.go(url)
        return page

    async def addresses(self) -> list[str]:
        """The URLs of all tabs."""
        tabs = (await self._commands.call("browsingContext.getTree", maxDepth=0))["contexts"]
        return [tab["url"] for tab in tabs]


class Page:
    """A tab."""

    def __init__(self, commands: Commands, tab: str) -> None:
        self._commands = commands
        self._tab = tab

    async def go(self, url: str) -> None:
        """Load a page, and wait until it has loaded."""
        await self._commands.call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    async def close(self) -> None:
        await self._commands.call("browsingContext.close", context=self._tab)

    async def run(self, script: str) -> Any:
        """Run an expression as if in a user's click, and return what it or its promise gives, as JSON has it.

        Raises:
            CommandError: It threw.
        """
        done = await self._commands.call(
            "script.evaluate",
            expression=f"Promise.resolve({script}).then((value) => JSON.stringify(value ?? null))",
            target={"context": self._tab},
            awaitPromise=True,
            userActivation=True,
        )
        if "exceptionDetails" in done:
            raise CommandError(done["exceptionDetails"]["text"])
        return json.loads(done["result"]["value"])
