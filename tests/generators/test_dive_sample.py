"""Sampling: equal to a vanilla pipeline, whatever the batch, and in half precision."""

from functools import cache

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from vireid_lib.generators.dive.dive import Dive
from vireid_lib.generators.dive.sample import Request, sample, share_noise
from vireid_lib.generators.dive.tokens import load_bank


@pytest.fixture(scope="module")
def fit(tiny, tiny_table, tmp_path_factory):
    """Fits with changed settings, once each; returns the generator and its folder."""

    @cache
    def make(**changes):
        settings = {"visible_branch": "camera", "lora_targets": "all", "steps": 4, "learning_rate": 0.05}
        config = tiny("dive", width=16, sampling_steps=4, sampling_batch=3, **settings | changes)
        folder = tmp_path_factory.mktemp("fitted")
        dive = Dive(config, device="cpu", progress=False)
        dive.fit(tiny_table, folder)
        return dive, folder

    return make


NORMS = {"lora_targets": "all+ends", "branch_norms": True, "rescale_guidance": 0.7}
STOCHASTIC = {"solver": "sde-dpmsolver++", "karras_sigmas": True}


PEOPLE, CAMERAS = ["mini_market/0001", "mini_market/0007"], ["mini_vi/3", "mini_vi/6"]
PARTS = ("scale", "shift")


@pytest.mark.parametrize("changes", [{}, NORMS, STOCHASTIC], ids=["plain", "norms", "stochastic"])
def test_vanilla_pipeline_gives_the_same_image(fit, vanilla, changes):
    dive, folder = fit(**changes)
    ours = sample(dive.model, [Request(PEOPLE[0], "mini_vi/3", 11), Request(PEOPLE[1], "mini_vi/3", 12)])
    pipeline = vanilla(algorithm_type=dive.config.solver, use_karras_sigmas=dive.config.karras_sigmas)
    pipeline.load_textual_inversion(load_bank(folder / "tokens.safetensors"))
    pipeline.load_lora_weights(folder / "lora" / "mini_vi-3", weight_name="pytorch_lora_weights.safetensors")
    if dive.config.branch_norms:  # as the docstring of `Branches.save` tells its readers
        norms = load_file(folder / "lora" / "mini_vi-3" / "norms.safetensors")
        for name in sorted({key.removeprefix("unet.").rpartition(".")[0] for key in norms}):
            norm, (scale, shift) = pipeline.unet.get_submodule(name), [norms[f"unet.{name}.{p}"] for p in PARTS]
            norm.weight.data, norm.bias.data = scale * norm.weight.data, scale * norm.bias.data + shift
        assert len(norms) == 2 * sum(isinstance(module, torch.nn.GroupNorm) for module in pipeline.unet.modules())
    code = dive.model.vocabulary.code("mini_vi/3")
    for person, seed, picture in zip(PEOPLE, (11, 12), ours, strict=True):
        token = dive.model.tokens.placeholders[person]
        options = {"height": 32, "width": 16, "num_inference_steps": 4, "guidance_scale": 2.0, "output_type": "np"}
        options |= {"guidance_rescale": dive.config.rescale_guidance}
        draw = torch.Generator().manual_seed(seed)
        theirs = pipeline(f"a {code} photo of {token} person", generator=draw, **options).images[0]
        # float32 rounding of merged against separate branches, then rounding to whole grey levels
        assert np.abs(theirs * 255 - picture).max() <= 1.0


def test_one_camera_s_look_stands_under_every_infrared_camera(tiny, tiny_table, tmp_path):
    """The seeds differ, so do the pictures; the prompt and the branch are those of the fitted camera."""
    config = tiny("dive", width=16, steps=1, checkpoint_every=0, views="one_camera")
    dive = Dive(config, device="cpu", progress=False)
    dive.fit(tiny_table, tmp_path / "fit")
    assert dive.model.branches.names == ["infrared", "visible"]
    made = Dive.load(tmp_path / "fit", device="cpu", progress=False).expand(PEOPLE, CAMERAS, 1, 5, tmp_path / "made")
    assert sorted(set(made["camera"])) == CAMERAS and set(made["modality"]) == {"infrared"}
    for row in made.itertuples():
        own = sample(dive.model, [Request(row.identity, "mini_vi/3", int(row.seed))])[0]
        assert np.abs(np.asarray(Image.open(row.path)).astype(int) - own).max() <= 1


@pytest.mark.parametrize("changes", [{}, STOCHASTIC], ids=["plain", "stochastic"])
def test_a_picture_does_not_depend_on_its_batch(fit, changes):
    model = fit(**changes)[0].model
    requests = [Request(person, "mini_vi/6", seed) for seed, person in enumerate(PEOPLE * 2)]
    together = sample(model, requests)
    alone = np.concatenate([sample(model, [request]) for request in requests])
    assert np.abs(together.astype(int) - alone).max() <= 1


def test_norms_are_read_as_they_were_written(fit):
    dive, folder = fit(**NORMS)
    model, again = dive.model, Dive.load(folder, device="cpu", progress=False).model
    for name, norm in model.branches.norms.items():
        assert torch.equal(norm.affine, again.branches.norms[name].affine) and norm.affine[:, 1].any(), name
    assert again.digest() == model.digest()
    with torch.no_grad():
        again.branches.norms["conv_norm_out"].affine[0, 1, 0] += 1e-4
    assert again.digest() != model.digest()


@pytest.mark.parametrize("changes", [{}, NORMS], ids=["plain", "norms"])
def test_a_mixed_batch_equals_one_branch_at_a_time_run_or_merged(fit, changes):
    model = fit(**changes)[0].model
    unet, branches, chosen = model.base.unet, model.branches, torch.tensor([2, 0, 1])
    noised, times, states = torch.randn(3, 4, 8, 4), torch.tensor([10, 700, 300]), torch.randn(3, 32, 16)
    before = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    with torch.no_grad():
        with branches.using(chosen):
            mixed = unet(noised, times, states).sample
        for i, branch in enumerate(chosen):
            one = noised[i : i + 1], times[i : i + 1], states[i : i + 1]
            with branches.using(branch.view(1)):
                torch.testing.assert_close(mixed[i : i + 1], unet(*one).sample, atol=1e-5, rtol=1e-4)
            with branches.merged(int(branch)):
                torch.testing.assert_close(mixed[i : i + 1], unet(*one).sample, atol=1e-4, rtol=1e-4)
        assert (unet(noised, times, states).sample - mixed).flatten(1).abs().amax(1).min() > 1e-3
    assert all(torch.equal(tensor, before[name]) for name, tensor in unet.state_dict().items())


def test_pictures_of_an_identity_under_a_camera_share_a_part_of_their_noise(tiny_config):
    config = tiny_config.model_copy(update={"shared_noise": 0.3})
    requests = [Request(person, camera, 0) for person, camera in zip("aaab", "1121", strict=True)]
    own = torch.randn(4, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    mixed = share_noise(own, requests, config).flatten(1)
    correlation = torch.corrcoef(mixed)
    assert correlation[0, 1] == pytest.approx(0.3, abs=0.06) and correlation[0, 2:].abs().max() < 0.06
    assert all(each.var().item() == pytest.approx(1, abs=0.08) for each in mixed)


def test_half_precision_fits_and_samples(tiny_config, tiny_table, tmp_path):
    changes = {"precision": "bf16", "steps": 2, "branch_norms": True}
    dive = Dive(tiny_config.model_copy(update=changes), device="cpu", progress=False)
    dive.fit(tiny_table, tmp_path / "fit")
    model = dive.model
    before = {name: tensor.clone() for name, tensor in model.base.unet.state_dict().items()}
    requests = [Request(person, "mini_vi/3", 1) for person in PEOPLE]
    half = sample(model, requests)
    model.config = model.config.model_copy(update={"precision": "no"})
    whole = sample(model, requests)
    apart = np.abs(half.astype(int) - whole)
    assert 0 < apart.max() <= 12 and apart.mean() < 2  # it was computed in half precision, and shows the same
    for name, tensor in model.base.unet.state_dict().items():
        assert tensor.dtype == before[name].dtype and torch.equal(tensor, before[name]), name
    assert model.rows.rows.dtype == torch.float32
