"""The routes of the page /try, which the API serves for `pushmill try` alone."""

from collections.abc import Sequence
from functools import partial
from urllib.parse import urlsplit

from msgspec import Struct

from campaigns.adapters.messages import HttpAnswer
from campaigns.adapters.own.adapter import OWN
from campaigns.adapters.own.assets import file_answer
from campaigns.adapters.routes import Call, Handler, Route
from campaigns.model.problems import NotFoundError
from campaigns.sdk.files import TRIAL_HEADERS, TRIAL_MEDIA_TYPES, trial_file

PAGE = "page.html"


class Configuration(Struct, frozen=True, kw_only=True):
    """What the page asks for first.

    Attributes:
        site: The site's id.
        vapid_public_key: What browsers subscribe with.
        key: A credential that may read and send.
        url: What a notification opens, until somebody writes something else.
    """

    site: str
    vapid_public_key: str
    key: str
    url: str

    def __repr__(self) -> str:
        return f"Configuration({self.site!r})"


def trial_routes(configuration: Configuration, public_url: str) -> Sequence[Route]:
    """Return the routes.

    Args:
        configuration: What the page is told.
        public_url: Where it is reached: under another name it is not told, so that no other page can ask.
    """
    files = [_route(f"/try/{name}", partial(_file, name)) for name in TRIAL_MEDIA_TYPES]
    tell = partial(_configuration, configuration, urlsplit(public_url).netloc)
    return (_route("/try", partial(_file, PAGE)), *files, _route("/try/configuration", tell, Configuration))


def _route(path: str, handle: Handler, answer: type[Configuration] | None = None) -> Route:
    return Route(
        adapter=OWN,
        name=f"get {path}",
        method="GET",
        path=path,
        handle=handle,
        summary="Try the service in one's own browser.",
        answer=answer,
        limit="open",
    )


async def _file(name: str, call: Call[object, None]) -> HttpAnswer:
    file = trial_file(name)
    if file is None:
        raise NotFoundError("file")
    return file_answer(call.request, file, TRIAL_HEADERS)


async def _configuration(configuration: Configuration, host: str, call: Call[object, None]) -> Configuration:
    # Another site's name may be made to lead here (DNS rebinding): its pages must not learn the key.
    if call.request.headers.get("host") != host:
        raise NotFoundError("page")
    return configuration
