"""The audit of galleries: copies are caught, the pictures are drawn, the sentence says what the numbers do."""

from dataclasses import replace

import numpy as np
import pytest

from vireid_lib import viz as plots
from vireid_lib.book.galleries import audit


@pytest.mark.parametrize("name", ["grayscale", "dive"])
def test_a_gallery_of_copies_is_flagged_and_each_original_named(tiny_book, name):
    found = audit.audit(tiny_book, name)
    table = found.table.set_index("compared by")
    assert table["images"].tolist() == [12, 12] and table["training"].iloc[0] == len(found.training)
    pixels = found.audits["pixels"]
    if name == "grayscale":
        assert pixels.rate == 1 and "more than chance explains" in found.sentence
        originals = found.training.iloc[pixels.nearest]
        assert (originals["identity"].to_numpy() == found.gallery["identity"].to_numpy()).all()
        assert (originals["modality"] == "visible").all()
    page = audit.summary({name: found, "oracle_ir": found})
    assert page["gallery"].nunique() == 2 and page["compared by"].tolist() == ["pixels", "features"] * 2
    assert "N = 12 synthetic" in found.basis and "1 − SSIM" in found.basis
    plots.image_grid(**vars(found.closest(3))).png()
    plots.distance_histograms(found.distances("features")).png()


def test_the_sentence_allows_for_chance(tiny_book):
    found = audit.audit(tiny_book, "grayscale")
    calm = replace(found.audits["pixels"], distances=np.full(12, 9.0))
    assert "no more than chance" in replace(found, audits={"pixels": calm}).sentence
    assert found.closest(3).column_labels[0].endswith("!")
