# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 7 · Results
#
# **The question.** What has been measured in this workspace, under which conditions, and how does it stand beside what
# the papers print?
#
# **This chapter** reads the records of the chapters before it and computes nothing that takes time. Every number below
# comes from a file `result.json` that a finished stage has left behind; what has not been run is said to be *not yet
# run*, and is never filled in.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""
data_root = ""
metric = "rank_1"

# %%
from IPython.display import display

from vireid_lib.book import open_book, plots, result_tables, results, summary, verdicts

book = open_book(profile, workspace, data_root)
book

# %% [markdown]
# ## The main table
#
# Rank-1: the share of queries whose first gallery image shows the right person. mAP: the mean over queries of the
# average precision, which asks for *all* images of the person to come early. mINP: how far one has to go for the last
# of them. Each number is the mean ± standard deviation over training seeds, on test people whom neither the network nor
# the generator has seen; each seed is itself a mean over the gallery draws of the protocol.

# %%
result_tables.show_main_table(results.main_table(book.workspace, book.profile))

# %%
scores = summary.scores(book)
if len(scores):
    display(plots.bars(**verdicts.for_bars(scores, metric), axis=f"{metric.replace('_', '-')} (%)"))

# %% [markdown]
# The gain over the baseline, with its 95 % interval over seeds (Welch; chapter 4 explains it). A hollow dot is a
# difference that the seeds alone could have made. With a single seed there is no interval, and nothing to conclude.

# %%
gains = summary.gains(book, metric)
if len(gains):
    display(plots.differences(
        gains["label"].tolist(), gains["mean"].tolist(), gains["margin"].tolist(), groups=gains["mode"].tolist(),
        axis=f"gain in {metric.replace('_', '-')} over real images only (points), 95 % interval",
        title="What each training set adds",
    ))  # fmt: skip

# %% [markdown]
# ## What was learned
#
# One row for each question of the book. The answers are put together from the recorded numbers by fixed rules: change
# the profile, run again, and they change with it.

# %%
summary.learned(book).style.set_properties(**{"text-align": "left", "white-space": "normal"}).hide()

# %% [markdown]
# **What to notice.** Read the rows together. If DiVE does not beat greyscale copies, the row on the right person says
# whether the labels are at fault, the row on real infrared whether the look is, and the two on the prompt which of the
# words was not learned. If it *does* beat them, the fair ceiling says how much is left to win.
#
# ## Beside the papers
#
# A number of ours stands beside a paper's only if it was measured under the paper's conditions: the same data set,
# direction, protocol settings, method, training data and external set, and at least as many trials. **Numbers from the
# miniature world are therefore never beside a paper's**: they are no reproduction, and cannot be one.
#
# Three statuses are possible. *Reproduced* (✓): within the tolerance that the paper's file states, with its reason.
# *Differs* (≠): measured, and outside it. *Not yet run*: nothing was measured under these conditions.

# %%
beside = results.beside_papers(book.workspace)
summary.statuses(beside).style.hide()

# %%
result_tables.show_papers(beside)

# %% [markdown]
# Papers are written by people. Where one disagrees with itself, with its code or with another paper, the numbers above
# follow the reading named here.

# %%
summary.notes().style.set_properties(**{"text-align": "left", "white-space": "normal"}).hide()

# %% [markdown]
# ## Provenance
#
# A number without its conditions is a rumour. What all stages in this workspace were made with (a second line for one
# item means that stages of different origin lie here together):

# %%
summary.conditions(book).style.hide()

# %%
spent = summary.minutes(book)
plots.bars(
    [f"{row.stage} ({row.runs})" for row in spent.head(14).itertuples()], spent["minutes"].head(14).tolist(),
    reference=None, axis="wall time of all runs of a stage (minutes; number of runs in brackets)",
)  # fmt: skip

# %%
results.stages(book.workspace).tail(40).style.format({"minutes": "{:.2f}"}).hide()

# %% [markdown]
# `source` is a digest of the library's code at that time: two rows with different digests were made by different code.
# `attempts` above 1 means that the stage was interrupted and resumed; on a CPU it then ends with the same weights, bit
# for bit.
#
# ## Limits
#
# - **The miniature world is a model of the problem, not the problem.** Its people are drawn, its materials follow a law
#   that we wrote, its base model has a few million weights. It can show *mechanisms* (that copies help, why identity is
#   lost, which part carries the modality); it cannot show how large they are on SYSU-MM01.
# - **One generator.** The intervals are over seeds of the ReID training. The generator behind them was fine-tuned once:
#   a second fine-tuning could move all rows that use it together.
# - **Few seeds.** Student's interval over three seeds is wide, and it should be: it is what three seeds allow to say.
# - **Settings were chosen on validation identities**, never on the test set, and the network of the last step is taken.
#   Numbers in the literature are often those of the epoch that is best *on the test set* (chapter 1 shows what this
#   alone is worth).
# - **Equal effort is a choice too.** All training sets get the same number of steps. A larger set may deserve more.
# - **Judges are networks.** "Shows the right person" means: to a network that is itself wrong quite often.
#
# ## Something to try
#
# 1. **Another seed.** Add a seed to `reid.seeds` in a copy of the profile and run chapters 4 and 7. Only the new
#    trainings run; every interval should shrink a little. Did a hollow dot become full, or the other way round?
# 2. **mAP instead of rank-1.** `vireid book --only 07 -p metric=mean_ap`. Expect the same order with smaller
#    differences; if the order changes, say which of the two you would report, *before* you look which suits you better.
