"""Two at once on one workspace: a book and a study, two machines that share a folder. A stage is made once.

A machine is a process with a host name of its own and, as on a shared folder whose locks end at each machine, with
locks that no other process sees.
"""

import json
import os
import subprocess
import sys
import time

import chapters
import pytest

from vireid_lib.experiment.provenance import RESULT

pytest.importorskip("fcntl")
pytestmark = pytest.mark.slow

STAGE = """
import os
import time
from pathlib import Path

from vireid_lib.experiment.cache import Cache


def make(folder):
    with open(folder.parents[2] / "made", "a") as log:
        log.write(f"{os.getpid()}\\n")
    while (folder.parents[2] / "hold").exists():
        time.sleep(0.05)
    return {"process": os.getpid()}


def work(workspace):
    (Path(workspace) / f"asked-{os.getpid()}").touch()
    return Cache(workspace).stage("work", {}, {}, make)
"""
RUN = """
import sys
from pathlib import Path
from vireid_lib.experiment.runner import run_book
chapters, workspace, study = sys.argv[1:]
done = run_book("smoke", workspace=workspace, chapters_folder=Path(chapters), study=study or None, site=False)
print(done.failure)
sys.exit(not done.ok)
"""
MACHINE = """
import fcntl, socket, sys
from pathlib import Path
from vireid_lib.experiment import locks
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.profile import Profile
host, profile, workspace = sys.argv[1:]
socket.gethostname = lambda: host
fcntl.flock = lambda *_: None
locks.BEAT_S, locks.LOOK_S = 0.2, 0.05
Run(Profile.model_validate_json(Path(profile).read_text()), workspace).evaluate("dive", 0)
"""


@pytest.fixture
def start():
    """Start a Python process with a script and arguments; those still running are ended after the test."""
    started = []

    def run(script, *arguments):
        command = [sys.executable, "-u", "-c", script, *map(str, arguments)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def ended(process):
    words, _ = process.communicate(timeout=600)
    assert process.returncode == 0, words


def test_a_book_and_a_study(tmp_path, start, monkeypatch):
    modules, workspace = tmp_path / "modules", tmp_path / "w"
    modules.mkdir()
    workspace.mkdir()
    (modules / "shared_work.py").write_text(STAGE)
    for name in ("01_first", "other"):
        chapters.write(tmp_path / "chapters", name, "from shared_work import work\n\nprint(work(workspace).values)")
    paths = [str(modules), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    (workspace / "hold").touch()
    both = [start(RUN, tmp_path / "chapters", workspace, study) for study in ("", "other")]
    until = time.monotonic() + 300
    while len(list(workspace.glob("asked-*"))) < 2:
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
    time.sleep(1)
    (workspace / "hold").unlink()
    for each in both:
        ended(each)
    (record,) = workspace.glob(f"stages/work/*/{RESULT}")
    assert (workspace / "made").read_text().split() == [str(json.loads(record.read_text())["values"]["process"])]
    assert not list(workspace.glob("stages/work/*.partial"))
    for name in ("book", "study_other"):
        assert json.loads((workspace / f"{name}.json").read_text())["ok"]


def test_two_machines_at_the_real_stages(tiny_profile, tmp_path, start):
    """DiVE's fine-tuning, a gallery and a training: each is made once, as one machine alone makes it."""
    profile = tmp_path / "profile.json"
    profile.write_text(tiny_profile.model_dump_json())
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    ended(start(MACHINE, "left", profile, alone))
    for each in [start(MACHINE, host, profile, shared) for host in ("left", "right")]:
        ended(each)
    found = {}
    for folder in (alone, shared):
        records = sorted(folder.glob(f"stages/*/*/{RESULT}"))
        held = [json.loads(record.read_text()) for record in records]
        assert [each["attempts"] for each in held] == [1] * len(held) and len(held) >= 4
        weights = sorted(folder.glob("stages/fit_dive/*/fitted/**/*.safetensors"))
        pictures = sorted(folder.glob("stages/gallery_dive/*/cam*/*/*.png"))
        files = {path.relative_to(folder): path.read_bytes() for path in weights + pictures}
        found[folder] = [(each["stage"], each["values"]) for each in held], files
    assert found[alone][1] == found[shared][1] and found[alone][1]
    assert found[alone][0] == found[shared][0]
