import pytest

from campaigns.model.picture import BYTES_MAX, read_picture
from campaigns.model.problems import InvalidError

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize(
    ("start", "media_type"),
    [(PNG, "image/png"), (b"\xff\xd8\xff\xe0", "image/jpeg"), (b"GIF89a", "image/gif")],
)
def test_a_picture_is_what_its_first_bytes_say(start, media_type):
    assert read_picture(start + b"...", "icon") == (media_type, start + b"...")


@pytest.mark.parametrize(
    "body", [b"", b"\x89PN", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"<html>", b"RIFF....WEBP"]
)
def test_nothing_else_is_a_picture(body):
    with pytest.raises(InvalidError) as raised:
        read_picture(body, "icon")
    assert raised.value.problems[0].field == "icon"


def test_a_picture_may_be_as_large_as_the_limit():
    assert read_picture(PNG.ljust(BYTES_MAX, b"."), "icon")
    with pytest.raises(InvalidError):
        read_picture(PNG.ljust(BYTES_MAX + 1, b"."), "icon")
