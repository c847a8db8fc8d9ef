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
# # 4 · Training: does synthetic infrared help?
#
# **The question.** We train the same network on real images alone and on real images plus synthetic infrared, several
# times each. Is the difference larger than what another throw of the dice would have given?
#
# **This chapter** reads the tables of [chapter 1](01_datasets.py) and the galleries of
# [chapter 3](03_synthetic_galleries.py) (it makes them if they are missing). Its first half writes a whole training by
# hand, runs it for some seconds and asserts that the library computes the same; its second half makes one trained
# network with its scores for each training set and seed. The second half costs, on the miniature world, most of the
# book's time: about a minute of one CPU core for each training. It fetches networks that are already trained.
#
# **You will learn**
#
# - how the field's baseline network, AGW, is built and trained: its batches, its layers, its losses, its loop;
# - to compare training sets fairly: equal conditions, several seeds, nothing chosen on the test;
# - what a difference of a few points over a few seeds allows one to say.
#
# **You need** [chapter 1](01_datasets.py) (the measures), and to know how a network is trained by gradient descent.
# Chapters 2 and 3 tell where the synthetic images come from.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
method = ""  # a ReID method instead of the profile's: a file name in vireid_lib/reid/methods, e.g. "agw"
metric = "rank_1"  # or "mean_ap", "mean_inp", "rank_5", "rank_10", "rank_20": what figures and verdicts are about

# %%
import inspect
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import cross_entropy, softplus

from vireid_lib import experiment, viz
from vireid_lib.experiment import claims, measures, results, trainings
from vireid_lib.experiment.metrics import SCORES, mean_and_std
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.viz import images as pictures
from vireid_lib.viz import widgets

viz.notebook_style()
run = experiment.open(profile, workspace, data_root, method)
run

# %% [markdown]
# ## 1. A batch: P identities, K images in each modality
#
# AGW (Ye et al. 2021, section 4) is the field's baseline: simple, and named after its three parts, *A*ttention,
# *G*eneralised mean, *W*eighted triplet. Most methods of this book build on it, so the lecture explains AGW even if
# this run trains another method.
#
# A loss that compares images needs images worth comparing. So a batch is no random handful of the table: it holds $P$
# identities, with $K$ visible and $K$ infrared images of each ([identity sampling](glossary.md#identity-sampling)).
# Each image then meets its own identity in both modalities, and $P - 1$ other identities.

# %% tags=["by-hand"]
P, K = 8, 4

table = run.data().train_rows()
identities = sorted(table["identity"].unique())
rows_of = table.groupby(["identity", "modality"]).groups


def draw_batch(stream):
    """Row numbers of K visible images of each of P identities, and of K infrared ones in the same order."""
    visible, infrared = [], []
    for identity in stream.choice(identities, P, replace=False):
        visible.extend(stream.choice(rows_of[identity, "visible"], K))  # with replacement: an image may come twice
        infrared.extend(stream.choice(rows_of[identity, "infrared"], K))
    return visible, infrared


# %% [markdown]
# The library's sampler returns the places of the images among those of their modality. From one seed, both draw the
# same batches to the last row:

# %% tags=["by-hand"]
from vireid_lib.data.sampling import IdentitySampler

number = {identity: place for place, identity in enumerate(identities)}  # the classifier's classes
labels = torch.tensor([number[identity] for identity in table["identity"]])
sides = [np.flatnonzero(table["modality"] == modality) for modality in ("visible", "infrared")]

sampler = IdentitySampler(*(labels[side].numpy() for side in sides), identities=P, images=K, seed=0)
stream = np.random.RandomState(0)
for step in range(sampler.steps_per_epoch):
    for side, drawn, places in zip(sides, draw_batch(stream), sampler.batch(0, step), strict=True):
        assert np.array_equal(drawn, side[places])
print(f"{sampler.steps_per_epoch} batches of {P} × 2 × {K} images: the same rows")

# %%
visible, infrared = draw_batch(np.random.RandomState(0))
batch = pictures.pixels(table.iloc[[*visible, *infrared]]).reshape(2, P, K, *pictures.SIZE, 3)
viz.image_grid(
    [[*batch[0, place], None, *batch[1, place]] for place in range(P)],
    row_labels=[pictures.short(table["identity"][visible[place * K]]) for place in range(P)],
    column_labels=["visible", *[""] * K, "infrared", *[""] * (K - 1)],
    cell=0.7,
    title="A batch: one identity in each row",
)

# %% [markdown]
# **What to notice.** Images are drawn with replacement: does one stand in its row twice? Where external identities join
# the training (section 6), they get a share of the $P$ places (`mix`): the same draw, once among the data set's
# identities and once among the external ones. Each group has a random stream of its own for every batch. So the images
# of the data set do not depend on what is added to them, and trainings of one seed are *paired* (section 9).
#
# ## 2. The network: AGW
#
# AGW's cross-modality form has [**two streams**](glossary.md#two-stream-network): the first layers, the *stem*, exist
# twice, once for each modality; everything after is shared. The stems may learn what differs between the two
# modalities, the rest has to work with what they have in common.
#
# **Non-local block** (the attention). Each place of the map may look at every other one. With $x_i$ the feature vector
# at place $i$ of $N$ places, and $\theta, \varphi, g, W$ learned 1×1 convolutions,
#
# $$z_i = \mathrm{BN}(W y_i) + x_i, \qquad y_i = \frac1N \sum_{j=1}^{N} \theta(x_i)^{\!\top} \varphi(x_j)\; g(x_j)$$
#
# The batch normalisation BN starts at zero, so a fresh block changes nothing: $z = x$.
#
# **[Generalised-mean pooling](glossary.md#generalised-mean-pooling)** (GeM). One number per channel $k$ out of its
# values $x$ at the $N$ places:
#
# $$f_k = \Big(\frac1N \sum_{i=1}^{N} x_{ik}^{\,p}\Big)^{1/p}, \qquad p = 3$$
#
# $p = 1$ is the mean, $p \to \infty$ the maximum: $p = 3$ lets strong places count for more, and not the strongest
# alone. (The paper calls $p$ learnable; the released code keeps it at 3.)
#
# **[BN neck](glossary.md#batch-normalisation-neck).** The triplet loss below wants distances, the classifier wants
# directions. A batch normalisation between the two gives each its own space: the triplet loss acts before it,
# classifier and retrieval after it.
#
# This is the miniature world's network. The ResNet-50 that real data gets has the same parts: larger stems, sixteen
# blocks in place of four, five non-local blocks, and one GeM over the whole map in place of four over its horizontal
# stripes.


# %% tags=["by-hand"]
class Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.shortcut = nn.Identity()
        if stride > 1 or inside != outside:
            self.shortcut = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x):
        y = self.bn1(self.conv1(x)).relu()
        return (self.bn2(self.conv2(y)) + self.shortcut(x)).relu()


class NonLocal(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.g, self.theta, self.phi = (nn.Conv2d(channels, 1, 1) for _ in range(3))
        self.W, self.BN = nn.Conv2d(1, channels, 1), nn.BatchNorm2d(channels)

    def forward(self, x):
        g, theta, phi = (layer(x).flatten(2) for layer in (self.g, self.theta, self.phi))  # [images, 1, N]
        looks = theta.transpose(1, 2) @ phi / phi.shape[2]  # [images, N, N]: how much place i takes from place j
        y = (looks @ g.transpose(1, 2)).transpose(1, 2)
        return self.BN(self.W(y.unflatten(2, x.shape[2:]))) + x


p = 3  # change it here: the library's network below gets the same


def gem(maps, stripes=4):
    """[images, channels, height, width] → [images, stripes × channels]"""
    x = maps.unflatten(2, (stripes, -1)).flatten(3)
    return (x**p).mean(3).add(1e-12).pow(1 / p).transpose(1, 2).flatten(1)


# %% tags=["by-hand"]
class TwoStream(nn.Module):
    def __init__(self, identities):
        super().__init__()
        self.stems = nn.ModuleDict({modality: self.stem() for modality in ("visible", "infrared")})
        self.layers = nn.Sequential(Block(24, 32, 2), Block(32, 64, 1), Block(64, 96, 2), Block(96, 96, 1))
        self.attention = NonLocal(96)
        self.reduce = nn.Linear(4 * 96, 192, bias=False)
        self.neck = nn.BatchNorm1d(192)
        self.neck.bias.requires_grad_(False)  # stays zero
        self.classifier = nn.Linear(192, identities, bias=False)

    def stem(self):
        return nn.Sequential(nn.Conv2d(3, 24, 3, 2, padding=1, bias=False), nn.BatchNorm2d(24), nn.ReLU())

    def trunk(self, maps):
        return self.layers[3](self.attention(self.layers[:3](maps)))

    def pooled(self, maps):
        return self.reduce(gem(self.trunk(maps)))

    def features(self, images, modality):
        """For retrieval: images of one modality."""
        return self.neck(self.pooled(self.stems[modality](images)))

    def forward(self, visible, infrared):
        """For training: what the triplet loss sees, and a number for each identity. Both modalities are one batch."""
        pooled = self.pooled(torch.cat([self.stems["visible"](visible), self.stems["infrared"](infrared)]))
        return pooled, self.classifier(self.neck(pooled))


# %% [markdown]
# With the weights of the library's network, which has them in the same order, ours gives the same numbers: features of
# one modality after the neck, and the output for a whole batch in training, where each batch normalisation uses the
# batch's own mean and variance. They agree to a ten-thousandth, and not to the last bit, because sums run in another
# order.

# %% tags=["by-hand"]
from vireid_lib.reid import methods
from vireid_lib.reid.layers.network import generalised_mean_pool
from vireid_lib.reid.methods.agw import AgwConfig

config = AgwConfig.small(  # the miniature world's recipe, on whatever data this run has
    height=run.reid_config.height,
    width=run.reid_config.width,
    identities=P,
    images=K,
    triplet="wrt",  # or "hard", with a margin, or "none"
    margin=0.3,
    channels_last=False,
)


def library_and_ours(seed=0):
    """AGW as the library builds it, with fresh weights, and our network with the same weights."""
    torch.manual_seed(seed)
    agw = methods.build("agw", config, len(identities))
    agw.network.pool = partial(generalised_mean_pool, power=p, stripes=4)
    ours = TwoStream(len(identities))
    ours.load_state_dict(dict(zip(ours.state_dict(), agw.network.state_dict().values(), strict=True)))
    agw.network.to(run.device)
    return agw, ours.to(run.device)


agw, network = library_and_ours()
for block in (agw.network.backbone.non_local["layer3"][0].norm, network.attention.BN):
    nn.init.ones_(block.weight)  # a fresh block changes nothing, and the check would not see it
images = torch.rand(2 * P, 3, config.height, config.width, device=run.device)
for ours, theirs in zip(network(images[:P], images[P:]), agw.network(images[:P], images[P:]), strict=True):
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
for modality in ("visible", "infrared"):
    ours, theirs = (each.eval().features(images, modality) for each in (network, agw.network))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
print(f"images {list(images.shape)} → features {list(ours.shape)}, the library's")

# %% [markdown]
# What holds how many parameters:

# %%
parts = {f"stem, {modality}": stem for modality, stem in network.stems.items()} | dict(network.named_children())
sizes = {name: sum(p.numel() for p in part.parameters()) for name, part in parts.items() if name != "stems"}
pd.DataFrame({"parameters": sizes}).assign(share=lambda t: (t["parameters"] / sum(sizes.values())).map("{:.1%}".format))

# %% [markdown]
# **What to notice.** Only the stems tell the modalities apart, and hardly any parameter is theirs. The classifier grows
# with the training identities and is thrown away after training: the test asks about none of the identities that it
# knows.
#
# ## 3. What is minimised
#
# Two losses are summed.
#
# *Identity loss*: a classifier over the training identities, cross-entropy. It exists to force features apart.
#
# *Weighted regularised [triplet](glossary.md#triplet-loss)* (WRT; Ye et al. 2021, section 4). For each image $i$ (the
# anchor), $d^{+}_{ij}$ are its distances to images of the same identity, $d^{-}_{ik}$ those to other identities:
#
# $$\mathcal{L}_i = \log\Big(1 + \exp\big(\sum_j w^{+}_{ij} d^{+}_{ij} - \sum_k w^{-}_{ik} d^{-}_{ik}\big)\Big)$$
#
# $$w^{+}_{ij} = \frac{e^{\,s\,d^{+}_{ij}}}{\sum_{j'} e^{\,s\,d^{+}_{ij'}}}, \quad
# w^{-}_{ik} = \frac{e^{-s\,d^{-}_{ik}}}{\sum_{k'} e^{-s\,d^{-}_{ik'}}}, \qquad s = 1$$
#
# The weights $w^{+}$ favour the farthest friends, $w^{-}$ the nearest strangers: the hard ones. No margin has to be
# chosen. ($s$, the sharpness, is CAJ's: the larger, the more the hardest pair counts alone.) The older *hard triplet*
# loss takes only the hardest of each, and a margin $m$: $\max(0, \max_j d^{+}_{ij} - \min_k d^{-}_{ik} + m)$.


# %% tags=["by-hand"]
def distances(x):
    squares = (x[:, None] - x).square().sum(2)
    return squares.clamp(min=1e-12).sqrt()  # the root has no gradient at zero, where an image meets itself


def wrt(x, labels, sharpness=1.0):
    d, same = distances(x), labels[:, None] == labels
    own = d * same
    farthest = own.amax(1, keepdim=True)  # cancels out of the weights, and keeps exp from overflowing
    w_friends = (sharpness * (own - farthest)).exp() * same
    w_strangers = (-sharpness * d).exp() * ~same
    friends = (w_friends * d).sum(1) / (w_friends.sum(1) + 1e-6)
    strangers = (w_strangers * d).sum(1) / (w_strangers.sum(1) + 1e-6)
    return softplus(friends - strangers).mean()  # softplus(x) is log(1 + exp(x))


def hard(x, labels, margin=0.3):
    d, same = distances(x), labels[:, None] == labels
    farthest = d.masked_fill(~same, 0).amax(1)
    nearest = d.masked_fill(same, torch.inf).amin(1)
    return (farthest - nearest + margin).clamp(min=0).mean()


# %% [markdown]
# The millionth comes from the released code, and it matters: where all strangers of an image are more than 14 away,
# $e^{-d}$ is smaller than it, and the term that pushes them away fades. (A fresh network can have such images.) On
# random features of a batch, ours and the library's losses agree to a hundred-thousandth:

# %% tags=["by-hand"]
from vireid_lib.reid.losses.triplets import enhanced_squared_triplet, hard_triplet, weighted_regularized_triplet

sharpness, margin = 1.0, config.margin  # change them here

x = torch.randn(2 * P * K, 192, generator=torch.Generator().manual_seed(0)) / 4
y = torch.arange(P).repeat_interleave(K).repeat(2)
theirs = enhanced_squared_triplet(x, y, sharpness=sharpness, squared=False)  # WRT, where the sharpness can be set
torch.testing.assert_close(wrt(x, y, sharpness), theirs, rtol=1e-5, atol=1e-6)
torch.testing.assert_close(wrt(x, y), weighted_regularized_triplet(x, y), rtol=1e-5, atol=1e-6)
torch.testing.assert_close(hard(x, y, margin), hard_triplet(x, y, margin=margin), rtol=1e-5, atol=1e-6)

# %% [markdown]
# Two identities with three images each, on a line. What remains of each loss as they come apart?

# %%
spread, two = torch.tensor([[0.0], [0.5], [1.0]] * 2), torch.tensor([0, 0, 0, 1, 1, 1])
apart = torch.linspace(0, 5, 101)
for words, loss in {
    f"WRT, sharpness {sharpness:g}": partial(wrt, sharpness=sharpness),
    "WRT, sharpness 5": partial(wrt, sharpness=5.0),
    f"hard triplet, margin {margin:g}": partial(hard, margin=margin),
    "hard triplet, margin 1": partial(hard, margin=1.0),
}.items():
    plt.plot(apart, [loss(spread + each * two[:, None], two) for each in apart], label=words)
plt.xlabel("distance between the two centres")
plt.ylabel("loss")
plt.title("Two identities on a line, and what each loss says")
plt.legend()
plt.show()

# %% [markdown]
# **What to notice.** The hard triplet is exactly zero once the margin is kept, and such a batch teaches nothing. WRT
# with sharpness 1 never quite stops. With sharpness 5 it first follows the hardest pair, as the hard triplet does, and
# then turns round. The cause is the millionth, below which $e^{-5d}$ falls at a distance of 2.8. From there on this
# loss pulls the identities *together*. Try other values of `sharpness` and `margin` in the cell before.
#
# ### A playground for losses
#
# The other methods differ from AGW mostly in this place. Six losses on the same twelve features in a plane: two
# identities, each with three visible and three infrared images. An arrow points where one step of gradient descent
# moves the image; its length compares within a panel. WRT and the hard triplet are ours from above, the others the
# library's. In JupyterLab, sliders move the four clouds.

# %%
from vireid_lib.reid.losses.centre_guided_pair_mining import centre_guided_pair_mining
from vireid_lib.reid.losses.intra_identity_diversification import negative_enhancement, positive_enhancement
from vireid_lib.reid.losses.triplets import hetero_centre_triplet

who = torch.tensor([0, 0, 0, 1, 1, 1])  # of the visible images, and again of the infrared ones
CLOUD = torch.tensor([[-0.9, 0.3], [0.2, -0.8], [0.7, 0.5]])  # three images around their centre


def losses_on(identities_apart=1.2, modalities_apart=1.8, size=0.5, margin=0.3, sharpness=1.0):
    """Two identities in two modalities, and where each loss pushes them."""
    corners = torch.tensor([(-0.5, 0.5), (0.5, 0.5), (-0.5, -0.5), (0.5, -0.5)])
    centres = corners * torch.tensor([identities_apart, modalities_apart])
    points = (centres[:, None] + size * CLOUD).flatten(0, 1)
    losses = {
        "hard triplet": lambda v, i: hard(torch.cat([v, i]), who.repeat(2), margin),
        "WRT (AGW)": lambda v, i: wrt(torch.cat([v, i]), who.repeat(2), sharpness),
        "squared triplet (CAJ)": lambda v, i: enhanced_squared_triplet(
            torch.cat([v, i]), who.repeat(2), sharpness=sharpness
        ),
        "hetero-centre triplet": lambda v, i: hetero_centre_triplet(v, i, who, who, margin=margin),
        # Without a network nothing is generated: each embedding lies where its image does.
        "CPM (DEEN)": lambda v, i: centre_guided_pair_mining(v, i, v, i, who, who, margin=margin),
        "IRD: PE + NE (DEN)": lambda v, i: sum(
            part(v, i, who, who, margin=margin) for part in (positive_enhancement, negative_enhancement)
        ),
    }
    low, high = points.amin(0), points.amax(0)
    middle, reach = (low + high) / 2, 0.75 * (high - low).max() * torch.tensor([-1, 1])
    figure, panels = plt.subplots(2, 3, figsize=(9.6, 6.4), sharex=True, sharey=True)
    for panel, (name, loss) in zip(panels.flat, losses.items(), strict=True):
        moved = points.clone().requires_grad_()
        value = loss(moved[:6], moved[6:])
        (gradient,) = torch.autograd.grad(value, moved)
        step = -gradient / gradient.norm(dim=1).max().clamp(min=1e-9) * reach[1] / 3
        for place in range(4):  # visible A, visible B, infrared A, infrared B
            modality = "infrared" if place > 1 else "visible"
            marker, colour = viz.style.MODALITY_MARKERS[modality], f"C{place % 2}"
            label = f"{'AB'[place % 2]}, {modality}"
            panel.plot(*points[3 * place :][:3].T, marker, color=colour, markeredgecolor="white", label=label)
        panel.quiver(*points.T, *step.T, angles="xy", scale_units="xy", scale=1, width=0.007, color="black", zorder=3)
        panel.set_title(f"{name}: {value:.2f}")
        panel.set(xlim=middle[0] + reach, ylim=middle[1] + reach, aspect="equal")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    plt.close(figure)
    return figure


widgets.explore(
    losses_on,
    identities_apart=[0.3, 0.6, 1.2, 2.4, 4.0],
    modalities_apart=[0.0, 0.6, 1.2, 1.8, 3.0],
    size=[0.0, 0.25, 0.5, 1.0],
    margin=[0.0, 0.3, 1.0],
    sharpness=[0.2, 1.0, 5.0],
)

# %% [markdown]
# **What to notice.** Triplet losses pull on images, the hetero-centre triplet on centres: all images of a cloud get the
# same arrow. Where the clouds are further from their other modality than from the other identity, every loss works;
# bring the modalities together and the identities apart, and the hard losses fall silent one by one. PE, half of IRD,
# ignores the other identity: it wants the two centres of an identity nearer to each other than the nearest of its own
# images.
#
# ## 4. What training does to an image
#
# No image enters a batch as it was taken: it is mirrored, shifted and partly hidden, and visible images lose or change
# their colours, which infrared images do not have either. The plainest way is a random channel in place of three (CAJ's
# *channel exchange*); *HueGray* (DEN, section 3.3) first turns the hue $h$ of all pixels by one random angle,
#
# $$h \mapsto (h + \theta) \bmod 360°, \qquad \theta \sim \mathcal{U}[0°, 360°),$$
#
# and takes the grey then. Six draws of each change, by the functions that the training calls:

# %%
from vireid_lib.data import augment
from vireid_lib.data.images import to_float

persons = table[table["modality"] == "visible"].groupby("identity").head(1)
CHANGES = {
    "horizontal flip": augment.horizontal_flip,
    "pad and crop": augment.pad_and_crop,
    "random erasing": partial(augment.random_erasing, fill=augment.IMAGENET_MEAN),
    "grey": augment.grey,
    "channel exchange (CAJ)": augment.channel_exchange,
    "hue": augment.hue,
    "HueGray (DEN)": augment.hue_grey,
}


def draws(image=0, dice=0, probability=1.0):
    """One image, and what each change makes of it."""
    one, grid = to_float(pictures.pixels(persons.iloc[[image]]), torch.device("cpu")), []
    for name, change in CHANGES.items():
        how = {} if name == "pad and crop" else {"probability": probability}
        changed = change(one.expand(6, -1, -1, -1), torch.Generator().manual_seed(dice), **how)
        grid.append(list(torch.cat([one, changed]).permute(0, 2, 3, 1).numpy()))
    columns = ["image", *(f"draw {number}" for number in range(1, 7))]
    return viz.image_grid(grid, row_labels=list(CHANGES), column_labels=columns, cell=0.95)


widgets.explore(draws, image=range(len(persons)), dice=range(10), probability=[0.25, 0.5, 1.0])

# %% [markdown]
# **What to notice.** Which change takes colour away, which only mixes it, and which hides a part of the person? The
# network may rely on what stays the same in every draw. HueGray goes furthest: look for draws in which coat and
# trousers change places in brightness. The network then cannot rely on which one is darker, and in infrared it must not
# ([chapter 1](01_datasets.py)).
#
# ## 5. The loop
#
# Everything is there. A step draws a batch, changes the images, sums the two losses, and follows the gradient. The
# learning rate rises along a cosine over the first three tenths of the steps and falls along another one to almost
# nothing (*one cycle*).

# %% tags=["by-hand"]
from vireid_lib.data.images import TablePixels

pixels = TablePixels(table, (config.height, config.width), run.cache.files)
labels = labels.to(run.device)
triplet = {"wrt": wrt, "hard": partial(hard, margin=config.margin), "none": lambda x, y: 0 * x.sum()}[config.triplet]


def augmented(rows, modality, draw):
    images = to_float(pixels[np.array(rows)], run.device)
    if config.padding:
        images = augment.pad_and_crop(images, draw, config.padding)
    images = augment.horizontal_flip(images, draw, config.flip)
    if modality == "visible" and config.channel_exchange:
        images = augment.channel_exchange(images, draw, config.channel_exchange)
    images = augment.normalise(images)
    return augment.random_erasing(images, draw, config.erasing) if config.erasing else images


def rate(step, steps, first=0.04, last=4e-6):
    """Share of the full learning rate."""
    peak, end = 0.3 * steps - 1, steps - 1
    low, way = (first, step / peak) if step <= peak else (last, (end - step) / (end - peak))
    return low + (1 - low) * (1 - np.cos(np.pi * way)) / 2


def train(network, steps, seed=0):
    stream, draw, history = np.random.RandomState(seed), torch.Generator().manual_seed(seed), []
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=config.weight_decay)
    network.train()
    for step in range(steps):
        visible, infrared = draw_batch(stream)
        y = labels[[*visible, *infrared]]
        pooled, logits = network(augmented(visible, "visible", draw), augmented(infrared, "infrared", draw))
        identity_loss = cross_entropy(logits, y, label_smoothing=config.label_smoothing)
        triplet_loss = triplet(pooled, y)
        optimizer.zero_grad()
        (identity_loss + triplet_loss).backward()
        optimizer.param_groups[0]["lr"] = config.learning_rate * rate(step, steps)
        optimizer.step()
        history.append({"step": step + 1, "identity": identity_loss.item(), "triplet": triplet_loss.item()})
    return pd.DataFrame(history)


# %% [markdown]
# An untrained network already gives features, so we can rank with it: training has to beat its score.

# %% tags=["by-hand"]
from vireid_lib.evaluation import evaluate
from vireid_lib.reid.features import extract

STEPS = 60  # seconds on two cores; the miniature world's own recipe is far longer


def rank_1(network):
    """Rank-1 in percent, of the test images under the run's protocol."""
    test = run.data().test()
    return 100 * evaluate(extract(network, test, config, run.cache.files), test, run.protocol()).scores.rank(1)


agw, network = library_and_ours()
before = rank_1(network)
history = train(network, STEPS)
after = rank_1(network)
print(f"rank-1: untrained {before:.1f} %, after {STEPS} steps with {config.triplet} {after:.1f} %")

# %%
plt.stackplot(history["step"], history["triplet"], history["identity"], labels=["triplet loss", "identity loss"])
plt.xlabel("step")
plt.ylabel("loss")
plt.title(f"{STEPS} steps: rank-1 was {before:.1f} % before and is {after:.1f} % after")
plt.legend()
plt.show()

# %% [markdown]
# Is it the library's training? From the same weights and for the same first batch, its method must give our first
# losses (to a ten-thousandth, because sums run in another order), its optimiser must have our settings, and its
# learning rate must follow our rule:

# %% tags=["by-hand"]
from vireid_lib.reid.method import Batch

rows = draw_batch(np.random.RandomState(0))
raw = [to_float(pixels[np.array(each)], run.device) for each in rows]
batch = Batch(*raw, *(labels[each] for each in rows), *map(torch.tensor, rows), torch.Generator().manual_seed(0))
found = agw.loss(agw.augment(batch))
for name in ("identity", *({"triplet"} & set(found))):
    assert abs(found[name].item() - history[name][0]) < 1e-4 * found[name].item(), name

optimizer = agw.optimizer()
assert isinstance(optimizer, torch.optim.AdamW)
for group in optimizer.param_groups:
    assert (group["lr"], group["weight_decay"]) == (config.learning_rate, config.weight_decay)
theirs = [agw.learning_rate(0, step, STEPS) for step in range(STEPS)]
np.testing.assert_allclose([rate(step, STEPS) for step in range(STEPS)], theirs)
print(", ".join(f"{name} {value.item():.4f}" for name, value in found.items()))

# %% [markdown]
# **What to try.** Set `triplet="hard"` or `"none"` in `config` (section 2), another `margin`, `channel_exchange=0.0` or
# `learning_rate=1e-4`, another $p$ in front of `gem`, or $K = 1$ in section 1, and run the cells from there on: the
# curve and the rank-1 answer within seconds, and the assertions still hold, because the library gets the same value.
# One short training with one seed says that something changed; the rest of the chapter shows what it takes to say more.
#
# ## 6. What is compared
#
# Now the real thing. Each method is one file in `vireid_lib/reid/methods`, with what it alone has; the losses are in
# `vireid_lib/reid/losses`. This run trains:

# %%
from vireid_lib.experiment.method_registry import module

print(inspect.getdoc(module(run.reid_config.method)))

# %% [markdown]
# The table lists the settings that differ from the published ones, and the settings that neither the paper nor its
# authors' code publishes, with the source of the default. An empty table means: as published. On the miniature world
# nearly everything is smaller, and says so here.

# %%
trainings.recipe(run.reid_config, run.profile.data.target)

# %% [markdown]
# DiVE joins an external, visible-only data set $\mathcal{V}_{\mathrm{Ext}}$ to the visible images, and synthetic
# infrared images $\mathcal{I}_{\mathrm{Ext}}$ of the same external identities to the infrared ones (DiVE, "Overview"):
#
# $$\mathcal{V}^{*} = \mathcal{V} \cup \mathcal{V}_{\mathrm{Ext}}, \qquad
# \mathcal{I}^{*} = \mathcal{I} \cup \mathcal{I}_{\mathrm{Ext}}$$
#
# $\cup$ just puts rows into one table. All training sets but the first share $\mathcal{V}^{*}$; they differ in
# $\mathcal{I}_{\mathrm{Ext}}$:
#
# - **real images only**: the baseline, $\mathcal{V}$ and $\mathcal{I}$.
# - **greyscale copies**: the external images without their colour, passed off as infrared. No generator at all. A
#   generator that does not beat them is not worth its electricity.
# - **DiVE**: generated from text alone, as in the paper. (A profile may add variants that the paper does not have:
#   `dive_from_image` starts from the noised grey photograph; `dive_tone` of [chapter 3](03_synthetic_galleries.py)
#   corrects the levels.)
# - **re-drawn infrared** (miniature world only): rendered, with infrared materials drawn anew by the world's law. The
#   *fair ceiling*: [chapter 1](01_datasets.py) showed that an unseen garment's infrared can't be known from its colour;
#   a perfect generator could do this and no better.
# - **true infrared** (miniature world only): what an infrared camera would really have seen. The *upper bound*, out of
#   any generator's reach.

# %% [markdown]
# "Distinct" pictures differ from one another in some pixel. A generator that gives the same picture for the same
# photograph repeats itself when it makes more pictures than an identity has photographs.

# %%
counted = {}
for name in run.profile.reid.training_sets:
    rows = run.training_set(name)
    gallery = {"images": 0, "distinct": 0} if name == "real" else run.gallery(name).values
    counted[training_label(name)] = {
        "identities": rows["identity"].nunique(),
        "visible": (rows["modality"] == "visible").sum(),
        "infrared": (rows["modality"] == "infrared").sum(),
        "of these made": (rows["source"] != "real").sum(),
        "pictures in the gallery": gallery["images"],
        "distinct": gallery["distinct"],
    }
pd.DataFrame(counted).T.rename_axis("training set")

# %% [markdown]
# One external identity through all of them. The first row is $\mathcal{V}_{\mathrm{Ext}}$, the others are candidates
# for $\mathcal{I}_{\mathrm{Ext}}$:

# %%
external = run.data().external
galleries = {name: run.synthesize(name) for name in run.profile.reid.training_sets if name != "real"}
names = sorted(external["identity"].unique())


def one_identity(number=0, images=6):
    """The visible images, then each gallery's infrared ones."""
    sources = {"visible": external} | {training_label(name): table for name, table in galleries.items()}
    rows = [list(pictures.pixels(table[table["identity"] == names[number]].head(images))) for table in sources.values()]
    return viz.image_grid(rows, row_labels=list(sources), cell=1.4)


widgets.explore(one_identity, number=range(0, len(names)), images=[4, 6, 8])

# %% [markdown]
# **What to notice.** Go down a column: which gallery keeps the person's garments apart in brightness as the true
# infrared does, which only copies the photograph, and which shows somebody else?
#
# ## 7. Equal conditions
#
# A larger training set easily gets a larger batch or more steps without anybody noticing: an "epoch" over more images
# is longer, and in DiVE's released fork of DEEN the batch grew from 6 identities to 16 together with the data. The gain
# then has two possible causes. Here each training gets the same recipe and the same number of seeds. Where the recipe
# counts in epochs, an epoch has the steps that it has on real images alone, whatever is added, and the rate falls at
# the same steps; `reid.length: published` in a profile lets it grow with the images instead. Section 8 prints what each
# training really had.
#
# Nor may the test choose anything. Settings are tried out with `evaluation.identities: validation` in the profile:
# the validation identities are then left out of training, and ranked instead of the test ones. And the network itself:

# %%
from vireid_lib.data.manifest import load_manifest
from vireid_lib.reid.train import SELECTION

print(f"Network that is evaluated: {SELECTION}.")
print(f"Ranking rule: {load_manifest(run.profile.data.target).protocol.removal}")

# %% [markdown]
# ## 8. Training
#
# One training for each training set and seed, by the loop of section 5 with checkpoints, a guard against losses that
# are not finite, and a record of what it did. On a CPU several run in parallel, one thread each; the cell counts the
# finished ones. To watch the curves of a training that takes hours, let TensorBoard read what it writes:
#
#     pip install tensorboard
#     vireid book --tracker tensorboard                  # or VIREID_TRACKERS=tensorboard vireid lab
#     tensorboard --logdir workspace/mini/stages         # in a second terminal
#
# Without it, each training still adds a line to `history.jsonl` in its folder below `stages` every ten steps.

# %%
wanted = [(run, name, seed) for seed in run.profile.reid.seeds for name in run.profile.reid.training_sets]
records = trainings.evaluate_all(wanted)  # on a CPU, as many at a time as there are cores
scores = results.score_table(records)
told = trainings.given(records)
print(trainings.same_effort(told))
trainings.effort(told).round(2)

# %%
curves = trainings.histories(records)
viz.training_curves(curves, "total", axis="loss (sum of its terms)", title="One line for each seed")

# %%
viz.training_curves(
    {name: [h.assign(accuracy=100 * h["accuracy"]) for h in runs] for name, runs in curves.items()},
    "accuracy",
    axis="training identities recognised in the batch (%)",
)

# %% [markdown]
# **What to notice.** These curves are about identities that the network is being taught. A training set with more
# identities is a harder exam, so expect its loss to stay higher. That is no bad sign: look at the next figure before
# you decide.
#
# ## 9. The result
#
# Mean ± standard deviation over training seeds, in percent; each seed's score is itself a mean over the protocol's
# trials. These are our numbers, on this profile's data. [Chapter 7](07_results.py) has the papers' numbers.

# %%
results.as_words(results.over_seeds(scores), ["rank_1", "rank_10", "mean_ap", "mean_inp"])

# %%
viz.bars(
    results.for_bars(scores, metric),
    axis=f"{SCORES[metric]} (%)",
    title=f"{SCORES[metric]}, {scores['protocol'].iloc[0]}",
)

# %% [markdown]
# **What to notice.** The whiskers are standard deviations, the dots are the seeds, the dashed line is the baseline. Do
# the dots of two bars overlap? Then their means alone say little.
#
# ### What may be said
#
# All training sets were trained with the same seeds, and a seed gives them the same initial weights and the same images
# of the target in every batch: what a lucky seed adds, it adds on both sides. So take the difference $d$ from the
# baseline *within each seed*, and within each gallery, where the test identities are ranked in several. With $S$ seeds
# and one gallery, a 95 % interval is $\bar d \pm t \cdot s_d / \sqrt S$, where $t$ is Student's for $S - 1$ degrees of
# freedom and grows quickly when seeds are few: about 2.8 with five, 4.3 with three, 12.7 with two. With several
# galleries, seeds and galleries are two samples that cross; [chapter 7](07_results.py) has the formula and its reason.
# If the interval contains zero, seeds and galleries alone could have made the difference.
#
# A table with many rows has many chances to err. *Holm's correction* takes them into account: with $m$ rows, the
# smallest p-value counts $m$-fold, the next one $(m-1)$-fold, and so on, none less than the one before it. If no row
# truly differs, a table then calls one or more better or worse with a probability of 5 % at most. The interval next to
# the verdict is uncorrected, for each row alone.
#
# By hand, for the first of the protocol's modes:

# %% tags=["by-hand"]
from scipy.stats import t as student


def interval(d):
    """Difference, half the width of its 95 % interval, and p-value, of differences [seeds, galleries]."""
    S, G = d.shape
    by_seed, by_gallery = d.mean(axis=1), d.mean(axis=0)
    V, freedom = G * by_seed.var(ddof=1), S - 1
    if G > 1:
        rest = ((d - by_seed[:, None] - by_gallery + d.mean()) ** 2).sum() / ((S - 1) * (G - 1))
        squares = np.array([V, S * by_gallery.var(ddof=1), rest])  # mean squares of seeds, galleries and the rest
        freedoms = np.array([S - 1, G - 1, (S - 1) * (G - 1)])
        V = max(squares @ [1, 1, -1], *squares[:2])
        freedom = max(V**2 / (squares**2 / freedoms).sum(), freedoms.min())
    error = (V / (S * G)) ** 0.5
    return d.mean(), student.ppf(0.975, freedom) * error, 2 * student.sf(abs(d.mean()) / error, freedom)


first_mode = scores[scores["mode"] == run.profile.evaluation.modes[0]].sort_values("seed")
several = first_mode["seed"].nunique() > 1 and len(run.splits) == 1  # RegDB's splits are paired instead (see below)

rows = {}
if several:
    reached = {
        name: 100 * np.array([parts[metric] for parts in first_mode.loc[first_mode["training"] == name, "parts"]])
        for name in run.profile.reid.training_sets
    }
    for name in [name for name in reached if name != "real"]:
        rows[name] = dict(zip(("difference", "±", "p"), interval(reached[name] - reached["real"]), strict=True))
by_hand = pd.DataFrame(rows, index=["difference", "±", "p"]).T.sort_values("p")
by_hand["corrected p"] = (by_hand["p"] * np.arange(len(by_hand), 0, -1)).cummax().clip(upper=1)  # Holm
by_hand.rename(index=training_label).rename_axis("against real images only").round(3)

# %% [markdown]
# RegDB has ten splits with a network each. There the difference is taken within each split, and the interval is
# Student's over the ten differences: what makes a split easy for one side makes it easy for the other. (Several seeds
# are averaged within a split first.) The library computes its table from the records; it holds the numbers above:

# %% tags=["by-hand"]
against_baseline = claims.compare(scores, metric)
if several:
    theirs = against_baseline.set_index("row")[["difference", "margin", "p", "corrected"]]
    np.testing.assert_allclose(by_hand.loc[theirs.index], theirs)
claims.findings_table(against_baseline)

# %%
viz.differences(
    **claims.for_differences(against_baseline),
    axis=f"{SCORES[metric]} (points), 95 % interval",
    title="Difference from real images only",
)

# %% [markdown]
# **What to notice.** Where an interval crosses zero, the sign of the difference is not known, however far its middle
# lies from zero. A hollow dot on an interval that leaves out zero did not survive the correction.
#
# Beating the baseline is the easy question. External identities may help even with poor infrared, because their
# *visible* images are real. The question about the generator is: does it beat the greyscale copies?

# %%
if "grayscale" in galleries:
    against_copies = claims.compare(scores[scores["training"] != "real"], metric, reference="grayscale")
    print(claims.findings_table(against_copies).to_string(index=False))

# %% [markdown]
# **What to notice.** Read the verdict column before the means. "Within noise" does not say that there is no effect; it
# says that this many seeds can't show one. On the miniature world, look how far the true infrared lies above the
# re-drawn one, if at all: that is the worth of knowing the unknowable.
#
# ## 10. Why? Identity preservation
#
# An infrared image of an external identity is a *label* as much as a picture: "these two images show the same person".
# If the generator lost the person, the label is wrong, and the network is taught that two different-looking people are
# one. So measure [identity preservation](glossary.md#identity-preservation). Take each infrared image of a gallery and
# ask an **evaluator network**, trained before, which of the external visible images is nearest. How often does it show
# the same identity?
#
# The evaluator matters as much as the answer:

# %%
for name, words in measures.evaluators(run).items():
    print(f"evaluator '{name}': {words}")

# %% [markdown]
# The baseline is a fair evaluator and a weak one: even on true infrared it is right only as often as it is good.
# Compare galleries, not the number itself. The second evaluator (miniature world only) was trained on the true infrared
# of these very identities. It is sharp, but it has seen one of the galleries, and it counts re-drawn materials as
# errors of the re-drawn gallery, which they are not.

# %%
rows = [
    {"evaluator": name, "gallery": gallery, "rank_1": 100 * own["rank_1"], "chance": record.values["chance"]}
    for name in measures.evaluators(run)
    for record in [measures.preservation(run, name, seed) for seed in run.profile.reid.seeds]
    for gallery, own in record.values["galleries"].items()
]
preserved = pd.DataFrame(rows)
rank_1_of = 100 * first_mode.pivot(index="seed", columns="training", values="rank_1")
gains = rank_1_of.sub(rank_1_of["real"], axis=0)  # within each seed

asked = preserved.groupby(["evaluator", "gallery"], sort=False)
shown = pd.DataFrame({"nearest is the same identity (%)": asked["rank_1"].apply(mean_and_std)})
shown["chance (%)"] = (100 * asked["chance"].mean()).map("{:.1f}".format)
shown["gain in rank-1 (points)"] = [f"{gains[gallery].mean():+.1f}" for _, gallery in shown.index]
shown.rename(index=training_label, level="gallery").rename_axis(["evaluator", "infrared of the external identities"])

# %%
fair = preserved[preserved["evaluator"] == "real"]
plt.figure(figsize=(6.4, 3.6))
for name, own in fair.groupby("gallery", sort=False):
    kept, gain = own["rank_1"], gains[name]
    plt.errorbar(
        kept.mean(), gain.mean(), gain.std(), kept.std(), fmt="o", capsize=3, elinewidth=1.2, label=training_label(name)
    )
plt.axvline(100 * fair["chance"].iloc[0], color="gray", linestyle="--", linewidth=1, label="guessing")
plt.axhline(0, color="gray", linewidth=0.8)
plt.xlabel("nearest visible image has the same identity (%), baseline as evaluator")
plt.ylabel("gain in rank-1 (points)")
plt.title("Identity kept, and what it is worth")
plt.legend(loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %% [markdown]
# **What to notice.** Do the galleries with better identity preservation also help more? If one stands high on the left,
# its gain comes from somewhere else: from the external visible images, which all of them share. If one stands low on
# the right, it keeps the person but may not look like infrared: are the greyscale copies there?
#
# ## Exercises
#
# **1.** Without looking: write a sampler. `my_batch(table, P, K, stream)` returns the row numbers of a batch of $P$
# identities with $K$ visible images each, then $K$ infrared ones each in the same order; all of its randomness comes
# from `stream`. Hand it to `check`. Then: a batch of as many images drawn from the table at random, without any $P$ and
# $K$; for what share of its images is there another one of the same identity in the other modality?


# %%
def check(sampler, P=4, K=3):
    """Passes in silence, or says what is wrong."""
    drawn = [list(sampler(table, P, K, np.random.RandomState(seed))) for seed in (0, 0, 1, 2)]
    for rows in drawn:
        batch = table.iloc[rows]
        assert len(rows) == 2 * P * K, f"{len(rows)} images, not 2 × P × K = {2 * P * K}"
        assert (batch["modality"].to_numpy() == ["visible"] * P * K + ["infrared"] * P * K).all(), "visible ones first"
        names = batch["identity"].to_numpy().reshape(2, P, K)
        assert (names == names[:1, :, :1]).all(), "an identity's K images stand together, in one order in both halves"
        assert len(set(names.ravel())) == P, "P different identities"
    assert drawn[0] == drawn[1], "the same stream gives the same batch"
    assert drawn[0] != drawn[2] != drawn[3], "another stream gives another batch"


check(lambda table, P, K, stream: np.ravel(draw_batch(stream)), P, K)  # ours of section 1 passes; replace it by yours


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 1.
# Two choices: the identities without replacement, the images of each with it, since somebody may have fewer
# than K. At random, an image rarely meets its own identity in the other modality, the less so the more identities there
# are: it then has no cross-modality friend, and the triplet loss brings no modalities together.
def my_batch(table, P, K, stream):
    chosen = stream.choice(table["identity"].unique(), P, replace=False)
    rows = []
    for modality in ("visible", "infrared"):
        for identity in chosen:
            own = (table["identity"] == identity) & (table["modality"] == modality)
            rows.extend(stream.choice(np.flatnonzero(own), K))
    return rows


def has_friend(rows):
    batch = table.iloc[rows]
    pairs = pd.crosstab(batch["identity"], batch["modality"]).reindex(columns=["visible", "infrared"], fill_value=0)
    return pairs[pairs.min(axis=1) > 0].to_numpy().sum() / len(batch)


check(my_batch)
stream = np.random.RandomState(0)
sampled = np.mean([has_friend(my_batch(table, P, K, stream)) for _ in range(20)])
at_random = np.mean([has_friend(stream.choice(len(table), 2 * P * K)) for _ in range(200)])
assert sampled == 1 and at_random < 1
print(f"an image has a friend in the other modality: P × K {sampled:.0%}, at random {at_random:.0%}")

# %% [markdown]
# **2.** Two training sets with the same $n$ seeds, and one gallery. The difference within a seed has the standard
# deviation $s$. How large must the mean difference be, in units of $s$, to leave the noise, for $n = 2, 3, 5, 10$? (One
# comparison, which needs no correction.)

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 2.
# SE = s over the root of n, and t belongs to n - 1 degrees of freedom. The needed difference falls much faster than
# the root of n at first, because t falls too: the step from two seeds to three is the best bargain.
from vireid_lib.evaluation.statistics import smallest_difference


def needed(n):
    return student.ppf(0.975, n - 1) / n**0.5


assert [round(needed(n), 2) for n in (2, 3, 5, 10)] == [8.98, 2.48, 1.24, 0.72]
assert abs(smallest_difference(5) - needed(5)) < 1e-9  # the library's, which a study prints before it trains
print(", ".join(f"{n} seeds: {needed(n):.2f} s" for n in (2, 3, 5, 10)))

# %% [markdown]
# ## Something to try
#
# 1. Run the chapter with `-p metric=mean_inp`. *Expect* the same order with larger whiskers: mINP hangs on the single
#    hardest image of each identity.
# 2. Copy the profile, set `reid.seeds` to one seed and read the verdicts. Then take ten. *Expect* "one seed only"
#    everywhere with one; with ten, intervals less than half as wide as with three, because both the square root of the
#    number and Student's $t$ work for you.
#
# ## Further reading
#
# - Ye, Shen, Lin, Xiang, Shao, Hoi: "Deep Learning for Person Re-identification: A Survey and Outlook", IEEE TPAMI
#   2022 (online 2021): AGW, GeM and WRT in this field.
# - Hermans, Beyer, Leibe: "In Defense of the Triplet Loss for Person Re-Identification", arXiv 2017: the hard triplet.
# - Luo, Gu, Liao, Lai, Jiang: "Bag of Tricks and a Strong Baseline for Deep Person Re-identification", CVPR Workshops
#   2019: the BN neck.
# - Wang, Girshick, Gupta, He: "Non-local Neural Networks", CVPR 2018.
# - Ye, Ruan, Du, Shou: "Channel Augmented Joint Learning for Visible-Infrared Recognition", ICCV 2021: CAJ.
# - Kim, Gwon, Seo: "Enhancing Diverse Intra-identity Representation for Visible-Infrared Person Re-Identification",
#   WACV 2024: DEN, whose PE stands in the playground.
