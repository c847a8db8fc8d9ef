"""A process waits for others only if a launcher has started it as one of them; the rest of the environment is told of
and not listened to."""

import os

import pytest

from vireid_lib import cli
from vireid_lib.generators.base import parallel
from vireid_lib.training import launchers, processes
from vireid_lib.training.loop import accelerator_for

NUMBERS = {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
TORCH = NUMBERS | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29533"}
ENVIRONMENTS = {
    "torch": TORCH,
    "rank alone": {"RANK": "1"},
    "PMI": {"PMI_SIZE": "2", "PMI_RANK": "1"},
    "Open MPI": {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "1"},
    "MVAPICH": {"MV2_COMM_WORLD_SIZE": "4", "MV2_COMM_WORLD_RANK": "3"},
    "accelerate": {"ACCELERATE_USE_FSDP": "true", "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"},
}

NO_SET = ["data", "check", "regdb", "--root", "no/folder"]
"""The arguments of a quick command."""


@pytest.fixture
def given(request, monkeypatch):
    for name in launchers.forget(dict(os.environ)):
        monkeypatch.delenv(name.partition("=")[0])
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)
    return request.param


every = pytest.mark.parametrize("given", ENVIRONMENTS.values(), ids=ENVIRONMENTS, indirect=True)


@every
def test_a_training_is_alone_and_says_what_it_ignores(given):
    before = dict(os.environ)
    name, value = sorted(given.items())[0]
    with pytest.warns(UserWarning, match=f"ignored: .*{name}={value}"):
        accelerator = accelerator_for("no", "cpu")
    assert accelerator.num_processes == 1 and accelerator.process_index == 0 and str(accelerator.device) == "cpu"
    assert accelerator.gradient_accumulation_steps == 1 and accelerator.distributed_type == "NO"
    assert processes.count() == 1 and processes.index() == 0
    assert dict(os.environ) == before


@every
def test_the_command_line_says_what_it_ignores_and_hands_nothing_on(given, capsys):
    assert cli.main(NO_SET) == 1
    told = capsys.readouterr().err
    assert all(f"{name}={value}" in told for name, value in given.items())
    assert not given.keys() & os.environ.keys()


def test_a_job_of_several_tasks_is_told_that_the_book_is_one_process(capsys, monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "4")
    assert cli.main(NO_SET) == 1
    assert "ignored: SLURM_NTASKS=4" in capsys.readouterr().err and os.environ["SLURM_NTASKS"] == "4"


def test_what_a_launcher_started_listens_to_it_and_to_no_other(monkeypatch):
    for name, value in {**TORCH, launchers.JOINED: "1", "PMI_SIZE": "7", "PMI_RANK": "5"}.items():
        monkeypatch.setenv(name, value)
    assert processes.count() == 2 and processes.index() == 1
    with launchers.alone():
        assert "PMI_SIZE" not in os.environ and os.environ["WORLD_SIZE"] == "2"
    assert os.environ["PMI_SIZE"] == "7"


@pytest.mark.parametrize("given", [{**TORCH, "PMI_SIZE": "7", "PET_NNODES": "3"}], indirect=True)
def test_processes_of_our_own_are_not_told_of_others(given, monkeypatch, tmp_path):
    seen = {}

    def start(command, *, env, **_):
        seen.update(env)
        raise KeyboardInterrupt

    monkeypatch.setattr(parallel.subprocess, "Popen", start)
    with pytest.raises(KeyboardInterrupt):
        parallel.run({"do": "fit"}, tmp_path, 2)
    assert seen[parallel.OWNED] == "1" and not given.keys() & seen.keys()
