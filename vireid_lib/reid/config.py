"""What every method's configuration shares: input, batch, length of the training, how it is run."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


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
        label_noise: share of the training images whose label is replaced by another identity's, to study wrong
            annotation (`vireid_lib.data.label_noise`); rows of split "external" keep theirs.
        flip_at_test: average the features of an image and its mirror image.
        similarity: "cosine", or "dot" for methods that rank by the inner product of their features as they are.
        precision: "bf16" runs the network under autocast.
        channels_last: keep maps in the order batch, height, width, channels; mostly faster.
        compile: compile the network (`torch.compile`); `tests/benchmarks/bench_reid.py --compile` says whether it pays.
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
    label_noise: float = Field(default=0.0, ge=0, lt=1)
    flip_at_test: bool = False
    similarity: Literal["cosine", "dot"] = "cosine"
    precision: Literal["no", "bf16"] = "no"
    channels_last: bool = False
    compile: bool = False

    @model_validator(mode="before")
    @classmethod
    def _tuples(cls, settings: Any) -> Any:
        """YAML and JSON have no tuples: what they give as a list is one."""
        if not isinstance(settings, dict):
            return settings
        return {key: tuple(value) if isinstance(value, list) else value for key, value in settings.items()}

    def weights_read(self) -> dict[str, str | None]:
        """{"<setting>_weights": digest} of others' weights that the settings name; empty where training starts anew."""
        from vireid_lib.training import weights  # brings torch, which reading a profile can spare

        return weights.digests(self)

    @classmethod
    def published(cls, dataset: str, **changes: Any) -> "ReidConfig":
        """The recipe published for a data set (a manifest's name, e.g. "regdb"), with `changes` in place of some
        of it. The defaults are SYSU-MM01's; a method that differs elsewhere overrides this."""
        return cls(**changes)

    @classmethod
    def small(cls, **changes: Any) -> "ReidConfig":
        """The recipe for the miniature world, minutes on a CPU; each method has its own."""
        raise NotImplementedError(f"{cls.__name__} has no recipe for the miniature world")
