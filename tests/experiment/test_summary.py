"""Chapter 07: what was learned follows from records, and what has not run is said not to have run."""

import pandas as pd
import pytest
from made_up_scores import record, score

from vireid_lib.experiment import results, summary
from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.paper_table import beside_papers
from vireid_lib.experiment.pipeline import Run


@pytest.fixture
def run(tiny_profile, tmp_path, monkeypatch):
    """Call it with the rank-1 of each training set's seeds: a run whose finished trainings have them."""

    def make(older="", **ranks):
        rows = [score(rank, training=name, seed=seed) for name, own in ranks.items() for seed, rank in enumerate(own)]
        table = results.score_table(record(Cache(tmp_path / "scores"), *rows))
        table["older"] = table["training"] == older
        monkeypatch.setattr(results, "scores", lambda *_, **__: table)
        reid = tiny_profile.reid.model_copy(update={"seeds": [0, 1, 2]})
        return Run(tiny_profile.model_copy(update={"reid": reid}), tmp_path)

    return make


def answers(run):
    return summary.learned(run).set_index("question")["answer"]


def test_before_anything_ran(run):
    run = run()
    assert summary.gains(run).empty and summary.minutes(run).empty
    assert (summary.learned(run)["answer"] == "not yet run").all()


def test_gains_and_answers_follow_the_scores(run):
    run = run(dive=[0.60, 0.61, 0.62], real=[0.40, 0.41, 0.42], grayscale=[0.42, 0.43, 0.44], older="dive")
    gains = summary.gains(run).set_index("label")["mean"]
    assert gains.round(6).to_dict() == {"+ greyscale copies": 2.0, "+ DiVE": 20.0}
    told = answers(run)
    assert "not established" in told["Do more people help at all, with no generator?"]
    assert "yes, beyond the noise" in told["Does DiVE beat greyscale copies?"]
    assert told["Do the synthetic images show the right person?"] == "not yet run"
    assert told["Does DiVE help?"].endswith("†"), "made by older code"
    assert "†" not in told["Do more people help at all, with no generator?"]


def test_provenance_lists_what_lies_in_the_workspace(run):
    run = run()
    for place in range(3):
        run.stage("train_real", {"place": place}, {}, lambda _: {})
    assert summary.minutes(run)["runs"].sum() == 3
    assert {"torch", "device", "machine"} <= set(summary.conditions(run)["item"])


def test_gains_are_corrected_over_the_whole_figure(run):
    """Beyond 5 % alone, and not after correction over two training sets."""
    run = run(real=[0.38, 0.40, 0.42], grayscale=[0.43, 0.44, 0.46], dive=[0.39, 0.41, 0.40])
    gains = summary.gains(run).set_index("label")
    assert gains.loc["+ greyscale copies", "mean"] > gains.loc["+ greyscale copies", "margin"]
    assert not gains["established"].any() and set(gains["over"]) == {"3 seeds"}
    assert "not established" in answers(run)["Do more people help at all, with no generator?"]


def test_one_seed_concludes_nothing(run):
    assert "nothing can be concluded" in answers(run(real=[0.4], dive=[0.6]))["Does DiVE help?"]


def test_statuses_count_every_printed_number(run):
    beside = beside_papers(results.scores(run()))
    table = summary.statuses(beside)
    assert table["not yet run"].sum() == len(beside) and table["reproduced"].sum() == 0
    assert isinstance(summary.notes(), pd.DataFrame) and len(summary.notes()) > 3


def test_answers_from_the_generators_stages(tiny_book):
    from vireid_lib.book.attention import stages as attention_stages
    from vireid_lib.book.fitting import stages as generator_stages
    from vireid_lib.experiment import measures
    from vireid_lib.experiment.gallery_fidelity import fidelity

    generator_stages.prompt_worth(tiny_book)
    attention_stages.on_people(tiny_book)
    fidelity(tiny_book)
    measures.preservation(tiny_book, "real", tiny_book.profile.reid.seeds[0])
    told = answers(tiny_book)
    assert "infrared images changes" in told["Does the identity word reach infrared?"]
    assert "guessing" in told["Do the synthetic images show the right person?"]
    assert "real infrared, other half" in told["Are they distributed like real infrared?"]
    assert told.iloc[-1].endswith(".")
