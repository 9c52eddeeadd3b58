"""What doctor finds: nothing on a quiet machine, and each thing once it is spoilt."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest
from machine import CPUS, Nvml, machine, process, stat

from spmvbench.doctor import Severity, System, diagnose
from spmvbench.doctor.finding import Topic
from spmvbench.doctor.report import as_json, as_text
from spmvbench.doctor.system import cpu_list, written
from spmvbench.doctor.toolkit import cupys

OTHER = "proc/4242/stat"
CORE_BUSY = {"proc/stat": stat(user=100, idle=700)}
GROUP = "sys/fs/cgroup/user/me"
OLD_GROUP = {"proc/self/cgroup": "4:cpu,cpuacct:/box\n3:memory:/box"}


def found(around, topic):
    (one,) = [one for one in diagnose(around) if one.topic == topic]
    return one


def test_a_quiet_machine_is_all_well(tmp_path):
    assert {f.severity for f in diagnose(machine(tmp_path))} == {Severity.ok}


SPOILT = {
    "CPU governor": ({f"{CPUS}/cpu2/cpufreq/scaling_governor": "powersave"}, {}, "warning"),
    "turbo": ({f"{CPUS}/intel_pstate/no_turbo": "0"}, {}, "note"),
    "power supply": ({"sys/class/power_supply/AC/online": "0"}, {}, "warning"),
    "SMT": ({f"{CPUS}/cpu{n}/topology/thread_siblings_list": "0,2" for n in (0, 2)}, {}, "note"),
    "virtual machine": ({"proc/cpuinfo": "flags\t\t: fpu hypervisor\n"}, {}, "note"),
    "CPUs in use": ({f"{CPUS}/online": "0-7"}, {}, "note"),
    "CPU quota": ({f"{GROUP}/cpu.max": "150000 100000"}, {}, "warning"),
    "memory limit": ({f"{GROUP}/memory.max": str(8 << 30)}, {}, "note"),
    "NUMA": ({"sys/devices/system/node/node1/cpulist": "2-3"}, {}, "warning"),
    "swap": ({"proc/swaps": "Filename\n/dev/sda2 partition 9000 2048 -2\n"}, {}, "warning"),
    "huge pages": (
        {"sys/kernel/mm/transparent_hugepage/enabled": "always madvise [never]"},
        {},
        "note",
    ),
    "load": ({"proc/loadavg": "3.00 2.00 1.00 4/99 4242"}, {}, "warning"),
    "busy processes": (
        {OTHER: process("a (b) c", 10)},
        CORE_BUSY | {OTHER: process("a (b) c", 110)},
        "warning",
    ),
    "steal": ({}, {"proc/stat": stat(idle=780, steal=20)}, "warning"),
}


@pytest.mark.parametrize("topic", SPOILT)
def test_what_is_spoilt_is_found_with_a_reason_and_a_command_and_nothing_else_is(topic, tmp_path):
    before, after, severity = SPOILT[topic]
    bad = [f for f in diagnose(machine(tmp_path, before, after)) if f.severity is not Severity.ok]
    assert [(f.topic, f.severity) for f in bad] == [(topic, severity)]
    assert bad[0].why
    assert bad[0].fix


VARIABLES = {
    "Numba threads": ({"NUMBA_NUM_THREADS": "2"}, {"NUMBA_NUM_THREADS": "4"}, "warning"),
    "waiting threads": ({"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "passive"}, "warning"),
    "pinned threads": ({"OMP_PROC_BIND": "close"}, {"OMP_PROC_BIND": "false"}, "note"),
    "huge pages": ({"NUMPY_MADVISE_HUGEPAGE": "0"}, {"NUMPY_MADVISE_HUGEPAGE": "1"}, "note"),
}


@pytest.mark.parametrize("topic", VARIABLES)
def test_a_variable_is_named_when_its_value_spoils_and_only_then(topic, tmp_path):
    bad, good, severity = VARIABLES[topic]
    one = found(machine(tmp_path, **bad), topic)
    assert one.severity == severity
    assert f"unset {next(iter(bad))}" in one.fix
    assert found(machine(tmp_path, **good), topic).severity is Severity.ok


def test_a_blas_with_fewer_threads_than_cpus_is_noted_with_the_variable_that_does_it(tmp_path):
    few = [{"user_api": "blas", "internal_api": "openblas", "num_threads": 1}]
    around = replace(machine(tmp_path, OMP_NUM_THREADS="1"), libraries=few)
    assert found(around, "BLAS threads").fix == "unset OMP_NUM_THREADS"


def test_busy_processes_are_named_by_what_they_used_and_our_own_is_not(tmp_path):
    before = {OTHER: process("pytest", 10), "proc/77/stat": process("doctor", 0)}
    after = {OTHER: process("pytest", 50), "proc/77/stat": process("doctor", 90)}
    one = found(
        machine(tmp_path, before, after | {"proc/stat": stat(user=130, idle=670)}), "busy processes"
    )
    assert one.seen == "others used 10 % of all cores: pytest (4242) 40 % of a core"
    alone = {"proc/77/stat": after["proc/77/stat"], "proc/stat": stat(user=90, idle=710)}
    assert found(machine(tmp_path, before, alone), "busy processes").severity is Severity.ok


def test_cpu_time_of_nobody_visible_is_a_warning_too(tmp_path):
    one = found(machine(tmp_path, {}, CORE_BUSY), "busy processes")
    assert one.seen == "others used 25 % of all cores, none of them visible here"


@pytest.mark.parametrize(
    ("files", "seen"),
    [
        ({"sys/fs/cgroup/user/cpu.max": "300000 100000"}, "3 CPUs for 4 in use"),
        (
            {f"{GROUP}/cpu.max": "200000 100000", f"{GROUP}/cpu.stat": "nr_throttled 5"},
            "2 CPUs for 4 in use; stopped 5 times so far",
        ),
        (
            OLD_GROUP
            | {
                "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us": "50000",
                "sys/fs/cgroup/cpu/box/cpu.cfs_period_us": "100000",
            },
            "0.5 CPUs for 4 in use",
        ),
        ({f"{GROUP}/cpu.max": "800000 100000"}, "8 CPUs for 4 in use"),
        ({f"{GROUP}/cpu.max": "max 100000"}, "none"),
    ],
    ids=["of a parent", "stopped before", "version 1", "wide", "no limit"],
)
def test_a_cpu_quota_is_found_in_both_versions_of_control_groups(files, seen, tmp_path):
    assert found(machine(tmp_path, files), "CPU quota").seen == seen


def test_little_memory_is_a_warning_whatever_the_limit_is_called(tmp_path):
    limits = {"memory.limit_in_bytes": str(3 << 30), "memory.usage_in_bytes": str(2 << 30)}
    old = {f"sys/fs/cgroup/memory/box/{name}": text for name, text in limits.items()}
    one = found(machine(tmp_path, OLD_GROUP | old), "memory limit")
    assert (one.severity, one.seen) == ("warning", "1.0 GiB free of a limit of 3.0")


def test_smt_is_mended_by_one_thread_of_each_core(tmp_path):
    pairs = {
        f"{CPUS}/cpu{n}/topology/thread_siblings_list": f"{n % 2},{n % 2 + 2}" for n in range(4)
    }
    assert "taskset --cpu-list 0-1 " in found(machine(tmp_path, pairs), "SMT").fix


def test_turbo_of_other_makers_is_read_too(tmp_path):
    around = machine(tmp_path, {f"{CPUS}/cpufreq/boost": "1"})
    (tmp_path / CPUS / "intel_pstate/no_turbo").unlink()
    assert found(around, "turbo").fix == f"echo 0 | sudo tee /{CPUS}/cpufreq/boost"


def test_a_machine_that_tells_nothing_gives_findings_and_no_error(tmp_path):
    around = replace(machine(tmp_path), system=System(tmp_path / "empty", frozenset({0}), {}, 1))
    assert {f.severity for f in diagnose(around)} == {Severity.ok, Severity.note}


def test_lists_of_cpus_are_read_and_written_as_the_kernel_does():
    assert cpu_list("0-2,7") == {0, 1, 2, 7}
    assert written(frozenset({7, 0, 1, 2})) == "0-2,7"
    assert cpu_list("") == frozenset()


def test_a_quiet_card_is_all_well_but_for_clocks_that_may_wander(tmp_path):
    nvml = Nvml()
    findings = diagnose(machine(tmp_path, nvml=nvml))
    assert [f.topic for f in findings if f.severity is not Severity.ok] == ["GPU 0 clocks"]
    assert nvml.shut


CARDS = {
    "clocks": ({"DeviceGetApplicationsClock": 1200}, "--reset-applications-clocks"),
    "persistence mode": ({"DeviceGetPersistenceMode": 0}, "--persistence-mode=1"),
    "ECC": ({"DeviceGetEccMode": [1, 0]}, "--gpu-reset"),
    "MIG": ({"DeviceGetMigMode": [1, 1]}, "--multi-instance-gpu=0"),
    "power cap": ({"DeviceGetPowerManagementLimit": 400_000}, "--power-limit=700"),
    "throttling": ({"DeviceGetCurrentClocksThrottleReasons": 0x41}, "--display=PERFORMANCE"),
}


@pytest.mark.parametrize("topic", CARDS)
def test_a_spoilt_card_is_a_warning_with_the_command_that_mends_it(topic, tmp_path):
    changed, fix = CARDS[topic]
    one = found(machine(tmp_path, nvml=Nvml(**changed)), f"GPU 0 {topic}")
    assert one.severity is Severity.warning
    assert fix in one.fix


def test_why_a_card_is_slow_is_said_in_the_words_of_the_column_throttle(tmp_path):
    around = machine(tmp_path, nvml=Nvml(DeviceGetCurrentClocksThrottleReasons=0x1 | 0x10 | 0x20))
    assert found(around, "GPU 0 throttling").seen == "sync-boost, thermal"


def test_ecc_off_is_noted_for_times_compare_only_where_it_is_equal(tmp_path):
    around = machine(tmp_path, nvml=Nvml(DeviceGetEccMode=[0, 0]))
    assert found(around, "GPU 0 ECC").severity is Severity.note


def test_processes_on_a_card_are_named_but_for_our_own(tmp_path):
    class Process:
        def __init__(self, pid):
            self.pid = pid

    busy = Nvml(DeviceGetComputeRunningProcesses=[Process(77), Process(4242)])
    assert found(machine(tmp_path, nvml=busy), "GPU 0 other processes").seen == "1: 4242"
    own = Nvml(DeviceGetComputeRunningProcesses=[Process(77)])
    assert found(machine(tmp_path, nvml=own), "GPU 0 other processes").severity is Severity.ok


def test_a_card_that_is_busy_for_someone_outside_the_container_is_a_warning(tmp_path):
    class Used:
        used, gpu = 40 << 30, 93

    nvml = Nvml(DeviceGetMemoryInfo=Used(), DeviceGetUtilizationRates=Used())
    one = found(machine(tmp_path, nvml=nvml), "GPU 0 other processes")
    assert one.seen == "none visible here, but 93 % busy and 40.0 GiB in use"


def test_what_a_card_does_not_tell_gives_no_finding(tmp_path):
    silent = Nvml(DeviceGetEccMode=Nvml.NVMLError("Not Supported"))
    topics = [f.topic for f in diagnose(machine(tmp_path, nvml=silent))]
    assert "GPU 0 ECC" not in topics
    assert "GPU 0 MIG" in topics


DRIVER = {"proc/driver/nvidia/version": "NVRM version: 570"}


@pytest.mark.parametrize(
    ("files", "nvml", "severity"),
    [
        ({}, None, "ok"),
        ({}, Nvml(Init=Nvml.NVMLError("Library Not Found")), "ok"),
        (DRIVER, None, "note"),
        (DRIVER, Nvml(Init=Nvml.NVMLError("Driver/library version mismatch")), "warning"),
    ],
)
def test_a_driver_without_its_library_is_said_and_no_driver_is_fine(
    files, nvml, severity, tmp_path
):
    assert found(machine(tmp_path, files, nvml=nvml), "NVIDIA GPUs").severity == severity


@pytest.mark.parametrize(
    ("runtime", "severity"), [(12060, "ok"), (12090, "note"), (13000, "warning"), (None, "note")]
)
def test_a_cuda_runtime_newer_than_the_driver_is_found(runtime, severity, tmp_path):
    around = machine(tmp_path, nvml=Nvml(), runtime=runtime)
    assert found(around, "CUDA runtime").severity == severity


def test_two_cupy_packages_are_a_warning_and_those_installed_are_found(tmp_path):
    around = machine(tmp_path, cupys=["cupy-cuda12x", "cupy-cuda13x"])
    assert found(around, "CUDA runtime").fix == "python -m pip uninstall cupy-cuda12x"
    assert len(cupys()) < 2


THREE = [
    Topic("first", "why not").ok("fine"),
    Topic("second", "it costs").warning("bad", "mend it"),
    Topic("third", "it may").note("odd", "look"),
]


def test_the_text_has_the_worst_first_with_reason_and_command():
    assert as_text(THREE, 80) == (
        "warning  second  bad\n"
        "         why: it costs\n"
        "         fix: mend it\n"
        "note     third   odd\n"
        "         why: it may\n"
        "         fix: look\n"
        "ok       first   fine\n"
        "\n"
        "1 warning, 1 note, 1 ok; nothing was changed"
    )


def test_a_long_line_goes_on_below_its_own_beginning():
    one = Topic("load", "it takes the cores").warning("6.55 in the last minute", "kill --help 12")
    assert as_text([one], 30).splitlines()[:6] == [
        "warning  load  6.55 in the",
        "               last minute",
        "         why: it takes the",
        "              cores",
        "         fix: kill --help 12",
        "",
    ]


def test_the_json_has_every_field_in_the_order_of_looking():
    first, second, _ = json.loads(as_json(THREE))
    assert first["severity"] == "ok"
    assert second == {
        "topic": "second",
        "severity": "warning",
        "seen": "bad",
        "why": "it costs",
        "fix": "mend it",
    }


def test_the_command_answers_on_this_machine_with_exit_code_0():
    done = subprocess.run(
        [sys.executable, "-m", "spmvbench", "doctor", "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"CPU governor", "load", "NVIDIA GPUs"} <= {f["topic"] for f in json.loads(done.stdout)}
