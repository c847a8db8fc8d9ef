"""Training end to end on little coloured people: it learns, mixes sources, is paired, refuses bad tables."""

import numpy as np
import pandas as pd
import pytest
import torch

from vireid_lib.data import tables
from vireid_lib.evaluation import score
from vireid_lib.reid.features import extract
from vireid_lib.reid.methods.agw import AgwConfig
from vireid_lib.reid.train import ReidTask, train_reid
from vireid_lib.training.loop import NonFiniteLoss


def tiny(**changes) -> AgwConfig:
    return AgwConfig.small(identities=4, images=2, steps=60, channel_exchange=1.0, **changes)


def rank1(features: torch.Tensor, table: pd.DataFrame) -> float:
    query, (labels, _) = np.array(table["modality"] == "infrared"), tables.identity_labels(table)
    cameras = tables.camera_numbers(table)
    about = {"query_ids": labels[query], "gallery_ids": labels[~query]}
    about |= {"query_cameras": cameras[query], "gallery_cameras": cameras[~query]}
    return score(1 - features[query] @ features[~query].T, **about, rule="regdb").cmc[0]


def test_training_beats_chance_on_unseen_identities(coloured, tmp_path):
    train, test = coloured(24, 2), coloured(12, 2, "other", "test", seed=1)
    network = train_reid(train, tiny(), tmp_path / "run", seed=0, cache=tmp_path / "cache", progress=False)
    assert not network.training
    features = extract(network, test, tiny(), tmp_path / "cache")
    assert features.shape == (48, 192) and features.dtype == torch.float32
    torch.testing.assert_close(features.norm(dim=1), torch.ones(48))
    assert rank1(features, test) > 4 / 12  # chance is 1/12


def test_mix_takes_half_of_each_batch_from_external_rows(coloured):
    real, external = coloured(5, 2), coloured(20, 2, "market", "external")
    external.loc[external["modality"] == "infrared", ["source", "seed"]] = ["dive", 7]
    table = tables.concat(real, external)
    for mix, expected in ((0.5, {2}), (None, {0, 1, 2, 3, 4})):
        task = ReidTask(table, tiny(mix=mix), seed=0, cache=None)
        assert len(task.identities) == 25
        found = set()
        for step in range(12):
            batch = task.batch(step)
            assert torch.equal(batch.visible_labels, batch.infrared_labels)
            chosen = table["split"].iloc[batch.visible_rows.numpy()].eq("external").to_numpy()
            found.add(int(chosen.sum()) // 2)
            assert (table["modality"].iloc[batch.infrared_rows.numpy()] == "infrared").all()
            pixels = (batch.infrared[3] * 255).round().byte().permute(1, 2, 0).numpy()
            assert np.array_equal(pixels, task.pixels[batch.infrared_rows[3:4].numpy()][0])
        assert found <= expected and (mix is None) == (len(found) > 1)
    assert ReidTask(real, tiny(mix=0.5), seed=0, cache=None).sampler.steps_per_epoch == 10 // 8 + 1


def test_trainings_of_a_seed_are_paired(coloured):
    """First batches on real images alone, and with two galleries whose rows come in another order."""
    real, external = coloured(5, 3), coloured(9, 3, "market", "external")
    made = external[external["modality"] == "infrared"]
    order = [*range(0, 27, 3), *range(1, 27, 3), *range(2, 27, 3)]
    by_camera = tables.concat(external.drop(made.index), made.iloc[order])
    expanded = [tables.concat(real, external), tables.concat(real, by_camera)]
    alone, first, second = (ReidTask(table, tiny(), seed=0, cache=None) for table in (real, *expanded))
    for step in range(7):
        own, one, other = (each.method.augment(each.batch(step)) for each in (alone, first, second))
        for side in ("visible", "infrared"):
            assert torch.equal(getattr(own, side)[:4], getattr(one, side)[:4]), "target images as augmented"
            assert torch.equal(getattr(one, side), getattr(other, side)), "all images, whatever the order of the rows"
        assert not torch.equal(own.visible[4:], one.visible[4:])
    assert not torch.equal(alone.batch(0).visible, ReidTask(real, tiny(), seed=1, cache=None).batch(0).visible)


def test_bad_tables_are_refused_with_identity_and_remedy(coloured):
    table = coloured(5, 2)
    one_sided = table[(table["identity"] != "toy/003") | (table["modality"] == "visible")]
    with pytest.raises(ValueError, match="toy/003 has visible images and no infrared one.*add infrared"):
        ReidTask(one_sided, tiny(), seed=0, cache=None)
    with pytest.raises(ValueError, match="The training table is empty"):
        ReidTask(table.iloc[:0], tiny(), seed=0, cache=None)
    with pytest.raises(ValueError, match="4 identities cannot be drawn from 3"):
        ReidTask(table[table["identity"] < "toy/003"], tiny(), seed=0, cache=None)


def test_divergence_names_identities(coloured, tmp_path):
    table, config = coloured(4, 2), tiny(learning_rate=1e30)
    with pytest.raises(NonFiniteLoss, match="agw, seed 0: .* at step 1.*identities toy/000, toy/001, toy/002"):
        train_reid(table, config, tmp_path, seed=0, cache=None, progress=False)


def test_features_that_are_not_finite_name_the_image(coloured):
    table = coloured(4, 1)
    network = ReidTask(table, tiny(), seed=0, cache=None).method.network
    with torch.no_grad():
        network.bottleneck.weight.fill_(float("nan"))
    with pytest.raises(ValueError, match="not finite, first that of .*000_visible_0.png"):
        extract(network, table, tiny(), None)
    assert network.training
    with pytest.raises(ValueError, match="no rows"):
        extract(network, table.iloc[:0], tiny(), None)


def test_features_are_the_mean_of_both_sides_and_keep_their_length_on_request(coloured):
    table = coloured(3, 1).iloc[::-1]  # rows count by position, whatever the index
    network = ReidTask(coloured(4, 1, "more"), tiny(), seed=0, cache=None).method.network.eval()
    both = extract(network, table, tiny(), None, batch_size=2)
    assert not torch.allclose(both, extract(network, table, tiny().model_copy(update={"flip_at_test": False}), None))
    raw = extract(network, table, tiny(similarity="dot"), None)
    assert not torch.allclose(raw.norm(dim=1), torch.ones(len(raw)), atol=0.01)
    torch.testing.assert_close(torch.nn.functional.normalize(raw), both)
    network.features, inner = lambda images, modality: inner(images.flip(3), modality), network.features
    torch.testing.assert_close(extract(network, table, tiny(), None), both)
