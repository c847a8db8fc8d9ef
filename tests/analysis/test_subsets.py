"""A sample that a reader can follow is spread over people, modalities and cameras."""

import pandas as pd

from vireid_lib.analysis.subsets import readable_sample


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
