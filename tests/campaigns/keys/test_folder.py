"""The workers' folder: what is written, what is left alone, and that a worker reads it."""

import pytest

from campaigns.keys.folder import KeyFolder, Put
from crypto.vapid import generate_vapid_key, load_vapid_key
from worker.edges.keyring import Keyring

KEY = generate_vapid_key()


@pytest.fixture
def folder(tmp_path):
    """A folder that has been made."""
    made = KeyFolder(tmp_path / "deep/keys")
    made.prepare()
    return made


def put(folder, key=KEY):
    return folder.put("shop", key.public, key.to_pem())


def test_a_key_is_written_once_for_its_owner_alone(folder, tmp_path):
    assert [put(folder), put(folder)] == [Put.WRITTEN, Put.PRESENT]
    path = tmp_path / "deep/keys/shop.pem"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert [each.name for each in path.parent.iterdir()] == ["shop.pem"]
    assert Keyring(path.parent, lambda: 0.0).get("shop").public == KEY.public


def test_another_key_of_that_name_is_left_alone(folder, tmp_path):
    put(folder)
    assert put(folder, generate_vapid_key()) is Put.OTHER
    assert load_vapid_key((tmp_path / "deep/keys/shop.pem").read_bytes()).public == KEY.public


@pytest.mark.parametrize("left", [b"", b"-----BEGIN"])
def test_what_is_no_key_is_replaced(folder, tmp_path, left):
    path = tmp_path / "deep/keys/shop.pem"
    path.write_bytes(left)
    assert put(folder) is Put.WRITTEN
    assert load_vapid_key(path.read_bytes()).public == KEY.public


def test_what_is_missing_is_named(folder):
    put(folder)
    assert folder.lacks({"shop": KEY.public, "other": KEY.public}) == ["other"]
