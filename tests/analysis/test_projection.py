"""The plane keeps neighbours together; the sample is spread over people, modalities and cameras."""

import numpy as np
import pandas as pd
import pytest
import torch

from vireid_lib.analysis.projection import principal_plane, readable_sample, tsne


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


def test_a_plane_keeps_the_widest_two_directions():
    random = torch.Generator().manual_seed(0)
    features = torch.randn(20, 6, generator=random) * torch.tensor([0.3, 0.2, 0.01, 0.01, 0.01, 0.01])
    features[:, 5] += 10
    points, share = principal_plane(features)
    unit = torch.nn.functional.normalize(features)
    true = torch.cdist(unit, unit).numpy()
    flat = np.linalg.norm(points[:, None] - points, axis=2)
    assert (flat <= true + 1e-6).all() and share > 0.97
    assert np.allclose(points, principal_plane(3 * features)[0], atol=1e-6)
    with pytest.raises(ValueError, match="at least 3"):
        principal_plane(features[:2])
