"""Behind the pooling: BN neck and identity classifier."""

from torch import nn


def bn_neck(width: int) -> nn.BatchNorm1d:
    """Batch normalisation between the pooled feature, which the triplet loss sees, and the classifier.
    Its shift is frozen at zero; initialised as in AGW's release."""
    neck = nn.BatchNorm1d(width)
    nn.init.normal_(neck.weight, 1.0, 0.01)
    neck.bias.requires_grad_(False)
    return neck


def identity_classifier(width: int, identities: int) -> nn.Linear:
    """A linear layer without shift, one row an identity; initialised as in AGW's release."""
    classifier = nn.Linear(width, identities, bias=False)
    nn.init.normal_(classifier.weight, 0.0, 0.001)
    return classifier
