"""How synthetic images are written: SYSU-MM01's folders, cam<number>/<identity>/<number>.png."""

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import UInt8
from numpy import ndarray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from vireid_lib.data.contents import written_aside


def image_path(folder: Path, identity: str, camera: str, number: int) -> Path:
    """E.g. ("mini_market/0007", "mini_vi/3", 1) to `folder/cam3/0007/0001.png`; of "llcm/1 visible", a camera of both
    modalities, into `folder/cam1-visible/`."""
    place = camera.split("/")[1].replace(" ", "-")
    return Path(folder).absolute() / f"cam{place}" / identity.split("/")[1] / f"{number:04d}.png"


def check_distinct(identities: Sequence[str], cameras: Sequence[str]) -> None:
    """Raise ValueError where two identities, or two cameras, of different data sets would share a folder."""
    for kind, names in (("identities", identities), ("cameras", cameras)):
        seen: dict[str, str] = {}
        for name in names:
            if (other := seen.setdefault(name.split("/")[1], name)) != name:
                raise ValueError(f"The {kind} {other!r} and {name!r} would share one folder: write them into two.")
        if len(set(names)) != len(names):
            raise ValueError(f"The list of {kind} names one twice: list each once.")


def write_image(path: Path, pixels: UInt8[ndarray, "height width 3"], seed: int | None = None) -> None:
    """Write a PNG that is either complete or not there, with the seed that made it inside."""
    note = PngInfo()
    if seed is not None:
        note.add_text("seed", str(seed))
    with written_aside(path) as temporary:
        Image.fromarray(pixels).save(temporary, format="PNG", pnginfo=note)


def read_seed(path: Path) -> int:
    with Image.open(path) as image:
        return int(image.text["seed"])


def is_complete(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.verify()
    except Exception:  # whatever Pillow makes of a broken file
        return False
    return True
