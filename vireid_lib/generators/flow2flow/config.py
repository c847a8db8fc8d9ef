"""Every knob of Flow2Flow; the defaults are the paper's (section V-A), and where it is silent the release's."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from vireid_lib.generators.base.config import TranslatorConfig, released

SMALLEST = 24  # less leaves nothing of an image after the discriminators' five convolutions


class Flow2FlowConfig(TranslatorConfig):
    """Settings of both flows, their adversaries and the training.

    Paper: 144×72 pixels, 12 blocks, 50 epochs of Adam at 2e-4, generators twice for each time of the discriminators,
    λ = 0.01 (Eq. 11), encoders of four convolutions to 512 values. Release: the betas, 4 identities with 4 images of
    each modality (its argparse default), mirroring and shifting by 10 pixels into grey, the weight of the flow loss,
    the adversaries' first weights. Glow: the width of the couplings.
    An epoch is max(N_visible, N_infrared) // (identities · images) + 1 steps, counting the paired identities alone."""

    SAMPLING: ClassVar[tuple[str, ...]] = ("expansion", "q", "sampling_batch")

    # "release" only sets other settings to what the released command has (`releases.yaml`); given settings win.
    form: Literal["paper", "release"] = "paper"
    flow: Literal["glow", "real_nvp"] = "glow"  # the paper's, see `Flow`, or the released one, see `RealNvp`
    height: int = Field(144, gt=0)
    width: int = Field(72, gt=0)
    blocks: int = Field(12, ge=1)  # of the paper's flow
    squeezes: int = Field(3, ge=1)
    coupling_width: int = Field(512, ge=1)
    bounded_scale: bool = True  # see `AffineCoupling`
    activation: bool = True  # the nonlinear flow; without it, the linear one of Table VI
    # In the paper's flow, next to the latents ("last", where sample expansion and translation need no value that it
    # lacks), next to the image ("first") or after half of the blocks; "in the last block" (section V-A) may mean either
    # end. In the released flow it has one place.
    activation_place: Literal["last", "middle", "first"] = "last"
    activation_scale: float = Field(1.0, gt=0)  # tanh(x / scale); 5 in the line that the release has as a comment
    scales: int = Field(2, ge=1)  # of the released flow
    residual_width: int = Field(32, ge=1)
    residual_blocks: int = Field(4, ge=1)
    discriminator_width: int = Field(64, ge=1)  # channels of the first of four convolutions; the last has 8 times these
    epochs: int = Field(50, ge=1)
    identities: int = Field(4, ge=1)  # in a batch, that have both modalities
    images: int = Field(4, ge=1)  # of each of them, in each modality
    visible_only: int = Field(4, ge=0)  # identities in a batch with visible images alone, where there are such
    # "without_replacement" is MPANet's sampler, as released (but for `visible_only`); the paper does not say.
    sampling: Literal["with_replacement", "without_replacement"] = "with_replacement"
    padding: int = Field(10, ge=0)
    discriminator_weights: Literal["normal", "torch"] = "normal"  # the first: deviation 0.02 (released), or torch's own
    learning_rate: float = Field(2e-4, gt=0)
    # Both flows start with the same weights (at first a translation is the image itself) or each with its own (at first
    # it is noise). The paper does not say.
    start: Literal["alike", "apart"] = "alike"
    generator_steps: int = Field(2, ge=1)  # updates of the flows for each one of their adversaries
    noise_term: Literal["difference", "ratio"] = "difference"  # of Eq. 10, or the released ratio, see `noise_loss`
    flow_weight: float = Field(1e-4, ge=0)  # of Eq. 9, summed over an image's values; the paper prints none
    noise_weight: float = Field(0.01, ge=0)  # λ of Eq. 11
    identity_weight: float = Field(1.0, ge=0)  # of the adversarial losses, Eq. 12 and 14; 0 leaves one out (Table VII)
    modality_weight: float = Field(1.0, ge=0)
    gradient_clip: float | None = Field(None, gt=0)  # largest norm of the flows' gradient
    # What `expand` makes: CMG (Eq. 18) from one image, or TSE (Eq. 17) between two of a person, which are then shown in
    # the camera's modality whatever theirs is.
    expansion: Literal["translate", "interpolate"] = "translate"
    q: int = Field(2, ge=2)  # TSE goes p / q of the way, p drawn from 1..q-1; the paper's better one, 10 its other one

    _form = released("flow2flow")

    @model_validator(mode="after")
    def _precision(self) -> Self:
        if self.precision != "no":
            raise ValueError("precision must be 'no': in bfloat16 flows do not undo themselves, by ten grey levels")
        return self

    def sides(self) -> tuple[int, int, str]:
        factor = 2 ** (self.squeezes if self.flow == "glow" else self.scales - 1)
        return factor, SMALLEST, "take fewer squeezes (scales, in the released flow)"
