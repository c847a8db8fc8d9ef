"""What code a stage's key follows: all that the stage runs, and nothing else."""

import ast
import functools

import pytest
import torch

from vireid_lib.experiment import cache as cache_module
from vireid_lib.experiment import datasets
from vireid_lib.experiment.code_digest import LOADED, RESOLVED, Sources
from vireid_lib.experiment.pipeline import Run

STEPS, MINING = "vireid_lib.experiment.steps", "vireid_lib.reid.losses.centre_guided_pair_mining"
METHODS, GENERATORS = ("agw", "deen", "mpanet"), ("cyclegan", "flow2flow", "dive")


@pytest.fixture(scope="module")
def world(tiny_profile, tmp_path_factory):
    """A run of its own with the world drawn and nothing else made."""
    run = Run(tiny_profile, tmp_path_factory.mktemp("keys"))
    run.data()
    return run


@pytest.fixture(scope="module")
def keys(world, stage_keys):
    """The keys of some stages, whatever code is loaded at the time of the call: "train deen", "gallery dive", ..."""

    def all_keys():
        world.tables.clear()
        world.data()
        asked = {each: (world.with_method(each), lambda run: run.evaluate("real", 0)) for each in METHODS}
        asked |= {name: (world, lambda run, name=name: run.gallery(name)) for name in GENERATORS}
        return {
            f"{stage.partition('_')[0]} {name}": key
            for name, (run, ask) in asked.items()
            for stage, key in stage_keys(run, ask)
            if stage != "world"
        }

    return all_keys


@pytest.fixture(scope="module")
def before(keys):
    return keys()


@pytest.fixture
def edited(before, monkeypatch):
    """Call it with a module, a line's beginning and what stands there instead: as if this process had loaded that."""

    def edit(module, old, new):
        assert f"\n{old}" in LOADED.texts[module]
        texts = {**LOADED.texts, module: LOADED.texts[module].replace(f"\n{old}", f"\n{new}", 1)}
        monkeypatch.setattr(cache_module, "LOADED", Sources(texts))

    return edit


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


def trained(*methods):
    """A training and what depends on it."""
    return {f"{stage} {method}" for stage in ("train", "evaluate") for method in methods}


def fitted(*names):
    return {f"{stage} {name}" for stage in ("fit", "gallery") for name in names}


LINE = "ALPHA = 1\nfrom vireid_lib"
EVALUATED = {f"evaluate {method}" for method in METHODS}


@pytest.mark.parametrize(
    ("module", "old", "new", "whose"),
    [
        (MINING, "    margin: float = 0.2", "    margin: float = 0.3", trained("deen")),
        ("vireid_lib.reid.train", "def train_task", "ALPHA = 1\n\n\ndef train_task", trained(*METHODS)),
        ("vireid_lib.evaluation.ranking", "from vireid_lib", LINE, EVALUATED),
        ("vireid_lib.generators.cyclegan", "from vireid_lib", LINE, fitted("cyclegan")),
        ("vireid_lib.generators.flow2flow.real_nvp", "from vireid_lib", LINE, fitted("flow2flow")),
        ("vireid_lib.experiment.method_registry", "def train(", "def train(unused: int, ", trained(*METHODS)),
        (f"{STEPS}.evaluate", "def evaluate(", "def evaluate(unused: int, ", EVALUATED),
        (f"{STEPS}.fit", "def fit(", "def fit(unused: int, ", fitted(*GENERATORS)),
        (f"{STEPS}.synthesize", "def expand(", "def expand(unused: int, ", {f"gallery {name}" for name in GENERATORS}),
        # Tables and images are in the keys by what they hold, and what only finds and shows changes no result:
        ("vireid_lib.experiment.pipeline", "class Run(Generating):", "class Run(Generating):\n    unused = 1\n", set()),
        ("vireid_lib.experiment.results", "def main_table(", "def main_table(unused: int, ", set()),
        ("vireid_lib.miniworld.render", "from vireid_lib", LINE, set()),
    ],
)
def test_changed_code_makes_what_it_made_again_and_nothing_else(before, keys, edited, module, old, new, whose):
    edited(module, old, new)
    assert changed(before, keys()) == whose


def test_comments_docstrings_and_empty_lines_do_not_count(before, keys, edited):
    edited(MINING, "import torch", '# A comment.\n"""Another docstring."""\n\n\n\nimport torch')
    assert changed(before, keys()) == set()


def test_a_drawn_world_follows_the_renderer(tiny_profile, tmp_path, edited, stage_keys):
    run = Run(tiny_profile, tmp_path)
    before = stage_keys(run, functools.partial(datasets.world, campus=True))
    edited("vireid_lib.miniworld.render", "from vireid_lib", "ALPHA = 1\nfrom vireid_lib")
    assert before and not before & stage_keys(run, functools.partial(datasets.world, campus=True))


def test_what_a_stage_holds_of_its_surroundings_counts():
    """Local functions, partial functions and the classes of objects, which no source of the stage names."""
    from vireid_lib.evaluation.metrics import score
    from vireid_lib.reid.methods.deen import DeenConfig

    def helper():
        return score

    config, half = DeenConfig(), functools.partial(score, rule="none")

    def plain(folder):
        return {}

    def with_config(folder):
        return config

    def with_partial(folder):
        return half

    def with_helper(folder):
        return helper()

    assert LOADED.digest(torch.no_grad()(with_config)) == LOADED.digest(with_config)
    assert set(LOADED.code_of(plain)) == {f"{__name__}:{plain.__qualname__}"}
    assert MINING in LOADED.code_of(with_config)
    assert "vireid_lib.evaluation.metrics" in LOADED.code_of(with_partial)
    assert "vireid_lib.evaluation.metrics" in LOADED.code_of(with_helper)


def test_what_is_left_out_is_there():
    assert set(LOADED.texts) >= RESOLVED


def test_nothing_is_imported_by_a_relative_name():
    """The digest would not follow it."""
    nodes = (node for text in LOADED.texts.values() for node in ast.walk(ast.parse(text)))
    assert not any(node.level for node in nodes if isinstance(node, ast.ImportFrom))
