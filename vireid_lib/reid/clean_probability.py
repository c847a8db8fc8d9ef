"""How probable is it that an image's label is right? Small losses are clean, says a mixture of two Gaussians."""

import warnings

import numpy as np
import torch
from jaxtyping import Float
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor


def clean_probability(
    losses: Float[Tensor, "views images"], *, seed: int, regularisation: float = 5e-4
) -> Float[Tensor, "views images"]:
    """Probability of the component with the smaller mean, given the identity loss of each image.

    A network learns what its labels have in common before it learns the wrong ones by heart: early on, wrong labels
    have large losses. DART (Yang et al. 2022) scales the losses of each view to 0..1 and fits one mixture to those
    of all views; the settings of the fit are the release's.

    Args:
        losses: of one modality; a row for each view that images are shown in.
        seed: of the fit's start.
        regularisation: added to the variances, so that neither component shrinks to a point.

    Raises:
        ValueError: a loss is NaN or infinite.
    """
    if not bool(torch.isfinite(losses).all()):
        raise ValueError("The losses of the training images are not finite: the network has diverged; lower its rate.")
    smallest, largest = losses.amin(dim=1, keepdim=True), losses.amax(dim=1, keepdim=True)
    if bool((largest - smallest < 1e-12).any()):  # nothing tells one image from another
        return torch.ones_like(losses)
    points = ((losses - smallest) / (largest - smallest)).reshape(-1, 1).double().cpu().numpy()
    mixture = GaussianMixture(2, max_iter=100, tol=1e-2, reg_covar=regularisation, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # 100 rounds are as good as it needs to be
        found = mixture.fit(points).predict_proba(points)[:, int(np.argmin(mixture.means_))]
    return torch.from_numpy(found).to(losses).reshape(losses.shape)
