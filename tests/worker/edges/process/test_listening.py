"""Which sockets a server gets, with machines that have one family of addresses, both, or neither."""

import asyncio
import errno
import os
import shutil
import socket
import subprocess
import sys
from contextlib import ExitStack, closing

import aiohttp
import pytest

from tests.harness.waiting import until_seen
from tests.harness.worker_process import ROOT, free_port
from worker.edges.process.listening import HostError, PortError, listen
from worker.edges.process.status import StatusServer

V4, V6 = socket.AF_INET, socket.AF_INET6
BOTH = [(V4, socket.SOCK_STREAM, 6, "", ("0.0.0.0", 0)), (V6, socket.SOCK_STREAM, 6, "", ("::", 0, 0, 0))]


class Machine:
    """Makes sockets that fail as those of some machines do; real ones otherwise."""

    def __init__(self, **failures: int) -> None:
        self.failures = failures
        self.made: list[socket.socket] = []

    def __call__(self, family, kind):
        if "family" in self.failures and family == V6:
            raise OSError(self.failures["family"], os.strerror(self.failures["family"]))
        one = Socket(family, kind, self.failures)
        self.made.append(one)
        return one


class Socket(socket.socket):
    def __init__(self, family, kind, failures):
        super().__init__(family, kind)
        self.failures = failures

    def bind(self, address):
        number = self.failures.get("v6" if self.family == V6 else "v4")
        if number:
            raise OSError(number, os.strerror(number))
        super().bind(address)


def give(addresses):
    return lambda *_, **__: addresses


@pytest.fixture
def opened():
    with ExitStack() as stack:

        def take(*arguments, **options):
            return [stack.enter_context(closing(each)) for each in listen(*arguments, **options)]

        yield take


def test_without_a_host_both_families_have_the_same_port(opened):
    sockets = opened(None, 0)
    assert {each.family for each in sockets} == {V4, V6}
    assert {each.getsockname()[0] for each in sockets} == {"0.0.0.0", "::"}
    [port] = {each.getsockname()[1] for each in sockets}
    assert port


@pytest.mark.parametrize("number", [errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT])
def test_a_kernel_without_ipv6_listens_on_ipv4(opened, number):
    [one] = opened(None, 0, make=Machine(family=number))
    assert one.family == V4


@pytest.mark.parametrize(("missing", "left"), [("v4", V6), ("v6", V4)])
def test_a_machine_without_one_of_the_addresses_listens_on_the_other(opened, missing, left):
    machine = Machine(**{missing: errno.EADDRNOTAVAIL})
    [one] = opened("localhost", 0, lookup=give(BOTH), make=machine)
    assert one.family == left


def test_a_machine_that_has_none_of_them_blames_the_host():
    machine = Machine(v4=errno.EADDRNOTAVAIL, v6=errno.EADDRNOTAVAIL)
    with pytest.raises(HostError, match="Cannot assign requested address"):
        listen("localhost", 0, lookup=give(BOTH), make=machine)
    assert all(each.fileno() == -1 for each in machine.made), "a socket is left open"
    for host in ("192.0.2.1", "no-such-host.invalid", "a..b", "x" * 100):
        with pytest.raises(HostError):
            listen(host, 0)
    with pytest.raises(HostError):
        listen("localhost", 0, lookup=give([]))


@pytest.mark.parametrize("number", [errno.EADDRINUSE, errno.EACCES])
@pytest.mark.parametrize("where", ["v4", "v6"])
def test_a_port_that_one_address_does_not_give_is_blamed(where, number):
    machine = Machine(**{where: number})
    with pytest.raises(PortError):
        listen(None, free_port(), make=machine)
    assert all(each.fileno() == -1 for each in machine.made), "a socket is left open"


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_port_in_use_at_one_address_is_blamed(address):
    family = V6 if ":" in address else V4
    with socket.create_server((address, 0), family=family) as taken, pytest.raises(PortError, match="in use"):
        listen(None, taken.getsockname()[1])


def test_any_free_port_is_looked_for_until_all_addresses_give_it(opened):
    class Picky(Machine):
        tries = 0

        def __call__(self, family, kind):
            self.tries += family == V6
            self.failures = {"v6": errno.EADDRINUSE} if self.tries < 3 else {}
            return super().__call__(family, kind)

    machine = Picky()
    assert len(opened(None, 0, make=machine)) == 2
    assert machine.tries == 3
    with pytest.raises(PortError):
        listen(None, 0, make=Machine(v6=errno.EADDRINUSE))


async def test_the_status_port_answers_on_both(monkeypatch):
    async with StatusServer(None, 0, ready=lambda: None, render=lambda: b"") as server:
        for host in ("127.0.0.1", "[::1]"):
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://{host}:{server.port}/healthz") as answer,
            ):
                assert answer.status == 200


PROGRAM = """
import asyncio, sys
from worker.edges.process.status import StatusServer
async def main():
    async with StatusServer(None, 9400, ready=lambda: None, render=lambda: b""):
        await asyncio.sleep(60)
import uvloop
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
"""
ASK = """
import sys, urllib.request
print(urllib.request.urlopen(f"http://{sys.argv[1]}:9400/healthz", timeout=5).read().decode())
"""
ONLY = {
    "IPv6": (["ip", "-4", "addr", "flush", "dev", "lo"], "[::1]"),
    "IPv4": (["sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"], "127.0.0.1"),
}


@pytest.fixture
def namespace():
    """A network of its own, with a loopback interface."""
    name = f"pushmill-{os.getpid()}"
    if shutil.which("ip") is None or subprocess.run(["ip", "netns", "add", name], check=False).returncode:
        pytest.skip("makes no network namespaces: needs root and `apt-get install iproute2`")
    inside = ["ip", "netns", "exec", name]
    subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
    yield inside
    subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.mark.parametrize("family", ONLY)
async def test_a_host_with_one_family_answers_on_it(namespace, family):
    change, host = ONLY[family]
    await asyncio.to_thread(subprocess.run, [*namespace, *change], check=True)
    server = await asyncio.create_subprocess_exec(*namespace, sys.executable, "-c", PROGRAM, cwd=ROOT)

    def answer():
        command = [*namespace, sys.executable, "-c", ASK, host]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()

    try:
        await until_seen(lambda: answer() == "ok", "it answers")
    finally:
        server.kill()
        await server.wait()
