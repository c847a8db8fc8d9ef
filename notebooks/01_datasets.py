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
# # 1 · Data: one person in two modalities
#
# **The question.** A camera that films in colour by day switches to infrared at night. Which parts of a person's look
# survive that switch, and how does one measure, without fooling oneself, whether a network recognises the person again?
#
# **This chapter** reads the data sets of the profile (on the miniature world it draws them first). It makes a check of
# each, one table of all images, and the scores of a recogniser that has learned nothing. It costs about a minute on two
# CPU cores; on real data some minutes, in which every image is decoded once.
#
# **You will learn**
#
# - to read a data set's folder into a table, and to see which identities it holds;
# - what of a person's look survives the switch to infrared, and how to measure that without any network;
# - to draw a gallery, to apply a removal rule, and to turn rankings into CMC, mAP and mINP, by hand.
#
# **You need** a little Python (tables, arrays) and no knowledge of the field: the text explains its words as they come,
# and so does the [glossary](glossary.md).

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
query_number = 0  # which of the queries section 6 follows

# %%
import random
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import display

from vireid_lib import experiment, viz
from vireid_lib.data.images import load_images
from vireid_lib.data.layouts import read_dataset
from vireid_lib.data.manifest import load_manifest
from vireid_lib.evaluation import evaluate, score
from vireid_lib.evaluation.rules import RULES
from vireid_lib.viz import images as pictures
from vireid_lib.viz import widgets
from vireid_lib.viz.images import short

viz.notebook_style()
run = experiment.open(profile, workspace, data_root)
run

# %% [markdown]
# ## 1. The task
#
# *Visible-infrared person re-identification* (VI-ReID) gets an image of a person from an infrared camera, the
# **[query](glossary.md#query-and-gallery)**, and must find images of the same person among those of visible cameras,
# the **gallery**. The test identities were never seen in training. So the network can't learn people by heart; it has
# to learn a *feature* $f(x)$ in which two images of one person lie close together, whatever the modality.
#
# The training set has two halves (DiVE, "Formulation of VI-ReID", eq. 1):
#
# $$\mathcal{V} = \{(x_n^V, y_n^V)\}_{n=1}^{N_V}, \qquad \mathcal{I} = \{(x_n^I, y_n^I)\}_{n=1}^{N_I}$$
#
# $x_n^V$ is the $n$-th visible image and $x_n^I$ the $n$-th infrared one; $y$ is the person shown, the
# [*identity*](glossary.md#identity); $N_V$ and $N_I$ count the images. The halves are **not pairs**: no two cameras
# took the same moment in both modalities. Only the identities tie the two halves together.

# %% [markdown]
# ## 2. One table for everything
#
# This book reads every data set into one table, with one row per image. Synthetic images will be rows of the same
# table, with the name of their generator under `source`. A row holds this and no more:


# %% tags=["by-hand"]
def row(data_set, path, person, camera, modality, split):
    return {
        "path": str(path),
        "identity": f"{data_set}/{person:04d}",  # with the data set's name: person 7 of two sets is two identities
        "camera": f"{data_set}/{camera}",
        "modality": modality,
        "split": split,
        "source": "real",
        "seed": None,  # the random seed of a synthetic image
    }


# %% [markdown]
# SYSU-MM01 says in folders what an image shows: `cam3/0042/0007.jpg` is image 7 of person 42 from camera 3. Three lists
# assign the people to the [splits](glossary.md#split). The miniature world copies this layout.

# %% tags=["by-hand"]
MODALITY = {1: "visible", 2: "visible", 3: "infrared", 4: "visible", 5: "visible", 6: "infrared"}


def walk_sysu(root, data_set):
    """One row per image of a listed person, in SYSU-MM01's layout."""
    split, rows = {}, []
    for part in ("train", "val", "test"):
        for number in (root / "exp" / f"{part}_id.txt").read_text().replace(",", " ").split():
            split[int(number)] = part
    for path in root.glob("cam*/*/[!.]*.jpg"):
        camera, person = int(path.parts[-3].removeprefix("cam")), int(path.parts[-2])
        if person in split:  # SYSU-MM01 holds people who are in no list: seen in one modality only
            rows.append(row(data_set, path, person, camera, MODALITY[camera], split[person]))
    return pd.DataFrame(rows).sort_values("path", ignore_index=True)


# %% [markdown]
# Market-1501 says it in each file's name: `query/0042_c3s1_000151_00.jpg` shows person 42 from camera 3, and the folder
# is the split. All its cameras are visible ones. Two numbers name no identity: 0 is a *distractor*, a gallery image of
# somebody who is no query, and −1 is *junk*, a box that holds half a person or none.


# %% tags=["by-hand"]
def walk_market(root, data_set):
    """One row per image, in Market-1501's layout."""
    rows = []
    for split, folder in {"train": "bounding_box_train", "query": "query", "gallery": "bounding_box_test"}.items():
        for path in (root / folder).glob("[-0-9]*_c*"):
            person, camera = map(int, re.match(r"(-?\d+)_c(\d+)", path.name).groups())
            if person != -1:
                rows.append(row(data_set, path, person, camera, "visible", split))
    return pd.DataFrame(rows).sort_values("path", ignore_index=True)


# %% [markdown]
# The library's readers also know RegDB's and LLCM's layouts, and refuse a folder that does not follow its layout. On
# this folder they give the same rows as ours, in the same order:

# %% tags=["by-hand"]
walks, tables, data = {"sysu": walk_sysu, "market1501": walk_market}, {}, run.data()
for data_set in run.profile.data.roots:
    layout, root = load_manifest(data_set).layout, run.dataset_root(data_set, data.world).absolute()
    tables[data_set] = read_dataset(data_set, root)
    if layout in walks:
        by_hand = walks[layout](root, data_set)
        pd.testing.assert_frame_equal(by_hand, tables[data_set], check_dtype=False)
        print(f"{data_set}: {len(by_hand)} rows by hand, the same as the library's")
    else:
        print(f"{data_set}: lies in the layout {layout!r}, which vireid_lib/data/layouts reads")

# %% [markdown]
# `run.data()` holds the target's table, and the rows of the external identities that this run expands. Some rows of the
# target's table, with the last three parts of each path:

# %%
some = data.target.sample(6, random_state=1).sort_index()
some.assign(path=some["path"].str.split("/").str[-3:].str.join("/")).drop(columns="seed")

# %% [markdown]
# `split` says what an image may be used for: to learn from (`train`, `val`), or to be tested on (`test`). Images per
# camera and split:

# %%
counts = data.target.pivot_table(index=["camera", "modality"], columns="split", values="path", aggfunc="count")
counts.reset_index("modality")

# %% [markdown]
# And the identities. **No identity is in two rows of this table**: that is what makes the test a test.

# %%
assert (data.target.groupby("identity")["split"].nunique() == 1).all()
data.target.groupby("split").agg(identities=("identity", "nunique"), images=("path", "count"))

# %% [markdown]
# ### Why infrared images are scarce
#
# To photograph one person in both modalities, one needs cameras of both kinds, a place that is filmed in the light and
# in the dark, and a way to tell that the two images show the same person. Images from visible cameras need none of
# that: such data sets are older, larger and many. So few identities are seen in both modalities, and many have visible
# images alone. This is the motive of DiVE and its like: *make* the infrared half of the many. On SYSU-MM01 a network
# learns from 395 identities, and DiVE adds 1,011 of Market-1501: 2.6 external identities for each. The default
# miniature world is drawn in these proportions, 25 identities to learn from and 80 external ones, because scarcity is
# what the external identities are to make up for. (In its smallest size the imbalance is slight.)

# %%
sources = {"target, to learn from": data.train_rows()}
if run.profile.data.external is not None:
    whole = tables[run.profile.data.external]
    sources["external, the whole set"] = whole[~whole["identity"].str.endswith("/0000")]  # without distractors
    sources["external, as this run expands it"] = data.external
scarce = pd.DataFrame()
for name, table in sources.items():
    images, both = table["modality"].value_counts(), table.groupby("identity")["modality"].nunique() == 2
    scarce.loc[name, ["identities", "in both modalities"]] = len(both), both.sum()
    scarce.loc[name, ["visible images", "infrared images"]] = images.get("visible", 0), images.get("infrared", 0)
scarce.astype(int)

# %%
known = scarce["in both modalities"].sum()
for name, alone in (scarce["identities"] - scarce["in both modalities"]).iloc[1:].items():
    print(f"{name}: {alone:.0f} identities in visible images alone, for {known:.0f} in both modalities")

# %% [markdown]
# ## 3. Is it the data set that the papers used?
#
# A copy with a folder missing trains without complaint and gives numbers that compare with nobody's. Each data set
# therefore has a [*manifest*](glossary.md#manifest) (`data_manifests/datasets/`) with the counts that its sources
# print, and a check that decodes every image and compares. `vireid data check NAME --root DIR` does the same in a
# terminal.

# %%
from vireid_lib.data.check import check_dataset
from vireid_lib.data.layouts import read_dataset
from vireid_lib.data.manifest import load_manifest


def checked(name):
    """The report on a data set as it lies on disk; made once for these images and this manifest."""
    root = run.dataset_root(name, data.world)
    depends_on = {"table": read_dataset(name, root), "manifest": load_manifest(name).digest()}
    made = run.stage("data_check", {"name": name}, depends_on, lambda _: {"text": check_dataset(name, root).to_text()})
    return made.values["text"]


for name in run.profile.data.roots:
    print(checked(name))

# %% [markdown]
# **What to notice.** Each count says where it comes from. Printed counts do contradict each other: for SYSU-MM01, one
# paper swaps two digits and another counts 296 training identities where everyone else trains on 395 (train and val
# together). A check can't know which paper is right, but it can show which of them your copy agrees with.

# %% [markdown]
# ## 4. Contact sheet
#
# Rows are identities, columns are cameras: visible ones on the left, infrared ones on the right. A gap means that the
# camera has not seen the person. In JupyterLab, choose the split, the identities and how many images of each.

# %%
everything = data.target if data.external is None else pd.concat([data.target, data.external], ignore_index=True)
everything["number"] = everything["camera"].str.rsplit("/", n=1).str[-1].astype(int)


def contact_sheet(split="train", first_person=0, images=1):
    """Six identities under all cameras."""
    rows = everything[everything["split"] == split]
    names = sorted(rows["identity"].unique())
    start = min(first_person, max(0, len(names) - 6))
    title = f"Split {split}: {len(rows):,} images of {len(names):,} identities, from number {start + 1} on"
    names = names[start : start + 6]
    cameras = rows[["modality", "number"]].drop_duplicates()
    cameras = cameras.sort_values(["modality", "number"], ascending=[False, True])
    grid, heads = [], []
    for name in names:
        line = []
        for modality, number in cameras.itertuples(index=False):
            seen = (rows["identity"] == name) & (rows["modality"] == modality) & (rows["number"] == number)
            shown = list(pictures.pixels(rows[seen][:images]))
            line += shown + [None] * (images - len(shown))
        grid.append(line)
    for modality, number in cameras.itertuples(index=False):
        heads += [f"camera {number}\n{modality}"] + [""] * (images - 1)
    return viz.image_grid(grid, row_labels=[short(name) for name in names], column_labels=heads, title=title)


most = everything.groupby("split")["identity"].nunique().max()
widgets.explore(
    contact_sheet, split=list(everything["split"].unique()), first_person=range(0, max(1, most - 5)), images=[1, 2, 3]
)

# %% [markdown]
# **What to notice.** Go along a row and cover the left columns: would the infrared image alone be enough to find the
# person? Build, hair, bags, the cut of the clothes help; "the one in red" does not. Then go down a column: each camera
# has a background and a lighting of its own. A network that learns "this wall means this person" is right in training
# and useless in the test.

# %% [markdown]
# ## 5. What carries over to infrared, and what does not
#
# Near-infrared cameras (700–1000 nm, with a lamp beside the lens) see neither colour nor quite the brightness we know.
# A dye that is dark to the eye can be bright in infrared; a pattern printed in such a dye fades, or inverts.
#
# In reality nobody can photograph one moment in both modalities with the same lens. The miniature world can, because it
# draws. Below, each column is one person at one moment: in colour, the same picture in grey, and in infrared. (A
# profile on real data leaves out this figure and the next.)

# %%
if run.miniature:
    from dataclasses import replace
    from itertools import islice

    from vireid_lib.data.grey import grey
    from vireid_lib.miniworld.cameras import CAMERAS, View
    from vireid_lib.miniworld.people import people_stream
    from vireid_lib.miniworld.render import render

    people = list(islice(people_stream(0, "lessons"), 2000))  # of no data set

    def change(person):
        """What infrared does to the pattern of a shirt; "unclear" where its two materials hardly differ."""
        first, second = person.upper.cloth, person.upper.second
        if second is None:
            return "plain"
        gaps = first.luminance - second.luminance, first.infrared - second.infrared
        return person.upper.pattern_infrared if min(map(abs, gaps)) > 0.25 else "unclear"

    changes = ["kept", "kept", "faded", "faded", "inverted", "inverted", "plain", "plain"]
    cast = [person for wanted in changes[::2] for person in islice((p for p in people if change(p) == wanted), 2)]
    seen = [View(CAMERAS["mini_vi/2"], yaw=20.0, phase=0.6, stride=0.5, noise_seed=i) for i in range(len(cast))]
    visible = render(cast, seen, modality="visible")  # both cameras hang in the same place
    infrared = render(cast, [replace(view, camera=CAMERAS["mini_vi/3"]) for view in seen], modality="infrared")
    rows = [visible, grey(visible), infrared]
    labels = [f"pattern\n{each}" if each != "plain" else "no\npattern" for each in changes]
    display(viz.image_grid(rows, row_labels=["colour", "in grey", "infrared"], column_labels=labels, cell=1.6))

# %% [markdown]
# **What to notice.** Compare the second row with the third. If infrared were merely "grey", they would agree. They
# agree in the outline, the hair, the bag, the cut; they disagree in how bright each garment is and in what becomes of
# stripes and dots. A generator of infrared images that only takes the colour away teaches a network the second row. (We
# will use one as a reference.)
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

    cloths = [garment.cloth for person in people[:200] for garment in (person.upper, person.lower)]
    luminance, brightness = (pd.Series([getattr(each, name) for each in cloths]) for name in ("luminance", "infrared"))
    plt.figure(figsize=(4.6, 4.2))
    plt.scatter(luminance, brightness, c=[each.rgb for each in cloths], s=26, edgecolors="0.75", linewidths=0.5)
    plt.axline((luminance.mean(), brightness.mean()), slope=c, color="gray", linestyle="--", linewidth=1)
    plt.axis([0, 1, 0, 1])
    plt.xlabel("luminance in visible light (0 black, 1 white)")
    plt.ylabel("brightness in infrared (0 black, 1 white)")
    plt.title("What infrared makes of a colour")
    plt.show()
    print(f"dashed: the law's slope, c = {c}; correlation {luminance.corr(brightness):.2f}")

# %% [markdown]
# **What to notice.** Take a vertical line through the cloud: one luminance, many infrared brightnesses. Two garments
# that are equally dark to us can be black and grey in infrared, and two of one colour can differ. So there is a limit
# to what *any* generator can know about the infrared look of somebody it has seen in colour only. It can be
# consistent; it can't be right. [Chapter 4](04_reid_training.py) measures that limit.
#
# ### The same question to the images of this profile
#
# Now we ask the images themselves, real or drawn. Take a few numbers that need no learning: how bright are the upper
# and the lower body, how red, how strongly does the brightness vary from top to bottom (stripes)?


# %% tags=["by-hand"]
def look(pixels):
    """Six descriptors of the clothes, per image of 64×32 pixels."""
    upper, lower = (pixels[:, rows, 11:21] / 255 for rows in (slice(14, 31), slice(35, 54)))  # a person in the middle
    grey = upper @ np.array([0.299, 0.587, 0.114])
    bright, below = grey.mean((1, 2)), (lower @ np.array([0.299, 0.587, 0.114])).mean((1, 2))
    return pd.DataFrame(
        {
            "upper brightness": bright,
            "lower brightness": below,
            "upper minus lower": bright - below,
            "upper contrast": grey.mean(2).std(1),
            "upper redness": upper[..., 0].mean((1, 2)) - bright,
            "upper blueness": upper[..., 2].mean((1, 2)) - bright,
        }
    )


# %% [markdown]
# Average them over each person's images, once in half of the visible cameras, once in the other half, once in infrared,
# and correlate over identities. The first correlation says what survives a mere change of camera, the second what
# survives the change of modality.

# %% tags=["by-hand"]
rows = data.train_rows()
pixels = load_images(rows["path"].tolist(), (64, 32), cache=run.cache.files)
described, visible = look(pixels), rows["modality"] == "visible"
cameras = sorted(rows.loc[visible, "camera"].unique())
half = rows["camera"].isin(cameras[::2])
if len(cameras) == 1:  # RegDB: every other image instead
    half = rows.groupby(["identity", "modality"]).cumcount() % 2 == 0

means = [described[part].groupby(rows["identity"]).mean() for part in (visible & half, visible & ~half, ~visible)]
shared = sorted(set.intersection(*(set(mean.index) for mean in means)))
one, other, infrared = (mean.loc[shared] for mean in means)
both, infrared = (one + other) / 2, infrared.loc[:, infrared.std() > 1e-3]  # a constant correlates with nothing
carried = pd.DataFrame(
    {"visible–visible": one.corrwith(other), "visible–infrared": both.corrwith(infrared)}, index=described.columns
)
carried.style.format("{:+.2f}", na_rep="constant")

# %%
pairs = carried[["visible–infrared", "visible–visible"]][::-1]
axes = pairs.fillna(0).plot.barh(figsize=(7.2, 3.9), color=["C0", "0.65"], width=0.75)
for name, bars in zip(pairs, axes.containers, strict=True):
    words = ["constant" if np.isnan(value) else f"{value:+.2f}" for value in pairs[name]]
    axes.bar_label(bars, words, padding=4, fontsize=8)
axes.set_xlim(min(0, np.nanmin(pairs) - 0.12), 1.15)
axes.axvline(0, color="black", linewidth=0.8)
axes.grid(axis="y", visible=False)
axes.set_xlabel(f"correlation over {len(shared)} identities (1 the same, 0 unrelated)")
axes.legend(reverse=True, loc="upper left", bbox_to_anchor=(0, -0.16), ncols=2)
axes.set_title("What stays with a person across cameras, and across modalities")
plt.show()

# %%
lost = (carried["visible–visible"] - carried["visible–infrared"].fillna(0)).idxmax()
print(
    f"The modality costs most for '{lost}': {carried.loc[lost, 'visible–visible']:+.2f} between visible cameras, "
    f"{carried['visible–infrared'].fillna(0)[lost]:+.2f} from visible to infrared."
)

# %% [markdown]
# **What to notice.** Colour is the extreme case: how good a clue is it within visible cameras? In infrared it is a
# constant. Brightness keeps part of its worth; how much? (With few identities a correlation is uncertain by about
# $1/\sqrt{n}$: the axis gives $n$.) This is the [*modality gap*](glossary.md#modality-gap) in its plainest form, before
# any network.

# %% [markdown]
# ## 6. The protocol, by hand
#
# A [protocol](glossary.md#protocol) fixes the queries, the gallery, which gallery images do not count, and how the
# ranking becomes a number. Each of them changes the number. The data set's own words:

# %%
protocol, test = run.protocol(), data.test()
test["number"] = test["camera"].str.rsplit("/", n=1).str[-1].astype(int)
trials = protocol.trials(test)
print(
    f"{protocol.name}: {len(trials[0].query)} queries, {len(trials[0].gallery)} gallery images in each of "
    f"{len(trials)} trial(s).\n{load_manifest(run.profile.data.target).protocol.removal}"
)

# %% [markdown]
# ### The queries and the gallery
#
# In SYSU-MM01 every infrared test image is a query. The gallery is a *draw*: of each person and each visible camera one
# image ([single-shot](glossary.md#single-shot-and-multi-shot)), or several. The draw has to be the same for everybody,
# so the released evaluators seed Python's own generator with the number of the [trial](glossary.md#trial) and go
# through identities and cameras in order.


# %% tags=["by-hand"]
def draw(images, cameras, trial, shots):
    """The gallery of one trial: of each identity and camera `shots` images."""
    generator, drawn = random.Random(trial), []
    for _, person in images.groupby("identity"):
        for camera in cameras:
            files = person.index[person["number"] == camera].tolist()  # in the order of their names
            if files and shots == 1:
                drawn.append(generator.choice(files))
            elif files:
                drawn += generator.sample(files, min(shots, len(files)))
    return images.loc[drawn]


# %% [markdown]
# The library's trial consists of the same rows in the same order. (RegDB draws nothing: all images of one modality
# search all of the other. LLCM draws in the same way from its own cameras; SYSU-MM01's authors published draws of their
# own, which come as a file.) Change `chosen`, and everything below follows another draw.
#
# The papers rank all test identities in one gallery. The default miniature world has 400 and deals them into eight
# galleries of 50, in the order of their numbers, each a test of its own with its own queries and draws. Why not one of
# 50? Because who happens to be in it decides several points of a trained network's score: the rank-1 of one network
# was 22.8 % in one gallery and 29.8 % in another (`vireid_lib/miniworld/CALIBRATION.md`).

# %% tags=["by-hand"]
chosen = 0
trial = trials[chosen]
if protocol.rule == "sysu-mm01" and protocol.draw == "seeded":
    part, number = divmod(chosen, protocol.trial_count)  # which part of the identities, and which draw of it
    members = np.array_split(sorted(test["identity"].unique()), protocol.galleries)[part]
    of_part = test[test["identity"].isin(members)]
    searched = {"all": (1, 2, 4, 5), "indoor": (1, 2)}[protocol.mode]
    gallery = draw(of_part[of_part["modality"] == "visible"], searched, number, protocol.shots)
    query = of_part[of_part["modality"] == "infrared"].sort_values(["identity", "number"], kind="stable")
    pd.testing.assert_frame_equal(gallery, trial.gallery)
    pd.testing.assert_frame_equal(query, trial.query)
    print(f"{trial.name}, by hand and by the library: {len(query)} queries, {len(gallery)} gallery images")
else:
    print(f"{protocol.name}: the library's trial it is")

# %% [markdown]
# ### The removal rule
#
# Some gallery images are too easy. A [removal rule](glossary.md#removal-rule) takes them out, for each query anew. Four
# data sets have four rules, a line each. A rule gets the query's identity and camera, and the identities and cameras of
# the whole gallery:

# %% tags=["by-hand"]
JUNK = f"{run.profile.data.target}/-1"

REMOVED = {
    "sysu-mm01": lambda person, camera, ids, cameras: (camera == 3) & (cameras == 2),  # one room, two cameras
    "regdb": lambda person, camera, ids, cameras: np.zeros(len(ids), bool),
    "llcm": lambda person, camera, ids, cameras: (ids == person) & (cameras == camera),
    "market-1501": lambda person, camera, ids, cameras: (ids == person) & (cameras == camera) | (ids == JUNK),
}

# %% [markdown]
# How many gallery images a query loses on average, by query camera and gallery camera, under the rule of this run:


# %%
def asked(query, gallery):
    """Queries and gallery, as arrays."""
    return {
        "query_ids": query["identity"].to_numpy(),
        "query_cameras": query["number"].to_numpy(),
        "gallery_ids": gallery["identity"].to_numpy(),
        "gallery_cameras": gallery["number"].to_numpy(),
    }


ids, cameras = trial.gallery["identity"].to_numpy(), trial.gallery["number"].to_numpy()
gone = np.stack(
    [
        REMOVED[protocol.rule](person, camera, ids, cameras)
        for person, camera in zip(trial.query["identity"], trial.query["number"], strict=True)
    ]
)
lost = pd.DataFrame(gone.T, index=cameras, columns=trial.query["number"]).groupby(level=0).sum()
lost = lost.T.groupby(level=0).mean()
lost.rename_axis("query camera").rename_axis("gallery camera", axis="columns").round(1)

# %% [markdown]
# **What to notice.** Which column is not zero, if any? What is removed depends on the query's camera. SYSU-MM01's rule
# removes right and wrong images; LLCM's and Market-1501's rules remove right ones only.
#
# ### Something to rank by
#
# Nothing has been learned yet, so we rank by something that needs no learning: grey thumbnails of 16×8 pixels, compared
# by their cosine. It is a poor recogniser, which makes its ranking instructive.

# %% tags=["by-hand"]
pixels = load_images(test["path"].tolist(), (64, 32), cache=run.cache.files)
grey_images = torch.from_numpy(np.array(pixels)).float() @ torch.tensor([0.299, 0.587, 0.114]) / 255
features = torch.nn.functional.interpolate(grey_images[:, None], (16, 8), mode="area").flatten(1)
features = features - features.mean(1, keepdim=True)  # a brighter exposure must not matter
unit = torch.nn.functional.normalize(features)


def apart(query, gallery):
    """Cosine distances [queries, gallery]; the tables' index says which features are whose."""
    one, other = (torch.from_numpy(rows.index.to_numpy(copy=True)) for rows in (query, gallery))
    return (1 - unit[one] @ unit[other].T).numpy()


def ranking(distances, person, camera, ids, cameras, removed):
    """One query's gallery without what is removed, nearest first: places in the gallery, and which are right."""
    kept = np.flatnonzero(~removed(person, camera, ids, cameras))
    right = ids[kept] == person
    order = np.lexsort((right, distances[kept]))  # by distance; where two are equal, the wrong one first
    return kept[order], right[order]


# %% [markdown]
# One query and the beginning of its ranked gallery. In JupyterLab, go through the queries that lose most, and see what
# another data set's rule does to the same ranking:

# %%
distances = apart(trial.query, trial.gallery)
candidates = np.flatnonzero(gone.sum(1) == gone.sum(1).max())
query_number = query_number % len(candidates)


def ranked_gallery(query=query_number, rule=protocol.rule, shown=24):
    """One query and the first images of its gallery; what the rule removes is faded."""
    asks = trial.query.iloc[[candidates[query]]]
    person, camera = asks["identity"].iloc[0], asks["number"].iloc[0]
    removed = REMOVED[rule](person, camera, ids, cameras)
    order = np.lexsort((ids == person, distances[candidates[query]]))[:shown]
    lines = -(-len(order) // 12)
    figure, axes = plt.subplots(lines, 13, figsize=(9.2, 0.4 + 1.4 * lines), squeeze=False)
    figure.suptitle(f"Person {short(person)} from camera {camera}, under the rule {rule}")
    for axis in axes.flat:
        axis.axis("off")

    def show(axis, image, words, colour, alpha=1.0):
        axis.imshow(image, alpha=alpha)
        axis.text(0.5, -0.03, words, transform=axis.transAxes, ha="center", va="top", fontsize=7, color=colour)

    show(axes[0, 0], pictures.pixels(asks)[0], "query", "black")
    images, rank = pictures.pixels(trial.gallery.iloc[order]), 0
    for axis, image, place in zip(axes[:, 1:].flat, images, order, strict=False):
        if removed[place]:
            show(axis, image, f"removed\ncam. {cameras[place]}", "gray", alpha=0.25)
            continue
        rank += 1
        sign, colour, line = ("✓", "C0", "-") if ids[place] == person else ("✗", "C1", ":")
        show(axis, image, f"{rank} {sign}\ncam. {cameras[place]}", colour)
        frame = {"fill": False, "edgecolor": colour, "linestyle": line, "linewidth": 2.5, "clip_on": False}
        axis.add_patch(plt.Rectangle((0, 0), 1, 1, transform=axis.transAxes, **frame))
    plt.close(figure)
    return figure


widgets.explore(ranked_gallery, query=range(len(candidates)), rule=list(REMOVED), shown=[12, 24, 36])

# %% [markdown]
# **What to notice.** ✓ and a solid frame is the same person, ✗ and a dotted frame another one, faded images are removed
# and get no rank. In SYSU-MM01 (and in the miniature world, which copies its layout) camera 3 is infrared and hangs in
# the same room as visible camera 2: without the rule, the shared background would be the best clue. Look at what the
# first images have in common with the query: is it the person, or the background?

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
# hit. *INP* (inverse negative penalty; AGW, section 3.4) looks at the hardest one only: how far down does one read to
# find them all? Averaged over queries they are the CMC curve, **mAP** and **mINP**.
#
# | symbol | in the code | what it is |
# |---|---|---|
# | $r_1, \dots, r_R$ | `r` | ranks of the right images among those that are left, ascending |
# | $R$ | `len(r)` | how many right images there are |
# | $j$ | `j` | 1, 2, … $R$: how many have been found by then |
#
# One detail divides the field: SYSU-MM01's and LLCM's CMC counts *identities* (each once, at its best image), RegDB's
# and Market-1501's counts images. AP and INP count images everywhere. This is a whole evaluator:

# %% tags=["by-hand"]
COUNTS_IDENTITIES = ("sysu-mm01", "llcm")


def score_by_hand(distances, query_ids, query_cameras, gallery_ids, gallery_cameras, rule):
    """CMC at ranks 1 to 20, mAP and mINP."""
    first, precision, penalty = [], [], []
    for own, person, camera in zip(distances, query_ids, query_cameras, strict=True):
        places, right = ranking(own, person, camera, gallery_ids, gallery_cameras, REMOVED[rule])
        if not right.any():
            continue  # nothing to be found: such a query does not count
        r = 1 + np.flatnonzero(right)
        j = np.arange(1, len(r) + 1)
        ahead = gallery_ids[places[: r[0] - 1]]  # the wrong images before the first right one
        first.append(1 + len(set(ahead) if rule in COUNTS_IDENTITIES else ahead))
        precision.append((j / r).mean())
        penalty.append(len(r) / r[-1])
    cmc = [(np.array(first) <= k).mean() for k in range(1, 21)]
    return cmc, np.mean(precision), np.mean(penalty)


# %% [markdown]
# First on paper: one query of person A from camera 3, and six gallery images.

# %%
six = {
    "query_ids": np.array(["A"]),
    "query_cameras": np.array([3]),
    "gallery_ids": np.array(["A", "B", "B", "A", "C", "A"]),
    "gallery_cameras": np.array([2, 1, 4, 1, 4, 5]),
}
near = np.array([[0.10, 0.20, 0.25, 0.30, 0.40, 0.60]])

places, right = ranking(near[0], "A", 3, six["gallery_ids"], six["gallery_cameras"], REMOVED["sysu-mm01"])
pd.DataFrame(
    {"person": six["gallery_ids"][places], "camera": six["gallery_cameras"][places], "right": right},
    index=pd.RangeIndex(1, len(places) + 1, name="rank"),
)

# %% [markdown]
# The nearest image is person A, but from camera 2: removed. Two images of B come next, then A at rank 3, C, and A at
# rank 5. So $R = 2$, $r = (3, 5)$, $\mathrm{AP} = \tfrac12(\tfrac13 + \tfrac25) = 0.3667$ and
# $\mathrm{INP} = \tfrac25 = 0.4$. The CMC of SYSU-MM01 counts each *identity* once: B, then A. So A is matched at
# rank 2, not 3:

# %%
cmc, mean_ap, mean_inp = score_by_hand(near, **six, rule="sysu-mm01")
assert cmc[:3] == [0, 1, 1] and abs(mean_ap - 11 / 30) < 1e-12 and mean_inp == 2 / 5
print(f"CMC(1) {cmc[0]:.0f}, CMC(2) {cmc[1]:.0f}, CMC(3) {cmc[2]:.0f}, AP {mean_ap:.4f}, INP {mean_inp:.4f}")

# %% [markdown]
# Now all queries of the trial, under each of the four rules. Then a harder case, in which each rule has something to
# remove: all images of twenty test identities (or of all, if the set has fewer) search all of them, themselves
# included, and the last identity is made junk. The library's evaluator, which works in chunks of queries and sorts
# less, gives the same to twelve digits.

# %% tags=["by-hand"]
names = sorted(test["identity"].unique())[:20]
some, last = test[test["identity"].isin(names)], names[-1]
everybody = some[some["identity"] != last], some.assign(identity=some["identity"].replace(last, JUNK))

table = {}
for case, (query, gallery) in {"trial": (trial.query, trial.gallery), "everybody": everybody}.items():
    for rule in REMOVED:
        cmc, mean_ap, mean_inp = score_by_hand(apart(query, gallery), **asked(query, gallery), rule=rule)
        table[case, rule] = [100 * cmc[0], 100 * cmc[9], 100 * mean_ap, 100 * mean_inp]
        if rule in RULES:  # not one of your own
            library = score(apart(query, gallery), **asked(query, gallery), rule=rule)
            np.testing.assert_allclose(cmc, [library.rank(k) for k in range(1, 21)], rtol=1e-12)
            np.testing.assert_allclose([mean_ap, mean_inp], [library.mean_ap, library.mean_inp], rtol=1e-12)
pd.DataFrame(table, index=["rank-1", "rank-10", "mAP", "mINP"]).T.round(1)

# %% [markdown]
# **What to notice.** Where infrared searches visible cameras, LLCM's and Market-1501's rules remove nothing as long as
# no camera number has both modalities (LLCM's have). Where all images search all images, each is nearest to itself:
# under the two rules that keep images of the query's own camera, grey thumbnails recognise everybody. A removal rule is
# no detail; it is the question that is being asked.
#
# ### A recogniser that knows nothing, and the luck of a draw
#
# The grey thumbnails over all trials, one dot each. A paper's number is the mean of the trials; blind guessing is the
# dashed line.

# %% tags=["by-hand"]
rows = []
for each in trials:
    cmc, mean_ap, mean_inp = score_by_hand(
        apart(each.query, each.gallery), **asked(each.query, each.gallery), rule=protocol.rule
    )
    rows.append({"rank-1": 100 * cmc[0], "mAP": 100 * mean_ap, "mINP": 100 * mean_inp})
untrained = pd.DataFrame(rows)
by_part = untrained.groupby([each.part for each in trials]).mean()  # of each part of the identities, over its draws

library = evaluate(features, test, protocol).scores
expected = [100 * library.rank(1), 100 * library.mean_ap, 100 * library.mean_inp]
np.testing.assert_allclose(untrained.mean(), expected, atol=0.01)  # the last digit that papers print

# %%
guess = 100 / trial.gallery["identity"].nunique()
plt.figure(figsize=(5.4, 2.2))
for height, name in enumerate(untrained):
    plt.plot(untrained[name], np.full(len(untrained), height), "o", color="C0", alpha=0.5)
    plt.plot(untrained[name].mean(), height, "|", color="C1", markersize=20, markeredgewidth=2.5)
plt.axvline(guess, color="gray", linestyle="--", linewidth=1)
plt.yticks(range(3), untrained.columns)
plt.ylim(2.6, -0.6)
plt.xlabel("%; blue: each trial, red: the mean; dashed: rank-1 of a guess")
plt.title("Grey thumbnails, untrained")
plt.show()
print(
    f"rank-1 {untrained['rank-1'].mean():.1f} %, from {untrained['rank-1'].min():.1f} to "
    f"{untrained['rank-1'].max():.1f} % over {len(trials)} trial(s); guessing one of "
    f"{trial.gallery['identity'].nunique()} identities: about {guess:.1f} %"
)
if len(by_part) > 1:
    print("rank-1 of each part of the identities, over its draws:", " ".join(f"{one:.1f}" for one in by_part["rank-1"]))

# %% [markdown]
# **What to notice.** The features are the same in every trial; only the gallery was drawn anew, or is of other
# identities. A network that was tested on one lucky draw gains as much as the dots are apart, for nothing. Where there
# are several parts, compare their means: what they are apart belongs to who was tested, and more draws of one part do
# not average it away.
#
# All of it depends on details: the direction, the removal rule, what the CMC counts, how ties fall, which network is
# tested. [Chapter 8](08_pitfalls.py) gets each of them wrong on purpose and shows what that is worth.

# %% [markdown]
# ## Exercises
#
# Try them on paper or in a cell of your own; the solution unfolds with a click.
#
# **1.** In the six gallery images of section 6, let the one from camera 2 come from camera 1 instead. What are the
# ranks of the right images now, and the AP and INP? And what are they under a rule of your own that removes images of
# indoor cameras (1, 2) for a query of an indoor camera (3)?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 1.
# Nothing is removed any more: the right images stand at ranks 1, 4 and 6, so AP = (1/1 + 2/4 + 3/6) / 3 = 2/3 and
# INP = 3/6. One image, and AP nearly doubles: that is what leaving out a removal rule does. Under the rule of one's own
# three images are left, B, C and A: the right one stands at rank 3, and AP and INP are 1/3.
moved = six | {"gallery_cameras": np.array([1, 1, 4, 1, 4, 5])}
_, kept_ap, kept_inp = score_by_hand(near, **moved, rule="sysu-mm01")
assert abs(kept_ap - 2 / 3) < 1e-12 and kept_inp == 3 / 6
print(f"AP {kept_ap:.4f}, INP {kept_inp:.4f}")

REMOVED["indoors"] = lambda person, camera, ids, cameras: (camera == 3) & (cameras <= 2)
_, own_ap, own_inp = score_by_hand(near, **moved, rule="indoors")
assert own_ap == own_inp == 1 / 3
print(f"under a rule of one's own: AP {own_ap:.4f}, INP {own_inp:.4f}")

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
# 1. Set `query_number` to another value (or move the slider in JupyterLab) until you find a query whose first image is
#    right. Is it right because of the person? *Expect* many hits that share a bright or dark silhouette with the query
#    and little else: a grey thumbnail sees nothing else.
# 2. Make the thumbnails 4×2 pixels, or 64×32, and run the rest of the chapter again. *Expect* the small ones to be
#    worse and the large ones hardly better: 16×8 already shows the silhouette, and little else is to be seen.
# 3. Give `REMOVED` a rule of your own, for example one that removes every image of an outdoor camera, and run the cells
#    below it. *Expect* it among the rules of the ranked gallery and in the table; the library does not know it.
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
#   why average precision is reported together with the CMC.
# - Ye, Shen, Lin, Xiang, Shao, Hoi: "Deep Learning for Person Re-identification: A Survey and Outlook", IEEE TPAMI
#   2022: the field at a glance, AGW, and mINP.
