"""One exception per kind of user mistake; its text: place, value seen, expected, next step."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Base of all: the command line prints it without a traceback and exits with 2."""


class ExperimentError(UserError):
    """An experiment file that cannot be read, understood or afforded."""


class UnknownFormat(UserError):
    """A format name that leads to no class, or to one that is not a Format."""


class FormatError(UserError):
    """A format that does not keep to what a format is."""


class DeviceError(UserError):
    """A device that was asked for and is not there."""


class SourceError(UserError):
    """A matrix file that cannot be used as it is."""


class CheckpointError(UserError):
    """A checkpoint that cannot be pruned, converted or written."""


class ResultsError(UserError):
    """A results folder that cannot be read, written or locked."""


class MatrixError(UserError, ValueError):
    """A matrix or vector whose shape, order, place or bytes a product cannot take."""


class DtypeError(UserError, TypeError):
    """A matrix or vector that is no array, or of another type of values than expected."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'macko'?`, or nothing when no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
