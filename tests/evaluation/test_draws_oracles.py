"""The images that the releases ask and answer with, against the releases' own picks."""

from pathlib import PurePath

import numpy as np
import oracle_files
import pandas as pd
import pytest
import scipy.io
import trees

from vireid_lib.evaluation import LlcmProtocol, SysuProtocol

# Those of SYSU-MM01's own permutations are not part of the project: VIREID_ORACLES may name a folder that has them.
OFFICIAL = "gallery/sysu_familyB_shots1_10"


def as_table(rows, seed=0):
    """Make a table of (path, identity, camera, modality), in random order."""
    table = pd.DataFrame(rows, columns=["path", "identity", "camera", "modality"])
    table["split"], table["source"], table["seed"] = "test", "real", pd.array([pd.NA] * len(table), "Int64")
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


def sysu_table(counts, identities):
    """Make the table of a tree with `counts[camera - 1, k]` images of the k-th identity."""
    rows = [
        (camera, identity, image, "infrared" if camera in (3, 6) else "visible")
        for camera in range(1, 7)
        for k, identity in enumerate(identities)
        for image in range(1, counts[camera - 1, k] + 1)
    ]
    return as_table(
        [(f"/d/cam{c}/{i:04d}/{n:04d}.jpg", f"sysu_mm01/{i:04d}", f"sysu_mm01/{c}", m) for c, i, n, m in rows]
    )


def picked(rows):
    """Return [camera, identity, image number] of every row."""
    tails = [rows["camera"], rows["identity"], rows["path"].map(lambda path: PurePath(path).stem)]
    return np.stack([tail.str.rsplit("/").str[-1].astype(int) for tail in tails], axis=1)


def load(name):
    return {key: value.numpy() for key, value in oracle_files.read(name).items()}


@pytest.mark.parametrize("name", oracle_files.names("gallery/sysu_familyA_*"))
@pytest.mark.parametrize("mode", ["all", "indoor"])
def test_seeded_draw_of_sysu(name, mode):
    data = load(name)
    table = sysu_table(data["in.image_counts_cam_by_id"], data["in.test_ids_file_order"])
    trials = SysuProtocol(mode=mode).trials(table)
    assert len(trials) == len(data["in.trials"])
    for trial, expected in zip(trials, data[f"out.gallery_{mode}_trial_row_cam_id_img"], strict=True):
        np.testing.assert_array_equal(picked(trial.gallery), expected)
        np.testing.assert_array_equal(picked(trial.query), data["out.query_cam_id_img"])


def write_permutations(path, first, identities):
    """Write a `rand_perm_cam.mat` whose permutations begin, and end, with `first[camera, identity]` [10, n]."""
    held = trees.permutations(lambda *place: first.get(place, np.empty((10, 0))), identities)
    scipy.io.savemat(path, {"rand_perm_cam": held})


@pytest.mark.skipif(not oracle_files.has(OFFICIAL), reason=f"the folder of oracles has no {OFFICIAL}")
@pytest.mark.parametrize("mode", ["all", "indoor"])
@pytest.mark.parametrize("shots", [1, 10])
def test_official_draw_of_sysu(mode, shots, tmp_path):
    """The permutation file is made of the picks for ten shots in all cameras, without the tail, which nobody reads."""
    data = load(OFFICIAL)
    rows, counts = data["out.gallery_all_shots10_trial_row_cam_id_img"], data["in.image_counts_cam_by_id_all"]
    first = {
        (camera, int(identity)): rows[:, (rows[0, :, 0] == camera) & (rows[0, :, 1] == identity), 2]
        for camera in (1, 2, 4, 5)
        for identity in data["in.test_ids_sorted"]
    }
    write_permutations(tmp_path / "rand_perm_cam.mat", first, counts.shape[1])
    identities = data["in.test_ids_file_order"]
    table, asked = sysu_table(counts[:, identities - 1], identities), counts[[2, 5]][:, identities - 1].sum()
    protocol = SysuProtocol(mode, shots, "official", tmp_path / "rand_perm_cam.mat")
    for trial, expected in zip(
        protocol.trials(table), data[f"out.gallery_{mode}_shots{shots}_trial_row_cam_id_img"], strict=True
    ):
        np.testing.assert_array_equal(picked(trial.gallery), expected)
        assert len(trial.query) == asked


def test_official_draw_on_a_made_up_tree(tmp_path):
    counts = np.array([[4, 0, 3], [0, 2, 2], [5, 5, 5], [1, 0, 12], [0, 0, 0], [2, 2, 2]])
    table = sysu_table(counts[:, [0, 2]], [1, 3])  # identity 2 is not tested
    rng = np.random.default_rng(1)
    first = {
        (camera + 1, identity + 1): np.stack([rng.permutation(counts[camera, identity]) + 1 for _ in range(10)])
        for camera in range(6)
        for identity in range(3)
    }
    write_permutations(tmp_path / "rand_perm_cam.mat", first, 3)
    trials = SysuProtocol("all", 2, "official", tmp_path / "rand_perm_cam.mat", trial_count=10).trials(table)
    for number, trial in enumerate(trials):
        expected = [
            [camera, identity, image]
            for camera in (1, 2, 4, 5)
            for identity in (1, 3)
            for image in first[camera, identity][number, :2]
        ]
        assert picked(trial.gallery).tolist() == expected


@pytest.mark.parametrize("root", ["/data", "/camera pool/cam7/ünï"])
@pytest.mark.parametrize("direction, key", [("visible-to-infrared", "mode1_vis"), ("infrared-to-visible", "mode2_nir")])
def test_llcm(direction, key, root):
    data = oracle_files.read_json("gallery/llcm_madeup")
    files, names = data["files"], [PurePath(file).name for file in data["files"]]
    modality = ["visible" if file.startswith("test_vis") else "infrared" for file in files]
    table = as_table(
        [
            (f"{root}/{file}", f"llcm/{name[:4]}", f"llcm/{int(name[6:8])}", light)
            for file, name, light in zip(files, names, modality, strict=True)
        ]
    )
    expected, other = data["expected"], {"mode1_vis": "mode2_nir", "mode2_nir": "mode1_vis"}[key]
    draws = data["expected"][other]["gallery_file_index_trials0to9"]
    trials, released = (LlcmProtocol(direction, reading).trials(table) for reading in ("paper", "release"))
    for trial, release, drawn in zip(trials, released, draws, strict=True):
        queries = [f"{root}/{files[k]}" for k in expected[key]["query_file_index"]]
        gallery = [f"{root}/{files[k]}" for k in drawn]
        assert trial.query["path"].tolist() == queries and trial.gallery["path"].tolist() == gallery
        if direction.startswith("visible"):  # the release lets the drawn infrared images ask
            queries, gallery = gallery, queries
        assert release.query["path"].tolist() == queries and release.gallery["path"].tolist() == gallery
