"""The plane keeps neighbours together; the sample is spread over people, modalities and cameras."""

import numpy as np
import pandas as pd
import pytest
import torch

from vireid_lib.analysis.embedding_spread import tsne
from vireid_lib.analysis.subsets import readable_sample


def test_clusters_stay_apart_and_the_same_seed_gives_the_same_plane():
    generator = torch.Generator().manual_seed(0)
    centres = torch.eye(3, 8) * 10
    features = centres.repeat_interleave(8, 0) + 0.3 * torch.randn(24, 8, generator=generator)
    plane = tsne(features)
    label = np.repeat(np.arange(3), 8)
    distance = np.linalg.norm(plane[:, None] - plane, axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (label[distance.argmin(1)] == label).all()
    assert np.array_equal(plane, tsne(features))
    with pytest.raises(ValueError, match="at least 4"):
        tsne(features[:3])


def test_the_sample_spreads_over_cameras_and_leaves_out_lone_modalities():
    rows = [
        {"identity": f"s/{person}", "camera": f"s/{camera}", "modality": "infrared" if camera == 3 else "visible"}
        for person in range(6)
        for camera in ((1, 2, 3) if person else (1, 2))
        for _ in range(3)
    ]
    table = pd.DataFrame(rows)
    chosen = table.iloc[readable_sample(table, identities=4, images=2)]
    assert "s/0" not in set(chosen["identity"]) and chosen["identity"].nunique() == 4
    visible = chosen[chosen["modality"] == "visible"]
    assert (visible.groupby("identity")["camera"].nunique() == 2).all()
    assert len(chosen) == 4 * 2 * 2
