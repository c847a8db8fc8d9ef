"""The site: every link leads somewhere, code leads to the library, search finds, all from disk and without network."""

import html
import os
import re
import urllib.parse
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from vireid_lib import cli
from vireid_lib.book.site import NothingToPublish, library, publish, search
from vireid_lib.book.site.links import Names, highlighted
from vireid_lib.experiment.profile_files import load_profile

CHROMIUM = "/usr/bin/chromium"
LINK = re.compile(r'<(?:a|link|script)\b[^>]*?\b(?:href|src)="([^"]+)"')
ANCHOR = re.compile(r'\bid="([^"]+)"')


@pytest.fixture(scope="module")
def site(smoke_book):
    """The site of the executed smoke book, published by the command."""
    workspace, _ = smoke_book
    assert cli.main(["site", "--profile", "smoke", "--workspace", str(workspace), "--debug"]) == 0
    return workspace / "site"


def test_every_link_leads_to_a_file_and_a_place_in_it(site):
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    anchors = {path: set(ANCHOR.findall(text)) for path, text in pages.items()}
    api, broken, outside = 0, [], set()
    for path, text in pages.items():
        for link in LINK.findall(text):
            if link.startswith(("http:", "https:", "data:")):
                outside.add(link)
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / urllib.parse.unquote(file)).resolve() if file else path
            api += path.parent == site and "library/" in link
            if not target.exists() or (anchor and target in anchors and anchor not in anchors[target]):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert not broken, f"{len(broken)} broken links, such as {broken[:5]}"
    assert api > 100
    assert not [link for link in outside if link.endswith((".js", ".css"))]


def test_all_chapters_and_the_whole_library_are_there(site):
    front = (site / "index.html").read_text(encoding="utf-8")
    assert all(f'href="0{number}_' in front for number in range(1, 8)) and front.count('class="card"') >= 7
    for module in (
        "vireid_lib.experiment.pipeline",
        "vireid_lib.generators.dive.dive",
        "vireid_lib.reid.losses.orthogonal",
    ):
        assert (site / library.url(module)).exists()
    used = (site / library.url("vireid_lib.experiment.pipeline")).read_text(encoding="utf-8")
    assert 'href="../../../04_reid_training.html"' in used
    assert str(Path.home()) not in (site / "04_reid_training.html").read_text(encoding="utf-8")


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium on this machine")
def test_a_reader_searches_follows_code_and_turns_off_the_light(site):
    from playwright.sync_api import sync_playwright

    shots = os.environ.get("VIREID_SCREENSHOTS")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page, errors = browser.new_page(viewport={"width": 1280, "height": 900}), []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("requestfailed", lambda request: errors.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.keyboard.press("/")
        page.keyboard.type("modality gap")
        first = page.locator("#found li").first
        assert "modality gap" in first.inner_text() and "Glossary" in first.inner_text()
        if shots:
            page.screenshot(path=f"{shots}/site_search.png")
        page.keyboard.press("Enter")
        page.wait_for_url("**/glossary.html#glossary-modality-gap")
        page.goto((site / "04_reid_training.html").as_uri())
        page.click("#fold")
        page.locator('a.api[title="vireid_lib.experiment.pipeline"]').first.click()
        page.wait_for_url("**/library/vireid_lib/experiment/pipeline.html")
        page.go_back()
        light = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.click("#theme")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
        if shots:
            page.screenshot(path=f"{shots}/site_dark.png")
        phone = browser.new_page(viewport={"width": 390, "height": 844})
        for path in sorted(site.glob("*.html")):
            phone.goto(path.as_uri())
            assert phone.evaluate("document.documentElement.scrollWidth") <= 390, f"{path.name} is wider than a phone"
        phone.locator("#contents summary").click(position={"x": 350, "y": 15})
        assert phone.locator("#contents ol a").first.is_visible()
        if shots:
            phone.screenshot(path=f"{shots}/site_phone.png")
        browser.close()
    assert not errors


def test_names_of_the_library_are_found_where_they_stand():
    names = Names()
    assert names.links("%matplotlib inline") == []
    first = "from vireid_lib.book import stages, plots as p\nfrom vireid_lib.reid.config import ReidConfig"
    assert [(link.module, link.name) for link in names.links(first)] == [
        ("vireid_lib.experiment.pipeline", ""),
        ("vireid_lib.viz", ""),
        ("vireid_lib.reid.config", "ReidConfig"),
    ]
    code = 'x = "ö"; book.evaluate("real", 0)\nReidConfig.published("a"); stages.nothing; other.reid'
    links = names.links(code)
    assert [code[link.start : link.end] for link in links] == ["stages", "reid", "ReidConfig", "published", "stages"]
    assert links[1].name == "reid" and links[3].name == "ReidConfig.published"
    shown = highlighted(code, links)
    assert shown.count('<a class="api"') == 5
    assert '<a class="api" href="library/vireid_lib/experiment/pipeline.html#reid"' in shown
    assert html.unescape(re.sub(r"<[^>]+>", "", shown)).strip() == code


def test_sections_become_entries_with_the_anchors_of_the_page(tmp_path):
    words = "# 3. A *title*\n\nBefore [all](x.md).\n\n## What **is** made\n\nThe $x$ of `it`.\n\n### deeper\n\nMore."
    notebook = new_notebook(cells=[new_markdown_cell(words), new_code_cell("f()")])
    nbformat.write(notebook, tmp_path / "03_x.ipynb")

    class Chapter:
        name, title = "03_x", "3. A title"

    found = search.chapters([Chapter], tmp_path)
    assert [(entry.title, entry.url, entry.text) for entry in found] == [
        ("A title", "03_x.html", "Before all."),
        ("What is made", "03_x.html#03_x-what-is-made", "The $x$ of it. More."),
    ]


def test_what_cannot_be_published_is_refused(tmp_path):
    with pytest.raises(NothingToPublish, match="run `vireid book --profile smoke`"):
        publish(tmp_path / "empty", load_profile("smoke"), tmp_path / "site")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(FileExistsError, match="name another folder with --out"):
        publish(tmp_path / "empty", load_profile("smoke"), tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").exists()
