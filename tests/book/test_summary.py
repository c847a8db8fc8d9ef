"""Chapter 07: what was learned follows from records, and what has not run is said not to have run."""

import pandas as pd

from vireid_lib.book import results, summary
from vireid_lib.book.book import Book


def _score(training, seed, rank_1):
    return {"dataset": "mini_vi", "method": "agw", "training": training, "external": None, "variant": "", "seed": seed,
            "mode": "all", "protocol": "all-search", "settings": {"mode": "all"}, "trials": 2, "rank_1": rank_1,
            "rank_5": 0.9, "rank_10": 0.9, "rank_20": 0.9, "mean_ap": rank_1, "mean_inp": 0.1}  # fmt: skip


def _book(tiny_profile, folder, scores):
    reid = tiny_profile.reid.model_copy(update={"seeds": [0, 1, 2]})
    book = Book(tiny_profile.model_copy(update={"reid": reid}), folder)
    for place, score in enumerate(scores):
        book.stage(f"reid_{place}", {}, {}, lambda _, score=score: {"scores": [score]})
    return book


def test_before_anything_ran(tiny_profile, tmp_path):
    book = _book(tiny_profile, tmp_path, [])
    assert summary.scores(book).empty and summary.gains(book).empty and summary.minutes(book).empty
    assert (summary.learned(book)["answer"] == "not yet run").all()


def test_gains_and_answers_follow_the_scores(tiny_profile, tmp_path):
    levels = {"real": 0.40, "copies": 0.42, "dive": 0.60}
    scores = [_score(name, seed, level + 0.01 * seed) for name, level in levels.items() for seed in (0, 1, 2)]
    scores.append(_score("real", 9, 0.99))  # a seed that the profile does not ask for
    book = _book(tiny_profile, tmp_path, scores)
    gains = summary.gains(book).set_index("label")["mean"]
    assert gains.round(6).to_dict() == {"+ greyscale copies": 2.0, "+ DiVE": 20.0}
    answers = summary.learned(book).set_index("question")["answer"]
    assert "not established" in answers["Do more people help at all, with no generator?"]
    assert "yes, beyond the noise" in answers["Does DiVE beat greyscale copies?"]
    assert answers["Do the synthetic images show the right person?"] == "not yet run"
    assert summary.minutes(book)["runs"].sum() == len(scores)
    assert {"torch", "device", "machine"} <= set(summary.conditions(book)["item"])


def test_gains_are_corrected_over_the_whole_figure(tiny_profile, tmp_path):
    """Beyond 5 % alone, and not after correction over two training sets."""
    values = {"real": [0.38, 0.40, 0.42], "copies": [0.43, 0.44, 0.46], "dive": [0.39, 0.41, 0.40]}
    scores = [_score(name, seed, value) for name, own in values.items() for seed, value in enumerate(own)]
    gains = summary.gains(book := _book(tiny_profile, tmp_path, scores)).set_index("label")
    assert gains.loc["+ greyscale copies", "mean"] > gains.loc["+ greyscale copies", "margin"]
    assert not gains["established"].any() and set(gains["over"]) == {"3 seeds"}
    answers = summary.learned(book).set_index("question")["answer"]
    assert "better before correction" in answers["Do more people help at all, with no generator?"]


def test_one_seed_concludes_nothing(tiny_profile, tmp_path):
    book = _book(tiny_profile, tmp_path, [_score("real", 0, 0.4), _score("dive", 0, 0.6)])
    answers = summary.learned(book).set_index("question")["answer"]
    assert "nothing can be concluded" in answers["Does DiVE help?"]


def test_statuses_count_every_printed_number(tiny_profile, tmp_path):
    beside = results.beside_papers(_book(tiny_profile, tmp_path, []).workspace)
    table = summary.statuses(beside)
    assert table["not yet run"].sum() == len(beside) and table["reproduced"].sum() == 0
    assert isinstance(summary.notes(), pd.DataFrame) and len(summary.notes()) > 3


def test_answers_from_the_generators_stages(tiny_book):
    from vireid_lib.book.attention import stages as attention_stages
    from vireid_lib.book.fitting import stages as generator_stages
    from vireid_lib.book.galleries import measures

    generator_stages.prompt_worth(tiny_book, images=8)
    attention_stages.on_people(tiny_book, images=6)
    measures.fidelity(tiny_book)
    measures.judged_people(tiny_book)
    answers = summary.learned(tiny_book).set_index("question")["answer"]
    assert "infrared images changes" in answers["Does the identity word reach infrared?"]
    assert "guessing" in answers["Do the synthetic images show the right person?"]
    assert "real infrared, other half" in answers["Are they distributed like real infrared?"]
    assert answers.iloc[-1].endswith(".")
