"""Options and parameters with one thing wrong: refused before anything runs, in one line; see `kinds.yaml`."""

import pytest
from hypothesis import strategies as st

from vireid_lib import cli
from vireid_lib.experiment import runner

ENTERS = "command line"
BOOK = ("book", "--profile", "smoke", "--workspace", "w")


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch):
    """What would be run is an error of the test."""

    def ran(*_):
        raise AssertionError("a chapter runs")

    monkeypatch.setattr(runner, "_run_chapter", ran)
    for name in ("VIREID_TRACKERS", "VIREID_ENGINE", "VIREID_RAY_ADDRESS", "VIREID_KEEP_RESULTS"):
        monkeypatch.setenv(name, "")  # the command sets them


def test_kind(row, tried):
    tried(row, globals()[row["id"]])


def _refused(*arguments, names=()):
    """The error itself, of a class whose message the command prints as it is."""

    def act():
        try:
            return cli.main([*arguments, "--debug"])
        except Exception as error:
            assert isinstance(error, cli.NAMED_ERRORS), f"taken for a mistake of ours: {error!r}"
            raise

    return act, list(names or arguments[-1:])


def _parameter(draw, texts):
    text = draw(st.sampled_from(texts))
    return _refused(*BOOK, "-p", text, names=["-p " + text.split("=")[0]])


def command_names_an_unknown_chapter(draw, folder):
    return _refused(*BOOK, "--only", draw(st.sampled_from(["99", "0", "reid", "", "²", "4.0", "04_reid", "x" * 300])))


def command_names_an_unknown_study(draw, folder):
    name = draw(st.sampled_from(["dne", "DEN", "", "den.py", "../01_datasets", "../studies/den", ".", "d" * 300]))
    return _refused("study", name, "--profile", "smoke", "--workspace", "w", names=[name])


def command_names_an_unknown_profile(draw, folder):
    name = draw(st.sampled_from(["minni", "Smoke", "", "gone.yaml", "GONE.YAML", "p" * 300 + ".yaml"]))
    return _refused("book", "--workspace", "w", "--profile", name)


def command_names_an_unknown_data_set(draw, folder):
    name = draw(st.sampled_from(["sysu", "SYSU_MM01", "", "gone.yaml", "../llcm", "n" * 300]))
    return _refused("data", "check", "--root", ".", name)


def command_names_a_data_root_that_is_none(draw, folder):
    (folder / "file").write_bytes(b"")
    root = draw(st.sampled_from(["gone", "file", "file/below", "r" * 300]))
    return _refused("book", "--profile", "sysu", "--workspace", "w", "--data-root", root)


def command_names_no_data_root(draw, folder):
    profile = draw(st.sampled_from(["sysu", "regdb", "llcm"]))
    return _refused("book", "--workspace", "w", "--profile", profile, names=["--data-root", profile])


def command_works_in_a_file(draw, folder):
    """A workspace, a world or a site where a file lies, or below one, or with a name that is too long."""
    (folder / "file").write_bytes(b"")
    place = draw(st.sampled_from(["file", "file/below", "f" * 300]))
    command = draw(
        st.sampled_from(
            [
                ("book", "--profile", "smoke", "--workspace"),
                ("data", "make", "--size", "small", "--root"),
                ("pretrain-mini", "--folder"),
                ("book", "--plan", "--profile", "smoke", "--workspace"),
                ("study", "den", "--profile", "smoke", "--workspace"),
            ]
        )
    )
    return _refused(*command, place)


def command_publishes_nothing(draw, folder):
    (folder / "file").write_bytes(b"")
    place = draw(st.sampled_from(["gone", "file", "."]))
    return _refused("site", "--profile", "smoke", "--workspace", place)


def command_names_an_unknown_engine(draw, folder):
    return _refused(*BOOK, "--engine", draw(st.sampled_from(["dask", "Ray", "", "slurm", "local "])))


def command_gives_an_address_of_no_engine(draw, folder):
    return _refused(*BOOK, "--address", draw(st.sampled_from(["10.0.0.1:6379", "auto", "x"])), names=["--address"])


def command_names_an_unknown_tracker(draw, folder):
    name = draw(st.sampled_from(["tensorbord", "WandB", "stdout", "wandb;mlflow"]))
    return _refused(*BOOK, "--tracker", name)


def command_asks_for_a_world_of_another_size(draw, folder):
    return _refused("data", "make", "--root", "w", "--size", draw(st.sampled_from(["huge", "Mini", "", "64x32"])))


def command_asks_for_a_negative_seed(draw, folder):
    seed = str(-draw(st.integers(1, 10**6)))
    return _refused("data", "make", "--root", "w", "--size", "small", "--seed", seed)


def command_asks_for_a_device_that_is_not_here(draw, folder):
    device = draw(st.sampled_from(["cuda:99", "cuda99", "gpu", "GPU:0", "hpu", "cuda:-1"]))
    return _refused("pretrain-mini", "--folder", ".", "--device", device)


def parameter_is_unknown(draw, folder):
    return _parameter(draw, ["peopel=3", "PEOPLE=3", " people=3", "people =3", "=3", "lr=1", "\udcb8=1"])


def parameter_has_no_value(draw, folder):
    return _parameter(draw, ["people", "people=", "metric=", "strengths=", "people= "])


def parameter_is_an_option(draw, folder):
    return _parameter(draw, ["profile=sysu", "workspace=w", "data_root=/data"])


def parameter_is_of_the_wrong_type(draw, folder):
    return _parameter(
        draw,
        [
            "people=x",
            "people=8.0",
            "people=1e1",
            "people=yes",
            "people=1:30",
            "people=1_0",
            "people=[3]",
            "people=null",
            "people='3'",
            "people=~",
            "people=\x07",
            "people=\udcb8",
            "strengths=0.4",
            "strengths=[a]",
            "strengths=[[0.4]]",
            "strengths={a: 1}",
            "people=٣",
            "people=3=4",
            "people=!!int x",
            "people=3 # three"[:9] + "!",
        ],
    )


def parameter_is_a_template(draw, folder):
    return _parameter(
        draw,
        [
            "people={{people}}",
            "people={{a}: 1}",
            "people=${people}",
            "people=<people>",
            "strengths=[{{a}}]",
            "people=? [a]",
        ],
    )


def parameter_is_out_of_range(draw, folder):
    return _parameter(
        draw,
        [
            "people=1",
            "people=0",
            "people=-3",
            "steps=0",
            "strengths=[]",
            "strengths=[0]",
            "strengths=[1.5]",
            "strengths=[-.1]",
            "strengths=[.nan]",
            "strengths=[.inf]",
            "strengths=[1e400]",
            "candidates=3",
            "query_number=-1",
        ],
    )


def parameter_is_huge(draw, folder):
    number = draw(st.sampled_from([str(10**30), "9" * 5000, "0x" + "f" * 40, f"[1{'0' * 400}]", "[" * 3000]))
    return _refused(*BOOK, "-p", f"people={number}", names=["-p people"])


def parameter_names_what_there_is_not(draw, folder):
    return _parameter(
        draw,
        [
            "metric=mAP",
            "metric=rank-1",
            "metric=RANK_1",
            "metric=\n",
            "method=AGW",
            "method=resnet",
            "generator=CycleGAN",
            "generator=",
            "compared=Dive",
            "compared=real",
        ],
    )
