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
# # A tour of one generator: what becomes of a photograph in infrared?
#
# **The question.** Cameras have recorded the identities of the target set in both modalities, and those of the external
# set in visible images only. What can a generator learn from the target set that lets it show the external identities
# in infrared? [Chapter 2](../02_generator_finetuning.py) and [chapter 3](../03_synthetic_galleries.py) ask this about
# DiVE, this page about any other generator of the book.
#
# **This study** reads the images of [chapter 1](../01_datasets.py) and the baseline network of
# [chapter 4](../04_reid_training.py) (or trains it), fits the generator that `generator` names, makes its gallery, and
# looks at both. It costs, on the miniature world, between seconds and a few minutes on two CPU cores, and seconds once
# the generator is fitted.
#
#     vireid study tour -p generator=flow2flow
#
# A workspace keeps the fitted generators and galleries of all runs, but this page of the last run only.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
generator = "cyclegan"  # a file or package of vireid_lib/generators, one of your own too
people_shown = 6  # identities in each picture

# %%
import copy
import inspect
import json
import re
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import display
from torch.nn.functional import normalize

from vireid_lib import experiment, generators, viz
from vireid_lib.analysis.fidelity import colourfulness, frechet_distance
from vireid_lib.analysis.identity_preservation import identify
from vireid_lib.analysis.ssim import ssim
from vireid_lib.data.grey import grey
from vireid_lib.data.tables import camera_in_table, camera_modalities
from vireid_lib.experiment.training_sets import plain_label
from vireid_lib.generators.base.config import GeneratorConfig
from vireid_lib.generators.base.translator import Translator
from vireid_lib.reid.features import extract
from vireid_lib.viz.images import pixels, short
from vireid_lib.viz.widgets import explore

viz.notebook_style()
run = experiment.open(profile, workspace, data_root)
run

# %% [markdown]
# ## The generator
#
# A generator of this book can do one or both of two things. It can **translate**: take a visible image $x$ and show it
# as an infrared camera $k$ would, $\hat y = G(x, k)$. Or it can **expand**: make any number of new images of a known
# identity $p$ under that camera, $\hat y = G(p, k)$. For the training of a re-identification network both give the
# same: infrared images of identities that have none.

# %%
kind = generators.generator_class(generator)
print(inspect.getdoc(sys.modules[kind.__module__]), inspect.getdoc(kind), sep="\n\n")

# %%
fitting = run.fit(generator)
fitted = run.generator(generator)
name = plain_label(generator)
print(f"{name}: {' and '.join(sorted(fitted.capabilities))}")

# %% [markdown]
# ## What it learns from
#
# No image exists in both modalities: no two cameras recorded the same moment in both. The generator learns from two
# sets of images, and from the identity labels of the target set. The external identities have no infrared images at
# all, and the test identities are in neither set (the library refuses them). The setting `fit_on` says whether a
# translator is fitted to the external visible images too, or meets them only when it translates them.

# %%
learned = run.fitted_rows(generator)
learned = learned.assign(**{"data set": learned["identity"].str.split("/").str[0]})
learned.groupby(["data set", "modality"]).agg(
    identities=("identity", "nunique"), cameras=("camera", "nunique"), images=("path", "size")
)

# %% [markdown]
# ## Settings, and where they come from
#
# `default` is the paper's value, or that of its authors' code where the paper is silent (see the text above the table);
# `here` is this run's value, in bold where it differs. The miniature world needs smaller networks and shorter
# trainings: its images have 64 × 32 pixels.

# %%
for each in kind.config_class.__mro__:
    if issubclass(each, GeneratorConfig):  # its own settings, then those that it shares with other generators
        print(re.split(r"\n    @|\n    def ", inspect.getsource(each))[0], end="\n\n")
here = run.generator_config(generator)
settings = pd.DataFrame({"here": here.model_dump(), "default": type(here)().model_dump()}).astype(str)
settings.style.apply(lambda row: ["font-weight: bold" if row["here"] != row["default"] else "", ""], axis=1)

# %% [markdown]
# ## Two players: one step of CycleGAN by hand
#
# Most translators of this book learn against *adversaries*. CycleGAN is the plainest of them, so it is shown here
# whatever `generator` says. Two generators, $G$ from visible $x$ to infrared $y$ and $F$ back, play against two
# discriminators, $D_y$ and $D_x$, whose scores should be 1 for real images and 0 for generated ones. With *least
# squares* the generators minimise
#
# $$ \big(D_y(G(x)) - 1\big)^2 + \big(D_x(F(y)) - 1\big)^2
# + \lambda \big( \lVert F(G(x)) - x \rVert_1 + \lVert G(F(y)) - y \rVert_1 \big)
# + \mu \big( \lVert G(y) - y \rVert_1 + \lVert F(x) - x \rVert_1 \big) , $$
#
# in means over pixels and patches. The first two terms fool the discriminators. The *cycle* makes the way there and
# back end where it began, and it alone keeps the person: any infrared image would fool $D_y$. The *identity* term makes
# $G$ leave infrared images as they are. Then the discriminators take their step and minimise
# $\tfrac12 (D_y(y) - 1)^2 + \tfrac12 D_y(G(x))^2$, and likewise for $D_x$.
#
# The networks and batches below are the library's; the step is written out. Change it: the pictures follow in seconds.

# %% tags=["by-hand"]
from vireid_lib.generators.base.adversarial import BETAS
from vireid_lib.generators.base.batches import Batches
from vireid_lib.generators.base.networks import generator_groups
from vireid_lib.generators.cyclegan import CycleGanTask
from vireid_lib.training.loop import accelerator_for

cycle_weight = 10.0  # lambda; with 0 nothing speaks for the person
steps = 60

config = run.generator_config("cyclegan").model_copy(update={"cycle_weight": cycle_weight})
with torch.random.fork_rng():
    torch.manual_seed(0)
    size = (config.height, config.width)
    task = CycleGanTask(config, Batches(run.fitted_rows("cyclegan"), size, run.cache.files))
accelerator = accelerator_for("no", str(run.device))
task.bind(accelerator, seed=0)
task.prepare(accelerator)

names = ("to_infrared", "to_visible", "discriminator_infrared", "discriminator_visible")
G, F, D_y, D_x = (copy.deepcopy(task.modules[each]) for each in names)
generators_step = torch.optim.Adam(generator_groups([F, G], config.learning_rate), betas=BETAS)
discriminators_step = torch.optim.Adam([*D_x.parameters(), *D_y.parameters()], config.learning_rate, BETAS)


# %% tags=["by-hand"]
def squares(scores, wanted):
    return (scores - wanted).square().mean()


def one_step(x, y):
    y_fake, x_fake = G(x), F(y)
    fool = squares(D_y(y_fake), 1) + squares(D_x(x_fake), 1)
    cycle = (F(y_fake) - x).abs().mean() + (G(x_fake) - y).abs().mean()
    identity = (G(y) - y).abs().mean() + (F(x) - x).abs().mean()
    total = fool + cycle_weight * cycle + config.identity_weight * identity
    generators_step.zero_grad()
    total.backward()
    generators_step.step()

    scores_y, scores_x = (D_y(y), D_y(y_fake.detach())), (D_x(x), D_x(x_fake.detach()))
    discriminator = sum((squares(real, 1) + squares(fake, 0)) / 2 for real, fake in (scores_y, scores_x))
    discriminators_step.zero_grad()
    discriminator.backward()
    discriminators_step.step()
    losses = {"total": total, "fool": fool, "cycle": cycle, "identity": identity, "discriminator": discriminator}
    scores = {"real": scores_y[0].mean(), "generated": scores_y[1].mean()}
    return {key: value.item() for key, value in (losses | scores).items()}


# %% [markdown]
# The library's step on the same batch has the same losses (its terms for the two modalities are summed here), to the
# rounding of 32-bit numbers:

# %% tags=["by-hand"]
batch = task.real(0, task.generator(0, "images"))  # images in -1..1
by_hand = [one_step(batch["visible"], batch["infrared"])]
library = {key: value.item() for key, value in task.step(accelerator, 0).items()}
for term in ("total", "fool", "cycle", "identity", "discriminator"):
    theirs = sum(value for key, value in library.items() if key.startswith(term))
    np.testing.assert_allclose(by_hand[0][term], theirs, rtol=1e-5)
    print(f"{term:14}{by_hand[0][term]:8.4f} by hand, {theirs:8.4f} by the library")

# %% [markdown]
# More steps by hand. (The library also shows the discriminators older pictures, from a pool, once the pool is full.)

# %% tags=["by-hand"]
for step in range(1, steps):
    batch = task.real(step, task.generator(step, "images"))
    by_hand.append(one_step(batch["visible"], batch["infrared"]))
by_hand = pd.DataFrame(by_hand)

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.6))
by_hand[["real", "generated"]].plot(ax=left, title="What $D_y$ says of infrared images", xlabel="step")
left.axhline(0.5, color="gray", linestyle=":")
by_hand[["fool", "cycle", "identity"]].plot(ax=right, title="Terms of the generators", xlabel="step")
plt.show()

# %%
x = torch.cat([task.real(step, task.generator(step, "images"))["visible"] for step in range(people_shown)])
with torch.no_grad():
    x = x[:people_shown]
    round_trip = torch.cat([x, G(x), F(G(x))])
levels = ((round_trip.cpu().permute(0, 2, 3, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
viz.image_grid(
    levels.reshape(3, -1, *levels.shape[1:]),
    row_labels=["$x$", "$G(x)$", "$F(G(x))$"],
    title=f"There and back after {steps} steps, cycle weight {cycle_weight:g}",
)

# %% [markdown]
# **What to notice.** The dotted line is the undecided discriminator, which answers ½ to everything and whose loss by
# least squares is ¼. How far from it do the two curves stay? And with `cycle_weight = 0`: does $F(G(x))$ still come
# back to $x$? So short a training shows how the game begins, not how it ends.
#
# ## Fitting
#
# The same over the whole training of this page's generator, each term in a panel of its own: adversarial terms have no
# common scale.

# %%
files = sorted(fitting.folder.rglob("history.jsonl"))
if files:
    history = pd.read_json(files[0], lines=True).set_index("step")
    columns = min(4, history.shape[1])
    rows = -(-history.shape[1] // columns)
    history.plot(subplots=True, layout=(rows, columns), figsize=(10, 1.7 * rows), alpha=0.3, color="C0", legend=False)
    smooth = history.rolling(max(1, len(history) // 20), min_periods=1, center=True).mean()
    for axes, term in zip(plt.gcf().axes, history, strict=False):
        axes.plot(smooth.index, smooth[term], color="C0")
        axes.set_title(term.replace("_", " "), fontsize=9)
    plt.suptitle(f"Fitting {name}: every term of the loss", x=0.01, ha="left", fontsize=10, fontweight="bold")
    plt.show()
else:
    print(f"{name}: nothing is trained, so there is no loss to show.")

# %%
told = {key: fitting.values[key] for key in ("images", "identities", "steps", "parameters") if key in fitting.values}
told |= {"minutes": round(fitting.result["wall_seconds"] / 60, 1), "device": fitting.result["device"]}
pd.DataFrame({"fitting": told})

# %% [markdown]
# **What to notice.** Terms that compare images (reconstruction, cycle, identity) or measure a likelihood should fall
# and level out. Terms of *adversaries* need not: generator and discriminator learn against each other, so when one
# falls the other tends to rise, and a balance looks flat. A discriminator whose loss goes to 0 has won and teaches
# nothing more; by least squares, one that stays at ¼ from the start has learned nothing either. No curve shows identity
# preservation: look at pictures.
#
# ## Before and after
#
# First identities of the target set: a photograph, the generator's image of it under each infrared camera (or, if the
# generator does not translate, an image that it made of that identity), and *another* real infrared image at the end of
# the row.


# %%
size = (getattr(here, "height", 128), getattr(here, "width", 64))
cameras = run.infrared_cameras


def under(camera, photographs, rows):
    """An image for each of the photographs, as the camera would show it; what only expands starts from `rows`."""
    if "translate" in fitted.capabilities:
        images = pixels(photographs, size)
        who = enumerate(photographs["identity"])
        return np.concatenate([fitted.translate(images[[place]], identity, camera) for place, identity in who])
    with tempfile.TemporaryDirectory() as folder:
        made = fitted.expand(photographs["identity"].tolist(), [camera], 1, 0, Path(folder), source=rows)
        return pixels(made, size)


def by_camera(rows, identities, camera, modality):
    """An image of each identity by the camera, None where there is none."""
    own = rows[(rows["camera"] == camera_in_table(camera)) & (rows["modality"] == modality)]
    first = own.sort_values("path").drop_duplicates("identity").set_index("identity")["path"]
    return [pixels([first[each]], size)[0] if each in first else None for each in identities]


def first_of_each(rows, modality):
    rows = rows[rows["modality"] == modality].sort_values(["identity", "path"])
    return rows.drop_duplicates("identity").iloc[:people_shown]


def show(columns, identities, title):
    images = list(zip(*columns.values(), strict=True))
    return viz.image_grid(
        images, row_labels=[short(each) for each in identities], column_labels=list(columns), title=title
    )


# %%
target = run.data().train_rows()
photographs = first_of_each(target, "visible")
columns = {"photograph": pixels(photographs, size)}
if not kind.miniature_only:  # what only the miniature world has shows external identities alone
    columns |= {f"made,\ncamera {short(each)}": under(each, photographs, target) for each in cameras}
real = {
    f"real,\ncamera {short(each)}": by_camera(target, photographs["identity"], each, "infrared") for each in cameras
}
show(columns | real, photographs["identity"], "Identities that it knows in both modalities")

# %% [markdown]
# Now identities without any infrared image. In the miniature world the last column shows the same person at the same
# moment, as the infrared camera would have seen it, which no real data set has.

# %%
external = run.data().external
photographs = first_of_each(external, "visible")
columns = {"photograph": pixels(photographs, size)}
columns |= {f"made,\ncamera {short(each)}": under(each, photographs, external) for each in cameras}
before, after = (np.stack(list(columns.values())[place]) for place in (0, 1))
if run.miniature:
    from vireid_lib.miniworld.oracle import paired_views

    moments, _ = paired_views(
        photographs["path"].tolist(), [cameras[0]] * len(photographs), height=size[0], width=size[1]
    )
    columns[f"same moment,\ncamera {short(cameras[0])}"] = moments
print(f"Colourfulness from {colourfulness(before).mean():.1f} to {colourfulness(after).mean():.1f} (0 is grey).")
if len(cameras) > 1:
    apart = np.abs(after.astype(int) - np.stack(list(columns.values())[2])).mean()
    print(f"Under two infrared cameras its images differ by {apart:.2f} of 255 grey levels on average.")
show(columns, photographs["identity"], "Identities that it knows in visible images only")

# %% [markdown]
# **What to notice.** Three things have to change, and one must not. Colour has to go: that is the easiest, and any grey
# copy does it. The *place* has to become the infrared camera's, because a network that finds the photograph's
# background in "infrared" images learns places. (A generator whose images do not differ between cameras knows
# modalities, not cameras.) And garments have to get the brightness of their material: some black coats are white in
# infrared, some prints vanish. The person must not change. Compare with the last column garment by garment: what does
# the generator guess in the same way for everybody?
#
# ## The other direction
#
# Many translators learn both directions at once, because each can check the other. From infrared to colour, a generator
# has to invent information.

# %%
infrared = first_of_each(target, "infrared")
to_colour = next(each for each, modality in camera_modalities(target).items() if modality == "visible")
if isinstance(fitted, Translator):
    columns = {
        "real infrared": pixels(infrared, size),
        f"made,\ncamera {short(camera_in_table(to_colour))}": under(to_colour, infrared, target),
        f"real,\ncamera {short(camera_in_table(to_colour))}": by_camera(
            target, infrared["identity"], to_colour, "visible"
        ),
    }
    display(show(columns, infrared["identity"], "From infrared to visible"))
else:
    print(f"{name}: no infrared image is turned into a visible one.")

# %% [markdown]
# **What to notice.** Are the colours those of the person, or those that garments of that brightness have on average?
# The generator's colours were not in the picture.
#
# ## The gallery
#
# For each external identity $p$ and each infrared camera $k$ the generator makes several images, most generators from a
# photograph of the person. Nobody had to label them: each image carries the identity that it was made of. That is the
# promise, and the risk: if the generator loses the person, the label is wrong.

# %%
made = run.synthesize(generator)
made.groupby("camera").agg(images=("path", "size"), identities=("identity", "nunique"), seeds=("seed", "nunique"))

# %% [markdown]
# A generator that starts from a photograph keeps its outline and pose for free; it has to add the modality, the place
# and the camera. Below are images of the gallery above the photographs that they were made from, according to the
# gallery's record, or else above the nearest photograph of the same identity.


# %%
def nearest_photograph(image, identity):
    own = external.loc[external["identity"] == identity, "path"].tolist()
    likeness = ssim(np.repeat(image[None], len(own), 0), pixels(own))
    return own[likeness.argmax()]


def tail(path):
    return "/".join(Path(path).parts[-3:])


some = made.drop_duplicates("identity").sort_values("identity").iloc[:people_shown]
record = Path(some["path"].iloc[0]).parents[2] / "provenance.json"
made_from = json.loads(record.read_text()).get("made_from", {}) if record.exists() else {}
whole = {tail(path): path for path in external["path"]}
starts = [[whole[each] for each in made_from.get(tail(path), ())] for path in some["path"]]
if all(starts):
    labels = ["made from", "and from"][: max(map(len, starts))]
else:
    labels = ["nearest photograph"]
    starts = [[nearest_photograph(*each)] for each in zip(pixels(some), some["identity"], strict=True)]
viz.image_grid(
    [pixels(some), *(pixels([each[place] for each in starts]) for place in range(len(labels)))],
    row_labels=[name, *labels],
    column_labels=[f"camera {short(each)}" for each in some["camera"]],
    title="Images of the gallery and their origin",
)

# %% [markdown]
# **What to notice.** Is the background still that of the photograph? Then the generator has learned a tint and not a
# camera, and a network that trains on its images may learn to tell places apart instead of people. Which brightness
# does a garment have: one that follows from its colour alone (a grey copy with more contrast), or a guess at its
# material?
#
# ## Identity preservation
#
# The *evaluator network* is the baseline of [chapter 4](../04_reid_training.py), trained on the target's real images
# alone; it has met neither the external identities nor any synthetic image. For each infrared image of a gallery it
# finds the nearest external photograph (cosine similarity of features). The label is confirmed if that photograph shows
# the same identity. The table compares the generator with greyscale copies and, in the miniature world, with true
# infrared images.

# %%
seed = run.profile.reid.seeds[0]
network, config = run.network("real", seed)
network.to(run.device)
galleries = {each: run.synthesize(each) for each in dict.fromkeys([generator, "grayscale"])}
if run.miniature:
    galleries["oracle_ir"] = run.synthesize("oracle_ir")
seen = extract(network, external, config, run.cache.files)
features = {each: extract(network, table, config, run.cache.files) for each, table in galleries.items()}

# %% tags=["by-hand"]
found = {}
for each, table in galleries.items():
    similarity = normalize(features[each]) @ normalize(seen).T
    nearest = external["identity"].to_numpy()[similarity.argmax(1).numpy()]
    found[each] = table.assign(right=nearest == table["identity"].to_numpy())

# %% [markdown]
# The library's measure gives the same share for every gallery:

# %% tags=["by-hand"]
for each, table in found.items():
    library = identify(features[each], table["identity"], seen, external["identity"])
    np.testing.assert_allclose(table["right"].mean(), library.rank_1)
print(f"Guessing would be right in {library.chance:.1%}.")

# %% [markdown]
# The table also says how near the gallery as a whole comes to real infrared images: the
# [Fréchet distance](../glossary.md#fréchet-distance) of the evaluator network's features to the target's infrared
# training images, with equal numbers of images. It knows no identities, and [chapter 3](../03_synthetic_galleries.py)
# computes it by hand.

# %%
infrared = target[target["modality"] == "infrared"].reset_index(drop=True)
real = extract(network, infrared, config, run.cache.files)
count = min(len(real), *map(len, features.values()))


def spread(rows):
    return rows[np.linspace(0, len(rows) - 1, count).round().astype(int)].numpy()


rows = {}
for each, table in found.items():
    rows[plain_label(each)] = {
        "images": len(table),
        "nearest photograph shows the identity (%)": 100 * table["right"].mean(),
        f"Fréchet distance (N = {count})": frechet_distance(spread(features[each]), spread(real)),
        "colourfulness": colourfulness(pixels(table)).mean(),
    }
pd.DataFrame.from_dict(rows, orient="index").round(2)

# %%
plt.figure(figsize=(8, 2.8))
for each, table in [*galleries.items(), ("real infrared, other people", infrared)]:
    levels = grey(pixels(table))[..., 0].ravel()
    heights, edges = np.histogram(levels, bins=32, range=(0, 256), density=True)
    plt.plot(edges[:-1] + 4, heights, label=plain_label(each))
plt.xlabel("brightness (0 to 255)")
plt.ylabel("share of the pixels per grey level")
plt.title("Brightness of the pixels")
plt.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# **What to notice.** The evaluator network is only as good as a baseline, so compare rows, not absolute values. True
# infrared says how often it recognises *real* infrared images of these identities. Greyscale copies profit from
# repeating the very photographs, pose included: a generator that does not beat them in the first column has to earn its
# place in the second. A good Fréchet distance says nothing about labels: exchange all names, and it stays.
#
# Averages hide failures. Here are single identities, from the worst preserved to the best:

# %%
ranked = found[generator].groupby("identity")["right"].mean().sort_values(kind="stable")


def one_identity(place=0):
    identity = ranked.index[place]
    columns = {"photograph": pixels(external[external["identity"] == identity].iloc[:3])}
    for each, table in galleries.items():
        own = table[table["identity"] == identity].sort_values("path")
        columns[plain_label(each)] = pixels(own.iloc[:6])
    widest = max(map(len, columns.values()))
    return viz.image_grid(
        [[*images, *[None] * (widest - len(images))] for images in columns.values()],
        row_labels=list(columns),
        title=f"{short(identity)}: {ranked.iloc[place]:.0%} of the labels confirmed",
    )


explore(one_identity, place=range(len(ranked)))

# %% [markdown]
# ## Made again from its record
#
# Row, seed and fitted generator are enough to make an image of the gallery again, so a gallery need not be passed on as
# images. This cell makes the image with those of its own identity alone: the others in a gallery make no difference.

# %%
row = made.iloc[0]
with tempfile.TemporaryDirectory() as folder:
    again = fitted.expand(
        [row["identity"]],
        cameras,
        run.profile.expand.per_camera,
        getattr(here, "seed", 0),
        Path(folder),
        source=external,
    )
    same = again[again["path"].map(tail) == tail(row["path"])]
    difference = np.abs(pixels(same).astype(int) - pixels([row["path"]])).max()
print(f"The image and the one made again differ by at most {difference} of 255 grey levels.")

# %% [markdown]
# ## Something to try
#
# 1. **Stop early.** Copy the profile, set `steps` below `generators` and this generator's name to a tenth, and run this
#    study again. Which of the three changes comes first: colour, place or material?
# 2. **No cycle.** Set `cycle_weight = 0` in the section by hand, and then in the profile. Does the share of confirmed
#    identities fall, and what becomes of the Fréchet distance?
# 3. **The honest reference.** Run `vireid study tour -p generator=grayscale`. In what must a generator beat a grey
#    copy, and in what can it hardly beat one?
#
# ## Further reading
#
# - Zhu, Park, Isola, Efros: "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks", ICCV
#   2017: CycleGAN.
# - Mao, Li, Xie, Lau, Wang, Smolley: "Least Squares Generative Adversarial Networks", ICCV 2017.
# - Wang, Yang, Zhang, Cheng, Hou, Tiwari, Pandey: "Cross-Modality Paired-Images Generation and Augmentation for
#   RGB-Infrared Person Re-Identification", Neural Networks 2020: JSIA-ReID.
# - Pan, Chen, He, Li, He: "How Image Generation Helps Visible-to-Infrared Person Re-Identification?", arXiv 2022:
#   Flow2Flow.
