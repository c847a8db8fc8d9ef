"""Chapter 08's demonstrations: they agree with the library's scores and show what they claim."""

import numpy as np
import pandas as pd
import pytest

from vireid_lib.book import lessons, pitfalls
from vireid_lib.evaluation import Trial
from vireid_lib.experiment import jobs


def test_counting_identities_once_gives_the_scores_of_the_library(made_up_trial):
    features, trial = made_up_trial()
    found, counted = lessons.score_trial(features, trial, "sysu-mm01"), pitfalls.counting(features, trial, "sysu-mm01")
    assert counted.loc["each identity once"].tolist() == pytest.approx([100 * found.rank(k) for k in range(1, 21)])


def test_counting_images_is_never_kinder_and_the_same_at_rank_one(made_up_trial):
    counted = pitfalls.counting(*made_up_trial(), "sysu-mm01")
    assert counted.loc["every image", 1] == counted.loc["each identity once", 1]
    assert (counted.loc["every image"] <= counted.loc["each identity once"]).all()


def test_the_luckiest_of_many_is_no_better_on_the_other_half(made_up_trial):
    features, trial = made_up_trial(people=40, seed=3)
    table = pitfalls.chosen_on_the_test_set(features, trial, "sysu-mm01", candidates=12)
    assert table.shape == (12, 2)
    assert table["choosing half"].max() > table["choosing half"].mean() + 1
    # Noise of its own: who is lucky on one half is not for that lucky on the other.
    assert abs(table.corr().iloc[0, 1]) < 0.6
    pd.testing.assert_frame_equal(table, pitfalls.chosen_on_the_test_set(features, trial, "sysu-mm01", candidates=12))


def test_swapping_changes_who_asks_and_how_many_count(made_up_trial):
    features, trial = made_up_trial()
    table = pitfalls.directions(
        features,
        Trial(trial.query.assign(modality="infrared"), trial.gallery.assign(modality="visible"), "one"),
        "regdb",
    )
    assert table["asks"].tolist() == ["infrared", "visible"]
    assert table["gallery images"].tolist() == [len(trial.gallery), len(trial.query)]
    assert table.loc["swapped", "mAP"] == 100 * lessons.score_trial(features, trial, "regdb", swapped=True).mean_ap


def test_only_the_rule_changes_and_the_own_one_comes_first(made_up_trial):
    features, trial = made_up_trial()
    table = pitfalls.rules(features, trial, "sysu-mm01")
    assert table.index[0] == "sysu-mm01" and set(table.index) == {"sysu-mm01", "regdb", "llcm", "market-1501"}
    for rule in table.index:
        assert table.loc[rule, "rank-1"] == 100 * lessons.score_trial(features, trial, rule).rank(1)


def test_a_collapse_is_nothing_by_hand_or_everything():
    people = ["a", "b", "c"]
    query = pd.DataFrame({"identity": people, "camera": "set/3"})
    gallery = pd.DataFrame({"identity": people, "camera": "set/1"})
    table = pitfalls.collapsed(Trial(query, gallery, "one"), "sysu-mm01")
    assert table["rank-1"].tolist() == pytest.approx([0, 100 / 3, 100])
    # Ranks 1, 2 and 3 of three images; always the last; always the first.
    assert table["mAP"].tolist() == pytest.approx([100 / 3, 100 * (1 + 1 / 2 + 1 / 3) / 3, 100])


def test_the_gift_grows_with_the_number_looked_at_and_is_none_for_others():
    draw = np.random.default_rng(0)
    luck = pd.DataFrame(draw.standard_normal((200, 2)), columns=["choosing half", "other half"])
    table = pitfalls.gift(luck, (1, 2, 10, 50), draws=4000)
    assert table["choosing half"].is_monotonic_increasing and abs(table.loc[1, "choosing half"]) < 0.05
    assert table.loc[2, "choosing half"] == pytest.approx(0.56, abs=0.1)  # the larger of two normal numbers: 1/√π
    assert table["other half"].abs().max() < 0.3


def test_fresh_cuts_hold_about_half_of_the_known_people_and_the_first_none(tiny_book):
    data = tiny_book.data()
    cuts = pitfalls._cuts(data.train_rows(), data.test())
    known, size = set(data.train_rows()["identity"]), len(cuts[0][0])
    assert len(cuts) == 10 and cuts[0][1] == 0 and all(len(set(people)) == size for people, _ in cuts)
    assert all(len(known & set(people)) == round(seen * size) for people, seen in cuts)
    assert 0.25 < np.mean([seen for _, seen in cuts[1:]]) < 0.75


def test_leaking_splits_score_the_own_split_as_the_library_does(tiny_book):
    table = pitfalls.leaked(tiny_book)
    assert table["split"].tolist() == list(range(1, 11)) and table["seen"].between(0, 100).all()
    features, test = tiny_book.features("real", 0)
    people, _ = pitfalls._cuts(tiny_book.data().train_rows(), test)[0]
    assert set(people) == set(test["identity"])  # fewer test people than training people in this world
    protocol = tiny_book.protocol()
    expected = lessons.score_trial(features, protocol.trials(test)[0], protocol.rule)
    own = table[table["split"] == 1].iloc[0]
    assert own["rank_1"] == pytest.approx(100 * expected.rank(1))
    assert own["mean_ap"] == pytest.approx(100 * expected.mean_ap, abs=1e-3)
    summary = pitfalls.leak_summary(table)
    assert summary["test people trained on (%)"].tolist()[0] == "0" and len(summary) == 2


def test_half_the_batch_for_twice_the_steps_sees_as_many_images(tiny_book, monkeypatch):
    here = lambda asked: [run.evaluate(name, seed) for run, name, seed in asked]  # noqa: E731 (in this process)
    monkeypatch.setattr(jobs, "evaluate_all", here)
    changed = tiny_book.with_method("agw", {"identities": 4})
    table = pitfalls.batch_table(pitfalls.batch_sizes(changed, steps=2, seeds=1))
    assert table["people in a batch"].tolist() == [2, 4, 2] and table["steps"].tolist() == [2, 2, 4]
    assert table["images seen"].iloc[1] == table["images seen"].iloc[2] == 2 * table["images seen"].iloc[0]
    assert table["seeds"].tolist() == [1, 1, 1]
