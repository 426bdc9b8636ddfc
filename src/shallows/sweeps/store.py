"""The store of a sweep: an SQLite database in a folder.

Every commit is on disk before it returns (write-ahead log, ``synchronous=FULL``), so that a result is durable
the moment it is reported and a killed driver leaves a store that opens. Results are named by content, one table
for each quantity, their numbers as 64-bit floats that come back to the last bit, but for the sign of a zero.
Drivers at work on the same store claim points, so that none is computed twice; a claim dies with its driver.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._display import Displayed
from ..errors import InvalidArgument, StoreError
from .driver_processes import birth_of, drivers_here, lives
from .quantities import Quantity, Record

if TYPE_CHECKING:
    from .spec import Sweep

FILE = "results.sqlite"
#: Marks the file as ours (SQLite's ``application_id``).
APPLICATION = 0x5348414C
#: Layout of the tables (SQLite's ``user_version``).
LAYOUT = 1
#: SQLite takes this many parameters in one statement, on any version in use.
_CHUNK = 500

_TABLES = """
CREATE TABLE sweeps (name TEXT PRIMARY KEY, description TEXT NOT NULL, last_run TEXT NOT NULL);
CREATE TABLE quantities (name TEXT PRIMARY KEY);
CREATE TABLE failures (key BLOB PRIMARY KEY, quantity TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL,
                       attempts INTEGER NOT NULL, point TEXT NOT NULL, recorded TEXT NOT NULL);
CREATE TABLE drivers (name TEXT PRIMARY KEY, host TEXT NOT NULL, pid INTEGER NOT NULL, birth TEXT NOT NULL,
                      seen REAL NOT NULL);
CREATE TABLE claims (key BLOB PRIMARY KEY, driver TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, repr=False)
class Failure(Displayed):
    """A point that could not be computed.

    Attributes
    ----------
    key : bytes
        Name of the point.
    quantity, reason, detail, point : str
        What was computed, why it failed (in short, and in full), and where.
    attempts : int
        How often it was tried.

    Examples
    --------
    >>> from shallows.sweeps import PointRequest, run_points
    >>> settings = {"network": "diagonal", "dim": 50, "gamma": 1.0, "noise": 0.5, "samples": 50, "weight_decay": 0.0}
    >>> (failure,) = run_points([PointRequest(settings)], throw=False)  # at interpolation, without weight decay
    >>> failure.reason
    'SolveFailed: DIVERGENT'
    """

    key: bytes
    quantity: str
    reason: str
    detail: str
    attempts: int
    point: str


@dataclass(frozen=True)
class Success:
    """A finished point: its name, its record, and the seconds it took."""

    key: bytes
    quantity: str
    record: Record
    seconds: float


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Store:
    """Results of sweeps, in a folder or (without one) in memory.

    Parameters
    ----------
    folder : str or Path, optional
        Where; made if it does not exist.
    create : bool
        Whether a store may be made there.
    read_only : bool
        Whether nothing will be written.

    Raises
    ------
    InvalidArgument
        If the folder holds something else, no store, or one of another layout.
    StoreError
        If the database cannot be opened.

    Examples
    --------
    >>> from shallows.sweeps import Store
    >>> with Store() as store:  # in memory
    ...     store.counts(), store.failure_counts()
    ({}, {})
    """

    def __init__(self, folder: str | Path | None = None, *, create: bool = True, read_only: bool = False) -> None:
        self.folder = None if folder is None else Path(folder)
        self.driver: str | None = None
        self._fields: dict[str, tuple[str, ...]] = {}
        self._seen = 0.0
        target = ":memory:"
        if self.folder is not None:
            file = self.folder / FILE
            target = str(file)
            if not file.exists():
                self._prepare(create and not read_only)
        with self._errors():
            self._results = self._connect(target, read_only)
            # Claims are worth nothing after a power failure, so they need not wait for the disk.
            self._notes = self._results if self.folder is None else self._connect(target, read_only)
            try:
                self._check(read_only)
                if not read_only:
                    self._results.execute("PRAGMA synchronous=FULL")
                    if self._notes is not self._results:
                        self._notes.execute("PRAGMA synchronous=NORMAL")
            except BaseException:
                self._results.close()
                self._notes.close()
                raise

    def __repr__(self) -> str:
        return f"<Store in {'memory' if self.folder is None else self.folder}>"

    def _prepare(self, create: bool) -> None:
        assert self.folder is not None
        if not create:
            raise InvalidArgument("store", str(self.folder), "is not a sweep store")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if any(not entry.name.startswith((FILE, ".")) for entry in self.folder.iterdir()):
                raise InvalidArgument("store", str(self.folder), "holds other files; give a new or empty folder")
        except OSError as error:
            raise InvalidArgument("store", str(self.folder), f"cannot be made: {error.strerror}") from error

    def _connect(self, target: str, read_only: bool) -> sqlite3.Connection:
        if read_only and target != ":memory:":
            uri = Path(target).resolve().as_uri() + "?mode=ro"
            if not os.access(Path(target).parent, os.W_OK) and not Path(target + "-wal").exists():
                uri += "&immutable=1"  # SQLite would want to write beside it
            connection = sqlite3.connect(uri, uri=True, timeout=60, isolation_level=None, check_same_thread=False)
        else:
            connection = sqlite3.connect(target, timeout=60, isolation_level=None, check_same_thread=False)
        return connection

    def _check(self, read_only: bool) -> None:
        if self._is_empty():
            if read_only:
                raise InvalidArgument("store", str(self.folder), f"{FILE} is not a sweep store")
            self._results.execute("BEGIN IMMEDIATE")
            if not self._results.execute("PRAGMA user_version").fetchone()[0]:  # unless another driver was quicker
                for statement in _TABLES.split(";")[:-1]:
                    self._results.execute(statement)
                self._results.execute(f"PRAGMA application_id={APPLICATION}")
                self._results.execute(f"PRAGMA user_version={LAYOUT}")
            self._results.execute("COMMIT")
        if not read_only and self.folder is not None:
            self._write_ahead()

    def _is_empty(self) -> bool:
        """Whether the database is new; an error if it is not one of ours."""
        self._results.execute("BEGIN")  # one look: another driver may be making the store right now
        (application,) = self._results.execute("PRAGMA application_id").fetchone()
        (layout,) = self._results.execute("PRAGMA user_version").fetchone()
        (tables,) = self._results.execute("SELECT count(*) FROM sqlite_master").fetchone()
        self._results.execute("COMMIT")
        if application == APPLICATION and layout != LAYOUT:
            allowed = f"this version of shallows reads layout {LAYOUT}; use the version that wrote it, or a new folder"
            raise InvalidArgument("store", f"{self.folder} of layout {layout}", allowed)
        if application != APPLICATION and (tables or application):
            raise InvalidArgument("store", str(self.folder), f"{FILE} is not a sweep store")
        return bool(application != APPLICATION)

    def _write_ahead(self) -> None:
        """Switch the log on; SQLite does not wait for other connections by itself here."""
        deadline = time.monotonic() + 60
        while True:
            try:
                (mode,) = self._results.execute("PRAGMA journal_mode=WAL").fetchone()
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
                continue
            if mode != "wal":
                raise InvalidArgument(
                    "store", str(self.folder), "is on a file system without shared memory; use a local disk"
                )
            return

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            where = self.folder or "memory"
            text = str(error)
            if "malformed" in text or "not a database" in text:
                allowed = f"{FILE} in it is damaged ({text}); give another folder, or a copy from before"
                raise InvalidArgument("store", str(where), allowed) from error
            if "full" in text or "disk I/O" in text:
                text += (
                    "; is the disk full, or a quota reached? What was reported before is safe; make room and run again"
                )
            elif "locked" in text:
                text += "; another process holds it"
            elif isinstance(error, sqlite3.OperationalError) and "unable to open" in text:
                text += "; check that the folder exists and can be written"
            raise StoreError(f"store {where}: {text}") from error

    @contextmanager
    def _transaction(self, connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
        with self._errors():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite itself rolls back when the disk is full
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Release claims and close."""
        try:
            if self.driver is not None:
                with self._transaction(self._notes) as notes:
                    notes.execute("DELETE FROM claims WHERE driver = ?", (self.driver,))
                    notes.execute("DELETE FROM drivers WHERE name = ?", (self.driver,))
        except StoreError:  # a claim that stays behind dies with this process
            pass
        finally:
            drivers_here.discard(self.driver or "")
            self.driver = None
            self._results.close()
            if self._notes is not self._results:
                self._notes.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # -- what is being computed ---------------------------------------------------------------------

    def begin(self, sweep: Sweep | None, quantities: Iterable[Quantity]) -> None:
        """Announce this process as a driver, note the sweep, and make room for its quantities."""
        with self._transaction(self._results) as results:
            for quantity in quantities:
                results.execute("INSERT OR IGNORE INTO quantities VALUES (?)", (quantity.name,))
                kinds = {name: "TEXT" if form.kind == "text" else "REAL" for name, form in quantity.fields.items()}
                columns = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
                results.execute(
                    f"CREATE TABLE IF NOT EXISTS of_{quantity.name} (key BLOB PRIMARY KEY, seconds REAL, {columns})"
                )
                present = {row[1] for row in results.execute(f"PRAGMA table_info(of_{quantity.name})")}
                for name in kinds.keys() - present:  # a newer revision of the quantity knows more
                    results.execute(f"ALTER TABLE of_{quantity.name} ADD COLUMN {name} {kinds[name]}")
                self._fields[quantity.name] = tuple(quantity.fields)
            if sweep is not None:
                row = (sweep.name, json.dumps(sweep.to_dict()), _now())
                results.execute("INSERT OR REPLACE INTO sweeps VALUES (?, ?, ?)", row)
            self.driver = uuid.uuid4().hex
            row_ = (self.driver, socket.gethostname(), os.getpid(), birth_of(os.getpid()), time.time())
            results.execute("INSERT INTO drivers VALUES (?, ?, ?, ?, ?)", row_)
            drivers_here.add(self.driver)
        self._seen = time.time()

    def _bury(self, notes: sqlite3.Connection) -> None:
        """Forget drivers that are gone, and their claims."""
        for name, *life in notes.execute("SELECT * FROM drivers").fetchall():
            if not lives(name, *life):
                notes.execute("DELETE FROM claims WHERE driver = ?", (name,))
                notes.execute("DELETE FROM drivers WHERE name = ?", (name,))

    def claim(
        self, points: Sequence[tuple[str, bytes]], *, retry_failed: bool = False
    ) -> tuple[set[bytes], set[bytes]]:
        """Take those of `points` (quantity, key) that nobody has computed or is computing.

        Returns
        -------
        taken, elsewhere : set of bytes
            Keys that are now ours, and keys that another driver is at work on; the others are settled, or were ours.
        """
        with self._transaction(self._notes) as notes:
            self._bury(notes)
            settled = self._settled(notes, points, retry_failed)
            open_ = [key for _, key in points if key not in settled]
            held = dict(self._lookup(notes, "SELECT key, driver FROM claims WHERE key IN", open_))
            elsewhere = {key for key, driver in held.items() if driver != self.driver}
            taken = {key for key in open_ if key not in held}
            notes.executemany("INSERT OR IGNORE INTO claims VALUES (?, ?)", [(key, self.driver) for key in taken])
            if time.time() - self._seen > 5:
                self._seen = time.time()
                notes.execute("UPDATE drivers SET seen = ? WHERE name = ?", (self._seen, self.driver))
        return taken, elsewhere

    def release(self, keys: Iterable[bytes]) -> None:
        """Give claims back without a result."""
        with self._transaction(self._notes) as notes:
            notes.executemany("DELETE FROM claims WHERE key = ? AND driver = ?", [(key, self.driver) for key in keys])

    def commit(self, outcomes: Iterable[Success | Failure]) -> None:
        """Record outcomes; when this returns they are on disk.

        Raises
        ------
        StoreError
            If they could not be written; then none of them was.
        """
        with self._transaction(self._results) as results:
            for outcome in outcomes:
                if isinstance(outcome, Failure):
                    row = (
                        outcome.key,
                        outcome.quantity,
                        outcome.reason,
                        outcome.detail,
                        outcome.attempts,
                        outcome.point,
                        _now(),
                    )
                    results.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?, ?, ?, ?)", row)
                else:
                    names = self._fields[outcome.quantity]
                    columns, marks = ", ".join(names), ", ".join("?" * (len(names) + 2))
                    statement = (
                        f"INSERT OR REPLACE INTO of_{outcome.quantity} (key, seconds, {columns}) VALUES ({marks})"
                    )
                    values = [outcome.record[name] for name in names]
                    results.execute(statement, (outcome.key, outcome.seconds, *values))
                    results.execute("DELETE FROM failures WHERE key = ?", (outcome.key,))
                results.execute("DELETE FROM claims WHERE key = ?", (outcome.key,))

    # -- reading ------------------------------------------------------------------------------------

    @staticmethod
    def _lookup(connection: sqlite3.Connection, select: str, keys: Sequence[bytes]) -> Iterator[Any]:
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            yield from connection.execute(f"{select} ({', '.join('?' * len(chunk))})", chunk)

    def _text_tables(self, connection: sqlite3.Connection) -> set[str]:
        return {row[0] for row in connection.execute("SELECT name FROM quantities")}

    def _settled(
        self, connection: sqlite3.Connection, points: Sequence[tuple[str, bytes]], retry_failed: bool = False
    ) -> set[bytes]:
        by_quantity: dict[str, list[bytes]] = {}
        for quantity, key in points:
            by_quantity.setdefault(quantity, []).append(key)
        settled: set[bytes] = set()
        for quantity in by_quantity.keys() & self._text_tables(connection):
            select = f"SELECT key FROM of_{quantity} WHERE key IN"
            settled.update(key for (key,) in self._lookup(connection, select, by_quantity[quantity]))
        if not retry_failed:
            keys = [key for _, key in points]
            settled.update(key for (key,) in self._lookup(connection, "SELECT key FROM failures WHERE key IN", keys))
        return settled

    def settled(self, points: Sequence[tuple[str, bytes]], *, retry_failed: bool = False) -> set[bytes]:
        """Keys among `points` (quantity, key) that need no computing."""
        with self._errors():
            return self._settled(self._results, points, retry_failed)

    def failed(self, keys: Sequence[bytes]) -> set[bytes]:
        """Keys that are recorded as failed."""
        with self._errors():
            return {key for (key,) in self._lookup(self._results, "SELECT key FROM failures WHERE key IN", keys)}

    def records(self, quantity: Quantity, keys: Sequence[bytes]) -> dict[bytes, tuple[Any, ...]]:
        """Records of `quantity`, values in the order of its fields, of those `keys` that are there."""
        with self._errors():
            if quantity.name not in self._text_tables(self._results):
                return {}
            select = f"SELECT key, {', '.join(quantity.fields)} FROM of_{quantity.name} WHERE key IN"
            return {row[0]: row[1:] for row in self._lookup(self._results, select, keys)}

    def failures(self) -> Iterator[Failure]:
        """All failed points, by reason."""
        select = "SELECT key, quantity, reason, detail, attempts, point FROM failures ORDER BY reason, rowid"
        with self._errors():
            for row in self._results.execute(select):
                yield Failure(*row)

    def failure_of(self, key: bytes) -> Failure | None:
        """The failure recorded for one point."""
        select = "SELECT key, quantity, reason, detail, attempts, point FROM failures WHERE key = ?"
        with self._errors():
            row = self._results.execute(select, (key,)).fetchone()
        return None if row is None else Failure(*row)

    def failure_counts(self) -> dict[str, int]:
        """Number of failed points by reason, the most frequent first."""
        select = "SELECT reason, count(*) FROM failures GROUP BY reason ORDER BY count(*) DESC, reason"
        with self._errors():
            return dict(self._results.execute(select).fetchall())

    def counts(self) -> dict[str, int]:
        """Number of results by quantity."""
        with self._errors():
            tables = sorted(self._text_tables(self._results))
            return {t: self._results.execute(f"SELECT count(*) FROM of_{t}").fetchone()[0] for t in tables}

    def seconds(self) -> dict[str, tuple[int, float]]:
        """Number of results by quantity, and the mean seconds of one."""
        with self._errors():
            select = "SELECT count(*), coalesce(avg(seconds), 0) FROM of_"
            return {t: self._results.execute(select + t).fetchone() for t in sorted(self._text_tables(self._results))}

    def sweeps(self) -> dict[str, Mapping[str, Any]]:
        """Sweeps that were run on this store, by name, the latest last."""
        with self._errors():
            rows = self._results.execute("SELECT name, description FROM sweeps ORDER BY last_run, rowid").fetchall()
        return {name: json.loads(description) for name, description in rows}

    def drivers(self) -> int:
        """Number of drivers at work now."""
        with self._errors():
            return sum(lives(*life) for life in self._results.execute("SELECT * FROM drivers").fetchall())

    def fingerprint(self) -> str:
        """Digest of all results, to compare two stores bit by bit; times are left out."""
        import hashlib

        total = hashlib.blake2b(digest_size=16)
        with self._errors():
            for table in sorted(self._text_tables(self._results)):
                columns = [row[1] for row in self._results.execute(f"PRAGMA table_info(of_{table})")]
                names = sorted(set(columns) - {"seconds", "key"})
                for row in self._results.execute(f"SELECT key, {', '.join(names)} FROM of_{table} ORDER BY key"):
                    total.update(repr((table, *row)).encode())
        return total.hexdigest()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        if self.folder is None:
            return 0
        return sum(path.stat().st_size for path in self.folder.glob(FILE + "*"))
