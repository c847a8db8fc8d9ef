"""The book's measurements on a world of a few people: cached, complete, and true to their names."""

import pytest

from vireid_lib.experiment import measures


@pytest.fixture(scope="module")
def run(tiny_book):
    reid = tiny_book.profile.reid.model_copy(update={"training_sets": ["real", "grayscale", "oracle_ir"]})
    return tiny_book.with_profile(tiny_book.profile.model_copy(update={"reid": reid}))


def test_the_check_agrees_with_the_world(run):
    record = measures.data_check(run, "mini_vi")
    assert record.values["report"]["usable"] and all(line["agrees"] for line in record.values["report"]["counts"])
    assert "DIFFERS" not in record.values["text"]
    assert measures.data_check(run, "mini_vi").folder == record.folder


def test_preservation_asks_every_gallery_and_evaluator(run):
    table = measures.preservation_table(run)
    assert set(zip(table["evaluator"], table["gallery"], strict=True)) == {
        ("real", "grayscale"),
        ("real", "oracle_ir"),
        ("oracle_ir", "grayscale"),
        ("oracle_ir", "oracle_ir"),
    }
    assert (table["chance"] == 1 / 3).all() and table["rank_1"].between(0, 1).all()
    record = measures.preservation(run, "real", 0)
    assert record.values["galleries"]["grayscale"]["images"] == 3 * 2 * 2
    assert len(record.values["galleries"]["oracle_ir"]["by_identity"]) == record.values["identities"] == 3
    assert "identity_preservation" in {each.name for each in run.cache.records()}


def test_spread_of_every_network_is_recorded(run):
    table = measures.spread_table(run)
    assert table["training"].tolist() == ["real", "grayscale", "oracle_ir"]
    assert (table[["iirs_visible", "iirs_infrared", "himd"]] <= 2).all().all()
    assert (table["himd"] > table["own_centres"]).all()
