"""A measured number that keeps what it cannot be compared without: images, extractor, resize rule."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measure:
    """One number about sets of images.

    Attributes:
        name: what was measured.
        value: the number.
        extractor: what turned images into the numbers that were compared: a network with its weights, or "pixels".
        resize: how the images came to the extractor's size, e.g. "64x32, area".
        images: how many were on each side.
        note: what else a reader needs, e.g. "k = 5".
    """

    name: str
    value: float
    extractor: str
    resize: str
    images: tuple[int, ...]
    note: str = ""

    def __post_init__(self) -> None:
        if not (self.name and self.extractor and self.resize and self.images):
            raise ValueError(
                f"{self.name or 'a measure'}: name the extractor, the resize rule and the numbers of images; the value "
                "compares with nothing without them."
            )

    @property
    def basis(self) -> str:
        """All that is needed to compare the value with another one."""
        count = " and ".join(str(number) for number in self.images)
        return "; ".join(filter(None, (f"N = {count}", self.extractor, self.resize, self.note)))

    def __str__(self) -> str:
        return f"{self.name} {self.value:.4g} ({self.basis})"
