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
# **The question.** We train the same network on real images alone and on real images plus infrared that somebody made
# up, several times each. Is the difference larger than what another throw of the dice would have given?
#
# **This chapter** reads the tables of chapter 1 and the galleries of chapter 3 (it makes them if they are missing),
# makes one trained network with its scores for each training set and seed, and costs, on the miniature world, most of
# the book's time: about a minute of one CPU core for each training. Networks that are already trained are fetched.
#
# **You will learn**
#
# - how the field's baseline network, AGW, is built, and what each of its losses pulls on;
# - to compare training sets fairly: what has to be held equal, several seeds, nothing chosen on the test;
# - what a difference of a few points over a few seeds allows one to say.
#
# **You need** chapter 1 (the measures), and to know how a network is trained by gradient descent. Chapters 2 and 3 tell
# where the synthetic images come from.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
method = ""  # a ReID method instead of the profile's: a file name in vireid_lib/reid/methods, e.g. "agw"
metric = "rank_1"  # or "mean_ap", "mean_inp", "rank_5", "rank_10", "rank_20": what figures and verdicts are about

# %%
from vireid_lib import experiment
from vireid_lib import viz as plots
from vireid_lib.experiment import claims, jobs, measures, results, trainings
from vireid_lib.experiment.metrics import SCORES
from vireid_lib.experiment.results import score_table
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.viz import pictures, widgets

run = experiment.open(profile, workspace, data_root, method)
run

# %% [markdown]
# ## 1. The network: AGW
#
# AGW (Ye et al. 2021, section 4) is the field's baseline: simple, and named after its three parts, *A*ttention,
# *G*eneralised mean, *W*eighted triplet. Its cross-modality form has [**two streams**](glossary.md#two-stream-network):
# the first layers, the *stem*, exist twice, once for each modality; everything after is shared. The stems may learn
# what is different about the two lights, the rest has to make do with what is common. Most methods of this book build
# on this network, so the lecture explains AGW, whichever method this run trains.

# %%
from vireid_lib.reid import methods

config = run.with_method("agw").reid_config
people = run.training_set("real")["identity"].nunique()
# Only to be looked at: fresh weights, no download.
network = methods.build(config.method, config.model_copy(update={"pretrained": None}), people).network.eval()
trainings.parts(network)

# %% [markdown]
# An image passes the stem of its modality, the shared layers, a pooling over places, and a batch normalisation:

# %%
import torch

with torch.no_grad():
    images = torch.rand(2, 3, config.height, config.width)
    for name, value in {
        "images": images,
        "map before pooling": network.feature_map(images, "infrared"),
        "pooled, for the triplet loss": network.pooled(images, "infrared"),
        "after the BN neck, for retrieval": network.features(images, "infrared"),
    }.items():
        print(f"{name:34}{list(value.shape)}")

# %% [markdown]
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
# $p = 1$ is the mean, $p \to \infty$ the maximum: $p = 3$ lets strong places count for more without listening to the
# loudest alone. (The paper calls $p$ learnable; the released code keeps it at 3.)
#
# **BN neck.** The triplet loss below wants distances, the classifier wants directions. A batch normalisation between
# the two lets each have its own space: the triplet loss acts before it, classifier and retrieval after it.

# %% [markdown]
# ## 2. What is minimised
#
# A batch holds $P$ people with $K$ visible and $K$ infrared images each. Two losses are summed.
#
# *Identity loss*: a classifier over the training people, cross-entropy. It is thrown away after training; it exists to
# force features apart.
#
# *Weighted regularised [triplet](glossary.md#triplet-loss)* (WRT; Ye et al. 2021, section 4). For each image $i$ (the
# anchor), $d^{+}_{ij}$ are its distances to images of the same person, $d^{-}_{ik}$ those to other people:
#
# $$\mathcal{L}_i = \log\Big(1 + \exp\big(\sum_j w^{+}_{ij} d^{+}_{ij} - \sum_k w^{-}_{ik} d^{-}_{ik}\big)\Big)$$
#
# $$w^{+}_{ij} = \frac{e^{d^{+}_{ij}}}{\sum_{j'} e^{d^{+}_{ij'}}}, \quad
# w^{-}_{ik} = \frac{e^{-d^{-}_{ik}}}{\sum_{k'} e^{-d^{-}_{ik'}}}$$
#
# The weights $w^{+}$ favour the farthest friends, $w^{-}$ the nearest strangers: the hard ones. No margin has to be
# chosen. The older *hard triplet* loss takes only the hardest of each, and a margin $m$:
# $\max(0, \max_j d^{+}_{ij} - \min_k d^{-}_{ik} + m)$.
#
# WRT in three lines, on two people with three images each in a plane:
#
# | symbol | in the code | what it is |
# |---|---|---|
# | $d_{ij}$ | `d` | distances of every image to every image |
# | – | `same` | whether two images show the same person |
# | $w^{+}_{ij}, w^{-}_{ik}$ | `softmax(…, 1)` | weights; each row of them sums to 1 |
# | $\sum_j w^{+}_{ij} d^{+}_{ij}$ | `friends` | how far the person's own images are, the farthest counting most |
# | $\sum_k w^{-}_{ik} d^{-}_{ik}$ | `strangers` | how far the others are, the nearest counting most |

# %%
from torch.nn.functional import softmax, softplus

from vireid_lib.reid.losses.weighted_regularized_triplet import weighted_regularized_triplet

labels, infinity = torch.tensor([0, 0, 0, 1, 1, 1]), float("inf")
points = torch.tensor([[0.0, 0.0], [0.5, 0.8], [1.0, 0.2], [1.2, 1.0], [2.0, 0.4], [1.8, 1.6]])

# %% tags=["equation"]
d, same = torch.cdist(points, points), labels[:, None] == labels
friends = (d * softmax(d.masked_fill(~same, -infinity), 1)).sum(1)
strangers = (d * softmax((-d).masked_fill(same, -infinity), 1)).sum(1)

loss = softplus(friends - strangers).mean()  # softplus(x) is log(1 + exp(x))
print(f"WRT {loss:.4f}; the library says {weighted_regularized_triplet(points, labels):.4f}")

# %% [markdown]
# And beside the hard triplet, two people on a line, drawn together step by step:

# %%
from vireid_lib.reid.losses.hard_triplet import hard_triplet

spread = torch.tensor([[0.0], [0.5], [1.0], [0.0], [0.5], [1.0]])
for apart in (5.0, 3.0, 2.0, 1.0, 0.5):
    features = spread + apart * (labels == 1).float()[:, None]
    print(
        f"centres {apart:3.1f} apart: WRT {weighted_regularized_triplet(features, labels):.3f}, "
        f"hard triplet {hard_triplet(features, labels):.3f}"
    )

# %% [markdown]
# **What to notice.** The hard triplet is exactly zero once the margin is kept, and such a batch teaches nothing. WRT
# never quite stops.
#
# ### A playground for losses
#
# The other methods differ from AGW mostly in this place. Six losses on the same twelve features in a plane: two people,
# each with three visible and three infrared images. An arrow points where one step of gradient descent moves the
# image; its length compares within a panel. In JupyterLab, drag any of the twelve points in the plane above.

# %%
from vireid_lib.viz.explorers import playground

people, lights = playground.labels()
start = playground.arrange()


def losses_on(points=start):
    """Two people in two lights, and where each loss pushes them."""
    found = playground.pushes(points)
    return plots.arrow_panels(
        points,
        {name: push.steps for name, push in found.items()},
        identities=people,
        modalities=lights,
        titles={name: f"{name}: {push.value:.2f}" for name, push in found.items()},
    )


widgets.explore(losses_on, points=widgets.Plane(people, lights))

# %% [markdown]
# **What to notice.** Triplet losses pull on images, the hetero-centre triplet on centres: all images of a cloud get the
# same arrow. Where the clouds are further from their other modality than from the other person, every loss works; drag
# the two lights of each person together and the hard losses fall silent one by one. PE, half of IRD, has no use for the
# other person: it wants the two centres of a person nearer to each other than the nearest of its own images.

# %% [markdown]
# ### What training does to an image
#
# No image enters a batch as it was taken: it is mirrored, shifted, partly hidden, and visible ones lose or change their
# colours, which infrared does not have either. The plainest way is a random channel in place of three (CAJ's *channel
# exchange*); *HueGray* (DEN, section 3.3) first turns the hue $h$ of all pixels by one random angle,
#
# $$h \mapsto (h + \theta) \bmod 360°, \qquad \theta \sim \mathcal{U}[0°, 360°),$$
#
# and takes the grey then. One image has 360 such greys. The curves: how bright the upper and the lower body are in
# each.

# %%
from vireid_lib.viz import explorers

visible = run.data().train_rows().query("modality == 'visible'").groupby("identity").head(1)
explorers.explore_greys(visible)

# %% [markdown]
# **What to notice.** Where the two curves cross, coat and trousers have changed places: which one is the darker is not
# to be relied upon any more, and chapter 1 showed that in infrared it is not. What is grey to begin with stays as it
# is.
#
# All random changes, six draws of each, by the functions that training calls. `dice` throws again.

# %%
explorers.explore_augmentations(visible)

# %% [markdown]
# **What to notice.** Which change takes colour away, which only mixes it, and which hides a part of the person? What is
# left in every draw is what the network may rely on.
#
# ### This run's method and recipe
#
# Each method is one file in `vireid_lib/reid/methods`, its losses one file each in `vireid_lib/reid/losses`. This run
# trains:

# %%
config = run.reid_config
print(trainings.about(config))

# %% [markdown]
# What it takes otherwise than was published, and what was published nowhere, neither in the paper nor in its authors'
# code, with where the default comes from. An empty table means: as published. On the miniature world nearly everything
# is smaller, and says so here.

# %%
trainings.recipe(config, run.profile.data.target)

# %% [markdown]
# ## 3. What is compared
#
# DiVE joins an external, visible-only data set $\mathcal{V}_{\mathrm{Ext}}$ to the visible images, and synthetic
# infrared images $\mathcal{I}_{\mathrm{Ext}}$ of the same external people to the infrared ones (DiVE, "Overview"):
#
# $$\mathcal{V}^{*} = \mathcal{V} \cup \mathcal{V}_{\mathrm{Ext}}, \qquad
# \mathcal{I}^{*} = \mathcal{I} \cup \mathcal{I}_{\mathrm{Ext}}$$
#
# $\cup$ is nothing more than putting rows into one table. All training sets but the first share $\mathcal{V}^{*}$;
# they differ in $\mathcal{I}_{\mathrm{Ext}}$:
#
# - **real images only**: the baseline, $\mathcal{V}$ and $\mathcal{I}$.
# - **greyscale copies**: the external images without their colour, passed off as infrared. No generator at all. What
#   does not beat it is not worth its electricity.
# - **DiVE**: generated from text alone, as in the paper.
# - **DiVE from the image**: an extra that the paper does not have; the generator starts from the noised grey photograph
#   instead of pure noise.
# - **re-drawn infrared** (miniature world only): rendered, with infrared materials drawn anew by the world's law. The
#   *fair ceiling*: chapter 1 showed that an unseen garment's infrared can't be known from its colour; a perfect
#   generator could do this and no better.
# - **true infrared** (miniature world only): what an infrared camera would really have seen. The *upper bound*, out of
#   any generator's reach.

# %% [markdown]
# "Distinct" pictures differ from one another in some pixel: asked for more pictures than a person has photographs, a
# generator that gives the same picture for the same photograph repeats itself.

# %%
trainings.training_sets(run)

# %% [markdown]
# One external person through all of them. The first row is $\mathcal{V}_{\mathrm{Ext}}$, the others are candidates for
# $\mathcal{I}_{\mathrm{Ext}}$:

# %%
external = run.data().external
galleries = {name: run.synthesize(name) for name in run.profile.reid.training_sets if name != "real"}
names = sorted(external["identity"].unique())


def one_person(number=0, images=6):
    """The person's visible images, then each gallery's infrared ones."""
    sources = {"visible": external} | {training_label(name): table for name, table in galleries.items()}
    rows = [list(pictures.pixels(table[table["identity"] == names[number]].head(images))) for table in sources.values()]
    return plots.image_grid(rows, row_labels=list(sources), cell=1.4)


widgets.explore(one_person, number=range(0, len(names)), images=[4, 6, 8])

# %% [markdown]
# **What to notice.** Go down a column of rows: who keeps the person's garments apart in brightness as the true infrared
# does, who only copies the photograph, and who shows somebody else?
#
# ## 4. What is held equal
#
# A larger training set is easily given a larger batch or more steps without anybody noticing: an "epoch" over more
# images is longer, and in DiVE's released fork of DEEN the batch grew from 6 people to 16 together with the data. The
# gain then has two possible causes. Here each training gets the same recipe and the same number of seeds. Where the
# recipe counts in epochs, an epoch has the steps that it has on real images alone, whatever is added, and the rate
# falls at the same steps; `reid.length: published` in a profile lets it grow with the images instead. Section 5 prints
# what the trainings really had.
#
# Nor may the test choose anything. Settings are tried out with `jobs.compare(book, validation=True)`, which leaves
# the validation people out of training and ranks them instead of the test people. And the network itself:

# %%
print(trainings.selection(run))

# %% [markdown]
# ## 5. Training
#
# One training for each training set and seed. On a CPU several run side by side, one thread each. The *monitor* reads
# what they write and draws it again while they run; `notebooks/monitor.py` is the same in a tab of its own.

# %%
watching = explorers.monitor(run)

# %%
records = jobs.compare(run)
watching.stop()
scores = score_table(records)
effort = trainings.effort(records)
print(effort.sentence)
effort.table.round(2)

# %%
curves = trainings.histories(records)
plots.training_curves(curves, "total", axis="loss (sum of its terms)", title="One line for each seed")

# %%
plots.training_curves(
    {name: [h.assign(accuracy=100 * h["accuracy"]) for h in runs] for name, runs in curves.items()},
    "accuracy",
    axis="training people recognised in the batch (%)",
)

# %% [markdown]
# **What to notice.** These curves are about people that the network is being taught. A training set with more people is
# a harder exam, so its loss stays higher. That is no bad sign: look at the next figure before you judge.

# %% [markdown]
# ## 6. The result
#
# Mean ± standard deviation over training seeds, in percent; each seed's score is itself a mean over the protocol's
# trials. These are our numbers, on this profile's data. Papers' numbers stand in chapter 7.

# %%
results.as_words(results.over_seeds(scores), ["rank_1", "rank_10", "mean_ap", "mean_inp"])

# %%
plots.bars(
    **results.for_bars(scores, metric),
    axis=f"{SCORES[metric]} (%)",
    title=f"{SCORES[metric]}, {scores['protocol'].iloc[0]}",
)

# %% [markdown]
# **What to notice.** The whiskers are standard deviations, the dots are the seeds, the dashed line is the baseline. Do
# the dots of two bars overlap? Then their means alone say little.
#
# ### What may be said
#
# Let $\bar a, \bar b$ be the means over $n_a, n_b$ seeds and $s_a, s_b$ the standard deviations. The standard error of
# the difference is (Welch)
#
# $$\mathrm{SE} = \sqrt{\frac{s_a^2}{n_a} + \frac{s_b^2}{n_b}}$$
#
# and a 95 % interval is $\bar a - \bar b \pm t \cdot \mathrm{SE}$, where $t$ is Student's and grows quickly when seeds
# are few: about 2.8 with three on each side, 4.3 or more with two. If the interval contains zero, the seeds alone could
# have made the difference.
#
# A table with many rows has many chances to err. *Holm's correction* takes them into account: with $m$ rows, the
# smallest p-value counts $m$-fold, the next one $(m-1)$-fold, and so on, none less than the one before it. If no row
# truly differs, a table then calls one or more better or worse with a probability of 5 % at most. The interval stands
# beside the verdict as it is, for each row alone.
#
# RegDB has ten splits with a network each. There the difference is taken within each split, and the interval is
# Student's over the ten differences: what makes a split easy for one side makes it easy for the other. (Several seeds
# are averaged within a split first.) The sentences below are computed, not written.

# %%
against_baseline = claims.compare(scores, metric)
for verdict in against_baseline:
    print(verdict.sentence)
claims.findings_table(against_baseline)

# %%
plots.differences(
    **claims.for_differences(against_baseline),
    axis=f"{SCORES[metric]} (points), 95 % interval",
    title="Difference from real images only",
)

# %% [markdown]
# **What to notice.** Where an interval crosses zero, the sign of the difference is not known, however far its middle
# lies from zero. A hollow dot beside an interval that leaves out zero did not survive the correction.
#
# Beating the baseline is the easy question. External people help even with poor infrared, because the *visible* images
# of new people are real. The question about the generator is: does it beat the greyscale copies?

# %%
if "grayscale" in galleries:
    for verdict in claims.compare(scores[scores["training"] != "real"], metric, reference="grayscale"):
        print(verdict.sentence)

# %% [markdown]
# **What to notice.** Read the verdict column before the means. "Within noise" does not say that there is no effect; it
# says that this many seeds can't show one. On the miniature world, look how far the true infrared lies above the
# re-drawn one, if at all: that is what knowing the unknowable would be worth.

# %% [markdown]
# ## 7. Why? Does the synthetic image still show the person?
#
# An infrared image of an external person is a *label* as much as a picture: "these two images show the same person".
# If the generator lost the person, the label is wrong, and the network is taught that two different-looking people are
# one. So measure it. Take each infrared image of a gallery and ask a **judge**, a trained network, which of the
# external people's visible images is nearest. How often is it the same person?
#
# The judge matters as much as the answer:

# %%
for name, words in measures.judges(run).items():
    print(f"judge '{name}': {words}")

# %% [markdown]
# The baseline is a fair judge and a weak one: even on true infrared it is right only as often as it is good. Compare
# galleries, not the number itself. The second judge (miniature world only) was trained on the true infrared of these
# very people. It is sharp, it has seen one of the galleries, and it holds a re-drawn material against the
# re-drawn gallery, which is no fault of that gallery's.

# %%
preserved = measures.preservation_table(run)
beside = trainings.gain_and_preservation(scores, preserved)
trainings.preservation_words(beside).style.hide()

# %%
fair = beside[beside["judge"] == "real"].assign(name=lambda rows: rows["gallery"].map(training_label))
plots.against(
    fair,
    x="preservation",
    y="gain",
    label="name",
    chance=fair["chance"].iloc[0],
    x_axis="nearest visible image is the same person (%), baseline as judge",
    y_axis="gain in rank-1 (points)",
    title="Identity kept, and what it is worth",
)

# %% [markdown]
# **What to notice.** Do the galleries that keep the person better also help more? If one stands high on the left, the
# gain comes from somewhere else: from the external people's visible images, which all of them share. If one stands low
# on the right, it keeps the person but does not look like infrared: greyscale copies are the typical case.

# %% [markdown]
# ## Exercises
#
# **1.** A channel of the map has the values 1, 2, 3 and 6 at four places. What does generalised-mean pooling make of it
# for $p = 1$, for $p = 3$ and for very large $p$? The gradient of GeM with respect to a value grows with the value for
# $p > 1$: what does that mean for training?


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 1.
# The mean 3; the third root of 252/4 = 63, 3.98; towards the maximum 6. At p = 3 a place's gradient goes
# with the square of its value: the place with 6 gets 36 times the gradient of the place with 1, so that training
# listens to strong places, where a mean would listen to all alike and a maximum to one.
def gem(values, p):
    return values.pow(p).mean().pow(1 / p)


values = torch.tensor([1.0, 2.0, 3.0, 6.0], dtype=torch.float64, requires_grad=True)
assert gem(values, 1) == 3 and abs(gem(values, 3) - 63 ** (1 / 3)) < 1e-9 and abs(gem(values, 200) - 6) < 0.05
(gradient,) = torch.autograd.grad(gem(values, 3), values)
assert abs(gradient[3] / gradient[0] - 36) < 1e-6
print(", ".join(f"p = {p}: {gem(values, p):.2f}" for p in (1, 3, 200)))

# %% [markdown]
# **2.** Two training sets, $n$ seeds each, and the same standard deviation $s$ on both sides. How large must the
# difference of their means be, in units of $s$, to leave the noise, for $n = 2, 3, 5, 10$? (One comparison, which needs
# no correction.)

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 2.
# SE = s times the root of 2/n, and t belongs to 2 (n - 1) degrees of freedom. The needed difference falls
# much faster than the root of n at first, because t falls too: the step from two seeds to three is the best bargain.
import scipy.stats

from vireid_lib.evaluation.statistics import welch


def needed(n):
    return scipy.stats.t.ppf(0.975, 2 * (n - 1)) * (2 / n) ** 0.5


assert [round(needed(n), 2) for n in (2, 3, 5, 10)] == [4.3, 2.27, 1.46, 0.94]
one, other = torch.randn(2, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).numpy()
other = (other - other.mean()) / other.std(ddof=1) * one.std(ddof=1)
assert abs(welch([one], [other]).margin / one.std(ddof=1) - needed(5)) < 1e-9  # the library's margin
print(", ".join(f"{n} seeds: {needed(n):.2f} s" for n in (2, 3, 5, 10)))

# %% [markdown]
# ## Something to try
#
# 1. Run the chapter with `-p metric=mean_inp`. *Expect* the same order with larger whiskers: mINP hangs on the single
#    hardest image of each person.
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
