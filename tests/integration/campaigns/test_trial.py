"""`pushmill try` as a user runs it, with a simulated push service in the place of the browser's."""

import asyncio
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.harness.waiting import until_told
from tests.harness.worker_process import free_port, unset_environment
from worker.simulator.answers import ScriptedAnswer
from worker.simulator.certificates import Certificates
from worker.simulator.service import SimulatedPushService

pytestmark = pytest.mark.timeout(400)

CERTIFICATES = Certificates()
START_SECONDS = 120


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not one of pytest's, which the user who runs PostgreSQL for root may not enter."""
    with tempfile.TemporaryDirectory(prefix="pushmill-test-try-", dir="/tmp") as made:
        Path(made).chmod(0o755)
        CERTIFICATES.write(Path(made))
        yield Path(made)


@pytest.fixture
async def service() -> AsyncIterator[SimulatedPushService]:
    async with SimulatedPushService("fcm", ssl_context=CERTIFICATES.server_context()) as running:
        yield running


class Trial:
    """One `pushmill try`; its folder is the default one, in `folder`."""

    def __init__(self, folder, hosts, port):
        self.url = f"http://localhost:{port}"
        self._command = (sys.executable, "-m", "worker.cli", "try", "--port", str(port))
        self._folder = folder
        self._environment = unset_environment() | {
            "PUSHMILL_ENDPOINT_HOSTS": hosts,
            "PUSHMILL_ALLOW_PRIVATE_ENDPOINTS": "true",
            "PUSHMILL_CA_FILE": str(folder / "ca.pem"),
        }
        self.said = []

    async def __aenter__(self):
        self.process = await asyncio.create_subprocess_exec(
            *self._command,
            cwd=self._folder,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.terminate()
            await self.process.communicate()

    async def hear(self, text):
        """Wait until it says something."""
        async with asyncio.timeout(START_SECONDS):
            while line := await self.process.stdout.readline():
                self.said.append(line.decode().strip())
                if text in self.said[-1]:
                    return
        raise AssertionError((self.said, await self.process.stderr.read()))

    async def interrupt(self):
        """Press Ctrl-C; return the exit status, and what it says on stderr."""
        self.process.send_signal(signal.SIGINT)
        out, err = await asyncio.wait_for(self.process.communicate(), START_SECONDS)
        self.said += out.decode().splitlines()
        return self.process.returncode, err.decode()


class Page:
    """What the page does, by the same requests."""

    def __init__(self, session, url):
        self._session, self._url = session, url

    async def begin(self):
        self.told = await self._ask("GET", "/try/configuration")

    async def subscribe(self, subscription):
        path = f"/v1/sites/{self.told['site']}/subscribers"
        headers = {"Origin": self._url}
        return await self._ask("POST", path, json={"subscription": subscription.to_json()}, headers=headers)

    async def send(self):
        content = {"title": "It works", "url": self.told["url"]}
        sent = {"content": content, "target": {"all": True}}
        return await self._ask("POST", f"/v1/sites/{self.told['site']}/send", json=sent, headers=self._key)

    async def statistics(self, launch):
        return await self._ask("GET", f"/v1/launches/{launch}/statistics", headers=self._key)

    @property
    def _key(self):
        return {"Authorization": f"Bearer {self.told['key']}"}

    async def _ask(self, method, path, **how):
        async with self._session.request(method, self._url + path, **how) as answer:
            assert answer.ok, await answer.text()
            return await answer.json()


def children_of(pid):
    """The ids of all processes below a process."""
    below = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*below, *(each for child in below for each in children_of(child))]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_browser_gets_a_push_and_is_still_known_the_next_time(folder, service):
    port = free_port()
    async with aiohttp.ClientSession() as session:
        async with Trial(folder, f"localhost:{service.port}", port) as trial:
            await trial.hear(f"Ready: {trial.url}/try")
            page = Page(session, trial.url)
            await page.begin()
            [browser] = service.subscribe(vapid_public_key=page.told["vapid_public_key"])
            await page.subscribe(browser)
            sent = await page.send()

            async def is_accepted():
                return (await page.statistics(sent["launch"]))["accepted"] == 1

            await until_told(is_accepted, "the push is accepted, and counted")
            assert [push.taken for push in service.pushes(browser)] == [True]
            service.script(browser, [ScriptedAnswer(503, retry_after=3600)])
            waits = await page.send()
            await until_told(lambda: asked_again(service, browser), "the push service has been asked again")
            below = children_of(trial.process.pid)
            assert await trial.interrupt() == (0, "")
            assert [pid for pid in below if is_running(pid)] == []
            assert "No push service can be reached" not in " ".join(trial.said)

        async with Trial(folder, f"localhost:{service.port}", port) as trial:
            await trial.hear(f"Ready: {trial.url}/try")
            assert "a launch was still open: what had not come back is counted as unknown" in trial.said
            key = page.told["vapid_public_key"]
            await page.begin()
            assert page.told["vapid_public_key"] == key
            assert (await page.statistics(waits["launch"]))["unknown"] == 1
            assert (await page.statistics(sent["launch"]))["unknown"] == 0
            sent = await page.send()
            assert sent["targeted"] == 1
            await until_told(is_accepted, "the subscriber of the first time is sent to")
            assert await trial.interrupt() == (0, "")


async def asked_again(service, browser):
    return len(service.pushes(browser)) == 2


async def test_a_port_that_is_taken_is_one_line_and_a_status(folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with Trial(folder, "localhost:9", port) as trial:
            out, err = await trial.process.communicate()
    assert (trial.process.returncode, out) == (1, b"")
    [line] = err.decode().splitlines()
    assert line.startswith(f"pushmill try: port {port} is taken")
    assert not (folder / "pushmill-try").exists()


async def test_a_push_service_out_of_reach_is_told_in_words(folder):
    async with Trial(folder, f"localhost:{free_port()}", free_port()) as trial:
        await trial.hear("No push service can be reached from here")
        assert await trial.interrupt() == (0, "")


async def test_a_folder_with_another_secret_is_one_line_and_a_status(folder):
    async with Trial(folder, "localhost:9", free_port()) as trial:
        await trial.hear("Ready: ")
        assert await trial.interrupt() == (0, "")
    (folder / "pushmill-try" / "kept.json").unlink()
    async with Trial(folder, "localhost:9", free_port()) as trial:
        out, err = await trial.process.communicate()
    assert (trial.process.returncode, out) == (1, b"")
    [line] = err.decode().splitlines()
    assert line.endswith("remove it to begin anew")


async def test_a_folder_that_cannot_be_read_is_one_line_and_a_status(folder):
    (folder / "pushmill-try").mkdir()
    (folder / "pushmill-try" / "kept.json").write_text("{")
    async with Trial(folder, "localhost:9", free_port()) as trial:
        out, err = await trial.process.communicate()
    assert (trial.process.returncode, out) == (1, b"")
    [line] = err.decode().splitlines()
    assert line.endswith("pushmill-try to begin anew")
