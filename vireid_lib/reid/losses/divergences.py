"""Distances of distributions: divergences of predictions (CAJ, MPANet, Jensen-Shannon), MMD of features."""

import torch
import torch.nn.functional as F

from vireid_lib.reid.losses.distances import check_same_identities
from vireid_lib.reid.losses.shapes import Form, Infrared, InfraredLabels, Logits, Scalar, Visible, VisibleLabels

KERNELS = 5  # Gaussians, each twice as wide as the one before, around the mean squared distance


def kl_divergence(logits: Logits, target: Logits, *, temperature: float = 3.0) -> Scalar:
    """T² Σ_c q_c (log q_c − log p_c), averaged over the rows, with p, q the softmaxes of logits / T (CAJ's release):
    the larger T, the more the small probabilities count. p is of the view that learns, q of the view that it learns
    from, which gets no gradient; 1e-7 is added to q, as in the release."""
    log_p = F.log_softmax(logits / temperature, dim=1)
    q = F.softmax(target.detach() / temperature, dim=1) + 1e-7
    return F.kl_div(log_p, q, reduction="sum") * temperature**2 / len(logits)


def mutual_mean(students: Logits, teachers: Logits, *, form: Form = "paper") -> Scalar:
    """KL divergence between what a modality's classifier (`students`: of visible rows the visible one's logits, of
    infrared rows the infrared one's) and the mean teacher of the *other* modality's classifier say of each row; the
    teachers get no gradient. Form "paper" is KL(teacher‖student): the teacher is the fixed target, as in mutual
    mean-teaching (Ge et al., ICLR 2020). "release" is KL(student‖teacher), whose gradient flows through the target."""
    student, teacher = F.log_softmax(students, dim=1), F.log_softmax(teachers.detach(), dim=1)
    if form == "release":
        student, teacher = teacher, student
    return F.kl_div(student, teacher, reduction="batchmean", log_target=True)


def jensen_shannon(first: Logits, second: Logits) -> Scalar:
    """½ KL(p‖m) + ½ KL(q‖m) with m = (p + q) / 2, averaged over the rows; p and q are the logits' softmax. In nats,
    between 0 and log 2. Both arguments get a gradient."""
    p, q = F.log_softmax(first, dim=1), F.log_softmax(second, dim=1)
    middle = torch.logaddexp(p, q) - torch.log(p.new_tensor(2.0))
    return sum(F.kl_div(middle, side, reduction="batchmean", log_target=True) for side in (p, q)) / 2


def maximum_mean_discrepancy(visible: Visible, infrared: Infrared) -> Scalar:
    """mean k(x, x′) + mean k(y, y′) − 2 mean k(x, y) over all pairs; k is a sum of five Gaussians exp(−‖·‖² / b). The
    bandwidths b are ¼, ½, 1, 2 and 4 times the mean squared distance between two different rows of the batch, as a
    constant, so that the loss does not depend on the features' scale; 0 for equal distributions, 10 at most. Each row's
    pair with itself counts, as in the release. Source: Gretton et al., A Kernel Two-Sample Test, 2012; Jambigi, Rawal,
    Chakraborty, MMD-ReID, BMVC 2021."""
    rows, first = torch.cat((visible, infrared)), len(visible)
    squared = (rows[:, None] - rows[None, :]).square().sum(dim=2)
    total = len(rows)
    bandwidth = squared.detach().sum() / (total * (total - 1))
    widths = [bandwidth * 2.0 ** (power - KERNELS // 2) + 1e-9 for power in range(KERNELS)]
    kernel = sum((-squared / width).exp() for width in widths)
    within = kernel[:first, :first].mean() + kernel[first:, first:].mean()
    return within - 2 * kernel[:first, first:].mean()


def margin_mmd(
    visible: Visible,
    infrared: Infrared,
    visible_labels: VisibleLabels,
    infrared_labels: InfraredLabels,
    *,
    margin: float = 1.4,
) -> Scalar:
    """Margin MMD-ID of MMD-ReID: Σ_p MMD_p [MMD_p > margin] / P, over the P identities. The margin is a gate, as in the
    release: above it the whole discrepancy counts, not what exceeds the margin, so that identities whose modalities are
    close enough are left alone. A margin of 0 lets every identity count. Raises ValueError: an identity is in one
    modality only."""
    names = visible_labels.unique()
    check_same_identities(names, infrared_labels.unique())
    discrepancies = torch.stack(
        [maximum_mean_discrepancy(visible[visible_labels == name], infrared[infrared_labels == name]) for name in names]
    )
    return torch.where(discrepancies > margin, discrepancies, 0.0).mean()
