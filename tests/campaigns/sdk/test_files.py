import gzip
import hashlib
import shutil
import subprocess
from importlib.resources import files

import pytest

from campaigns.sdk.files import MEDIA_TYPES, TRIAL_MEDIA_TYPES, sdk_file, trial_file
from tests.harness.requirements import require

FOLDER = files("campaigns.sdk")
ALL = [(sdk_file, FOLDER, name) for name in MEDIA_TYPES]
ALL += [(trial_file, FOLDER / "trial", name) for name in TRIAL_MEDIA_TYPES]
SCRIPTS = [(read, name) for read, _, name in ALL if name.endswith(".js")]


@pytest.mark.parametrize(("folder", "names"), [(FOLDER, MEDIA_TYPES), (FOLDER / "trial", TRIAL_MEDIA_TYPES)])
def test_every_file_beside_the_code_is_served(folder, names):
    beside = {each.name for each in folder.iterdir() if each.is_file()}
    assert {name for name in beside if not name.endswith((".py", ".pyc"))} == names.keys()


@pytest.mark.parametrize("name", ["", "site", "files.py", "../config.py", "__init__.py", "trial/page.html"])
def test_nothing_else_is(name):
    assert sdk_file(name) is trial_file(name) is None


@pytest.mark.parametrize(("read", "folder", "name"), ALL)
def test_a_file_and_its_validators(read, folder, name):
    file = read(name)
    assert file.body == (folder / name).read_bytes()
    assert gzip.decompress(file.gzipped) == file.body
    assert file.etag == f'"{hashlib.sha256(file.body).hexdigest()[:32]}"'
    assert file.gzipped_etag != file.etag


@pytest.mark.parametrize(("name", "most"), [("site.js", 8_000), ("worker.js", 5_000)])
def test_what_every_visitor_loads_is_small(name, most):
    assert len(sdk_file(name).gzipped) < most


@pytest.mark.parametrize(("read", "folder", "name"), ALL)
def test_the_files_have_the_repositorys_form(read, folder, name):
    lines = read(name).body.decode().splitlines()
    assert [line for line in lines if len(line) > 110 or line != line.rstrip() or "\t" in line] == []


def kinds(read, name):
    """What a script is loaded as: the SDK's first two work as both."""
    if read is sdk_file:
        return ["script", "module"] if name in {"site.js", "worker.js"} else ["module"]
    return ["module" if name == "page.js" else "script"]


@pytest.mark.parametrize(
    ("read", "name", "kind"), [(read, name, kind) for read, name in SCRIPTS for kind in kinds(read, name)]
)
def test_the_scripts_are_valid_as_what_they_are_loaded_as(read, name, kind, tmp_path):
    require("node")
    copy = tmp_path / (name if kind == "script" else name.replace(".js", ".mjs"))
    copy.write_bytes(read(name).body)
    node = shutil.which("node")
    checked = subprocess.run([node, "--check", copy], capture_output=True, text=True, check=False, timeout=60)
    assert (checked.returncode, checked.stderr) == (0, "")
