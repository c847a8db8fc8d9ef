"""Content digests: right with and without the index, and never stale."""

import hashlib
import json
import os

import pytest

from vireid_lib.data import contents

OLD = 10**18  # nanoseconds; long before any test runs


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / name for name in ("a.png", "b.png", "c.png")]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 100)
    return paths


@pytest.fixture
def reads(monkeypatch):
    """The names of the files that were read."""
    names, real = [], contents.file_digest
    monkeypatch.setattr(contents, "file_digest", lambda path: names.append(os.path.basename(path)) or real(path))
    return names


def settle(monkeypatch):
    """Let every file count as old enough to trust its times, as it is two seconds later."""
    monkeypatch.setattr(contents, "SETTLED_NS", -(10**12))


def test_a_settled_file_is_read_once_and_one_just_written_is_not_trusted(files, tmp_path, reads, monkeypatch):
    wanted = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    assert contents.content_digests([files[2], files[0], files[2]]) == [wanted[2], wanted[0], wanted[2]]
    reads.clear()
    for _ in range(2):
        assert contents.content_digests(files, tmp_path / "cache") == wanted
    assert len(reads) == 6
    settle(monkeypatch)
    for _ in range(2):
        assert contents.content_digests(files, tmp_path / "other") == wanted
    assert sorted(reads[6:]) == ["a.png", "b.png", "c.png"]


def test_other_bytes_are_seen_even_with_size_and_time_restored(files, tmp_path, monkeypatch):
    settle(monkeypatch)
    os.utime(files[0], ns=(OLD, OLD))
    before = contents.content_digests(files, tmp_path / "cache")
    files[0].write_bytes(b"x" * 100)
    os.utime(files[0], ns=(OLD, OLD))
    after = contents.content_digests(files, tmp_path / "cache")
    assert after[0] != before[0] and after[1:] == before[1:]


@pytest.mark.parametrize("spoiled", ["", "{", "[1]"])
def test_a_spoiled_index_costs_a_read_only(files, tmp_path, reads, monkeypatch, spoiled):
    settle(monkeypatch)
    cache = tmp_path / "cache"
    wanted = contents.content_digests(files, cache)
    (cache / "contents.json").write_text(spoiled)
    assert contents.content_digests(files, cache) == wanted
    assert len(reads) == 6
    assert len(json.loads((cache / "contents.json").read_text())) == 3


def test_writing_atomically_leaves_nothing_behind(tmp_path, monkeypatch):
    target = tmp_path / "index.json"
    contents.write_atomically(target, b"old")
    monkeypatch.setattr(contents.os, "replace", lambda source, _: os.rename(source, tmp_path / "no/where"))
    with pytest.raises(FileNotFoundError):
        contents.write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["index.json"]
