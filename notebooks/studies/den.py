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
# # DEN: should an identity's images lie close together?
#
# **The question.** Most methods pull the images of one identity together. DEN (Kim, Gwon, Seo, WACV 2024) first pushes
# them *apart*, within each modality, so that the two clouds have room to meet. Do its losses make the room grow, does
# the gap close, and do the seeds confirm its tables?
#
# **This study** reads the data of [chapter 1](../01_datasets.py), makes one training per row of the paper's tables and
# seed (Tables 1, 3, 4, 5 and 6; Figures 1, 3, 4 and 5), and costs, on the miniature world, about a minute of one CPU
# core for each training. It fetches trainings that are done. It trains a reduced set of rows; `-p full=true` trains
# all.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
full = False  # all rows of the tables, or the reduced set
training = True  # False: train nothing, show what is trained already

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import display
from torch.nn.functional import normalize

from vireid_lib import experiment, viz
from vireid_lib.analysis import retrieval, saliency
from vireid_lib.analysis.embedding_spread import tsne
from vireid_lib.analysis.subsets import readable_sample
from vireid_lib.data.augment import normalise
from vireid_lib.data.images import to_float
from vireid_lib.experiment import studies, trainings
from vireid_lib.viz import widgets
from vireid_lib.viz.images import pixels
from vireid_lib.viz.style import MODALITY_COLOURS, MODALITY_MARKERS

viz.notebook_style()
run = experiment.open(profile, workspace, data_root)
STUDY = studies.load_study("den")
run

# %% [markdown]
# ## 1. The measure: how much room does an identity take up?
#
# Section 3.1 defines the *intra-modality intra-identity representation space*. With $f^V_i$ the visible features of
# identity $i$, scaled to length 1, and $d$ the Euclidean distance,
#
# $$\mathrm{IIRS}(V,V) = \text{mean over identities } i \text{ of the mean } d(f^V_{ik}, f^V_{il})
# \text{ over pairs of images } k \neq l$$
#
# (eq. 1), and $\mathrm{IIRS}(I,I)$ the same in infrared. $\mathrm{HIMD}(V,I)$ (Table 6), the *hetero-modality
# intra-identity maximum distance*, is the mean over identities of the largest distance between a visible and an
# infrared image of the identity. 0 means one point per identity; unrelated directions are $\sqrt2 \approx 1.41$ apart.
#
# The argument (Fig. 1): random erasing and colour changes make training images of one identity more different. A loss
# that draws *all* of them to one point keeps only what they all share, the dominant features. The network then
# retrieves easy test images and misses hard ones. A loss that leaves room keeps more features that may be recognised in
# the other modality.
#
# By hand, on a batch of $P$ identities with $K$ images in each modality. The network is DEN's before its first step.
# `augment` prepares the images as in training: cropped, mirrored, erased, with a HueGray copy of each visible image
# (section 3). Change the settings here; everything down to section 4 follows, on the library's side too.

# %% tags=["by-hand"]
P, K = 6, 4  # identities in the batch, images of each in each modality
M_PE, M_NE = 0.1, 0.3  # the margins of section 2
LAMBDA_IRD = 1.0  # the weight of section 3

margins = {"positive_margin": M_PE, "negative_margin": M_NE}
margins |= {f"hue_grey_{name}": value for name, value in margins.items()}
mine = studies.Row("mine", "mine", "den", margins | {"ird_weight": LAMBDA_IRD})

seed = run.profile.reid.seeds[0]
den = studies.untrained(studies.run_of(run, mine), seed)
plain, rows = studies.first_batch(studies.run_of(run, mine), identities=P, images=K)
batch = den.augment(plain)
with torch.no_grad():
    pooled = den.network(batch.visible, batch.infrared).pooled
f_v, f_hg, f_i = pooled.split(P * K)  # visible, HueGray, infrared: one row an image
who = batch.infrared_labels  # the identity of each row, the same in all three


def iirs(f, who):
    f, means = normalize(f), []
    for i in who.unique():
        own = f[who == i]
        apart = (own[:, None] - own[None]).norm(dim=2)
        means.append(apart[~torch.eye(len(own), dtype=torch.bool)].mean())  # without k = l
    return torch.stack(means).mean()


def himd(f_v, f_i, who):
    f_v, f_i = normalize(f_v), normalize(f_i)
    return torch.stack([torch.cdist(f_v[who == i], f_i[who == i]).max() for i in who.unique()]).mean()


# %% tags=["by-hand"]
from vireid_lib.analysis.embedding_spread import spread

library = spread(torch.cat((f_v, f_i)), rows)
by_hand = {"iirs_visible": iirs(f_v, who), "iirs_infrared": iirs(f_i, who), "himd": himd(f_v, f_i, who)}
for name, value in by_hand.items():
    torch.testing.assert_close(float(value), library[name], rtol=1e-5, atol=1e-5)
    print(f"{studies.MEASURES[name]}: {value:.3f}")

# %% [markdown]
# The assertion passed: the tables below take this measure over all test images. Here it describes an untrained network
# on one batch.
#
# ## 2. The losses
#
# **HT**, the hard triplet (Hermans et al. 2017), acts on one pair only: the farthest image $k$ of the same identity and
# the nearest $j$ of another, with a margin $m$ (eq. 4):
#
# $$\mathcal{L}_{\mathrm{HT}} = \max\big(0,\; \max_k d^{+}_{ik} - \min_j d^{-}_{ij} + m\big)$$
#
# **WRT**, AGW's triplet ([chapter 4](../04_reid_training.py)), pulls on all of them, with weights. Section 3.1 expects
# less room from it.
#
# **IRD** works on centres. With $c^V_i, c^I_i$ the mean visible and infrared feature of identity $i$ in the batch, the
# *positive enhancement* (eq. 6) is
#
# $$\mathcal{L}_{\mathrm{PE}} = \frac1P \sum_{i=1}^{P} \max\big(0,\; d(c^V_i, c^I_i) - \min_k d(c^V_i, f^V_{ik})
# + m_{\mathrm{PE}}\big)$$
#
# plus the same with $V$ and $I$ exchanged: the two centres approach each other, and each centre's *nearest* own image
# is pushed away from it. The *negative enhancement* keeps other identities away,
#
# $$\mathcal{L}_{\mathrm{NE}} = \frac1P \sum_{i=1}^{P} \max\big(0,\; d(c^V_i, c^I_i) - \min_{j \neq i}
# \min\big(d(c^V_i, c^V_j), d(c^V_i, c^I_j)\big) + m_{\mathrm{NE}}\big)$$
#
# (The paper prints eq. 6 again as eq. 7. This one follows its text: "the separation of the intra-identity center
# feature from those of other identities".)


# %% tags=["by-hand"]
def pe_and_ne(f_v, f_i, who, m_pe, m_ne):
    """The two halves of IRD(V,I); features are taken as they are, not scaled to length 1."""
    ids, pe, ne = who.unique(), 0, 0
    c_v, c_i = (torch.stack([f[who == i].mean(0) for i in ids]) for f in (f_v, f_i))
    for f, own, other in ((f_v, c_v, c_i), (f_i, c_i, c_v)):  # both directions
        for n, i in enumerate(ids):
            gap = (own[n] - other[n]).norm()  # to the same identity's centre in the other modality
            nearest = (f[who == i] - own[n]).norm(dim=1).min()  # to the nearest own image
            strangers = torch.cat((own, other))[ids.repeat(2) != i]
            stranger = (strangers - own[n]).norm(dim=1).min()  # to the nearest centre of somebody else
            pe = pe + (gap - nearest + m_pe).clamp(min=0) / len(ids)
            ne = ne + (gap - stranger + m_ne).clamp(min=0) / len(ids)
    return pe, ne


# %% tags=["by-hand"]
from vireid_lib.reid.losses.intra_identity_diversification import negative_enhancement, positive_enhancement

pe, ne = pe_and_ne(f_v, f_i, who, M_PE, M_NE)
torch.testing.assert_close(pe, positive_enhancement(f_v, f_i, who, who, margin=M_PE))
torch.testing.assert_close(ne, negative_enhancement(f_v, f_i, who, who, margin=M_NE))
print(f"PE {pe:.3f}, NE {ne:.3f}: by hand as in the library")

# %% [markdown]
# What do the two ask for? Below, without a network, four identities are points in the plane. Each modality is a tight
# cloud, and the two clouds of an identity lie apart. The points follow the gradient of `pe_and_ne` for some steps.


# %% tags=["by-hand"]
def descend(m_pe=0.1, m_ne=0.3, steps=300):
    draw, who = torch.Generator().manual_seed(0), torch.arange(4).repeat_interleave(6)
    places = 0.3 * torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]])[who]
    shifts = torch.tensor([[0.0, 0.12], [0.0, -0.12]])  # visible, infrared
    points = (places + shifts[:, None] + 0.03 * torch.randn(2, 24, 2, generator=draw)).requires_grad_()
    optimizer, seen = torch.optim.SGD([points], lr=0.02), [points.detach().clone()]
    for _ in range(steps):
        optimizer.zero_grad()
        sum(pe_and_ne(*points, who, m_pe, m_ne)).backward()
        optimizer.step()
    seen.append(points.detach())
    figure, panels = plt.subplots(1, 2, figsize=(8, 4), sharex=True, sharey=True)
    for axes, now, words in zip(panels, seen, ("before", f"after {steps} steps"), strict=True):
        for both, name in zip(now, ("visible", "infrared"), strict=True):
            axes.scatter(*both.T, c=[f"C{i}" for i in who], marker=MODALITY_MARKERS[name], s=24, edgecolors="white")
        for i in who.unique():  # from one centre to the other
            axes.plot(*now[:, who == i].mean(1).T, color="black", linewidth=1.5)
        losses = [f"{float(value):.2f}" for value in pe_and_ne(*now, who, m_pe, m_ne)]
        axes.set_title(f"{words}: PE {losses[0]}, NE {losses[1]}")
        axes.set_aspect("equal")
    figure.supxlabel(f"identities are colours; visible ●, infrared ▲; $m_{{PE}}$ = {m_pe}, $m_{{NE}}$ = {m_ne}")
    plt.close(figure)
    return figure


widgets.explore(descend, m_pe=[0.0, 0.05, 0.1, 0.2, 0.4], m_ne=[0.0, 0.3, 0.6], steps=[30, 100, 300, 1000])

# %% [markdown]
# **What to notice.** PE empties the middle. It wants the nearest image to be *farther* from its centre than the other
# modality's centre is, by the margin: the centres meet, and the images of each modality stand around them at a distance
# of about $m_{\mathrm{PE}}$. An identity that is one point has PE above zero even where its modalities agree. NE does
# not look at the room at all: it asks whether another identity's centre is nearer than the identity's own centre in the
# other modality. Raise $m_{\mathrm{PE}}$ alone: which rings begin to overlap? Nothing in PE knows of other identities.
#
# ## 3. HueGray
#
# A third kind of image (section 3.3): turn the hue of a visible image by a random angle, then take the luminance
# $0.299\,R + 0.587\,G + 0.114\,B$. By hand, with matplotlib's HSV:

# %% tags=["by-hand"]
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv

from vireid_lib.data import augment


def hue_gray(image, turn):
    """The image [..., 3], in 0..1, with its hue turned by a share of the circle, and the grey of that."""
    hsv = rgb_to_hsv(image)
    hsv[..., 0] = (hsv[..., 0] + turn) % 1
    turned = hsv_to_rgb(hsv)
    return turned, turned @ [0.299, 0.587, 0.114]


turns = torch.rand(P * K, generator=torch.Generator().manual_seed(0))
photos = plain.visible.permute(0, 2, 3, 1).double().numpy()  # channels last, as matplotlib has them
grays = np.stack([hue_gray(photo, float(turn))[1] for photo, turn in zip(photos, turns, strict=True)])
library = augment.luminance(augment.turn_hue(plain.visible, turns))[:, 0]
np.testing.assert_allclose(grays, library.numpy(), atol=1e-5)

# %%
columns = {"visible": lambda photo: photo, "grey": lambda photo: hue_gray(photo, 0)[1]}
for turn in (0.25, 0.5, 0.75):
    columns[f"hue + {360 * turn:.0f}°"] = lambda photo, turn=turn: hue_gray(photo, turn)[0]
for turn in (0.25, 0.5, 0.75):
    columns[f"HueGray\n{360 * turn:.0f}°"] = lambda photo, turn=turn: hue_gray(photo, turn)[1]
figure, grid = plt.subplots(3, len(columns), figsize=(8.4, 6), subplot_kw={"xticks": [], "yticks": []})
for photo, line in zip(photos[::K], grid, strict=False):  # one image of each identity
    for axes, change in zip(line, columns.values(), strict=True):
        axes.imshow(change(photo), cmap="gray", vmin=0, vmax=1)
for axes, name in zip(grid[0], columns, strict=True):
    axes.set_title(name, fontsize=8, loc="center")
figure.suptitle("One visible image, three hues, three greys")
plt.show()

# %%
degrees = np.arange(360)
for name, colour in {"red": (0.8, 0.1, 0.1), "yellow": (0.8, 0.7, 0.1), "blue": (0.1, 0.2, 0.8)}.items():
    _, grey = hue_gray(np.tile(colour, (360, 1)), degrees / 360)
    plt.plot(degrees, grey, color=colour, label=f"{name} coat")
plt.xlabel("hue turned by (°)")
plt.ylabel("grey (0 black, 1 white)")
plt.xticks(range(0, 361, 60))
plt.ylim(0, 1)
plt.title("The grey of three coats as the hue turns")
plt.legend(loc="upper center", ncols=3)
plt.show()

# %% [markdown]
# **What to notice.** A plain grey copy is the left edge of the plot: the red coat is always darker than the yellow one.
# In infrared it need not be, and with turned hues it need not be either: where two curves cross, the coats change
# places.
#
# $\mathrm{IRD}(HG,I)$ is PE + NE between HueGray and infrared, plus *colour invariance*
# $\mathcal{L}_{\mathrm{CI}} = \frac{1}{PK}\sum d(f^{HG}, f^V)$ between each HueGray image and its visible original (eq.
# 8, 9). DEN minimises
#
# $$\lambda_{\mathrm{ID}} \mathcal{L}_{\mathrm{ID}} + \lambda_{\mathrm{HT}} \mathcal{L}_{\mathrm{HT}}
# + \lambda_{\mathrm{IRD}}\, \big(\mathrm{IRD}(V,I) + \mathrm{IRD}(HG,I)\big)$$
#
# (eq. 10, 11), and each of the two pairs has margins of its own. The whole loss on the batch:

# %% tags=["by-hand"]
pe_hg, ne_hg = pe_and_ne(f_hg, f_i, who, M_PE, M_NE)
ci = (f_hg - f_v).norm(dim=1).mean()
by_hand = {"pe": LAMBDA_IRD * (pe + pe_hg), "ne": LAMBDA_IRD * (ne + ne_hg), "ci": LAMBDA_IRD * ci}

library = den.loss(batch)  # with the settings of section 1
for name, value in by_hand.items():
    torch.testing.assert_close(value, library[name].detach())
terms = {name: library[name] for name in ("identity", "triplet", "pe", "ne", "ci")}
torch.testing.assert_close(sum(terms.values()), library["total"])

pulls, last_stage = {}, list(den.network.backbone.layer4.parameters())
for name, term in terms.items():
    gradient = torch.autograd.grad(term, last_stage, retain_graph=True)
    pulls[name] = {
        "value": float(term),
        "pull on the last stage": float(sum(g.square().sum() for g in gradient).sqrt()),
    }
pd.DataFrame.from_dict(pulls, orient="index").rename_axis("term, weighted").round(3)

# %% [markdown]
# **What to notice.** The column on the right is the length of each term's gradient in the weights of the last stage:
# how hard it pulls before the first step. Double `LAMBDA_IRD` in section 1, and see which rows double. Which of the
# margins opens a hinge? And does CI pull against PE? (It has no hinge, and is zero only where two images of different
# colour have one feature.)
#
# The margins, the $\lambda$ and the training recipe are in a supplement that is not public. Here they are settings, and
# this is not DEN "as published": the table lists every setting that the paper does not print, and the source of this
# book's value. *release*: the recipe of AGW's code, which is the paper's base model. *miniature world*: chosen there,
# on validation identities; nobody knows whether it suits real data. *ours*: set without a search.

# %%
den_run = studies.run_of(run, STUDY.row("den"))
trainings.recipe(den_run.reid_config, run.profile.data.target, unprinted=True)

# %% [markdown]
# ## 4. Training
#
# RE is random erasing, HG HueGray; a row with grey, hue or HueGray shows each visible image *and* its copy, so its
# batches are larger by half, in the paper as here. Nothing was chosen on the test identities.

# %%
print(studies.smallest(run, STUDY, full=full))  # before anything is trained
measured = studies.measure(run, STUDY, full=full, training=training)
studies.effort(measured).round(1)

# %%
studies.overview(measured)

# %% [markdown]
# ## 5. The paper's tables, with ours below each number
#
# **Tables 1 and 4**: WRT against HT, under more and more diverse samples.

# %%
display(studies.beside_paper(run, STUDY, measured, 1), studies.beside_paper(run, STUDY, measured, 4))

# %% [markdown]
# **Table 3**: each component. **Table 5**: the room that IRD and its parts give.

# %%
display(studies.beside_paper(run, STUDY, measured, 3), studies.beside_paper(run, STUDY, measured, 5))

# %% [markdown]
# **Table 6**: other methods. (Its row "IRD(V,I)" carries the numbers that Table 5 prints for IRD *with* HueGray, and is
# compared with that row.)

# %%
studies.beside_paper(run, STUDY, measured, 6)

# %% [markdown]
# **What to notice.** Compare *orders*, not numbers: on the miniature world this is another data set and a far smaller
# network, and the recipe is ours where the paper does not publish its own. And look at the ± before believing an order.
# The paper prints no spread at all.

# %%
first = measured[measured["mode"] == measured["mode"].iloc[0]]
axes = {"x_axis": "IIRS (V,V)", "y_axis": "rank-1 (%)"}
viz.against(first, x="iirs_visible", y="rank_1", **axes, title="More room, better found?")

# %% [markdown]
# The paper argues for a line that rises from left to right. Do you see one? And do the methods that gain gain *through*
# room? A row far up on the left has found another way.
#
# ## 6. What the paper claims, and what the seeds say
#
# Each claim is a difference between two rows (or between two such differences), taken within each seed and each gallery
# of test identities. Its 95 % interval is over both ([chapter 7](../07_results.py)), each for itself. The verdict comes
# from the p-value after Holm's correction over all claims that were tested, with the measures of one comparison as one
# family. *Holds*: the corrected p is 5 % or less, and the difference is on the claimed side. *Does not hold*: on the
# other side. *Within noise*: these seeds cannot tell.

# %%
findings = studies.judge(measured, STUDY.claims)
print(studies.count(findings))
studies.findings_table(findings)

# %%
print(studies.limits(run, STUDY, measured, findings))

# %% [markdown]
# **What to notice.** Of many intervals at 95 % some miss; hence the correction. Its price: a claim that "holds before
# correction" needs more seeds to be believed. With few seeds the interval is wide anyway, so expect "within noise" for
# steps of one or two points. Many of the paper's own steps are that small.
#
# ## 7. Room, as a picture (Fig. 1b)
#
# The features of one identity, in the plane in which they spread most. All panels have the same scale. First two
# identities that the networks were trained on, then three that they have never seen. (A plane shows only a part of the
# spread; the corner says how much.)

# %%
from scipy.spatial import ConvexHull
from sklearn.decomposition import PCA

from vireid_lib.reid.features import extract


def some_identities(table, count, most=12):
    """`count` identities that have both modalities, at most so many images of each."""
    names = table.groupby("identity").filter(lambda own: own["modality"].nunique() == 2)["identity"].unique()
    names = sorted(np.random.default_rng(0).permutation(sorted(names))[:count])
    few = table.sample(frac=1, random_state=0).groupby(["identity", "modality"]).head(most)
    return [few[few["identity"] == name] for name in names]


chosen = {f"trained on: {k}": own for k, own in enumerate(some_identities(run.data().train_rows(), 2), start=1)}
chosen |= {f"test: {k}": own for k, own in enumerate(some_identities(run.data().test(), 3), start=1)}

figure, grid = plt.subplots(3, len(chosen), figsize=(9.6, 5.8), sharex=True, sharey=True)
for line, name in zip(grid, ("ht_re", "ird", "den"), strict=True):
    row = STUDY.row(name)
    network, config = studies.run_of(run, row).network(row.training, seed)
    line[0].set_ylabel(row.label)
    for axes, own in zip(line, chosen.values(), strict=True):
        features = extract(network, own, config.model_copy(update={"flip_at_test": False}), None)
        plane, unit = PCA(2), normalize(features).numpy()
        points, share = plane.fit_transform(unit), plane.explained_variance_ratio_.sum()
        centres = []
        for modality, colour in MODALITY_COLOURS.items():
            cloud = points[(own["modality"] == modality).to_numpy()]
            centres.append(cloud.mean(0))
            axes.plot(*cloud.T, MODALITY_MARKERS[modality], color=colour, markersize=3.5, label=modality)
            if len(cloud) > 2:
                axes.fill(*cloud[ConvexHull(cloud).vertices].T, color=colour, alpha=0.15)
        axes.plot(*np.transpose(centres), color="black", linewidth=1.5, label="between the two centres")
        axes.text(0.03, 0.03, f"{share:.0%} shown", transform=axes.transAxes, fontsize=7)
        axes.set_aspect("equal")
for axes, words in zip(grid[0], chosen, strict=True):
    axes.set_title(words, fontsize=8)
figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
figure.suptitle("The features of five identities under three networks")
plt.show()

# %% [markdown]
# **What to notice.** On identities from training, look for the claim of Fig. 1b: DEN's clouds should be larger than the
# baseline's and lie over each other. On test identities, the black line between the two centres counts: does it become
# shorter in relation to the clouds?
#
# ## 8. Retrieval (Fig. 3)
#
# The ten first gallery images for the same queries, under each network. The paper shows queries on which DEN is better.
# Here are up to two that the baseline gets wrong and DEN right, and up to one the other way round.

# %%
held = studies.features_of(run, STUDY, ["ht_re", "caj", "mmd", "den"], seed=seed)
test, protocol = run.data().test(), run.protocol()
trial = protocol.trials(test)[0]
before, after = (retrieval.per_query(held[name], trial, protocol.rule) for name in ("HT, RE", "DEN"))
queries = retrieval.flipped_queries(before, after, right=True, count=2) + retrieval.flipped_queries(
    before, after, right=False, count=1
)
for name, features in held.items() if queries else ():
    display(viz.retrieval_lists(features, test, trial, protocol.rule, queries, ranks=10, title=name))
retrieval.transitions(before, after)

# %% [markdown]
# The table counts all queries, before (baseline) and after (DEN): the examples above are a choice, the counts are not.
#
# ## 9. The embedding in the plane (Fig. 4)
#
# t-SNE of the same few test identities. Neighbours mean something, sizes and distances of clusters do not
# ([chapter 5](../05_embedding_analysis.py)): the figure can show whether an identity's circles and triangles touch, and
# not how much room it has.

# %%
few = readable_sample(test, identities=8)
for name in ("MMD-ReID", "DEN"):
    display(viz.projection(tsne(held[name][few]), test.iloc[few], title=name))

# %% [markdown]
# ## 10. Where do they look? (Fig. 5)
#
# Grad-CAM++ of a visible and an infrared image of the same person, explained by each other
# ([chapter 5](../05_embedding_analysis.py), section 6, says what such a map is and when not to believe it). The paper
# sees "activation across the entire body" for DEN and "specific body parts" for CAJ and MMD-ReID.

# %%
drawn = test.sample(frac=1, random_state=0).reset_index()  # "index" is the row in `test`
first = drawn.drop_duplicates(["identity", "modality"]).pivot(index="identity", columns="modality", values="index")
pairs = first.loc[drawn["identity"].unique(), ["visible", "infrared"]].dropna().astype(int).head(8)

shown = [row for pair in pairs.to_numpy().tolist() for row in pair]
heat, believed = {}, {}
for name in ("caj", "mmd", "den"):
    row = STUDY.row(name)
    network, config = studies.run_of(run, row).network(row.training, seed)
    images = normalise(to_float(pixels(test.loc[shown], (config.height, config.width)), torch.device("cpu")))
    maps, drops = [], []
    for place, modality in enumerate(test.loc[shown, "modality"]):
        partner = place ^ 1  # the other one of the pair
        with torch.no_grad():
            towards = network.features(images[[partner]], test.loc[shown[partner], "modality"])
        maps.append(saliency.grad_cam_plus_plus(network, images[[place]], modality, towards)[0])
        drops.append(saliency.occlusion(network, images[[place]], modality, towards))
    heat[row.label], drops = torch.cat(maps), torch.cat(drops)
    coarse = torch.nn.functional.adaptive_avg_pool2d(heat[row.label], drops.shape[1:])  # to the cells that were covered
    both = torch.stack((coarse.flatten(1), drops.flatten(1)), dim=1)
    believed[row.label] = torch.stack([torch.corrcoef(pair)[0, 1] for pair in both]).nanmean().item()

viz.explanations(
    pixels(test.loc[shown[:6]], (config.height, config.width)),
    {name: maps.numpy()[:6] for name, maps in heat.items()},
    labels=["visible", "infrared"] * 3,
)

# %% [markdown]
# Six pictures prove nothing. One number over more pairs: the share of the image that takes part in the map,
# $(\sum h)^2 / (N \sum h^2)$ over its $N$ places, 100 % for a map that is the same everywhere. The next column says
# whether to believe the map at all: its correlation with *occlusion*, which covers places and measures the loss.

# %%
rows = {}
for name, maps in heat.items():
    part = 100 * maps.sum((1, 2)).square() / (maps[0].numel() * maps.square().sum((1, 2)))
    part = part[~part.isnan()]  # a map of zeros says nothing
    rows[name] = {
        "part of the image (%)": f"{part.mean():.0f} ± {part.std():.0f}",
        "correlation with occlusion": f"{believed[name]:+.2f}",
        "images": len(part),
    }
pd.DataFrame.from_dict(rows, orient="index").rename_axis("network")

# %% [markdown]
# **What to notice.** First the correlation. Where it is near zero or negative, covering the places that the map lights
# up costs little, and the map says nothing about the paper's claim; a small network often gives a map that glows
# everywhere *but* on the person ([chapter 5](../05_embedding_analysis.py) says why).
#
# ## Something to try
#
# 1. Set `positive_margin` (and for HueGray `hue_grey_positive_margin`) to a larger value in a row of your own
#    (`studies.Row("wide", "wide", "den", {"positive_margin": 1.0}, "margin 1")`) and train it. *Expect* more room. Does
#    rank-1 follow? That is the question of this study.
# 2. Give the baseline the copies that DEN has without the losses (`ht_hg`) and compare it with `den` by a
#    `studies.Claim` of your own. *Expect* the images to account for a good part of the step from baseline to DEN.
# 3. Measure IIRS on *training* identities: `vireid_lib.analysis.embedding_spread.spread` takes any features and their
#    table. The paper's figure is about training, its tables are about test.
