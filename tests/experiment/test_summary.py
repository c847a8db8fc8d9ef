"""Chapter 07: what was learned follows from records, and what has not run is said not to have run."""

import pandas as pd
import pytest

from vireid_lib.experiment import results, selection, summary
from vireid_lib.experiment.results import Score
from vireid_lib.experiment.run import Book


@pytest.fixture
def book(tiny_profile, tmp_path, monkeypatch):
    """Call it with scores: a book whose finished trainings have them."""

    def make(*scores):
        reid = tiny_profile.reid.model_copy(update={"seeds": [0, 1, 2]})
        table = pd.DataFrame(scores, columns=[*Score.model_fields, "older"])
        monkeypatch.setattr(selection, "scores", lambda *_, **__: table)
        return Book(tiny_profile.model_copy(update={"reid": reid}), tmp_path)

    return make


def score(training, seed, rank_1, older=False):
    return {
        "dataset": "mini_vi",
        "method": "agw",
        "training": training,
        "external": None,
        "variant": "",
        "seed": seed,
        "mode": "all",
        "protocol": "all-search",
        "settings": {"mode": "all"},
        "trials": 2,
        "rank_1": rank_1,
        "rank_5": 0.9,
        "rank_10": 0.9,
        "rank_20": 0.9,
        "mean_ap": rank_1,
        "mean_inp": 0.1,
        "older": older,
    }


def test_before_anything_ran(book):
    book = book()
    assert summary.scores(book).empty and summary.gains(book).empty and summary.minutes(book).empty
    assert (summary.learned(book)["answer"] == "not yet run").all()


def test_gains_and_answers_follow_the_scores(book):
    levels = {"dive": 0.60, "real": 0.40, "grayscale": 0.42}
    book = book(*(score(name, seed, level + 0.01 * seed) for name, level in levels.items() for seed in (2, 0, 1)))
    assert summary.scores(book)["training"].tolist() == ["real"] * 3 + ["grayscale"] * 3 + ["dive"] * 3
    gains = summary.gains(book).set_index("label")["mean"]
    assert gains.round(6).to_dict() == {"+ greyscale copies": 2.0, "+ DiVE": 20.0}
    answers = summary.learned(book).set_index("question")["answer"]
    assert "not established" in answers["Do more people help at all, with no generator?"]
    assert "yes, beyond the noise" in answers["Does DiVE beat greyscale copies?"]
    assert answers["Do the synthetic images show the right person?"] == "not yet run"


def test_provenance_lists_what_lies_in_the_workspace(book):
    book = book()
    for place in range(3):
        book.stage("reid_real", {"place": place}, {}, lambda _: {})
    assert summary.minutes(book)["runs"].sum() == 3
    assert {"torch", "device", "machine"} <= set(summary.conditions(book)["item"])


def test_gains_are_corrected_over_the_whole_figure(book):
    """Beyond 5 % alone, and not after correction over two training sets."""
    values = {"real": [0.38, 0.40, 0.42], "grayscale": [0.43, 0.44, 0.46], "dive": [0.39, 0.41, 0.40]}
    book = book(*(score(name, seed, value) for name, own in values.items() for seed, value in enumerate(own)))
    gains = summary.gains(book).set_index("label")
    assert gains.loc["+ greyscale copies", "mean"] > gains.loc["+ greyscale copies", "margin"]
    assert not gains["established"].any() and set(gains["over"]) == {"3 seeds"}
    answers = summary.learned(book).set_index("question")["answer"]
    assert "better before correction" in answers["Do more people help at all, with no generator?"]


def test_one_seed_concludes_nothing(book):
    answers = summary.learned(book(score("real", 0, 0.4), score("dive", 0, 0.6))).set_index("question")["answer"]
    assert "nothing can be concluded" in answers["Does DiVE help?"]


def test_answers_mark_what_older_code_made(book):
    scores = [
        score(name, seed, 0.1 * seed, older=name == "dive")
        for name in ("real", "grayscale", "dive")
        for seed in range(3)
    ]
    answers = summary.learned(book(*scores)).set_index("question")["answer"]
    assert answers["Does DiVE help?"].endswith("†")
    assert "†" not in answers["Do more people help at all, with no generator?"]


def test_statuses_count_every_printed_number(book):
    beside = results.beside_papers(summary.scores(book()))
    table = summary.statuses(beside)
    assert table["not yet run"].sum() == len(beside) and table["reproduced"].sum() == 0
    assert isinstance(summary.notes(), pd.DataFrame) and len(summary.notes()) > 3


def test_answers_from_the_generators_stages(tiny_book):
    from vireid_lib.book.attention import stages as attention_stages
    from vireid_lib.book.fitting import stages as generator_stages
    from vireid_lib.book.galleries import measures

    generator_stages.prompt_worth(tiny_book)
    attention_stages.on_people(tiny_book)
    measures.fidelity(tiny_book)
    measures.judged_people(tiny_book)
    answers = summary.learned(tiny_book).set_index("question")["answer"]
    assert "infrared images changes" in answers["Does the identity word reach infrared?"]
    assert "guessing" in answers["Do the synthetic images show the right person?"]
    assert "real infrared, other half" in answers["Are they distributed like real infrared?"]
    assert answers.iloc[-1].endswith(".")
