"""Threads that wait do not hold a core that another program needs, unless the user has said how they shall wait."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="GNU's OpenMP is torch's on Linux")


def taken(tmp_path, **chosen: str) -> str:
    """GOMP_SPINCOUNT as GNU's OpenMP prints it, in a process that begins as a chapter does."""
    names = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    environment |= {"OMP_DISPLAY_ENV": "verbose", **chosen}
    code = "from vireid_lib.experiment import open_book; import torch"
    run = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    printed = [line.split("'")[1] for line in run.stderr.splitlines() if "GOMP_SPINCOUNT" in line]
    assert len(set(printed)) == 1, run.stderr
    return printed[0]


def test_a_waiting_thread_sleeps_soon_and_sooner_where_all_threads_have_one_core(tmp_path):
    if len(os.sched_getaffinity(0)) > 1:
        assert taken(tmp_path) == "10000"
    own = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(own)})  # what is started from here has it too
        assert taken(tmp_path) == "100"
    finally:
        os.sched_setaffinity(0, own)


def test_a_containers_quota_is_what_torch_has(tmp_path, monkeypatch):
    """Torch knows the cores that it may run on, and nothing of the share of their time that it is given."""
    code = (
        "from vireid_lib import cores\ncores.available = lambda: 1\ncores.allowed = lambda: 2\n"
        "import importlib, os, vireid_lib\nimportlib.reload(vireid_lib)\nimport torch\n"
        "print(torch.get_num_threads(), os.environ['OMP_NUM_THREADS'])"
    )
    for given, expected in (({}, "1 1"), ({"OMP_NUM_THREADS": "2"}, "2 2")):
        environment = {
            key: value for key, value in os.environ.items() if key not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
        }
        command = [sys.executable, "-c", code]
        run = subprocess.run(command, env=environment | given, capture_output=True, text=True, check=True)
        assert run.stdout.split("\n")[0] == expected


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({"GOMP_SPINCOUNT": "77"}, {"77"}),
        ({"OMP_WAIT_POLICY": "active"}, {"30000000000", "INFINITY"}),
        ({"OMP_WAIT_POLICY": "passive"}, {"0"}),
    ],
)
def test_the_users_choice_stands(tmp_path, chosen, expected):
    assert taken(tmp_path, **chosen) in expected
