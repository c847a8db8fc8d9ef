"""A home that cannot be written: what Jupyter, IPython and Matplotlib keep goes elsewhere."""

from pathlib import Path

import pytest

from vireid_lib.experiment import lab

NAMES = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR")


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in (*NAMES, "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "JUPYTER_PLATFORM_DIRS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_one_that_cannot_is_not(home, tmp_path, monkeypatch):
    writable = lab.writable
    monkeypatch.setattr(lab, "writable", lambda place: home not in place.parents and writable(place))
    moved = lab.elsewhere(tmp_path / "other")
    assert set(moved) == set(NAMES) and all(Path(place).parent == tmp_path / "other" for place in moved.values())
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "own"))  # what the user has set, and can be written, stands
    assert set(lab.elsewhere(tmp_path / "other")) == set(NAMES) - {"IPYTHONDIR"}
