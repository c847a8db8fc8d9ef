"""Mutual mean learning between modalities: a classifier follows the other modality's averaged one (MPANet)."""

from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def mutual_mean(
    students: Float[Tensor, "n identities"],
    teachers: Float[Tensor, "n identities"],
    *,
    form: Literal["paper", "release"] = "paper",
) -> Float[Tensor, ""]:
    """KL divergence between what a modality's classifier and the other modality's teacher say of each row.

    Args:
        students: logits of visible rows by the visible classifier, of infrared rows by the infrared one.
        teachers: logits of the same rows by the mean teacher of the *other* modality's classifier; no
            gradient passes here.
        form: "paper" is KL(teacher‖student): the teacher is the fixed target, as in mutual mean-teaching
            (Ge et al., ICLR 2020). "release" is KL(student‖teacher): MPANet's code hands the two over the
            other way round, so that the gradient flows through the target.
    """
    student, teacher = F.log_softmax(students, dim=1), F.log_softmax(teachers.detach(), dim=1)
    if form == "release":
        student, teacher = teacher, student
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True)
