import json
import re
import stat

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from typer.testing import CliRunner

from crypto import base64url
from crypto.key_forms import read_vapid_key
from crypto.vapid import generate_vapid_key, load_vapid_key
from worker.commands import keys
from worker.commands.keys import app

P384 = "-----BEGIN EC PRIVATE KEY-----\nMIGkAgEBBDA0+H8yKWPs3TIo2vMPCcEY3JLuh4MvJvqZVRNPMk5hmgqUVpGKvHQr\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs a command in an empty folder, without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PUSHMILL_VAPID_DIR", raising=False)
    return lambda *args, **options: CliRunner().invoke(app, [str(arg) for arg in args], **options)


def refused(result, status):
    """Return the single line of a command that failed."""
    assert result.exit_code == status
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("pushmill: ")
    return line


def test_a_new_key_is_private_and_its_public_half_is_shown(run, tmp_path):
    result = run("generate", "site_a")
    path = tmp_path / "vapid/site_a.pem"
    key = load_vapid_key(path.read_bytes())
    assert result.exit_code == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert f"public key   {key.public_text}" in result.stdout
    assert f"fingerprint  {key.fingerprint}" in result.stdout
    assert f'applicationServerKey: "{key.public_text}"' in result.stdout
    assert f"PUSHMILL_VAPID_DIR={path.parent}" in result.stdout


@pytest.mark.parametrize("how", ["option", "environment"])
def test_the_folder_is_told(run, tmp_path, how):
    folder = tmp_path / "deep/keys"
    if how == "option":
        result = run("generate", "default", "--folder", folder, env={"PUSHMILL_VAPID_DIR": "elsewhere"})
    else:
        result = run("generate", "default", env={"PUSHMILL_VAPID_DIR": str(folder)})
    assert (result.exit_code, (folder / "default.pem").is_file()) == (0, True)
    assert "every site without a key of its own" in result.stdout


def test_a_key_is_never_replaced(run, tmp_path):
    run("generate", "site_a")
    before = (tmp_path / "vapid/site_a.pem").read_bytes()
    assert "vapid/site_a.pem already exists" in refused(run("generate", "site_a"), 1)
    assert (tmp_path / "vapid/site_a.pem").read_bytes() == before


def test_a_link_that_leads_nowhere_is_not_written_through(run, tmp_path):
    (tmp_path / "vapid").mkdir()
    (tmp_path / "vapid/site_a.pem").symlink_to(tmp_path / "elsewhere")
    assert "exists" in refused(run("generate", "site_a"), 1)
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_there_keeps_its_mode(run, tmp_path):
    (tmp_path / "vapid").mkdir(mode=0o755)
    (tmp_path / "vapid").chmod(0o755)
    assert run("generate", "site_a").exit_code == 0
    assert stat.S_IMODE((tmp_path / "vapid").stat().st_mode) == 0o755


@pytest.mark.parametrize(
    "name", ["", ".hidden", "../site_a", "a/b", "a b", "ключ", "a" * 129, "a\n", "a\x1b[1m"]
)
def test_names_that_the_contract_does_not_know(run, tmp_path, name):
    assert "is not a valid key name" in refused(run("generate", name), 2)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a", "_", "a..b", "a:b.c", "A" * 128, "0"])
def test_names_of_the_contract(run, tmp_path, name):
    assert run("generate", name).exit_code == 0
    assert (tmp_path / "vapid" / f"{name}.pem").is_file()


@pytest.mark.parametrize("folder", ["file", "file/below", "file.pem"])
def test_a_file_in_the_folders_place(run, tmp_path, folder):
    (tmp_path / folder.partition("/")[0]).write_text("")
    refused(run("generate", "a", "--folder", folder), 1)


@pytest.mark.parametrize("given", ["site_a", "vapid/site_a.pem", "./vapid/site_a.pem"])
def test_show_takes_a_name_or_a_file(run, tmp_path, given):
    key = generate_vapid_key()
    (tmp_path / "vapid").mkdir()
    (tmp_path / "vapid/site_a.pem").write_bytes(key.to_pem())
    result = run("show", given)
    assert result.stdout == f"public key   {key.public_text}\nfingerprint  {key.fingerprint}\n"
    assert result.exit_code == 0


def test_show_takes_a_file_whose_name_could_be_a_keys(run, tmp_path):
    key = generate_vapid_key()
    (tmp_path / "mine.pem").write_bytes(key.to_pem())
    assert key.public_text in run("show", "mine.pem").stdout


@pytest.mark.parametrize("given", ["site_a", "no/such/file.pem", "a" * 5000, "a b"])
def test_a_key_that_is_not_there(run, given):
    refused(run("show", given), 2)


def test_the_way_to_a_key_is_named(run):
    line = refused(run("show", "site_a"), 2)
    assert "vapid/site_a.pem" in line
    assert line.index("pushmill keys import") < line.index("pushmill keys generate")


@pytest.mark.parametrize("content", [b"", b"nonsense", P384.encode(), b"\xff" * 100_000])
def test_files_that_hold_no_key_of_use(run, tmp_path, content):
    (tmp_path / "site_a.pem").write_bytes(content)
    line = refused(run("show", "site_a.pem"), 2)
    assert "site_a.pem is not usable: " in line
    assert "MIGk" not in line


def test_another_curve_is_named(run, tmp_path):
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415 - for this test alone
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - for this test alone

    pem = ec.generate_private_key(ec.SECP384R1()).private_bytes(
        form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()
    )
    (tmp_path / "other.pem").write_bytes(pem)
    assert "must be P-256" in refused(run("show", "other.pem"), 2)


def test_a_folder_is_no_key(run, tmp_path):
    (tmp_path / "folder.pem").mkdir()
    assert "cannot be read" in refused(run("show", "./folder.pem"), 2)


# ── import ──────────────────────────────────────────────────────────────────────────────────────────────────

# Fixed, for its forms are in the names of tests.
KEY = read_vapid_key(base64url.encode((2**255 - 19).to_bytes(32)).encode())
OTHER = generate_vapid_key()
NUMBER = base64url.encode(KEY.signer.private_key.private_numbers().private_value.to_bytes(32))
WEB_PUSH = json.dumps({"publicKey": KEY.public_text, "privateKey": NUMBER})
ENCRYPTED = KEY.signer.private_key.private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame")
)


@pytest.fixture
def imported(run, tmp_path):
    """Return a function that writes a file and imports it as site_a."""

    def do(content, *options, **more):
        (tmp_path / "given").write_bytes(content if isinstance(content, bytes) else content.encode())
        return run("import", "site_a", "given", *options, **more)

    return do


@pytest.mark.parametrize("content", [NUMBER, WEB_PUSH, KEY.to_pem(), KEY.to_pem().replace(b"\n", b"\\n")])
def test_an_imported_key_is_written_as_workers_read_it(imported, tmp_path, content):
    result = imported(content, "--public", KEY.public_text)
    path = tmp_path / "vapid/site_a.pem"
    assert (result.exit_code, result.stderr) == (0, "")
    assert path.read_bytes() == KEY.to_pem()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert f"public key   {KEY.public_text}\nfingerprint  {KEY.fingerprint}\n" in result.stdout
    assert not leaks(result)


def leaks(result):
    """Whether a command printed a part of the private key."""
    pem = KEY.to_pem().decode().splitlines()[1]
    return any(
        text[at : at + 10] in result.output for text in (NUMBER, pem[10:]) for at in range(len(text) - 10)
    )


def test_import_from_standard_input(run, tmp_path):
    assert run("import", "site_a", "-", input=NUMBER).exit_code == 0
    assert (tmp_path / "vapid/site_a.pem").read_bytes() == KEY.to_pem()


def test_the_key_of_another_site_is_not_imported(imported, tmp_path):
    line = refused(imported(NUMBER, "--public", OTHER.public_text), 2)
    assert KEY.public_text in line
    assert OTHER.public_text in line
    assert not (tmp_path / "vapid").exists()


@pytest.mark.parametrize("public", ["", "AAAA", NUMBER])
def test_what_is_given_as_the_public_key_must_be_one(imported, public):
    result = imported(NUMBER, "--public", public)
    assert refused(result, 2).startswith("pushmill: --public is not a public key")
    assert not leaks(result)


def test_a_key_is_never_replaced_by_another(imported, tmp_path):
    imported(OTHER.to_pem())
    line = refused(imported(NUMBER), 1)
    assert OTHER.public_text in line
    assert KEY.public_text in line
    assert (tmp_path / "vapid/site_a.pem").read_bytes() == OTHER.to_pem()


def test_what_cannot_be_read_as_a_key_is_not_replaced(imported, tmp_path):
    (tmp_path / "vapid").mkdir()
    (tmp_path / "vapid/site_a.pem").write_bytes(ENCRYPTED)
    assert "was not replaced; it is encrypted" in refused(imported(NUMBER), 1)
    assert (tmp_path / "vapid/site_a.pem").read_bytes() == ENCRYPTED


def test_the_same_key_again_changes_nothing(imported, tmp_path):
    imported(NUMBER)
    path = tmp_path / "vapid/site_a.pem"
    before = path.stat()
    assert imported(WEB_PUSH).exit_code == 0
    assert path.stat() == before


@pytest.mark.parametrize("content", [WEB_PUSH, KEY.to_pem().replace(b"\n", b"\\n").decode()])
def test_a_key_that_lies_in_the_folder_in_another_form_is_imported_in_place(run, tmp_path, content):
    (tmp_path / "vapid").mkdir()
    path = tmp_path / "vapid/site_a.pem"
    path.write_text(content)
    (tmp_path / "vapid/site_a.new").write_text("of an attempt that was interrupted")
    assert run("import", "site_a", path).exit_code == 0
    assert path.read_bytes() == KEY.to_pem()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["site_a.pem"]


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_the_password_is_in_a_file(imported, tmp_path, ending):
    (tmp_path / "password").write_bytes(b"sesame" + ending.encode())
    assert imported(ENCRYPTED, "--password-file", "password").exit_code == 0
    assert (tmp_path / "vapid/site_a.pem").read_bytes() == KEY.to_pem()


def test_a_wrong_password(imported, tmp_path):
    (tmp_path / "password").write_text("hunter2")
    line = refused(imported(ENCRYPTED, "--password-file", "password"), 2)
    assert "the password is wrong" in line
    assert "hunter2" not in line
    assert "cannot be read" in refused(imported(ENCRYPTED, "--password-file", "missing"), 2)


def test_nobody_is_asked_for_a_password_where_nobody_can_answer(imported):
    assert "given is encrypted; its password is needed; give it with --password-file" in refused(
        imported(ENCRYPTED), 2
    )


@pytest.mark.parametrize(("answer", "status"), [("sesame", 0), ("hunter2", 2)])
def test_whoever_sits_at_a_terminal_is_asked(imported, monkeypatch, answer, status):
    monkeypatch.setattr(keys, "_can_ask", lambda: True)
    monkeypatch.setattr(keys.typer, "prompt", lambda *_, **how: answer if how["hide_input"] else None)
    result = imported(ENCRYPTED)
    assert result.exit_code == status
    assert answer not in result.output


NO_KEYS = {
    "empty": b"",
    "nonsense": b"nonsense",
    "public": KEY.public_text.encode(),
    "large": b"\xff" * 100_000,
}


@pytest.mark.parametrize("content", NO_KEYS, ids=range(len(NO_KEYS)))
def test_what_is_not_a_private_key_is_not_imported(imported, tmp_path, content):
    assert refused(imported(content), 2).startswith("pushmill: given ")
    assert not (tmp_path / "vapid").exists()


def test_files_that_cannot_be_imported(run, tmp_path):
    assert "missing cannot be read" in refused(run("import", "site_a", "missing"), 2)
    assert "is not a valid key name" in refused(run("import", "../a", "missing"), 2)
    (tmp_path / "vapid").write_text("")
    (tmp_path / "given").write_text(NUMBER)
    refused(run("import", "site_a", "given"), 1)


def test_no_message_shows_a_regular_expression_or_advises_to_make_a_key_where_one_exists(run, tmp_path):
    (tmp_path / "vapid").mkdir()
    (tmp_path / "vapid/site_a.pem").write_text(WEB_PUSH)
    for args in (
        ("show", "site_a"),
        ("generate", "site_a"),
        ("generate", ".a"),
        ("import", "site_a", "gone"),
    ):
        said = run(*args).stderr
        assert "[A-Z" not in said
        assert not re.search("openssl|genkey|create one|make one", said)
    assert "pushmill keys import" in run("show", "site_a").stderr


@pytest.mark.parametrize(
    "args", [["--help"], ["generate", "--help"], ["show", "--help"], ["import", "--help"]]
)
def test_help(run, args):
    assert run(*args).exit_code == 0


def test_nothing_asked_is_wrong_usage(run):
    assert run("generate").exit_code == 2
