"""The site: what ran, failed or did not run, equations, solutions, links to the library, search; without network."""

import re
import warnings

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from vireid_lib.experiment.cache import KEPT
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.provenance import hardware, library, now, versions, write_json
from vireid_lib.experiment.publish import SiteError, publish

HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)>"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WARNED = warnings.formatwarning("1 of 800 ties", UserWarning, "/home/somebody/lib/evaluator.py", 171, "warn(text)")
SCRIPT = "# %% [markdown]\n# # {title}\n#\n# **The question.** Does *{title}* run?\n"
LINK = re.compile(r'<(?:a|link|script|img)\b[^>]*?\b(?:href|src)="([^"]+)"')


def code(source, *outputs, tag=""):
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": [tag] if tag else []})


def printed(words, name="stdout"):
    return new_output("stream", name=name, text=words)


def first_chapter():
    about = {"image/png": {"alt": "A <red> dot", "width": 90}}
    links = "[Two](02_second.py#Second-part), [three](03_third.py#Gone), "
    links += "[small](studies/small.py), [other](studies/other.py)"
    return [
        new_markdown_cell(f"# 1 · First\n\n**The question.** Does *it* [run](glossary.md#modality)?\n\n{links}"),
        code('profile = "mini"\nworkspace = ""\ncount = 3', tag="parameters"),
        code('# Parameters\nprofile = "smoke"\nworkspace = "/home/me/w"', tag="injected-parameters"),
        new_markdown_cell("## The hermeneutic section"),
        code("from vireid_lib.did_you_mean import hint\n\nhint('a', ['b'])", printed(HOSTILE)),
        code("draw()", new_output("display_data", {"image/png": PIXEL}, metadata=about)),
        code("score()", printed(f"before\n{WARNED}after\n", "stderr")),
        code("# Solution 1.\n# Two and two.\nfour = 2 + 2\nprint(four)", printed("4\n"), tag="solution"),
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Chapter 1 ran, 2 failed, 3 did not run, 4 took older results; one study failed, one did not run."""
    folder = tmp_path_factory.mktemp("a wörk <b>&")
    notebooks, workspace = folder / "chapters", folder / "w"
    (notebooks / "studies").mkdir(parents=True)
    (workspace / "notebooks").mkdir(parents=True)
    for name in ("01_first", "02_second", "03_third", "04_fourth", "studies/small", "studies/other"):
        (notebooks / f"{name}.py").write_text(SCRIPT.format(title=f"{name} & co"))
    kept = new_output("display_data", {KEPT: "Kept: x", "text/plain": "Kept: x"})
    second = [new_markdown_cell("# Second\n\n## Second part"), code("1 / 0")]
    fourth = [new_markdown_cell("# Fourth"), code("1", kept)]
    back = new_markdown_cell("[One](../01_first.py#The-hermeneutic-section) and a [word](../glossary.md#modality)")
    run = {"01_first": first_chapter(), "02_second": second, "04_fourth": fourth, "small": [back, code("no_title = 1")]}
    for name, cells in run.items():
        notebook = new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})
        nbformat.write(notebook, workspace / "notebooks" / f"{name}.ipynb")
        if name in ("01_first", "04_fourth"):
            write_json(workspace / "notebooks" / f"{name}.json", {"wall_seconds": 61, "finished": now()})
    profile = load_profile("smoke")
    about = {"failure": HOSTILE, "profile": profile.model_dump(), "finished": "2026-01-02T03:04:05", "device": "cpu"}
    about |= {"hardware": hardware(), "versions": versions(), "library": library()}
    write_json(workspace / "book.json", about)
    write_json(workspace / "study_small.json", {"failure": f"small: {HOSTILE}"})
    other = profile.model_copy(update={"title": "not this one"})
    page = publish(workspace, other, workspace / "site", notebooks=notebooks)
    assert page == workspace / "site" / "index.html"
    return page.parent


def text(site, name):
    return (site / f"{name}.html").read_text("utf-8")


def words(site, name):
    return re.sub(r"<[^>]+>", "", text(site, name))


def test_the_front_page_shows_the_records_and_what_failed_or_did_not_run(site):
    front = words(site, "index")
    cards = re.findall(r'<a class="card ([\w-]+)" href="(\w+)\.html">', text(site, "index"))
    ran = [("done", "01_first"), ("failed", "02_second"), ("not-run", "03_third"), ("older", "04_fourth")]
    assert cards == [*ran, ("failed", "small")]
    assert "Does it run?" in front and "†" in front and "vireid study other" in front
    assert load_profile("smoke").title in front and "not this one" not in front
    assert "incomplete" in front
    assert "small: &lt;script&gt;" in words(site, "small") and "Kept: x" in words(site, "04_fourth")
    assert "vireid book --only 03_third" in words(site, "03_third")


def test_a_chapter_shows_the_run_and_nobodys_folders(site):
    page = text(site, "01_first")
    plain = words(site, "01_first")
    assert "smoke" in plain and "count = 3" in plain.replace("\xa0", " ") and "/home/me" not in page
    assert "UserWarning: 1 of 800 ties" in plain and "somebody" not in page
    assert 'alt="A &lt;red&gt; dot"' in page and 'width="90"' in page
    (solution,) = re.findall(r"<details.*?</details>", page, re.DOTALL)
    assert "Solution 1" in solution and "Two and two" in solution and ">4\n" in solution


def test_every_link_leads_to_a_file_and_a_place_in_it(site):
    pages = {path: path.read_text("utf-8") for path in site.rglob("*.html")}
    anchors = {path: set(re.findall(r'\bid="([^"]+)"', page)) for path, page in pages.items()}
    for path, page in pages.items():
        assert "<script>alert" not in page and "<img src=x" not in page, "a run's text became markup"
        for link in LINK.findall(page):
            if not link.startswith(("https:", "data:")):
                file, _, anchor = link.partition("#")
                target = (path.parent / file.partition("?")[0]).resolve() if file else path
                assert target.exists(), f"{path.name}: {link}"
                assert not anchor or target not in anchors or anchor in anchors[target], f"{path.name}: {link}"
    assert "library/vireid_lib.did_you_mean.html#vireid_lib.did_you_mean.hint" in text(site, "01_first")
    assert "../01_first.html" in text(site, "library/vireid_lib.did_you_mean")
    first, small = text(site, "01_first"), text(site, "small")
    for link in ("02_second.html#second-part", "03_third.html", "small.html", "glossary.html#modality"):
        assert f'href="{link}"' in first
    assert "studies/" not in first and ", other" in words(site, "01_first"), "a study that has not run has no page"
    assert 'href="01_first.html#the-hermeneutic-section"' in small


def test_what_cannot_be_published_is_refused(tmp_path):
    assert publish(tmp_path / "empty", load_profile("smoke"), tmp_path / "site") is None
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(SiteError, match="name another folder with --out"):
        publish(tmp_path / "empty", load_profile("smoke"), tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.tex").exists()
