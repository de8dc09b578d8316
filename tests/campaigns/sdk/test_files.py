import gzip
import hashlib
import shutil
import subprocess
from importlib.resources import files

import pytest

from campaigns.sdk.files import MEDIA_TYPES, sdk_file
from tests.harness.requirements import require


def test_every_file_beside_the_code_is_served():
    beside = {each.name for each in files("campaigns.sdk").iterdir() if each.is_file()}
    assert {name for name in beside if not name.endswith(".py")} == MEDIA_TYPES.keys()


@pytest.mark.parametrize("name", ["", "site", "files.py", "../config.py", "__init__.py"])
def test_nothing_else_is(name):
    assert sdk_file(name) is None


@pytest.mark.parametrize("name", MEDIA_TYPES)
def test_a_file_and_its_validators(name):
    file = sdk_file(name)
    assert file.body == (files("campaigns.sdk") / name).read_bytes()
    assert gzip.decompress(file.gzipped) == file.body
    assert file.etag == f'"{hashlib.sha256(file.body).hexdigest()[:32]}"'
    assert file.gzipped_etag != file.etag


@pytest.mark.parametrize(("name", "most"), [("site.js", 8_000), ("worker.js", 5_000)])
def test_what_every_visitor_loads_is_small(name, most):
    assert len(sdk_file(name).gzipped) < most


@pytest.mark.parametrize("name", [name for name in MEDIA_TYPES if name.endswith(".js")])
def test_the_scripts_have_the_repositorys_form(name):
    lines = sdk_file(name).body.decode().splitlines()
    assert [line for line in lines if len(line) > 110 or line != line.rstrip() or "\t" in line] == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *[("site.js", kind) for kind in ("script", "module")],
        *[("worker.js", kind) for kind in ("script", "module")],
        *[("prompt.js", "module"), ("diagnosis.js", "module")],
    ],
)
def test_the_scripts_are_valid_as_what_they_are_loaded_as(name, kind, tmp_path):
    require("node")
    copy = tmp_path / (name if kind == "script" else name.replace(".js", ".mjs"))
    copy.write_bytes(sdk_file(name).body)
    node = shutil.which("node")
    checked = subprocess.run([node, "--check", copy], capture_output=True, text=True, check=False, timeout=60)
    assert (checked.returncode, checked.stderr) == (0, "")
