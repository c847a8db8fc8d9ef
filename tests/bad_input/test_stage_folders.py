"""Stages, tables, checkpoints and caches that a full disk, a dead machine or a person has damaged; see `kinds.yaml`."""

import contextlib
import io
import shutil
import tempfile
import warnings
from pathlib import Path

import pandas as pd
import torch
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import save_file

from vireid_lib.data import tables
from vireid_lib.data.images import load_images
from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.pipeline import load_features
from vireid_lib.experiment.steps import features_file
from vireid_lib.training import checkpoint

ENTERS = "stage folder"
FILE = features_file(1)


def test_kind(row, tried):
    tried(row, globals()[row["id"]])


def _damage(draw, path, *ways):
    """Empty a file, cut it, or do what one of the ways says: "gone", or what it holds instead."""
    data = path.read_bytes()
    way = draw(st.sampled_from([b"", data[: draw(st.integers(1, len(data) - 2))], *ways]))
    path.unlink() if way == "gone" else path.write_bytes(way)


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


def record_is_damaged(draw, folder):
    """Empty, as a killed machine leaves it, cut, or JSON of another form: named on the screen, and made again."""
    space = Cache(folder)
    record = space.stage("made", {"steps": draw(st.integers(1, 99))}, {}, _make)
    other = space.stage("other", {}, {}, _make)
    left = [b"\n", b"\0" * 700, b"[]", b"3", b"{}", b'{"values": {}}', b"<html>"]
    left += [b"[" * 5000, b"9" * 5000, b"\xff\xfe{"]
    _damage(draw, record.folder / "result.json", *left)

    def work(copy):
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            again = Cache(copy).stage("made", record.result["config"], {}, _make)
        assert again.values == {"value": 1}
        kept = copy / other.folder.relative_to(folder) / "result.json"
        assert kept.read_bytes() == (other.folder / "result.json").read_bytes()
        return told.getvalue()

    return lambda: _in_a_copy(folder, work), ["result.json", "made"]


@_of_a_table
def table_is_something_else(draw, path):
    text = path.read_text()
    left = [None, b"", b"\n", b"\xef\xbb\xbf", text.replace(",", ";").encode(), text.encode("utf-16")]
    left += [b'"' + text.encode(), text.replace("\n", ",1,2\n", 2).encode(), b"<!DOCTYPE html>\n<html></html>\n"]
    left += [b"version https://git-lfs.github.com/spec/v1\noid x\n"]
    path.unlink() if (data := draw(st.sampled_from(left))) is None else path.write_bytes(data)


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
    if draw(st.booleans()):
        _damage(draw, path / checkpoint.TENSORS, "gone")
    else:
        other = b"[]", b"{}", b'{"sha256": 3}', b"null", b'"x"', b"[" * 5000
        _damage(draw, path / checkpoint.META, "gone", *other)


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


def features_are_damaged(draw, folder):
    record = Cache(folder).stage("made", {}, {}, lambda place: save_file({"features": torch.ones(3, 4)}, place / FILE))
    _damage(draw, record.folder / FILE, b"\0" * 99, b"<html>")
    return lambda: load_features(record), [str(record.folder / FILE)]


def cache_is_damaged(draw, folder):
    """It is made again of the images."""
    paths = tables.load(_saved_table(folder))["path"].tolist()
    whole = load_images(paths, (16, 8), cache=folder / "cache").tolist()
    (place,) = (folder / "cache").glob("images-*")
    _damage(draw, place / "pixels.npy", "gone", b"[1]")

    def work(copy):
        return load_images(paths, (16, 8), cache=copy).tolist()

    def judge(pixels):
        assert pixels == whole

    return lambda: _in_a_copy(folder / "cache", work), judge
