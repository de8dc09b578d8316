"""The kept inputs: a folder for each target, with inputs to start from and all past findings."""

from pathlib import Path

CORPUS = Path(__file__).with_name("corpus")


def kept(target: str) -> list[Path]:
    """Return the files that a target is always fed."""
    return sorted(path for path in (CORPUS / target).iterdir() if path.is_file())
