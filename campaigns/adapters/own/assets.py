"""What browsers load: the SDK's files, unchanged until their validator changes (RFC 9110 section 13.1.2)."""

from collections.abc import Mapping

from campaigns.adapters.messages import HttpAnswer, HttpRequest
from campaigns.adapters.routes import Call
from campaigns.model.problems import NotFoundError
from campaigns.sdk.files import HEADERS, SdkFile, sdk_file


async def get_sdk_file(call: Call[object, None]) -> HttpAnswer:
    """Answer with a file of the SDK, compressed where the browser takes that."""
    file = sdk_file(call.parameters["file"])
    if file is None:
        raise NotFoundError("file")
    return file_answer(call.request, file, HEADERS)


def file_answer(request: HttpRequest, file: SdkFile, headers: Mapping[str, str]) -> HttpAnswer:
    """Answer with a file, or say that the browser's copy is still right.

    Args:
        request: Says what the browser takes, and has.
        file: What it asks for.
        headers: Besides those that are about the file.
    """
    gzipped = accepts_gzip(request)
    etag = file.gzipped_etag if gzipped else file.etag
    described = {**headers, "ETag": etag}
    if is_known(request, etag):
        return HttpAnswer(304, headers=described)
    return _whole(file, gzipped=gzipped, headers=described)


def _whole(file: SdkFile, *, gzipped: bool, headers: dict[str, str]) -> HttpAnswer:
    if gzipped:
        return HttpAnswer(200, file.gzipped, file.media_type, {**headers, "Content-Encoding": "gzip"})
    return HttpAnswer(200, file.body, file.media_type, headers)


def accepts_gzip(request: HttpRequest) -> bool:
    """Whether a client takes gzip (RFC 9110 section 12.5.3); one that refuses it says `q=0`."""
    for each in request.headers.get("accept-encoding", "").split(","):
        coding, _, weight = each.partition(";")
        if coding.strip().lower() in {"gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def is_known(request: HttpRequest, etag: str) -> bool:
    """Whether the client has what has this validator."""
    known = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return etag in known or known == ["*"]
