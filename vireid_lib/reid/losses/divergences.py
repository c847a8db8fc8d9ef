"""Divergences between two classifiers' predictions: CAJ's consistency, MPANet's mutual mean, Jensen-Shannon."""

import torch
import torch.nn.functional as F

from vireid_lib.reid.losses.shapes import Form, Logits, Scalar


def kl_divergence(logits: Logits, target: Logits, *, temperature: float = 3.0) -> Scalar:
    """T² Σ_c q_c (log q_c − log p_c), averaged over the rows, with p, q the softmaxes of logits / T (CAJ's release):
    the larger T, the more the small probabilities count.

    p is of the view that learns, q of the view that it learns from, which gets no gradient; 1e-7 is added to q, as in
    the release.
    """
    log_p = F.log_softmax(logits / temperature, dim=1)
    q = F.softmax(target.detach() / temperature, dim=1) + 1e-7
    return F.kl_div(log_p, q, reduction="sum") * temperature**2 / len(logits)


def mutual_mean(students: Logits, teachers: Logits, *, form: Form = "paper") -> Scalar:
    """KL divergence between what a modality's classifier and the other modality's mean teacher say of each row.

    Args:
        students: logits of visible rows by the visible classifier, of infrared rows by the infrared one.
        teachers: logits of the same rows by the mean teacher of the *other* modality's classifier; no gradient.
        form: "paper" is KL(teacher‖student): the teacher is the fixed target, as in mutual mean-teaching (Ge et al.,
            ICLR 2020). "release" is KL(student‖teacher), whose gradient flows through the target.
    """
    student, teacher = F.log_softmax(students, dim=1), F.log_softmax(teachers.detach(), dim=1)
    if form == "release":
        student, teacher = teacher, student
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True)


def jensen_shannon(first: Logits, second: Logits) -> Scalar:
    """½ KL(p‖m) + ½ KL(q‖m) with m = (p + q) / 2, averaged over the rows; p and q are the logits' softmax.

    In nats, between 0 and log 2. Both arguments get a gradient.
    """
    p, q = F.log_softmax(first, dim=1), F.log_softmax(second, dim=1)
    middle = torch.logaddexp(p, q) - torch.log(p.new_tensor(2.0))
    return sum(F.kl_div(middle, side, reduction="batchmean", log_target=True) for side in (p, q)) / 2
