from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.campaigns.sdk import world
from tests.harness.browsers.chromium import Chromium, Page
from tests.harness.browsers.desktop import Desktop
from tests.harness.requirements import require

PUSH_MANAGER = (Path(__file__).parent / "push_manager.js").read_text()


@pytest.fixture
def push_manager() -> str:
    """A script to run before those of a page."""
    return PUSH_MANAGER


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desktop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desktop]:
    async with Desktop(tmp_path_factory.mktemp("desktop")) as desktop:
        yield desktop


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(desktop: Desktop, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chromium]:
    """One for all tests of a module: each test's shop has an origin, and so a memory, of its own."""
    require("chromium")
    async with Chromium(tmp_path_factory.mktemp("chromium"), desktop.address) as chromium:
        yield chromium


@pytest_asyncio.fixture(loop_scope="module")
async def shop() -> AsyncIterator[world.Shop]:
    async with world.opened() as shop:
        yield shop


@pytest_asyncio.fixture(loop_scope="module")
async def visit(chromium: Chromium, shop: world.Shop) -> AsyncIterator[Callable[..., Awaitable[Page]]]:
    """Visits the shop in a tab of its own, by default where notifications are allowed."""
    pages: list[Page] = []

    async def visit(path: str = "/", *, permission: str = "granted", before: str = "", **how: Any) -> Page:
        await chromium.allow_notifications(shop.url, permission)
        page = await chromium.open(shop.url + path, before=PUSH_MANAGER + before, **how)
        pages.append(page)
        return page

    yield visit
    for page in pages:
        await page.close()
