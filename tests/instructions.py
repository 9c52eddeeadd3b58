"""Counts the machine instructions of the fast kernels' main loops.

`python tests/instructions.py [PATH OF NVDISASM]`; it is in NVIDIA's wheel `nvidia-cuda-nvdisasm`.

A loop is what lies between a backward branch and its target; the main loop of a kernel is the one
with the most dp4a instructions (IDP), or searches for the highest bit (FLO), of which there is one
for each entry. Branches with a condition come first: one without leads back from another loop's
end, too. Counted is the shortest way through it: not what is done for the first and the last
entries of a row only.
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


def loops(sass: str, has_condition: bool) -> list[list[str]]:
    """The opcodes of each loop, on the shortest way from its first instruction to its last.

    Of those that a branch with a condition closes, or of the others.
    """
    listed = list(instructions(sass))
    places = {label: i for i, (label, *_) in enumerate(listed) if label}
    onward: list[list[int]] = []
    for i, (_, guarded, opcode, operands) in enumerate(listed):
        found = TARGET.search(operands) if opcode.startswith("BRA") else None
        to = places.get(found[1], len(listed)) if found else i + 1
        always = not guarded and re.match(r"\s*`\(", operands) and opcode == "BRA"
        onward.append([to] if always or not found else [to, i + 1])
    back = [(to[0], i) for i, to in enumerate(onward) if to[0] <= i]
    back = [(to, i) for to, i in back if listed[i][1] == has_condition]
    ways = [shortest(onward, begin, end) for begin, end in back]
    return [[listed[i][2] for i in way] for way in ways]


def shortest(onward: list[list[int]], begin: int, end: int) -> list[int]:
    """The places of the fewest instructions from `begin` to `end`, both included; none if no way.

    `onward`: the places that may follow each.
    """
    came_from, front = {begin: begin}, [begin]
    while front and end not in came_from:
        following = []
        for at in front:
            for to in onward[at]:
                if begin < to <= end and to not in came_from:
                    came_from[to] = at
                    following.append(to)
        front = following
    if end not in came_from:
        return []
    way = [end]
    while way[-1] != begin:
        way.append(came_from[way[-1]])
    return way[::-1]


def main_loop(sass: str) -> list[str]:
    """See the module."""
    found = [loop for loop in loops(sass, True) if entries_of(loop)] or loops(sass, False)
    return min(found, key=lambda loop: (-entries_of(loop), len(loop)))


def entries_of(loop: list[str]) -> int:
    """Entries that a lane takes in one round."""
    return sum(opcode.startswith(("IDP", "FLO")) for opcode in loop)


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
