"""Who is expanded: enough images, in the parts that the profile names, and never a distractor."""

from types import SimpleNamespace

import pandas as pd
import pytest

from vireid_lib.book import data_stages, stages
from vireid_lib.book.data_stages import Datasets, chosen_external
from vireid_lib.book.profiles import load_profile


def rows(**counts):
    """{"train__0002": 3} to three rows."""
    found = []
    for place, count in counts.items():
        split, person = place.split("__")
        found += [{"path": f"/{place}{n}", "identity": f"market1501/{person}", "split": split} for n in range(count)]
    return pd.DataFrame(found)


def chosen(table, **expand):
    profile = load_profile("sysu")
    return chosen_external(table, profile.model_copy(update={"expand": profile.expand.model_copy(update=expand)}))


MARKET = rows(train__0002=12, train__0007=11, gallery__0010=10, gallery__0012=14, query__0010=2, gallery__0000=40)


@pytest.mark.parametrize(("expand", "expected"), [
    ({"splits": ["train"]}, {"0002"}), ({}, {"0002", "0012"}), ({"identities": 1}, {"0012"}),
    ({"splits": ["train", "gallery", "query"]}, {"0002", "0010", "0012"}), ({"min_images": 11, "splits": ["train"]},
     {"0002", "0007"}),
])  # fmt: skip
def test_people_with_enough_images_in_the_named_parts(expand, expected):
    table = chosen(MARKET, **expand)
    assert set(table["identity"]) == {f"market1501/{person}" for person in expected}
    assert set(table["split"]) == {"external"}


def test_those_with_most_images_come_first_and_equals_by_name():
    table = rows(train__0009=14, train__0002=13, train__0007=14, train__0004=15)
    for count, expected in ((1, {"0004"}), (2, {"0004", "0007"}), (3, {"0004", "0007", "0009"})):
        assert set(chosen(table, identities=count)["identity"]) == {f"market1501/{person}" for person in expected}


def test_too_few_images():
    with pytest.raises(ValueError, match="the most is 14"):
        chosen(MARKET, min_images=15)


def test_nobody_of_the_test_is_fitted_whatever_the_lists_say(monkeypatch):
    columns = {"camera": "sysu_mm01/3", "modality": "infrared", "source": "real", "seed": pd.NA}
    target = pd.DataFrame([{"path": f"/{n}", "identity": "sysu_mm01/0007", "split": split, **columns}
                           for n, split in enumerate(("train", "test"))])  # fmt: skip
    external = target.iloc[:1].assign(path="/2", identity="market1501/0002", split="external", modality="visible")
    monkeypatch.setattr(stages, "datasets", lambda book, split: Datasets(target, external, None))
    with pytest.raises(ValueError, match=r"people of the test.*sysu_mm01/0007"):
        stages.fitted_rows(SimpleNamespace(profile=load_profile("sysu")))


def test_an_open_book_reads_its_tables_once_and_nobody_can_spoil_them(tiny_book, monkeypatch):
    book = tiny_book.with_method("agw")  # a book of its own, in the same workspace
    read, calls = data_stages.read_dataset, []
    monkeypatch.setattr(data_stages, "read_dataset", lambda *a, **b: calls.append(a[0]) or read(*a, **b))
    first = stages.datasets(book)
    first.target["identity"] = "nobody"
    second = stages.datasets(book)
    assert len(calls) == 2 and set(calls) == {"mini_vi", "mini_market"}
    assert "nobody" not in set(second.target["identity"]) and len(second.target) == len(first.target)
    stages.datasets(tiny_book.with_method("agw"))
    assert len(calls) == 4, "another open book reads for itself"
