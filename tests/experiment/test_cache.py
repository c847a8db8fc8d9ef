"""The cache: stages are made once, survive kills, exclude each other, and record finite numbers only."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import torch

from vireid_lib.data.contents import aside
from vireid_lib.data.text import DamagedFile
from vireid_lib.evaluation import metrics
from vireid_lib.experiment import cache as cache_module
from vireid_lib.experiment import code_digest
from vireid_lib.experiment.cache import Cache, StageFailed
from vireid_lib.experiment.code_digest import CodeChanged
from vireid_lib.experiment.provenance import ResultError
from vireid_lib.training.determinism import threads


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "a workspace")


def keep(value):
    return lambda folder: {"value": value}


def image_table(path):
    """A table of one image."""
    row = {"path": str(path), "identity": "d/1", "camera": "d/1", "modality": "visible", "split": "train"}
    return pd.DataFrame([row | {"source": "real", "seed": pd.NA}])


def test_a_stage_computes_alike_on_every_cpu(cache, monkeypatch):
    """Whatever the number of cores: so many threads, and kernels that give the same bits again."""

    def make(folder):
        return {"threads": torch.get_num_threads(), "alike": torch.are_deterministic_algorithms_enabled()}

    monkeypatch.setattr(cache_module, "THREADS", 3)
    with threads(5):
        record = cache.stage("alike", {}, {}, make)
        assert torch.get_num_threads() == 5 and not torch.are_deterministic_algorithms_enabled()
    assert record.values == {"threads": 3, "alike": True}


def test_the_record_holds_what_a_reader_must_know(cache):
    about = {"seeds": [0, 1], "protocol": "all-search", "manifests": {"mini_vi": "abc"}}
    record = cache.stage("full", {"rate": 5e-5}, {"text": "x"}, keep(1), **about)
    result = json.loads((record.folder / "result.json").read_text())
    assert result == record.result and about.items() <= result.items()
    assert result["config"] == {"rate": 5e-5} and result["inputs"] == {"text": "text:x"}
    assert result["versions"]["torch"] and result["hardware"]["cores"] >= 1 and result["device"] == "cpu"
    assert result["wall_seconds"] >= 0 and result["attempts"] == 1 and result["library"]["source"]
    assert sorted(path.name for path in record.folder.iterdir()) == ["result.json"]


def test_the_key_follows_everything_that_matters(cache, tmp_path):
    (tmp_path / "file").write_text("one")
    first = cache.stage("base", {}, {}, keep(1))

    def key(name="s", config=None, inputs=None, make=None, code=()):
        return cache.stage(name, config or {"a": 1}, inputs or {}, make or keep(1), code=code).key

    keys = [
        key(),
        key(name="t"),
        key(config={"a": 2}),
        key(inputs={"i": first}),
        key(inputs={"j": first}),
        key(inputs={"i": tmp_path / "file"}),
        key(inputs={"i": "text"}),
        key(code=[metrics]),
        key(make=lambda folder: {"value": 1 + 1}),
    ]
    (tmp_path / "file").write_text("two")
    keys.append(key(inputs={"i": tmp_path / "file"}))
    assert len(set(keys)) == len(keys)
    assert key(config={"a": 1}) == keys[0]


def test_folders_are_digested_by_names_and_contents_and_tables_by_their_images(cache, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "sub").mkdir(parents=True)
        (tmp_path / name / "sub" / "file").write_text("content")
    same = [cache.stage("s", {}, {"i": tmp_path / name}, keep(1)).key for name in ("one", "two")]
    (tmp_path / "two" / "sub" / "file").rename(tmp_path / "two" / "sub" / "other")
    assert same[0] == same[1] != cache.stage("s", {}, {"i": tmp_path / "two"}, keep(1)).key
    path, keys = tmp_path / "0001.jpg", []
    for content in (b"one", b"two"):
        path.write_bytes(content)
        keys.append(cache.stage("s", {}, {"table": image_table(path)}, keep(1)).key)
    assert len(set(keys)) == 2


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (float("nan"), "s.values.value is nan"),
        ({"deep": [{"mAP": np.float32("inf")}]}, r"s.values.value.deep\[0\].mAP is inf"),
        (np.array([1.0, -np.inf]), r"s.values.value\[1\] is -inf"),
        ({1: 2}, "s.values.value has the key 1"),
        (object(), "s.values.value is a object"),
    ],
)
def test_what_does_not_belong_in_a_record_is_refused_by_name(cache, value, name):
    with pytest.raises(ResultError, match=name):
        cache.stage("s", {}, {}, keep(value))
    with pytest.raises(ResultError, match="relative to that folder"):
        cache.stage("s", {}, {}, lambda folder: {"image": folder / "a.png"})
    with pytest.raises(ResultError, match="input rate is a float"):
        cache.stage("s", {}, {"rate": 0.5}, keep(1))
    assert cache.records() == []


def test_a_failed_stage_keeps_its_work_and_says_how_to_continue(cache):
    def fails_at_first(folder):
        if not (folder / "half").exists():
            (folder / "half").write_text("done")
            raise ValueError("no luck")
        return {"found": (folder / "half").read_text()}

    with pytest.raises(StageFailed, match="Stage s failed: ValueError: no luck(?s:.)*partial") as caught:
        cache.stage("s", {}, {}, fails_at_first)
    assert isinstance(caught.value.__cause__, ValueError)
    record = cache.stage("s", {}, {}, fails_at_first)
    assert record.values == {"found": "done"} and record.result["attempts"] == 2


def test_damaged_work_starts_afresh_and_its_attempts_are_counted_on(cache):
    found = []

    def make(folder):
        half = folder / "half"
        found.append(half.exists())
        if found[-1]:
            raise DamagedFile(half, "cut off")
        half.touch()
        if len(found) < 4:
            raise ValueError("no luck")

    for _ in range(2):  # the second time it fails after it has started afresh
        with pytest.raises(StageFailed, match="no luck"):
            cache.stage("s", {}, {}, make)
    assert cache.stage("s", {}, {}, make).result["attempts"] == 3 and found == [False, True, False, True, False]


def test_a_kill_before_the_last_rename_costs_nothing(cache, monkeypatch):
    replace, calls = os.replace, []

    def killed(old, new):
        if os.path.isdir(old):
            raise KeyboardInterrupt
        replace(old, new)

    def make(folder):
        calls.append(1)
        return {"value": 7}

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            cache.stage("s", {}, {}, make)
    assert cache.stage("s", {}, {}, make).values == {"value": 7} and calls == [1]


def test_what_a_killed_process_was_writing_is_not_part_of_the_finished_stage(cache):
    def make(folder):
        half = aside(folder / "deep" / "table.csv")
        if not half.parent.exists():
            half.parent.mkdir()
            half.write_text("path,iden")
            raise ValueError("stopped")
        (folder / "deep" / "table.csv").write_text("path,identity")
        (folder / ".kept").touch()

    with pytest.raises(StageFailed):
        cache.stage("s", {}, {}, make)
    record = cache.stage("s", {}, {}, make)
    assert sorted(path.name for path in record.folder.rglob("*")) == [".kept", "deep", "result.json", "table.csv"]


def test_results_of_older_code_are_taken_only_on_request_and_say_so(cache, capsys):
    """What is made of them says so too, however it is handed on: as a record, or as a table of their images."""

    def old(folder):
        (folder / "image.jpg").write_bytes(b"one")
        return {"value": 1}

    def new(folder):
        (folder / "image.jpg").write_bytes(b"two")
        return {"value": 2}

    first = cache.stage("s", {}, {}, old)
    keeping = Cache(cache.folder, keep=True)
    kept = keeping.stage("s", {}, {}, new)
    assert kept.older and kept.key == first.key and kept.values == {"value": 1}
    assert "older code" in capsys.readouterr().out
    assert keeping.stage("of_it", {}, {"it": kept}, keep(3)).older
    assert keeping.stage("of_images", {}, {"rows": image_table(kept.folder / "image.jpg")}, keep(3)).older
    assert not keeping.stage("of_nothing", {}, {}, keep(3)).older

    made = cache.stage("s", {}, {}, new)
    assert not made.older and made.values == {"value": 2} and made.key.split("-")[0] == first.key.split("-")[0]
    assert not keeping.stage("s", {}, {}, new).older  # today's code has made it in the meantime
    other = Cache(cache.folder, keep=True).stage("s", {"other": "settings"}, {}, new)
    assert not other.older and other.values == {"value": 2}


def test_code_that_changes_on_disk_under_a_running_process_makes_nothing(cache, monkeypatch):
    changed = code_digest.Sources.read()
    changed.texts["vireid_lib.evaluation.metrics"] += "\nALPHA = 1\n"
    monkeypatch.setattr(code_digest.Sources, "read", classmethod(lambda cls: changed))
    with pytest.raises(CodeChanged, match="vireid_lib.evaluation.metrics"):
        cache.stage("s", {}, {}, keep(1), code=[metrics])
    assert cache.records() == [] and cache.stage("t", {}, {}, keep(1)).values == {"value": 1}
