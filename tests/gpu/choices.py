"""Makes the table by which `auto` chooses on a GPU: spmvbench/cuda/choices.csv.

`python tests/gpu/choices.py RESULTS_FOLDER ...` takes the times of a run of auto_cuda.yaml and
replaces what the table has for that device, type and batch. `--predicted` fills in times that
nobody has measured, of the problems of that experiment on an H200: see predicted.py.

Both print how good the interpolation is: each density, then each shape is left out in turn, the
rest of the table chooses for it, and what was chosen is compared with the best. That is harder than
what the table is for: its neighbours are further away than those of any problem between.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from dataclasses import astuple, fields, replace
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from predicted import H200, MULTIPROCESSORS, WORK, predicted_us, takes

from spmvbench import experiment
from spmvbench.cuda.choices import PREDICTED, TABLE, Line, Product, read, times_us
from spmvbench.dtypes import itemsize
from spmvbench.errors import ResultsError, UserError
from spmvbench.formats.auto import ON_CUDA
from spmvbench.records import CSV, load
from spmvbench.share.folders import all_opened

EXPERIMENT = "auto_cuda"
ENOUGH = 0.97


def predicted():
    """Lines for all problems of the experiment, and the same with one vector in float32."""
    problems = [case.problem for case in experiment.load(EXPERIMENT).cases("cuda", 1)]
    problems += [replace(p, dtype="float32") for p in problems if p.batch == 1]
    for problem in problems:
        for name in (name for name in WORK if takes(name, problem)):
            bits = 8 * itemsize(problem.dtype)
            where = (problem.batch, name, problem.rows, problem.cols, problem.density)
            yield Line(H200, MULTIPROCESSORS, bits, *where, predicted_us(name, problem), PREDICTED)


def measured(paths):
    """Lines of all records that tell a time of what `auto` may choose, cold, on uniform matrices.

    Several of one product, of other seeds or of both 16-bit types, are one line: their median.
    """
    found, told = defaultdict(list), defaultdict(set)
    with all_opened(paths) as folders:
        for folder in folders:
            known, rows = folder.environments, load([folder.path / CSV])
            right = (rows["status"] == "ok") & (rows["cache"] == "cold") & (rows["threads"] == 0)
            rows = rows[right & (rows["pattern"] == "uniform") & rows["format"].isin(ON_CUDA)]
            for row in rows.itertuples():
                count = known.get(row.environment, {}).get("multiprocessors")
                if count is None:
                    raise ResultsError(
                        f"{folder.path}: environment {row.environment} has no multiprocessors; "
                        "restore its environment.json"
                    )
                bits = 8 * itemsize(row.dtype)
                where = (int(row.rows), int(row.cols), row.density)
                key = (row.device, int(count), bits, int(row.batch), row.format, *where)
                found[key].append(row.median_us)
                told[key].add(f"measured {row.experiment} {row.environment}")
    if not found:
        raise ResultsError(
            f"{', '.join(map(str, paths))}: no cold times of a GPU of {', '.join(ON_CUDA)}; "
            f"'spmvbench run {EXPERIMENT} --device cuda' measures them"
        )
    return [Line(*key, median(us), "; ".join(sorted(told[key]))) for key, us in found.items()]


def with_new(old, new):
    """The table with new lines in place of all that it has for their devices, types, batches."""
    replaced = {group(line) for line in new}
    return sorted(
        [*(line for line in old if group(line) not in replaced), *new],
        key=lambda line: (*group(line), line.rows * line.cols, *astuple(line)[4:8]),
    )


def group(line):
    return line.device, line.bits, line.batch


def write(lines, path):
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(field.name for field in fields(Line))
        out.writerows((*astuple(line)[:8], f"{line.median_us:.3f}", line.origin) for line in lines)


def left_out(lines, names):
    """Of each problem of one group: the best time over that of what the table chooses without it.

    `names`: of the columns by which lines are left out. Nothing is said of the first and the last
    density: nothing is beyond them.
    """
    problems = defaultdict(dict)
    for line in lines:
        problems[line.rows, line.cols, line.density][line.format] = line
    ends = {min(density for *_, density in problems), max(density for *_, density in problems)}
    for (rows, cols, density), own in problems.items():
        one = next(iter(own.values()))
        others = [x for x in lines if any(getattr(x, n) != getattr(one, n) for n in names)]
        where = one.device, one.multiprocessors, one.bits, one.batch, rows, cols, density
        chosen = next((name for name in times_us(Product(*where), others) if name in own), None)
        if chosen and density not in ends:
            best = min(line.median_us for line in own.values())
            yield best / own[chosen].median_us, f"{rows} x {cols}, density {density:g}"


def report(lines):
    """For each device, type and batch what there is, and how well it interpolates."""
    for key in dict.fromkeys(map(group, lines)):
        own = [line for line in lines if group(line) == key]
        formats = len({line.format for line in own})
        kind = own[0].origin.partition(" ")[0]
        what = f"{kind}, {len(own)} lines, {formats} formats"
        print(f"{key[0]}, {key[1]} bits, batch {key[2]}: {what}")
        shape = ("rows", "cols")
        for what, names in {"density": (*shape, "density"), "shape": shape}.items():
            shares = sorted(left_out(own, names))
            if shares:
                below = sum(share < ENOUGH for share, _ in shares)
                print(f"  without the {what}: {below} of {len(shares)} below {ENOUGH} of the best,")
                print(f"    the worst {shares[0][0]:.2f}, {shares[0][1]}")


def main(arguments=None) -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("results", type=Path, nargs="*", help="results folders of a GPU")
    asked.add_argument("--predicted", action="store_true", help="times that nobody has measured")
    asked.add_argument("--out", type=Path, default=TABLE)
    given = asked.parse_args(arguments)
    if bool(given.results) == given.predicted:
        asked.error("expected either results folders or --predicted")
    try:
        new = list(predicted()) if given.predicted else measured(given.results)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    old = read(given.out) if given.out.is_file() else ()
    if given.predicted:
        old = [line for line in old if line.origin != PREDICTED]
        new = [line for line in new if group(line) not in set(map(group, old))]
    lines = with_new(old, new)
    write(lines, given.out)
    report(lines)
    print(f"{len(lines)} lines, {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
