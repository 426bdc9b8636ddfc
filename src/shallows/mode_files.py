"""Lists of numbers, such as a teacher's modes, in files that somebody else wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ._arguments import shown
from .errors import InvalidArgument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KINDS = ".npy, .csv or .txt"
#: Text beyond this is no list of modes; binary files are mapped, not read, until their header is checked.
MOST_TEXT_BYTES = 2**28


def read_values(argument: str, name: str) -> NDArray[np.float64]:
    r"""One-dimensional array of the numbers in a ``.npy``, ``.csv`` or ``.txt`` file.

    Text holds one number a line, or all on one line, separated by commas or blanks; lines that start
    with ``#`` and one line of column names at the top are skipped. Nothing is ever unpickled.

    Parameters
    ----------
    argument : str
        What the file is given by, for errors.
    name : str
        Of the file.

    Returns
    -------
    ndarray, shape (d,)

    Raises
    ------
    InvalidArgument
        Named `argument`, saying what is wrong with the file.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from shallows.mode_files import read_values
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "modes.csv"
    ...     _ = file.write_text("mode\n3\n1.5\n")
    ...     read_values("spectrum", str(file))
    array([3. , 1.5])
    """
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".csv", ".txt"):
        raise InvalidArgument(argument, shown(name), f"must be a {KINDS} file")
    try:
        exists, is_file = path.exists(), path.is_file()
    except (OSError, ValueError):
        exists = is_file = False
    if not is_file:
        why = "is not a file" if exists else "no such file"
        raise InvalidArgument(argument, shown(name), f"{why}; must be a {KINDS} file")
    try:
        return _read_binary(argument, path, name) if suffix == ".npy" else _read_text(argument, path, name)
    except OSError as error:
        raise InvalidArgument(argument, shown(name), f"cannot be read: {error.strerror}") from error


def _read_binary(argument: str, path: Path, name: str) -> NDArray[np.float64]:
    import numpy as np

    wanted = "must be an array of real numbers saved with numpy.save"
    if path.stat().st_size == 0:
        raise InvalidArgument(argument, shown(name), f"the file is empty; {wanted}")
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # NumPy raises what it happens to meet in a damaged header
        raise InvalidArgument(argument, shown(name), f"not a plain .npy array; {wanted}") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise InvalidArgument(argument, shown(name), f"holds several arrays; {wanted}")
    if array.dtype.kind not in "fiu":
        raise InvalidArgument(argument, shown(name), f"holds values of type {array.dtype}; {wanted}")
    if array.ndim != 1:
        raise InvalidArgument(argument, shown(name), f"holds an array of shape {array.shape}; must be one-dimensional")
    return np.array(array, dtype=float)


def _read_text(argument: str, path: Path, name: str) -> NDArray[np.float64]:
    import numpy as np

    if path.stat().st_size > MOST_TEXT_BYTES:
        raise InvalidArgument(argument, shown(name), "text of more than 256 MiB; save it as .npy instead")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidArgument(argument, shown(name), "is not text; must hold one number a line") from error
    rows: list[tuple[int, list[str]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.replace(",", " ").split()
        if words and not words[0].startswith("#"):
            rows.append((number, words))
    if rows and not any(_is_number(word) for word in rows[0][1]):
        header = rows.pop(0)
        if not rows:
            raise InvalidArgument(argument, shown(name), f"no number in it (line {header[0]} is not one)")
    if not rows:
        raise InvalidArgument(argument, shown(name), "the file is empty; must hold one number a line")
    if len(rows) > 1 and any(len(words) > 1 for _, words in rows):
        raise InvalidArgument(argument, shown(name), "holds a table; must be one number a line, or all on one line")
    for number, words in rows:
        for word in words:
            if not _is_number(word):
                raise InvalidArgument(argument, shown(name), f"{shown(word)} on line {number} is not a number")
    return np.array([float(word) for _, words in rows for word in words])


def _is_number(word: str) -> bool:
    """Whether other programs, too, read it as a number: ``1_000`` is one to Python only."""
    try:
        float(word)
    except ValueError:
        return False
    return "_" not in word
