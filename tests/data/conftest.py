"""Small trees that lie on disk as the real data sets do, under roots that break careless readers."""

import pytest
import trees

# Spaces, letters outside ASCII, and the "cam" that breaks readers which search the whole path for it.
AWKWARD_ROOT = "camille's data/Überwachung cam7 样本"

EVERYWHERE = range(1, 7)
SEEN = {1: EVERYWHERE, 2: (2, 3), 12: (1, 3), 333: EVERYWHERE, 7: (4, 6), 50: (1, 2)}
"""Identity → cameras; 50 is in no list, and not everybody is seen everywhere."""

MARKET = {
    "bounding_box_train": ("0002_c1s1_000451_03", "0002_c2s1_000451_01", "0007_c2s3_070952_01"),
    "query": ("0010_c1s1_001001_00",),
    "bounding_box_test": ("0010_c2s1_001002_01", "0000_c1s1_000151_01", "0000_c2s1_000151_01", "-1_c1s1_000401_03"),
    "gt_bbox": ("0010_c1s1_001001_00",),
}
"""Training identities 2 and 7, test identity 10, two distractors, one piece of junk."""


def sysu(form="{:04d}"):
    images = {identity: dict.fromkeys(cameras, 3) for identity, cameras in SEEN.items()}
    return trees.sysu(images, {"train": (2, 1), "val": (12,), "test": (333, 7)}, form)


def regdb(trials=2):
    """Identities 1..4, two images in each modality; trial k trains on k and k + 1, where 1 follows 4."""
    return trees.regdb(dict.fromkeys(range(1, 5), 2), [(k % 4 + 1, (k + 1) % 4 + 1) for k in range(trials)])


def llcm():
    """Identities 1 and 3 train, 5 and 12 test; identity 99 has test images but is in no list."""
    images, lists = trees.llcm((1, 3), (5, 12, 99), lambda one, light: sorted({1, 3, one % 10 if one > 3 else 1}))
    return images, lists | {"idx/test_id.txt": ["12,5"]}


LAYOUTS = {"sysu_mm01": sysu, "regdb": regdb, "llcm": llcm, "market1501": lambda: trees.market(MARKET)}


@pytest.fixture
def tree(tmp_path):
    """Write a data set under an awkward root, with what file managers leave beside its images; returns that root."""

    def write(name, suffix=".jpg", **variant):
        root = trees.write(tmp_path / AWKWARD_ROOT / name, LAYOUTS[name](**variant), suffix)
        for folder in {place for path in root.rglob(f"*{suffix}") for place in path.parents[:2]}:
            for left in ("Thumbs.db", ".DS_Store", "._0001.jpg", "readme.txt"):
                (folder / left).write_bytes(b"not an image")
        return root

    return write
