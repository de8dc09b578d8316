"""Names are resolved to checked addresses, cached, and looked up once at a time."""

import asyncio
import socket

import pytest

from worker.edges.http.resolver import ADDRESSES_KEPT_SECONDS, AddressBook, AddressRefusedError, look_up


class Names(asyncio.SelectorEventLoop):
    """A loop that answers look-ups from a script, one entry each, and whose clock can be advanced."""

    def __init__(self, *script) -> None:
        super().__init__()
        self.script = list(script)
        self.asked = 0
        self.set_forward = 0.0

    def time(self) -> float:
        return super().time() + self.set_forward

    async def getaddrinfo(self, host, port, **_):
        self.asked += 1
        await asyncio.sleep(0)
        said = self.script.pop(0)
        if isinstance(said, Exception):
            raise said
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in said]


def run(loop, scenario):
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(scenario())


def test_addresses_are_kept_for_a_while_and_asked_for_again():
    loop = Names(["8.8.8.8"], ["8.8.4.4"])

    async def scenario():
        book = AddressBook(allow_private=False)
        found = [(await book.find("a.example", 443))[0][4] for _ in range(3)]
        loop.set_forward = ADDRESSES_KEPT_SECONDS
        found.append((await book.find("a.example", 443))[0][4])
        return found

    assert run(loop, scenario) == [("8.8.8.8", 443)] * 3 + [("8.8.4.4", 443)]


def test_all_who_ask_at_once_share_one_look_up_and_one_giving_up_takes_it_from_nobody():
    loop = Names(["8.8.8.8"])

    async def scenario():
        book = AddressBook(allow_private=False)
        asking = [asyncio.create_task(book.find("a.example", 443)) for _ in range(3)]
        await asyncio.sleep(0)
        asking[0].cancel()
        return await asyncio.gather(*asking, return_exceptions=True)

    first, *others = run(loop, scenario)
    assert isinstance(first, asyncio.CancelledError)
    assert [found[0][4] for found in others] == [("8.8.8.8", 443)] * 2
    assert loop.asked == 1


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "later"), socket.gaierror),
        (["127.0.0.1"], AddressRefusedError),
        (["8.8.8.8", "10.0.0.1"], AddressRefusedError),
        ([], AddressRefusedError),
    ],
)
def test_a_failure_is_not_remembered(said, error):
    loop = Names(said, ["8.8.8.8"])

    async def scenario():
        book = AddressBook(allow_private=False)
        with pytest.raises(error):
            await book.find("a.example", 443)
        await asyncio.sleep(0)
        return await book.find("a.example", 443)

    assert run(loop, scenario)[0][4] == ("8.8.8.8", 443)


def test_closing_the_book_ends_what_is_asked():
    loop = Names(["8.8.8.8"])

    async def scenario():
        book = AddressBook(allow_private=False)
        asking = asyncio.create_task(book.find("a.example", 443))
        await asyncio.sleep(0)
        book.close()
        return await asyncio.gather(asking, return_exceptions=True)

    [ended] = run(loop, scenario)
    assert isinstance(ended, asyncio.CancelledError)


async def test_a_literal_is_checked_as_well():
    with pytest.raises(AddressRefusedError):
        await look_up("127.0.0.1", 443, allow_private=False)
    assert (await look_up("127.0.0.1", 443, allow_private=True))[0][4] == ("127.0.0.1", 443)
