"""What a fit was begun with is what it continues with; a full disk costs nothing that was done."""

import contextlib
import resource

import pytest
from PIL import Image

from vireid_lib.generators import layout
from vireid_lib.generators.dive.dive import Dive

PEOPLE, CAMERAS = ["mini_market/0001", "mini_market/0007"], ["mini_vi/3", "mini_vi/6"]


@pytest.fixture
def fitted(tiny_config, tiny_table, tmp_path):
    dive = Dive(tiny_config, device="cpu", cache=tmp_path / "cache", progress=False)
    dive.fit(tiny_table, tmp_path / "fit")
    return dive


@contextlib.contextmanager
def full_disk(room: int):
    """No file can grow beyond `room` bytes: writing fails as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_another_data_set_is_refused_by_what_differs(fitted, tiny_config, tiny_table, tmp_path):
    def refused(words, table=tiny_table, **changes):
        config = tiny_config.model_copy(update=changes)
        with pytest.raises(ValueError, match=words):
            Dive(config, device="cpu", cache=tmp_path / "cache", progress=False).fit(table, tmp_path / "fit")

    refused(r"config.images.mini_market/1 visible is 8 there and 7 now", tiny_table.iloc[:-1])
    refused(r"config.identities.*0001", tiny_table[tiny_table["identity"] != PEOPLE[0]])
    swapped, other = tiny_table.copy(), tiny_table.copy()
    swapped.loc[[16, 20], "identity"] = swapped.loc[[20, 16], "identity"].tolist()
    refused("config.people is", swapped)
    refused("config.learning_rate is 0.01 there and 0.5 now", learning_rate=0.5)
    other.loc[0, "path"] = str(tmp_path / "other.png")
    Image.new("RGB", (16, 32), "red").save(tmp_path / "other.png")
    refused("config.contents is", other)


def test_a_full_disk_while_sampling_costs_nothing_that_was_made(fitted, tmp_path, monkeypatch):
    whole = fitted.expand(PEOPLE, CAMERAS, 2, 5, tmp_path / "whole")
    write, written = layout.write_image, []

    def third_finds_it_full(path, *values):
        written.append(path)
        with full_disk(100) if len(written) == 3 else contextlib.nullcontext():
            write(path, *values)

    monkeypatch.setattr(layout, "write_image", third_finds_it_full)
    with pytest.raises(OSError, match="File too large"):
        fitted.expand(PEOPLE, CAMERAS, 2, 5, tmp_path / "broken")
    left = [path for path in (tmp_path / "broken").rglob("*") if path.is_file() and path.name != "plan.json"]
    assert sorted(left) == sorted(written[:2]) and all(layout.is_complete(path) for path in left)
    times = [path.stat().st_mtime_ns for path in left]
    table = fitted.expand(PEOPLE, CAMERAS, 2, 5, tmp_path / "broken")
    assert table["seed"].tolist() == whole["seed"].tolist() and len(table) == 8
    assert [path.stat().st_mtime_ns for path in left] == times
