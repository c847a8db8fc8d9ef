"""JupyterLab in a real browser: chapters open as notebooks, run from top to bottom, and their explorers work; a home
that cannot be written is not needed."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vireid_lib import experiment
from vireid_lib.experiment import lab
from vireid_lib.project import project_root

PATIENCE_MS = 600_000

KEPT_AT_HOME = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR")

CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets
    .filter(cell => cell.model.type === 'code' && cell.model.sharedModel.getSource().trim())
    .map(cell => ({count: cell.model.executionCount, running: cell.model.executionState,
        errors: cell.model.outputs.toJSON().filter(o => o.output_type === 'error').map(o => o.ename + ': ' + o.evalue),
        pictures: cell.model.outputs.toJSON().filter(o => o.data && o.data['image/png']).length}))"""

READY = """() => {
    const session = window.jupyterapp.shell.currentWidget?.context?.sessionContext
    const kernel = session?.session?.kernel
    return session?.isReady && kernel?.connectionStatus === 'connected' && kernel.status === 'idle'
}"""

TO_CELL = """source => {
    const book = window.jupyterapp.shell.currentWidget.content
    book.activeCellIndex = book.widgets.findIndex(
        cell => cell.model.type === 'code' && cell.model.sharedModel.getSource().includes(source))
    return book.scrollToItem(book.activeCellIndex, 'start')
}"""

# Bokeh's own page, in a frame: choose the first point, as a click on it does.
CLICK = "() => { Bokeh.documents[0].roots()[0].children[0].renderers[0].data_source.selected.indices = [0] }"


def test_the_environment_names_what_chapters_work_on(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/own")
    found = lab.environment("smoke", tmp_path / "a b")
    assert found["VIREID_PROFILE"] == "smoke" and found["VIREID_WORKSPACE"] == str(tmp_path / "a b")
    assert found["JUPYTER_CONFIG_PATH"] == f"{lab.CONFIG}{os.pathsep}/own" and "VIREID_DATA_ROOT" not in found
    with pytest.raises(FileNotFoundError, match="did you mean smoke"):
        lab.environment("smok")


def test_a_chapter_without_parameters_takes_what_lab_was_started_with(tmp_path, monkeypatch):
    for name, value in lab.environment("smoke", tmp_path).items():
        monkeypatch.setenv(name, value)
    assert experiment.open("", "", "").profile.name == "smoke" and experiment.open("").folder == tmp_path


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in (*KEPT_AT_HOME, "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "JUPYTER_PLATFORM_DIRS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def test_what_belongs_in_a_home_that_cannot_be_written_goes_elsewhere(home, tmp_path, monkeypatch):
    writable = lab.writable
    monkeypatch.setattr(lab, "writable", lambda place: home not in place.parents and writable(place))
    moved = lab.elsewhere(tmp_path / "other")
    assert set(moved) == set(KEPT_AT_HOME) and all(Path(place).parent == tmp_path / "other" for place in moved.values())
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "own"))  # what the user has set, and can be written, stands
    assert set(lab.elsewhere(tmp_path / "other")) == set(KEPT_AT_HOME) - {"IPYTHONDIR"}


@contextlib.contextmanager
def running_lab(root: Path, profile: str, workspace: Path) -> Iterator[str]:
    """JupyterLab on the notebooks in `root`; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [*lab.command(root, port=port, browser=False), "--LabApp.expose_app_in_browser=True"]
    environment = os.environ | lab.environment(profile, workspace)
    environment.pop("VIREID_HEADLESS", None)
    log = root / "lab.log"
    with open(log, "w") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        until = time.monotonic() + 120
        while not (found := re.search(r"http://127\.0\.0\.1:\d+/\S*token=\w+", log.read_text())):
            assert process.poll() is None and time.monotonic() < until, log.read_text()[-3000:]
            time.sleep(0.2)
        yield found.group(0)
    finally:
        process.terminate()
        process.wait(60)


def test_a_chapter_runs_in_a_browser_and_a_slider_changes_its_figure(chromium, smoke_book, smoke_profile, tmp_path):
    workspace, done = smoke_book
    assert done.returncode == 0
    shutil.copytree(project_root() / "notebooks", tmp_path / "notebooks")
    shutil.copy(project_root() / "README.md", tmp_path)
    stages = records(workspace)
    with running_lab(tmp_path, smoke_profile, workspace) as address:
        page = chromium.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        page.get_by_role("heading", name="VI-ReID experiment book").wait_for()  # the README, as a page
        cells = open_and_run(page, address, "05_embedding_analysis")
        assert len(cells) > 5 and any(cell["pictures"] for cell in cells)
        explore_an_embedding(page)
    assert records(workspace) == stages, "a chapter made a stage again that the book had made"


def records(workspace: Path) -> dict[Path, str]:
    """Every stage's record; a stage that is made again has another duration."""
    return {path: path.read_text() for path in (workspace / "stages").glob("*/*/result.json")}


def open_and_run(page, address: str, name: str) -> list[dict]:
    # "reset" closes what is open, so that the first notebook on the page is this one.
    page.goto(f"{address.split('/lab')[0]}/lab/tree/notebooks/{name}.py?reset&{address.split('?')[1]}")
    cells = run_all(page)
    assert not [error for cell in cells for error in cell["errors"]], name
    return cells


def run_all(page) -> list[dict]:
    """Run → Run All Cells, as a user does, and wait for the last one."""
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.wait_for_function(READY)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    until = time.monotonic() + PATIENCE_MS / 1000
    while True:
        cells = page.evaluate(CELLS)
        if cells[-1]["count"] and all(cell["running"] == "idle" for cell in cells):
            return cells
        assert not [error for cell in cells for error in cell["errors"]], cells
        assert time.monotonic() < until, cells
        page.wait_for_timeout(300)


def explored(page, source: str, act: Callable, seen: str = "img", of: str = "src") -> None:
    """Do something in the cell whose code holds `source`; the attribute of what it shows must become another one."""
    page.evaluate(TO_CELL, source)
    cell = page.locator(".jp-Notebook .jp-Cell.jp-mod-active")
    shown = cell.locator(f".jp-OutputArea-output {seen}").first
    shown.wait_for()
    before = shown.get_attribute(of)
    act(cell)
    page.wait_for_function(
        "([seen, of, before]) => { const now = document.querySelector("
        "`.jp-Cell.jp-mod-active .jp-OutputArea-output ${seen}`); return now && now.getAttribute(of) !== before }",
        arg=[seen, of, before],
    )


def choose_camera(cell) -> None:
    cell.locator(".widget-dropdown:has-text('colour') select").select_option("camera")


def slide_query(cell) -> None:
    """By one, with the keyboard."""
    cell.locator(".widget-hslider:has-text('query') .noUi-handle").focus()
    cell.page.keyboard.press("ArrowRight")


def tick_heat(cell) -> None:
    cell.locator(".widget-checkbox:has-text('heat') input").click()


def explore_an_embedding(page) -> None:
    explored(page, "explore(clickable", choose_camera, seen="iframe", of="srcdoc")
    frame = page.locator(".jp-Notebook .jp-Cell.jp-mod-active .jp-OutputArea-output iframe").first
    points = frame.element_handle().content_frame()
    points.wait_for_selector(".bk-Canvas")
    points.evaluate(CLICK)
    assert points.locator("img").count() > 3
    explored(page, "any_query,", slide_query)
    explored(page, "any_query,", tick_heat)
