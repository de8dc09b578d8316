"""`pushmill keys`: makes, imports and shows the sites' VAPID keys; never prints a private one.

Decides what is written to the folder: a key that is there is never replaced by another one.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from crypto.errors import VapidKeyError, VapidPasswordError
from crypto.key_forms import MAX_BYTES, parse_public_key, read_vapid_key
from crypto.vapid import VapidKey, generate_vapid_key, load_vapid_key
from worker.commands import FAILED, MISUSED, end
from worker.edges.keyring import DEFAULT
from worker.records.values import Id

FOLDER = Path("vapid")
"""Default folder of the keys, if neither --folder nor PUSHMILL_VAPID_DIR is set."""

FOLDER_VARIABLE = "PUSHMILL_VAPID_DIR"

_SUFFIX = ".pem"
_WAYS_TO_A_KEY = (
    "if the site has subscribers, bring its key over with `pushmill keys import NAME FILE`; "
    "else make its first one with `pushmill keys generate NAME`"
)

Name = Annotated[str, typer.Argument(help="A site's id, a vapid_key of your jobs, or `default`.")]
Folder = Annotated[Path, typer.Option(envvar=FOLDER_VARIABLE, help="Folder that holds the keys.")]
app = typer.Typer(
    help="Make, import and show the sites' VAPID keys: one file each in a folder.", no_args_is_help=True
)


@app.command()
def generate(
    name: Name,
    folder: Folder = FOLDER,
) -> None:
    """Make the first key of a site as NAME.pem. A site that has subscribers keeps its key: import that one.

    Never replaces a key, since every subscription is bound to the key that it was made with.
    """
    path = _path(name, folder)
    key = generate_vapid_key()
    _write_new(path, key)
    typer.echo("\n".join((*_public(key), *_advice(name, path, key))))


@app.command("import")
def import_key(
    name: Name,
    file: Annotated[str, typer.Argument(help="File with the private key; - is standard input.")],
    *,
    public: Annotated[
        str | None,
        typer.Option(help="The public key that your pages subscribe with: import only if it matches."),
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="File with the password of an encrypted key; else it is asked for.")
    ] = None,
    folder: Folder = FOLDER,
) -> None:
    """Take over the private key that a site already uses, in whatever form another program keeps it.

    Reads PEM and DER (SEC 1 or PKCS 8, encrypted or not), the JSON of web-push, JWK, and the bare number in
    base64url. Writes NAME.pem, which is not encrypted: workers need it as it is. Never replaces another key.
    """
    path = _path(name, folder)
    key = _read_any(file, _parsed_public(public), password_file)
    if path.is_file():
        _compare(path, key)
    else:
        _write_new(path, key)
    typer.echo("\n".join((*_public(key), *_advice(name, path, key, imported=True))))


@app.command()
def show(
    name_or_file: Annotated[str, typer.Argument(help="Name of a key in the folder, or a file.")],
    folder: Folder = FOLDER,
) -> None:
    """Show a key's public half, which your pages subscribe with, and its fingerprint, which logs show."""
    typer.echo("\n".join(_public(read_key(name_or_file, folder))))


def read_key(name_or_file: str, folder: Path) -> VapidKey:
    """Read the key of that name in the folder or, if there is none, the file of that name.

    Raises:
        typer.Exit: There is none, or it is not usable; the reason has been printed.
    """
    path = folder / f"{name_or_file}{_SUFFIX}"
    try:
        if not _is_name(name_or_file) or (not path.is_file() and Path(name_or_file).is_file()):
            path = Path(name_or_file)
        with path.open("rb") as file:
            return load_vapid_key(file.read(MAX_BYTES))
    except FileNotFoundError:
        end(f"there is no key at {path}; {_WAYS_TO_A_KEY}", MISUSED)
    except OSError as error:
        end(f"{path} cannot be read: {error.strerror or error}", MISUSED)
    except VapidKeyError as error:
        end(f"{path} is not usable: {error}", MISUSED)


def _path(name: str, folder: Path) -> Path:
    if not _is_name(name):
        end(
            f"{name!r} is not a valid key name: use letters, digits, . _ : -; at most 128, "
            "the first of them not . or :",
            MISUSED,
        )
    return folder / f"{name}{_SUFFIX}"


def _is_name(text: str) -> bool:
    try:
        msgspec.convert(text, Id)
    except msgspec.ValidationError:
        return False
    return True


def _read_any(file: str, public: bytes | None, password_file: Path | None) -> VapidKey:
    data = _read_bytes(file)
    password = None if password_file is None else _read_bytes(str(password_file)).rstrip(b"\r\n")
    try:
        return read_vapid_key(data, public=public, password=password)
    except VapidPasswordError as error:
        if password is not None or file == "-" or not _can_ask():
            end(f"{file} {error}; give it with --password-file", MISUSED)
    except VapidKeyError as error:
        end(f"{file} {error}", MISUSED)
    try:
        asked: str = typer.prompt(f"Password of {file}", hide_input=True, err=True)
    except typer.Abort:  # Ctrl-C, or the end of the input
        raise KeyboardInterrupt from None
    try:
        return read_vapid_key(data, public=public, password=asked.encode())
    except VapidKeyError as error:
        end(f"{file} {error}", MISUSED)


def _can_ask() -> bool:
    return sys.stdin.isatty()


def _read_bytes(file: str) -> bytes:
    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).open("rb") as opened:
            return opened.read(MAX_BYTES + 1)
    except OSError as error:
        end(f"{file} cannot be read: {error.strerror or error}", MISUSED)


def _parsed_public(text: str | None) -> bytes | None:
    try:
        return None if text is None else parse_public_key(text)
    except VapidKeyError as error:
        end(f"--public {error}", MISUSED)


def _compare(path: Path, key: VapidKey) -> None:
    """Accept a file that holds the same key, and write it as PEM if it is in another form.

    Raises:
        typer.Exit: It holds another key, or none that can be read; the reason has been printed.
    """
    data = _read_bytes(str(path))
    try:
        found = read_vapid_key(data)
    except VapidKeyError as error:
        end(f"{path} already exists and was not replaced; it {error}. Move it away first", FAILED)
    if found.public != key.public:
        end(
            f"{path} already exists and was not replaced: it is the key {found.public_text}, and the one to "
            f"import is {key.public_text}. Subscriptions made with either need that one: use another NAME",
            FAILED,
        )
    with suppress(VapidKeyError):
        load_vapid_key(data)
        return
    _replace_form(path, key)


def _write_new(path: Path, key: VapidKey) -> None:
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create(path, key.to_pem())
    except FileExistsError as error:
        end(_in_the_way(Path(error.filename or path), folder), FAILED)
    except OSError as error:
        end(f"cannot write {path}: {error.strerror or error}", FAILED)


def _replace_form(path: Path, key: VapidKey) -> None:
    fresh = path.with_suffix(".new")
    try:
        fresh.unlink(missing_ok=True)  # of an attempt that was interrupted
        _create(fresh, key.to_pem())
        fresh.rename(path)
    except OSError as error:
        end(f"cannot write {path}: {error.strerror or error}", FAILED)


def _create(path: Path, pem: bytes) -> None:
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            file.write(pem)
    except OSError:
        path.unlink()  # a truncated file would prevent the next attempt
        raise


def _in_the_way(found: Path, folder: Path) -> str:
    if found.suffix == _SUFFIX and found.parent == folder:
        return f"{found} already exists and was not replaced: subscriptions made with it would be lost"
    return f"cannot create {folder}: {found} is not a folder"


def _public(key: VapidKey) -> tuple[str, ...]:
    return (f"public key   {key.public_text}", f"fingerprint  {key.fingerprint}")


def _advice(name: str, path: Path, key: VapidKey, *, imported: bool = False) -> tuple[str, ...]:
    whose = "every site without a key of its own" if name == DEFAULT else f"site or vapid_key {name}"
    pages = (
        "Your pages must subscribe with this public key already" if imported else "Your pages subscribe with"
    )
    return (
        f"private key  {path}, for {whose}: keep it secret, and back it up: it cannot be replaced",
        f"{pages}:",
        f'  pushManager.subscribe({{userVisibleOnly: true, applicationServerKey: "{key.public_text}"}})',
        "Workers find the private key in its folder:",
        f"  export {FOLDER_VARIABLE}={path.parent.resolve()}",
    )
