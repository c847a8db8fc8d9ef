"""The words that identities' tokens start from with `token_init: caption`: read from pictures, or given in a file."""

from pathlib import Path

import pandas as pd
import torch

from vireid_lib.data.images import load_images
from vireid_lib.data.strict import FileError, read_yaml
from vireid_lib.generators.dive.base import locate
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.miniworld.captioner import FOLDER, Captioner


def identity_captions(
    table: pd.DataFrame, config: DiveConfig, *, device: torch.device | str = "cpu", cache: Path | None = None
) -> dict[str, str]:
    """A caption for each identity of `table`: of the file `captions`, or else read by the base model's captioner from
    the identity's visible images (none where there is none). `cache` is for decoded images.

    Raises:
        FileNotFoundError: there is no such file, or the base model has no captioner and no file is named.
        FileError, WeightsError: the file lacks an identity, or holds something else; the captioner cannot be used.
    """
    if config.captions is not None:
        held, names = read_yaml(Path(config.captions)), sorted(set(table["identity"]))
        if lacking := [name for name in names if name not in held]:
            raise FileError(
                f"{config.captions} has no caption for {len(lacking)} identities, the first {lacking[0]!r}: add them."
            )
        for name in names:
            if not isinstance(held[name], str) or not held[name].strip():
                raise FileError(f"{config.captions}: the caption of {name!r} is {held[name]!r}; write words.")
        return {name: held[name] for name in names}
    folder = locate(config.base_model) / FOLDER
    if not folder.is_dir():
        raise FileNotFoundError(
            f"token_init: caption needs words, and base_model {config.base_model!r} has no {FOLDER} to read them from "
            "images: write each identity's caption into a YAML file (identity: words) and name it in `captions`, or "
            "set token_init to word."
        )
    captioner = Captioner.load(folder).to(device)
    visible = table[table["modality"] == "visible"]
    size = (captioner.config["height"], captioner.config["width"])
    pixels = load_images(visible["path"].tolist(), size, cache=cache)
    return captioner.read(pixels, visible["identity"].tolist()) if len(visible) else {}
