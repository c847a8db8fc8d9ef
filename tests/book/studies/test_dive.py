"""DiVE's study: every printed row is a training of its own, every claim is what the paper prints."""

from types import SimpleNamespace

import pytest

from vireid_lib.book import stages, studies
from vireid_lib.book.fitting import translators
from vireid_lib.book.settings import dive_config, reid_config
from vireid_lib.book.studies import Row, Study, dive
from vireid_lib.book.studies.measured import trainable
from vireid_lib.book.studies.study import book_of

STUDY = dive.study(["copies", "cyclegan"])
COMPARED_WITH = {1: dive.METHOD, 2: "", 3: dive.METHOD, 4: dive.METHOD}


def test_every_printed_row_is_a_training_of_its_own(tiny_book):
    for number, method in COMPARED_WITH.items():
        for printed in STUDY.table(number).rows:
            there = printed.training in {row.training for row in STUDY.rows}
            assert (STUDY.row_of(printed, method) is not None) == there, f"table {number}: {printed.printed}"
    settings = {}
    for row in STUDY.rows:
        own = book_of(tiny_book, row).profile
        parts = (reid_config(own).model_dump(), own.reid.expanded, row.training, dive_config(own).model_dump(),
                 own.data.model_dump(), own.expand.model_dump(), own.generators)  # fmt: skip
        settings[row.name] = repr(parts)
    assert len(set(settings.values())) == len(settings), "two rows are the same training"


def test_table_1_has_every_generator_that_makes_galleries():
    from vireid_lib import generators

    expected = {name for name in generators.names() if "expand" in generators.build(name).capabilities}
    table = {row.training for row in dive.STUDY.rows if row.name.startswith("agw_")}
    assert table == expected | {"real", "dive_from_image", "redrawn", "true"}
    few = {row.training for row in dive.study(["copies"]).rows if row.name.startswith("agw_")}
    assert few == {"real", "copies", "dive", "dive_from_image", "redrawn", "true"}
    with pytest.raises(ValueError, match="no generator 'nobody'"):
        dive.study(["nobody"])


def test_every_claim_agrees_with_the_numbers_it_prints():
    printed = {}
    for number, method in COMPARED_WITH.items():
        table = STUDY.table(number)
        for row in table.rows:
            if own := STUDY.row_of(row, method):
                for measure, value in zip(table.metrics, row.values[0], strict=True):
                    printed[number, own.name, measure] = value
    for claim in STUDY.claims:
        if claim.place.startswith("Fig."):
            continue
        number = int(claim.place.split(",")[0].removeprefix("Table "))
        here, other = (printed[number, name, claim.measure] for name in claim.rows)
        assert (here > other) == (claim.direction == "larger"), claim.words


def test_a_rows_settings_reach_the_profile(tiny_book):
    plain = reid_config(tiny_book.profile)
    wide, long = (book_of(tiny_book, STUDY.row(name)).profile for name in ("wide_dive", "long_real"))
    assert reid_config(wide).images == 2 * plain.images and reid_config(wide).steps == plain.steps
    assert reid_config(long).steps == 2 * plain.steps and reid_config(long).images == plain.images
    single = dive_config(book_of(tiny_book, STUDY.row("infrared_single")).profile)
    assert (single.views, single.train_modalities, single.steps) == ("single", "infrared", 4)


def test_fewer_people_are_trained_on_and_the_same_are_generated(tiny_book):
    few = book_of(tiny_book, Row("few", "few", "agw", training="dive", changes={"reid": {"expanded": 2}}))
    table, all_of_them = (stages.training_table(each, "dive") for each in (few, tiny_book))
    added = table[table["split"] == "external"]
    assert added["identity"].nunique() == 2 and set(added["modality"]) == {"visible", "infrared"}
    assert set(added["path"]) < set(all_of_them["path"])
    assert len(stages.training_table(few, "real")) == len(stages.training_table(tiny_book, "real"))


def test_another_external_set_in_the_miniature_world(tiny_book):
    row = Row("campus", "campus", "agw", training="copies", external="cuhk03_np", changes={"expand": {"min_images": 2}})
    own = book_of(tiny_book, row)
    external = stages.datasets(own).external
    assert {name.split("/")[0] for name in external["identity"]} == {"mini_campus"}
    with pytest.raises(ValueError, match="Nobody knows 3 external people in infrared"):
        stages.datasets(own).truth("true")
    measured = studies.measure(own, Study("dive", [row], ()))
    assert measured["row"].tolist() == ["campus"]
    assert stages.reid(own, "copies", 0).values["scores"][0]["external"] == "mini_campus"


def test_rivals_are_fitted_to_the_target_or_to_both(tiny_book):
    own = {name: book_of(tiny_book, STUDY.row(name)) for name in ("agw_cyclegan", "cyclegan_both")}
    rows = {name: translators.fitted_rows(book, "cyclegan") for name, book in own.items()}
    data = stages.datasets(tiny_book)
    assert set(rows["agw_cyclegan"]["path"]) == set(data.learn()["path"])
    assert set(rows["cyclegan_both"]["path"]) == {*data.learn()["path"], *data.external["path"]}
    assert "copies_both" not in {row.name for row in STUDY.rows} and not STUDY.row("cyclegan_both").always


def test_rows_of_the_miniature_world_alone_are_left_out_elsewhere(tiny_book):
    rows = [Row("base", "Base", "agw"), Row("truth", "Truth", "agw", training="true")]
    assert trainable(tiny_book, rows) == rows
    assert trainable(SimpleNamespace(miniature=False), rows) == rows[:1]
