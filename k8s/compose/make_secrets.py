# noqa: INP001 - a script, not a module of a package
"""The campaign service's secrets for compose.yaml: made at the first start, and kept in a volume.

Without `secret` the private keys in the database cannot be opened: back it up apart from the database.
"""

import os
import secrets
import sys
from pathlib import Path

FOLDER = Path("/etc/pushmill/campaigns")
READABLE = 0o444
"""PostgreSQL reads its password as another user; nobody else mounts the volume."""


def make(folder: Path) -> None:
    """Write what is missing; what is there stays."""
    password = _kept(folder / "database-password", secrets.token_hex(24))
    _kept(folder / "database-url", f"postgresql://pushmill:{password}@postgresql:5432/pushmill")
    _kept(folder / "secret", secrets.token_urlsafe(32))


def _kept(file: Path, value: str) -> str:
    if not file.exists():
        fresh = file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, READABLE), "w") as opened:
            opened.write(value)
        fresh.rename(file)
    return file.read_text()


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
