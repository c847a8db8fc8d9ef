"""The command `vireid`: run and publish the book, make and check data, pre-train the mini base model."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

INTERRUPTED = 130  # what a shell reports for a command that Ctrl-C ended
NAMED_ERRORS = (ValueError, OSError)  # their messages name thing, place and remedy


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point.

    Returns:
        0 only if everything that was asked for was done; for the book: every chapter truly ran.
    """
    from vireid_lib.training import launchers

    arguments = sys.argv[1:] if arguments is None else arguments
    options = build_parser().parse_args(arguments)
    options.command = shlex.join(["vireid", *arguments])
    try:
        # No process of this command may wait for others that a job system's variables speak of.
        if ignored := launchers.forget(os.environ):
            print(f"vireid: {launchers.in_words(ignored)}", file=sys.stderr)
        return options.run(options)
    except KeyboardInterrupt:
        print("\nStopped. What is finished is kept; the same command continues.", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if options.debug:
            raise
        print(f"vireid: {_in_words(error, options)}", file=sys.stderr)
        return 2


def _in_words(error: Exception, options: argparse.Namespace) -> str:
    """What went wrong, and that the disk is full if it is."""
    from vireid_lib import disk

    words = str(error)
    if not isinstance(error, NAMED_ERRORS):
        words = f"{type(error).__name__}: {error} (run the command again with --debug to see where)"
    if not disk.is_full(error):
        return words
    named = getattr(error, "filename", None) or getattr(options, "workspace", "") or getattr(options, "root", "") or "."
    return disk.with_remedy(words, Path(named))


def build_parser() -> argparse.ArgumentParser:
    """The command line; nothing heavy is imported to show its help."""
    parser = argparse.ArgumentParser(
        prog="vireid", description="The VI-ReID experiment book: how much does synthetic infrared data help, and why?"
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(group, name: str, run, summary: str) -> argparse.ArgumentParser:
        added = group.add_parser(name, help=summary, description=summary, parents=[common])
        added.set_defaults(run=run)
        return added

    book = command(commands, "book", _run, "Run the chapters and make a site of them.")
    words = "run this chapter only; may be given again"
    book.add_argument("--only", action="append", default=[], metavar="04", help=words)
    study = command(commands, "study", _run, "Run one study: a paper's tables, its claims held against the seeds.")
    study.add_argument("study", metavar="NAME", help="a file in notebooks/studies, e.g. den")
    book.set_defaults(study=None)
    study.set_defaults(only=[])
    for runs in (book, study):
        _add_run_options(runs)
    lab = command(commands, "lab", _lab, "Open the book in JupyterLab.")
    _add_places(lab, profile="")
    lab.add_argument("--port", type=int, default=None, help="port to listen on (default 8888, or the next free one)")
    lab.add_argument("--no-browser", action="store_true", help="print the address instead of opening a browser")
    site = command(commands, "site", _site, "Make the site again from what has run.")
    _add_places(site, profile="mini")
    words = "folder of the site (default: `site` in the workspace)"
    site.add_argument("--out", type=_name, default="", metavar="DIR", help=words)
    data = commands.add_parser("data", help="Make and check data sets.").add_subparsers(
        title="commands", required=True, metavar="COMMAND"
    )
    make = command(data, "make", _data_make, "Draw the miniature world and write it in the real data sets' layouts.")
    words = "folder to write mini_vi, mini_market and mini_truth in"
    make.add_argument("--root", type=_place, required=True, help=words)
    make.add_argument("--seed", type=int, default=0, help="another seed draws other people (default 0)")
    make.add_argument("--size", default="mini", help='name of a size (default "mini")')
    check = command(data, "check", _data_check, "Compare a data set on disk with its manifest; never changes it.")
    words = "a file in data_manifests/datasets, e.g. sysu_mm01, or the path of a manifest of your own"
    check.add_argument("name", type=_name, metavar="NAME", help=words)
    check.add_argument("--root", type=_place, required=True, help="the data set's folder")
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    words = "Train the miniature Stable Diffusion again (hours on a CPU)."
    pretrain = command(commands, "pretrain-mini", _pretrain_mini, words)
    pretrain.add_argument("--folder", type=_place, required=True, help="where to work; a stopped run continues there")
    pretrain.add_argument("--device", default=None, help="cpu, cuda, ... (default: the best there is)")
    pretrain.add_argument("--precision", choices=("no", "bf16"), default="no", help="autocast (default no)")
    return parser


def _add_places(command: argparse.ArgumentParser, profile: str) -> None:
    """What to work on, and where. An empty default leaves the choice to the chapters."""
    words = 'a file in notebooks/profiles, e.g. sysu, or the path of a profile of your own (default "mini")'
    command.add_argument("--profile", type=_name, default=profile, help=words)
    words = "folder of results (default workspace/PROFILE)"
    command.add_argument("--workspace", type=_name, default="", metavar="DIR", help=words)
    words = "folder that holds the real data sets (default: the profile's, if they lie there)"
    command.add_argument("--data-root", type=_name, default="", metavar="DIR", help=words)


def _place(path: str) -> Path:
    """A path that was typed: shells leave the `~` of `--option=~/x` as it is."""
    from vireid_lib import user_paths

    try:
        return user_paths.expanded(path)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _name(name_or_path: str) -> str:
    """A path that was typed, or a name."""
    return str(_place(name_or_path)) if name_or_path.startswith("~") else name_or_path


def _add_run_options(command: argparse.ArgumentParser) -> None:
    _add_places(command, profile="mini")
    add, repeated = command.add_argument, {"action": "append", "default": []}
    words = "set a chapter's parameter; may be given again"
    add("-p", "--parameter", dest="overrides", metavar="NAME=VALUE", help=words, **repeated)
    words = "follow every training with tensorboard, wandb, mlflow, …; may be given again (default: none)"
    add("--tracker", dest="trackers", metavar="NAME", help=words, **repeated)
    words = "who runs the trainings: local (this machine, the default) or ray (a cluster that shares the workspace)"
    add("--engine", default="local", metavar="NAME", help=words)
    words = "of the Ray cluster, or auto on one of its machines (default: start Ray on this machine alone)"
    add("--address", default="", metavar="HOST:PORT", help=words)
    add("--no-site", action="store_false", dest="site", help="make no site at the end")
    words = "where the code has changed, take what older code made, mark it, and make only what is missing"
    add("--keep-results", action="store_true", dest="keep", help=words)
    words = "only say what each generator would take: images, steps, hours at the speed measured now, memory, disk"
    add("--plan", action="store_true", help=words)


def _run(options: argparse.Namespace) -> int:
    """Run notebooks; tell their processes by environment variables what no result depends on."""
    from vireid_lib.experiment import chapters, cost, executors
    from vireid_lib.experiment.cache import KEEP_RESULTS
    from vireid_lib.experiment.runner import run_book
    from vireid_lib.training import trackers

    names = ("profile", "workspace", "data_root", "only", "overrides", "study")
    wanted = {name: getattr(options, name) for name in names}
    if options.plan:
        run, _, chosen = chapters.asked(**wanted)
        for text in cost.plan(run, options.study, chosen.get(options.study)):
            print(text, flush=True)
        return 0
    if options.trackers:
        os.environ[trackers.NAMES] = ",".join(trackers.chosen(",".join(options.trackers)))
    if options.address and options.engine != "ray":
        raise ValueError(f"--address {options.address} is a Ray cluster's: give it together with --engine ray.")
    os.environ[executors.ENGINE], os.environ[executors.ADDRESS] = executors.check(options.engine), options.address
    os.environ[KEEP_RESULTS] = "1" if options.keep else ""
    run = run_book(**wanted, site=options.site, command=options.command)
    if run.table:
        print(f"\n{run.table}", end="")
    if run.page is not None:
        print(f"\nThe {'study' if options.study else 'book'}: {run.page}")
    if not run.ok:
        print(f"\n{run.failure}", file=sys.stderr)
    return 0 if run.ok else 1


def _lab(options: argparse.Namespace) -> int:
    from vireid_lib.experiment import lab

    return lab.start(
        options.profile, options.workspace, options.data_root, port=options.port, browser=not options.no_browser
    )


def _site(options: argparse.Namespace) -> int:
    from vireid_lib.experiment import default_workspace
    from vireid_lib.experiment.profile_files import load_profile
    from vireid_lib.experiment.publish import publish

    profile = load_profile(options.profile)
    workspace = Path(options.workspace) if options.workspace else default_workspace(profile.name)
    page = publish(workspace, profile, Path(options.out) if options.out else workspace / "site")
    if page is None:
        raise ValueError(f"Nothing has run in {workspace}: run `vireid book --profile {profile.name}` there first.")
    print(f"The site: {page}")
    return 0


def _data_make(options: argparse.Namespace) -> int:
    from vireid_lib.miniworld.write import make

    for name, folder in make(options.root, seed=options.seed, size=options.size).items():
        print(f"{name:12s} {folder}")
    return 0


def _data_check(options: argparse.Namespace) -> int:
    from vireid_lib.data.check import check_dataset

    report = check_dataset(options.name, options.root, progress=True)
    print(report.to_json() if options.json else report.to_text())
    return 0 if report.usable else 1


def _pretrain_mini(options: argparse.Namespace) -> int:
    from vireid_lib import user_paths
    from vireid_lib.miniworld.pretrain import pretrain

    user_paths.made(options.folder)
    pretrain(options.folder, device=options.device, precision=options.precision)
    print(f"The model: {options.folder / 'model'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
