"""Which vector instructions the code generator in use may emit.

An intrinsic that it lacks aborts the process, and what it lacks is not what the CPU lacks: users
may name another CPU by NUMBA_CPU_NAME and NUMBA_CPU_FEATURES, and a name stands for features that
no list spells out. So the generator itself is asked: it translates four operations, and what it
makes of them says what it has.
"""

from __future__ import annotations

import functools

import llvmlite.binding as llvm
from numba.core.registry import cpu_target

AVX512 = "avx512"
AVX2 = "avx2"
GENERIC = "generic"

_PROBE = """
target triple = "{triple}"
declare <16 x i16> @llvm.masked.expandload.v16i16(ptr, <16 x i1>, <16 x i16>)
declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>)
define <16 x i16> @expand(ptr %p, <16 x i1> %m) {{
  %v = call <16 x i16> @llvm.masked.expandload.v16i16(
      ptr %p, <16 x i1> %m, <16 x i16> zeroinitializer)
  ret <16 x i16> %v
}}
define <8 x float> @widen_and_multiply(<8 x half> %v, <8 x float> %x, <8 x float> %sum) {{
  %f = fpext <8 x half> %v to <8 x float>
  %r = call <8 x float> @llvm.fma.v8f32(<8 x float> %f, <8 x float> %x, <8 x float> %sum)
  ret <8 x float> %r
}}
define <8 x i32> @add(<8 x i32> %a, <8 x i32> %b) {{
  %r = add <8 x i32> %a, %b
  ret <8 x i32> %r
}}
"""
"""On ymm registers `vpexpandw` is VBMI2, which brings F and BW, and VL; `vpaddd` is AVX2."""


@functools.cache
def tier() -> str:
    """AVX512 (BW, VL, VBMI2, F16C, FMA), AVX2 (with F16C and FMA), or GENERIC: plain code only."""
    assembly = _assembly(*cpu_target.target_context.codegen().magic_tuple())
    if not all(word in assembly for word in ("vcvtph2ps", "vfmadd")):
        return GENERIC
    lines = [line for line in assembly.splitlines() if "ymm" in line]
    if any("vpexpandw" in line for line in lines):
        return AVX512
    return AVX2 if any("vpaddd" in line for line in lines) else GENERIC


def _assembly(triple: str, name: str, features: str) -> str:
    machine = llvm.Target.from_triple(triple).create_target_machine(cpu=name, features=features)
    module = llvm.parse_assembly(_PROBE.format(triple=triple))
    return str(machine.emit_assembly(module))
