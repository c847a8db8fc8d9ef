"""Shapes that the losses share: n rows of features with their labels, or v visible and i infrared ones; scalars."""

from typing import Literal

from jaxtyping import Float, Int
from torch import Tensor

Rows, Labels = Float[Tensor, "n d"], Int[Tensor, " n"]
Logits, PerRow = Float[Tensor, "n identities"], Float[Tensor, " n"]
Visible, VisibleLabels = Float[Tensor, "v d"], Int[Tensor, " v"]
Infrared, InfraredLabels = Float[Tensor, "i d"], Int[Tensor, " i"]
Scalar = Float[Tensor, ""]
Form = Literal["paper", "release"]
"""Which of the two a loss follows where a paper and its released code differ."""
