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
    assert set(measures.evaluators(run)) == {"real", "oracle_ir"}
    for name in measures.evaluators(run):
        values = measures.preservation(run, name, 0).values
        assert values["chance"] == 1 / 3 and set(values["galleries"]) == {"grayscale", "oracle_ir"}
        assert all(0 <= own["rank_1"] <= 1 for own in values["galleries"].values())
    record = measures.preservation(run, "real", 0)
    assert record.values["galleries"]["grayscale"]["images"] == 3 * 2 * 2
    assert len(record.values["galleries"]["oracle_ir"]["by_identity"]) == record.values["identities"] == 3
    assert "identity_preservation" in {each.name for each in run.cache.records()}


def test_distances_of_a_network_are_recorded(run):
    values = measures.distances(run, run.evaluate("real", 0)).values
    assert all(values[name] <= 2 for name in ("iirs_visible", "iirs_infrared", "himd"))
    assert values["himd"] > values["own_centres"] and values["delta"] == pytest.approx(
        values["inter_distance"] - values["intra_distance"]
    )
