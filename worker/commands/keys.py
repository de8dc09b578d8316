"""`pushmill keys`: makes the sites' VAPID keys, and shows their public keys, never the private ones."""

import os
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from crypto.errors import VapidKeyError
from crypto.vapid import VapidKey, generate_vapid_key, load_vapid_key
from worker.commands import FAILED, MISUSED, end
from worker.edges.keyring import DEFAULT
from worker.records.values import Id

FOLDER = Path("vapid")
"""Default folder of the keys, if neither --folder nor PUSHMILL_VAPID_DIR is set."""

FOLDER_VARIABLE = "PUSHMILL_VAPID_DIR"

_FILE_MAX_BYTES = 65_536
_SUFFIX = ".pem"

Folder = Annotated[Path, typer.Option(envvar=FOLDER_VARIABLE, help="Folder of the keys.")]
app = typer.Typer(help="The sites' VAPID keys: one file each in a folder.", no_args_is_help=True)


@app.command()
def generate(
    name: Annotated[str, typer.Argument(help="A site's id, a vapid_key of your jobs, or default.")],
    folder: Folder = FOLDER,
) -> None:
    """Make a new key as NAME.pem; never replaces one, since subscriptions are bound to theirs."""
    if not _is_name(name):
        end(
            f"{name!r} is not a valid key name: use 1 to 128 of A-Z a-z 0-9 . _ : -, "
            "not starting with . or :",
            MISUSED,
        )
    key = generate_vapid_key()
    path = folder / f"{name}{_SUFFIX}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_new(path, key.to_pem())
    except FileExistsError as error:
        end(_in_the_way(Path(error.filename or path), folder), FAILED)
    except OSError as error:
        end(f"cannot write {path}: {error.strerror or error}", FAILED)
    typer.echo("\n".join((*_public(key), *_advice(name, path, key))))


@app.command()
def show(
    name_or_file: Annotated[str, typer.Argument(help="Name of a key in the folder, or a file.")],
    folder: Folder = FOLDER,
) -> None:
    """Show a key's public half and fingerprint."""
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
            return load_vapid_key(file.read(_FILE_MAX_BYTES))
    except FileNotFoundError:
        end(f"there is no key at {path}; create one with `pushmill keys generate NAME`", MISUSED)
    except OSError as error:
        end(f"{path} cannot be read: {error.strerror or error}", MISUSED)
    except VapidKeyError as error:
        end(f"{path} is not usable: {error}", MISUSED)


def _is_name(text: str) -> bool:
    try:
        msgspec.convert(text, Id)
    except msgspec.ValidationError:
        return False
    return True


def _write_new(path: Path, pem: bytes) -> None:
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


def _advice(name: str, path: Path, key: VapidKey) -> tuple[str, ...]:
    whose = "every site without a key of its own" if name == DEFAULT else f"site or vapid_key {name}"
    return (
        f"private key  {path}, for {whose}: keep it secret, and back it up: it cannot be replaced",
        "Web pages subscribe with the public key:",
        f'  pushManager.subscribe({{userVisibleOnly: true, applicationServerKey: "{key.public_text}"}})',
        "Workers find the private key in its folder:",
        f"  export {FOLDER_VARIABLE}={path.parent.resolve()}",
    )
