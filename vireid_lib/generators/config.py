"""What every generator's configuration shares."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class GeneratorConfig(BaseModel):
    """Settings of a generator. Each adds its own, with its paper's values as defaults; an unknown name is refused.

    Attributes:
        SAMPLING: names of the settings that may differ between fitting and making pictures.
        seed: of the initial weights, the batches and the pictures.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    SAMPLING: ClassVar[tuple[str, ...]] = ()

    seed: int = 0

    def fit_settings(self) -> dict[str, Any]:
        """What the fitted weights depend on, as JSON values."""
        return {name: value for name, value in self.model_dump(mode="json").items() if name not in self.SAMPLING}

    def sampling_settings(self) -> dict[str, Any]:
        """What a picture of a fitted generator depends on, besides its seed."""
        return {name: value for name, value in self.model_dump(mode="json").items() if name in self.SAMPLING}

    @classmethod
    def small(cls, **changes: Any) -> "GeneratorConfig":
        """The recipe for the miniature world, minutes on a CPU, with `changes` in place of some of it."""
        return cls(**changes)
