"""Decoded images and their cache: right, shared, never half-built."""

import multiprocessing
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from vireid_lib.data import contents, images
from vireid_lib.data.decode import decode
from vireid_lib.data.images import load_images

SIZE = (8, 4)


def gradient(height=16, width=8):
    return np.linspace(0, 255, height * width * 3).reshape(height, width, 3).astype(np.uint8)


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    paths = []
    for number in range(6):
        path = folder / f"{number}.png"
        Image.fromarray(np.roll(gradient(), number, axis=0)).save(path)
        paths.append(str(path))
    return paths


def test_resizing_averages_what_it_shrinks(tmp_path):
    stripes = np.zeros((16, 8, 3), np.uint8)
    stripes[:, ::2] = 200
    Image.fromarray(stripes).save(tmp_path / "stripes.png")
    # Without antialiasing a stripe would survive or vanish.
    assert np.abs(decode(tmp_path / "stripes.png", (4, 1)).astype(int) - 100).max() <= 2


def test_cached_and_uncached_are_the_same(files, tmp_path):
    plain = load_images(files, SIZE, cache=None)
    cached = load_images(files, SIZE, cache=tmp_path / "cache")
    assert plain.shape == (6, 8, 4, 3) and plain.dtype == np.uint8
    assert isinstance(cached, np.memmap) and np.array_equal(plain, cached)
    for row, path in enumerate(files):
        assert np.array_equal(plain[row], decode(path, SIZE))


def test_the_cache_is_used_follows_the_files_and_knows_the_size(files, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    first = load_images(files, SIZE, cache=cache)
    decoded = []
    real = images.decode
    monkeypatch.setattr(images, "decode", lambda path, size: decoded.append(path) or real(path, size))
    moved = shutil.copytree(tmp_path / "pictures", tmp_path / "moved")
    again = load_images([str(moved / os.path.basename(path)) for path in files], SIZE, cache=cache)
    assert decoded == [] and np.array_equal(first, again)
    assert load_images(files, (4, 2), cache=cache).shape == (6, 4, 2, 3)
    assert len(decoded) == 6
    backwards = load_images(files[::-1], SIZE, cache=cache)
    assert np.array_equal(backwards, first[::-1])
    Image.fromarray(gradient()[::-1]).save(files[0])
    changed = load_images(files, SIZE, cache=cache)
    assert not np.array_equal(changed[0], first[0])
    assert np.array_equal(changed[1:], first[1:])


def test_what_a_killed_build_left_is_removed_when_old(files, tmp_path):
    cache = tmp_path / "cache"
    old, fresh = (contents.aside(cache / name) for name in ("images-old", "images-fresh"))
    index = contents.aside(cache / "contents.json")
    index.parent.mkdir()
    index.touch()
    os.utime(index, (0, 0))
    for folder in (old, fresh):
        folder.mkdir(parents=True)
        (folder / "pixels.npy").write_bytes(b"half")
    os.utime(old, (0, 0))
    load_images(files, SIZE, cache=cache)
    assert not old.exists() and not index.exists() and fresh.exists()


def build(paths, cache, start, results):
    """Build the cache at the same moment as the other process; runs in a process of its own."""
    start.wait(60)
    results.put(load_images(paths, SIZE, cache=cache).sum())


def test_two_processes_may_build_one_cache_at_once(files, tmp_path):
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(2), context.Queue()
    cache = tmp_path / "cache"
    processes = [context.Process(target=build, args=(files, cache, start, results)) for _ in range(2)]
    for process in processes:
        process.start()
    sums = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    assert sums == [load_images(files, SIZE, cache=None).sum()] * 2
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 1
