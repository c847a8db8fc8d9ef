"""The methods by name: the files of `reid.methods`, and those that are trained together with a generator."""

from vireid_lib import generators
from vireid_lib.experiment import method_registry
from vireid_lib.reid import methods


def test_a_joint_method_is_one_by_name_and_says_what_it_starts_from():
    starts = {name: method_registry.method_class(name).starts_from for name in method_registry.names()}
    assert {name for name, start in starts.items() if start is None} == set(methods.names())
    assert {name: start for name, start in starts.items() if start} == {"aligngan": "aligngan", "jsia": "jsia"}


def test_a_joint_method_is_added_by_a_file_in_its_generators_package(tmp_path, monkeypatch):
    (tmp_path / "swap").mkdir()
    (tmp_path / "swap/__init__.py").touch()
    (tmp_path / "swap/joint_training.py").write_text(
        "from vireid_lib.generators.jsia.joint_training import *  # noqa: F403"
    )
    monkeypatch.setattr(generators, "__path__", [*generators.__path__, str(tmp_path)])
    assert "swap" in method_registry.names()
    assert method_registry.method_class("swap") is method_registry.method_class("jsia")
