"""Trainings of several variants of a book: each has a stage of its own, and the main setting keeps its key."""

from vireid_lib.book import results, selection, stages
from vireid_lib.book.book import Book
from vireid_lib.book.profiles import Profile


def test_a_variant_is_trained_beside_the_main_setting(tiny_profile, tmp_path):
    tiny_book = Book(tiny_profile, tmp_path)  # of its own: others train variants in the shared one
    main = stages.reid(tiny_book, "real", 0)
    other = tiny_book.with_method("agw", {"triplet": "hard"}, variant="hard triplet")
    records = stages.train_all([(tiny_book, "real", 0), (other, "real", 0)])
    assert records[0].key == main.key != records[1].key
    config = records[1].result["config"]
    assert config["config"]["triplet"] == "hard" and config["config"]["steps"] == 2  # the profile's stays
    assert [record.values["scores"][0]["variant"] for record in records] == ["", "hard triplet"]
    assert "variant" not in records[0].result["config"]
    table = results.main_table(selection.scores(tiny_book), tiny_book.profile)
    assert len(table) == 1 and table["seeds"].tolist() == [1]
    held, rows = stages.features(other, "real", 0)
    assert len(held) == len(rows)
    assert stages.network(other, "real", 0)[1].triplet == "hard"


def test_a_profile_may_name_its_variant(tiny_profile):
    values = tiny_profile.model_dump()
    values["reid"]["variant"] = "few steps"
    assert Profile.model_validate(values).reid.variant == "few steps"
