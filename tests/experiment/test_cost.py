"""`vireid book --plan`: on trees laid out as the real data sets, and on the world that the book draws."""

import pytest

from vireid_lib import cli, experiment, generators
from vireid_lib.experiment import cost as outlook
from vireid_lib.generators.base import translator_cost
from vireid_lib.generators.dive import cost


def test_the_plan_of_real_data_without_the_base_model(data_root, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cost, "is_here", lambda name: False)
    monkeypatch.setattr(translator_cost, "_is_here", lambda name: False)
    monkeypatch.setattr(translator_cost, "_measure", lambda *a: None)
    places = ["--profile", "sysu", "--data-root", str(data_root), "--workspace", str(tmp_path / "w"), "--plan"]
    assert cli.main(["book", *places]) == 0
    printed = capsys.readouterr().out
    images = 3 * 6 * 3 + 2 * 12  # SYSU-MM01's three people to train on, and Market-1501's two
    trained = (f"{images} images", "5 people", "7 views", "400,000 steps", "512 x 256", "7 LoRA branches")
    for each in (*trained, "178.6 million"):  # 25.5 million in each branch, as public counts have it
        assert each in printed
    assert f"{2 * 2 * 18} images" in printed and "not on this machine" in printed
    assert not (tmp_path / "w" / "stages").exists()
    assert cli.main(["study", "dive", *places, "-p", "full=true"]) == 0
    printed = capsys.readouterr().out
    for name in generators.names():
        assert generators.generator_class(name).miniature_only or f"\n{name} on" in f"\n{printed}"


@pytest.mark.slow
def test_the_plan_of_the_miniature_world_is_measured(tmp_path):
    grey, dive, oracle = outlook.plan(experiment.open("smoke", tmp_path))
    assert "30 steps" in dive and "400,000" in dive and "16 images" in dive and "measured on" in dive
    assert "steps" not in grey and "16 images" in oracle


@pytest.fixture
def planned(tmp_path, monkeypatch, capsys):
    """Each generator that `vireid ... --plan` tells of on the smoke book, with the method; None if it ends in an error.
    No steps are timed."""
    told = "{0.profile.reid.method} {1}"
    monkeypatch.setattr(outlook, "_words", lambda _, own, name, *more: more[-1].add(name) or told.format(own, name))

    def names(*arguments):
        status = cli.main([*arguments, "--profile", "smoke", "--workspace", str(tmp_path), "--plan"])
        return None if status else capsys.readouterr().out.splitlines()

    return names


def test_the_plan_of_the_book_is_of_the_method_that_the_run_takes(planned):
    assert planned("book") == ["agw grayscale", "agw dive", "agw oracle_ir"]
    joint = ["jsia jsia", "jsia jsia", "jsia grayscale", "jsia jsia", "jsia dive", "jsia jsia", "jsia oracle_ir"]
    assert planned("book", "-p", "method=jsia") == planned("book", "--only", "4", "-p", "method=jsia") == joint
    assert planned("book", "-p", "method=jsai") is planned("book", "-p", "generator=vae") is None


def test_the_plan_of_a_study_is_of_the_parameters_that_the_run_takes(planned):
    assert planned("study", "tour") == ["agw cyclegan"]
    assert planned("study", "tour", "-p", "generator=vae") == ["agw vae"]
    assert planned("study", "tour", "-p", "generator=vea") is planned("study", "dive", "-p", "full=maybe") is None
    chosen = ("study", "dive", "-p", "compared=vae", "-p", "method=caj")
    some, every = planned(*chosen), planned(*chosen, "-p", "full=true")
    assert "caj vae" in some and "agw vae" not in some and not {"caj cyclegan", "caj grayscale"} & set(every)
    assert len(every) > len(some)


def test_the_tour_makes_a_gallery_of_its_one_generator(tmp_path):
    run = experiment.open("smoke", tmp_path)
    (text,) = outlook.plan(run, "tour", {"generator": "grayscale"})
    assert text.startswith("grayscale on profile smoke, mini_vi with mini_market:") and "16 images" in text
