"""Fine-tuning trains what it may, and continues where it was stopped."""

import pytest
import torch
from PIL import Image

from vireid_lib.data.images import load_images, to_float
from vireid_lib.generators.dive import latents
from vireid_lib.generators.dive.base_model import load_base
from vireid_lib.generators.dive.dive import Dive

EXTRAS = {"branch_norms": True, "lora_targets": "all+ends", "average": 0.9, "min_snr": 5.0}
"""Settings that train more, and keep more, than the paper's."""


def fit(config, table, folder, cache):
    dive = Dive(config, device="cpu", cache=cache, progress=False)
    dive.fit(table, folder)
    return dive


@pytest.mark.parametrize(("precision", "norms"), [("no", False), ("bf16", True)])
def test_only_token_rows_and_branches_change(tiny_config, tiny_table, tmp_path, precision, norms):
    changes = {"precision": precision, "branch_norms": norms}
    before, config = load_base(tiny_config.base_model), tiny_config.model_copy(update=changes)
    dive = fit(config, tiny_table, tmp_path / "fit", tmp_path / "cache")
    base = dive.model.base
    assert torch.equal(dive.model.rows.table, before.text.get_input_embeddings().weight)
    for name, tensor in before.unet.state_dict().items():
        parent, _, leaf = name.rpartition(".")
        layer = (dive.model.branches.layers | dive.model.branches.norms).get(parent)
        now = getattr(layer.base, leaf) if layer else base.unet.state_dict()[name]
        assert torch.equal(now, tensor), name
    start = dive.model.tokens.initial(before.text, config)
    assert (dive.model.rows.rows != start).any(1).all()
    assert all(layer.up.abs().sum() > 0 for layer in dive.model.branches.layers.values())
    assert all(norm.affine[:, 1].any() for norm in dive.model.branches.norms.values())
    assert bool(dive.model.branches.norms) == norms


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_recorded_passes_learn_the_same(tiny_config, tiny_table, tmp_path, precision):
    found = {}
    for recorded in (False, True):
        config = tiny_config.model_copy(update=EXTRAS | {"cuda_graph": recorded, "precision": precision})
        found[recorded] = Dive(config, device="cuda", cache=tmp_path / "cache", progress=False)
        found[recorded].fit(tiny_table, tmp_path / str(recorded))
    losses = {recorded: dive.history.column("total")[1] for recorded, dive in found.items()}
    assert losses[True] == pytest.approx(losses[False], rel=1e-4)
    one, other = found[True].model, found[False].model
    torch.testing.assert_close(one.rows.rows, other.rows.rows, atol=1e-3, rtol=1e-3)
    for name, layer in one.branches.layers.items():
        torch.testing.assert_close(layer.up, other.branches.layers[name].up, atol=1e-3, rtol=1e-2)
    for name, norm in one.branches.norms.items():
        torch.testing.assert_close(norm.affine, other.branches.norms[name].affine, atol=1e-3, rtol=1e-2)
    assert "forward" not in vars(one.base.unet) and one.base.unet.dtype == torch.float32


def test_a_branch_learns_from_its_own_images_only(tiny_config, tiny_table, tmp_path):
    config = tiny_config.model_copy(update={"steps": 1, "batch": 1, "checkpoint_every": 0})
    branches = fit(config, tiny_table, tmp_path / "fit", tmp_path / "cache").model.branches
    touched = [any(layer.up[i].any() for layer in branches.layers.values()) for i in range(len(branches.names))]
    assert len(touched) > 2 and sum(touched) == 1


def test_latents_are_those_of_the_image_and_its_mirror(tiny_config, tiny_table, tmp_path):
    vae = load_base(tiny_config.base_model).vae
    paths = tiny_table["path"].tolist()[:5]
    got = latents.encode(paths, vae, (32, 16), cache=tmp_path, progress=False)
    assert got.mean.shape == (5, 2, 4, 8, 4)
    images = to_float(load_images(paths, (32, 16), cache=None)) * 2 - 1
    with torch.no_grad():
        plain, mirrored = vae.encode(images).latent_dist, vae.encode(images.flip(3)).latent_dist
    for index, posterior in enumerate((plain, mirrored)):
        torch.testing.assert_close(torch.tensor(got.mean[:, index]).float(), posterior.mean, atol=2e-3, rtol=2e-3)
        torch.testing.assert_close(torch.tensor(got.std[:, index]).float(), posterior.std, atol=2e-3, rtol=2e-3)


def test_another_data_set_is_refused_by_what_differs(tiny_config, tiny_table, tmp_path):
    fit(tiny_config, tiny_table, tmp_path / "fit", tmp_path / "cache")

    def refused(words, table=tiny_table, **changes):
        config = tiny_config.model_copy(update=changes)
        with pytest.raises(ValueError, match=words):
            fit(config, table, tmp_path / "fit", tmp_path / "cache")

    refused(r"config.images.mini_market/1 visible is 8 there and 7 now", tiny_table.iloc[:-1])
    refused(r"config.identities.*0001", tiny_table[tiny_table["identity"] != "mini_market/0001"])
    swapped, other = tiny_table.copy(), tiny_table.copy()
    swapped.loc[[16, 20], "identity"] = swapped.loc[[20, 16], "identity"].tolist()
    refused("config.people is", swapped)
    refused("config.learning_rate is 0.01 there and 0.5 now", learning_rate=0.5)
    other.loc[0, "path"] = str(tmp_path / "other.png")
    Image.new("RGB", (16, 32), "red").save(tmp_path / "other.png")
    refused("config.contents is", other)
