"""A checkpoint's tensors for NumPy, packed or not: mapped when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from spmvbench.checkpoint.stored import open_checkpoint
from spmvbench.dtypes import Array
from spmvbench.errors import SourceError
from spmvbench.formats.base import Packed
from spmvbench.problems import packed_files, safetensors_files
from spmvbench.problems.safetensors_header import KINDS
from spmvbench.problems.tensor import Entry


@dataclass(frozen=True)
class Weight:
    """One tensor. `format`: how its matrix is packed; "" where it is stored as it is."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    format: str
    _entry: Entry = field(repr=False)

    @property
    def packed(self) -> Packed:
        """The arrays that `spmvbench.formats.resolve(format)` multiplies with.

        Raises: SourceError where the tensor is not packed by spmvbench.
        """
        if self.format in ("", packed_files.BITMASK):
            raise SourceError(
                f"{self._entry.file}: tensor '{self.name}' is not packed for a product; "
                "convert the checkpoint first"
            )
        return packed_files.packed(self._entry)

    def dense(self) -> Array:
        """The tensor with all its zeros; a mapped view where it is stored as it is.

        Raises: SourceError for a type that NumPy does not have.
        """
        if self.format:
            return packed_files.unpacked(self._entry)
        if self._entry.parts[""].kind in KINDS:
            return np.asarray(packed_files.array(self._entry.parts[""]))
        return safetensors_files.native(self._entry)


def load(path: str | Path) -> dict[str, Weight]:
    """The tensors of a checkpoint by name: a folder, an index or a single file.

    Raises: SourceError for what is missing, malformed or of a newer layout.
    """
    return {
        entry.name: Weight(entry.name, entry.shape, entry.dtype, entry.packing, entry)
        for entry in open_checkpoint(Path(path)).entries
    }
