"""A home that cannot be written, or is not there: what Jupyter, IPython and Matplotlib keep goes elsewhere."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vireid_lib.experiment import homes

NAMES = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR")


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in (*NAMES, "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "JUPYTER_PLATFORM_DIRS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_a_home_that_can_be_written_is_used(home, tmp_path):
    assert homes.elsewhere(tmp_path / "other") == {} and list(home.iterdir()) == []


def test_one_that_cannot_is_not(home, tmp_path, monkeypatch):
    writable = homes.writable
    monkeypatch.setattr(homes, "writable", lambda place: home not in place.parents and writable(place))
    moved = homes.elsewhere(tmp_path / "other")
    assert set(moved) == set(NAMES) and all(Path(place).parent == tmp_path / "other" for place in moved.values())
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "own"))  # what the user has set, and can be written, stands
    assert set(homes.elsewhere(tmp_path / "other")) == set(NAMES) - {"IPYTHONDIR"}


def test_a_file_in_place_of_a_folder_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    assert homes.writable(tmp_path / "new" / "folder") and not homes.writable(tmp_path / "file" / "folder")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="how a home is made read-only for root too")
@pytest.mark.parametrize("there", [True, False], ids=["read-only", "missing"])
def test_lab_starts_without_a_home(home, tmp_path, there):
    """It ends when it is told to, and leaves nothing."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if drop and not shutil.which("setpriv"):
        pytest.skip("needs setpriv for root")
    home.chmod(0o555)
    environment = os.environ | {"HOME": str(home if there else home / "gone"), "TMPDIR": str(tmp_path)}
    command = [*drop, sys.executable, "-m", "vireid_lib.cli", "lab", "--no-browser"]
    log = tmp_path / "log"
    with (
        open(log, "w") as stream,
        subprocess.Popen(
            command, env=environment, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
        ) as process,
    ):
        try:
            end = time.monotonic() + 300
            while "is running at" not in log.read_text():
                assert process.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.5)
        finally:
            os.killpg(process.pid, 2)
            time.sleep(1)
            os.killpg(process.pid, 2)
            process.wait(60)
    said = log.read_text()
    assert "Traceback" not in said and "PermissionError" not in said and "home cannot be written" in said
