"""What the configurations of generators share."""

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    import pandas as pd


class GeneratorConfig(BaseModel):
    """Settings of a generator. Each adds its own, with its paper's values as defaults; an unknown name, another
    type and a number that is not finite are refused.

    Attributes:
        SAMPLING: names of the settings that may differ between fitting and making pictures.
        seed: of the initial weights, the batches and the pictures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    SAMPLING: ClassVar[tuple[str, ...]] = ()

    seed: int = Field(0, ge=0)

    def fit_settings(self) -> dict[str, Any]:
        """What the fitted weights depend on, as JSON values; others' weights that are read among them, by digest."""
        own = {name: value for name, value in self.model_dump(mode="json").items() if name not in self.SAMPLING}
        return own | self.weights_read()

    def weights_read(self) -> dict[str, str | None]:
        """{"<setting>_weights": digest} of the weights that the settings name."""
        from vireid_lib.training import weights  # brings torch, which reading a profile can spare

        return weights.digests(self)

    def sampling_settings(self) -> dict[str, Any]:
        """What a picture of a fitted generator depends on, besides its seed."""
        return {name: value for name, value in self.model_dump(mode="json").items() if name in self.SAMPLING}

    def comparable_settings(self) -> dict[str, Any]:
        """Every setting that a comparison of results must name, as JSON values."""
        return self.model_dump(mode="json")

    def fitted_rows(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """The rows of an image table that a generator of these settings is fitted to."""
        return table

    @classmethod
    def small(cls, **changes: Any) -> "GeneratorConfig":
        """The recipe for the miniature world, minutes on a CPU, with `changes` in place of some of it."""
        return cls(**changes)


class TranslatorConfig(GeneratorConfig):
    """Settings of what a translator is fitted to, of the pictures' size and of how training is run.

    Attributes:
        fit_on: "target" leaves external people out of fitting, as DiVE's comparison does: its rivals "are trained on"
            SYSU-MM01, "then" they "transfer RGB images from the Market-1501 dataset". "target+external" gives a
            translator their visible images too, which DiVE is fitted to as well; what the `small` recipes report of
            their pictures was measured so, except where they say otherwise.
        height, width: of training images and pictures, in pixels.
        epochs: length of the training; what an epoch is, each generator says.
        steps: length of the training in steps; None takes `epochs`.
        flip: mirror half of the training images.
        padding: move training images by up to so many pixels.
        checkpoint_every: steps between checkpoints; 0 writes the last one only.
        precision: of the training; "bf16" is for GPUs.
        sampling_batch: pictures made at once.
    """

    SAMPLING: ClassVar[tuple[str, ...]] = ("sampling_batch",)

    fit_on: Literal["target", "target+external"] = "target"
    height: int = Field(gt=0)
    width: int = Field(gt=0)
    epochs: int = Field(ge=1)
    steps: int | None = Field(None, ge=1)
    flip: bool = True
    padding: int = Field(0, ge=0)
    checkpoint_every: int = Field(1000, ge=0)
    precision: Literal["no", "bf16"] = "no"
    sampling_batch: int = Field(64, ge=1)

    def fitted_rows(self, table: "pd.DataFrame") -> "pd.DataFrame":
        """Those of the target's people, and those of external people where `fit_on` says so."""
        kept = table if self.fit_on == "target+external" else table[table["split"] != "external"]
        return kept.reset_index(drop=True)
