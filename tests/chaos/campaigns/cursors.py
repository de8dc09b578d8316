"""Where launchers of a run keep their cursor: a file that they share, and that a kill leaves whole."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from campaigns.launch.markers import FoundMarker
from campaigns.model.marker import LaunchMarker, decode_launch_marker
from worker.records.values import RecordError

NOTHING = LaunchMarker(launch_id="launch_1_abcdefgh", cursor=-1, job=0, written=0)
LAUNCH = NOTHING.launch_id

_TABLE = """
CREATE TABLE IF NOT EXISTS cursor (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    marker BLOB NOT NULL,
    cursor INTEGER NOT NULL,
    at INTEGER NOT NULL
)
"""
_KEEP = """
INSERT INTO cursor VALUES (1, ?, ?, ?)
ON CONFLICT (only) DO UPDATE SET marker = excluded.marker, cursor = excluded.cursor, at = excluded.at
WHERE excluded.cursor > cursor.cursor
"""


class FileCursors:
    """The cursor of one launch; of two that are kept, the one that is further on stays."""

    def __init__(self, file: Path) -> None:
        self._file = file
        with closing(self._open()) as database, database:
            database.execute(_TABLE)

    async def begin(self) -> int:
        found = self._read("at")
        return found if isinstance(found, int) else 0

    def is_marker(self, found: FoundMarker) -> bool:
        try:
            return found.key == decode_launch_marker(found.value).launch_id == LAUNCH
        except RecordError:
            return False

    async def keep(self, markers: Sequence[FoundMarker]) -> None:
        for found in markers:
            if self.is_marker(found):
                cursor = decode_launch_marker(found.value).cursor
                with closing(self._open()) as database, database:
                    database.execute(_KEEP, (found.value, cursor, found.offset))

    def newest(self) -> LaunchMarker:
        found = self._read("marker")
        return decode_launch_marker(found) if isinstance(found, bytes) else NOTHING

    def _read(self, column: str) -> object:
        with closing(self._open()) as database:
            found = database.execute(f"SELECT {column} FROM cursor").fetchone()
        return found[0] if found else None

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=60)
