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
# # 1 · Data: one person in two lights
#
# **The question.** A camera that films in colour by day switches to infrared at night. Which parts of a person's look
# survive that switch, and how does one measure, without fooling oneself, whether a network recognises the person again?
#
# **This chapter** reads the data sets of the profile (on the miniature world it draws them first), makes a check of
# each and one table of all images, and costs about a minute on two CPU cores; on real data some minutes, in which
# every image is decoded once.
#
# **You will learn**
#
# - what of a person's look survives the switch to infrared, and how to measure that without any network;
# - to follow one query through a protocol, by hand;
# - to turn a ranking into CMC, AP and INP.
#
# **You need** to read a little Python (tables, arrays), and nothing of the field: its words are explained as they come,
# and in the [glossary](glossary.md).

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
query_number = 0  # which of the queries section 6 follows

# %%
import numpy as np
from IPython.display import display

from vireid_lib import experiment
from vireid_lib import viz as plots
from vireid_lib.book import lessons, retrieval
from vireid_lib.data.images import load_images
from vireid_lib.data.manifest import load_manifest
from vireid_lib.experiment import measures
from vireid_lib.viz import explorers, pictures, widgets

run = experiment.open(profile, workspace, data_root)
run

# %% [markdown]
# ## 1. The task
#
# *Visible-infrared person re-identification* (VI-ReID) gets an image of a person from an infrared camera, the
# **[query](glossary.md#query-and-gallery)**, and must find images of the same person among those of visible cameras,
# the **gallery**. Nobody tells it who the people are: the identities in the test were never seen in training. So it
# can't learn faces by heart; it has to learn a *feature* $f(x)$ in which two images of one person lie close together,
# whatever the light.
#
# The training set has two halves (DiVE, "Formulation of VI-ReID", eq. 1):
#
# $$\mathcal{V} = \{(x_n^V, y_n^V)\}_{n=1}^{N_V}, \qquad \mathcal{I} = \{(x_n^I, y_n^I)\}_{n=1}^{N_I}$$
#
# $x_n^V$ is the $n$-th visible image and $x_n^I$ the $n$-th infrared one; $y$ is the person shown, the
# [*identity*](glossary.md#identity); $N_V$ and $N_I$ count the images. The halves are **not pairs**: no two cameras
# took the same moment in both lights. All that ties them together is that they show the same people.

# %% [markdown]
# ## 2. One table for everything
#
# Whatever a data set looks like on disk, this book reads it into one table: one row per image. Synthetic images will
# be rows of the same table, with the name of their generator under `source`.

# %%
data = run.data()
pictures.readable(data.target.sample(6, random_state=1).sort_index())

# %% [markdown]
# `identity` and `camera` carry the data set's name, so that two data sets can be joined without person 7 of the one
# becoming person 7 of the other. `split` says what an image may be used for: to learn from (`train`, `val`), or to be
# tested on (`test`).
#
# Images per camera and split:

# %%
counts = data.target.pivot_table(index=["camera", "modality"], columns="split", values="path", aggfunc="count")
counts.reset_index("modality")

# %% [markdown]
# And the people. **No identity is in two rows of this table**: that is what makes the test a test.

# %%
data.target.groupby("split").agg(people=("identity", "nunique"), images=("path", "count"))

# %% [markdown]
# ## 3. Is it the data set that the papers used?
#
# A copy with a folder missing trains without complaint and gives numbers that compare with nobody's. Each data set
# therefore has a [*manifest*](glossary.md#manifest) (`data_manifests/datasets/`) with the counts that its sources
# print, and a check that decodes every image and compares. `vireid data check NAME --root DIR` does the same in a
# terminal.

# %%
for name in run.profile.data.roots:
    print(measures.data_check(run, name).values["text"])

# %% [markdown]
# **What to notice.** Each count says where it comes from. Printed counts do contradict each other: for SYSU-MM01, one
# paper swaps two digits and another counts 296 training people where everyone else trains on 395 (train and val
# together). A check can't know who is right, but it can show which of them your copy agrees with.

# %% [markdown]
# ## 4. Contact sheet
#
# Rows are people, columns are cameras. Visible cameras stand on the left, infrared ones on the right.
# In JupyterLab, filter them by data set, split, modality, camera; what fits no filter leaves a gap.

# %%
explorers.browse(data.target, data.external)

# %% [markdown]
# **What to notice.** Go along a row and cover the left columns: would you find the person by the infrared image
# alone? Build, hair, bags, the cut of the clothes help; "the one in red" does not. Then go down a column: each camera
# has a background and a light of its own. A network that learns "this wall means this person" is right in training and
# useless in the test.

# %% [markdown]
# ## 5. What carries over to infrared, and what does not
#
# Near-infrared cameras (700–1000 nm, with a lamp beside the lens) see neither colour nor quite the brightness we know.
# A dye that is dark to the eye can be bright in infrared; a pattern printed in such a dye fades, or inverts.
#
# In reality nobody can photograph one moment in both lights with the same lens. The miniature world can, because it
# draws. Below, each column is one person at one moment: in colour, the same picture in grey, and in infrared. (With a
# profile on real data there is nothing to draw, and this figure and the next are left out.)

# %%
if run.miniature:
    from vireid_lib.data.grey import grey
    from vireid_lib.miniworld.paired_renders import materials, paired_renders, people_with_patterns

    changes = ["kept", "kept", "faded", "faded", "inverted", "inverted", "plain", "plain"]
    visible, infrared = paired_renders(people_with_patterns(changes))
    rows = [visible, grey(visible), infrared]
    labels = [f"pattern\n{change}" if change != "plain" else "no\npattern" for change in changes]
    display(plots.image_grid(rows, row_labels=["colour", "in grey", "infrared"], column_labels=labels, cell=1.6))

# %% [markdown]
# **What to notice.** Compare the second row with the third. If infrared were merely "grey", they would agree. They
# agree in the outline, the hair, the bag, the cut; they disagree in how bright each garment is and in what becomes of
# stripes and dots. A generator of infrared images that only takes the colour away (we shall use one as a reference)
# teaches a network the second row.
#
# Where does the brightness come from? In this world a material's infrared brightness $b$ follows
#
# $$b = c \cdot \ell + (1 - c) \cdot \beta, \qquad \beta \sim \mathrm{Beta}(1.6,\, 1.3)$$
#
# with $\ell$ the luminance that we see, $\beta$ a random number between 0 and 1 that belongs to the material, and $c$
# the share that luminance explains. $\beta$ can't be guessed from a visible image. Here are the clothes of 200 people,
# each dot in its own colour:

# %%
if run.miniature:
    from vireid_lib.miniworld.people import INFRARED_CORRELATION as c

    cloth = materials(200)
    display(plots.materials(cloth, slope=c, title="What infrared makes of a colour"))
    print(f"dashed: the law's slope, c = {c}; correlation {cloth['luminance'].corr(cloth['infrared']):.2f}")

# %% [markdown]
# **What to notice.** Take a vertical line through the cloud: one luminance, many infrared brightnesses. Two garments
# that are equally dark to us can be black and grey in infrared, and two of one colour can differ. So there is a limit
# to what *any* generator can know about the infrared look of somebody it has seen in colour only. It can be
# consistent; it can't be right. Chapter 4 measures that limit.
#
# ### The same question to the images of this profile
#
# Real or drawn, we can ask the images themselves. Take a few numbers that one can read off an image without any
# learning: how bright is the upper body, how red, how strongly does it vary from top to bottom (stripes). Average them
# over each person's images, once in half of the visible cameras, once in the other half, once in infrared, and
# correlate over people. The first correlation says what survives a mere change of camera, the second what survives the
# change of light.

# %%
from vireid_lib.analysis.cross_modal_correlation import cross_modal_correlation, descriptors

rows = data.train_rows()
pixels = load_images(rows["path"].tolist(), (64, 32), cache=run.cache.files).pixels
carried = cross_modal_correlation(descriptors(pixels), rows)
plots.carried_over(carried, title="What stays with a person from camera to camera, and from light to light")

# %%
lost = (carried["visible–visible"] - carried["visible–infrared"].fillna(0)).idxmax()
print(
    f"The modality costs most for '{lost}': {carried.loc[lost, 'visible–visible']:+.2f} between visible cameras, "
    f"{carried['visible–infrared'].fillna(0)[lost]:+.2f} from visible to infrared."
)

# %% [markdown]
# **What to notice.** Colour is the extreme case: within visible cameras it is one of the best clues there is, in
# infrared it is a constant. Brightness keeps part of its worth. (With few people a correlation is uncertain by about
# $1/\sqrt{n}$: the axis says how many there are.) This is the [*modality gap*](glossary.md#modality-gap) in its
# plainest form, before any network.

# %% [markdown]
# ## 6. The protocol, followed for one query
#
# A [protocol](glossary.md#protocol) says who asks, who answers, which gallery images do not count, and how the ranking
# becomes a number. All of it changes the number. The data set's own words:

# %%
protocol = run.protocol()
test = data.test()
trials = protocol.trials(test)
trial = trials[0]
print(
    f"{protocol.name}: {len(trial.query)} queries, {len(trial.gallery)} gallery images in each of {len(trials)} "
    f"trial(s).\n{load_manifest(run.profile.data.target).protocol.removal}"
)

# %% [markdown]
# What that does to one query: the gallery of a trial, people in rows, cameras in columns. Faded images are taken away
# for this query, the framed ones are what it should find. In JupyterLab, go through the trials (another draw of the
# gallery) and the queries (another camera asks).

# %%
explorers.view_trials(trials, protocol.rule)

# %% [markdown]
# **What to notice.** Which column is faded, if any? What is taken away depends on the camera that asks, and it takes
# right and wrong images alike. What is left to be found may be as little as one image.
#
# How many gallery images a query loses on average, by its own camera and by theirs:

# %%
explorers.removed_by_camera(trial, protocol.rule).round(1)

# %% [markdown]
# Since nothing has been learned yet, we rank by something that needs no learning: grey thumbnails of 16×8 pixels,
# compared by their cosine. It is a poor recogniser, which makes its ranking instructive.
#
# One query and the beginning of its ranked gallery:

# %%
thumbnails = load_images(test["path"].tolist(), (64, 32), cache=run.cache.files).pixels
features = lessons.untrained_features(thumbnails)
outcomes = retrieval.per_query(features, trial, protocol.rule)
candidates = outcomes.index[outcomes["removed"] == outcomes["removed"].max()]
ranking = retrieval.ranked(features, trial, protocol.rule, candidates[query_number % len(candidates)])


def first_images(query=query_number, shown=24):
    """The first images of one query's gallery."""
    asked = int(candidates[query % len(candidates)])
    first = retrieval.ranked(features, trial, protocol.rule, asked).head(shown)
    return plots.ranked_gallery(pictures.pixels(test.loc[[asked]])[0], pictures.pixels(test.loc[first["row"]]), first)


widgets.explore(first_images, query=range(0, len(candidates)), shown=[12, 24, 36])

# %%
asked = trial.query.loc[candidates[query_number % len(candidates)]]
left = ranking[~ranking["removed"]]
print(
    f"Query: {asked['identity']} from {asked['camera']}. The rule removes {int(ranking['removed'].sum())} of "
    f"{len(ranking)} gallery images; {int(left['right'].sum())} right ones are left, the first at rank "
    f"{left.loc[left['right'], 'rank'].min()}, the last at rank {left.loc[left['right'], 'rank'].max()}."
)

# %% [markdown]
# **What to notice.** ✓ and a solid frame is the same person, ✗ and a dashed frame another one, faded images are
# removed and get no rank. In SYSU-MM01 (and in the miniature world, which copies its layout) camera 3 is infrared and
# hangs in the same room as visible camera 2: without the rule, the same wallpaper would be the best clue. Look at what
# the first images have in common with the query: is it the person, or the background?

# %% [markdown]
# ### From a ranking to three numbers
#
# For one query, let its gallery (after removal) hold $R$ right images, and let $r_1 < r_2 < \dots < r_R$ be their
# ranks. Then
#
# $$\mathrm{CMC}(k) = \begin{cases}1 & r_1 \le k\\ 0 & \text{else}\end{cases}, \qquad
# \mathrm{AP} = \frac{1}{R}\sum_{j=1}^{R}\frac{j}{r_j}, \qquad
# \mathrm{INP} = \frac{R}{r_R}$$
#
# *CMC* (cumulative matching characteristic) asks whether one right image is among the first $k$; CMC(1) is called
# rank-1. *AP* (average precision) asks for all right images: $j/r_j$ is the share of right images down to the $j$-th
# hit. *INP* (inverse negative penalty; AGW, section 3.4) looks at the hardest one only: how far down must one read to
# have found them all? Averaged over queries they are the CMC curve, **mAP** and **mINP**.
#
# For the query above, in three lines:
#
# | symbol | in the code | what it is |
# |---|---|---|
# | $r_1, \dots, r_R$ | `r` | ranks of the right images among those that are left, ascending |
# | $R$ | `len(r)` | how many right images there are |
# | $j$ | `j` | 1, 2, … $R$: how many have been found by then |

# %% tags=["equation"]
r = left.loc[left["right"], "rank"].to_numpy(float)
j = np.arange(1, len(r) + 1)
average_precision, inverse_penalty = (j / r).mean(), len(r) / r[-1]

print(
    f"AP {average_precision:.4f}, INP {inverse_penalty:.4f}; the library says "
    f"AP {outcomes.loc[asked.name, 'average precision']:.4f}"
)

# %% [markdown]
# By hand, for one query of person A from camera 3, and six gallery images:

# %%
from vireid_lib.evaluation import score

distances = [[0.10, 0.20, 0.25, 0.30, 0.40, 0.60]]
gallery_ids = ["A", "B", "B", "A", "C", "A"]
gallery_cameras = [2, 1, 4, 1, 4, 5]
retrieval.ranking(distances[0], gallery_ids, gallery_cameras, query_id="A", query_camera=3, rule="sysu-mm01").drop(
    columns="position"
)

# %% [markdown]
# The nearest image is person A, but from camera 2: removed. Two images of B come next, then A at rank 3, C, and A at
# rank 5. So $R = 2$, $r = (3, 5)$, $\mathrm{AP} = \tfrac12(\tfrac13 + \tfrac25) = 0.3667$ and
# $\mathrm{INP} = \tfrac25 = 0.4$. The CMC of SYSU-MM01 counts each *identity* once: B, then A. So A is matched at
# rank 2, not 3. The library agrees:

# %%
scores = score(
    distances,
    query_ids=["A"],
    gallery_ids=gallery_ids,
    query_cameras=[3],
    gallery_cameras=gallery_cameras,
    rule="sysu-mm01",
)
print(f"CMC {scores.cmc.tolist()}, AP {scores.mean_ap:.4f}, INP {scores.mean_inp:.4f}")

# %% [markdown]
# And the grey thumbnails, over all queries of this trial, beside blind guessing:

# %%
untrained = lessons.score_trial(features, trial, protocol.rule)
print(
    f"grey thumbnails: rank-1 {untrained.rank(1):.1%}, mAP {untrained.mean_ap:.1%}, mINP {untrained.mean_inp:.1%} "
    f"({untrained.valid_queries} queries)\nguessing one of the {trial.gallery['identity'].nunique()} people: rank-1 "
    f"about {1 / trial.gallery['identity'].nunique():.1%}"
)

# %% [markdown]
# All of it depends on details: who asks, what is removed, what is counted, how ties fall, which network is tested.
# Chapter 8 gets each of them wrong on purpose and shows what that is worth.

# %% [markdown]
# ## Exercises
#
# Try them on paper or in a cell of your own; the solution unfolds with a click.
#
# **1.** In the worked example of section 6, let the image from camera 2 come from camera 1 instead. What are the ranks
# of the right images now, and what AP and INP?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 1.
# Nothing is removed any more: the right images stand at ranks 1, 4 and 6, so
# AP = (1/1 + 2/4 + 3/6) / 3 = 2/3 and INP = 3/6. One image, and AP nearly doubles:
# that is what leaving out a removal rule does.
kept = score(
    distances,
    query_ids=["A"],
    gallery_ids=gallery_ids,
    query_cameras=[3],
    gallery_cameras=[1, *gallery_cameras[1:]],
    rule="sysu-mm01",
)
assert abs(kept.mean_ap - 2 / 3) < 1e-6 and kept.mean_inp == 3 / 6 and kept.rank(1) == 1
print(f"AP {kept.mean_ap:.4f}, INP {kept.mean_inp:.4f}, rank-1 {kept.rank(1):.0%}")

# %% [markdown]
# **2.** A gallery holds $n$ images, one of which is right, and a recogniser guesses. What are its rank-1 and its AP on
# average? Which of the two is kinder to a guesser?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 2.
# The right image stands at every rank with probability 1/n. Rank-1 is therefore 1/n, and AP, which is
# 1/rank here, is (1 + 1/2 + ... + 1/n) / n on average: larger by about ln n. A mAP of a few percent can be pure chance.
n = 100
guessed = np.random.default_rng(0).integers(1, n + 1, size=100_000)
expected = (1 / np.arange(1, n + 1)).sum() / n
assert abs((1 / guessed).mean() - expected) < 0.002 and abs((guessed == 1).mean() - 1 / n) < 0.002
print(
    f"n = {n}: rank-1 {1 / n:.1%}, mAP {expected:.1%}; of 100,000 guesses {(guessed == 1).mean():.1%} and "
    f"{(1 / guessed).mean():.1%}"
)

# %% [markdown]
# ## Something to try
#
# Set `query_number` to another value (or move the slider in JupyterLab) until you find a query whose first image is
# right. Is it right because of the person? *Expect* many hits that share a bright or dark silhouette with the query and
# little else: that is all that a grey thumbnail sees.
#
# ## Further reading
#
# - Wu, Zheng, Yu, Gong, Lai: "RGB-Infrared Cross-Modality Person Re-Identification", ICCV 2017: SYSU-MM01, the first
#   large data set, and its protocol.
# - Nguyen, Hong, Kim, Park: "Person Recognition System Based on a Combination of Body Images from Visible Light and
#   Thermal Cameras", Sensors 17(3), 2017: RegDB.
# - Zhang, Wang: "Diverse Embedding Expansion Network and Low-Light Cross-Modality Benchmark for Visible-Infrared
#   Person Re-identification", CVPR 2023: LLCM.
# - Zheng, Shen, Tian, Wang, Wang, Tian: "Scalable Person Re-identification: A Benchmark", ICCV 2015: Market-1501, and
#   why average precision is reported beside the CMC.
# - Ye, Shen, Lin, Xiang, Shao, Hoi: "Deep Learning for Person Re-identification: A Survey and Outlook", IEEE TPAMI
#   2022: the field at a glance, AGW, and mINP.
