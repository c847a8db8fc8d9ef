"""Galleries beside real images: copies are caught, each original is named, two halves of the real are the floor."""

import pytest

from vireid_lib.experiment.gallery_audit import audit, fidelity, training_images


@pytest.mark.parametrize("name", ["grayscale", "dive"])
def test_a_gallery_of_copies_is_flagged_and_each_original_named(tiny_book, name):
    audited = audit(tiny_book, name)
    assert len(audited.found.distances) == len(audited.gallery) == 12
    if name == "grayscale":
        assert audited.found.rate == 1
        originals = audited.training.iloc[audited.found.nearest]
        assert (originals["identity"].to_numpy() == audited.gallery["identity"].to_numpy()).all()
        assert (originals["modality"] == "visible").all()


def test_real_images_are_infrared_ones_among_all_that_a_generator_saw(tiny_book):
    rows, real = training_images(tiny_book)
    assert set(rows.loc[real, "modality"]) == {"infrared"}
    assert "external" in set(rows["split"]) and not {"test", "query", "gallery"} & set(rows["split"])


def test_fidelity_has_a_floor_and_names_its_extractor(tiny_book):
    found = fidelity(tiny_book)
    table = found.table.set_index("images")
    assert table["N"].nunique() == 1 and "seed 0" in found.extractor
    assert table.loc["real infrared, other half", "brightness overlap"] > table["brightness overlap"].min()
    assert table.loc["external photographs (visible)", "colourfulness (0–255)"] > 5
    assert list(found.histograms.index)[1:] == list(table.index)
