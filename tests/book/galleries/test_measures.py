"""Measures of galleries: the worst come first, the floor is there, real and synthetic are both measured."""

from vireid_lib import viz as plots
from vireid_lib.book.galleries import measures


def test_the_judge_ranks_people_and_galleries(tiny_book):
    people, galleries = measures.judged_people(tiny_book), measures.judged_galleries(tiny_book)
    assert people.columns[1] == "DiVE" and people["DiVE"].is_monotonic_increasing
    assert galleries["infrared images"].tolist() == ["greyscale copies", "DiVE", "true infrared", "guessing"]
    assert galleries["nearest is the same person (%)"].between(0, 100).all()


def test_fidelity_has_a_floor_and_names_its_extractor(tiny_book):
    found = measures.fidelity(tiny_book)
    table = found.table.set_index("images")
    assert table["N"].nunique() == 1 and "seed 0" in found.extractor
    assert table.loc["real infrared, other half", "brightness overlap"] > table["brightness overlap"].min()
    assert table.loc["external photographs (visible)", "colourfulness (0–255)"] > 5
    plots.brightness_curves(found.histograms, reference="real infrared, one half").png()
