"""Results: averages over seeds, and ours beside the papers' only where it may stand there."""

import functools

import numpy as np
import pytest
from made_up_scores import ON_SYSU, beside_papers, record, score

from vireid_lib.experiment import results
from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.papers import load_paper, load_papers
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.project import project_root


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def found(cache):
    return results.score_table(cache.records())


@functools.cache
def dive_paper():
    return load_paper(project_root() / "data_manifests" / "papers" / "dive.yaml")


def beside(cache):
    """Our numbers beside those of DiVE's paper."""
    return beside_papers(found(cache), [dive_paper()])


def status(beside, row, column, metric):
    rows = beside[(beside["table"] == 2) & (beside["printed_row"] == row) & (beside["printed_column"] == column)]
    return rows[rows["metric"] == metric].iloc[0]


def test_seeds_are_averaged_with_the_sample_deviation(cache):
    values = [0.374, 0.405, 0.393]
    record(cache, *(score(value, seed=seed) for seed, value in enumerate(values)))
    row = results.over_seeds(found(cache)).iloc[0]
    assert row["rank_1"] == pytest.approx(100 * np.mean(values)) and row["seeds"] == 3
    assert row["rank_1_std"] == pytest.approx(100 * np.std(values, ddof=1))
    one = found(cache).query("seed == 0")
    assert np.isnan(results.over_seeds(one).iloc[0]["rank_1_std"])
    assert results.as_words(results.main_table(one, load_profile("smoke")))["rank-1"].tolist() == ["37.4"]


def test_every_table_marks_what_older_code_made(cache):
    near = [score(value, seed=seed, **ON_SYSU) for seed, value in enumerate([0.4799, 0.48, 0.4801])]
    record(cache, *near, score(0.5), score(0.6, training="dive"))
    table = found(cache)
    table["older"] = (table["training"] == "dive") | (table["rank_1"] == 0.48)
    main = results.main_table(table.query("dataset == 'mini_vi'"), load_profile("smoke"))
    assert main["older"].tolist() == [False, True] and "older code" in results.show(main).caption
    assert results.as_words(main).index.get_level_values(1).tolist() == ["real images only", "+ DiVE †"]
    marked = beside_papers(table, [dive_paper()]).query("older and metric == 'rank_1'")
    assert marked[["printed_row", "status"]].to_numpy().tolist() == [["AGW", "reproduced"]]


def test_the_main_table_shows_what_the_profile_asks_for(cache):
    sets = ("oracle_ir", "dive", "real")
    rows = [score(0.4 + 0.01 * seed, training=name, seed=seed) for name in sets for seed in (0, 1, 7)]
    record(cache, *rows, score(0.9, training="grayscale", mode="indoor"), score(0.9, method="caj"))
    table = results.main_table(found(cache), load_profile("smoke"))
    assert table["training"].tolist() == ["real", "dive", "oracle_ir"] and table["seeds"].tolist() == [2] * 3
    words = results.as_words(table)
    assert words.index.get_level_values(1).tolist() == ["real images only", "+ DiVE", "+ true infrared"]
    assert words["rank-1"].tolist() == ["40.5 ± 0.7"] * 3
    assert "40.5 ± 0.7" in results.show(table).to_html() and "2 seeds" in results.show(table).caption
    bars = results.for_bars(found(cache).query("training == 'dive'"))
    assert list(bars) == ["+ DiVE"] and bars["+ DiVE"] == pytest.approx([40, 41, 47])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.475], "one seed"),  # the printed number itself, once
        ([0.45, 0.50], "inconclusive"),  # their mean is the printed number
        ([0.478, 0.480, 0.4795, 0.4805], "reproduced"),  # 0.45 points above, the tolerance is 1
        ([0.43, 0.431, 0.432], "differs"),
    ],
)
def test_a_status_follows_from_all_seeds(cache, values, expected):
    record(cache, *(score(value, seed=seed, **ON_SYSU) for seed, value in enumerate(values)))
    compared = beside(cache)
    row = status(compared, "AGW", "SYSU-MM01 All search", "rank_1")
    assert (row["status"], row["seeds"]) == (expected, len(values))
    assert status(compared, "CAJ", "SYSU-MM01 All search", "rank_1")["status"] == "not yet run"


@pytest.mark.parametrize("rule", ["regdb", "sysu-mm01"])
def test_splits_with_networks_of_their_own_count_as_the_sample(cache, rule):
    """One seed on RegDB's ten splits: ten networks, and not "one seed"."""
    rank_1 = [0.70, 0.71, 0.69, 0.705, 0.70, 0.695, 0.70, 0.71, 0.70, 0.70]
    row = score(float(np.mean(rank_1)), dataset="regdb", method="deen", mode="visible-to-infrared")
    record(cache, row | {"protocol": {"rule": rule}}, split_scores=rank_1)
    table = beside_papers(found(cache), load_papers())
    run = table[(table["dataset"] == "regdb") & (table["our_mean"].notna()) & (table["metric"] == "rank_1")]
    assert len(run) and (run["our_mean"].round(6) == 70.1).all()
    if rule == "regdb":
        assert set(run["over"]) == {"10 splits"} and set(run["status"]) <= {"reproduced", "differs"}
        assert run["our_std"].iloc[0] == pytest.approx(100 * np.std(rank_1, ddof=1))
    else:  # ten galleries that one network ranks say nothing about another training
        assert set(run["over"]) == {"1 seed"} and set(run["status"]) == {"one seed"}


OTHERWISE = [{"external": "market1501"}, {"training": "grayscale"}, {"method": "caj"}, {"mode": "indoor"}]
OTHERWISE += [{"protocol": {"rule": "sysu-mm01", "shots": 10, "draw": "seeded"}}, {"trials": 2}, {"resolved": None}]
OTHERWISE += [{"protocol": {"rule": "sysu-mm01", "shots": 1, "draw": "official"}}, {"dataset": "mini_vi"}]


@pytest.mark.parametrize("changes", OTHERWISE)
def test_other_conditions_are_no_comparison(cache, changes):
    record(cache, score(0.475, **ON_SYSU | changes))
    assert status(beside(cache), "AGW", "SYSU-MM01 All search", "rank_1")["status"] == "not yet run"


def test_the_dive_paper_is_transcribed():
    paper = {paper.name: paper for paper in load_papers()}["dive"]
    values = list(paper.values())
    assert len(values) == 24 + 64 + (16 + 8) + 12  # two rows of table 3 are there in two readings

    def printed(table, row, column):
        cell = [v for v in values if (v["table"], v["printed_row"], v["printed_column"]) == (table, row, column)]
        return [value["paper_value"] for value in cell]

    assert printed(1, "Our proposed DiVE", "Indoor search") == [82.98, 85.90]
    assert printed(2, "AGW", "LLCM VIS to IR") == [49.13, 55.80]
    assert printed(2, "DART + DiVE", "LLCM IR to VIS") == [65.47, 59.59]
    assert printed(3, "RGB+IR, Multi", "LLCM") == [59.30, 65.90]
    assert printed(4, "+CUHK-NP", "SYSU") == [77.50, 73.48]
    assert any("60.30" in note.says for note in paper.notes)
