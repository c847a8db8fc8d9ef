"""Chapter 07: the workspace as a whole: scores, status beside the papers, provenance, what was learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pandas as pd

from vireid_lib.experiment import claims, measures, results
from vireid_lib.experiment.cache import Fetched
from vireid_lib.experiment.metrics import OLDER, OLDER_WORDS, mark
from vireid_lib.experiment.paper_table import STATUSES
from vireid_lib.experiment.papers import load_papers
from vireid_lib.experiment.pipeline import Run
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.training_sets import training_label

T = TypeVar("T")


def gains(run: Run, metric: str = "rank_1") -> pd.DataFrame:
    """Difference of every training set from real images only, in points: columns label, mode, mean, margin, over,
    established.

    The margin is half the 95 % interval (`over` says over what), NaN for a single seed. `established` is the verdict
    after Holm's correction over all rows, the modes of one training set as one family.
    """
    table = results.scores(run)
    compared = claims.correct(
        each
        for mode in table["mode"].unique()
        if (table[table["mode"] == mode]["training"] == "real").any()
        for each in claims.compare(table, metric, mode=mode)
    )
    drawn = claims.for_differences(compared)
    return pd.DataFrame(
        {
            "label": drawn["labels"],
            "mode": [each.mode for each in compared],
            "mean": drawn["means"],
            "margin": drawn["margins"],
            "over": [each.contrast.over for each in compared],
            "established": drawn["established"],
        }
    )


def statuses(beside: pd.DataFrame) -> pd.DataFrame:
    """How many of each paper's printed numbers have which status: a row per table of a paper."""
    counts = beside.groupby(["paper", "table", "title", "status"], sort=False).size().unstack(fill_value=0)
    return counts.reindex(columns=list(STATUSES), fill_value=0).reset_index().rename_axis(columns=None)


def notes() -> pd.DataFrame:
    """Where papers disagree with themselves or others: columns paper, place, says, but."""
    return pd.DataFrame(
        [
            {"paper": paper.name, "place": note.place, "it says": note.says, "but": note.but}
            for paper in load_papers()
            for note in paper.notes
        ]
    )


def minutes(run: Run) -> pd.DataFrame:
    """Wall time by kind of stage: columns stage, runs, minutes (all runs together), the longest first."""
    table = results.stages(run.cache)
    grouped = table.groupby("stage").agg(runs=("minutes", "size"), minutes=("minutes", "sum"))
    return grouped.sort_values("minutes", ascending=False).reset_index()


def conditions(run: Run) -> pd.DataFrame:
    """Under which conditions the workspace's stages were made: one row per item, all its values and their counts."""
    found: dict[str, dict[str, int]] = {}
    for record in run.cache.records():
        result, machine = record.result, record.result["hardware"]
        about = {
            "library": f"{result['library']['version']} (source {result['library']['source']})",
            **{name: version for name, version in result["versions"].items()},
            "device": result["device"],
            "machine": f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
            + "".join(f", {gpu}" for gpu in machine["gpus"]),
            **{f"manifest of {name}": digest[:12] for name, digest in result["manifests"].items()},
        }
        for name, value in about.items():
            counts = found.setdefault(name, {})
            counts[value] = counts.get(value, 0) + 1
    rows = [
        {"item": name, "value": value, "stages": count}
        for name, counts in found.items()
        for value, count in counts.items()
    ]
    return pd.DataFrame(rows, columns=["item", "value", "stages"])


def learned(run: Run) -> pd.DataFrame:
    """What this run says on the book's questions, each answer computed from recorded numbers.

    Columns question, answer, chapter. A question whose stage has not run says so.
    """
    rows = [*_from_scores(run), *_from_stages(run)]
    return pd.DataFrame(rows, columns=["question", "answer", "chapter"])


def _from_scores(run: Run) -> list[tuple[str, str, str]]:
    table = results.scores(run)
    questions = [
        ("Do more people help at all, with no generator?", "grayscale", "real"),
        ("Does DiVE help?", "dive", "real"),
        ("Does DiVE beat greyscale copies?", "dive", "grayscale"),
        ("Is it better to start from the photograph?", "dive_from_image", "dive"),
        ("How far is DiVE from the fair ceiling?", "dive", "resampled_ir"),
        ("What would knowing the unknowable add?", "oracle_ir", "resampled_ir"),
    ]
    asked = [each for each in questions if set(each[1:]) <= set(run.profile.reid.training_sets)]
    compared = claims.correct(  # over all questions that can be answered
        claims.compare(both, reference=other)[0]
        for _, one, other in asked
        if set((both := table[table["training"].isin([one, other])])["training"]) == {one, other}
    )
    found = {(each.claim.row, each.claim.other): _compared(each) + mark(each.older) for each in compared}
    return [(question, found.get((one, other), "not yet run"), "4") for question, one, other in asked]


def _compared(finding: claims.Finding) -> str:
    if finding.margin is None:
        return f"rank-1 {finding.words}, from one seed: nothing can be concluded"
    noise = f"the noise of the {'splits' if finding.contrast.splits else 'seeds'}"
    words = {
        claims.HOLDS: f"yes, beyond {noise}",
        claims.FAILS: f"no: it is worse, beyond {noise}",
        claims.NOISE: f"not established: within {noise}",
    }
    if finding.claim.row == "oracle_ir" or finding.claim.other == "resampled_ir":
        words = {
            claims.HOLDS: f"above it, beyond {noise}",
            claims.FAILS: f"below it, beyond {noise}",
            claims.NOISE: f"no difference beyond {noise}",
        }
    return f"rank-1 {finding.words}, {finding.contrast.over}: {words[finding.verdict]}"


def _from_stages(run: Run) -> list[tuple[str, str, str]]:
    return [
        ("Does the identity word reach infrared?", _prompt(run, "person"), "2"),
        ("Does the text of the code carry the modality?", _prompt(run, "code"), "2"),
        ("Do the synthetic images show the right person?", _preservation(run), "3"),
        ("Are they distributed like real infrared?", _fidelity(run), "3"),
        ("Is the identity token on the person, the modality token everywhere?", _attention(run), "6"),
    ]


def _told(found: Fetched[T] | None, words: Callable[[T], str]) -> str:
    """The words for what a stage measured; "not yet run" if none has; with the mark of what older code made."""
    if found is None:
        return "not yet run"
    return words(found.value) + (f" ({OLDER} {OLDER_WORDS})" if found.older else "")


def _prompt(run: Run, variant: str) -> str:
    from vireid_lib.book.fitting import stages as fitting

    wrong = fitting.PROMPT_VARIANTS[variant]

    def words(worth: pd.DataFrame) -> str:
        table = fitting.prompt_verdict(worth)
        row = table[(table["prompt"] == wrong) & (table["modality"] == "infrared")].iloc[0]
        rise, margin = row["rise (%)"], 1.96 * row["standard error"]
        verdict = "yes" if rise > margin else "not measurably" if rise > -margin else "no, on the contrary"
        what = f"with {wrong}, the loss on the target's infrared images changes by {rise:+.2f} ± {margin:.2f} %"
        return f"{verdict}: {what} (95 % interval over {row['images']} training images)"

    return _told(run.fetched(fitting.prompt_worth), words)


def _preservation(run: Run) -> str:
    def words(record: StageRecord) -> str:
        shares = ", ".join(
            f"{training_label(name).removeprefix('+ ')} {100 * each['rank_1']:.1f} %"
            for name, each in record.values["galleries"].items()
        )
        chance = f"guessing {100 * record.values['chance']:.1f} %"
        return f"the baseline network finds the ordered person nearest for {shares}; {chance}"

    return _told(run.fetched(lambda own: measures.preservation(own, "real", own.profile.reid.seeds[0])), words)


def _fidelity(run: Run) -> str:
    from vireid_lib.experiment.gallery_fidelity import fidelity

    def words(table: pd.DataFrame) -> str:
        shares = ", ".join(f"{row['images']} {row['Fréchet distance']:.2f}" for row in table.to_dict("records"))
        return (
            f"Fréchet distance (ReID features, N = {table['N'].iloc[0]}) to one half of the real infrared images: "
            f"{shares}"
        )

    return _told(run.fetched(lambda own: fidelity(own).table), words)


def _attention(run: Run) -> str:
    from vireid_lib.book.attention import findings, stages

    return _told(run.fetched(stages.on_people), findings.conclusion)
