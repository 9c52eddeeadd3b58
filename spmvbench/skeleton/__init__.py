"""A new format's first file: a layout that is right and slow, to be replaced piece by piece."""

from __future__ import annotations

import re
from pathlib import Path

from spmvbench.errors import UserError
from spmvbench.formats import module_names
from spmvbench.plugin import example

_TEMPLATE = Path(__file__).with_name("my_format.py")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def write(name: str, folder: Path) -> Path:
    """The file of a format of that name, written into the folder. Nothing is overwritten.

    Raises: UserError for a name that is none or is taken, and where the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise UserError(
            f"new-format: the name is '{name}'; expected lower-case letters and digits, words "
            "joined by '-', such as 'my-format'"
        )
    known = module_names()
    if name in known:
        raise UserError(f"new-format: '{name}' is a format of spmvbench; expected another name")
    path = folder / f"{name.replace('-', '_')}.py"
    _new(path, text(name), "new-format", "take another name")
    return path


def write_plugin(kind: str, folder: Path) -> Path:
    """The example of a plug-in for a kind of device, copied there. Nothing is overwritten.

    Raises: UserError where the file cannot be written.
    """
    source = example(kind)
    path = folder / source.name
    _new(path, source.read_text(encoding="utf-8"), "new-plugin", "go to another folder")
    return path


def _new(path: Path, content: str, command: str, way_out: str) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError:
        raise UserError(f"{command}: {path} is there already; move it or {way_out}") from None
    except OSError as error:
        raise UserError(f"{command}: {path} cannot be written: {error.strerror}") from None


def class_name(name: str) -> str:
    """`MyFormat` of `my-format`."""
    return "".join(word.capitalize() for word in name.split("-"))


def text(name: str) -> str:
    """The template with its names replaced."""
    code = _TEMPLATE.read_text(encoding="utf-8")
    return (
        code.replace("my-format", name)
        .replace("my_format", name.replace("-", "_"))
        .replace("MyFormat", class_name(name))
    )
