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
# # 8 · Pitfalls: how to get a wrong number
#
# **The question.** Which mistakes change a score without raising an error? Each mistake below can cost weeks, and
# published code has several of them. Here we make each on purpose, on this run's own network and test images.
#
# **This chapter** reads the data sets of [chapter 1](01_datasets.py) and the baseline networks of
# [chapter 4](04_reid_training.py), makes a table for each mistake and a few short trainings (for the last). It costs,
# on the miniature world, about a minute the first time and seconds later.
#
# **You will learn**
#
# - to recognise seven mistakes by what they do to a number;
# - how large each is on this run, and which of them make a number look better than it is;
# - what to print, so that you find them before you believe the number.
#
# **You need** [chapter 1](01_datasets.py) (the protocol) and [chapter 4](04_reid_training.py) (the trainings).

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
candidates = 60  # 4 or more: how many equally good networks section 5 makes
steps = 80  # length of the short trainings of section 7

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch.nn.functional import normalize

from vireid_lib import experiment, viz
from vireid_lib.evaluation import evaluate, score
from vireid_lib.reid.features import extract
from vireid_lib.viz import widgets

viz.notebook_style()
run = experiment.open(profile, workspace, data_root)
run

# %% [markdown]
# Everything but the last two sections works on one network, the baseline of [chapter 4](04_reid_training.py) (real
# images only, first seed), and on the first trial of the protocol. The network is neither trained nor changed in
# between: **whatever moves below is the evaluation**.

# %%
features, test = run.features("real", run.profile.reid.seeds[0])
protocol = run.protocol()
trial = protocol.trials(test)[0]
print(f"{protocol.name}: {len(trial.query)} queries, {len(trial.gallery)} gallery images")

# %% [markdown]
# One function does all the ranking below. Its arguments are the pitfalls: the queries, the gallery, and the rule.


# %%
def ranked(features, query, gallery, rule, distances=None):
    """Scores of one trial; the tables' index says which features are whose."""
    if distances is None:
        unit = normalize(features)
        distances = 1 - unit[query.index.to_numpy(copy=True)] @ unit[gallery.index.to_numpy(copy=True)].T
    return score(
        distances,
        query_ids=query["identity"].to_numpy(),
        gallery_ids=gallery["identity"].to_numpy(),
        query_cameras=query["camera"].to_numpy(),
        gallery_cameras=gallery["camera"].to_numpy(),
        rule=rule,
    )


baseline = ranked(features, trial.query, trial.gallery, protocol.rule)
print(f"rank-1 {100 * baseline.rank(1):.1f} %, mAP {100 * baseline.mean_ap:.1f} %")

# %% [markdown]
# ## 1. The direction, swapped
#
# "Visible to infrared" means: the queries are visible images, the gallery is infrared. In code the order of two
# arguments decides, and nothing complains.

# %%
rows = {}
for name, asks, answers in (("as defined", trial.query, trial.gallery), ("swapped", trial.gallery, trial.query)):
    found = ranked(features, asks, answers, protocol.rule)
    rows[name] = {
        "asks": "/".join(sorted(asks["modality"].unique())),
        "rank-1": 100 * found.rank(1),
        "mAP": 100 * found.mean_ap,
        "queries that count": found.valid_queries,
        "gallery images": len(answers),
    }
pd.DataFrame.from_dict(rows, orient="index").round(1)

# %% [markdown]
# **What to notice.** The features are the same to the last bit; only the question changed. Neither row is wrong in
# itself: they are two different tasks, and one of them is not the one in the heading. Compare the numbers of queries:
# where they differ, they give the mistake away. (DiVE's own Table 2 seems to have the two LLCM headers swapped, and
# LLCM's released evaluator asks with the 619 sampled infrared images where its paper asks with all 8,680 visible ones.)
#
# **What to do.** Print the queries' modality and the number of queries that count with every score, and compare with
# the manifest.
#
# ## 2. The removal rule, borrowed
#
# Projects copy evaluation code from each other, and each data set's [rule](glossary.md#removal-rule) with it. The same
# features and the same gallery, under the rules of four data sets:

# %%
rows = {}
for rule in dict.fromkeys([protocol.rule, "sysu-mm01", "regdb", "llcm", "market-1501"]):
    found = ranked(features, trial.query, trial.gallery, rule)
    rows[rule] = {"rank-1": 100 * found.rank(1), "rank-10": 100 * found.rank(10), "mAP": 100 * found.mean_ap}
pd.DataFrame.from_dict(rows, orient="index").rename_axis("rule").round(1)

# %% [markdown]
# **What to notice.** The first row is right here. The others are off by what their rules keep or remove: `regdb`
# removes nothing and counts images, `llcm` and `market-1501` remove images of the query's identity from a camera of the
# same number, and know nothing of a camera in the same room. Differences may be small. So nobody stumbles over them,
# and a gain of a point may consist of them.
#
# **What to do.** Store the rule with the data set and not in the script, as here, and print its name.
#
# ## 3. What the CMC counts
#
# SYSU-MM01 and LLCM count each identity once (its best image), RegDB and Market-1501 count images. The same rankings of
# the whole gallery, counted both ways; the library's count of images (RegDB's) is the first:

# %% tags=["by-hand"]
unit, ranks = normalize(features), {"every image": [], "each identity once": []}
for row, query in trial.query.iterrows():
    order = (unit[trial.gallery.index.to_numpy(copy=True)] @ unit[row]).argsort(descending=True, stable=True)
    names = trial.gallery["identity"].to_numpy()[order.numpy()]
    if query["identity"] in names:
        ranks["every image"].append(1 + list(names).index(query["identity"]))
        ranks["each identity once"].append(1 + list(dict.fromkeys(names)).index(query["identity"]))

k = np.arange(1, 21)
curves = {name: np.array([np.mean(np.array(own) <= each) for each in k]) for name, own in ranks.items()}
librarys = ranked(features, trial.query, trial.gallery, "regdb").cmc[:20]
np.testing.assert_allclose(curves["every image"][: len(librarys)], librarys, atol=1e-9)
assert (curves["each identity once"] >= curves["every image"]).all()

for name, curve in curves.items():
    plt.plot(k, 100 * curve, marker="o", markersize=4, label=name)
plt.xlabel("rank")
plt.ylabel("queries matched (%)")
plt.xticks([1, 5, 10, 15, 20])
plt.title("One set of rankings, two curves")
plt.legend()
plt.show()

# %% [markdown]
# **What to notice.** At rank 1 the two agree, since the first image is the first identity. Beyond it the count of
# identities is never lower: three wrong images of one person are one mistake for it and three for the other. (MPANet's
# evaluator for RegDB counts identities, AGW's counts images: their rank-10 and rank-20 do not compare.)
#
# **What to do.** Say which count it is with every rank-5, rank-10, rank-20. Where you cannot find out, compare rank-1
# and mAP only.
#
# ## 4. Equal distances
#
# A network that collapses gives every image the same feature. All distances are then equal, and the order of the
# gallery in memory decides which image comes first. Three evaluators report of such a network:

# %%
right = torch.from_numpy(trial.query["identity"].to_numpy()[:, None] == trial.gallery["identity"].to_numpy()[None])
orders = {
    "wrong images first (this book)": torch.zeros(right.shape),  # all ties, which the library ranks pessimistically
    "as the gallery is listed": torch.arange(right.shape[1]).expand(right.shape).float(),
    "right images first": -right.float(),
}
rows = {}
for name, distances in orders.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the ties: they are the point
        found = ranked(features, trial.query, trial.gallery, protocol.rule, distances)
    rows[name] = {"rank-1": 100 * found.rank(1), "mAP": 100 * found.mean_ap}
pd.DataFrame.from_dict(rows, orient="index").rename_axis("equal distances are ranked").round(1)

# %% [markdown]
# **What to notice.** The network knows nothing, and the table goes from the bottom to the top of the scale. Nobody
# writes "right images first" on purpose; it happens where queries and gallery are listed in the same order and the sort
# is stable. Nor does it take a whole collapse: features stored in half precision, or rounded distances, tie too.
#
# **What to do.** Rank ties against yourself, as this book does, and warn of them:

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    score(np.zeros((1, 3), np.float32), query_ids=["A"], gallery_ids=["A", "B", "C"], rule="regdb")
print(caught[0].message)

# %% [markdown]
# ## 5. The epoch that was best on the test set
#
# The released code of most methods tests after every epoch and keeps the best. How much does that give for free? Let us
# make networks that are *equally good by construction*: this one's features, each time with other noise, as the last
# epochs of a training differ. Half of the test identities choose the best; the other half, which did not choose, tells
# how good it is.

# %%
NOISE = 0.5  # of the features' own standard deviation

identities = sorted(set(trial.query["identity"]) & set(trial.gallery["identity"]))
halves = {"choosing half": identities[::2], "other half": identities[1::2]}
draw, rows = torch.Generator().manual_seed(0), []
for _ in range(candidates):
    noisy = features + NOISE * features.std() * torch.randn(features.shape, generator=draw)
    row = {}
    for name, half in halves.items():
        query, gallery = (part[part["identity"].isin(half)] for part in (trial.query, trial.gallery))
        row[name] = 100 * ranked(noisy, query, gallery, protocol.rule).rank(1)
    rows.append(row)
networks = pd.DataFrame(rows)

# %%
best = networks["choosing half"].idxmax()
plt.figure(figsize=(4.4, 3.8))
plt.plot(networks["choosing half"], networks["other half"], "o", color="C5", markeredgecolor="white")
plt.plot(*networks.loc[best], "o", color="C1", markersize=9, label="chosen")
plt.axvline(networks["choosing half"].mean(), color="gray", linestyle="--", linewidth=1)
plt.axhline(networks["other half"].mean(), color="gray", linestyle="--", linewidth=1)
plt.xlabel("rank-1 on the half that chooses (%)")
plt.ylabel("rank-1 on the other half (%)")
plt.title("Equally good networks")
plt.legend()
plt.show()

# %%
draw, rows = np.random.default_rng(0), {}
above = networks - networks.mean()
for looked_at in (count for count in (2, 5, 10, 20, 50) if 2 * count <= candidates):
    looks = [draw.permutation(candidates)[:looked_at] for _ in range(2000)]
    chosen = [look[above["choosing half"].to_numpy()[look].argmax()] for look in looks]
    rows[looked_at] = above.loc[chosen].mean()
selection_bias = pd.DataFrame(rows).T.rename_axis("networks looked at")
selection_bias.style.format("{:+.1f}")

# %% [markdown]
# The same by hand: look at the first few networks, in the order in which they were made, and keep the best.


# %%
def keep_the_best(looked_at=10):
    """The network that is best on the choosing half among the first ones."""
    kept = networks["choosing half"][:looked_at].idxmax()
    figure, axes = plt.subplots(figsize=(5.4, 2.6))
    for name, colour in (("choosing half", "C1"), ("other half", "C0")):
        axes.plot(networks[name][:looked_at], "o-", color=colour, markersize=4, linewidth=0.8, label=name)
        axes.plot(kept, networks[name][kept], "o", color=colour, markersize=10, fillstyle="none")
        axes.axhline(networks[name].mean(), color=colour, linestyle=":", linewidth=1)
    axes.set_xlabel("network")
    axes.set_ylabel("rank-1 (%)")
    axes.set_title(f"The best of {looked_at}; dotted: the mean of all")
    axes.legend()
    plt.close(figure)
    return figure


widgets.explore(keep_the_best, looked_at=[5, 10, 20, candidates])

# %% [markdown]
# **What to notice.** The table lets the test choose among a number of the networks, again and again, and says by how
# many points the chosen one stands above the mean of all, on the half that chose and on the other. The left column is
# the selection bias: it grows with every epoch that one looks at, and with fewer test identities it is larger. The
# right column is what remains of it on identities that did not choose: nothing but chance. A method that is tested
# twice as often "gains" without having learned anything.
#
# **What to do.** Fix the number of steps beforehand and take the last network, as this book does, or choose on
# validation identities. Where a paper's number is the best epoch's, say so next to it.
#
# ## 6. One network for ten splits
#
# RegDB has ten published splits, each cutting its 412 identities anew into halves for training and test. They need ten
# networks. Testing *one* network on all ten splits is quicker, runs without complaint, and tests identities that the
# network was trained on.
#
# The same here: ten splits of this data set's identities. The first has the network's own test identities alone; the
# others cut training and test identities anew, as RegDB's splits do. Every split tests the same number of identities.

# %%
known = run.data().train_rows()
both = [[name for name, own in table.groupby("identity") if own["modality"].nunique() == 2] for table in (known, test)]
size, draw = min(map(len, both)), np.random.default_rng(0)
trained_on, tested = (sorted(draw.choice(names, size, replace=False)) for names in both)
whole = run.protocol(whole=True)  # each split's identities in one gallery
splits = [tested] + [sorted(draw.permutation([*trained_on, *tested])[:size]) for _ in range(9)]

rows = []
for seed in run.profile.reid.seeds:
    network, config = run.network("real", seed)
    of_known = extract(network.to(run.device), known, config, run.cache.files)
    held = torch.cat([of_known, run.features("real", seed)[0]])
    table = pd.concat([known, test], ignore_index=True).assign(split="test")
    for split, names in enumerate(splits, start=1):
        kept = table["identity"].isin(names).to_numpy(copy=True)
        own = whole.trials(table[kept].reset_index(drop=True))[0]
        found = ranked(held[torch.from_numpy(kept)], own.query, own.gallery, protocol.rule)
        seen = 100 * len(set(names) & set(trained_on)) / size
        rows.append({"seed": seed, "split": split, "seen": seen, "rank-1": 100 * found.rank(1)})
leaked = pd.DataFrame(rows)

# %%
for own, words, colour in ((False, "another split", "C1"), (True, "the network's own split", "C5")):
    part = leaked[(leaked["split"] == 1) == own]
    plt.plot(part["seen"], part["rank-1"], "o", color=colour, markeredgecolor="white", label=words)
plt.xlabel("test identities that the network was trained on (%)")
plt.ylabel("rank-1 (%), a dot for each split and seed")
plt.title("One network, ten splits")
plt.legend()
plt.show()

# %%
parts = {"its own split (nobody known)": leaked[leaked["split"] == 1], "mean of all ten splits": leaked}
pd.DataFrame({name: part[["seen", "rank-1"]].mean() for name, part in parts.items()}).T.round(1)

# %% [markdown]
# **What to notice.** The first row is the truth about identities that the network has not met; the second would be
# reported as "the mean of ten trials". Follow the dots from left to right: how much is one more known identity in ten
# worth? A network that had learned the *task* and not its training identities would show a flat cloud. (Training and
# test identities are different people here as well, so they may cause a small slope, or dots off the line.)
#
# **What to do.** Tie each network to the identities that it was trained on, and let the evaluation refuse them:

# %%
try:
    evaluate(features, test, protocol, trained_identities=set(test["identity"]))
except ValueError as error:
    print(f"refused: {error}")

# %% [markdown]
# ## 7. A larger batch
#
# More training data tempts one to take more identities into each batch: DiVE's released fork of DEEN takes 16 where
# DEEN itself takes 6. Whatever that changes is then credited to the data. Below, *the data is the same*. Short
# trainings on real images only: half the batch, the whole batch, and half the batch for twice as long, which sees as
# many images as the whole.

# %%
from vireid_lib.experiment import results
from vireid_lib.experiment.trainings import evaluate_all

whole = run.reid_config.identities
half, trainings = max(2, whole // 2), []
for seed in run.profile.reid.seeds[:2]:
    for count, length in ((half, steps), (whole, steps), (half, 2 * steps)):
        own = run.with_method(run.profile.reid.method, {"identities": count, "steps": length})
        trainings.append((own, "real", seed))

evaluated = results.score_table(evaluate_all(trainings))
evaluated = evaluated[evaluated["mode"] == run.profile.evaluation.modes[0]]
settings = pd.DataFrame(evaluated["resolved"].tolist(), index=evaluated.index)
batches = pd.DataFrame(
    {
        "identities in a batch": settings["reid.config.identities"],
        "steps": settings["reid.config.steps"],
        "rank-1": 100 * evaluated["rank_1"],
    }
)
batches.groupby(["identities in a batch", "steps"], sort=False)["rank-1"].agg(["mean", "std", "size"]).round(1)

# %% [markdown]
# **What to notice.** Compare the first two rows with the ± behind them: same data, same number of steps, so a
# difference between them has nothing to do with data. Does it come from the images seen, or from the company in the
# batch (more strangers, and harder ones among them)? The third row has the images without the company. These trainings
# are far too short to say how good a method is, and two seeds say little about the size of a difference. Are they
# enough to show that a batch is no detail?
#
# **What to do.** Give every row of a comparison the same batch and the same number of steps, or show that neither
# matters. [Chapter 4](04_reid_training.py) prints both with its results.
#
# ## Where papers and their code differ
#
# This is less dramatic, and frequent: text and released code disagree, and a reimplementation has to choose. The book
# takes the text, offers the release by name, and says which with every number.
#
# | what | in the text | in the released code | in this book |
# |---|---|---|---|
# | DiVE, LoRA | a branch for each code | one for all codes | `lora_scope` |
# | DiVE, codes | 8 characters | 4 characters | `code_length`, `form` |
# | DiVE, sampling | 25 steps | 50 steps | `sampling_steps`, `form` |
# | DEEN, orthogonal loss | weight 0.1 | weight 0.01 | `form` |
# | DEEN, learning rate | falls at epochs 20, 60, 120 | falls at 20 and 80; the third can't be reached | `form` |
# | AGW, GeM | $p$ is learned | $p$ stays 3 | fixed |
# | LLCM, visible to infrared | queries: all visible images | queries: the sampled infrared images | `reading` |
# | SYSU-MM01, gallery | the set's own draws | drawn from a seed (AGW, CAJ, DEEN, DART) | `draw`; seeded unless told |
#
# ## Exercises
#
# **1.** RegDB cuts 412 identities into halves, ten times. A network was trained on the first split. What share of the
# test identities of another split has it seen, on average, and how unlikely is a split in which it has seen fewer than
# 40 %?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 1.
# Each test identity of the other split is a training identity of the first with probability one half. The
# number seen follows a hypergeometric law: 206 drawn out of 412, 206 of which are known; its mean is 103, its standard
# deviation 5. Fewer than 40 % (83 identities) lies four deviations below: it does not happen.
import scipy.stats

law = scipy.stats.hypergeom(412, 206, 206)
assert law.mean() == 103 and round(law.std(), 1) == 5.1 and law.cdf(82) < 1e-3
draw = np.random.default_rng(0)
seen = [np.isin(draw.permutation(412)[:206], np.arange(206)).mean() for _ in range(2000)]
assert abs(np.mean(seen) - 0.5) < 0.005 and min(seen) > 0.38
print(f"drawn 2000 times: mean {np.mean(seen):.1%}, least {min(seen):.1%}, largest {max(seen):.1%}")

# %% [markdown]
# **2.** The scores of equally good epochs scatter normally, with a standard deviation of 0.5 points. By how much does
# the best of 10 stand out, of 50, of 100? And if epochs resemble their neighbours, so that 100 of them are worth only
# 10 independent ones?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 2.
# The expected largest of n normal numbers is 1.54, 2.25 and 2.51 standard deviations for n = 10, 50, 100:
# 0.8, 1.1 and 1.3 points here, as much as many a claimed gain. If 100 epochs are worth 10, it is 0.8.
best = {n: 0.5 * draw.standard_normal((20_000, n)).max(1).mean() for n in (10, 50, 100)}
assert all(abs(best[n] - 0.5 * expected) < 0.02 for n, expected in ((10, 1.54), (50, 2.25), (100, 2.51)))
print(", ".join(f"best of {n}: +{value:.2f} points" for n, value in best.items()))

# %% [markdown]
# ## Something to try
#
# 1. `vireid book --only 08 -p candidates=200`: read the selection bias again. *Expect* the left column to stay, and the
#    right one to come nearer to zero.
# 2. Score the features in half precision (`features.half().float()`) with `ranked`. *Expect* no warning as
#    long as the network is a good one: ties matter when features crowd together.
#
# ## Further reading
#
# - Musgrave, Belongie, Lim: "A Metric Learning Reality Check", ECCV 2020: what became of ten years of progress when
#   batches, backbones and the choice of the epoch were made equal.
# - Bouthillier et al.: "Accounting for Variance in Machine Learning Benchmarks", MLSys 2021.
# - Ye, Shen, Lin, Xiang, Shao, Hoi: "Deep Learning for Person Re-identification: A Survey and Outlook", IEEE TPAMI
#   2022: whose evaluation code most of the field uses.
# - Wu, Zheng, Yu, Gong, Lai: "RGB-Infrared Cross-Modality Person Re-Identification", ICCV 2017: the protocol as it was
#   meant.
