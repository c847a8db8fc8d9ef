"""Random numbers as a pure function of (seed, keys): nothing here reads or changes global random state."""

import hashlib

import torch


def integer(seed: int, *keys: int | str) -> int:
    """A number in 0..2^63-1 that depends on `seed` and every key, and on their order, e.g. `integer(seed, "augment",
    step)`; the same on every machine."""
    text = "\x1f".join(f"{type(key).__name__}:{key}" for key in (int(seed), *keys))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *keys: int | str, device: str | torch.device = "cpu") -> torch.Generator:
    """A fresh `torch.Generator` on `device` seeded by `integer(seed, *keys)`."""
    return torch.Generator(device=device).manual_seed(integer(seed, *keys))
