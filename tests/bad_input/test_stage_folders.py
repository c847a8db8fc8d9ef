"""Stages, tables, checkpoints and caches that a full disk, a dead machine or a person has damaged; see `kinds.yaml`."""

import contextlib
import io
import json
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from hypothesis import strategies as st
from PIL import Image

from vireid_lib.data import tables
from vireid_lib.data.images import load_images
from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.provenance import ARRAYS, save_arrays
from vireid_lib.training import checkpoint

ENTERS = "stage folder"


def test_kind(row, tried):
    tried(row, globals()[row["id"]])


def _cut(draw, path):
    """Leave a drawn part of a file."""
    data = path.read_bytes()
    path.write_bytes(data[: draw(st.integers(1, len(data) - 2))])


def _in_a_copy(folder, work):
    """`work(copy)`: what a stage does about damage, it does to its own folder."""
    with tempfile.TemporaryDirectory() as copy:
        return work(Path(shutil.copytree(folder, Path(copy) / "copy")))


def _saved_table(folder):
    """A saved table of four images that are there."""
    rows = []
    for number in range(4):
        path = folder / f"{number}.png"
        Image.new("RGB", (8, 16), (number, 99, 200)).save(path)
        about = {"camera": "mini_vi/3", "modality": "infrared", "split": "external", "source": "dive"}
        rows.append({"path": str(path), "identity": f"mini_vi/{number:04d}", **about, "seed": 40 + number})
    tables.save(tables.validate(pd.DataFrame(rows), "here"), folder / "table.csv")
    return folder / "table.csv"


def _of_a_table(damage):
    """A kind that damages a saved table's file; returns what the error must name beside it."""

    def kind(draw, folder):
        path = _saved_table(folder)
        names = damage(draw, path) or []
        return lambda: tables.load(path), [str(path), *names]

    return kind


def _make(_):
    return {"value": 1}


def _damaged_record(draw, folder, left):
    """A finished stage whose record holds `left`: named on the screen, and made again."""
    space = Cache(folder)
    record = space.stage("made", {"steps": draw(st.integers(1, 99))}, {}, _make)
    other = space.stage("other", {}, {}, _make)
    (record.folder / "result.json").write_bytes(left)

    def work(copy):
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            again = Cache(copy).stage("made", record.result["config"], {}, _make)
        assert again.values == {"value": 1}
        kept = copy / other.folder.relative_to(folder) / "result.json"
        assert kept.read_bytes() == (other.folder / "result.json").read_bytes()
        return told.getvalue()

    return lambda: _in_a_copy(folder, work), ["result.json", "made"]


def record_is_damaged(draw, folder):
    """Empty, as a killed machine leaves it, cut, or JSON of another form."""
    whole = json.dumps({"stage": "made", "values": {"value": 1}, "finished": "2026-01-02T03:04:05"}).encode()
    left = [b"", b"\n", b"\0" * 700, whole[: draw(st.integers(1, len(whole) - 1))]]
    left += [b"[]", b"3", b"{}", b'{"values": {}}', b"<html>", b"[" * 5000, b"9" * 5000, b"\xff\xfe{"]
    return _damaged_record(draw, folder, draw(st.sampled_from(left)))


@_of_a_table
def table_is_something_else(draw, path):
    text = path.read_text()
    left = [None, b"", b"\n", b"\xef\xbb\xbf", text.replace(",", ";").encode(), text.encode("utf-16")]
    left += [b'"' + text.encode(), text.replace("\n", ",1,2\n", 2).encode(), b"<!DOCTYPE html>\n<html></html>\n"]
    left += [b"version https://git-lfs.github.com/spec/v1\noid x\n"]
    path.unlink() if (data := draw(st.sampled_from(left))) is None else path.write_bytes(data)


@_of_a_table
def table_is_cut(draw, path):
    """Anywhere but at the end of a line, where nothing of the file itself tells; the stage's record does."""
    data = path.read_bytes()
    ends = [place for place in range(10, len(data) - 1) if data[place - 1 : place] != b"\n"]
    path.write_bytes(data[: draw(st.sampled_from(ends))])


@_of_a_table
def table_has_other_columns(draw, path):
    lost, extra = draw(st.sampled_from(tables.COLUMNS)), draw(st.sampled_from(["pth", "label", "Path", "Unnamed: 0"]))
    held, less = pd.read_csv(path, dtype=str), draw(st.booleans())
    (held.drop(columns=lost) if less else held.assign(**{extra: "x"})).to_csv(path, index=False)
    return [lost if less else extra]


ODD = {"identity": ["7", "a/b/c", ""], "camera": ["mini_vi/three", "3"], "modality": ["thermal", "Infrared"]}
ODD |= {"split": ["training"], "source": [""], "seed": ["x", "1.5", "9" * 30, "9" * 5000], "path": ["", "0.png"]}


@_of_a_table
def table_has_an_odd_value(draw, path):
    column = draw(st.sampled_from(sorted(ODD)))
    held = pd.read_csv(path, dtype=str, keep_default_na=False)
    held.loc[draw(st.integers(1, 3)), column] = draw(st.sampled_from(ODD[column]))
    held.to_csv(path, index=False)
    return [column]


def _checkpoints(folder):
    for step in (1, 2):
        checkpoint.save(folder / "c", step, {"x": torch.full((2, 50), step), "y": torch.ones(3)}, {"step": step})
    return folder / "c"


def _damaged_checkpoint(draw, path):
    how = draw(st.sampled_from(["cut", "empty", "gone", "other"]))
    name = draw(st.sampled_from([checkpoint.TENSORS, checkpoint.META]))
    if how == "cut":
        _cut(draw, path / name)
    elif how == "empty":
        (path / name).write_bytes(b"")
    elif how == "gone":
        (path / name).unlink()
    else:
        other = ["[]", "{}", '{"sha256": 3}', "null", '"x"', "[" * 5000]
        (path / checkpoint.META).write_text(draw(st.sampled_from(other)))


def checkpoint_is_damaged(draw, folder):
    """The one before it holds, and a warning names the damaged one."""
    place = _checkpoints(folder)
    _damaged_checkpoint(draw, place / "step-00000002")

    def act():
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            step, tensors, meta = checkpoint.load(place)
        assert step == 1 and meta == {"step": 1} and tensors["x"].tolist() == [[1] * 50] * 2
        return str(told[0].message)

    return act, [str(place / "step-00000002"), str(place / "step-00000001")]


def checkpoints_are_all_damaged(draw, folder):
    place = _checkpoints(folder)
    for step in (1, 2):
        _damaged_checkpoint(draw, place / f"step-0000000{step}")
    return lambda: checkpoint.load(place), [str(place / "step-00000002"), str(place / "step-00000001")]


def arrays_are_damaged(draw, folder):
    space = Cache(folder)

    def make(place):
        save_arrays(place, heat=np.ones((3, 4), np.float32))
        return {}

    record = space.stage("made", {}, {}, make)
    path = record.folder / ARRAYS
    if draw(st.booleans()):
        _cut(draw, path)
    else:
        path.write_bytes(draw(st.sampled_from([b"", b"\0" * 99, b"<html>"])))
    return lambda: record.arrays(), [str(path)]


def cache_is_damaged(draw, folder):
    """It is made again of the images."""
    paths = tables.load(_saved_table(folder))["path"].tolist()
    whole = load_images(paths, (16, 8), cache=folder / "cache").pixels.tolist()
    (place,) = (folder / "cache").glob("images-*")
    name = "pixels.npy"
    how = draw(st.sampled_from(["cut", "empty", "gone", "other"]))
    if how == "cut":
        _cut(draw, place / name)
    elif how == "gone":
        (place / name).unlink()
    else:
        (place / name).write_bytes(b"" if how == "empty" else b"[1]")

    def work(copy):
        return load_images(paths, (16, 8), cache=copy).pixels.tolist()

    def judge(pixels):
        assert pixels == whole

    return lambda: _in_a_copy(folder / "cache", work), judge
