"""Pictures per second of the miniature world's renderer on one core. Run: `python tests/benchmarks/bench_render.py`;
exits with 1 below 300 at 128×64 pixels."""

import sys
import time
from itertools import islice

import numpy as np

from vireid_lib.miniworld.cameras import CAMERAS, sample_view
from vireid_lib.miniworld.people import people_stream
from vireid_lib.miniworld.render import render

COUNT, REQUIRED = 512, 300


def main() -> int:
    people = list(islice(people_stream(0, "benchmark"), COUNT))
    rates = {}
    for height, width in ((128, 64), (64, 32)):
        for key in ("mini_vi/4", "mini_vi/3"):
            camera, rng = CAMERAS[key], np.random.default_rng(0)
            views = [sample_view(rng, camera) for _ in people]
            render(people[:64], views[:64], height=height, width=width, modality=camera.modality)  # paints the place
            started = time.process_time()
            render(people, views, height=height, width=width, modality=camera.modality)
            rates[height, camera.modality] = COUNT / (time.process_time() - started)
            print(f"{height}×{width} {camera.modality}: {rates[height, camera.modality]:.0f} pictures a second")
    return int(min(rate for (height, _), rate in rates.items() if height == 128) < REQUIRED)


if __name__ == "__main__":
    sys.exit(main())
