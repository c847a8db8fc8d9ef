"""Jobs for the tests of executors, in a module without torch: what a process imports is most of what it costs."""

import os
import signal
from pathlib import Path


def note(folder: str, number: int) -> tuple[int, int]:
    """The number's square, worked out once and counted, and the process; 2 fails while a file `broken` is there."""
    kept = Path(folder) / f"square_{number}"
    if not kept.exists():
        with open(Path(folder) / f"made_{number}", "a") as log:
            log.write("x")
        if number == 2 and (Path(folder) / "broken").exists():
            raise ValueError("the lamp is out")
        kept.write_text(str(number**2))
    return int(kept.read_text()), os.getpid()


def killed() -> None:
    """A job whose process the operating system kills."""
    os.kill(os.getpid(), signal.SIGKILL)
