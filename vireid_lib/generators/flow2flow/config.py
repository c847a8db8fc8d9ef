"""Every knob of Flow2Flow; the defaults are the paper's (section V-A), and where it is silent the release's."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from vireid_lib.generators.config import TranslatorConfig, released

SMALLEST = 24  # less leaves nothing of an image after the discriminators' five convolutions


class Flow2FlowConfig(TranslatorConfig):
    """Settings of both flows, their adversaries and the training.

    Paper: 144×72 pixels, 12 blocks, 50 epochs of Adam at 2e-4, generators twice for each time of the discriminators,
    λ = 0.01 (Eq. 11), encoders of four convolutions to 512 values. Release: the betas, 4 identities with 4 images of
    each modality (its argparse default), mirroring and shifting by 10 pixels into grey, the weight of the flow loss,
    the adversaries' first weights. Glow: the width of the couplings.
    An epoch is max(N_visible, N_infrared) // (identities · images) + 1 steps, counting the paired identities alone.

    Attributes:
        form: "paper", or "release", which only sets other settings to what the released command has (`releases.yaml`);
            given settings win.
        flow: "glow", the paper's, see `Flow`; or "real_nvp", the released one, see `RealNvp`.
        blocks, squeezes, coupling_width, bounded_scale: of the paper's flow.
        scales, residual_width, residual_blocks: of the released flow.
        activation: the nonlinear flow; without it, the linear one of Table VI.
        activation_place: in the paper's flow, next to the latents ("last", where sample expansion and translation need
            no value that it lacks), next to the image ("first") or after half of the blocks ("middle"); "in the last
            block" (section V-A) may mean either end. In the released flow it has one place, see `RealNvp`.
        activation_scale: tanh(x / scale); 5 in the line that the release has as a comment.
        discriminator_width: channels of the first of the four convolutions; the last has 8 times as many.
        identities, images: identities in a batch that have both modalities, and images of each of them in each.
        visible_only: identities in a batch with visible images alone, where there are such (external ones).
        sampling: images of an identity "with_replacement", or "without_replacement", by MPANet's sampler, as released
            (but for `visible_only`); the paper does not say.
        padding_fill: what images are shifted into, "grey" (127 of 255, as released) or "black".
        discriminator_weights: first ones of the adversaries, "normal" with deviation 0.02 (as released), or "torch"'s.
        start: both flows start with the same weights ("alike": at first a translation is the image itself) or each with
            its own ("apart": at first it is noise). The paper does not say.
        generator_steps: updates of the flows for each one of their adversaries.
        noise_term: of Eq. 10, the "difference" of the mean distances within and between identities, or the released
            "ratio", see `noise_loss`.
        flow_weight: of Eq. 9, summed over an image's values; the paper prints none.
        noise_weight: λ of Eq. 11.
        identity_weight, modality_weight: of the generators' adversarial losses, Eq. 12 and 14; 0 leaves one out,
            discriminators and all (Table VII).
        gradient_clip: largest norm of the flows' gradient; None for no limit.
        expansion: what `expand` makes: "translate" (CMG, Eq. 18) from one image, or "interpolate" (TSE, Eq. 17)
            between two of a person, which are then shown in the camera's modality whatever theirs is.
        q: TSE goes p / q of the way, p drawn from 1..q-1; the paper's better one is 2, its other one 10.
    """

    SAMPLING: ClassVar[tuple[str, ...]] = ("expansion", "q", "sampling_batch")

    form: Literal["paper", "release"] = "paper"
    flow: Literal["glow", "real_nvp"] = "glow"
    height: int = Field(144, gt=0)
    width: int = Field(72, gt=0)
    blocks: int = Field(12, ge=1)
    squeezes: int = Field(3, ge=1)
    coupling_width: int = Field(512, ge=1)
    bounded_scale: bool = True
    activation: bool = True
    activation_place: Literal["last", "middle", "first"] = "last"
    activation_scale: float = Field(1.0, gt=0)
    scales: int = Field(2, ge=1)
    residual_width: int = Field(32, ge=1)
    residual_blocks: int = Field(4, ge=1)
    discriminator_width: int = Field(64, ge=1)
    epochs: int = Field(50, ge=1)
    identities: int = Field(4, ge=1)
    images: int = Field(4, ge=1)
    visible_only: int = Field(4, ge=0)
    sampling: Literal["with_replacement", "without_replacement"] = "with_replacement"
    padding: int = Field(10, ge=0)
    padding_fill: Literal["grey", "black"] = "grey"
    discriminator_weights: Literal["normal", "torch"] = "normal"
    learning_rate: float = Field(2e-4, gt=0)
    start: Literal["alike", "apart"] = "alike"
    generator_steps: int = Field(2, ge=1)
    noise_term: Literal["difference", "ratio"] = "difference"
    flow_weight: float = Field(1e-4, ge=0)
    noise_weight: float = Field(0.01, ge=0)
    identity_weight: float = Field(1.0, ge=0)
    modality_weight: float = Field(1.0, ge=0)
    gradient_clip: float | None = Field(None, gt=0)
    expansion: Literal["translate", "interpolate"] = "translate"
    q: int = Field(2, ge=2)

    _form = released("flow2flow")

    @model_validator(mode="after")
    def _precision(self) -> Self:
        if self.precision != "no":
            raise ValueError(
                f"precision is {self.precision!r}: flows are trained in float32 alone, for in bfloat16 they do not "
                "undo themselves: a pixel comes back up to ten grey levels off; set it to 'no'"
            )
        return self

    def sides(self) -> tuple[int, int, str]:
        factor = 2 ** (self.squeezes if self.flow == "glow" else self.scales - 1)
        return factor, SMALLEST, "take fewer squeezes (scales, in the released flow)"
