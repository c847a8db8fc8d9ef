"""The workspace: stages are made once, survive kills, exclude each other, and record finite numbers only."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pandas as pd
import pytest
import torch

from vireid_lib.book.records import ResultError, StageRecord
from vireid_lib.book.workspace import THREADS, StageFailed, Workspace
from vireid_lib.training.determinism import threads


@pytest.fixture
def workspace(tmp_path):
    return Workspace(tmp_path / "a workspace")


def keep(value):
    return lambda folder: {"value": value}


def in_other_process(tmp_path, body):
    """Start Python on a stage called "slow" whose `make` has the given body (it gets `folder`)."""
    script = tmp_path / "other.py"
    script.write_text(
        "import os, sys, time\nfrom pathlib import Path\nfrom vireid_lib.book.workspace import Workspace\n"
        f"def make(folder):\n{textwrap.indent(textwrap.dedent(body), '    ')}\n"
        f"print(Workspace({str(tmp_path / 'w')!r}).stage('slow', {{'n': 1}}, {{}}, make).values['value'])\n"
    )
    return subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)


def wait_for(path):
    for _ in range(6000):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} never appeared")


def test_a_stage_is_made_once(workspace):
    calls = []
    for _ in range(3):
        record = workspace.stage("once", {"a": 1}, {}, lambda folder: calls.append(1) or {"value": 3})
    assert calls == [1] and record.values == {"value": 3}


def test_a_stage_computes_alike_on_every_cpu(workspace):
    """Whatever the number of cores: so many threads, and kernels that give the same bits again."""
    def make(folder):
        return {"threads": torch.get_num_threads(), "alike": torch.are_deterministic_algorithms_enabled()}

    with threads(5):
        record = workspace.stage("alike", {}, {}, make)
        assert torch.get_num_threads() == 5 and not torch.are_deterministic_algorithms_enabled()
    assert record.values == {"threads": THREADS, "alike": True}


def test_the_record_holds_what_a_reader_must_know(workspace):
    record = workspace.stage(
        "full",
        {"rate": 5e-5},
        {"text": "x"},
        keep(1),
        seeds=[0, 1],
        protocol="all-search",
        manifests={"mini_vi": "abc"},
    )
    result = json.loads((record.folder / "result.json").read_text())
    assert result == record.result
    assert result["config"] == {"rate": 5e-5} and result["inputs"] == {"text": "text:x"}
    assert (
        result["seeds"] == [0, 1] and result["protocol"] == "all-search" and result["manifests"] == {"mini_vi": "abc"}
    )
    assert result["versions"]["torch"] and result["hardware"]["cores"] >= 1 and result["device"] == "cpu"
    assert result["wall_seconds"] >= 0 and result["attempts"] == 1 and result["library"]["source"]
    assert sorted(path.name for path in record.folder.iterdir()) == ["result.json"]


def test_the_key_follows_everything_that_matters(workspace, tmp_path):
    (tmp_path / "file").write_text("one")
    first = workspace.stage("base", {}, {}, keep(1))

    def key(name="s", config=None, inputs=None, version=1):
        return workspace.stage(name, config or {"a": 1}, inputs or {}, keep(1), version=version).key

    keys = [
        key(), key(name="t"), key(config={"a": 2}), key(inputs={"i": first}), key(inputs={"j": first}),
        key(inputs={"i": tmp_path / "file"}), key(inputs={"i": "text"}), key(version=2),
    ]  # fmt: skip
    (tmp_path / "file").write_text("two")
    keys.append(key(inputs={"i": tmp_path / "file"}))
    assert len(set(keys)) == len(keys)
    assert key(config={"a": 1}) == keys[0]


def test_a_folder_is_digested_by_names_and_contents(workspace, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "file").write_text("content")
    same = [workspace.stage("s", {}, {"i": tmp_path / name}, keep(1)).key for name in ("one", "two")]
    (tmp_path / "two" / "sub" / "file").rename(tmp_path / "two" / "sub" / "other")
    assert same[0] == same[1] != workspace.stage("s", {}, {"i": tmp_path / "two"}, keep(1)).key


def test_an_image_table_is_digested_by_its_images(workspace, tmp_path):
    path = tmp_path / "0001.jpg"
    row = {"path": str(path), "identity": "d/1", "camera": "d/1", "modality": "visible", "split": "train",
           "source": "real", "seed": pd.NA}  # fmt: skip
    keys = []
    for content in (b"one", b"two"):
        path.write_bytes(content)
        keys.append(workspace.stage("s", {}, {"table": pd.DataFrame([row])}, keep(1)).key)
    assert len(set(keys)) == 2


def test_an_input_that_cannot_be_digested_is_named(workspace, tmp_path):
    with pytest.raises(ResultError, match="input rate is a float"):
        workspace.stage("s", {}, {"rate": 0.5}, keep(1))
    with pytest.raises(FileNotFoundError, match="gone"):
        workspace.stage("s", {}, {"i": tmp_path / "gone"}, keep(1))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (float("nan"), "s.values.value is nan"),
        ([1.0, float("inf")], r"s.values.value\[1\] is inf"),
        ({"deep": [{"mAP": np.float32("nan")}]}, r"s.values.value.deep\[0\].mAP is nan"),
        (np.array([1.0, -np.inf]), r"s.values.value\[1\] is -inf"),
        ({1: 2}, "s.values.value has the key 1"),
        (object(), "s.values.value is a object"),
    ],
)
def test_what_does_not_belong_in_a_record_is_refused_by_name(workspace, value, name):
    with pytest.raises(ResultError, match=name):
        workspace.stage("s", {}, {}, keep(value))
    assert workspace.records() == []


def test_numpy_values_become_plain(workspace):
    values = {"a": np.float32(0.5), "b": np.arange(3), "c": np.bool_(True), "d": (1, 2), "e": None}
    record = workspace.stage("s", {}, {}, lambda folder: values)
    assert record.values == {"a": 0.5, "b": [0, 1, 2], "c": True, "d": [1, 2], "e": None}


def test_a_path_into_the_working_folder_is_refused(workspace):
    with pytest.raises(ResultError, match="relative to that folder"):
        workspace.stage("s", {}, {}, lambda folder: {"image": folder / "a.png"})


def test_a_failed_stage_keeps_its_work_and_says_how_to_continue(workspace):
    def fails(folder):
        (folder / "half").write_text("done")
        raise ValueError("no luck")

    with pytest.raises(
        StageFailed, match="Stage s failed: ValueError: no luck(?s:.)*partial(?s:.)*to continue"
    ) as caught:
        workspace.stage("s", {}, {}, fails)
    assert isinstance(caught.value.__cause__, ValueError)
    record = workspace.stage("s", {}, {}, lambda folder: {"found": (folder / "half").read_text()})
    assert record.values == {"found": "done"} and record.result["attempts"] == 2


def test_a_kill_before_the_last_rename_costs_nothing(workspace, monkeypatch):
    replace = os.replace

    def killed(folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda old, new: killed(old) if os.path.isdir(old) else replace(old, new))
        with pytest.raises(KeyboardInterrupt):
            workspace.stage("s", {}, {}, keep(7))
    assert workspace.stage("s", {}, {}, killed).values == {"value": 7}


def test_a_damaged_record_is_named(workspace):
    record = workspace.stage("s", {}, {}, keep(1))
    (record.folder / "result.json").write_text("{")
    with pytest.raises(ResultError, match="delete the folder"):
        workspace.stage("s", {}, {}, keep(1))


@pytest.mark.parametrize("name", ["", "../up", "With Space", "a/b"])
def test_a_bad_stage_name_is_refused(workspace, name):
    with pytest.raises(ValueError, match="stage name"):
        workspace.stage(name, {}, {}, keep(1))


def test_records_come_in_the_order_of_their_last_use(workspace):
    for number in (1, 2, 3, 1):
        workspace.stage("s", {"n": number}, {}, keep(number))
        time.sleep(0.02)
    assert [record.values["value"] for record in workspace.records()] == [2, 3, 1]
    assert all(isinstance(record, StageRecord) for record in workspace.records())


def test_a_killed_stage_continues_and_its_lock_is_free(tmp_path):
    process = in_other_process(tmp_path, "(folder / 'half').write_text('5')\ntime.sleep(60)")
    partials = tmp_path / "w" / "stages" / "slow"
    for _ in range(6000):
        if list(partials.glob("*.partial/half")):
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    record = Workspace(tmp_path / "w").stage(
        "slow", {"n": 1}, {}, lambda folder: {"value": int((folder / "half").read_text()) + 1}
    )
    assert record.values == {"value": 6} and record.result["attempts"] == 2


def test_two_processes_make_a_stage_once(tmp_path, capfd):
    started = repr(str(tmp_path / "started"))
    first = in_other_process(tmp_path, f"Path({started}).touch()\ntime.sleep(1.5)\nreturn {{'value': os.getpid()}}")
    wait_for(tmp_path / "started")
    record = Workspace(tmp_path / "w").stage("slow", {"n": 1}, {}, keep("made twice"))
    printed, _ = first.communicate()
    assert record.values["value"] == int(printed) == first.pid
    assert "waiting for it" in capfd.readouterr().out
