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
    code = "from vireid_lib.book import open_book; import torch"
    run = subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    printed = [line.split("'")[1] for line in run.stderr.splitlines() if "GOMP_SPINCOUNT" in line]
    assert len(set(printed)) == 1, run.stderr
    return printed[0]


def test_a_waiting_thread_sleeps_soon(tmp_path):
    assert taken(tmp_path) == "10000"


@pytest.mark.parametrize(("chosen", "expected"), [
    ({"GOMP_SPINCOUNT": "77"}, {"77"}), ({"OMP_WAIT_POLICY": "active"}, {"30000000000", "INFINITY"}),
    ({"OMP_WAIT_POLICY": "passive"}, {"0"}),
])  # fmt: skip
def test_the_users_choice_stands(tmp_path, chosen, expected):
    assert taken(tmp_path, **chosen) in expected
