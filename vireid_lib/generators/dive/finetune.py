"""Fine-tuning: identity tokens and LoRA branches learn to explain each image (DiVE, Eq. 6)."""

import gc
import hashlib
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pandas as pd
import torch
from accelerate import Accelerator
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from vireid_lib.generators.dive.base_model import frozen_in
from vireid_lib.generators.dive.latents import Latents
from vireid_lib.generators.dive.model import DiveModel, Latent, Predictor
from vireid_lib.generators.dive.prompts import branch_indices, camera_keys
from vireid_lib.training import whole_batch
from vireid_lib.training.average import WeightAverage
from vireid_lib.training.task import Task


class DiveTask(Task):
    """Denoise cached latents given "a [k] photo of [p] person", or another of the configured prompts; only token rows
    and branches are trained."""

    trainable_only = shared = True

    def __init__(self, model: DiveModel, table: pd.DataFrame, latents: Latents) -> None:
        super().__init__()
        self.name, self.model, self.latents = "DiVE", model, latents
        self.settings = config = model.config
        self.identities, cameras = table["identity"].tolist(), camera_keys(table, model.vocabulary)
        infrared = torch.tensor((table["modality"] == "infrared").tolist())
        external = torch.tensor((table["split"] == "external").tolist())
        groups = (infrared, ~infrared & ~external, external)
        self.groups = [group.nonzero()[:, 0] for group in groups if group.any()]
        self.branch = torch.from_numpy(branch_indices(table, model.vocabulary))
        # Who is seen by which camera never changes, so all prompts are tokenised once: [sentences, pairs, length].
        pair, pairs = pd.MultiIndex.from_arrays([self.identities, cameras]).factorize()
        people, cameras = (pairs.get_level_values(level).tolist() for level in (0, 1))
        self.pair, self.start = torch.from_numpy(pair), model.rows.rows.detach().clone()
        self.row = torch.tensor([model.tokens.row(identity) for identity in people])[self.pair]
        sentences = [model.prompts(people, cameras, template) for template in model.templates]
        if config.code_only:
            sentences.append([model.vocabulary.code(camera) for camera in cameras])
        self.ids = torch.stack([model.tokenize(texts) for texts in sentences])
        # A resumed run must have the same settings, codes, images and identities.
        self.config = config.fit_settings() | {
            "codes": model.vocabulary.views,
            "identities": model.vocabulary.identities,
            "images": {" ".join(view): int(n) for view, n in table.groupby(["camera", "modality"]).size().items()},
            "contents": latents.key,
            "people": hashlib.sha256("\n".join(self.identities).encode()).hexdigest(),
        }
        self.modules = {"predictor": Predictor(model)}
        self.held = ExitStack()
        decays = {"lora": config.weight_decay, "tokens": config.weight_decay, "norms": 0.0}
        groups = [{"params": own, "name": name, "weight_decay": decays[name]} for name, own in model.trained().items()]
        betas = (config.first_beta, config.second_beta)  # fused: one pass over each small tensor instead of a dozen
        self.optimizers = {"adam": torch.optim.AdamW(groups, lr=0.0, betas=betas, fused=True)}
        self.gradient_clip = config.gradient_clip
        if config.average is not None:
            self.followed = nn.ParameterList(self.trained())
            self.extras = {"average": WeightAverage(self.followed, config.average)}

    def parted(self) -> tuple[int, ...]:
        return (self.settings.batch,)

    def prepare(self, accelerator: Accelerator) -> None:
        predictor = self.modules["predictor"].to(accelerator.device)
        if self.settings.precision == "bf16":
            self.held.enter_context(frozen_in(predictor.unet, torch.bfloat16, kept_on="cpu"))
        if self.settings.cuda_graph and accelerator.device.type == "cuda":
            device, share = accelerator.device, self.settings.batch // self.processes
            noised = torch.zeros(share, *self.latents.mean.shape[2:], device=device)
            whole = torch.zeros(share, dtype=torch.int64, device=device)
            # each in memory of its own, because a recording copies every call's arguments there
            example = (self.ids[0, :1].to(device).repeat(share, 1), noised, whole, whole.clone())
            self.held.enter_context(recorded(predictor, example))
        super().prepare(accelerator)
        self.alphas = self.model.base.schedule.alphas_cumprod.to(accelerator.device)
        if self.settings.token_distance:
            self.start, self.deviation = self.start.to(accelerator.device), self.model.rows.table.std(0)

    def release(self, accelerator: Accelerator) -> None:
        super().release(accelerator)
        self.held.close()

    def before_step(self, step: int) -> None:
        config = self.settings
        share = 0.5 + 0.5 * math.cos(math.pi * step / config.steps) if config.schedule == "cosine" else 1.0
        for group in self.optimizers["adam"].param_groups:
            group["lr"] = share * (config.token_rate if group["name"] == "tokens" else config.learning_rate)

    def losses(self, step: int) -> dict[str, Tensor]:
        draw, config = self.generator(step, "batch"), self.settings
        rows = self._rows(step)
        clean = self._clean(rows, draw)
        noise = torch.randn(clean.shape, generator=draw)
        times = torch.randint(len(self.alphas), (len(rows),), generator=draw)
        whole = (clean, noise, times, self._prompts(rows, step), self.branch[rows])
        drawn = [whole_batch.part(each) for each in whole]
        if self.device.type == "cuda":  # out of pinned memory a GPU fetches it while the host goes on
            drawn = [each.pin_memory() for each in drawn]
        drawn = [each.to(self.device, non_blocking=True) for each in drawn]
        prediction = self.model.base.prediction
        loss = denoising_loss(self.modules["predictor"], self.alphas, prediction, *drawn, min_snr=config.min_snr)
        if not config.token_distance:
            return {"total": loss}
        # only the tokens of the images' identities are pulled back to their start, for only these are moved by the loss
        place = (self.row[whole_batch.part(rows), None] + torch.arange(self.model.tokens.vectors)).to(self.device)
        distance = ((self.model.rows.rows - self.start)[place] / self.deviation).square().mean()
        return {"total": loss + config.token_distance * distance, "token_distance": distance}

    def after_step(self, step: int) -> None:
        if self.extras:
            self.extras["average"].update(self.followed)

    @torch.no_grad()
    def take_average(self) -> None:
        if self.extras:
            for parameter, average in zip(self.followed, self.extras["average"].module, strict=True):
                parameter.copy_(average)

    def clipped(self) -> list[nn.Parameter]:
        groups = self.model.trained()
        return self.trained() if self.settings.clipped == "all" else [*groups["lora"], *groups.get("norms", [])]

    def describe(self, step: int) -> str:
        return "identities " + ", ".join(sorted({self.identities[row] for row in self._rows(step).tolist()}))

    def _rows(self, step: int) -> Int[Tensor, " batch"]:
        draw, batch = self.generator(step, "rows"), self.settings.batch
        if self.settings.balance == "images":
            return torch.randint(len(self.identities), (batch,), generator=draw)
        part = torch.randint(len(self.groups), (batch,), generator=draw)
        place = torch.rand(batch, generator=draw)
        return torch.stack([self.groups[g][int(u * len(self.groups[g]))] for g, u in zip(part, place, strict=True)])

    def _prompts(self, rows: Int[Tensor, " batch"], step: int) -> Int[Tensor, "batch length"]:
        """The token ids of a prompt of each row: the code alone (`code_only`), or of a template drawn at random."""
        sentence = torch.zeros_like(rows)
        if len(self.ids) > 1:
            draw = self.generator(step, "prompts")
            sentence = torch.randint(len(self.model.templates), (len(rows),), generator=draw)
            alone = torch.rand(len(rows), generator=draw) < self.settings.code_only
            sentence = torch.where(alone, len(self.ids) - 1, sentence)
        return self.ids[sentence, self.pair[rows]]

    def _clean(self, rows: Int[Tensor, " batch"], draw: torch.Generator) -> Latent:
        """Latents of the images, half of them mirrored, drawn from the autoencoder's posterior and scaled."""
        mirrored = torch.randint(2, (len(rows),), generator=draw) * self.settings.flip
        index = (rows.numpy(), mirrored.numpy())
        mean, std = (torch.from_numpy(part[index]).float() for part in (self.latents.mean, self.latents.std))
        drawn = mean + std * torch.randn(mean.shape, generator=draw)
        return drawn * self.model.base.vae.config.scaling_factor


def denoising_loss(
    predictor: nn.Module,
    alphas: Float[Tensor, " steps"],
    prediction: str,
    clean: Latent,
    noise: Latent,
    times: Int[Tensor, " n"],
    ids: Int[Tensor, "n length"],
    branch: Int[Tensor, " n"],
    *,
    min_snr: float | None = None,
) -> Float[Tensor, ""]:
    """Mean squared error of a `model.Predictor` on latents with noise (DiVE, Eq. 6); for alphas see `diffuse`.

    Args:
        min_snr: gamma; weighs a sample by min(SNR, gamma) / SNR, where v is predicted by min(SNR, gamma) / (SNR + 1)
            (Hang et al. 2023, section 3.4), with SNR = a / (1 - a). None weighs all alike.
    """
    noised, target = diffuse(clean, noise, alphas[times], prediction)
    predicted = predictor(ids, noised, times, branch)
    if min_snr is None:
        return functional.mse_loss(predicted, target)
    snr = alphas[times] / (1 - alphas[times])
    weight = snr.clamp(max=min_snr) / (snr if prediction == "epsilon" else snr + 1)
    return ((predicted - target).square().mean((1, 2, 3)) * weight).mean()


def diffuse(clean: Latent, noise: Latent, alphas: Float[Tensor, " n"], prediction: str) -> tuple[Latent, Latent]:
    """(z_t, what the network must predict): z_t = sqrt(a) z + sqrt(1 - a) e, and e or v = sqrt(a) e - sqrt(1 - a) z.

    Args:
        alphas: cumulative product of the schedule at each sample's time.
        prediction: "epsilon" (DiVE, Eq. 1) or "v_prediction" (Salimans and Ho 2022).
    """
    signal, spread = alphas.sqrt().view(-1, 1, 1, 1), (1 - alphas).sqrt().view(-1, 1, 1, 1)
    noised = signal * clean + spread * noise
    return noised, noise if prediction == "epsilon" else signal * noise - spread * clean


@contextmanager
def recorded(network: nn.Module, example: tuple[Tensor, ...]) -> Iterator[None]:
    """Let `network` replay its passes on `example`; afterwards it runs as before, and its graphs' memory is free.

    A denoiser of Stable Diffusion's size takes some 4,700 small kernels a training step; a GPU computes them faster
    than a host can launch them one by one. Parameters must stay where they lie: update them in place.

    Args:
        example: arguments of the forward, on the GPU; each call has to have their shapes and types.
    """
    own = network.forward
    if hasattr(torch.autograd.graph, "set_warn_on_accumulate_grad_stream_mismatch"):
        # Gradients arrive on the stream of the recording, as they must; torch warns of it.
        torch.autograd.graph.set_warn_on_accumulate_grad_stream_mismatch(False)
    try:
        torch.cuda.make_graphed_callables(network, example)
        torch.cuda.empty_cache()  # a recording has memory of its own: that of the trial runs before it is free
        yield
    finally:
        network.forward = own
        gc.collect()  # a recording refers to itself, and would keep the memory of a whole batch
