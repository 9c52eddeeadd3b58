"""Counts the machine instructions of the fast kernels' main loops.

`python tests/instructions.py [PATH OF NVDISASM]`; it is in NVIDIA's wheel `nvidia-cuda-nvdisasm`.

A loop is what lies between a backward branch with a condition and its target; the main loop of a
kernel is the one with the most dp4a instructions (IDP), of which there is one for each entry.
Counted is the shortest way through it: not what is done for the first and the last entries of a row
only.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kernel_table import FOLDER, KERNELS
from nvrtc import compile_for

ARCH = "sm_90a"
ADDRESS = re.compile(r"^\s*/\*([0-9a-f]{4,})\*/\s+(@!?U?P\d+\s+)?([A-Z0-9_.]+)(.*);", re.M)
TARGET = re.compile(r"\(\.(L_x_\d+)\)")


def instructions(sass: str) -> Iterator[tuple[str, bool, str, str]]:
    """(label before it or "", whether it has a condition, opcode, operands) of each."""
    label = ""
    for line in sass.splitlines():
        if found := re.match(r"^\.(L_x_\d+):", line):
            label = found[1]
        elif found := ADDRESS.match(line):
            yield label, bool(found[2]), found[3], found[4]
            label = ""


def loops(sass: str) -> list[list[str]]:
    """The opcodes of each loop, on the shortest way from its first instruction to its last."""
    listed = list(instructions(sass))
    places = {label: i for i, (label, *_) in enumerate(listed) if label}
    targets = [
        places.get(found[1], len(listed)) if opcode.startswith("BRA") and found else None
        for _, _, opcode, operands in listed
        for found in [TARGET.search(operands)]
    ]
    back = [i for i, to in enumerate(targets) if to is not None and to <= i and listed[i][1]]
    ways = [shortest(targets, targets[i], i) for i in back]
    return [[listed[i][2] for i in way] for way in ways]


def shortest(targets: list[int | None], begin: int, end: int) -> list[int]:
    """The places of the fewest instructions from `begin` to `end`, both included."""
    came_from, front = {begin: begin}, [begin]
    while front and end not in came_from:
        following = []
        for at in front:
            for to in (targets[at], at + 1):
                if to is not None and begin < to <= end and to not in came_from:
                    came_from[to] = at
                    following.append(to)
        front = following
    way = [end]
    while way[-1] != begin:
        way.append(came_from[way[-1]])
    return way[::-1]


def main_loop(sass: str) -> list[str]:
    """See the module."""
    return min(loops(sass), key=lambda loop: (-entries_of(loop), len(loop)))


def entries_of(loop: list[str]) -> int:
    """Entries that a lane takes in one round."""
    return sum(opcode.startswith("IDP") for opcode in loop)


def disassembler(arguments: list[str]) -> str:
    """Where nvdisasm is: said, or in NVIDIA's wheel."""
    if arguments:
        return arguments[0]
    from cuda.pathfinder import find_nvidia_binary_utility

    found = find_nvidia_binary_utility("nvdisasm")
    return found or sys.exit("nvdisasm was not found: pip install nvidia-cuda-nvdisasm")


def disassembled(program: str, kernel: str, variant: str) -> str:
    """The machine code of one kernel."""
    compiled = compile_for(FOLDER / f"{kernel}.cu", ARCH, [variant])
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(compiled.cubin)
        done = subprocess.run(
            [program, "-c", file.name], capture_output=True, text=True, check=True
        )
    return done.stdout


def main(arguments: list[str]) -> None:
    """Print a line for each variant of float16, and the kinds of instructions of its loop."""
    program = disassembler(arguments)
    for kernel in (kernel for kernel in KERNELS.values() if kernel.fast):
        for variant in kernel.variants(["float16"]):
            loop = main_loop(disassembled(program, kernel.file.stem, variant))
            entries = entries_of(loop)
            kinds = Counter(opcode.partition(".")[0] for opcode in loop).most_common()
            print(f"{variant}: {len(loop)} for {entries} entries, {len(loop) / entries:.2f} each")
            print("   ", " ".join(f"{kind} {count}" for kind, count in kinds))


if __name__ == "__main__":
    main(sys.argv[1:])
