"""The cores that a process really has: affinity, and the quotas of control groups of both versions."""

import os
import subprocess
import sys

import pytest

from vireid_lib import cores

V1 = {"cpu,cpuacct/job/cpu.cfs_period_us": "50000\n"}


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/a/b\n", {"a/b/cpu.max": "150000 100000\n", "a/cpu.max": "max 100000\n"}, [1.5]),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "400000 100000\n"}, [4.0]),
        ("0::/\n", {"cpu.max": "50000 100000\n"}, [0.5]),
        ("0::/docker/1f\n", {"cpu.max": "200000 100000\n"}, [2.0]),  # the host's path, inside the container
        ("4:cpu,cpuacct:/job\n", V1 | {"cpu,cpuacct/job/cpu.cfs_quota_us": "100000\n"}, [2.0]),
        ("4:cpuacct,cpu:/job\n", {"cpu/job/cpu.cfs_quota_us": "50000", "cpu/job/cpu.cfs_period_us": "50000"}, [1.0]),
        ("4:cpu:/job\n", {"cpu/job/cpu.cfs_quota_us": "-1\n", "cpu/job/cpu.cfs_period_us": "100000\n"}, []),
        ("1:cpuset:/job\n0::/\n", {"unified/cpu.max": "300000 100000\n"}, [3.0]),
        ("0::/a\n", {"a/cpu.max": "nonsense\n"}, []),
        ("0::/a\n", {}, []),
        ("", {}, []),
    ],
)
def test_quotas_are_found_wherever_they_are_set(tmp_path, own, files, expected):
    for name, text in ({"own": own} | {f"groups/{name}": text for name, text in files.items()}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert sorted(set(cores.quotas(tmp_path / "groups", tmp_path / "own"))) == expected


@pytest.mark.parametrize(("quotas", "expected"), [([], 4), ([2.9], 2), ([0.3], 1), ([8.0], 4), ([3.0, 1.5], 1)])
def test_the_scarcest_counts_and_one_core_is_always_there(monkeypatch, quotas, expected):
    monkeypatch.setattr(cores, "allowed", lambda: 4)
    monkeypatch.setattr(cores, "quotas", lambda: iter(quotas))
    assert cores.available() == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_a_process_on_one_core_has_one():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\nfrom vireid_lib import cores\n"
    run = subprocess.run([sys.executable, "-c", code + "print(cores.available())"], capture_output=True, text=True)
    assert run.stdout.strip() == "1", run.stderr


# How long threads wait, which GNU's OpenMP is told before torch is loaded

linux = pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP is torch's on Linux")


def taken(tmp_path, **chosen: str) -> str:
    """GOMP_SPINCOUNT as GNU's OpenMP prints it, in a process that begins as a chapter does."""
    names = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    environment |= {"OMP_DISPLAY_ENV": "verbose", **chosen}
    code = "import vireid_lib; import torch"
    run = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    printed = [line.split("'")[1] for line in run.stderr.splitlines() if "GOMP_SPINCOUNT" in line]
    assert len(set(printed)) == 1, run.stderr
    return printed[0]


@linux
def test_a_waiting_thread_sleeps_soon_and_sooner_where_all_threads_have_one_core(tmp_path):
    if len(os.sched_getaffinity(0)) > 1:
        assert taken(tmp_path) == "10000"
    own = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(own)})  # what is started from here has it too
        assert taken(tmp_path) == "100"
    finally:
        os.sched_setaffinity(0, own)


@linux
def test_a_containers_quota_is_what_torch_has(tmp_path, monkeypatch):
    """Torch knows the cores that it may run on, and nothing of the share of their time that it is given."""
    code = (
        "from vireid_lib import cores\ncores.available = lambda: 1\ncores.allowed = lambda: 2\n"
        "import importlib, os, vireid_lib\nimportlib.reload(vireid_lib)\nimport torch\n"
        "print(torch.get_num_threads(), os.environ['OMP_NUM_THREADS'])"
    )
    chosen = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {name: value for name, value in os.environ.items() if name not in chosen}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.split("\n")[0] == "1 1"
