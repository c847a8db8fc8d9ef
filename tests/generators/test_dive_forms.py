"""How the forms and what we added to them train: prompts, decay, clipping, tokens, norms, averages, weighted losses."""

from collections import Counter

import pytest
import torch
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_snr

from vireid_lib.generators.dive import latents, prompts
from vireid_lib.generators.dive.base_model import load_base
from vireid_lib.generators.dive.finetune import DiveTask, denoising_loss
from vireid_lib.generators.dive.model import DiveModel
from vireid_lib.training.loop import accelerator_for, train


@pytest.fixture
def task(tiny_config, tiny_table, tmp_path):
    """A task of the tiny settings with changes."""

    def make(table=tiny_table, **changes):
        config = tiny_config.model_copy(update=changes)
        base = load_base(config.base_model)
        model = DiveModel(base, prompts.build(table, config), config)
        size, paths = (config.height, config.width), table["path"].tolist()
        return DiveTask(model, table, latents.encode(paths, base.vae, size, cache=tmp_path, progress=False))

    return make


def said(task, ids):
    """Prompts without padding, as the tokenizer reads them back."""
    tokenizer = task.model.base.tokenizer
    return [tokenizer.decode(row, skip_special_tokens=True) for row in ids]


def read(task, texts):
    return said(task, task.model.tokenize(texts))


def test_half_of_the_release_s_prompts_are_the_code_and_the_others_come_from_all_templates(task, tiny_table):
    made, row = task(templates="imagenet", code_only=0.5), 5
    model, rows = made.model, torch.full((6000,), row)
    code = model.vocabulary.code(prompts.camera_keys(tiny_table, model.vocabulary)[row])
    person = model.tokens.text(tiny_table["identity"][row])
    drawn = Counter(said(made, made._prompts(rows, 0)))
    (alone,) = read(made, [code])
    assert 0.47 < drawn.pop(alone) / len(rows) < 0.53
    written = [prompts.prompt(code, person, each) for each in prompts.TEMPLATES["imagenet"]]
    assert drawn.keys() == set(read(made, written))
    assert all(60 < count < 165 for count in drawn.values())  # 111 of each are expected
    assert torch.equal(made._prompts(rows, 0), made._prompts(rows, 0))
    assert not torch.equal(made._prompts(rows, 0), made._prompts(rows, 1))


def test_groups_are_drawn_evenly(task, tiny_table):
    table = tiny_table.drop(index=[0, 1, 2]).reset_index(drop=True)
    rows = table.iloc[task(table, balance="groups", batch=600)._rows(0).tolist()]
    shares = rows.groupby(["modality", rows["split"] == "external"]).size() / 600
    assert len(shares) == 3 and (shares - 1 / 3).abs().max() < 0.07


def started(made):
    accelerator = accelerator_for("no", "cpu")
    made.bind(accelerator, seed=0)
    made.prepare(accelerator)
    return accelerator


def stepped(made):
    """The token rows at the start and, with gradient, after a step at a rate of 0.1; LoRA's gradient."""
    accelerator = started(made)
    lora, (rows,), *_ = made.model.trained().values()
    start = rows.detach().clone()
    made.before_step(0)
    for group in made.optimizers["adam"].param_groups:
        group["lr"] = 0.1
    made.step(accelerator, 0)
    made.release(accelerator)
    return start, rows, torch.cat([parameter.grad.flatten() for parameter in lora])


def test_the_release_clips_lora_alone(task):
    plain, limit = task(gradient_clip=1e9), 1e-4
    _, rows, lora = stepped(plain)
    norm = lora.norm()
    assert norm > 10 * limit and rows.grad.norm() > limit
    _, clipped_rows, clipped = stepped(task(gradient_clip=limit, clipped="lora"))
    assert torch.equal(clipped_rows.grad, rows.grad)
    torch.testing.assert_close(clipped, lora * limit / norm, rtol=1e-3, atol=1e-9)
    _, both_rows, both = stepped(task(gradient_clip=limit))
    assert torch.cat([both_rows.grad.flatten(), both]).norm() == pytest.approx(limit, rel=1e-3)


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_token_rows_decay_as_adamw_says(task, decay):
    start, rows, _ = stepped(task(gradient_clip=1e9, weight_decay=decay))
    gradient = rows.grad  # the first step's moments are the gradient and its square
    expected = start * (1 - 0.1 * decay) - 0.1 * gradient / (gradient.abs() + 1e-8)
    torch.testing.assert_close(rows.detach(), expected, rtol=1e-5, atol=1e-6)


def test_norms_start_without_effect_and_do_not_decay(task):
    """Bit for bit: the first step's gradients of all that is trained without them."""
    plain, normed = (task(gradient_clip=1e9, weight_decay=0.5, branch_norms=norms) for norms in (False, True))
    (_, rows, lora), (_, with_norms, same) = stepped(plain), stepped(normed)
    assert torch.equal(with_norms.grad, rows.grad) and torch.equal(same, lora)
    for affine in normed.model.branches.norm_parameters():
        gradient = affine.grad
        expected = torch.tensor([1.0, 0.0]).view(1, 2, 1) - 0.1 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(affine.detach(), expected, rtol=1e-5, atol=1e-5)


def test_the_average_replaces_what_was_trained(task, tmp_path):
    """Of three steps, by hand: average.WeightAverage's decay is capped at 2/11, 3/12 and 4/13 in the first three."""
    made = task(steps=3, average=0.2, branch_norms=True)
    path, take = [[parameter.detach().clone() for parameter in made.trained()]], made.after_step

    def after_step(step):
        path.append([parameter.detach().clone() for parameter in made.trained()])
        take(step)

    made.after_step = after_step
    train(made, steps=3, folder=tmp_path / "fit", seed=0, device="cpu", progress=False)
    made.take_average()
    expected = path[0]
    for now, decay in zip(path[1:], (2 / 11, 0.2, 0.2), strict=True):
        expected = [decay * average + (1 - decay) * new for average, new in zip(expected, now, strict=True)]
    for parameter, average, last in zip(made.trained(), expected, path[-1], strict=True):
        torch.testing.assert_close(parameter.detach(), average, rtol=1e-5, atol=1e-7)
        assert not torch.equal(parameter, last)


@pytest.mark.parametrize("gamma", [None, 5.0])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_loss_is_that_of_diffusers_scripts(prediction, gamma):
    schedule = DDPMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
    draw, seen = torch.Generator().manual_seed(1), []
    clean, noise, guess = (torch.randn(5, 4, 8, 4, generator=draw) for _ in range(3))
    times, alphas = torch.tensor([0, 5, 200, 500, 999]), schedule.alphas_cumprod
    network = lambda ids, noised, *_: seen.append(noised) or guess  # noqa: E731
    found = denoising_loss(network, alphas, prediction, clean, noise, times, None, None, min_snr=gamma)
    torch.testing.assert_close(seen[0], schedule.add_noise(clean, noise, times))
    snr, weight = compute_snr(schedule, times), torch.ones(5)
    if gamma:
        weight = torch.stack([snr, gamma * torch.ones_like(snr)], 1).min(1)[0]  # as in train_text_to_image.py
        weight = weight / (snr + 1 if prediction == "v_prediction" else snr)
        assert (snr < gamma).any() and (snr > gamma).any()
    target = noise if prediction == "epsilon" else schedule.get_velocity(clean, noise, times)
    torch.testing.assert_close(found, (((guess - target) ** 2).mean((1, 2, 3)) * weight).mean())


def test_tokens_are_pulled_back_to_their_start(task):
    """Those of the batch's identities alone, by the mean square in units of the table's deviations."""
    total, gradient = {}, {}
    for weight in (0.0, 0.25):
        made = task(token_distance=weight)
        accelerator = started(made)
        (rows,) = made.model.trained()["tokens"]
        assert made.losses(0).get("token_distance", 0) == 0
        with torch.no_grad():
            rows += 2 * made.model.rows.table.std(0)
        losses = made.losses(0)
        assert losses.get("token_distance", torch.tensor(4.0)).item() == pytest.approx(4)
        total[weight], (gradient[weight],) = losses["total"].item(), torch.autograd.grad(losses["total"], rows)
        made.release(accelerator)
    assert total[0.25] == pytest.approx(total[0.0] + 0.25 * 4, rel=1e-5)
    drawn = {made.model.tokens.row(made.identities[row]) for row in made._rows(0).tolist()}
    pull = gradient[0.25] - gradient[0.0]
    for first in range(0, len(pull), 2):
        own = pull[first : first + 2]
        assert bool((own > 0).all()) if first in drawn else not own.any()
    assert 0 < len(drawn) < 4
