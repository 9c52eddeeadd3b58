"""A folder that appears when it is complete: until then it is DIR.partial, and may be resumed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from spmvbench.errors import CheckpointError

CHECKSUMS = "checksums.sha256"
PARTIAL = ".partial"
_PROGRESS = "progress.json"
_BLOCK = 1 << 24


class Output:
    """Where files are written one after another; a file that was finished stays finished.

    Raises, in all that it does: CheckpointError, one line, where the disk refuses.
    """

    def __init__(self, folder: Path, task: dict[str, Any], needed: int = 0) -> None:
        """Make DIR.partial, or go on with one of the same task. `needed`: bytes of all files."""
        self.folder = folder
        self.partial = folder.with_name(folder.name + PARTIAL)
        self._task: dict[str, Any] = json.loads(json.dumps(task))
        self.done: dict[str, Any] = {}
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CheckpointError(
                f"{folder}: is there already, expected a new folder; choose another --out or "
                "delete it"
            )
        with self._writing(self.partial):
            self.partial.mkdir(parents=True, exist_ok=True)
            self._lock = (self.partial / ".lock").open("a")
        try:
            self._begin(needed)
        except BaseException:
            self._lock.close()
            raise

    def _begin(self, needed: int) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CheckpointError(
                f"{self.partial}: another process is writing into it; wait for it, or use --out"
            ) from error
        self.done = self._resumed()
        have = sum((self.partial / name).stat().st_size for name in self.done)
        free = shutil.disk_usage(self.partial).free
        if needed - have > free:
            self._drop_if_empty()
            raise CheckpointError(
                f"{self.folder}: needs {_gb(needed - have)}, {_gb(free)} are free; make room or "
                "choose another disk with --out"
            )

    def __enter__(self) -> Output:
        """Itself; its lock is given back at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Keep what is finished, for the same command to go on; without any, leave nothing."""
        if self.partial.exists():
            self._drop_if_empty()
        self._lock.close()

    @contextlib.contextmanager
    def file(self, name: str, facts: Any = None) -> Iterator[BinaryIO]:
        """Write one file. It has its name, and stands in the progress, when the block has ended.

        `facts`: a list or dict that the block may fill; `done` has it when resumed.
        """
        draft = self.partial / f".{name}.new"
        try:
            with self._writing(self.folder / name):
                with draft.open("w+b") as stream:
                    yield stream
                    stream.flush()
                    os.fsync(stream.fileno())
                os.replace(draft, self.partial / name)
        finally:
            draft.unlink(missing_ok=True)
        self.done[name] = facts
        self._note()

    def copy(self, file: Path) -> None:
        """Copy a file as it is."""
        with self.file(file.name) as target, file.open("rb") as source:
            shutil.copyfileobj(source, target)

    def finish(self) -> None:
        """Add the checksums, and give the folder its name."""
        lines = [f"{self._sha256(name)}  {name}\n" for name in sorted(self.done)]
        with self._writing(self.folder):
            (self.partial / CHECKSUMS).write_text("".join(lines))
            for name in (_PROGRESS, ".lock"):
                (self.partial / name).unlink(missing_ok=True)
            _sync(self.partial)
            os.replace(self.partial, self.folder)
            _sync(self.folder.parent)

    def _resumed(self) -> dict[str, Any]:
        path = self.partial / _PROGRESS
        if not path.is_file():
            return {}
        try:
            before = json.loads(path.read_text())
            task, done = before["task"], dict(before["done"])
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{path}: not what a stopped command leaves ({error!r}); delete {self.partial}"
            ) from error
        if task != self._task:
            raise CheckpointError(
                f"{self.partial}: was left by another command, or the checkpoint has changed "
                f"since; delete it or choose another --out"
            )
        return {name: facts for name, facts in done.items() if (self.partial / name).is_file()}

    def _note(self) -> None:
        with self._writing(self.partial):
            draft = self.partial / f".{_PROGRESS}.new"
            draft.write_text(json.dumps({"task": self._task, "done": self.done}))
            os.replace(draft, self.partial / _PROGRESS)

    def _drop_if_empty(self) -> None:
        if not self.done:
            shutil.rmtree(self.partial, ignore_errors=True)

    def _sha256(self, name: str) -> str:
        with self._writing(self.folder / name), (self.partial / name).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @contextlib.contextmanager
    def _writing(self, path: Path) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kept = f"; what is finished stays in {self.partial.name}" if self.done else ""
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            step = "make room" if full else "choose a writable folder with --out"
            raise CheckpointError(
                f"{path}: cannot be written ({error.strerror or error}); {step} and run the same "
                f"command again{kept}"
            ) from error


def copy_bytes(source: BinaryIO, target: BinaryIO, begin: int, end: int) -> None:
    """Append bytes begin .. end - 1 of one file to another, a block at a time.

    Raises: CheckpointError when the source ends before.
    """
    source.seek(begin)
    while begin < end:
        block = source.read(min(_BLOCK, end - begin))
        if not block:
            raise CheckpointError(f"{source.name}: ends at byte {begin}, expected {end}")
        target.write(block)
        begin += len(block)


def _sync(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _gb(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"
