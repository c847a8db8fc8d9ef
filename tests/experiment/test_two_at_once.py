"""Two at once on one workspace: books, a study, machines that share a folder. A stage is made once.

A machine is a process with a host name of its own and, as on a shared folder whose locks end at each machine, with
locks that no other process sees.
"""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from vireid_lib.experiment.stage_folders import RESULT

pytest.importorskip("fcntl")

STAGE = """
import os
import time
from pathlib import Path

from vireid_lib.experiment.cache import Cache


def make(folder):
    with open(folder.parents[2] / "made", "a") as log:
        log.write(f"{os.getpid()}\\n")
    for step in range(5):
        with open(folder / "steps", "a") as file:
            file.write(f"{step}\\n")
    while (folder.parents[2] / "hold").exists():
        time.sleep(0.05)
    return {"process": os.getpid(), "steps": (folder / "steps").read_text()}


def work(workspace):
    (Path(workspace) / f"asked-{os.getpid()}").touch()
    return Cache(workspace).stage("work", {}, {}, make)
"""

MACHINE = """
import fcntl, socket, sys
from pathlib import Path
from vireid_lib.experiment import locks
host, patience, beat, workspace = sys.argv[1:]
socket.gethostname = lambda: host
fcntl.flock = lambda *_: None
locks.PATIENCE_S, locks.BEAT_S, locks.LOOK_S = float(patience), float(beat), 0.05
"""

PARAMETERS = '# %% tags=["parameters"]\nprofile = ""\nworkspace = ""\ndata_root = ""\n'
CHAPTER = PARAMETERS + "\n# %%\nfrom shared_work import work\n\nprint(work(workspace).values)\n"

RUN = """
import sys
from pathlib import Path
from vireid_lib.experiment.runner import run_book
chapters, workspace, study = sys.argv[1:]
done = run_book("smoke", workspace=workspace, chapters_folder=Path(chapters), study=study, site=False)
print(done.failure)
sys.exit(not done.ok)
"""


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """Folder of the workspace; module `shared_work` is there for all processes."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "shared_work.py").write_text(STAGE)
    paths = [str(tmp_path / "modules"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    folder = tmp_path / "chapters"
    folder.mkdir()
    for name in ("01_first", "other"):
        (folder / f"{name}.py").write_text(CHAPTER)
    (tmp_path / "w").mkdir()
    return tmp_path / "w"


@pytest.fixture
def hold(workspace):
    """While this file is there, the stage does not end."""
    file = workspace / "hold"
    file.touch()
    yield file
    file.unlink(missing_ok=True)


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


def machine(start, host, workspace, *, patience=60.0, beat=0.2, do="from shared_work import work\nwork(workspace)"):
    return start(f"{MACHINE}\n{textwrap.dedent(do)}", host, patience, beat, workspace)


def wait_for(condition, seconds=300):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def says(process, text):
    """The line with that text, as soon as a process has printed it."""
    return next(line for line in process.stdout if text in line)


def said(process):
    """What a process has printed, once it has ended; it must have ended well."""
    words, _ = process.communicate(timeout=600)
    assert process.returncode == 0, words
    return words


def made_once(workspace):
    """The only stage's record: it was made by one process, all by itself."""
    (record,) = workspace.glob(f"stages/work/*/{RESULT}")
    values = json.loads(record.read_text())["values"]
    assert (workspace / "made").read_text().split() == [str(values["process"])]
    assert values["steps"].split() == list("01234")
    assert not list(workspace.glob("stages/work/*.partial"))
    return values


def test_two_machines_whose_locks_do_not_see_each_other(workspace, hold, start):
    first = machine(start, "left", workspace, patience=3)
    wait_for((workspace / "made").exists)
    second = machine(start, "right", workspace, patience=3)
    assert f"process {first.pid} on left" in says(second, "is making stage work; waiting for it")
    time.sleep(4)  # longer than the patience: signs of life count
    hold.unlink()
    said(first), said(second)
    assert made_once(workspace)["process"] == first.pid


def test_a_machine_that_died_is_named_with_a_remedy_and_waited_for(workspace, hold, start):
    first = machine(start, "left", workspace, patience=3)
    wait_for(lambda: list(workspace.glob("stages/work/*.partial/steps")))
    first.send_signal(signal.SIGKILL)
    first.wait()
    hold.unlink()
    (marker,) = workspace.glob("stages/work/.*.held")
    began = time.monotonic()
    words = said(machine(start, "right", workspace, patience=3))
    assert f"process {first.pid} on left" in words and f"delete {marker}" in words
    assert time.monotonic() - began > 3
    (record,) = workspace.glob(f"stages/work/*/{RESULT}")
    assert json.loads(record.read_text())["attempts"] == 2 and not marker.exists()


BOOK_THERE = "from vireid_lib.experiment.locks import held\nimport time\nwith held(Path(workspace) / '.book.lock'):\n"


def test_a_book_of_another_machine_is_not_disturbed(workspace, start):
    there = machine(start, "left", workspace, patience=4, do=f"{BOOK_THERE}    print('held')\n    time.sleep(600)")
    assert there.stdout.readline().strip() == "held"
    chapters = f"chapters, study = {str(workspace.parent / 'chapters')!r}, ''"
    here = machine(
        start, "right", workspace, patience=4, do=RUN.replace("chapters, workspace, study = sys.argv[1:]", chapters)
    )
    words, _ = here.communicate(timeout=600)
    assert here.returncode and f"process {there.pid} on left" in words
    assert "Another `vireid book` is running" in words and not (workspace / "book.json").exists()


@pytest.mark.slow
def test_a_book_and_a_study(workspace, hold, start):
    both = [start(RUN, workspace.parent / "chapters", workspace, study) for study in ("", "other")]
    wait_for(lambda: len(list(workspace.glob("asked-*"))) == 2)
    time.sleep(1)
    hold.unlink()
    for each in both:
        said(each)
    made_once(workspace)
    for name in ("book", "study_other"):
        assert json.loads((workspace / f"{name}.json").read_text())["ok"]


@pytest.mark.slow
def test_two_machines_at_the_real_stages(tiny_profile, tmp_path, start):
    """DiVE's fine-tuning, a gallery and a training: each is made once, as one machine alone makes it."""
    (tmp_path / "profile.json").write_text(tiny_profile.model_dump_json())
    do = f"""
        from vireid_lib.experiment.pipeline import Run
        from vireid_lib.experiment.profile import Profile
        profile = Profile.model_validate_json(Path({str(tmp_path / "profile.json")!r}).read_text())
        Run(profile, workspace).evaluate("dive", 0)
    """
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    said(machine(start, "left", alone, do=do))
    for each in [machine(start, host, shared, do=do) for host in ("left", "right")]:
        said(each)
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
