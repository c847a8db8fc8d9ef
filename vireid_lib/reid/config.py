"""What every method's configuration shares: input, batch, length of the training, how it is run."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ReidConfig(BaseModel):
    """Settings that the trainer reads. Each method's file adds its own and fills in its paper's values.

    An unknown name or a wrong type is refused by name; instances do not change.

    Attributes:
        method: file name in `vireid_lib/reid/methods`.
        height, width: size of the network's input, in pixels.
        identities: P, identities in a batch.
        images: K, visible and infrared images of each identity in a batch.
        epochs: length of the training; an epoch is max(N_visible, N_infrared) // (P·K) + 1 steps.
        steps: length of the training in steps; None takes `epochs`.
        mix: share of the batch's identities that is drawn from the rows of split "external", where there are
            any; None draws from all identities alike.
        flip_at_test: average the features of an image and its mirror image.
        precision: "bf16" runs the network under autocast.
        channels_last: keep maps in the order batch, height, width, channels; mostly faster.
        compile: compile the network (`torch.compile`); worth it on a GPU.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    method: str
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    identities: int = Field(ge=2)
    images: int = Field(ge=1)
    epochs: int = Field(ge=1)
    steps: int | None = Field(default=None, ge=1)
    mix: float | None = Field(default=None, gt=0, lt=1)
    flip_at_test: bool = False
    precision: Literal["no", "bf16"] = "no"
    channels_last: bool = False
    compile: bool = False
