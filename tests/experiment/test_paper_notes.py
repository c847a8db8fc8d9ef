"""The notes on the papers: their numbers are those of the transcribed tables, or differences of such."""

import re

import pytest

from vireid_lib.data.manifest import load_manifest
from vireid_lib.experiment.papers import load_papers

PAPERS = {paper.name: paper for paper in load_papers()}
D2RL = {"sysu_mm01": (28.9, 29.2), "regdb": (43.4, 44.1)}
"""Rank-1 and mAP of a method that the transcribed tables do not have (JSIA-ReID's Tables 1 and 2)."""


def printed(paper: str, table: int, row: str, measure: str, column: int = 0) -> float:
    found = next(each for each in PAPERS[paper].tables if each.number == table)
    values = next(each for each in found.rows if each.printed == row).values[column]
    return values[found.metrics.index(measure)]


def both(paper: str, table: int, row: str, column: int = 0) -> tuple[float, float]:
    return tuple(printed(paper, table, row, measure, column) for measure in ("rank_1", "mean_ap"))


def minus(one: tuple[float, ...], other: tuple[float, ...]) -> list[float]:
    return [round(mine - theirs, 2) for mine, theirs in zip(one, other, strict=True)]


def note(paper: str, place: str) -> tuple[list[float], list[float]]:
    """The numbers that the paper is said to say, and those of the objection."""
    (found,) = (each for each in PAPERS[paper].notes if each.place == place)
    return tuple(
        [
            float(number.replace(",", ""))
            for number in re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?", text.replace("rank-1", ""))
        ]
        for text in (found.says, found.but)
    )


def holds(numbers: list[float], *wanted: float) -> bool:
    """Whether these numbers stand side by side, in this order."""
    return any(numbers[place : place + len(wanted)] == pytest.approx(list(wanted)) for place in range(len(numbers)))


def test_jsias_gains_on_regdb_fit_its_table():
    says, but = note("jsia", "Table 2 and section 4.3")
    for column, claimed in enumerate(says[:2]):
        rank = both("jsia", 2, "Ours", column)[0]
        assert rank - D2RL["regdb"][0] == pytest.approx(claimed)
        assert holds(but, rank, D2RL["regdb"][0], claimed)
    assert says[:2] == [7.9, 8.7] and holds(but, *D2RL["regdb"])


def test_jsias_gains_on_sysu_fit_another_row():
    says, but = note("jsia", "Table 1 and section 4.3")
    claimed, whole, early = [9.2, 7.7], both("jsia", 1, "Ours"), both("jsia", 3, "4: SL, IL")
    assert holds(says, *claimed) and holds(but, *D2RL["sysu_mm01"], *whole, *minus(whole, D2RL["sysu_mm01"]), *early)
    assert minus(whole, D2RL["sysu_mm01"]) == [14.5, 8.8] and minus(early, D2RL["sysu_mm01"]) == claimed


def test_jsias_ablation_has_eight_rows_and_another_drop():
    says, but = note("jsia", "Table 3 and section 4.4")
    unpaired, whole = (printed("jsia", 3, row, "rank_1") for row in ("8: SL, IL, degraded LR, UI", "6: SL, IL, LR, UI"))
    assert 1.4 in says and holds(but, round(whole - unpaired, 1), whole, unpaired)
    assert len(next(table for table in PAPERS["jsia"].tables if table.number == 3).rows) == 8


def test_flow2flows_gains_in_map_are_smaller_than_it_says():
    says, but = note("flow2flow", "Introduction and section V-B")
    baseline = both("flow2flow", 3, "MPANet")
    gains = [minus(both("flow2flow", 3, f"Flow2Flow-{kind}"), baseline) for kind in ("TSE", "CMG")]
    assert holds(says, 2.0) and holds(says, 1.2)
    assert holds(but, *(gain[1] for gain in gains)) and holds(but, *(gain[0] for gain in gains))
    assert gains[0][1] == 1.53


@pytest.mark.parametrize(("paper", "table", "row"), [("flow2flow", 3, "cmPIG"), ("deen", 2, "JSIA-ReID")])
def test_jsias_row_in_other_papers_is_its_first_version(paper, table, row):
    says, but = note(paper, f"Table {table}, row {row}")
    early = both("jsia", 3, "4: SL, IL")
    assert both(paper, table, row) == early and holds(says, *early) and holds(but, *both("jsia", 1, "Ours"))
    setting = next(each for each in PAPERS["jsia"].tables[2].rows if each.printed == "4: SL, IL")
    found = next(each for each in PAPERS[paper].tables if each.number == table)
    same = next(each for each in found.rows if each.printed == row)
    about = ("method", "training", "values", "printed", "settings")
    assert same.model_dump(exclude={*about}) == setting.model_dump(exclude={*about}), "it is compared with that setting"
    assert same.method == "jsia"


def test_both_papers_print_the_same_first_version():
    for mine, theirs in ((0, 0), (2, 1), (4, 2), (5, 3)):  # columns: all, indoor, RegDB's directions
        assert both("flow2flow", 3, "cmPIG", mine) == both("deen", 2, "JSIA-ReID", theirs)
    assert [printed("deen", 2, "JSIA-ReID", measure) for measure in ("rank_10", "rank_20")] == [
        printed("jsia", 3, "4: SL, IL", measure) for measure in ("rank_10", "rank_20")
    ]


def test_aligngans_numbers_on_regdb_have_changed_places():
    ours, but = note("flow2flow", "Table 3, row AlignGAN")
    theirs, _ = note("deen", "Table 2, row AlignGAN")
    assert ours[:2] == theirs[:2] and ours[4:6] == theirs[2:4], "SYSU-MM01, single-shot"
    (to_infrared, to_visible), swapped = (theirs[4:6], theirs[6:8]), (ours[10:12], ours[8:10])
    assert swapped[0] == to_infrared and swapped[1][1] == to_visible[1] and swapped[1][0] == 65.36 != to_visible[0]
    assert holds(but, *to_infrared, *to_visible) and holds(but, 65.36, to_visible[0])
    assert not any(
        row.printed == "AlignGAN"
        for name in ("flow2flow", "deen")
        for table in PAPERS[name].tables
        for row in table.rows
    )


def test_erasing_alone_gains_more_than_agws_row_with_dive():
    says, but = note("dive", "Table 2, AGW on SYSU-MM01")
    plain, dive = (printed("dive", 2, row, "rank_1") for row in ("AGW", "AGW + DiVE"))
    without, erased = (printed("den", 1, row, "rank_1") for row in ("1: WRT", "3: WRT, RE"))
    assert holds(says, plain, dive) and round(dive - plain, 2) in but and holds(but, without, erased)
    assert erased - without > dive - plain


def test_dives_log_on_llcm_has_fewer_images_than_its_text_makes():
    says, but = note("dive", "Implementation details, LLCM")
    manifest = load_manifest("llcm")
    people, cameras, whole, in_log, real, made = but
    assert cameras == len(manifest.camera_numbers("infrared")) and says == [18]
    assert people * cameras * says[0] == whole == 145_584 and in_log - real == made == 21_761
    assert real in {count.value for count in manifest.counts}


def test_differences_that_notes_quote():
    """Each of two numbers of a table, and what a note says lies between them."""
    whole, early = (
        [printed("jsia", *place, measure) for measure in ("rank_10", "rank_20")]
        for place in ((3, "6: SL, IL, LR, UI"), (1, "Ours"))
    )
    assert holds(note("jsia", "Tables 1 and 3")[1], *minus(whole, early))
    gain = minus(both("dive", 1, "Our proposed DiVE"), both("dive", 1, "Baseline (DEEN)"))
    found = [each for each in PAPERS["dive"].notes if each.place == "Text on Table 1" and "4.37" in each.says]
    assert [f"{points:.2f}" in found[0].but for points in gain] == [True, True] and gain[0] == 4.37
    gaps = [
        minus(both("den", 1, ht), both("den", 1, wrt))[0]
        for ht, wrt in (("2: HT", "1: WRT"), ("4: HT, RE", "3: WRT, RE"))
    ]
    assert note("den", "Section 3.1")[1][1:] == pytest.approx(gaps, abs=0.0501)
    assert holds(
        note("flow2flow", "Section V-C5")[1],
        *both("flow2flow", 8, "Flow2Flow, + noise"),
        *both("flow2flow", 8, "Flow2Flow, none"),
    )
