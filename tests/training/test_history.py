"""Histories of very long trainings: a bounded number of lines, the curve's shape, the same after a kill."""

import json

import numpy as np
import pytest
from toys import Line, stopped

from vireid_lib.training import history
from vireid_lib.training.loop import train


def run(folder):
    settings = {"steps": 60, "seed": 3, "log_every": 1, "checkpoint_every": 4, "progress": False, "device": "cpu"}
    return train(Line(), folder=folder, **settings)


@pytest.mark.parametrize(("count", "every", "last"), [(21, 10, 210), (100, 1, 100), (37, 5, 183)])
def test_thinned_records_are_means_of_the_whole(count, every, last):
    steps = [*(every * (place + 1) for place in range(count - 1)), last]
    values = np.random.default_rng(0).normal(size=count)
    records = [{"step": step, "total": float(value)} for step, value in zip(steps, values, strict=True)]
    found = history.thinned(records, every, 20)
    assert len(found) <= 10 and found[-1] == records[-1]
    width = found[0]["step"]
    assert width % every == 0 and (width // every).bit_count() == 1
    before = 0
    for record in found[:-1]:
        inside = [value for step, value in zip(steps, values, strict=True) if before < step <= record["step"]]
        assert record["total"] == pytest.approx(np.mean(inside))
        before = record["step"]
    assert history.thinned(records[:20], every, 20) == records[:20]


def test_a_loss_that_not_every_record_has_keeps_its_own_mean():
    records = [{"step": step, "a": 1.0 * step, **({"b": 6.0} if step % 4 == 0 else {})} for step in range(1, 13)]
    found = history.thinned(records, 1, 8)
    assert [record["step"] for record in found] == [4, 8, 11, 12] and all(r.get("b", 6.0) == 6.0 for r in found)
    assert [record["a"] for record in found] == [2.5, 6.5, 10.0, 12.0]


def test_a_long_training_has_few_lines_and_the_same_ones_after_a_kill(tmp_path, monkeypatch):
    full = run(tmp_path / "full")
    monkeypatch.setattr(history, "MOST", 16)
    whole = run(tmp_path / "whole")
    text = (tmp_path / "whole/history.jsonl").read_text()
    assert [json.loads(line) for line in text.splitlines()] == whole and len(whole) <= 16 + 4
    assert whole[-1] == full[-1]
    steps, values = full.column("total")
    before = 0
    for step, value in zip(*whole.column("total"), strict=True):  # each a mean over its own steps
        assert value == pytest.approx(np.mean(values[before:step]), rel=1e-12)
        before = step
    assert before == steps[-1]

    with stopped(Line, 47):
        run(tmp_path / "broken")
    run(tmp_path / "broken")
    assert (tmp_path / "broken/history.jsonl").read_text() == text
