"""What code a stage's key follows: all that the stage runs, and nothing else."""

import functools

import pytest
import torch

from vireid_lib.experiment import cache as workspace
from vireid_lib.experiment import code_digest
from vireid_lib.experiment import pipeline as stages
from vireid_lib.experiment.cache import Cache
from vireid_lib.experiment.code_digest import LOADED, Sources
from vireid_lib.experiment.pipeline import Run

STAGES, MINING = "vireid_lib.experiment.pipeline", "vireid_lib.reid.losses.centre_guided_pair_mining"


class Asked(BaseException):
    """The stage that a test is about was asked for."""


class Keys(Cache):
    """Notes the key of each stage that is asked for, and ends at the first that `until` names."""

    def __init__(self, of: Cache, until: str) -> None:
        super().__init__(of.folder, device=of.device)
        self.until, self.key = until, ""

    def _finished(self, name, key, made_of):
        if name.startswith(self.until):
            self.key = key
            raise Asked
        return super()._finished(name, key, made_of)


@pytest.fixture(scope="module")
def world_book(tiny_profile, tmp_path_factory):
    """A book of its own with the world drawn and nothing else made."""
    run = Run(tiny_profile.model_copy(update={"generators": {}}), tmp_path_factory.mktemp("keys"))
    run.data()
    return run


def key_of(run, until, ask):
    own = run.with_profile(run.profile)
    own.cache = Keys(run.cache, until)
    with pytest.raises(Asked):
        ask(own)
    return own.cache.key


@pytest.fixture
def keys(world_book):
    """The keys of some trainings and fittings, whatever code is loaded at the time of the call."""

    def all_keys():
        found = {
            method: key_of(world_book.with_method(method), "reid_real", lambda own: own.evaluate("real", 0))
            for method in ("agw", "deen", "mpanet")
        }
        found |= {
            name: key_of(world_book, f"{name}_fitting", functools.partial(translators.fitting, name=name))
            for name in ("cyclegan", "flow2flow")
        }
        return found | {"dive": key_of(world_book, "dive_finetuning", stages.finetuning)}

    return all_keys


@pytest.fixture
def edited(monkeypatch):
    """Call it with a module, a line's beginning and what stands there instead: as if this process had loaded that."""

    def edit(module, old, new):
        assert f"\n{old}" in LOADED.texts[module]
        texts = {**LOADED.texts, module: LOADED.texts[module].replace(f"\n{old}", f"\n{new}", 1)}
        monkeypatch.setattr(workspace, "LOADED", Sources(texts, LOADED.packages))

    return edit


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize(
    ("module", "old", "new", "whose"),
    [
        (MINING, "    margin: float = 0.2", "    margin: float = 0.3", {"deen"}),
        ("vireid_lib.reid.methods.deen", "from vireid_lib", "ALPHA = 1\nfrom vireid_lib", {"deen"}),
        ("vireid_lib.reid.train", "def train_task", "ALPHA = 1\n\n\ndef train_task", {"agw", "deen", "mpanet"}),
        ("vireid_lib.evaluation.ranking", "from vireid_lib", "ALPHA = 1\nfrom vireid_lib", {"agw", "deen", "mpanet"}),
        ("vireid_lib.generators.cyclegan", "from vireid_lib", "ALPHA = 1\nfrom vireid_lib", {"cyclegan"}),
        ("vireid_lib.generators.flow2flow.real_nvp", "from vireid_lib", "ALPHA = 1\nfrom vireid_lib", {"flow2flow"}),
        ("vireid_lib.generators.dive.lora", "from vireid_lib", "ALPHA = 1\nfrom vireid_lib", {"dive"}),
        (STAGES, "def _train_and_evaluate(", "def _train_and_evaluate(unused: int, ", {"agw", "deen", "mpanet"}),
        (STAGES, "def training_table(", "def training_table(unused: int, ", set()),  # its rows are in the key
        ("vireid_lib.experiment.results", "def main_table(", "def main_table(unused: int, ", set()),
        ("vireid_lib.miniworld.render", "from vireid_lib", "ALPHA = 1\nfrom vireid_lib", set()),  # so are the images
    ],
)
def test_changed_code_makes_what_it_made_again_and_nothing_else(keys, edited, module, old, new, whose):
    before = keys()
    edited(module, old, new)
    assert changed(before, keys()) == whose


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("import torch", "# A comment.\nimport torch"),
        ("import torch", '"""Another docstring."""\nimport torch'),
        ("def ", "\n\n\ndef "),
    ],
)
def test_comments_docstrings_and_empty_lines_do_not_count(keys, edited, old, new):
    before = keys()
    edited(MINING, old, new)
    assert changed(before, keys()) == set()


def test_a_drawn_world_follows_the_renderer(tiny_profile, tmp_path, edited):
    from vireid_lib.experiment import datasets as data_stages

    run = Run(tiny_profile, tmp_path)
    before = key_of(run, "world", data_stages.world)
    edited("vireid_lib.miniworld.render", "from vireid_lib", "ALPHA = 1\nfrom vireid_lib")
    assert key_of(run, "world", data_stages.world) != before


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


def test_every_stage_of_the_book_is_followed_into_the_package():
    """Each function that makes a stage has one whose code reaches beyond the book's own modules, or draws nothing."""
    makers = [
        (module, node.name)
        for module in LOADED.texts
        if module.startswith(("vireid_lib.experiment.", "vireid_lib.viz.", "vireid_lib.book."))
        for node in LOADED._tree(module).body
        if code_digest._makes_a_stage(node)
    ]
    assert len(makers) > 30
    for module, name in makers:
        nodes = LOADED._nodes(module, name)
        inner = [each for node in nodes for each in LOADED._references(module, node)]
        assert any(each.startswith("vireid_lib.") for each in inner), (module, name)
