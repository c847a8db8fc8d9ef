"""Small trees that lie on disk as the real data sets do, under roots that break careless readers."""

import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# Spaces, letters outside ASCII, and the "cam" that breaks readers which search the whole path for it.
AWKWARD_ROOT = "camille's data/Überwachung cam7 样本"


def picture(path: Path, grey: bool = False) -> np.ndarray:
    """Write a small picture that no other path has, and return its pixels."""
    random = np.random.default_rng(zlib.crc32(str(path).encode()))
    shape = (16, 8) if grey else (16, 8, 3)
    pixels = random.integers(0, 256, shape, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def clutter(folder: Path) -> None:
    """Leave what file managers leave."""
    for name in ("Thumbs.db", ".DS_Store", "._0001.jpg", "readme.txt"):
        (folder / name).write_bytes(b"not an image")


def write_sysu(root: Path, form: str = "{:04d}", suffix: str = ".jpg") -> Path:
    """Identities 1, 2 train, 12 val, 333 and 7 test; 50 is in no list; not everybody is seen everywhere."""
    seen = {1: (1, 2, 3, 4, 5, 6), 2: (2, 3), 12: (1, 3), 333: (1, 2, 3, 4, 5, 6), 7: (4, 6), 50: (1, 2)}
    for identity, cameras in seen.items():
        for camera in cameras:
            folder = root / f"cam{camera}" / form.format(identity)
            for image in range(1, 4):
                picture(folder / f"{image:04d}{suffix}", grey=camera == 3)
            clutter(folder)
    clutter(root / "cam1")
    (root / "exp").mkdir()
    for split, ids in {"train": "2,1", "val": "12", "test": "333,7"}.items():
        (root / f"exp/{split}_id.txt").write_text(f"{ids}\n")
    return root


def write_regdb(root: Path, suffix: str = ".bmp", trials: int = 2) -> Path:
    """Identities 1..4, two images in each modality; trial k trains on k and k + 1, where 1 follows 4."""
    (root / "idx").mkdir(parents=True)
    for modality, letter in (("Visible", "v"), ("Thermal", "t")):
        files = {
            person: [f"{modality}/{person}/male_front_{letter}_{n}_{person}{suffix}" for n in ("07", "18")]
            for person in (1, 2, 3, 4)
        }
        for identity, paths in files.items():
            for path in paths:
                picture(root / path, grey=modality == "Thermal")
            clutter(root / modality / str(identity))
        for trial in range(1, trials + 1):
            training = ((trial - 1) % 4 + 1, trial % 4 + 1)
            for split, people in (("train", training), ("test", sorted(set(files) - set(training)))):
                lines = [f"{path} {label}" for label, person in enumerate(people) for path in files[person]]
                listing = root / f"idx/{split}_{modality.lower()}_{trial}.txt"
                listing.write_text("\n".join(lines) + "\n")
    return root


def write_llcm(root: Path) -> Path:
    """Identities 1 and 3 train, 5 and 12 test; identity 99 has test images but is in no list."""
    (root / "idx").mkdir(parents=True)
    for modality in ("vis", "nir"):
        lines = []
        for label, identity in enumerate((1, 3)):
            for camera in (1, 3):
                path = f"{modality}/{identity:04d}/{identity:04d}_c{camera:02d}_s9{camera}_f8_{modality}.jpg"
                picture(root / path)
                lines.append(f"{path} {label}")
        (root / f"idx/train_{modality}.txt").write_text("\n".join(lines))
        for camera in range(1, 10):
            (root / f"test_{modality}/cam{camera}").mkdir(parents=True)
            for identity in (5, 12, 99):
                if camera in (1, 3, identity % 10):
                    name = f"{identity:04d}_c{camera:02d}_s{identity}_f{camera}_{modality}.jpg"
                    picture(root / f"test_{modality}/cam{camera}/{identity:04d}/{name}")
    (root / "idx/test_id.txt").write_text("12,5")
    return root


def write_market(root: Path, suffix: str = ".jpg") -> Path:
    """Training identities 2 and 7, test identity 10, two distractors, one piece of junk."""
    names = {
        "bounding_box_train": ("0002_c1s1_000451_03", "0002_c2s1_000451_01", "0007_c2s3_070952_01"),
        "query": ("0010_c1s1_001001_00",),
        "bounding_box_test": ("0010_c2s1_001002_01", "0000_c1s1_000151_01", "0000_c2s1_000151_01", "-1_c1s1_000401_03"),
        "gt_bbox": ("0010_c1s1_001001_00",),
    }
    for folder, stems in names.items():
        for stem in stems:
            picture(root / folder / f"{stem}{suffix}")
        clutter(root / folder)
    return root


WRITERS = {"sysu_mm01": write_sysu, "regdb": write_regdb, "llcm": write_llcm, "market1501": write_market}


@pytest.fixture
def tree(tmp_path):
    """Return a function that writes a data set under an awkward root and returns that root."""

    def write(name: str, **variant) -> Path:
        return WRITERS[name](tmp_path / AWKWARD_ROOT / name, **variant)

    return write
