"""One rule for every misspelt name: case does not count, wherever the name is asked for."""

import pytest

from vireid_lib import generators
from vireid_lib.data.manifest import load_manifest
from vireid_lib.did_you_mean import hint, nearest
from vireid_lib.experiment import executors as engines
from vireid_lib.experiment import method_registry
from vireid_lib.experiment.chapters import find_chapters, find_study
from vireid_lib.experiment.profile_files import load_profile
from vireid_lib.project import project_root
from vireid_lib.training import trackers


def test_case_does_not_count_and_the_likeliest_comes_first():
    assert nearest("AGW", ["mpanet", "agw"], 2, cutoff=0.0)[0] == "agw"
    assert nearest("DiVE-from-image", ["dive", "dive_from_image"]) == ["dive_from_image"]
    assert nearest("zzz", ["agw"]) == [] and nearest("A", ["a", "A"], 3) == ["a", "A"]


def test_the_hint_lists_all_where_none_is_like_it():
    assert hint("zzz", ["agw", "caj"]) == "there are agw, caj." and hint("CAI", ["agw", "caj"]) == "did you mean caj?"


NOTEBOOKS = project_root() / "notebooks"


@pytest.mark.parametrize(
    ("ask", "wrong", "meant"),
    [
        (method_registry.config_class, "AGW", "agw"),
        (method_registry.method_class, "AGW", "agw"),
        (method_registry.config_class, "JSIA", "jsia"),
        (generators.generator_class, "CYCLEGAN", "cyclegan"),
        (generators.generator_class, "DIVE", "dive"),
        (engines.check, "RAY", "ray"),
        (trackers.chosen, "WANDB", "wandb"),
        (load_profile, "MINI", "mini"),
        (load_manifest, "SYSU-MM01", "sysu_mm01"),
        (lambda name: find_study(NOTEBOOKS / "studies", name), "JSIA", "jsia"),
        (lambda name: find_chapters(NOTEBOOKS, [name]), "05_Embedding_Analysis", "05_embedding_analysis"),
    ],
)
def test_every_name_that_is_asked_for_is_looked_for_in_any_case(ask, wrong, meant):
    with pytest.raises((ValueError, OSError)) as caught:
        ask(wrong)
    assert f"did you mean {meant}" in str(caught.value), caught.value
