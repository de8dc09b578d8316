"""A real Chromium without a window, driven over Chrome's DevTools Protocol."""

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Self

from tests.harness.browsers.commands import CommandError, Commands
from tests.harness.browsers.process import browser_process
from tests.harness.waiting import until, until_seen

OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-port=0"),
    # Without these it looks for hosts of its maker.
    *("--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--disable-extensions"),
)


class Chromium:
    """Runs until its `async with` block ends. Its notifications go to the D-Bus at the address `bus`."""

    def __init__(self, folder: Path, bus: str) -> None:
        self._folder = folder
        self._bus = bus
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        profile = self._folder / "profile"
        command = ["chromium", *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        environment = {"DBUS_SESSION_BUS_ADDRESS": self._bus}
        await self._stack.enter_async_context(browser_process(command, self._folder, environment))
        told = profile / "DevToolsActivePort"
        await until_seen(lambda: told.exists() and len(told.read_text().split()) == 2, "Chromium has started")
        port, path = told.read_text().split()
        self._commands = await self._stack.enter_async_context(Commands(f"ws://127.0.0.1:{port}{path}"))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def allow_notifications(self, origin: str, setting: str = "granted") -> None:
        """Answer the question about notifications for an origin: `granted`, `denied` or `prompt`."""
        permission = {"name": "notifications"}
        await self._commands.call(
            "Browser.setPermission", permission=permission, setting=setting, origin=origin
        )

    async def open(self, url: str, *, before: str = "", user_agent: str = "") -> "Page":
        """Open a page in a tab of its own, where the script `before` runs before any of the page's own."""
        call = self._commands.call
        target = (await call("Target.createTarget", url="about:blank"))["targetId"]
        session = (await call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = Page(self._commands, target, session)
        await page.begin(before, user_agent)
        await page.go(url)
        return page

    async def addresses(self) -> list[str]:
        """The URLs of all tabs."""
        return [target["url"] for target in await self._targets() if target["type"] == "page"]

    async def run_in_worker(self, url: str, script: str) -> None:
        """Run an expression in the running service worker of this URL, and wait for its promise."""
        [target] = [
            each for each in await self._targets() if (each["type"], each["url"]) == ("service_worker", url)
        ]
        call = self._commands.call
        session = (await call("Target.attachToTarget", targetId=target["targetId"], flatten=True))[
            "sessionId"
        ]
        done = await call("Runtime.evaluate", session=session, expression=script, awaitPromise=True)
        if "exceptionDetails" in done:
            raise CommandError(done["exceptionDetails"]["exception"].get("description"))
        await call("Target.detachFromTarget", sessionId=session)

    async def _targets(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self._commands.call("Target.getTargets"))["targetInfos"]
        return found


class Page:
    """A tab."""

    def __init__(self, commands: Commands, target: str, session: str) -> None:
        self._commands = commands
        self._target = target
        self._session = session
        self._registrations: dict[str, str] = {}
        self._active: set[str] = set()
        self._loads = 0
        commands.listen(self._note)

    async def begin(self, before: str, user_agent: str) -> None:
        """Set up what must stand before the first page."""
        for domain in ("Page", "Runtime", "ServiceWorker"):
            await self._call(f"{domain}.enable")
        if before:
            await self._call("Page.addScriptToEvaluateOnNewDocument", source=before)
        if user_agent:
            await self._call("Emulation.setUserAgentOverride", userAgent=user_agent)

    async def go(self, url: str) -> None:
        """Load a page, and wait until it has loaded."""
        loads = self._loads
        await self._call("Page.navigate", url=url)
        await until(lambda: self._loads > loads, f"{url} has loaded")

    async def close(self) -> None:
        await self._commands.call("Target.closeTarget", targetId=self._target)

    async def run(self, script: str) -> Any:
        """Run an expression as if in a user's click, wait for its promise, and return its value.

        Raises:
            CommandError: It threw.
        """
        done = await self._call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True
        )
        if "exceptionDetails" in done:
            raise CommandError(done["exceptionDetails"]["exception"].get("description"))
        return done["result"].get("value")

    async def deliver(self, scope: str, data: str | dict[str, Any]) -> None:
        """Have the push service deliver a message to the worker of a scope, given as a URL."""
        # Chromium drops what comes to a worker that is not active yet.
        await until(lambda: self._registrations.get(scope) in self._active, f"{scope} has an active worker")
        await self._call(
            "ServiceWorker.deliverPushMessage",
            origin="/".join(scope.split("/", 3)[:3]),
            registrationId=self._registrations[scope],
            data=data if isinstance(data, str) else json.dumps(data),
        )

    async def _call(self, command: str, **parameters: Any) -> dict[str, Any]:
        return await self._commands.call(command, session=self._session, **parameters)

    def _note(self, event: str, parameters: dict[str, Any]) -> None:
        if event == "ServiceWorker.workerRegistrationUpdated":
            for registration in parameters["registrations"]:
                self._registrations[registration["scopeURL"]] = registration["registrationId"]
        elif event == "ServiceWorker.workerVersionUpdated":
            active = (each for each in parameters["versions"] if each["status"] == "activated")
            self._active.update(each["registrationId"] for each in active)
        elif event == "Page.loadEventFired":
            self._loads += 1
