"""What every method's configuration shares: input, batch, length of the training, how it is run."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from vireid_lib.data.strict import Strict

Origin = Literal["paper", "release", "miniature world", "ours"]
"""Where a default comes from: printed in the method's paper; from its authors' code, or from that of the method it is
built on; chosen by scores on the miniature world's validation identities; or set by this project without a search."""

REST = "*"


class ReidConfig(Strict):
    """Settings that the trainer reads. Each method's file adds its own and fills in its paper's values.

    Attributes:
        ORIGINS: origin → names of the settings whose defaults come from there; "*" is every setting that the class
            itself defines and names nowhere else. What a class says of inherited settings replaces what its bases say;
            what nobody speaks of is "ours".
        method: file name in `vireid_lib/reid/methods`.
        height, width: size of the network's input, in pixels.
        identities, images: P identities in a batch, with K visible and K infrared images each.
        epochs: length of the training. steps: the same in steps, in place of `epochs`.
        epoch_steps: steps of an epoch, by which length and schedule count; None for as many as the method's sampler
            has, mostly max(N_visible, N_infrared) // (P·K) + 1, which grow with the training set.
        mix: share of a batch's identities that is drawn from the rows of split "external", where there are any; None
            draws from all alike.
        label_noise: share of the training images whose label is replaced by another identity's
            (`vireid_lib.data.label_noise`); rows of split "external" keep theirs.
        flip_at_test: average the features of an image and its mirror image.
        similarity: "cosine", or "dot" for methods that rank by the inner product of their features as they are.
        precision: "bf16" runs the network under autocast.
        channels_last: keep maps in the order batch, height, width, channels; mostly faster.
        compile: compile the network (`torch.compile`); `tests/benchmarks/bench_reid.py --compile` measures the gain.
    """

    ORIGINS: ClassVar[Mapping[Origin, Sequence[str]]] = {"ours": (REST,)}

    method: str
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    identities: int = Field(ge=2)
    images: int = Field(ge=1)
    epochs: int = Field(ge=1)
    steps: int | None = Field(default=None, ge=1)
    epoch_steps: int | None = Field(default=None, ge=1)
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

    @property
    def needs_translations(self) -> bool:
        """Whether a test image is described together with its translation into the other modality; the network then
        has `alone`, see `vireid_lib.reid.methods.mpanet_expanded`."""
        return False

    def weights_read(self) -> dict[str, str | None]:
        """{"<setting>_weights": digest} of others' weights that the settings name; empty where training starts anew."""
        from vireid_lib.training import weights  # brings torch, which reading a profile can spare

        return weights.digests(self)

    @classmethod
    def origins(cls) -> dict[str, Origin]:
        """Where each setting's default comes from, in the order of the settings."""
        found = dict.fromkeys(cls.model_fields, "ours")
        for kind in reversed(cls.__mro__):
            stated = {name: origin for origin, names in vars(kind).get("ORIGINS", {}).items() for name in names}
            if rest := stated.pop(REST, None):
                found |= {name: rest for name in inspect.get_annotations(kind) if name in kind.model_fields}
            found |= stated
        return found

    @classmethod
    def published(cls, dataset: str, **changes: Any) -> "ReidConfig":
        """The recipe published for a data set (a manifest's name), with `changes` in place of some of it. The defaults
        are SYSU-MM01's; a method that differs elsewhere overrides this."""
        return cls(**changes)

    @classmethod
    def small(cls, **changes: Any) -> "ReidConfig":
        """The recipe for the miniature world, minutes on a CPU; each method has its own."""
        raise NotImplementedError(f"{cls.__name__} has no recipe for the miniature world")

    @property
    def in_epochs(self) -> tuple[str, ...]:
        """Settings that this recipe counts in epochs and uses: length, unless `steps` is set, and schedule."""
        length = () if self.steps is not None else ("epochs",)
        schedule = ("warm_up", "drops") if getattr(self, "schedule", None) == "drops" else ()
        return tuple(name for name in (*length, *schedule) if name in type(self).model_fields)

    def stretched(self, factor: int | float) -> dict[str, Any]:
        """The settings that make a training `factor` times as long, all of its schedule included."""
        longer = {} if self.steps is None else {"steps": round(factor * self.steps)}
        for name in self.in_epochs:
            value = getattr(self, name)
            several = isinstance(value, tuple)
            longer[name] = tuple(round(factor * each) for each in value) if several else round(factor * value)
        return longer
