"""Fidelity of galleries: two halves of the real images are the floor."""

from vireid_lib.experiment.gallery_fidelity import fidelity


def test_fidelity_has_a_floor_and_names_its_extractor(tiny_book):
    found = fidelity(tiny_book)
    table = found.table.set_index("images")
    assert table["N"].nunique() == 1 and "seed 0" in found.extractor
    assert table.loc["real infrared, other half", "brightness overlap"] > table["brightness overlap"].min()
    assert table.loc["external photographs (visible)", "colourfulness (0–255)"] > 5
    assert list(found.histograms.index)[1:] == list(table.index)
