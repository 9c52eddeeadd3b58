"""Arrays on the device: `host` is where their memory really is."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from . import cuda

ALIGNMENT = 512
FLUSHED, SMALLEST = ("float32", "bfloat16"), 2.0**-126
"""CuPy compiles with -ftz=true: a cast makes zero of what is smaller."""


class ndarray(NDArrayOperatorsMixin):
    """What CuPy's arrays have of NumPy's, each method as it is there."""

    def __init__(self, host, dtype=None, memptr=None, strides=None):
        """Of memory that is there (`host` is a shape then), else around `host`."""
        if memptr is not None:
            raw = (ctypes.c_char * memptr.mem.nbytes).from_address(memptr.mem.ptr)
            host = np.ndarray(host, dtype, raw, strides=strides)
        self.host = host

    def __array__(self, *args, **kwargs):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        cuda.STATE.check()
        refuse_host(inputs, kwargs)
        if out is not None:
            kwargs["out"] = tuple(map(unwrapped, out))
        made = getattr(ufunc, method)(*unwrapped(inputs), **unwrapped(kwargs))
        return out[0] if out is not None else wrapped(made)

    def __array_function__(self, function, types, args, kwargs):
        cuda.STATE.check()
        refuse_host(args, kwargs)
        return wrapped(function(*unwrapped(args), **unwrapped(kwargs)))

    def __getitem__(self, index):
        refuse_host((index,), {})
        return wrapped(self.host[unwrapped(index)])

    def __setitem__(self, index, value):
        cuda.STATE.check()
        refuse_host((index, value), {})
        self.host[unwrapped(index)] = unwrapped(value)

    def __len__(self):
        return len(self.host)

    def __float__(self):
        return float(self.get())

    def __int__(self):
        return int(self.get())

    def __index__(self):
        return self.get().__index__()

    def __bool__(self):
        return bool(self.get())

    def __repr__(self):
        return repr(self.host)

    __hash__ = None

    def __dlpack__(self, *, stream=None, **more):
        return self.host.__dlpack__()

    def __dlpack_device__(self):
        return (2, 0)

    def get(self, out=None):
        """A host copy, when all work before is done."""
        cuda.STATE.note("get")
        cuda.STATE.wait()
        cuda.STATE.check()
        if out is None:
            return self.host.copy()
        out[...] = self.host
        return out

    def set(self, host):
        cuda.STATE.check()
        self.host[...] = host

    @property
    def data(self):
        return SimpleNamespace(ptr=self.host.ctypes.data)

    @property
    def device(self):
        return cuda.Device(0)

    @property
    def flags(self):
        return SimpleNamespace(c_contiguous=self.host.flags.c_contiguous)

    @property
    def T(self):
        return wrapped(self.host.T)

    def copy(self):
        cuda.STATE.check()
        return put(self.host)

    def astype(self, dtype, copy=True):
        cuda.STATE.check()
        same = np.dtype(dtype) == self.dtype
        if not same and str(self.dtype) in FLUSHED:
            wide = self.host.astype(np.float32)
            zeros = np.copysign(np.float32(0), wide)
            return put(np.where(abs(wide) < SMALLEST, zeros, wide).astype(dtype))
        return self if same and not copy else put(self.host.astype(dtype))

    def fill(self, value):
        cuda.STATE.check()
        self.host.fill(value)

    def item(self):
        return self.get().item()


def _property(name):
    return property(lambda self: getattr(self.host, name))


def _method(name):
    def method(self, *args, **kwargs):
        cuda.STATE.check()
        refuse_host(args, kwargs)
        return wrapped(getattr(self.host, name)(*unwrapped(args), **unwrapped(kwargs)))

    return method


for _name in ("shape", "dtype", "ndim", "size", "nbytes", "itemsize", "strides"):
    setattr(ndarray, _name, _property(_name))
for _name in (
    *("reshape", "ravel", "view", "transpose", "sum", "max", "min", "mean", "any", "all"),
    *("cumsum", "argmax", "repeat", "nonzero", "take"),
):
    setattr(ndarray, _name, _method(_name))


def put(host):
    """A copy on the device, aligned as its allocations are."""
    cuda.STATE.check()
    host = np.asarray(host)
    cuda.POOL.take(host.nbytes)
    raw = np.empty(host.nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    there = raw[start : start + host.nbytes].view(host.dtype).reshape(host.shape)
    there[...] = host
    return ndarray(there)


def refuse_host(args, kwargs):
    """CuPy takes no NumPy arrays beside its own."""
    for value in (*args, *kwargs.values()):
        if isinstance(value, np.ndarray) and value.ndim:
            raise TypeError(f"Unsupported type {type(value)}")
        if isinstance(value, (tuple, list)):
            refuse_host(value, {})


def unwrapped(value):
    if isinstance(value, ndarray):
        return value.host
    if isinstance(value, (tuple, list)):
        return type(value)(map(unwrapped, value))
    if isinstance(value, dict):
        return {key: unwrapped(one) for key, one in value.items()}
    return value


def wrapped(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return ndarray(np.asarray(value))
    if isinstance(value, (tuple, list)):
        return type(value)(map(wrapped, value))
    return value
