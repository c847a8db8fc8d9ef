"""Tables about a fitted DiVE: they say what is there, and notice when a frozen weight has moved."""

import pytest
import torch

from vireid_lib.book.fitting import facts


@pytest.fixture(scope="module")
def fitted(tiny_book):
    return tiny_book.generator("dive").model, tiny_book.fitted_rows("dive")


def test_codes_share_no_token_and_cover_all_images(fitted):
    model, rows = fitted
    table = facts.code_table(model, rows)
    assert (table["shares a token with"] == "none").all()
    assert table["images"].sum() == len(rows)
    assert set(table.loc[table["modality"] == "infrared", "stands for"]) == {"mini_vi/3", "mini_vi/6"}


def test_the_prompt_is_read_piece_by_piece(fitted):
    table = facts.prompt_table(fitted[0], "mini_market/0001", "mini_vi/3")
    assert table["piece"].tolist() == ["a", "[k]", "photo", "of", "[p]", "person"]
    assert table.loc[table["trained"] == "yes", "piece"].tolist() == ["[p]"]


def test_parameters_are_counted_once(fitted):
    model, _ = fitted
    table = facts.parameter_table(model).set_index("part")
    assert table["share (%)"].sum() == pytest.approx(100)
    trained = table[table["trained"] == "yes"]["parameters"].sum()
    assert trained == sum(p.numel() for part in model.trained() for p in part)
    branches = facts.branch_table(model)
    assert branches["parameters"].sum() == sum(p.numel() for p in model.branches.parameters())
    assert (branches["size of BA against W (%)"] > 0).all()


def test_nothing_frozen_has_changed_and_a_change_would_be_seen(fitted):
    model, _ = fitted
    base = facts.fresh_base(model)
    assert not facts.unchanged(model, base)["changed"].any()
    layer = next(iter(model.branches.layers.values()))
    kept = layer.base.weight.data.clone()
    try:
        layer.base.weight.data[0] += 1
        table = facts.unchanged(model, base).set_index("part")
        assert table.loc["U-Net", "changed"] == 1 and table["changed"].sum() == 1
    finally:
        layer.base.weight.data = kept


def test_tokens_have_moved_and_every_identity_is_listed(fitted, tiny_book):
    model, rows = fitted
    table = facts.token_facts(model, facts.fresh_base(model), rows, seed=model.config.seed)
    assert table["identity"].tolist() == sorted(rows["identity"].unique())
    # Four small batches do not meet everybody.
    assert table["moved"].max() > 0 and (table["visible"] + table["infrared"]).sum() == len(rows)
    assert (table["nearest identity"] != table["identity"]).all()
    torch.testing.assert_close(facts.token_similarity(model).diagonal(), torch.ones(len(table)))
