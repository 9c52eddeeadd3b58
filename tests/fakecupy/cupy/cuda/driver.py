"""What a kernel takes of a multiprocessor."""

from __future__ import annotations

CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, CU_FUNC_ATTRIBUTE_NUM_REGS = 3, 4


def funcGetAttribute(attribute, function):
    return {CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: 0, CU_FUNC_ATTRIBUTE_NUM_REGS: 32}[attribute]
