"""SIMD vectors as values of Numba functions: an LLVM vector each, from memory and back.

A kernel is then an ordinary function: `fma(widen(load(values, at, 16)), load(x, at, 16), sums)`.
Arrays are read through bare pointers: no bounds check, no negative index, no alignment asked for.
So every array has to be followed by as much room as a load may take; see `cpu.simd.room`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.types.misc import CPointer
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import models, register_model

BYTE, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
FLOAT = ir.FloatType()

_LANES = {
    "float16": ir.IntType(16),
    "bfloat16": ir.IntType(16),
    "float32": FLOAT,
    "int8": BYTE,
    "uint8": BYTE,
    "uint16": ir.IntType(16),
    "uint32": I32,
    "uint64": I64,
}
"""Kind of a lane -> what LLVM calls it. The 16-bit floats are bits until they are widened."""

_KINDS = {
    types.uint16: "float16",
    types.int16: "bfloat16",
    types.float32: "float32",
    types.int8: "int8",
    types.uint8: "uint8",
    types.uint32: "uint32",
    types.uint64: "uint64",
}
"""Kind of a lane by the array it comes from; see `cpu.floats` for the first two."""

Emit = Callable[[Any, list[Any]], Any]
"""Gets LLVM's builder and the arguments, gives the result."""


class Vector(types.Type):
    """So many lanes of a kind."""

    def __init__(self, kind: str, lanes: int) -> None:
        """Two of the same kind and length are equal: Numba compares by name."""
        self.kind, self.lanes = kind, lanes
        super().__init__(name=f"Vector({kind} x {lanes})")

    @property
    def llvm(self) -> Any:
        """The LLVM type."""
        return ir.VectorType(_LANES[self.kind], self.lanes)


class _Model(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.llvm)


register_model(Vector)(_Model)


def vector_of(array: Any) -> Vector:
    """A register of 64 bytes of an array's elements."""
    return Vector(kind_of(array), 512 // array.dtype.bitwidth)


def kind_of(array: Any) -> str:
    """The kind of lane that an array's elements, or a pointer's, are."""
    return _KINDS[array.dtype]


def intrinsic(function: Callable[..., Any]) -> Any:
    """A decorator: `function(context, *types)` gives a signature and an emitter for kernels."""
    return numba_intrinsic(prefer_literal=True)(function)


def emits(emit: Emit) -> Callable[[Any, Any, Any, Any], Any]:
    """A code generator as Numba wants it, from one that needs builder and arguments only."""
    return lambda context, builder, signature, arguments: emit(builder, arguments)


def constant(llvm_vector: Any, value: float | Sequence[float]) -> Any:
    """A vector constant: one value for all lanes, or one for each."""
    count = llvm_vector.count
    values = value if isinstance(value, Sequence) else [value] * count
    return ir.Constant(llvm_vector, [ir.Constant(llvm_vector.element, v) for v in values])


def call(builder: Any, name: str, result: Any, arguments: Sequence[Any]) -> Any:
    """The result of an LLVM intrinsic."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    known = builder.module.globals.get(name)
    return builder.call(known or ir.Function(builder.module, kind, name), arguments)


def shuffle(builder: Any, first: Any, second: Any, lanes: Sequence[int]) -> Any:
    """The named lanes; those of `second` count on from those of `first`."""
    order = ir.Constant(ir.VectorType(I32, len(lanes)), [ir.Constant(I32, i) for i in lanes])
    return builder.shuffle_vector(first, second, order)


def splat(builder: Any, scalar: Any, lanes: int) -> Any:
    """A scalar in all lanes."""
    nothing = ir.Constant(ir.VectorType(scalar.type, lanes), ir.Undefined)
    one = builder.insert_element(nothing, scalar, ir.Constant(I32, 0))
    return shuffle(builder, one, nothing, [0] * lanes)


def resized(builder: Any, integer: Any, bits: int) -> Any:
    """An unsigned integer of another width."""
    width = integer.type.width
    if width == bits:
        return integer
    change = builder.trunc if width > bits else builder.zext
    return change(integer, ir.IntType(bits))


def address(context: Any, builder: Any, array: Any, kind: Any, index: Any, target: Any) -> Any:
    """The address of an element of a contiguous array, as a pointer to `target`."""
    bare = isinstance(kind, CPointer)
    data = array if bare else context.make_array(kind)(context, builder, array).data
    first = builder.bitcast(data, BYTE.as_pointer())
    size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    offset = builder.mul(index, ir.Constant(I64, size))
    return builder.bitcast(builder.gep(first, [offset]), target.as_pointer())


def place(context: Any, builder: Any, signature: Any, arguments: Any, at: int, target: Any) -> Any:
    """The address that two arguments name: an array, number `at`, and the index after it."""
    array, kind = arguments[at], signature.args[at]
    index = context.cast(builder, arguments[at + 1], signature.args[at + 1], types.int64)
    return address(context, builder, array, kind, index, target)


@intrinsic
def pointer(context: Any, array: Any, at: Any) -> Any:
    """`pointer(array, at)`: the address of an element, for all that takes an array here.

    Kernels hand on pointers, not arrays: those are counted up and down at every call, atomically,
    and a few of them in the loop over the rows cost 30 ns a row.
    """
    kind = CPointer(array.dtype)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return place(context, builder, signature, arguments, 0, context.get_data_type(array.dtype))

    return kind(array, at), emit


@intrinsic
def load(context: Any, array: Any, at: Any, lanes: Any) -> Any:
    """`load(array, at, lanes)`: a vector from memory."""
    vector = Vector(kind_of(array), lanes.literal_value)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(place(context, builder, signature, arguments, 0, vector.llvm), align=1)

    return vector(array, types.int64, lanes), emit


@intrinsic
def peek(context: Any, array: Any, at: Any) -> Any:
    """`peek(array, at)`: an element, without the branch for a negative index."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = context.get_data_type(array.dtype)
        return builder.load(place(context, builder, signature, arguments, 0, element))

    return array.dtype(array, types.int64), emit


@intrinsic
def next_of(context: Any, counters: Any, at: Any) -> Any:
    """`next_of(counters, at)`: a counter, of 64 bits, and count on; any thread may ask."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        counter = place(context, builder, signature, arguments, 0, I64)
        return builder.atomic_rmw("add", counter, ir.Constant(I64, 1), "monotonic")

    return types.int64(counters, types.int64), emit


@intrinsic
def opaque(context: Any, index: Any) -> Any:
    """`opaque(index)`: the same, but LLVM cannot tell: a loop that steps by it is not unrolled.

    Unrolled twice, the loops over words are a quarter slower.
    """

    def emit(builder: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(I64, [I64])
        return builder.asm(kind, "", "=r,0", arguments, side_effect=False)

    return types.int64(index), emits(emit)


@intrinsic
def repeat(context: Any, array: Any, at: Any, lanes: Any) -> Any:
    """`repeat(array, at, lanes)`: an element in all lanes."""
    vector = Vector(kind_of(array), lanes.literal_value)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at = place(context, builder, signature, arguments, 0, vector.llvm.element)
        return splat(builder, builder.load(at), vector.lanes)

    return vector(array, types.int64, lanes), emit


@intrinsic
def store(context: Any, array: Any, at: Any, vector: Any) -> Any:
    """`store(array, at, vector)`: all lanes to memory."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to = place(context, builder, signature, arguments, 0, vector.llvm)
        builder.store(arguments[2], to, align=1)
        return context.get_dummy_value()

    return types.void(array, types.int64, vector), emit


def _prefetch(locality: int) -> Any:
    """`prefetch(array, at)`; 3 is the L1 cache, 2 the L2 cache. It faults at no address."""

    def prefetch(context: Any, array: Any, at: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            at = place(context, builder, signature, arguments, 0, BYTE)
            kind = ir.FunctionType(ir.VoidType(), [at.type, I32, I32, I32])
            name = "llvm.prefetch.p0"
            function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
            builder.call(function, [at, *(ir.Constant(I32, v) for v in (0, locality, 1))])
            return context.get_dummy_value()

        return types.void(array, types.int64), emit

    return intrinsic(prefetch)


prefetch_l1 = _prefetch(3)
prefetch_l2 = _prefetch(2)
