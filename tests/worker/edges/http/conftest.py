"""Every transport, as one fixture: a test that takes it runs for all of them."""

from functools import partial

import pytest

from tests.harness.connect_proxy import in_a_thread
from worker.edges.http.transports import TRANSPORTS, AiohttpTransport
from worker.push.proxy import Proxy
from worker.simulator.certificates import Certificates
from worker.simulator.service import SimulatedPushService

PROXIED = "aiohttp-through-a-proxy"


@pytest.fixture(params=[*TRANSPORTS, PROXIED])
def transport(request):
    """A factory: it takes `timeout`, `tls` and `allow_private`, and is called inside a running loop."""
    if request.param == PROXIED:
        return partial(AiohttpTransport, proxy=Proxy(request.getfixturevalue("proxy").url))
    return TRANSPORTS[request.param]


@pytest.fixture(params=TRANSPORTS)
def direct(request):
    """Like `transport`, without the proxy: only transports that connect to push services themselves."""
    return TRANSPORTS[request.param]


@pytest.fixture(scope="module")
def proxy():
    with in_a_thread() as made:
        yield made


@pytest.fixture(scope="module")
def certificates():
    return Certificates()


@pytest.fixture
async def service(certificates):
    async with SimulatedPushService("mozilla", ssl_context=certificates.server_context(), pace=0.001) as made:
        yield made
