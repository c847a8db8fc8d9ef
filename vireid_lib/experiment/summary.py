"""Chapter 07: the workspace as a whole: scores, status beside the papers, provenance, what was learned."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pandas as pd

from vireid_lib.experiment import measures, results, selection, verdicts
from vireid_lib.experiment.completed import Fetched, fetched
from vireid_lib.experiment.papers import load_papers
from vireid_lib.experiment.provenance import StageRecord
from vireid_lib.experiment.results import OLDER, OLDER_WORDS, training_label
from vireid_lib.experiment.run import Book

T = TypeVar("T")


def scores(book: Book) -> pd.DataFrame:
    """The profile's scores: its data set, method, modes, training sets and seeds, test identities.

    In the profile's order of modes and training sets; empty before chapter 04 has run.
    """
    profile, table = book.profile, selection.scores(book)
    orders = {"seed": profile.reid.seeds, "training": profile.reid.training_sets, "mode": profile.evaluation.modes}
    for column, order in orders.items():
        table = table.sort_values(column, key=lambda names, order=order: names.map(order.index), kind="stable")
    return table.reset_index(drop=True)


def gains(book: Book, metric: str = "rank_1") -> pd.DataFrame:
    """Difference of every training set from real images only, in points: columns label, mode, mean, margin, over,
    established.

    The margin is half the 95 % interval (`over` says over what), NaN for a single seed. `established` is the verdict
    after Holm's correction over all rows, the modes of one training set as one family.
    """
    table = scores(book)
    compared = verdicts.correct(
        each
        for mode in table["mode"].unique()
        if (table[table["mode"] == mode]["training"] == "real").any()
        for each in verdicts.compare(table, metric, mode=mode)
    )
    drawn = verdicts.for_differences(compared)
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
    return counts.reindex(columns=list(results.STATUSES), fill_value=0).reset_index().rename_axis(columns=None)


def notes() -> pd.DataFrame:
    """Where papers disagree with themselves or others: columns paper, place, says, but."""
    return pd.DataFrame(
        [
            {"paper": paper.name, "place": note.place, "it says": note.says, "but": note.but}
            for paper in load_papers()
            for note in paper.notes
        ]
    )


def minutes(book: Book) -> pd.DataFrame:
    """Wall time by kind of stage: columns stage, runs, minutes (all runs together), the longest first."""
    table = results.stages(book.workspace)
    grouped = table.groupby("stage").agg(runs=("minutes", "size"), minutes=("minutes", "sum"))
    return grouped.sort_values("minutes", ascending=False).reset_index()


def conditions(book: Book) -> pd.DataFrame:
    """Under which conditions the workspace's stages were made: one row per item, all its values and their counts."""
    found: dict[str, dict[str, int]] = {}
    for record in book.workspace.records():
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


def learned(book: Book) -> pd.DataFrame:
    """What this run says on the book's questions, each answer computed from recorded numbers.

    Columns question, answer, chapter. A question whose stage has not run says so.
    """
    rows = [*_from_scores(book), *_from_stages(book)]
    return pd.DataFrame(rows, columns=["question", "answer", "chapter"])


def _from_scores(book: Book) -> list[tuple[str, str, str]]:
    table = scores(book)
    questions = [
        ("Do more people help at all, with no generator?", "grayscale", "real"),
        ("Does DiVE help?", "dive", "real"),
        ("Does DiVE beat greyscale copies?", "dive", "grayscale"),
        ("Is it better to start from the photograph?", "dive_from_image", "dive"),
        ("How far is DiVE from the fair ceiling?", "dive", "redrawn"),
        ("What would knowing the unknowable add?", "true", "redrawn"),
    ]
    asked = [each for each in questions if set(each[1:]) <= set(book.profile.reid.training_sets)]
    compared = verdicts.correct(  # over all questions that can be answered
        verdicts.compare(both, reference=other)[0]
        for _, one, other in asked
        if set((both := table[table["training"].isin([one, other])])["training"]) == {one, other}
    )
    older = set(table.loc[table["older"], "training"])
    found = {
        (each.training, each.reference): _compared(each) + f" {OLDER}" * bool({each.training, each.reference} & older)
        for each in compared
    }
    return [(question, found.get((one, other), "not yet run"), "4") for question, one, other in asked]


def _compared(verdict: verdicts.Verdict) -> str:
    if verdict.margin is None:
        return f"rank-1 {verdict.difference:+.1f} points, from one seed: nothing can be concluded"
    words = {
        "better": f"yes, beyond {verdict.noise}",
        "worse": f"no: it is worse, beyond {verdict.noise}",
        "within noise": f"not established: within {verdict.noise}",
    }
    if verdict.training == "true" or verdict.reference == "redrawn":
        words = {
            "better": f"above it, beyond {verdict.noise}",
            "worse": f"below it, beyond {verdict.noise}",
            "within noise": f"no difference beyond {verdict.noise}",
        }
    plain = verdict.before_correction
    return (
        f"rank-1 {verdict.difference:+.1f} ± {verdict.margin:.1f} points (95 % interval over "
        f"{verdict.contrast.over}): {words[verdict.judgement]}"
        + (f" ({plain} before correction)" if plain != verdict.judgement else "")
    )


def _from_stages(book: Book) -> list[tuple[str, str, str]]:
    return [
        ("Does the identity word reach infrared?", _prompt(book, "person"), "2"),
        ("Does the text of the code carry the modality?", _prompt(book, "code"), "2"),
        ("Do the synthetic images show the right person?", _preservation(book), "3"),
        ("Are they distributed like real infrared?", _fidelity(book), "3"),
        ("Is the identity token on the person, the modality token everywhere?", _attention(book), "6"),
    ]


def _told(found: Fetched[T] | None, words: Callable[[T], str]) -> str:
    """The words for what a stage measured; "not yet run" if none has; with the mark of what older code made."""
    if found is None:
        return "not yet run"
    return words(found.value) + (f" ({OLDER} {OLDER_WORDS})" if found.older else "")


def _prompt(book: Book, variant: str) -> str:
    from vireid_lib.book.fitting import stages as fitting

    wrong = fitting.PROMPT_VARIANTS[variant]

    def words(worth: pd.DataFrame) -> str:
        table = fitting.prompt_verdict(worth)
        row = table[(table["prompt"] == wrong) & (table["modality"] == "infrared")].iloc[0]
        rise, margin = row["rise (%)"], 1.96 * row["standard error"]
        verdict = "yes" if rise > margin else "not measurably" if rise > -margin else "no, on the contrary"
        what = f"with {wrong}, the loss on the target's infrared images changes by {rise:+.2f} ± {margin:.2f} %"
        return f"{verdict}: {what} (95 % interval over {row['images']} training images)"

    return _told(fetched(book, fitting.prompt_worth), words)


def _preservation(book: Book) -> str:
    def words(record: StageRecord) -> str:
        shares = ", ".join(
            f"{training_label(name).removeprefix('+ ')} {100 * each['rank_1']:.1f} %"
            for name, each in record.values["galleries"].items()
        )
        chance = f"guessing {100 * record.values['chance']:.1f} %"
        return f"the baseline network finds the ordered person nearest for {shares}; {chance}"

    return _told(fetched(book, lambda own: measures.preservation(own, "real", own.profile.reid.seeds[0])), words)


def _fidelity(book: Book) -> str:
    from vireid_lib.book.galleries.measures import fidelity

    def words(table: pd.DataFrame) -> str:
        shares = ", ".join(f"{row['images']} {row['Fréchet distance']:.2f}" for row in table.to_dict("records"))
        return (
            f"Fréchet distance (ReID features, N = {table['N'].iloc[0]}) to one half of the real infrared images: "
            f"{shares}"
        )

    return _told(fetched(book, lambda own: fidelity(own).table), words)


def _attention(book: Book) -> str:
    from vireid_lib.book.attention import findings, stages

    return _told(fetched(book, stages.on_people), findings.conclusion)
