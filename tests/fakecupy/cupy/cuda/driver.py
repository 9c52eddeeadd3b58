"""What a kernel takes of a multiprocessor."""

from __future__ import annotations

from . import runtime

CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, CU_FUNC_ATTRIBUTE_NUM_REGS = 3, 4
CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8


def funcGetAttribute(attribute, function):
    return {
        CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: 0,
        CU_FUNC_ATTRIBUTE_NUM_REGS: 32,
        CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: function.most_shared,
    }[attribute]


def funcSetAttribute(function, attribute, value):
    if value > runtime.getDeviceProperties(0)["sharedMemPerBlockOptin"]:
        raise runtime.CUDADriverError("CUDA_ERROR_INVALID_VALUE: invalid argument")
    assert attribute == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    function.most_shared = value
