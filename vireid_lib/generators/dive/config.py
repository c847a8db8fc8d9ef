"""Every knob of DiVE; the defaults are the paper's (Implementation Details), for Stable Diffusion 1.5."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from jaxtyping import Bool
from pydantic import Field, model_validator

from vireid_lib.data.contents import file_digest
from vireid_lib.data.decode import upright
from vireid_lib.data.tables import MODALITIES
from vireid_lib.generators.base.config import GeneratorConfig, released
from vireid_lib.user_paths import Source

if TYPE_CHECKING:
    import pandas as pd


class DiveConfig(GeneratorConfig):
    """Settings of fine-tuning and sampling.

    Where the paper and its authors' release differ, the paper's form is the default and `form: release` takes the
    release's values (`releases.yaml`) for whatever is not set beside it. The paper names no betas, no decay and no
    clipping: its form's values are ours.

    Table 3 has a "single view", which the paper does not explain. `views: single` reads it as one code for all cameras
    of a modality; `views: one_camera` as the images of one visible and one infrared camera of the target, those with
    most identities in common (`one_camera`): then all infrared cameras of a gallery look like the one.

    The release also trains in fp16, encodes each image anew at each step and keeps the rest of the embedding table by
    restoring it: no difference to the result. It shuffles epochs, where both forms here draw images with replacement.

    Two codes share no character, in both forms, so that no part of a code means two cameras. There are 62 letters
    and digits: 8 characters are enough for 7 views (SYSU-MM01's six and one external set), while LLCM's 17 views
    and an external set leave 3 characters a code (`code_length: 3`). CLIP's tokenizer folds case: beyond 36
    characters, codes share letters in its eyes, but no two are the same to it.

    Attributes:
        form: whose values hold where the two differ.
        base_model: folder, hub id, or "mini" for the embedded one.
        code_length: characters of a camera's fixed rare code [k].
        views: a code per camera; one per modality; or one per modality, fitted to one camera's images.
        train_modalities: of the target's images; external ones, which teach the tokens, are visible (table 3).
        min_aspect: images less than so many times as high as wide are left out; 0 keeps all.
        vectors_per_token: embedding rows of an identity's token [p].
        token_init: all start from one row: the word `person`'s, or the release's rare word's; or each from the words of
            a caption.
        captions: YAML file, identity: words, for `token_init: caption`; None lets the base model's captioner read the
            visible images: the embedded model has one, Stable Diffusion has none.
        token_distance: weight of the tokens' mean squared distance to their start, in the table's own deviations.
        templates: the sentences of training's prompts: the paper's one, or 27; see `prompts.TEMPLATES`.
        code_only: share of training prompts that are the code [k] alone.
        visible_branch: with a branch per code: whether visible cameras share one.
        lora_targets: layers of the U-Net: `all` is of its blocks, `all+ends` the outer convolutions too.
        branch_norms: each branch has a scale and a shift after every group norm; learned at LoRA's rate.
        token_learning_rate: None is `learning_rate`.
        first_beta, second_beta, weight_decay: of AdamW; the decay on LoRA and token rows, not on norms.
        min_snr: gamma of min-SNR weighting of the loss (Hang et al. 2023); None weighs all times alike.
        average: decay of a running average of all that is trained, which is then what is kept.
        balance: draw images uniformly, or a third each from target visible, target infrared and external ones.
        gradient_clip, clipped: largest norm of the clipped gradients together; token rows' too, or the U-Net's alone.
        precision: "bf16" (for GPUs): a frozen denoiser in bfloat16, all that is trained in float32.
        cuda_graph: on a GPU, record the network's passes once and replay them, without the host's part.
        timestep_spacing: how the sampler's steps are spread over the training's; the release's is linspace.
        solver: the paper's, deterministic, or the one that adds fresh noise at each step.
        karras_sigmas: more of the steps at low noise (Karras et al. 2022), instead of `timestep_spacing`.
        rescale_guidance: phi: pulls a guided prediction's deviation back (Lin et al. 2024, section 3.4).
        shared_noise: share of the initial noise's variance that an identity's pictures under a camera have in common.
        tone: "cameras" (an extra) makes pictures grey and corrects their levels by each camera's curve; see `tone`.
        start: the paper's text-only sampling, or (an extra, as in SDEdit) from a noised grey image.
        strength: share of the noise schedule that `start: "image"` runs.
    """

    SAMPLING: ClassVar[tuple[str, ...]] = ("solver", "sampling_steps", "timestep_spacing", "karras_sigmas", "guidance")
    SAMPLING += ("rescale_guidance", "sampling_batch", "shared_noise", "tone", "start", "strength")
    MACHINE: ClassVar[tuple[str, ...]] = ("cuda_graph",)

    form: Literal["paper", "release"] = "paper"
    base_model: Source = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    height: int = Field(512, gt=0)
    width: int = Field(256, gt=0)
    code_length: int = Field(8, ge=1)
    views: Literal["multi", "single", "one_camera"] = "multi"
    train_modalities: Literal["both", "infrared"] = "both"
    min_aspect: float = Field(0.0, ge=0)
    vectors_per_token: int = Field(1, ge=1)
    token_init: Literal["word", "rare", "caption"] = "word"
    captions: Source | None = None
    token_distance: float = Field(0.0, ge=0)
    templates: Literal["paper", "imagenet"] = "paper"
    code_only: float = Field(0.0, ge=0, le=1)
    lora_scope: Literal["per_modality", "shared"] = "per_modality"
    visible_branch: Literal["camera", "modality"] = "camera"
    lora_rank: int = Field(128, ge=1)
    lora_targets: Literal["attention", "all", "all+ends"] = "attention"
    branch_norms: bool = False
    steps: int = Field(400_000, ge=1)
    batch: int = Field(16, ge=1)
    learning_rate: float = Field(5e-5, gt=0)
    token_learning_rate: float | None = Field(None, gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    first_beta: float = Field(0.9, ge=0, lt=1)
    second_beta: float = Field(0.99, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    min_snr: float | None = Field(None, gt=0)
    average: float | None = Field(None, gt=0, lt=1)
    flip: bool = True
    balance: Literal["images", "groups"] = "images"
    gradient_clip: float = Field(1.0, gt=0)
    clipped: Literal["all", "lora"] = "all"
    checkpoint_every: int = Field(1000, ge=0)
    precision: Literal["no", "bf16"] = "no"
    cuda_graph: bool = True
    sampling_steps: int = Field(25, ge=1)
    timestep_spacing: Literal["linspace", "leading", "trailing"] = "linspace"
    solver: Literal["dpmsolver++", "sde-dpmsolver++"] = "dpmsolver++"
    karras_sigmas: bool = False
    guidance: float = Field(7.5, ge=1)
    rescale_guidance: float = Field(0.0, ge=0, le=1)
    sampling_batch: int = Field(16, ge=1)
    shared_noise: float = Field(0.0, ge=0, le=1)
    tone: Literal["drawn", "cameras"] = "drawn"
    start: Literal["noise", "image"] = "noise"
    strength: float = Field(0.6, gt=0, le=1)

    def fitted_rows(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """The rows that are fitted: `min_aspect`, `views` and `train_modalities` leave some out."""
        table = table[upright(table["path"].tolist(), self.min_aspect)]
        keep = one_camera(table) if self.views == "one_camera" else np.ones(len(table), bool)
        if self.train_modalities == "infrared":
            keep = keep & ((table["modality"] == "infrared") | (table["split"] == "external")).to_numpy()
        return table[keep].reset_index(drop=True)

    def comparable_settings(self) -> dict[str, Any]:
        values = super().comparable_settings()
        if self.start == "noise":
            values.pop("strength")  # of the noised image that sampling starts from
        return values

    def sampling_settings(self) -> dict[str, Any]:
        left_out = {"sampling_batch"} | ({"strength"} if self.start == "noise" else set())
        return self.model_dump(mode="json", include={*self.SAMPLING, "height", "width"} - left_out)

    def weights_read(self) -> dict[str, str | None]:
        """As any generator; the file of captions by its digest too."""
        if self.captions is None:
            return super().weights_read()
        file = Path(self.captions)
        return super().weights_read() | {"captions_digest": file_digest(file) if file.is_file() else None}

    _release = released("dive")

    def sides(self) -> tuple[int, int, str]:
        return 8, 1, "the autoencoder cannot take the image"

    @model_validator(mode="after")
    def _captions(self) -> Self:
        if self.captions is not None and self.token_init != "caption":
            raise ValueError(f"captions are for token_init: caption, and it is {self.token_init}: change one of them")
        return self

    @model_validator(mode="after")
    def _tone(self) -> Self:
        if self.tone == "cameras" and self.start == "image":
            raise ValueError("tone: cameras is for pictures from text, and start is image: set tone: drawn")
        return self

    @property
    def token_rate(self) -> float:
        return self.learning_rate if self.token_learning_rate is None else self.token_learning_rate


def one_camera(table: "pd.DataFrame") -> Bool[np.ndarray, " images"]:
    """Whether each image is external, or of the visible or the infrared camera that were chosen. These are the two with
    most identities in common, so that tokens are shared by both modalities; of equals, the first by name. Where one
    modality has no image, it is the camera with most identities."""
    external = table["split"] == "external"
    seen = table[~external].groupby(["modality", "camera"])["identity"].agg(set)
    visible, infrared = (dict(seen.get(name, {"": set()})) for name in MODALITIES)
    shared = {
        (camera, other): len((people or others) & (others or people))
        for (camera, people), (other, others) in itertools.product(visible.items(), infrared.items())
    }
    chosen = set(zip(MODALITIES, max(shared, key=shared.get), strict=True))  # the first of the largest
    looks = zip(table["modality"], table["camera"], strict=True)
    return external.to_numpy(bool) | np.array([each in chosen for each in looks], bool)
