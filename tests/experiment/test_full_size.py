"""The benchmark's trees of real data: as many images as the manifests say, read by the real readers, used by a run."""

import sys
from collections import Counter
from pathlib import Path

import yaml

from vireid_lib.experiment import results

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import full_size
import full_size_trees


def test_the_whole_trees_have_the_stated_numbers(monkeypatch, tmp_path):
    """Counted without rendering them."""
    planned = {}
    monkeypatch.setattr(full_size_trees, "_write", lambda root, name, files, *_, **__: planned.update({name: files}))
    for name, write in full_size_trees.TREES.items():
        write(tmp_path / name, 1.0)
    counts = {name: {kind: len(each) for kind, each in files.items()} for name, files in planned.items()}
    assert counts["sysu_mm01"] == {"visible": 22_258 + 6_775, "infrared": 11_909 + 3_803}
    assert counts["llcm"] == {"visible": 16_946 + 8_680, "infrared": 13_975 + 7_166}
    assert counts["regdb"] == {"visible": 4_120, "infrared": 4_120}
    folders = Counter(path.split("/")[0] for path, _ in planned["market1501"]["visible"])
    assert folders == {"bounding_box_train": 12_936, "query": 3_368, "bounding_box_test": 15_913, "gt_bbox": 26_056}
    for files in planned.values():
        paths = [path for each in files.values() for path, _ in each]
        assert len(set(paths)) == len(paths)


def test_results_do_not_need_a_studys_second_external_set(tmp_path):
    """DiVE's table 4 expands CUHK03-NP too: a workspace without it shows what else there is."""
    for name in ("sysu_mm01", "market1501"):
        full_size_trees.TREES[name](tmp_path / name, 0.001)
    file = full_size.profile_of("sysu", tmp_path)
    values = yaml.safe_load(file.read_text())
    values["reid"] |= {"training_sets": ["real"], "config": {"steps": 2, "identities": 2, "images": 2}}
    values["expand"]["min_images"] = 1
    file.write_text(yaml.safe_dump(values))
    run = full_size.opened("sysu", tmp_path)
    run.evaluate("real", 0)
    assert set(results.scores(run, others=True)["training"]) == {"real"}
