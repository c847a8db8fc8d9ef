"""The runner: chapters truly run, failures are told, kills are survived, and stages are not made again."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import chapters

from vireid_lib.experiment.runner import run_book

STAGE = """\
import os
import time
from pathlib import Path

from vireid_lib.experiment.cache import Cache


def make(folder):
    done = folder / "done"
    steps = int(done.read_text()) if done.exists() else 0
    for step in range(steps, {steps}):
        time.sleep({seconds})
        done.write_text(str(step + 1))
        print(f"step {{step + 1}}", flush=True)
    return {{"steps": int(done.read_text()), "started_at": steps}}


Path(workspace, "kernel").write_text(str(os.getpid()))
record = Cache(workspace).stage("work", {{"count": count}}, {{}}, make)
print("headless", os.environ["VIREID_HEADLESS"], "count", count)
"""


def stage_chapter(folder, name, steps=2, seconds=0.0):
    chapters.write(folder, name, STAGE.format(steps=steps, seconds=seconds), more="count = 3\n")


def run(tmp_path, **options):
    places = {"workspace": tmp_path / "w", "chapters_folder": tmp_path / "chapters"}
    return run_book("smoke", **places, site=False, **options)


def stage_result(workspace):
    return json.loads(next(workspace.glob("stages/work/*/result.json")).read_text())


def is_alive(process_id):
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition, seconds=400):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_a_book_runs_and_runs_again_without_making_its_stages_again(tmp_path, capsys):
    stage_chapter(tmp_path / "chapters", "01_first")
    outcome = run(tmp_path, overrides=["count=5"])
    printed = capsys.readouterr().out
    assert outcome.ok and outcome.failure == ""
    workspace = tmp_path / "w"
    record = json.loads((workspace / "notebooks" / "01_first.json").read_text())
    assert record["parameters"]["count"] == 5 and record["wall_seconds"] > 0
    notebook = json.loads((workspace / "notebooks" / "01_first.ipynb").read_text())
    assert notebook["metadata"]["papermill"]["input_path"].endswith("01_first.py")
    assert "headless 1 count 5" in json.dumps(notebook["cells"][-1]["outputs"])
    record = json.loads((workspace / "book.json").read_text())
    assert record["ok"] and record["chapters"] == ["01_first"] and record["device"]
    assert "1/1  01_first  done in" in printed and "left for the book" not in printed
    first = stage_result(workspace)
    assert first["values"] == {"steps": 2, "started_at": 0}

    outcome = run(tmp_path, overrides=["count=5"], only=["1"])
    assert outcome.ok and stage_result(workspace) == first


def test_a_failing_cell_stops_the_book_and_is_shown(tmp_path):
    chapters.write(tmp_path / "chapters", "01_first", "x = 1", "raise ValueError('no luck')", "y = 2")
    chapters.write(tmp_path / "chapters", "02_second", "1 + 1")
    outcome = run(tmp_path, command="vireid book -p count=4")
    assert not outcome.ok and "raise ValueError('no luck')" in outcome.failure
    assert "vireid book -p count=4" in outcome.failure
    notebooks = tmp_path / "w" / "notebooks"
    assert not (notebooks / "01_first.json").exists() and not (notebooks / "02_second.ipynb").exists()
    assert not json.loads((tmp_path / "w" / "book.json").read_text())["ok"]


def test_a_dead_kernel_leaves_no_worker_behind(tmp_path):
    # Papermill marks every cell "completed" here. A worker that lived on would hold the lock of its stage.
    start = (
        "import os, subprocess\nfrom pathlib import Path\nworker = subprocess.Popen(['sleep', '600'])\n"
        f"Path({str(tmp_path / 'pid')!r}).write_text(str(worker.pid))"
    )
    chapters.write(tmp_path / "chapters", "01_first", start, "os.kill(os.getpid(), 9)")
    outcome = run(tmp_path)
    assert not outcome.ok and "signal 9" in outcome.failure
    assert "os.kill(os.getpid(), 9)" in outcome.failure
    assert not (tmp_path / "w" / "notebooks" / "01_first.json").exists()
    wait_until(lambda: not is_alive(int((tmp_path / "pid").read_text())))


def test_a_killed_run_leaves_nothing_running_and_continues_where_it_was(tmp_path):
    stage_chapter(tmp_path / "chapters", "01_first", steps=8, seconds=0.5)
    workspace = tmp_path / "w"
    script = (
        "from pathlib import Path\nfrom vireid_lib.experiment.runner import run_book\n"
        f"run_book('smoke', workspace={str(workspace)!r}, chapters_folder=Path({str(tmp_path / 'chapters')!r}),\n"
        "         site=False)\n"
    )
    runner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: list(workspace.glob("stages/work/*.partial/done")))
        kernel = int((workspace / "kernel").read_text())
        assert is_alive(kernel)
    finally:
        runner.send_signal(signal.SIGKILL)
        runner.wait()
    wait_until(lambda: not is_alive(kernel), 60)
    assert not (workspace / "notebooks" / "01_first.json").exists() and not (workspace / "book.json").exists()

    outcome = run(tmp_path)
    assert outcome.ok
    result = stage_result(workspace)
    assert result["values"]["steps"] == 8 and result["values"]["started_at"] >= 1 and result["attempts"] == 2
