"""What each kernel is called in C++, and how it is launched: grid, threads, arguments."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from unittest.mock import patch

import numpy as np
from cuhost.host_module import Launch

from spmvbench.dtypes import DTYPES
from spmvbench.formats import resolve, slab, slab_bitmap

FOLDER = Path(__file__).parent.parent / "kernels"

TYPES = {"float16": "__half", "bfloat16": "__nv_bfloat16", "float32": "float"}
BATCHES = (1, 2, 4, 8)
THREADS = 256
WARPS = 8
WIDEST = 16  # bytes of one load

SPARSE = ("macko", "csr16", "bitmap")
COLUMNS_STORED = ("macko", "csr16")  # these do not ask how many columns there are
POINTERS = {"int32": "int", "int64": "long long"}


@dataclass(frozen=True)
class Kernel:
    """A kernel and the format whose bytes it reads. `rows`: of y, per block.

    `threads`, and `blocks` of them that a multiprocessor is to have registers for.
    """

    name: str
    format: str
    rows: int
    dtypes: tuple[str, ...] = tuple(TYPES)
    batches: tuple[int, ...] = BATCHES
    threads: int = THREADS
    blocks: int = 2
    fast = False

    @property
    def columns_in_16_bits(self) -> bool:
        return self.name == "csr16"

    def threads_together(self, variant) -> int:
        """The threads that a multiprocessor is to have registers for."""
        return self.threads * self.blocks

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.name}.cu"

    def variants(self, dtypes=tuple(TYPES), batches=BATCHES) -> list[str]:
        """All of it, as C++ names them."""
        return [
            f"{self.name}<{', '.join([TYPES[dtype], str(batch), *more])}>"
            for dtype, batch in product(dtypes, batches)
            for more in self._more(DTYPES[dtype].itemsize)
        ]

    def _more(self, itemsize) -> list[list[str]]:
        if self.name in SPARSE:
            return [[pointer] for pointer in POINTERS.values()]
        if self.name == "dense_int4":
            return [[]]
        return [["1"], [str(WIDEST // (1 if self.name == "dense_int8" else itemsize))]]

    def _chosen(self, packed) -> list[str]:
        """The last template argument for this matrix."""
        if self.name in SPARSE:
            return [POINTERS[str(packed.arrays["row_pointers"].dtype)]]
        if self.name == "dense_int4":
            return []
        widest = WIDEST // packed.arrays["values"].itemsize
        return [str(1 if packed.shape[1] % widest else widest)]

    def launch(self, packed, x, order=0, shifts=()) -> Launch:
        """y = A x, y full of NaN before. Shapes: x (cols, batch) of the matrix's dtype."""
        rows, cols = packed.shape
        template = [TYPES[packed.dtype], str(x.shape[1]), *self._chosen(packed)]
        y = np.full((rows, x.shape[1]), np.nan, x.dtype)
        arrays = [*packed.arrays.values(), x, y]
        sizes = [np.int64(rows), np.int32(cols)]
        return Launch(
            f"{self.name}<{', '.join(template)}>",
            -(-rows // self.rows),
            THREADS,
            (*map(plain, arrays), *sizes[: 1 if self.name in COLUMNS_STORED else 2]),
            len(arrays) - 1,
            order,
            shifts,
        )

    def pack(self, dense):
        """The bytes, as the format packs them."""
        return resolve(self.format).pack(dense)


def plain(array):
    """The same bits in a type that NumPy knows by itself: the launching process has no other."""
    return array.view(np.uint16) if array.dtype == DTYPES["bfloat16"] else array


@dataclass(frozen=True)
class Resident(Kernel):
    """One whose blocks stay, with x in shared memory: `narrow`, as it is; else as float.

    `rows`: here the number of blocks. Few, so that each has several turns.
    """

    dtypes: tuple[str, ...] = ("float16", "bfloat16")
    batches: tuple[int, ...] = (1,)
    blocks: int = 1
    narrow: bool = False
    stem: str = "macko_fast"
    fast = True

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.stem}.cu"

    def _of_x(self, dtype) -> tuple[str, int]:
        """The type of x in shared memory and its bytes."""
        return (TYPES[dtype], 2) if self.narrow else ("float", 4)

    def _launch(
        self, kernel, packed, x, order, shifts, shared, *sizes, threads=0, beside=()
    ) -> Launch:
        y = np.full((packed.shape[0], 1), np.nan, x.dtype)
        arrays = [*packed.arrays.values(), *beside, x, y]
        arguments = (*map(plain, arrays), *sizes)
        place = len(arrays) - 1
        threads = threads or self.threads
        return Launch(kernel, self.rows, threads, arguments, place, order, shifts, shared=shared)


@dataclass(frozen=True)
class MackoFast(Resident):
    """See kernels/macko_fast.cu. `parts` that each row is cut into, whatever there is of rows."""

    threads: int = 1024
    parts: int = 1

    def variants(self, dtypes=("float16", "bfloat16"), batches=(1,)) -> list[str]:
        kinds = [(t, p) for t in dtypes if t in self.dtypes for p in POINTERS.values()]
        return [self._named(t, p) for t, p in kinds]

    def _named(self, dtype, pointer) -> str:
        split = "_split" if self.parts > 1 else ""
        return f"macko_fast{split}<{TYPES[dtype]}, {self._of_x(dtype)[0]}, {pointer}>"

    def launch(self, packed, x, order=0, shifts=()) -> Launch:
        rows, cols = packed.shape
        name = self._named(packed.dtype, POINTERS[str(packed.arrays["row_pointers"].dtype)])
        sizes = [np.int64(rows), np.int32(cols)]
        shared = self._of_x(packed.dtype)[1] * (cols + 528)
        if self.parts == 1:
            return self._launch(name, packed, x, order, shifts, shared, *sizes)
        sizes.append(np.int32(self.parts.bit_length() - 1))
        beside = (starts_by_entry(packed, self.parts),)
        shared += 256
        return self._launch(name, packed, x, order, shifts, shared, *sizes, beside=beside)


def starts_by_entry(packed, parts):
    """The index of macko_fast_split, entry by entry. Shape: (rows, parts), int32."""
    pointers = packed.arrays["row_pointers"].astype(np.int64)
    pointers -= pointers[0] // 8 * 8
    deltas = packed.arrays["deltas"].astype(np.int64)
    columns = np.stack([deltas & 15, deltas >> 4], axis=1).ravel() + 1  # that an entry moves on by
    starts = np.zeros((packed.shape[0], parts), np.int32)
    for row, (begin, end) in enumerate(pairwise(pointers)):
        steps = -(-(-(-end // 8) - begin // 8) // 64)
        for part in range(parts):
            first = begin // 8 * 8 + 512 * (steps * part // parts)
            starts[row, part] = first - begin if first <= begin else columns[begin:first].sum()
    return starts


@dataclass(frozen=True)
class Slab(Resident):
    """See kernels/slab.cu. Cut as `how` says, whatever the number of rows.

    `each`: blocks that share a multiprocessor.
    """

    stem: str = "slab"
    bits: int = 4
    how: slab.Cut = slab.Cut(32, 8)
    each: int = 2
    columns_in_16_bits = True

    def pack(self, dense):
        with patch("spmvbench.formats.slab.cut", lambda shape: self.how):
            return resolve(self.format).pack(dense)

    def variants(self, dtypes=("float16", "bfloat16"), batches=(1,)) -> list[str]:
        cuts = ((8, 2), (8, 3), (8, 4), (16, 1), (16, 2))
        return [self._named(t, *cut) for t in dtypes if t in self.dtypes for cut in cuts]

    def threads_together(self, variant) -> int:
        warps, each = map(int, re.findall(r"\d+", variant)[-2:])
        return 32 * warps * each

    def _named(self, dtype, warps, each) -> str:
        return f"slab<{TYPES[dtype]}, {self._of_x(dtype)[0]}, {self.bits}, {warps}, {each}>"

    def launch(self, packed, x, order=0, shifts=()) -> Launch:
        (rows, cols), how = packed.shape, self.how
        shared = self._of_x(packed.dtype)[1] * ((cols + 14) // 8 * 8) + 256 * how.warps
        name = self._named(packed.dtype, how.warps, self.each)
        sizes = np.int64(rows), np.int32(cols), np.int32(how.rows.bit_length() - 1)
        threads = 32 * how.warps
        return self._launch(name, packed, x, order, shifts, shared, *sizes, threads=threads)


@dataclass(frozen=True)
class SlabBitmap(Resident):
    """See kernels/slab_bitmap.cu. `rows_of_slab` and `warps` of a block, whatever the matrix.

    `buffers`: slabs whose bits are in shared memory.
    """

    stem: str = "slab_bitmap"
    rows_of_slab: int = 32
    warps: int = 16
    buffers: int = 1

    def pack(self, dense):
        with patch("spmvbench.formats.slab_bitmap.cut", self._cut):
            return resolve(self.format).pack(dense)

    def _cut(self, shape):
        (rows, cols), parts = shape, 32 // self.rows_of_slab
        words = -(-cols // (32 * parts * self.warps))
        return slab_bitmap.Cut(self.rows_of_slab, self.warps, -(-rows // self.rows_of_slab), words)

    def variants(self, dtypes=("float16", "bfloat16"), batches=(1,)) -> list[str]:
        kinds = [(t, of_x) for t in dtypes if t in self.dtypes for of_x in ("float", TYPES[t])]
        return [self._named(*kind) for kind in kinds]

    def _named(self, dtype, of_x) -> str:
        return f"slab_bitmap<{TYPES[dtype]}, {of_x}, {self.warps}, {self.blocks}>"

    def launch(self, packed, x, order=0, shifts=()) -> Launch:
        (rows, cols), words = packed.shape, packed.arrays["bits"].shape[2]
        columns = 32 * (32 // self.rows_of_slab) * self.warps * words
        of_x, itemsize = self._of_x(packed.dtype)
        shared = itemsize * (columns + 8)
        shared += self.buffers * self.warps * (words + 2) * 128
        row_bits = np.int32(self.rows_of_slab.bit_length() - 1)
        sizes = np.int64(rows), np.int32(cols), row_bits, np.int32(self.buffers)
        name = self._named(packed.dtype, of_x)
        return self._launch(name, packed, x, order, shifts, shared, *sizes, threads=32 * self.warps)


_BITMAPS = (
    SlabBitmap("slab_bitmap", "slab-bitmap", 2, threads=512, buffers=2),
    SlabBitmap("slab_bitmap-1", "slab-bitmap", 1, threads=512, narrow=True),
    SlabBitmap("slab_bitmap-2", "slab-bitmap", 3, threads=512, blocks=2, rows_of_slab=16),
    SlabBitmap("slab_bitmap-3", "slab-bitmap", 2, threads=256, blocks=2, warps=8, buffers=2),
    SlabBitmap("slab_bitmap-4", "slab-bitmap", 3, threads=256, blocks=3, warps=8, narrow=True),
    SlabBitmap("slab_bitmap-5", "slab-bitmap", 5, threads=256, blocks=4, warps=8, rows_of_slab=8),
)
"""All pairs of warps and blocks; of the rest, each in some."""

KERNELS = {
    kernel.name: kernel
    for kernel in (
        Kernel("macko", "macko", WARPS),
        Kernel("csr16", "csr16", WARPS),
        Kernel("bitmap", "bitmap", WARPS),
        Kernel("dense_gemv", "dense-f16", 2 * WARPS),
        Kernel("dense_int8", "dense-int8", 2 * WARPS),
        Kernel("dense_int4", "dense-int4", 2 * WARPS),
        MackoFast("macko_fast", "macko-fast", 2),
        MackoFast("macko_fast-narrow", "macko-fast", 2, narrow=True),
        MackoFast("macko_fast_split", "macko-fast", 2, parts=4),
        MackoFast("macko_fast_split-narrow", "macko-fast", 1, narrow=True, parts=32),
        *(Slab(f"slab{b}", f"slab{b}", 2, bits=b) for b in (4, 5, 6)),
        *(
            Slab(
                f"slab{b}-narrow", f"slab{b}", 2, bits=b, how=slab.Cut(32, 16), each=1, narrow=True
            )
            for b in (4, 5, 6)
        ),
        Slab("slab4-three", "slab4", 2, each=3),
        Slab("slab5-four", "slab5", 2, bits=5, each=4),
        Slab("slab5-few-rows", "slab5", 2, bits=5, how=slab.Cut(16, 16), each=2),
        Slab("slab6-few-rows", "slab6", 2, bits=6, how=slab.Cut(8, 16), each=1, narrow=True),
        *_BITMAPS,
    )
}


BITS = ("u16", "u32")


def _of_bits(first: str, second: str) -> tuple[str, ...]:
    """A kernel for each type of bits, and one for each of those and of row pointers."""
    pairs = [f"{second}<{bits}, {p}>" for bits, p in product(BITS, POINTERS.values())]
    return (*(f"{first}<{bits}>" for bits in BITS), *pairs)


MAKERS = {
    "generate": tuple(
        f"{name}<{value}>"
        for name in ("generate", "generate_together", "generate_banded", "generate_n_of_m")
        for value in TYPES.values()
    ),
    "select": ("limits_of_rows", "count_halves", "count_key"),
    "macko_starts": tuple(f"macko_starts<{pointer}>" for pointer in POINTERS.values()),
    "pack_macko": _of_bits("count_entries", "pack_gaps"),
    "pack_bitmap": _of_bits("pack_mask", "pack_values"),
    "pack_csr16": _of_bits("count_stored", "pack_entries"),
    "pack_slab": tuple(
        f"{name}<{bits}>" for name in ("count_streams", "pack_streams") for bits in (4, 5, 6)
    ),
    "pack_slab_bitmap": ("mask_streams", "complete_streams", "pack_slab_values"),
    "pack_int8": tuple(f"pack_int8<{value}>" for value in TYPES.values()),
    "pack_int4": tuple(f"pack_int4<{value}>" for value in TYPES.values()),
}
"""Kernels that make or pack a matrix, by file."""


def variants_of(source: Path) -> tuple[str, ...]:
    """All kernels of a file of these tables; none of another."""
    of_file = [kernel for kernel in KERNELS.values() if kernel.file.name == source.name]
    products = dict.fromkeys(name for kernel in of_file for name in kernel.variants())
    return tuple(products) or MAKERS.get(source.stem, ())
