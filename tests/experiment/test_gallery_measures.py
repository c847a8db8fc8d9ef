"""All measures of galleries in one table: the references stand where they must."""

import pytest

from vireid_lib.experiment.gallery_measures import compare, measures, reference
from vireid_lib.experiment.pipeline import Run


@pytest.fixture(scope="module")
def roomier_book(tiny_profile, tiny_book):
    """One picture for each request, so that the true infrared has others to be compared with."""
    expand = tiny_profile.expand.model_copy(update={"per_camera": 1})
    return Run(tiny_profile.model_copy(update={"expand": expand}), tiny_book.cache.folder)


@pytest.fixture(scope="module")
def compared(roomier_book):
    return compare(roomier_book, ["real", "grayscale", "dive", "dive_from_image", "oracle_ir"])


def test_every_gallery_has_a_row_and_every_measure_its_basis(compared):
    table = compared.table.set_index("infrared images")
    assert table.index.tolist() == ["greyscale copies", "DiVE", "DiVE from the image", "true infrared"]
    assert list(compared.basis) == table.columns.tolist()
    assert all(words.startswith("N = ") for words in compared.basis.values())
    assert "seed 0" in compared.basis["Fréchet distance"] and "64x32" in compared.basis["SSIM on the person"]
    assert "held-out real images" in compared.basis["taken for infrared: luminance (%)"]


def test_copies_are_copies_and_what_does_not_apply_is_not_invented(compared):
    table = compared.table.set_index("infrared images")
    assert table.loc["greyscale copies", "flagged as copies (%)"] == 100
    assert table["SSIM on the person"].isna().tolist() == [False, True, False, True]
    assert table.filter(like="(%)").stack().between(0, 100).all()


def test_the_reference_holds_no_picture_of_a_gallery(roomier_book, tiny_book):
    rows, words = reference(roomier_book)
    assert "same people" in words
    assert not set(rows["path"]) & set(roomier_book.synthesize("oracle_ir")["path"])
    # Two pictures for each request use up all there are: then "oracle_ir" is not compared with itself.
    assert "Fréchet distance" not in measures(tiny_book, "oracle_ir")


def test_a_comparison_of_nothing_or_of_nobody_is_refused(tiny_book):
    with pytest.raises(ValueError, match="at least one gallery"):
        compare(tiny_book, ["real"])
    with pytest.raises(ValueError, match="no generator 'flow3flow'"):
        compare(tiny_book, ["flow3flow"])
