"""Files that take their name only when they are complete."""

import contextlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import IO


@contextlib.contextmanager
def complete_file(path: pathlib.Path) -> Iterator[IO[bytes]]:
    """A binary file that is renamed to `path` when the block ends well; otherwise nothing is left of it.

    Args:
        path: final name; its folder exists.
    """
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.stem, suffix=".tmp", delete=False) as file:
        try:
            yield file
            file.flush()
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise
