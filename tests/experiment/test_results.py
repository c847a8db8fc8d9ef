"""Results: averages over seeds, and ours beside the papers' only where it may stand there."""

import re

import numpy as np
import pytest
import scipy.stats
import yaml
from vireid_lib.experiment.result_tables import main_table_html, show_main_table, show_papers

from vireid_lib.data.strict import FileError
from vireid_lib.experiment import results, verdicts
from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.papers import load_paper, load_papers
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.experiment.variants import as_published, resolved
from vireid_lib.project import project_root


@pytest.fixture
def workspace(tmp_path):
    return Cache(tmp_path)


def score(rank_1, **changes):
    row = {
        "dataset": "mini_vi",
        "method": "agw",
        "training": "real",
        "external": None,
        "variant": "",
        "seed": 0,
        "mode": "all",
        "protocol": "all-search, single-shot, seeded draw",
        "settings": {"shots": 1},
        "trials": 10,
        "rank_1": rank_1,
        "rank_5": 0.8,
        "rank_10": 0.9,
        "rank_20": 1.0,
        "mean_ap": 0.4,
        "mean_inp": 0.1,
    }
    return row | changes


def record(workspace, *rows, name="reid"):
    return workspace.stage(name, {"rows": list(rows)}, {}, lambda folder: {"scores": list(rows)})


def found(workspace):
    return results.score_table(workspace.records())


def on_sysu(rank_1, **changes):
    row = {"dataset": "sysu_mm01", "mean_ap": 0.4765, "settings": {"shots": 1, "draw": "seeded"}} | changes
    settings = resolved(as_published("sysu_mm01", row.get("method", "agw")), row.get("training", "real"))
    return score(rank_1, **({"resolved": settings} | row))


def status(beside, row, column, metric):
    found = beside[(beside["table"] == 2) & (beside["printed_row"] == row) & (beside["printed_column"] == column)]
    return found[found["metric"] == metric].iloc[0]


def test_seeds_are_averaged_with_the_sample_deviation(workspace):
    values = [0.374, 0.405, 0.393]
    record(workspace, *(score(value, seed=seed) for seed, value in enumerate(values)))
    row = results.over_seeds(found(workspace)).iloc[0]
    assert row["rank_1"] == pytest.approx(100 * np.mean(values))
    assert row["rank_1_std"] == pytest.approx(100 * np.std(values, ddof=1))
    assert row["seeds"] == 3


def test_a_single_seed_has_no_deviation(workspace):
    record(workspace, score(0.5))
    assert np.isnan(results.over_seeds(found(workspace)).iloc[0]["rank_1_std"])
    table = results.main_table(found(workspace), load_profile("smoke"))
    assert table["rank-1"].tolist() == ["50.0"]


def test_every_table_marks_what_older_code_made(workspace):
    near = [on_sysu(value, seed=seed) for seed, value in enumerate([0.4799, 0.48, 0.4801])]
    record(workspace, *near, score(0.5), score(0.6, training="dive"))
    table = found(workspace)
    assert "†" not in show_papers(results.beside_papers(table)).markup
    table["older"] = [False, True, False, False, True]
    main = results.main_table(table, load_profile("smoke"))
    assert main["older"].tolist() == [False, True]
    assert "+ DiVE †" in main_table_html(main) and "older code" in main_table_html(main)
    assert results.as_text(main).count("†") == 2 and "older code" in results.as_text(main)
    papers = show_papers(results.beside_papers(table)).markup
    assert "48.00 ± 0.01 ✓ †" in papers and "older code" in papers
    assert verdicts.overview(table).index.get_level_values(1).str.endswith("†").tolist() == [True, False, True]


def test_a_runs_record_names_its_results(workspace):
    kept = record(workspace, score(0.5))
    record(workspace, score(0.7, seed=1))
    named = [{"stage": kept.name, "key": kept.key, "older": True}, {"stage": "gone", "key": "0", "older": False}]
    table = results.recorded(workspace.folder, named)
    assert table["rank_1"].tolist() == [0.5] and table["older"].tolist() == [True]


def test_percent_in_a_record_are_refused(workspace):
    record(workspace, score(39.1))
    with pytest.raises(FileError, match="values.scores.rank_1 is 39.1"):
        found(workspace)


def test_the_main_table_shows_what_the_profile_asks_for(workspace):
    rows = [
        score(0.4 + 0.01 * seed, training=name, seed=seed) for name in ("true", "dive", "real") for seed in (0, 1, 7)
    ]
    record(workspace, *rows, score(0.9, training="grayscale", mode="indoor"))
    table = results.main_table(found(workspace), load_profile("smoke"))
    assert table["trained on"].tolist() == ["real images only", "+ DiVE", "+ true infrared"]
    assert table["rank-1"].tolist() == ["40.5 ± 0.7"] * 3 and table["seeds"].tolist() == [2] * 3
    assert "40.5 ± 0.7" in main_table_html(table) and "2 seeds" in main_table_html(table)
    assert "+ DiVE" in repr(show_main_table(table)) and "+ DiVE" in results.as_text(table)


def test_an_empty_workspace_says_so(workspace):
    table = results.main_table(found(workspace), load_profile("smoke"))
    assert "No score" in results.as_text(table) and "No score" in main_table_html(table)
    assert results.stages(workspace).empty


def test_stages_are_listed(workspace):
    record(workspace, score(0.5))
    row = results.stages(workspace).iloc[0]
    assert row["stage"] == "reid" and row["folder"].startswith("stages/reid/") and row["attempts"] == 1


def test_without_results_everything_is_not_yet_run(workspace):
    beside = results.beside_papers(found(workspace))
    assert set(beside["status"]) == {"not yet run"} and beside["our_mean"].isna().all()


def test_the_miniature_world_reproduces_nothing(workspace):
    record(workspace, score(0.475), score(0.7907, method="deen", training="dive", external="mini_market"))
    assert set(results.beside_papers(found(workspace))["status"]) == {"not yet run"}


def test_reproduced_and_differs(workspace):
    near_, far_ = [0.478, 0.480, 0.4795, 0.4805], [0.60, 0.602, 0.61]
    record(
        workspace,
        *(on_sysu(value, seed=seed) for seed, value in enumerate(near_)),
        *(on_sysu(value, seed=seed, mode="indoor") for seed, value in enumerate(far_)),
    )
    beside = results.beside_papers(found(workspace))
    near = status(beside, "AGW", "SYSU-MM01 All search", "rank_1")
    assert near["status"] == "reproduced" and near["difference"] == pytest.approx(0.45) and near["over"] == "4 seeds"
    far = status(beside, "AGW", "SYSU-MM01 Indoor search", "rank_1")
    assert far["status"] == "differs" and "6.23 points above the paper, tolerance 1; our mean over 3" in far["why"]
    assert status(beside, "CAJ", "SYSU-MM01 All search", "rank_1")["status"] == "not yet run"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.475], "one seed"),  # the printed number itself, once
        ([0.40], "one seed"),
        ([0.45, 0.50], "inconclusive"),  # their mean is the printed number
        ([0.40, 0.44, 0.46], "inconclusive"),  # a mean 4 points off, from seeds that scatter
        ([0.474, 0.476, 0.475], "reproduced"),
        ([0.43, 0.431, 0.432], "differs"),
    ],
)
def test_few_or_scattered_seeds_are_inconclusive(workspace, values, expected):
    record(workspace, *(on_sysu(value, seed=seed) for seed, value in enumerate(values)))
    row = status(results.beside_papers(found(workspace)), "AGW", "SYSU-MM01 All search", "rank_1")
    assert (row["status"], row["seeds"]) == (expected, len(values))


def test_the_status_is_that_of_two_one_sided_tests(workspace):
    """Ten seeds around each of several means; scipy's tests of "below" and "above" the paper ± 1 point."""
    random = np.random.default_rng(0)
    for place, mean in enumerate(np.linspace(46.0, 49.0, 7)):
        values = mean + 0.8 * random.normal(size=10)
        own = Cache(workspace.folder / str(place))
        record(own, *(on_sysu(value / 100, seed=seed) for seed, value in enumerate(values)))
        word = status(results.beside_papers(found(own)), "AGW", "SYSU-MM01 All search", "rank_1")["status"]
        sides = [
            scipy.stats.ttest_1samp(values, 46.5, alternative="greater").pvalue,
            scipy.stats.ttest_1samp(values, 48.5, alternative="less").pvalue,
        ]
        assert (word == "reproduced") == (max(sides) <= 0.05)
        assert (word == "differs") == (max(sides) > 0.975)


def test_splits_with_networks_of_their_own_count_as_the_sample(workspace):
    """One seed on RegDB's ten splits: ten networks, and not "one seed"."""
    rank_1 = [0.70, 0.71, 0.69, 0.705, 0.70, 0.695, 0.70, 0.71, 0.70, 0.70]
    for name, rule in (("regdb", "regdb"), ("draws", "sysu-mm01")):
        own = Cache(workspace.folder / name)
        row = score(
            float(np.mean(rank_1)),
            dataset="regdb",
            method="deen",
            mode="visible-to-infrared",
            settings={},
            resolved=resolved(as_published("regdb", "deen"), "real"),
        )
        own.stage(
            "reid",
            {},
            {},
            lambda folder, row=row, rule=rule: {
                "scores": [row],
                "evaluations": {"visible-to-infrared": evaluation(rank_1, rule)},
            },
        )
        beside = results.beside_papers(found(own))
        run = beside[(beside["dataset"] == "regdb") & (beside["our_mean"].notna()) & (beside["metric"] == "rank_1")]
        assert len(run) and (run["our_mean"].round(6) == 70.1).all()
        if rule == "regdb":
            assert set(run["over"]) == {"10 splits"} and set(run["status"]) <= {"reproduced", "differs"}
            assert run["our_std"].iloc[0] == pytest.approx(100 * np.std(rank_1, ddof=1))
            assert "(10 splits)" in show_papers(beside).markup
        else:  # ten galleries that one network ranks say nothing about another training
            assert set(run["over"]) == {"1 seed"} and set(run["status"]) == {"one seed"}


def evaluation(rank_1, rule):
    """What a stage records of an evaluation, as far as it is read here."""
    metrics = dict.fromkeys(results.METRICS[1:], 0.9)
    trials = [{"name": f"split {k}", "rank_1": value, **metrics} for k, value in enumerate(rank_1, 1)]
    return {"protocol": {"rule": rule}, "deviation_over_trials": dict.fromkeys(results.METRICS), "trials": trials}


@pytest.mark.parametrize(
    "changes",
    [
        {"trials": 2},
        {"settings": {"shots": 10, "draw": "seeded"}},
        {"settings": {"shots": 1, "draw": "official"}},
        {"resolved": None},
        {"external": "market1501"},
        {"training": "grayscale"},
        {"method": "caj"},
        {"mode": "indoor"},
    ],
)
def test_other_conditions_are_no_comparison(workspace, changes):
    record(workspace, on_sysu(0.475, **changes))
    beside = results.beside_papers(found(workspace))
    assert status(beside, "AGW", "SYSU-MM01 All search", "rank_1")["status"] == "not yet run"


def test_a_papers_number_does_not_look_like_ours(workspace):
    record(workspace, on_sysu(0.48, seed=0), on_sysu(0.47, seed=1))
    markup = show_papers(results.beside_papers(found(workspace)))._repr_html_()
    assert '<span style="font-style:italic;opacity:.75">47.50 / 47.65</span>' in markup
    assert '<span style="font-weight:600">47.50 ± 0.71 ~ / 47.65 ± 0.00 ✓</span> <small>(2 seeds)</small>' in markup
    assert "DiVE, Table 2" in markup and "not yet run" in markup
    folded = re.findall(r"<summary>(.*?)</summary>", markup)  # nothing of them was run
    assert "DiVE, Table 1: Comparisons with GANs and diffusion models on SYSU-MM01: not yet run" in folded
    assert not any("DiVE, Table 2" in title for title in folded)


def test_the_dive_paper_is_transcribed():
    paper = {paper.name: paper for paper in load_papers()}["dive"]
    values = list(paper.values())
    assert len(values) == 24 + 64 + 16 + 12

    def printed(table, row, column):
        cell = [v for v in values if (v["table"], v["printed_row"], v["printed_column"]) == (table, row, column)]
        return [value["paper_value"] for value in cell]

    assert printed(1, "Our proposed DiVE", "Indoor search") == [82.98, 85.90]
    assert printed(2, "AGW", "LLCM VIS to IR") == [49.13, 55.80]
    assert printed(2, "DART + DiVE", "LLCM IR to VIS") == [65.47, 59.59]
    assert printed(3, "RGB+IR, Multi", "LLCM") == [59.30, 65.90]
    assert printed(4, "+CUHK-NP", "SYSU") == [77.50, 73.48]
    assert any("60.30" in note.says for note in paper.notes)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda paper: paper["tables"][0]["rows"][0]["values"].pop(), "row CycleGAN: write 2 numbers"),
        (lambda paper: paper["tables"][0].update(metrics=["rank_1", "map"]), "metrics\\[1\\] is 'map'"),
        (lambda paper: paper["tables"][0]["rows"][0].update(trainning="x"), "did you mean training"),
        (lambda paper: paper.update(name="other"), "make it the file's name"),
    ],
)
def test_a_paper_written_wrongly_is_refused(tmp_path, change, expected):
    content = yaml.safe_load((project_root() / "data_manifests" / "papers" / "dive.yaml").read_text())
    change(content)
    (tmp_path / "dive.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(FileError, match=expected):
        load_paper(tmp_path / "dive.yaml")


def test_an_evaluation_becomes_a_score():
    import torch

    from vireid_lib.evaluation import SysuProtocol, evaluate

    table = _tiny_table()
    evaluation = evaluate(torch.rand(len(table), 9, generator=torch.manual_seed(0)), table, SysuProtocol(trial_count=2))
    row = results.score_row(
        evaluation,
        dataset="mini_vi",
        method="agw",
        training="real",
        external=None,
        seed=3,
        resolved={"reid.config.steps": 2},
    )
    assert (row["mode"], row["trials"], row["seed"], row["settings"]["shots"]) == ("all", 2, 3, 1)
    assert row["resolved"] == {"reid.config.steps": 2} and "variant" not in row, "words are worked out by the reader"
    assert results.Score.model_validate(row).protocol == "all-search, single-shot, seeded draw"


def _tiny_table():
    import pandas as pd

    rows = [
        {
            "path": f"/x/cam{camera}/{person:04d}/0001.jpg",
            "identity": f"d/{person:04d}",
            "camera": f"d/{camera}",
            "modality": "infrared" if camera in (3, 6) else "visible",
            "split": "test",
            "source": "real",
            "seed": pd.NA,
        }
        for camera in range(1, 7)
        for person in range(3)
    ]
    return pd.DataFrame(rows)
