"""Ten kills at random moments, over each kind of training and sampler; `tests/benchmarks/kill_at_random.py` sends
more of them, also to the whole book."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "kill_at_random.py"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the script forks, and reads /proc")
def test_ten_kills_leave_the_bits_of_an_unbroken_run(tmp_path):
    command = [sys.executable, str(SCRIPT), "--kills", "10", "--without-book", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 kills; all ended with the same bits" in done.stdout
