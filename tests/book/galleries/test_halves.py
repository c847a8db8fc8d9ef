"""Which half loses the person: both groups in both lights, drawn and real, each judged by their own photographs."""

import pytest

from vireid_lib import viz as plots
from vireid_lib.book.galleries.halves import DRAWN, REAL, halves
from vireid_lib.generators.dive import dive
from vireid_lib.viz.pictures import pixels


@pytest.fixture(scope="module")
def found(tiny_book):
    return halves(tiny_book, people=3, each=4)


def test_each_group_is_judged_in_both_lights(found, tiny_book):
    table = found.table.set_index(["people", "light", "images"])
    assert len(table) == 8 and not table.index.has_duplicates
    drawn = table.xs(DRAWN, level="images")
    assert found.people == 3 and (drawn["N"] == 3 * 4).all()
    external = tiny_book.data().external
    few = external[external["identity"].isin(sorted(external["identity"].unique())[:3])]
    asking = few.groupby("identity").size().floordiv(2).sum()  # of n photographs, the 2nd, 4th, … ask
    assert table.loc[("external", "visible", REAL), "N"] == asking
    truth = tiny_book.data().oracle()
    assert table.loc[("external", "infrared", REAL), "N"] == truth["identity"].isin(few["identity"]).sum()
    assert table["right"].between(0, 100).all() and "true infrared" in found.judge


def test_a_picture_is_judged_by_who_was_ordered(tiny_book, monkeypatch):
    """With a generator that returns photographs of the person who was ordered, every drawn picture is right."""
    data = tiny_book.data()
    photographs = {
        name: rows.sort_values("path").iloc[0]
        for name, rows in [
            *data.train_rows().query("modality == 'visible'").groupby("identity"),
            *data.external.groupby("identity"),
        ]
    }

    def photograph(model, requests, *, images):
        assert len({model.vocabulary.branch(request.camera) for request in requests}) == 1
        return pixels([photographs[request.identity]["path"] for request in requests], (64, 32))

    monkeypatch.setattr(dive, "sample", photograph)
    told = halves(tiny_book, people=3, each=2).table.set_index(["images", "light"])
    assert (told.loc[[(DRAWN, "visible")], "right"] == 100).all()


def test_a_generator_that_met_no_training_photograph_draws_none(with_generators):
    run = with_generators({"dive": {"train_modalities": "infrared", "views": "single"}})
    table = halves(run, people=2, each=2).table
    drawn = table[table["images"] == DRAWN]
    assert list(zip(drawn["people"], drawn["light"], strict=True)) == [
        ("training", "infrared"),
        ("external", "visible"),
        ("external", "infrared"),
    ]


def test_the_figure_pairs_real_and_drawn(found):
    sides = found.sides()
    assert sides.groupby("label")["side"].apply(sorted).tolist() == [[0, 1]] * 4
    plots.with_and_without(sides, names=(REAL, DRAWN), axis="nearest photograph shows the person (%)").png()
