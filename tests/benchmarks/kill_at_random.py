"""SIGKILL at random moments: is everything, after the same command was run again, as if nobody had killed it?

Each work runs once unbroken, then again and again from the same start: killed at a random moment or just before a
random change of a file (half of the kills each; some runs are killed twice), and run again until it ends. Then all
files of the workspace are compared byte by byte with the unbroken run's: weights, galleries, features, checkpoints,
scores. Of records the times, the seconds and the number of attempts are left out. Files that only the broken run left
behind are counted too.

Run: `python tests/benchmarks/kill_at_random.py` (needs Linux; `--kills`, `--seed`, `--only WORK`). It exits with 1 if a
run did not end, or ended with other bits or with files left behind.
What it found stands in this folder's README.
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from kill_works import WORKS, Work

from vireid_lib.data.contents import ASIDE
from vireid_lib.experiment import cache as workspace
from vireid_lib.experiment.locks import MARKED

CHANGES = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"}
"""Python's audit events of changes of the file system; of `open` those that can write."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
NOT_COMPARED = {"started", "finished", "attempts", "wall_seconds", "seconds", "minutes", "process"}
AGAIN = 0.3
"""Share of the killed runs of which the second is killed too."""
PATIENCE_S = 1800
BOOK = "the smoke book"
BOOK_KILLS = 5


@dataclass
class Outcome:
    seconds: float = 0.0
    moments: int = 0
    changes: int = 0
    runs: int = 0
    faults: list[str] = field(default_factory=list)

    def row(self, name: str) -> str:
        kinds = Counter(fault.split(":")[0] for fault in self.faults)
        told = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "all the same bits"
        return f"{name:22} {self.seconds:6.1f} s {self.moments:4} + {self.changes:<3} {self.runs:4} runs  {told}"


class Trials:
    """A work in its folder, which always has the same path, for tables hold paths."""

    def __init__(self, work: Work, folder: Path) -> None:
        self.start, self.folder, self.log = folder / "start", folder / "now", folder / "log"
        self.folder.mkdir(parents=True)
        for each in work.before:
            self.run(each)
        shutil.copytree(self.folder, self.start)

    def reset(self) -> None:
        shutil.rmtree(self.folder)
        shutil.copytree(self.start, self.folder)

    def run(self, what: Callable, *, after_s: float | None = None, at_change: int = 0) -> tuple[bool, float, int]:
        """One run, killed after so many seconds or before its so-manieth change: (killed, seconds, changes)."""
        began, counted = time.monotonic(), self.folder.parent / "changes"
        if (process := os.fork()) == 0:
            _be_the_child(lambda: what(self.folder), self.folder, self.log, counted, at_change)
        until, status = began + (after_s or PATIENCE_S), None
        while status is None and time.monotonic() < until:
            ended, found = os.waitpid(process, os.WNOHANG)
            status = found if ended else time.sleep(0.002)
        if status is None:
            os.kill(process, signal.SIGKILL)
            status = os.waitpid(process, 0)[1]
            if after_s is None:
                raise TimeoutError(f"it did not end within {PATIENCE_S} s: {self.log.read_text()[-2000:]}")
        seconds = time.monotonic() - began
        if os.WIFSIGNALED(status):
            return True, seconds, 0
        if os.WEXITSTATUS(status):
            raise RuntimeError(self.log.read_text()[-3000:])
        return False, seconds, int(counted.read_text())


def _be_the_child(what: Callable, folder: Path, log: Path, counted: Path, at_change: int) -> None:
    """Do the work in a process that was forked for it; never returns."""
    status, changes, inside = 1, 0, str(folder)

    def hook(event: str, arguments: tuple) -> None:
        nonlocal changes
        reads = event == "open" and not (arguments[2] & WRITES and str(arguments[0]).startswith(inside))
        if event in CHANGES and not reads:
            changes += 1
            if changes == at_change:
                os.kill(os.getpid(), signal.SIGKILL)

    try:
        words = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(words, 1)
        os.dup2(words, 2)
        workspace.THREADS = 1  # two on a busy core take several times as long
        sys.addaudithook(hook)
        what()
        status, made, at_change = 0, changes, 0
        counted.write_text(str(made))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def snapshot(folder: Path) -> dict[str, str]:
    """What lies in a workspace: path → digest of the contents, of JSON without `NOT_COMPARED`. Left out are locks, the
    index of files by their times, and what is half written in the cache, which goes when it is a day old."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        abandoned = name.startswith("cache/.") and ASIDE in name
        if path.is_file() and not name.endswith((".lock", MARKED)) and path.name != "contents.json" and not abandoned:
            content = path.read_bytes()
            if path.suffix == ".json" and content:
                kept = json.loads(content, object_hook=_without_times)
                content = json.dumps(kept).encode()
            found[name] = hashlib.sha256(content).hexdigest()
    return found


def _without_times(value: dict) -> dict:
    return {key: inner for key, inner in value.items() if key not in NOT_COMPARED}


def faults(whole: dict[str, str], broken: dict[str, str]) -> list[str]:
    found = {
        "other bits": [name for name in whole if name in broken and whole[name] != broken[name]],
        "files lost": sorted(whole.keys() - broken.keys()),
        "files left behind": sorted(broken.keys() - whole.keys()),
    }
    return [f"{what}: {names}" for what, names in found.items() if names]


def kill(name: str, kills: int, seed: int, folder: Path) -> Outcome:
    """Kill a work so many times and compare."""
    draw, outcome, work = random.Random(f"{seed} {name}"), Outcome(), WORKS[name]
    trials = Trials(work, folder)
    _, outcome.seconds, changes = trials.run(work.run)
    whole = snapshot(trials.folder)
    while outcome.moments + outcome.changes < kills:
        trials.reset()
        said, again = [], True
        try:
            while again and outcome.moments + outcome.changes < kills:
                if at_change := draw.random() < 0.5:
                    how = {"at_change": draw.randint(1, changes)}
                else:
                    how = {"after_s": draw.uniform(0, outcome.seconds)}
                if not trials.run(work.run, **how)[0]:
                    break
                outcome.changes += at_change
                outcome.moments += not at_change
                said.append(how)
                again = draw.random() < AGAIN
            if said:
                outcome.runs += 1
                trials.run(work.run)
                outcome.faults += [f"{each} after {said}" for each in faults(whole, snapshot(trials.folder))]
        except RuntimeError as error:
            outcome.runs += not said
            outcome.faults.append(f"not ended: {error} after {said}")
    return outcome


def kill_the_book(kills: int, seed: int, folder: Path) -> Outcome:
    """The whole book on the profile `smoke`, and one that is killed again and again: all of its processes at once, or
    a random one of them."""
    draw, outcome, began = random.Random(f"{seed} {BOOK}"), Outcome(), time.monotonic()
    place, whole, said = folder / "book", folder / "whole", []
    if _book(place).wait() != 0:
        raise RuntimeError((folder / "log").read_text()[-3000:])
    outcome.seconds, outcome.runs = time.monotonic() - began, 1
    place.rename(whole)  # the next has the same path: tables and records hold it
    for _ in range(kills):
        process, moment = _book(place), draw.uniform(0, 0.6 * outcome.seconds)
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            there = _processes(place)
            chosen = there if draw.random() < 0.4 else [draw.choice(there)]
            for number in chosen:
                os.kill(number, signal.SIGKILL)
            outcome.moments += 1
            said.append(f"{len(chosen)} of {len(there)} processes at {moment:.0f} s")
            process.wait()
    if all(_book(place).wait() for _ in range(3)):
        outcome.faults.append(f"not ended: {(folder / 'log').read_text()[-3000:]}")
    outcome.faults += faults(snapshot(whole / "stages"), snapshot(place / "stages"))
    print(f"{BOOK}: killed {said}", flush=True)
    return outcome


def _book(place: Path) -> subprocess.Popen:
    place.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "vireid_lib.cli", "book", "--profile", "smoke", "--workspace", str(place)]
    with open(place.parent / "log", "w") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


def _processes(place: Path) -> list[int]:
    """The run's own and those that it started: they name the workspace."""
    found = []
    for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda each: int(each.name)):
        with contextlib.suppress(OSError):
            about = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            if str(place).encode() in about and int(entry.name) != os.getpid():
                found.append(int(entry.name))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", choices=[*WORKS, BOOK], help="may be given several times")
    parser.add_argument("--folder", type=Path, help="to work in; kept; a temporary one by default")
    parser.add_argument("--without-book", action="store_true", help="leave out the whole book, which takes minutes")
    options = parser.parse_args()
    shares = {name: work.share for name, work in WORKS.items()} | ({} if options.without_book else {BOOK: BOOK_KILLS})
    shares = {name: shares.get(name, BOOK_KILLS) for name in options.only or shares}
    folder = options.folder or Path(tempfile.mkdtemp(prefix="kills-"))
    done, total, faulty = 0, sum(shares.values()), []
    for place, (name, share) in enumerate(shares.items()):
        kills = round((options.kills - done) * share / total)
        total -= share
        if kills:
            outcome = (kill_the_book if name == BOOK else partial(kill, name))(kills, options.seed, folder / f"{place}")
            print(outcome.row(name), *outcome.faults, sep="\n    ", flush=True)
            done += outcome.moments + outcome.changes
            faulty += [name] * bool(outcome.faults)
    if options.folder is None:
        shutil.rmtree(folder)
    print(f"{done} kills; {f'faults in {faulty}' if faulty else 'all ended with the same bits'}")
    return bool(faulty)


if __name__ == "__main__":
    sys.exit(main())
