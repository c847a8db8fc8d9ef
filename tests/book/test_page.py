"""The page: readable without network, code folded, equations drawn, papermill's traces gone."""

import base64
import io
import re
import warnings

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from vireid_lib.book.page.export import ChapterExporter, data_uri, equation, first_line, prepared, without_number
from vireid_lib.book.page.math import UnreadableMath, svg
from vireid_lib.experiment.cache import KEPT
from vireid_lib.experiment.notebooks import Chapter
from vireid_lib.experiment.provenance import hardware, versions, write_json

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def tagged(source, *tags, **options):
    cell = new_code_cell(source, **options)
    cell.metadata["tags"] = list(tags)
    return cell


def exported(*cells):
    exporter = ChapterExporter("03_x")
    body, _ = exporter.from_notebook_node(prepared(new_notebook(cells=list(cells))))
    return body, exporter


@pytest.mark.parametrize(
    "latex",
    [
        r"\mathcal{V}^* = \mathcal{V} \cup \mathcal{V}_{\text{Ext}}",
        r"\mathbb{E}_{x,p,\epsilon,t}\left[\lVert\epsilon-\epsilon_\theta(z_t,t,\Gamma(\mathcal{T}([p],[k])))\rVert_2^2\right]",
        r"\begin{aligned} a &= b \\ c &= d \end{aligned}",
        r"\big\lVert x \big\rVert^2 + \Big\| y \Big\| + \bigl\{ z \bigr\}",
        r"\begin{equation} a = b \end{equation}",
        r"\operatorname{AP} = \frac{1}{|H|} \sum_{h \in H} \frac{h}{r_h}",
    ],
)
def test_equations_are_drawn_in_the_texts_colour(latex):
    drawn = svg(latex, block=True)
    assert drawn.startswith("<svg") and "viewBox" in drawn and "em" in drawn
    assert "currentColor" in drawn and "black" not in drawn


def test_an_equations_number_stands_beside_it():
    drawn = svg(r"a = b \tag{6}", block=True)
    assert '<span class="tag">(6)</span>' in drawn


@pytest.mark.parametrize("latex", [r"\foo{a}", "a_{", r"\begin{nothing}x\end{nothing}"])
def test_an_unreadable_equation_is_told_and_costs_no_page(latex):
    with pytest.raises(UnreadableMath):
        svg(latex, block=False)
    assert 'class="undrawn"' in equation(latex, block=False)


def test_markdown_becomes_prose_with_unique_anchors():
    body, exporter = exported(
        new_markdown_cell("# 3. Title\n\n## A *section*\n\nText $x^2$.\n\n$$y$$\n\n| a |\n|---|\n| b |")
    )
    assert '<h2 class="chapter-title">Title</h2>' in body
    assert '<h3 id="03_x-a-section">A <em>section</em></h3>' in body
    assert [(heading.text, heading.anchor) for heading in exporter.headings] == [("A section", "03_x-a-section")]
    assert 'class="math inline"' in body and 'class="math block"' in body and "$" not in body
    assert "<td>b</td>" in body


def test_code_is_folded_under_its_telling_line():
    body, _ = exported(new_code_cell("# first\nimport os\nvalue = os.getcwd()"))
    assert re.search(r'<details class="code"><summary><code>value = os.getcwd\(\)</code></summary>', body)
    assert 'class="kn"' in body


@pytest.mark.parametrize(
    ("source", "expected"), [("import os", "import os"), ("", ""), ("# note\nx = 1", "x = 1"), ("  y\n", "y")]
)
def test_first_line(source, expected):
    assert first_line(source) == expected


def test_the_parameters_are_those_of_the_run_and_nobodys_folders():
    body, _ = exported(
        tagged('profile = "mini"\nworkspace = ""\ndata_root = ""\ncount = 3', "parameters"),
        tagged('# Parameters\nprofile = "smoke"\nworkspace = "/home/me/w"', "injected-parameters"),
        tagged("nothing", "papermill-error-cell-tag"),
    )
    plain = re.sub(r"<[^>]+>", "", body)
    assert "profile = 'smoke'" in plain and "count = 3" in plain
    assert "/home/me" not in body and "mini" not in body and "nothing" not in body
    assert body.count("<details") == 1


def test_outputs_are_shown():
    about = {"width": 300, "alt": "A < B"}
    outputs = [
        new_output("stream", name="stdout", text="one\n"),
        new_output("stream", name="stdout", text="two\n"),
        new_output("stream", name="stderr", text="careful\n"),
        new_output("display_data", {"image/png": PIXEL, "text/plain": "Figure"}, metadata={"image/png": about}),
        new_output("execute_result", {"text/html": "<table><tr><td>7</td></tr></table>", "text/plain": "7"}),
        new_output("display_data", {"text/latex": "$$z$$"}),
        new_output("display_data", {"text/plain": "AGW: 30 steps in 0:03"}),
        new_output("error", ename="ValueError", evalue="no", traceback=["\x1b[31mValueError\x1b[0m: no"]),
    ]
    body, _ = exported(new_code_cell("f()", outputs=outputs))
    assert '<pre class="stream stdout">one\ntwo\n</pre>' in body and "careful" in body
    assert 'src="data:image/webp;base64,' in body and 'width="300"' in body and 'alt="A &lt; B"' in body
    assert "<td>7</td>" in body and body.count('class="math block"') == 1 and "AGW: 30 steps" in body
    assert '<pre class="error">' in body and "\x1b" not in body and "Figure<" not in body


def test_widgets_never_stand_alone():
    output = new_output(
        "display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}, "text/plain": "VBox()"}
    )
    body, _ = exported(new_code_cell("f()", outputs=[output]))
    assert "VBox()" in body and "<script" not in body


@pytest.mark.parametrize(("noise", "exact"), [(0, True), (255, False)])
def test_charts_stay_exact_and_photographs_become_small(noise, exact):
    pixels = np.random.default_rng(0).integers(0, noise + 1, (300, 300, 3), dtype=np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, "PNG")
        kind, encoded = data_uri(base64.b64encode(file.getvalue()).decode(), "image/png").split(";base64,")
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"))
    assert kind == "data:image/webp" and np.array_equal(shown, pixels) is exact


def test_tables_of_pandas_lose_their_own_style():
    output = new_output("execute_result", {"text/html": "<style scoped>\n.dataframe {}\n</style><table></table>"})
    body, _ = exported(new_code_cell("f()", outputs=[output]))
    assert "<style" not in body and "<table>" in body


def test_long_prints_are_folded():
    text = "".join(f"line {number}\n" for number in range(40))
    body, _ = exported(new_code_cell("f()", outputs=[new_output("stream", name="stdout", text=text)]))
    assert '<details class="stream"><summary>40 printed lines, the last: line 39</summary>' in body


def test_a_warning_is_told_without_the_machines_folders():
    text = warnings.formatwarning("1 of 800 ties", UserWarning, "/home/somebody/lib/evaluator.py", 171, "warn(text)")
    outputs = [new_output("stream", name="stderr", text="before: 1\n" + text + "after\n")]
    body, _ = exported(new_code_cell("score()", outputs=outputs))
    assert "before: 1\nUserWarning: 1 of 800 ties\nafter" in body and "somebody" not in body and "warn(" not in body


@pytest.mark.parametrize(
    ("title", "expected"),
    [("2. Teaching", "Teaching"), ("Chapter 2: Teaching", "Teaching"), ("Teaching 2 people", "Teaching 2 people")],
)
def test_titles_lose_their_numbers(title, expected):
    assert without_number(title) == expected


def test_an_equations_code_is_open_and_a_solution_is_folded_as_a_whole_with_its_outputs():
    printed = [new_output("stream", name="stdout", text="it is 4\n")]
    solved = "# Solution 2. Two and two\n# are < 5.\nfour = 2 + 2\nassert four == 4\nprint(four)"
    body, _ = exported(tagged("x = 1", "equation"), tagged(solved, "solution", outputs=printed), new_code_cell("y = 2"))
    assert body.count("<details") == 2 and '<details class="code"><summary><code>y = 2' in body
    before, _, after = body.partition('<details class="solution"><summary>Solution 2</summary>')
    assert "x" in before and '<div class="code">' in before
    inside = after[: after.index("</details>")]
    assert "Two and two are &lt; 5." in inside and "it is 4" in inside and "assert" in inside and "# Sol" not in inside


def test_links_to_the_glossary_stay_on_the_page():
    text = "A [query](glossary.md#query-and-gallery), [all](glossary.md), [é](glossary.md#fré-b), [x](#y)."
    body, _ = exported(new_markdown_cell(text))
    assert re.findall(r'href="([^"]*)"', body) == ["#glossary-query-and-gallery", "#glossary", "#glossary-fr-b", "#y"]


def test_preparing_leaves_the_notebook_as_it_is():
    notebook = new_notebook(cells=[tagged("x = 1", "injected-parameters")])
    before = nbformat.writes(notebook)
    prepared(notebook)
    assert nbformat.writes(notebook) == before


@pytest.mark.parametrize("kept", [False, True])
def test_a_page_says_when_results_of_older_code_are_on_it(tmp_path, kept):
    from vireid_lib.book.page import make_page
    from vireid_lib.experiment.profile_files import load_profile

    shown = [new_output("display_data", {KEPT: "Kept: x", "text/plain": "Kept: x"})] if kept else []
    (tmp_path / "notebooks").mkdir()
    notebook = new_notebook(cells=[new_markdown_cell("# T"), new_code_cell("1", outputs=shown, execution_count=1)])
    nbformat.write(notebook, tmp_path / "notebooks" / "01_chapter.ipynb")
    write_json(tmp_path / "notebooks" / "01_chapter.json", {"wall_seconds": 1})
    write_json(
        tmp_path / "book.json",
        {
            "failure": "",
            "hardware": hardware(),
            "versions": versions(),
            "device": "cpu",
            "finished": "2026-01-02T03:04:05",
        },
    )
    (tmp_path / "glossary.md").write_text("# Glossary\n")
    page = make_page(tmp_path, [Chapter(tmp_path / "01_chapter.py", "T", {})], load_profile("smoke")).read_text()
    assert ("made by older code" in page) == kept and ('<li class="older">' in page) == kept
    assert ("Kept: x" in page) == kept


def test_the_whole_page_needs_no_network(tmp_path):
    from vireid_lib.book.page import make_page
    from vireid_lib.experiment.profile_files import load_profile

    profile = load_profile("smoke")
    chapters = [Chapter(tmp_path / f"0{n}_chapter.py", f"Title & {n}", {}) for n in (1, 2)]
    assert make_page(tmp_path, chapters, profile) is None
    (tmp_path / "notebooks").mkdir()
    nbformat.write(
        new_notebook(cells=[new_markdown_cell("# T\n\n## S\n\n$a$")]), tmp_path / "notebooks" / "01_chapter.ipynb"
    )
    write_json(tmp_path / "notebooks" / "01_chapter.json", {"wall_seconds": 61})
    (tmp_path / "glossary.md").write_text("# Glossary\n\n## Words\n\n### rank-1\n\nThe first.\n")
    write_json(
        tmp_path / "book.json",
        {
            "failure": "",
            "hardware": hardware(),
            "versions": versions(),
            "device": "cpu",
            "finished": "2026-01-02T03:04:05",
        },
    )
    page = make_page(tmp_path, chapters, profile).read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page) and "@import" not in page and "url(" not in page
    assert 'href="#01_chapter-s"' in page and "ran in 1:01" in page and "Title &amp; 2" in page
    assert "2026-01-02 03:04 UTC" in page
    assert "vireid book --only 02" in page and profile.title in page
    assert '<h4 id="glossary-rank-1">rank-1</h4>' in page and 'href="#glossary"' in page
    assert page.count("<script") == 1 and 'name="viewport"' in page
