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
# **This chapter** reads the records of the chapters before it, makes tables and figures of them and no new number, and
# costs seconds. Every number below comes from a file `result.json` that a finished stage has left behind. The file is
# found by its key, a digest of the profile's settings, of the images and of the code: results of other settings or of
# older code are not among them, however new their files are. What has not been run is said to be *not yet run*, and is
# never filled in. (`vireid book --keep-results` takes what older code made, and marks each such number with †.)
#
# **You will learn**
#
# - to read a table of results with its spread, and to say what it allows to be said;
# - when a number may stand beside a paper's, and when it may not;
# - what belongs to a number for others to believe it.
#
# **You need** chapters 1 and 4.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
metric = "rank_1"  # or "mean_ap", "mean_inp", "rank_5", "rank_10", "rank_20": what figures are about

# %%
from IPython.display import HTML, display

from vireid_lib import experiment
from vireid_lib import viz as plots
from vireid_lib.experiment import paper_table, results, summary
from vireid_lib.experiment.provenance import minute
from vireid_lib.viz import explorers

run = experiment.open(profile, workspace, data_root)
run

# %% [markdown]
# ## The main table
#
# Rank-1: the share of queries whose first gallery image shows the right person. mAP: the mean over queries of the
# average precision, which asks for *all* images of the person to come early. mINP: how far one has to go for the last
# of them. Each number is the mean ± standard deviation over training seeds, on test people whom neither the network nor
# the generator has seen; each seed is itself a mean over the gallery draws of the protocol.
#
# With $x_1, \dots, x_n$ the scores of $n$ seeds, a cell of the table is
#
# $$\bar x \pm s, \qquad
# \bar x = \frac1n \sum_{i=1}^{n} x_i, \qquad s = \sqrt{\frac{1}{n-1} \sum_{i=1}^{n} (x_i - \bar x)^2}$$
#
# One cell in three lines, the first training set's:
#
# | symbol | in the code | what it is |
# |---|---|---|
# | $x_i$ | `x` | score of one seed, in percent |
# | $n$ | `len(x)` | number of seeds |
# | $\bar x$ | `mean` | what the table shows in front of the ± |
# | $s$ | `spread` | what it shows behind: how much *single trainings* differ, and not how uncertain the mean is |

# %%
scores = results.scores(run)
some = scores.loc[(scores["training"] == "real") & (scores["mode"] == run.profile.evaluation.modes[0]), metric]

# %% tags=["equation"]
x = 100 * some.to_numpy(float)
mean = x.sum() / max(len(x), 1)
spread = (((x - mean) ** 2).sum() / (len(x) - 1)) ** 0.5 if len(x) > 1 else float("nan")

print(f"n = {len(x)}: {mean:.1f} ± {spread:.1f}" if len(x) > 1 else f"n = {len(x)}: one seed has no spread")

# %%
results.show(results.main_table(scores, run.profile))

# %%
if len(scores):
    display(plots.bars(**results.for_bars(scores, metric), axis=f"{metric.replace('_', '-')} (%)"))

# %% [markdown]
# **What to notice.** Dots that overlap between two bars belong to differences that a further seed may turn round.
#
# What the trainings were given, as they recorded it ("images seen": drawn into batches, each as often as it was):

# %%
from vireid_lib.experiment import trainings

effort = trainings.effort(results.evaluations(run))
print(effort.sentence)
effort.table.round(2)

# %% [markdown]
# **What to notice.** Rows that were given the same differ in the data alone. Where they were not, the longer or larger
# training had a second reason to be better.
#
# Any runs beside each other: the profile's training sets with each method, and the rows of the studies, where they have
# been trained with these settings. In JupyterLab, choose several with Ctrl or Shift.

# %%
explorers.compare_runs(run)

# %% [markdown]
# **What to notice.** Before two bars are compared, read their names: what else differs between the runs besides what
# you look for?
#
# The gain over the baseline, with its 95 % interval (over seeds by Welch, or over RegDB's ten splits; chapter 4 has
# both). A hollow dot is a difference that is not established after Holm's correction over all rows of the figure. With
# a single seed and one split there is no interval, and nothing to conclude.

# %%
gains = summary.gains(run, metric)
if len(gains):
    display(
        plots.differences(
            gains["label"].tolist(),
            gains["mean"].tolist(),
            gains["margin"].tolist(),
            groups=gains["mode"].tolist(),
            axis=f"gain in {metric.replace('_', '-')} over real images only (points), 95 % interval over "
            f"{' or '.join(gains['over'].unique())}",
            title="What each training set adds",
            established=gains["established"].tolist(),
        )
    )

# %% [markdown]
# **What to notice.** Full dots first: they are what this run can claim. Are the hollow ones at least on the side that
# you expected?
#
# ## What was learned
#
# One row for each question of the book. The answers are put together from the recorded numbers by fixed rules: change
# the profile, run again, and they change with it. Those on scores are corrected (Holm) over all of these questions.

# %%
summary.learned(run).style.set_properties(**{"text-align": "left", "white-space": "normal"}).hide()

# %% [markdown]
# **What to notice.** Read the rows together. If DiVE does not beat greyscale copies, the row on the right person says
# whether the labels are at fault, the row on real infrared whether the look is, and the two on the prompt which of the
# words was not learned. If it *does* beat them, the fair ceiling says how much is left to win.
#
# ## Beside the papers
#
# A number of ours stands beside a paper's only if it was measured under the paper's conditions: the same data set,
# direction, protocol settings, method, training data and external set, at least as many trials, and every setting of
# the method, the generator and the expansion as it was published (or as the paper changed it in that row). **Numbers
# from the miniature world are therefore never beside a paper's**: they are no reproduction, and cannot be one.
#
# A small difference reproduces nothing if the seeds scatter widely, and a large one refutes nothing. So the status is
# an *equivalence test*. The paper's file states a tolerance, with its reason. Five statuses are possible:
#
# - *reproduced* (✓): the 90 % interval of our mean lies within the printed number ± the tolerance (two one-sided tests
#   at 5 %; Schuirmann 1987);
# - *differs* (≠): our 95 % interval lies outside that range as a whole;
# - *inconclusive* (~): neither, and more seeds are needed. With three seeds that scatter by one point, a tolerance of
#   one point is too narrow for any mean to be *reproduced*;
# - *one seed* (?): a single training says nothing about the mean of others;
# - *not yet run*: nothing was measured under these conditions.
#
# The interval is over seeds, or over RegDB's ten splits. The printed number is taken as it stands: papers print neither
# its spread nor of how many trainings it is the mean.

# %%
beside = paper_table.beside_papers(results.scores(run, others=True))
summary.statuses(beside).style.hide()

# %%
for title, table in paper_table.show_papers(beside):
    ran = beside.loc[(beside["paper"] + ", Table " + beside["table"].astype(str)) == title.split(":")[0], "seeds"].any()
    display(table if ran else HTML(f"<details><summary>{title}: not yet run</summary>{table.to_html()}</details>"))

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
summary.conditions(run).style.hide()

# %%
spent = summary.minutes(run)
plots.bars(
    [f"{row.stage} ({row.runs})" for row in spent.head(14).itertuples()],
    spent["minutes"].head(14).tolist(),
    reference=None,
    axis="wall time of all runs of a stage (minutes; number of runs in brackets)",
)

# %%
longest = results.stages(run.cache).nlargest(12, "minutes")
longest = longest[["stage", "minutes", "attempts", "finished", "source"]]
longest.style.format({"minutes": "{:.2f}", "finished": minute}).hide()

# %% [markdown]
# **What to notice.** The longest stages are what a further seed, or a further training set, would cost. Each is a
# folder of the workspace; `results.stages(run.cache)` lists them all.
#
# `source` is a digest of the library's code at that time: two rows with different digests were made by different code.
# `attempts` above 1 means that the stage was interrupted and resumed; on a CPU it then ends with the same weights, bit
# for bit.
#
# ## Limits
#
# - **The miniature world is a model of the problem, not the problem.** Its people are drawn, its materials follow a law
#   that we wrote, its base model has a few million weights. It can show *mechanisms* (that copies help, why identity is
#   lost, which part carries the modality); it cannot show how large they are on SYSU-MM01.
# - **One generator.** The intervals are over seeds of the ReID training. The generator behind them was fine-tuned once
#   (on RegDB, once for each split): a second fine-tuning could move all rows that use it together.
# - **Few seeds.** Student's interval over three seeds is wide, and it should be: it is what three seeds allow to say.
# - **Settings were chosen on validation identities**, never on the test set, and the network of the last step is taken.
#   Numbers in the literature are often those of the epoch that is best *on the test set* (chapter 8 shows what this
#   alone is worth).
# - **Equal effort is a choice too.** A larger set may deserve a longer training. Papers mostly give it one, since their
#   epochs grow with the images (`reid.length: published`); the table of what the trainings were given says what this
#   run did.
# - **Judges are networks.** "Shows the right person" means: to a network that is itself wrong quite often.
#
# ## Exercises
#
# **1.** A table says 40.0 ± 2.0 and 43.0 ± 2.0, three seeds each. Is the second better? With how many seeds, at the
# same spread, would 3 points leave the noise?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 1.
# With three seeds the 95 % margin is 4.5 points: within noise. It falls below 3 points with five seeds on
# each side. (Whoever adds seeds until the interval leaves zero, and then stops, cheats: decide on the number before.)
import scipy.stats


def margin(n, s=2.0):
    return scipy.stats.t.ppf(0.975, 2 * (n - 1)) * s * (2 / n) ** 0.5


assert round(margin(3), 1) == 4.5 and margin(4) > 3 > margin(5)
print(", ".join(f"{n} seeds: ±{margin(n):.1f}" for n in range(2, 8)))

# %% [markdown]
# **2.** Somebody compares 20 settings with the baseline, each with an honest 95 % interval, and none of them truly
# differs. How many will come out as better or worse? How likely is at least one?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 2.
# One in twenty: one on average, and at least one with probability 1 - 0.95^20 = 64 % (were the comparisons
# independent; sharing the baseline makes them less so). A table with many rows always has a winner.
assert abs(20 * 0.05 - 1) < 1e-12 and round(1 - 0.95**20, 2) == 0.64
rows = len({(row.training, row.mode) for row in scores.itertuples() if row.training != "real"})
print(
    f"This run compares {rows} rows with the baseline: without correction {0.05 * rows:.1f} false alarms on average, "
    f"at least one with {1 - 0.95**rows:.0%}; with Holm's, at least one with 5% at most"
)

# %% [markdown]
# ## Something to try
#
# 1. **Another seed.** Add a seed to `reid.seeds` in a copy of the profile and run chapters 4 and 7. Only the new
#    trainings run; every interval should shrink a little. Did a hollow dot become full, or the other way round?
# 2. **mAP instead of rank-1.** `vireid book --only 07 -p metric=mean_ap`. Expect the same order with smaller
#    differences; if the order changes, say which of the two you would report, *before* you look which suits you better.
#
# ## Further reading
#
# The five papers (those whose tables this book has stand above):
#
# - Dai, Lu, Li: "Diffusion-based Synthetic Data Generation for Visible-Infrared Person Re-Identification", AAAI 2025
#   (DiVE).
# - Kim, Gwon, Seo: "Enhancing Diverse Intra-identity Representation for Visible-Infrared Person Re-Identification",
#   WACV 2024 (DEN).
# - Zhang, Wang: "Diverse Embedding Expansion Network and Low-Light Cross-Modality Benchmark for Visible-Infrared Person
#   Re-identification", CVPR 2023 (DEEN).
# - Wang, Yang, Zhang, Cheng, Hou, Tiwari, Pandey: "Cross-Modality Paired-Images Generation and Augmentation for
#   RGB-Infrared Person Re-Identification", Neural Networks 2020 (JSIA-ReID).
# - Pan, Chen, He, Li, He: "How Image Generation Helps Visible-to-Infrared Person Re-Identification?", arXiv 2022
#   (Flow2Flow).
#
# And on comparing: Bouthillier et al.: "Accounting for Variance in Machine Learning Benchmarks", MLSys 2021; Musgrave,
# Belongie, Lim: "A Metric Learning Reality Check", ECCV 2020; Holm: "A simple sequentially rejective multiple test
# procedure", Scandinavian Journal of Statistics 1979; Schuirmann: "A comparison of the two one-sided tests procedure
# and the power approach for assessing the equivalence of average bioavailability", Journal of Pharmacokinetics and
# Biopharmaceutics 1987.
