import stat

import pytest
from typer.testing import CliRunner

from crypto.vapid import generate_vapid_key, load_vapid_key
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
    assert "pushmill keys generate" in line


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


@pytest.mark.parametrize("args", [["--help"], ["generate", "--help"], ["show", "--help"]])
def test_help(run, args):
    assert run(*args).exit_code == 0


def test_nothing_asked_is_wrong_usage(run):
    assert run("generate").exit_code == 2
