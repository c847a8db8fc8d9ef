"""The device that something is computed on: one that is there, the same everywhere."""

import torch


def resolved(name: str | None = None) -> torch.device:
    """The device of that name; None and "auto" take CUDA where there is a GPU, else the CPU. A GPU that is named by its
    number, such as "cuda:1", becomes torch's current one. Raises ValueError: there is no such device here; says what
    there is."""
    if name in (None, "auto"):
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        count = torch.get_device_module(device).device_count()
    except (RuntimeError, AttributeError):
        raise ValueError(f"device {name!r} is none that torch knows; write cpu, cuda, cuda:1 or mps.") from None
    if device.type == "cuda" and not torch.cuda.is_available():  # a GPU is counted whose driver is too old for torch
        count = 0
    if (device.index or 0) >= count:
        raise ValueError(f"device {name!r} is not here (torch {torch.__version__} finds {count}): write auto or cpu.")
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)
    return device
