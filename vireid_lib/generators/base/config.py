"""What the configurations of generators share; `recipes.yaml` has the miniature world's, `releases.yaml` those of
released codes."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vireid_lib.data.strict import read_yaml

if TYPE_CHECKING:
    import pandas as pd


class GeneratorConfig(BaseModel):
    """Settings of a generator. Each adds its own, with its paper's values as defaults; an unknown name, another
    type and a number that is not finite are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    SAMPLING: ClassVar[tuple[str, ...]] = ()  # settings that may differ between fitting and making pictures
    MACHINE: ClassVar[tuple[str, ...]] = ()  # settings that change nothing but speed and rounding

    seed: int = Field(0, ge=0)  # of the initial weights, the batches and the pictures

    def recorded(self) -> dict[str, Any]:
        """What a fitted folder's record says, as JSON values."""
        return self.model_dump(mode="json", exclude=set(self.MACHINE))

    def fit_settings(self) -> dict[str, Any]:
        """What the fitted weights depend on, as JSON values; others' weights that are read among them, by digest."""
        own = self.model_dump(mode="json", exclude={*self.SAMPLING, *self.MACHINE})
        return own | self.weights_read()

    def weights_read(self) -> dict[str, str | None]:
        """{"<setting>_weights": digest} of the weights that the settings name; of a base model too."""
        from vireid_lib.training import weights  # brings torch, which reading a profile can spare

        found = weights.digests(self)
        if (model := getattr(self, "base_model", None)) is not None:
            from vireid_lib.generators.dive.base_model import fingerprint  # brings diffusers

            found["base_model_weights"] = fingerprint(model)
        return found

    def sampling_settings(self) -> dict[str, Any]:
        """What a picture of a fitted generator depends on, besides its seed."""
        return {name: value for name, value in self.model_dump(mode="json").items() if name in self.SAMPLING}

    def comparable_settings(self) -> dict[str, Any]:
        """Every setting that a comparison of results must name, as JSON values."""
        return self.model_dump(mode="json")

    def fitted_rows(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """The rows of an image table that a generator of these settings is fitted to."""
        return table.reset_index(drop=True)

    @classmethod
    def small(cls, **changes: Any) -> Self:
        """The recipe for the miniature world, minutes on a CPU, with `changes` in place of some of it."""
        return cls(**(recipe(cls.__module__.split(".")[2], changes.get("form")) | changes))

    def published_length(self) -> dict[str, int | None]:
        """`steps` and `epochs` as published, in this form."""
        form = {"form": self.form} if hasattr(self, "form") else {}
        published = type(self)(**form)
        return {name: getattr(published, name) for name in ("steps", "epochs") if hasattr(published, name)}

    def sides(self) -> tuple[int, int, str]:
        """What height and width must be multiples of, what they must be at least, and what to do otherwise."""
        return 1, 1, ""

    @model_validator(mode="after")
    def _sides(self) -> Self:
        self.check_sides(*self.sides())
        return self

    def check_sides(self, factor: int, least: int, remedy: str) -> None:
        """Raise ValueError, with the remedy, unless height and width are as in `sides`."""
        if remedy and (self.height % factor or self.width % factor or min(self.height, self.width) < least):
            words = f"multiples of {factor}" + (f" and at least {least}" if least > 1 else "")
            raise ValueError(f"height x width is {self.height}x{self.width}: both must be {words}, or {remedy}")


class TranslatorConfig(GeneratorConfig):
    """Settings of what a translator is fitted to, of the pictures' size and of how training is run. `fit_on: target`
    leaves external people out of fitting, as DiVE's comparison does: its rivals "are trained on" SYSU-MM01, "then" they
    "transfer RGB images from the Market-1501 dataset". "target+external" gives a translator their visible images too,
    which DiVE is fitted to as well.
    """

    SAMPLING: ClassVar[tuple[str, ...]] = ("sampling_batch",)

    fit_on: Literal["target", "target+external"] = "target"
    height: int = Field(gt=0)  # of training images and pictures, in pixels
    width: int = Field(gt=0)
    epochs: int = Field(ge=1)  # an epoch is as many batches as the larger modality fills, if nothing else is said
    steps: int | None = Field(None, ge=1)  # the length in steps; None takes `epochs`
    flip: bool = True  # mirror half of the training images
    padding: int = Field(0, ge=0)  # move training images by up to so many pixels
    checkpoint_every: int = Field(1000, ge=0)  # steps; 0 writes the last checkpoint only
    precision: Literal["no", "bf16"] = "no"  # of the training; "bf16" is for GPUs
    sampling_batch: int = Field(64, ge=1)  # pictures made at once

    def fitted_rows(self, table: "pd.DataFrame") -> "pd.DataFrame":
        kept = table if self.fit_on == "target+external" else table[table["split"] != "external"]
        return kept.reset_index(drop=True)


class AdversarialConfig(TranslatorConfig):
    """Settings of residual generators (see `networks.ResnetGenerator`), and of discriminators."""

    generator_width: int = Field(64, ge=1)
    blocks: int = Field(ge=1)
    generator_halvings: int = Field(2, ge=1)
    shortcut: bool = False
    discriminator_width: int = Field(64, ge=1)  # channels after the first convolution
    discriminator_halvings: int = Field(ge=1)  # convolutions of stride 2
    learning_rate: float = Field(2e-4, gt=0)  # of Adam, for generators and discriminators

    def sides(self) -> tuple[int, int, str]:
        return 2 ** max(self.generator_halvings, self.discriminator_halvings), 1, "take fewer halvings"

    @property
    def generator_sizes(self) -> dict[str, Any]:
        sizes = {"width": self.generator_width, "blocks": self.blocks, "halvings": self.generator_halvings}
        return sizes | {"shortcut": self.shortcut}

    @property
    def discriminator_sizes(self) -> dict[str, int]:
        return {"width": self.discriminator_width, "halvings": self.discriminator_halvings}


def released(name: str) -> Any:
    """A validator: `form: release` takes the values of `release` for whatever is not set beside it."""

    @model_validator(mode="before")
    @classmethod
    def form(cls: type, settings: Any) -> Any:
        asked = isinstance(settings, dict) and settings.get("form") == "release"
        return release(name) | settings if asked else settings

    return form


def refuse_weights_of_small(config: BaseModel) -> None:
    """Raise ValueError where ImageNet weights are asked for the small backbone, for which there are none."""
    if config.backbone == "small" and config.pretrained is not None:
        raise ValueError("pretrained must be None: there are no ImageNet weights for the small backbone")


def recipe(name: str, form: str | None = None) -> dict[str, Any]:
    """The settings of `name` for the miniature world; those of a form of it on top, where it has some."""
    return _read("recipes").get(name, {}) | _read("recipes").get(f"{name}, {form}", {})


def release(name: str) -> dict[str, Any]:
    """What the authors' published code of `name` does otherwise than their paper says."""
    return _read("releases")[name]


@cache
def _read(file: str) -> dict[str, dict[str, Any]]:
    return read_yaml(Path(__file__).parents[1] / f"{file}.yaml")
