"""The cores that a process really has: affinity, and the quotas of control groups of both versions."""

import os
import subprocess
import sys

import pytest

from vireid_lib import cores


def tree(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


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
    groups = tree(tmp_path / "groups", files)
    (tmp_path / "own").write_text(own)
    assert sorted(set(cores.quotas(groups, tmp_path / "own"))) == expected


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert list(cores.quotas(tmp_path, tmp_path / "gone")) == []


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
