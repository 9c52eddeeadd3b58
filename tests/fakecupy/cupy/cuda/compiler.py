"""The compiler: what it makes is the source itself, and the names that it was asked for."""

from __future__ import annotations

import pickle


def compile_using_nvrtc(source, options=(), arch=None, filename="kern.cu", name_expressions=None):
    if "-std=c++17" not in options or not any(one.startswith("-I") for one in options):
        raise RuntimeError(f"{filename}: not found: warp.cuh")
    names = tuple(name_expressions)
    return pickle.dumps((source, names)), {name: mangled(name) for name in names}


def mangled(name):
    """A template is called otherwise in machine code, a kernel of C is not."""
    return f"_Z{len(name)}{name}" if "<" in name else name
