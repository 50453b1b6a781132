"""Files that take their name only when they are complete."""

import contextlib
import os
import pathlib
from collections.abc import Iterator
from typing import IO


@contextlib.contextmanager
def complete_file(path: pathlib.Path) -> Iterator[IO[bytes]]:
    """A binary file that is renamed to `path` when the block ends well; otherwise nothing is left of it.

    Args:
        path: final name; its folder exists.
    """
    # an ordinary file, with the permissions that the user's files have
    unfinished = path.with_name(f"{path.stem}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as file:
            yield file
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
