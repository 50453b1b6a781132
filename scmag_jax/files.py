"""Files that are never half done: one that takes its name when it is complete, and one that grows record by record."""

import contextlib
import io
import json
import os
import pathlib
from collections.abc import Iterator
from typing import IO, Any

import numpy as np


@contextlib.contextmanager
def complete_path(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """A name to write a file under, which becomes `path` when the block ends well; otherwise nothing is left of it.

    Args:
        path: final name; its folder exists.
    """
    path = pathlib.Path(path)
    # an ordinary file, with the permissions that the user's files have
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def complete_file(path: str | os.PathLike) -> Iterator[IO[bytes]]:
    """A binary file that is renamed to `path` when the block ends well; otherwise nothing is left of it.

    Args:
        path: final name; its folder exists.
    """
    with complete_path(path) as unfinished, unfinished.open("wb") as file:
        yield file


class Journal:
    """Records of named arrays that outlive the process which appends them.

    A run that is killed leaves its finished records; a torn one at the end is dropped when the journal is opened again.
    The format is NumPy's: arrays in `.npy` form one after the other, the first a header in JSON.

    Args:
        path: of the file, made if there is none; its folder exists.
        purpose: what the records belong to, text by name. A journal of another purpose is refused.

    Attributes:
        records: those that the file held when it was opened.

    Raises:
        ValueError: a file that is no journal, one of another purpose (the message says what differs), or one in use.
        OSError: a file that cannot be read or written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder) / "journal"
        ...     with Journal(path, {"run": "a"}) as journal:
        ...         journal.append({"x": np.arange(2)})
        ...     with Journal(path, {"run": "a"}) as journal:
        ...         print(journal.records)
        [{'x': array([0, 1])}]
    """

    def __init__(self, path: str | os.PathLike, purpose: dict[str, str]):
        self.path = pathlib.Path(path)
        self.records: list[dict[str, np.ndarray]] = []
        if not self.path.exists():
            with complete_file(self.path) as file:
                file.write(_as_bytes([np.array(json.dumps(purpose, sort_keys=True))]))
        self._file = self.path.open("r+b")
        _lock(self._file, self.path)
        self._ends = self._read(purpose)
        self.keep(len(self.records))

    def keep(self, count: int) -> None:
        """Forget all but the first records, those that were not whole included."""
        del self.records[count:], self._ends[count + 1 :]
        self._file.truncate(self._ends[-1])
        self._file.seek(self._ends[-1])

    def append(self, record: dict[str, Any]) -> None:
        """Add a record; it is in the hands of the operating system when this returns."""
        arrays = {name: np.asarray(value) for name, value in record.items()}
        # one write a record: what is torn is torn at its end
        self._file.write(_as_bytes([np.array(list(arrays)), *arrays.values()]))
        self._file.flush()

    def close(self) -> None:
        """Close the file, which stays."""
        self._file.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, purpose):
        """Where the header and every whole record end."""
        with self.path.open("rb") as file:
            next_array = lambda: np.lib.format.read_array(file, allow_pickle=False)
            try:
                found = json.loads(str(next_array()))
            except (ValueError, EOFError):
                found = None
            if not isinstance(found, dict):
                raise ValueError(f"{self.path} is no journal of a run: remove it, or choose another path")
            other = sorted(name for name in {*found, *purpose} if found.get(name) != purpose.get(name))
            if other:
                raise ValueError(
                    f"{self.path} belongs to another run, which differs in {', '.join(other)}: remove it, or choose "
                    "another path"
                )
            ends = [file.tell()]
            while True:
                try:
                    names = next_array().tolist()
                    self.records.append({name: next_array() for name in names})
                except (ValueError, EOFError):
                    return ends
                ends.append(file.tell())


def _lock(file, path):
    """One process at a time; the system lets go when it ends, however it ends."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ValueError(f"{path} is in use by another run: wait for it, or choose another path") from error


def _as_bytes(arrays):
    buffer = io.BytesIO()
    for array in arrays:
        np.lib.format.write_array(buffer, array, allow_pickle=False)
    return buffer.getvalue()
