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
# # Flow2Flow: does it help to make more images of the same people?
#
# **The question.** DiVE shows *other* people in infrared. Flow2Flow (Pan et al., "How Image Generation Helps
# Visible-to-Infrared Person Re-Identification?") stays with the training identities, and makes images in two ways:
# *more of the same* (training sample expansion, TSE) and *the same in the other modality* (cross-modality generation,
# CMG). Both come from one model, a pair of invertible networks. Which of the two helps, and do the seeds confirm its
# tables?
#
# **This study** reads the data of [chapter 1](../01_datasets.py), fits one generator for each form of it and trains
# once per row of the paper's tables and seed (Tables III to VIII; Figures 3 to 9). On the miniature world a fit costs
# about two minutes of one CPU core, a training one to two. It fetches fits and trainings that are done. It trains a
# reduced set of rows; `-p full=true` trains all.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
full = False  # all rows of tables IV, VI, VII and VIII and figure 6, or the reduced set
training = True  # False: train nothing, show what is trained already

# %%
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import display
from torch import nn

from vireid_lib import experiment, viz
from vireid_lib.analysis.embedding_spread import tsne
from vireid_lib.analysis.fidelity import colourfulness, frechet
from vireid_lib.analysis.identity_preservation import identify
from vireid_lib.analysis.subsets import readable_sample
from vireid_lib.data.augment import normalise
from vireid_lib.data.grey import grey
from vireid_lib.data.images import load_images, to_float
from vireid_lib.data.tables import OTHER, camera_keys
from vireid_lib.experiment import studies
from vireid_lib.experiment.steps import FITTED
from vireid_lib.experiment.training_sets import expansion_of
from vireid_lib.generators.base.plans import SampleRequest
from vireid_lib.generators.flow2flow.flow import AffineCoupling, InvertibleConvolution, squeeze
from vireid_lib.viz import widgets
from vireid_lib.viz.images import short

viz.notebook_style()
run = experiment.open(profile, workspace, data_root)
STUDY = studies.load_study("flow2flow")
run

# %% [markdown]
# ## 1. A network that runs backwards
#
# A *flow* $\mathcal{G}$ turns an image $x$ into a *latent* $z$ of exactly as many numbers, and back (eq. 1):
#
# $$z = \mathcal{G}^{-1}(x), \qquad x = \mathcal{G}(z).$$
#
# Nothing is lost on the way, so the density of images follows from that of latents (eq. 2). Latents of images should
# look like Gaussian noise, so the flow maximises (eq. 3)
#
# $$\log P(x) = \log \Pi(z) + \sum_l \log \left| \det J_l \right| ,$$
#
# where $\Pi$ is the Gaussian and $J_l$ the Jacobian of layer $l$, which says how much it stretches space. Every layer
# is built so that both its inverse and this determinant are cheap: *affine couplings* change one half of the channels
# by a function of the other half, *1×1 convolutions* mix the channels between them, and the paper adds a $\tanh$ at the
# end (eq. 7), because, it says, the flow is too linear without it. Flow2Flow has one flow for each modality,
# $\mathcal{G}_v$ and $\mathcal{G}_r$, and both share the space of latents.
#
# ### The two layers, by hand
#
# A coupling leaves the first channels $x_1$ as they are, and stretches and moves the others as a function of $x_1$ (eq.
# 5 and 6): $z_2 = x_2 \odot s(x_1) + t(x_1)$. Its Jacobian is triangular, so $\log|\det J| = \sum \log s$. A 1×1
# convolution multiplies the channels of every place by one matrix, written $W = P L (U + \operatorname{diag} s)$ with
# $P$ a fixed permutation and triangular $L$, $U$ that have ones and zeros on the diagonal (Glow): $\log|\det W|$ is
# then $\sum \log |s|$, where a determinant would cost the cube of the channels.


# %% tags=["by-hand"]
def coupling(maps, network, backwards=False):
    kept, changed = maps.chunk(2, dim=1)
    free, shift = network(kept).chunk(2, dim=1)
    scale = torch.sigmoid(2 + 2 * torch.tanh(free / 2))  # bounded; 0.88 where the network says nothing
    if backwards:
        return torch.cat([kept, (changed - shift) / scale], 1)
    return torch.cat([kept, changed * scale + shift], 1), scale.log().flatten(1).sum(1)


def convolution(maps, permutation, lower, upper, scale, backwards=False):
    weight = permutation @ (lower.tril(-1) + torch.eye(len(scale))) @ (upper.triu(1) + torch.diag(scale))
    if backwards:
        return torch.einsum("ij,bjhw->bihw", torch.linalg.inv(weight), maps)
    places = maps.shape[2] * maps.shape[3]
    return torch.einsum("ij,bjhw->bihw", weight, maps), places * scale.abs().log().sum().expand(len(maps))


# %% [markdown]
# We apply one after the other to a corner of two photographs, whose 2×2 squares of pixels become channels. Three
# checks: the library's layers with the same weights give the same numbers; running backwards gives the corner back; and
# the log-determinant is that of the whole Jacobian, which autograd writes out entry by entry.

# %% tags=["by-hand"]
torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
mixing, stretching = InvertibleConvolution(12), AffineCoupling(12, 16)
nn.init.normal_(mixing.log_scale, std=0.3)  # fresh, it is a rotation, whose determinant is 1
nn.init.normal_(stretching.network[-1].weight, std=0.2)  # fresh, it stretches everything equally
learn = run.data().train_rows()
corner = to_float(load_images(learn["path"].tolist()[:2], (64, 32), cache=None), "cpu")[:, :, 20:28, 12:20]
x = squeeze(2 * corner.double() - 1)
lu = (mixing.permutation, mixing.lower, mixing.upper, mixing.sign * mixing.log_scale.exp())

with torch.no_grad():
    mixed, first = convolution(x, *lu)
    z, second = coupling(mixed, stretching.network)
    torch.testing.assert_close((mixed, first), mixing(x))
    torch.testing.assert_close((z, second), stretching(mixed))
    torch.testing.assert_close(convolution(coupling(z, stretching.network, True), *lu, True), x)

jacobian = torch.autograd.functional.jacobian(
    lambda v: coupling(convolution(v.view(1, *x.shape[1:]), *lu)[0], stretching.network)[0].flatten(), x[0].flatten()
)
torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, first[0] + second[0])
torch.set_default_dtype(torch.float32)
print(f"{x[0].numel()} numbers; log|det| = {first[0]:.3f} (convolution) + {second[0]:.3f} (coupling)")

# %% [markdown]
# ### What maximum likelihood does with them
#
# The same layers on points of a plane (an "image" of one place and two channels). The flow learns to turn two half
# moons into Gaussian noise, by equation 3 alone, in some 20 lines; run backwards, it then draws moons from noise. In
# JupyterLab, change the number of blocks.


# %% tags=["by-hand"]
def moons(count, draw):
    angle, side = np.pi * torch.rand(count, generator=draw), torch.randint(2, (count,), generator=draw)
    points = torch.stack([torch.cos(angle) + side - 0.5, torch.sin(angle) * (1 - 2 * side) + 0.4 * side - 0.2], 1)
    return points + 0.08 * torch.randn(count, 2, generator=draw)


@cache
def fitted_flow(blocks, steps=400):
    torch.manual_seed(0)
    draw = torch.Generator().manual_seed(0)
    layers = nn.ModuleList(layer for _ in range(blocks) for layer in (InvertibleConvolution(2), AffineCoupling(2, 32)))
    optimizer = torch.optim.Adam(layers.parameters(), lr=5e-3)
    for _ in range(steps):
        z, log_determinant = moons(256, draw).view(-1, 2, 1, 1), 0
        for layer in layers:
            z, more = layer(z)
            log_determinant = log_determinant + more
        log_noise = -0.5 * z.square().sum((1, 2, 3)) - np.log(2 * np.pi)
        loss = -(log_noise + log_determinant).mean()  # equation 3, in nats
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return layers, loss.item()


def density(blocks=4):
    """Data, their latents, and what the flow draws from noise."""
    layers, loss = fitted_flow(blocks)
    draw = torch.Generator().manual_seed(1)
    data, noise = moons(800, draw), torch.randn(800, 2, generator=draw)
    latents, drawn = data.view(-1, 2, 1, 1), noise.view(-1, 2, 1, 1)
    with torch.no_grad():
        for layer in layers:
            latents = layer(latents)[0]
        for layer in reversed(layers):
            drawn = layer(drawn, generate=True)
    shown = {"data x": data, "latents of the data": latents.flatten(1), "drawn from noise": drawn.flatten(1)}
    figure, panels = plt.subplots(1, 3, figsize=(7.2, 2.6))
    for axes, (title, points) in zip(panels, shown.items(), strict=True):
        colour = {"color": "C1"} if title == "drawn from noise" else {"c": data[:, 1], "cmap": "viridis"}
        axes.scatter(*points.T, s=3, **colour)
        axes.set(title=title, xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), xticks=[], yticks=[])
    figure.suptitle(f"{blocks} blocks: {loss:.2f} nats a point")
    plt.close(figure)
    return figure


widgets.explore(density, blocks=[1, 2, 4, 8])

# %% [markdown]
# **What to notice.** The middle panel should be a round cloud in which neighbours stay neighbours. A bijection cannot
# tear: two moons are two pieces, a Gaussian is one, so the flow had to stretch whatever connects the moons on the
# right.
#
# ### On pictures
#
# A picture that runs through a flow and back must be the same picture. It must also survive the way through the *other*
# modality's flow and back:


# %%
@cache
def maker(row="tse"):
    """The fitted flows of a row of the study (or its CycleGAN)."""
    own = studies.run_of(run, STUDY.row(row))
    return own.generator("cyclegan" if row == "cyclegan" else "flow2flow", external=False)


def pixels(rows):
    size = (maker().config.height, maker().config.width)
    return np.asarray(load_images(rows["path"].tolist(), size, cache=None))


rows = {}
for modality, other in OTHER.items():
    given = pixels(learn[learn["modality"] == modality].sample(16, random_state=0))
    latents = maker().encode(given, modality)
    with torch.no_grad():
        there = maker().networks[other](latents, generate=True)
        again = maker().networks[other](there)[0]
    for words, z in (("its own flow", latents), (f"and through the {other} one", again)):
        worst = np.abs(maker().decode(z, modality).astype(int) - given).max()
        rows[f"{modality}: {words}"] = {"images": len(given), "largest difference (of 255)": worst}
pd.DataFrame(rows).T.rename_axis("there and back by")

# %% [markdown]
# ## 2. What the flows are taught (Fig. 8)
#
# Likelihood alone would leave the two flows unrelated: the latent of one person's visible image would decode to another
# person's infrared picture. Three more losses bring them together. The *noise loss* draws the latents of one person
# together and pushes those of others apart (eq. 10). An *image encoder* for each modality measures the distance of a
# translated image to the person's real ones: the flows bring them near, the encoder moves them apart (eq. 12 and 13).
# And a *modality discriminator* for each modality tells real from translated images (eq. 14 and 15). Flows and
# adversaries alternate, the flows twice as often.

# %%
record = studies.run_of(run, STUDY.row("tse")).fit("flow2flow", external=False)
history = pd.read_json(record.folder / FITTED / "training" / "history.jsonl", lines=True)
smooth = history.rolling(max(1, len(history) // 20), min_periods=1, center=True).mean().assign(step=history["step"])
smooth.plot(
    "step", ["flow_visible", "flow_infrared"], ylabel="flow loss (nats)", title="Flow loss (lower is more likely)"
)
plt.show()

# %%
smooth.plot("step", "noise", ylabel="distance", title="Noise loss (eq. 10)")
plt.show()

# %%
for made_from, modality in {"infrared": "visible", "visible": "infrared"}.items():
    sides = [f"{loss}_{modality}" for loss in ("identity", "encoder", "modality", "discriminator")]
    title = f"{modality.capitalize()} images made of {made_from} ones: flows against adversaries"
    history.plot("step", sides, ylabel="loss (no unit)", title=title)
    plt.show()

# %% [markdown]
# **What to notice.** The paper finds that the infrared flow's loss falls lower, and says that infrared images are
# easier because they have less colour. Does it fall lower here? A plainer reason would do: the three channels of an
# infrared file are equal, and a flow that uses this can raise the likelihood down to the noise that is added to the
# grey levels. The noise loss is a mean distance within identities minus one between them: below 0, an identity's
# latents lie nearer to each other than to others'. And encoder loss and identity loss are two sides of one distance (2
# in all): which side is winning at the end?
#
# ## 3. More of the same: TSE (Fig. 4 and 7)
#
# Two images of a person become latents $z_1$ and $z_2$. A point between them becomes a new image (eq. 17):
#
# $$\hat{x} = \mathcal{G}\big(z_1 + \tfrac{p}{q}\,(z_2 - z_1)\big), \qquad 0 < p < q .$$
#
# With $q = 2$, the paper's choice, it is the midpoint. Here are the walks for $q = 10$:

# %% tags=["by-hand"]
names = np.random.default_rng(1).permutation(sorted(learn["identity"].unique()))[:3]
pairs = {}  # (identity, modality) -> two of its images
for modality in OTHER:
    for name in names:
        own = learn[(learn["modality"] == modality) & (learn["identity"] == name)].sort_values("path")
        pairs[name, modality] = pixels(own.iloc[[0, len(own) // 2]])

q, walks = 10, []
for (_, modality), pair in list(pairs.items())[::2]:
    z_1, z_2 = maker().encode(pair, modality)
    path = torch.stack([z_1 + p / q * (z_2 - z_1) for p in range(1, q)])  # equation 17
    walks.append([pair[0], *maker().decode(path, modality), pair[1]])

labels = [f"{short(name)}\n{modality}" for name, modality in list(pairs)[::2]]
viz.image_grid(
    walks, row_labels=labels, column_labels=["image 1", *(f"{p}/{q}" for p in range(1, q)), "image 2"], cell=1.0
)

# %% [markdown]
# Three midpoints: of the pixels, of the latents of a flow without the $\tanh$, and with it. The library's own TSE
# picture of a pair (q = 2) equals the last one, to one grey level of 255:

# %% tags=["by-hand"]
halves = []
for (name, modality), pair in pairs.items():
    row = [*pair, np.round(pair.astype(np.float32).mean(0)).astype(np.uint8)]
    for kind in ("tse_linear", "tse"):
        z = maker(kind).encode(pair, modality)
        row.append(maker(kind).decode(z.mean(0, keepdim=True), modality)[0])
    halves.append(row)
    if maker().config.q == 2:
        asked = SampleRequest(name, "", Path(), (1,), modality=modality, from_modality=modality)
        librarys = maker().pictures([pair[:1], pair[1:]], [asked])[0]
        np.testing.assert_allclose(librarys.astype(int), row[-1].astype(int), atol=1)

labels = [f"{short(name)}\n{modality}" for name, modality in pairs]
viz.image_grid(
    halves, row_labels=labels, column_labels=["image 1", "image 2", "pixels", "linear\nflow", "nonlinear\nflow"]
)

# %% [markdown]
# **What to notice.** A blend of pixels shows two people on top of each other. Do the flows' pictures show one, and can
# you tell linear from nonlinear? Do both look like the blend? No wonder: between two points a nearly linear network
# does what pixels do.
#
# ## 4. The same in the other modality: CMG (Fig. 5)
#
# A visible image becomes a latent by $\mathcal{G}_v^{-1}$, and the latent an infrared image by $\mathcal{G}_r$ (eq.
# 18); and the other way round (eq. 19). The figure also shows CycleGAN's translation of the same images, and a true
# image of the person in that modality (at another moment, because nobody was photographed in both modalities at once).

# %% tags=["by-hand"]
kinds = {"Flow2Flow": "cmg", "CycleGAN": "cyclegan"}
keys = pd.Series(camera_keys(learn), index=learn.index)
names = np.random.default_rng(2).permutation(sorted(learn["identity"].unique()))[:6]
shown, labels = [], []
for place, name in enumerate(names):
    modality, other = ("visible", "infrared") if place < len(names) // 2 else ("infrared", "visible")
    own = learn[learn["identity"] == name].sort_values("path")
    given, true = (pixels(own[own["modality"] == side].iloc[[0]]) for side in (modality, other))
    camera = keys.loc[own.index[own["modality"] == other]].iloc[0]
    made = [maker(row).translate(given, name, camera)[0] for row in kinds.values()]
    by_hand = maker("cmg").decode(maker("cmg").encode(given, modality), other)  # equations 18 and 19
    np.testing.assert_allclose(by_hand[0].astype(int), made[0].astype(int), atol=1)  # grey levels
    shown.append([given[0], *made, true[0]])
    labels.append(f"{short(name)}\n{modality}")
viz.image_grid(shown, row_labels=labels, column_labels=["given", *kinds, "a true\none"])

# %% [markdown]
# **What to notice.** The paper's CycleGAN "fails to model the silhouette"; does this one? From infrared to visible, a
# generator has to invent colours: an image of that direction is right only by luck.
#
# ### What the adversaries are for (Fig. 9)
#
# The same images by flows that learnt likelihood and the noise loss alone ("none"), with one of the two adversaries,
# and with both. Each is a fit of its own.

# %%
ablations = {"none": "cmg_none", "+ modality": "cmg_modality", "+ identity": "cmg_identity", "both": "cmg"}
shown = []
for place, name in enumerate(names):
    modality, other = ("visible", "infrared") if place < len(names) // 2 else ("infrared", "visible")
    own = learn[learn["identity"] == name].sort_values("path")
    given = pixels(own[own["modality"] == modality].iloc[[0]])
    shown.append(
        [given[0], *(maker(row).decode(maker(row).encode(given, modality), other)[0] for row in ablations.values())]
    )
viz.image_grid(shown, row_labels=labels, column_labels=["given", *ablations])

# %% [markdown]
# **What to notice.** Without adversaries nothing ties a latent of one modality to the same person in the other. Which
# of the two brings the person's shape, and which the look of the modality?
#
# ## 5. Pictures in numbers
#
# Before training on the pictures, measure: how far are they from real ones of their modality (Fréchet distance between
# features of an evaluator network, lower is nearer), and does the nearest real image have the same identity? The
# evaluator is MPANet, trained on the real images (first seed), in the stream of the measured modality. "Grey copies"
# are the visible images without their colour, which cost nothing and need no training.

# %%
most, rows = 400, []
evaluator = studies.run_of(run, STUDY.row("mpanet"))
network, config = evaluator.network("real", run.profile.reid.seeds[0])
network = network.to(run.device).eval()


@torch.no_grad()
def features(table, modality, change=lambda images: images):
    images = change(np.asarray(load_images(table["path"].tolist(), (config.height, config.width), cache=None)))
    parts = [to_float(images[start : start + 128], torch.device(run.device)) for start in range(0, len(images), 128)]
    found = torch.cat([network.features(normalise(part), modality).cpu() for part in parts])
    return nn.functional.normalize(found), colourfulness(images).mean()


def subsample(table, count):
    return table.sample(min(count, len(table)), random_state=0).sort_index()


made = {}
for name in ("tse", "interpolation", "tse_linear", "cmg", "cmg_none", "cyclegan"):
    row = STUDY.row(name)
    made[row.label] = studies.run_of(run, row).more_images(row.training)
for modality, other in OTHER.items():
    real = subsample(learn[learn["modality"] == modality], 2 * most)
    half = real.iloc[::2]
    known, _ = features(half, modality)
    groups = {"real, one half against the other": real.iloc[1::2]}
    if modality == "infrared":
        groups["grey copies"] = subsample(learn[learn["modality"] == other], most)
    groups |= {name: subsample(table[table["modality"] == modality], most) for name, table in made.items()}
    for name, table in groups.items():
        table = table[table["identity"].isin(set(half["identity"]))]
        own, colour = features(table, modality, grey if name == "grey copies" else lambda images: images)
        nearest = identify(own, table["identity"], known, half["identity"])
        size = f"{config.height}x{config.width}"
        near = frechet(known.numpy(), own.numpy(), extractor="mpanet", resize=size).value
        rows.append(
            {
                "modality": modality,
                "images": name,
                "Fréchet distance": f"{near:.3f}",
                "same identity nearest (%)": f"{100 * nearest.rank_1:.1f}",
                "chance (%)": f"{100 * nearest.chance:.1f}",
                "colourfulness": f"{colour:.1f}",
                "N": len(table),
            }
        )
pd.DataFrame(rows).set_index(["modality", "images"])

# %% [markdown]
# **What to notice.** TSE has it easy: its pictures lie between two images that are both in the set they are compared
# with. CMG is the honest test. Compare it with the grey copies in *both* columns: looking infrared is one thing,
# identity preservation another.
#
# ## 6. Training with both kinds of images
#
# The paper trains MPANet. The generated images do not simply join the real ones: "we separately learn features of true
# images and generated images, then perform the feature-level concatenation" (section V-A). It says no more. Here one
# backbone has two heads: one learns from real images, one from generated ones, and the feature of a test image, which
# is always real, concatenates both. Batches have the baseline's size, and their images are drawn from both kinds.
# Another reading: a test image is translated too, and the second head describes the translation. The release has a
# script for this, commented out. The row "CMG, test images translated too" follows it (`describe: compensate`; with
# `-p full=true`).

# %%
for name in ("tse", "cmg", "both"):
    made = studies.run_of(run, STUDY.row(name)).more_images(STUDY.row(name).training)
    print(
        f"{STUDY.row(name).label}: {made['modality'].value_counts().to_dict()} images made of "
        f"{run.data().train_rows()['modality'].value_counts().to_dict()} real ones"
    )

# %%
print(studies.smallest(run, STUDY, full=full))  # before anything is trained
measured = studies.measure(run, STUDY, full=full, training=training)
studies.overview(measured, ["rank_1", "mean_ap", "mean_inp", "himd"])

# %%
studies.effort(measured).round(1)

# %% [markdown]
# ## 7. The paper's tables, with ours below each number
#
# **Table III**: TSE, CMG and both.

# %%
studies.beside_paper(run, STUDY, measured, 3)

# %% [markdown]
# **Table IV**: TSE against blended pixels, and $q$. **Table V**: CMG against CycleGAN. (Our TSE draws the same pairs of
# images as the blends.)

# %%
display(*(studies.beside_paper(run, STUDY, measured, number) for number in (4, 5)))

# %% [markdown]
# **Table VI**: with and without $\tanh$. **Table VII**: which adversaries. **Table VIII**: which losses.

# %%
display(*(studies.beside_paper(run, STUDY, measured, number) for number in (6, 7, 8)))

# %% [markdown]
# **What to notice.** Compare orders, not numbers: this is another data set and, on the miniature world, a far smaller
# network. In Table VII, TSE without any adversary differs from TSE with both by a fifth of a point, and the paper
# prints no spread. Look at the ± of ours before believing an order of theirs.
#
# ## 8. How many? (Fig. 6)
#
# Rank-1 over the number of generated images for each real one, when visible images are expanded, infrared ones, or
# both. The totals are exact, to one image. The filled dot is the paper's best number, 1; the dotted line is MPANet
# without generated images.

# %%
means = measured[measured["mode"] == measured["mode"].iloc[0]].groupby("row")["rank_1"].agg(["mean", "std"])
curves = {"visible": [], "infrared": [], "both": []}
for row in STUDY.rows:
    made = expansion_of(row.training)
    plain = row.method == STUDY.row("tse").method and row.training.startswith("flow2flow.tse") and not row.changes
    if plain and made.kinds == ("tse",) and row.name in means.index:
        words = made.modalities[0] if len(made.modalities) == 1 else "both"
        curves[words].append((made.percent / 100, *means.loc[row.name]))
if any(len(points) > 1 for points in curves.values()):
    figure, panels = plt.subplots(1, len(curves), figsize=(7.2, 2.6), sharey=True)
    for axes, (words, points) in zip(panels, curves.items(), strict=True):
        share, mean, spread = np.array(sorted(points), dtype=float).reshape(-1, 3).T
        axes.errorbar(share, mean, yerr=np.nan_to_num(spread), fmt="o-", capsize=3, markerfacecolor="white")
        axes.plot(share[share == 1], mean[share == 1], "o", color="C0")
        axes.axhline(means.loc["mpanet", "mean"], linestyle=":", color="grey")
        axes.set(title=f"{words} expanded", xlabel="generated images for each real one")
    panels[0].set_ylabel("rank-1 (%)")
    plt.show()
else:
    print("Not run: these rows are trained with -p full=true.")

# %% [markdown]
# ## 9. What the paper claims, and what the seeds say
#
# Each claim is a difference between two rows, taken within each seed and each gallery of test identities. Its 95 %
# interval is over both ([chapter 7](../07_results.py)), uncorrected. The verdict comes from the p-value after Holm's
# correction over all tested claims, with the measures of one comparison as one family. *Holds*: the corrected p is 5 %
# or less, and the difference is on the claimed side. *Does not hold*: on the other side. *Within noise*: these seeds
# cannot tell.

# %%
findings = studies.judge(measured, STUDY.claims)
print(studies.count(findings))
studies.findings_table(findings)

# %%
print(studies.limits(run, STUDY, measured, findings))

# %% [markdown]
# **What to notice.** A claim that holds, holds for these fits: the intervals are about other seeds of the ReID training
# and other test people of this world, and nothing else. A difference between two generators may be one between two of
# their fits.
#
# ## 10. The embedding in the plane (Fig. 3)
#
# t-SNE of the same few test identities under MPANet and under TSE + CMG. Neighbours mean something, sizes and distances
# of clusters do not ([chapter 5](../05_embedding_analysis.py)). Do a person's circles (visible) and triangles
# (infrared) touch?

# %%
test = run.data().test()
sample = readable_sample(test, identities=8)
about = test.iloc[sample]
for name in ("mpanet", "both"):
    row = STUDY.row(name)
    held, _ = studies.run_of(run, row).features(row.training, run.profile.reid.seeds[0])
    display(viz.projection(tsne(held[sample]), about, title=row.label))

# %% [markdown]
# ## Something to try
#
# 1. One head for both kinds: `studies.measure` a study of the rows `tse_mixed` and `cmg_mixed`. *Expect* the generated
#    images to do more harm, where they do harm.
# 2. A longer fit: put `generators: {flow2flow: {steps: 1200}}` into a profile of your own. *Expect* cleaner pictures in
#    section 4. Does rank-1 follow?
# 3. `form: release` in the same place: the released code's flow, without 1×1 convolutions and without $\tanh$. *Expect*
#    the walks of section 3 to look different: its latents are not bounded.
# 4. Move the $\tanh$: `activation_place: first` or `middle`. *Expect* pictures from latents drawn at random
#    (`torch.randn`) to exist more often: where it stands last, 31.7 % of a normal distribution's values lie beyond
#    $\pm 1$, and no image has such a latent, although the likelihood asks for that distribution.
