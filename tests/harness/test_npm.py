import base64
import hashlib
import io
import tarfile

import pytest

from tests.harness.npm import NpmError, Package


def packed() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        member = tarfile.TarInfo("package/lib/index.js")
        member.size = 5
        archive.addfile(member, io.BytesIO(b"let a"))
    return made.getvalue()


PACKED = packed()
RIGHT = Package("thing", "1.2.3", base64.b64encode(hashlib.sha512(PACKED).digest()).decode())


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Puts a program named npm on PATH, and nothing else but a shell's own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "packed").write_bytes(PACKED)
    monkeypatch.setenv("PATH", str(folder))

    def put(script):
        program = folder / "npm"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return put


@pytest.fixture
def fetches(npm, tmp_path):
    """An npm that notes its arguments and has the package."""
    destination = 'for each; do case $each in --pack-destination=*) to="${each#*=}";; esac; done'
    npm(
        f'echo "$1 $2" >> {tmp_path}/asked\n{destination}\n/bin/cat {tmp_path}/packed > "$to/thing-1.2.3.tgz"'
    )
    return tmp_path / "asked"


def test_a_package_is_fetched_once(fetches, tmp_path):
    for _ in range(2):
        assert RIGHT.files(tmp_path / "npm") == {"lib/index.js": b"let a"}
    assert fetches.read_text() == "pack thing@1.2.3\n"
    assert [each.name for each in (tmp_path / "npm").iterdir()] == ["thing-1.2.3.tgz"]


def test_what_is_not_the_package_that_was_meant_is_refused_and_not_kept(fetches, tmp_path):
    with pytest.raises(ValueError, match=r"^thing 1\.2\.3 has the SHA-512 .+, not AAAA$"):
        Package("thing", "1.2.3", "AAAA").files(tmp_path / "npm")
    assert [*(tmp_path / "npm").iterdir()] == []


def test_npm_has_the_last_word_where_it_fails(npm, tmp_path):
    npm("echo no such registry >&2; exit 1")
    with pytest.raises(NpmError, match=r"^`npm pack thing@1\.2\.3` failed:\nno such registry$"):
        RIGHT.files(tmp_path / "npm")
    assert [*(tmp_path / "npm").iterdir()] == []


@pytest.mark.usefixtures("npm")
def test_without_npm_the_way_out_is_named(tmp_path):
    with pytest.raises(NpmError, match="apt-get install npm"):
        RIGHT.files(tmp_path / "npm")
