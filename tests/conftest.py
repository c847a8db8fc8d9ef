"""Before any test: torch's threads read how long to wait when they are loaded."""

import vireid_lib  # noqa: F401  (before torch)

# isort: split
import os
import re
import shutil
from functools import cache

import numpy as np
import pytest
import torch
import trees
from PIL import Image

from vireid_lib import cores

pytest_plugins = ["tiny_book"]

if "PYTEST_XDIST_WORKER" in os.environ:
    torch.set_num_threads(1)  # the other workers have the other cores

WORKERS = 8
"""At most: each takes up to 3 GB."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """One for each core that is really there."""
    return min(WORKERS, cores.available())


COSTLY = ("smoke_book", "learnt")
"""Fixtures of minutes: all files whose tests use one run in the same worker."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """The tests of a file share a worker because they share fixtures. (The marker `xdist_group` would say it, but
    pytest-xdist 3.8 hands it over in a name that pytest 9.2 does not keep.)"""
    from xdist.scheduler import LoadFileScheduling

    @cache
    def group(file: str) -> str:
        text = (config.rootpath / file).read_text(encoding="utf-8")
        return next((name for name in COSTLY if re.search(rf"^def .*\b{name}[,)]", text, re.MULTILINE)), file)

    class ByFixtures(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(super()._split_scope(nodeid))

    return ByFixtures(config, log)


# The same as a user's Chromium, but for what it would fetch from the network by itself.
CHROMIUM_OPTIONS = "--no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync".split()
CHROMIUM_OPTIONS += ["--disable-component-update"]


@pytest.fixture
def chromium():
    """A real browser, by playwright."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("needs Chromium: install the system's package `chromium`")
    with pytest.importorskip("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def llcm_root(tmp_path_factory):
    """Folder of a tiny LLCM: three people to learn from, two images of 32x32 pixels by each camera, and one of the
    test; as in the whole set, camera 3 has no infrared images."""
    stream = np.random.default_rng(0)

    def draw(path, grey):
        shade = (120, 120, 120) if "nir" in path.name else (200, 90, 60)
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(stream.normal(0, 20, (32, 32, 1)) + shade, 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(path)

    def seen(one, light):
        return (1,) if one == 12 else (1, 2, 3) if light == "vis" else (1, 2)

    return trees.write(tmp_path_factory.mktemp("tiny") / "LLCM", trees.llcm((3, 4, 8), (12,), seen, 2), ".png", draw)
