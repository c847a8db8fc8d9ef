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
# # DEEN: can one image be made into several?
#
# **The question.** Few identities are seen in both modalities, so a network has little data to learn the step between
# them. DEEN (Zhang, Wang, CVPR 2023) does not make more images. Inside the network it makes several *embeddings* of
# each image, and asks them to differ from the original in the direction of the other modality. Which of its parts
# carries the gain, and do the seeds confirm its tables?
#
# **This study** reads the data of [chapter 1](../01_datasets.py), makes one training per row of the paper's tables and
# seed (Tables 4, 5, 6 and 7; Figures 6, 7 and 8), and costs, on the miniature world, one to three minutes of one CPU
# core for each training. It fetches trainings that are done. It trains a reduced set of rows; `-p full=true` trains
# all.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
full = False  # all rows of the tables and figure 6, or the reduced set
training = True  # False: train nothing, show what is trained already

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import display
from torch.nn import functional

from vireid_lib import experiment, viz
from vireid_lib.analysis import retrieval
from vireid_lib.analysis.embedding_spread import tsne
from vireid_lib.analysis.subsets import readable_sample
from vireid_lib.experiment import studies, trainings
from vireid_lib.viz import widgets

viz.notebook_style()
run = experiment.open(profile, workspace, data_root)
STUDY = studies.load_study("deen")
run

# %% [markdown]
# ## 1. One map becomes three: DEE
#
# The *diverse embedding expansion* (section 3.2) stands between two stages of the backbone. From a feature map $f$ each
# *branch* $i$ makes another one (eq. 1),
#
# $$f_+^i = \theta_{1\times1}\big(\mathrm{ReLU}(\varphi^1_{3\times3}(f) + \varphi^2_{3\times3}(f)
# + \varphi^3_{3\times3}(f))\big),$$
#
# where $\varphi^d$ are $3\times3$ convolutions to a quarter of the channels that look $d$ pixels far (*dilation* $d$),
# and $\theta$ is a $1\times1$ convolution back to as many channels as $f$ has. The original and the generated maps pass
# the remaining stages together, as a larger batch. "Three branches" are the original and two generated ones.
#
# Below are DEEN's network before its first step, and a batch of $P$ identities with $K$ images in each modality. Change
# the settings here; everything down to section 3 follows, on the library's side too.

# %% tags=["by-hand"]
P, K = 4, 4  # identities in the batch, images of each in each modality
BRANCHES = 3
LAMBDA_1, LAMBDA_2, ALPHA = 0.8, 0.1, 0.2  # CPM, orthogonal loss, margin

weights = {"cpm_weight": LAMBDA_1, "orthogonal_weight": LAMBDA_2, "cpm_margin": ALPHA}
mine = studies.run_of(run, studies.Row("mine", "mine", "deen", weights | {"branches": BRANCHES}))

seed = run.profile.reid.seeds[0]
deen = studies.untrained(mine, seed)
batch = deen.augment(studies.first_batch(mine, identities=P, images=K)[0])
who = batch.visible_labels  # the identity of each visible row; the infrared rows are the same


class DEE(torch.nn.Module):
    def __init__(self, channels, branches, dilations=(1, 2, 3)):
        super().__init__()
        inner, reduce = channels // 4, []
        for _ in range(branches - 1):  # the original is a branch, and needs no weights
            phis = [torch.nn.Conv2d(channels, inner, 3, padding=d, dilation=d, bias=False) for d in dilations]
            reduce.append(torch.nn.ModuleList(phis))
        self.reduce = torch.nn.ModuleList(reduce)
        self.restore = torch.nn.ModuleList(torch.nn.Conv2d(inner, channels, 1) for _ in range(branches - 1))

    def forward(self, f):
        maps = [f]
        for phis, theta in zip(self.reduce, self.restore, strict=True):
            maps.append(theta(torch.relu(sum(phi(f) for phi in phis))))
        return torch.cat(maps)


# %% tags=["by-hand"]
library = deen.network.expansion
f = torch.rand(8, library.restore[0].out_channels, 8, 4)  # eight maps, as many channels as where DEE stands
dee = DEE(f.shape[1], BRANCHES)
dee.load_state_dict(library.state_dict())  # the same weights
torch.testing.assert_close(dee(f), library(f), rtol=0, atol=0)
print(f"{list(f.shape)} becomes {list(dee(f).shape)}; the first {len(f)} are the original: {dee(f)[: len(f)].equal(f)}")

# %% [markdown]
# What does the dilation do? Nine weights look at nine places, and the dilation is the distance between these. Below, a
# map that is zero except at one place passes one convolution of each dilation, with all weights one, and their sum: the
# output is bright where it depends on that place.


# %% tags=["by-hand"]
def reach(dilations="1, 2, 3", rows=18, columns=9):
    spot = torch.zeros(1, 1, rows, columns)
    spot[..., rows // 2, columns // 2] = 1
    seen = {}
    for d in map(int, dilations.split(", ")):
        seen[f"dilation {d}"] = functional.conv2d(spot, torch.ones(1, 1, 3, 3), padding=d, dilation=d)[0, 0]
    seen["sum"] = sum(seen.values())
    figure, panels = plt.subplots(1, len(seen), figsize=(1.6 * len(seen), 2.8))
    for axes, (name, image) in zip(panels, seen.items(), strict=True):
        axes.imshow(image, vmin=0, vmax=len(seen) - 1)
        axes.set(xticks=[], yticks=[])
        axes.set_title(name, loc="center")
    figure.suptitle(f"{int((seen['sum'] > 0).sum())} of {rows * columns} places know of the one in the middle")
    plt.close(figure)
    return figure


widgets.explore(reach, dilations=["1", "1, 2, 3", "1, 2, 4", "3, 3, 3"], rows=[8, 18], columns=[4, 9])

# %% [markdown]
# **What to notice.** Set 8 rows and 4 columns, the miniature world's maps: a dilation of 3 then reaches beyond the
# edges of the map. A paper's block need not mean the same in a smaller network. The library's DEE has the paper's
# dilations; change yours, and the assertion above fails, as it should.
#
# ## 2. Different, but how? CPM and the orthogonal loss
#
# Nothing so far makes the branches differ. The *centre-guided pair mining* loss does (section 3.3). It takes the mean
# embeddings of each identity $j$ in the batch: $c_v^j$ of the visible images, $c_n^j$ of the infrared ones,
# $c_{v+}^{i,j}$ of the embeddings that branch $i$ made from the visible ones. With $D$ the Euclidean distance and
# $[z]_+ = \max(z, 0)$ (eq. 3),
#
# $$\mathcal{L}(c_v, c_n, c_{v+}^i) = \big[\, D(c_n^j, c_{v+}^{i,j}) - D(c_v^j, c_{v+}^{i,j}) - D(c_v^j, c_v^k)
# + \alpha \,\big]_+ ,$$
#
# and the same from the infrared side (eq. 4). The first distance draws the embeddings made from visible images to the
# *infrared* centre. The second pushes them away from the centre that they come from. The third keeps another identity
# $k$ at a distance. Two branches could still make the same embedding. The *orthogonal loss* (eq. 6) takes the inner
# product of the embeddings that they make of one image, $\mathcal{L}_{ort} = \sum_{m<n} f_+^m \cdot f_+^n$.


# %% tags=["by-hand"]
def cpm(v, n, v_plus, n_plus, who, alpha):
    """Eq. 3 and 4 of one branch: original and generated embeddings, visible and infrared; mean over pairs j ≠ k."""
    ids, total = who.unique(), 0
    c_v, c_n, c_v_plus, c_n_plus = (
        torch.stack([rows[who == j].mean(0) for j in ids]) for rows in (v, n, v_plus, n_plus)
    )
    for own, other, made in ((c_v, c_n, c_v_plus), (c_n, c_v, c_n_plus)):
        for j in range(len(ids)):
            for k in range(len(ids)):
                if k != j:
                    towards, away = (other[j] - made[j]).norm(), (own[j] - made[j]).norm()
                    total = total + (towards - away - (own[j] - own[k]).norm() + alpha).clamp(min=0)
    return total / (len(ids) * (len(ids) - 1))


def orthogonal(branches):
    """Eq. 6 of the generated branches; mean over the images."""
    pairs = [(m, n) for m in range(len(branches)) for n in range(m + 1, len(branches))]
    return sum(((branches[m] * branches[n]).sum(1).mean() for m, n in pairs), torch.zeros(()))


# %% tags=["by-hand"]
with torch.no_grad():
    output = deen.network(batch.visible, batch.infrared)
original, *generated = (rows.split(P * K) for rows in output.pooled.chunk(BRANCHES))  # (visible, infrared) of each
by_hand = {
    "cpm": LAMBDA_1 * sum(cpm(*original, *branch, who, ALPHA) for branch in generated),
    "orthogonal": LAMBDA_2 * orthogonal(output.unreduced.chunk(BRANCHES)[1:]),
}
library = deen.loss(batch)  # with the settings of section 1
for name in by_hand.keys() & library.keys():  # the library leaves out a term of weight 0
    torch.testing.assert_close(by_hand[name], library[name].detach())

made = torch.cat([torch.cat(branch) for branch in generated])
moved = (made - torch.cat(original).repeat(BRANCHES - 1, 1)).norm(dim=1).mean()
centres = torch.stack([original[0][who == j].mean(0) for j in who.unique()])
print(f"A generated embedding lies {moved:.2f} from its original;", end=" ")
print(f"visible centres of two identities lie {torch.pdist(centres).mean():.2f} apart.")

weights, pulls = list(deen.network.expansion.parameters()), {}
for name in [name for name in library if name not in ("total", "accuracy")]:
    gradient = torch.autograd.grad(library[name], weights, retain_graph=True)
    pulls[name] = {"value": library[name].item(), "pull on DEE": float(sum(g.square().sum() for g in gradient).sqrt())}
pd.DataFrame.from_dict(pulls, orient="index").rename_axis("term, weighted").round(3)

# %% [markdown]
# **What to notice.** The column on the right is the length of each term's gradient in the weights of DEE: how hard it
# pulls on the branches before the first step. The distances of CPM are between embeddings as they are, not scaled to
# length 1. Compare those printed above the table with $\alpha$, then set `ALPHA = 5` in section 1, or `LAMBDA_2 = 1`:
# which pull grows?
#
# Now the loss alone: an identity's visible centre is at 0 and its infrared centre at 1, another identity lies some way
# off from both, and the generated centre moves from one to the other. The *released* code computes something else: it
# has three hinges, of which the one that should push away carries no gradient through that distance, and a margin that
# is always 0.2.

# %%
from vireid_lib.reid.losses.centre_guided_pair_mining import centre_guided_pair_mining


def along_the_way(alpha=0.2, apart=0.6):
    ids, places = torch.arange(2), np.linspace(-0.5, 1.5, 81)
    visible, infrared = (torch.tensor([[x, 0.0], [x, apart]]) for x in (0.0, 1.0))
    curves = {"paper, by hand": [], "released": []}
    for x in places:
        made = torch.tensor([[x, 0.0], [x, apart]], dtype=torch.float32)  # of infrared images: at 0, where it should be
        four = visible, infrared, made, visible
        curves["paper, by hand"].append(float(cpm(*four, ids, alpha)))
        curves["released"].append(float(centre_guided_pair_mining(*four, ids, ids, margin=alpha, form="release")))
    figure, axes = plt.subplots(figsize=(6.4, 3.2))
    for name, values in curves.items():
        zero = [f"{x:.2f}" for x, value in zip(places, values, strict=True) if value < 1e-6][:1]
        axes.plot(places, values, label=f"{name}: zero from {zero[0]} on" if zero else f"{name}: never zero")
    axes.set(xlabel="generated centre (0: visible, 1: infrared)", ylabel="CPM")
    axes.set_title(f"CPM on the way; α = {alpha}, somebody else {apart} away")
    axes.legend()
    plt.close(figure)
    return figure


widgets.explore(along_the_way, alpha=[0.0, 0.1, 0.2, 0.5, 1.0], apart=[0.1, 0.3, 0.6, 1.0, 2.0])

# %% [markdown]
# **What to notice.** The paper's loss can reach zero long before the infrared centre: its three distances are in one
# hinge, so distant other identities make up for the missing way. The released one has a hinge for each distance. Move
# `apart`: which of the two curves changes, and how? Then look up the distance of the centres above.
#
# Altogether (eq. 10)
#
# $$\mathcal{L} = \mathcal{L}_{ce} + \mathcal{L}_{tri} + \lambda_1 \mathcal{L}_{cpm} + \lambda_2 \mathcal{L}_{ort},$$
#
# with cross-entropy and the hard triplet over the embeddings of all branches, $\lambda_1 = 0.8$, $\lambda_2 = 0.1$ and
# $\alpha = 0.2$ (Fig. 6; the released code has $\lambda_2 = 0.01$).
#
# ## 3. Looking back: MFA
#
# The *multistage feature aggregation* (section 3.4) stands after each stage but the last. It attends to the map $f_l$
# before the stage, with the map $f_h$ after it as the query: first channel by channel, then position by position,
#
# $$M = \mathrm{softmax}\big(\psi_q(f_h) \times \psi_k(f_l)\big), \qquad f_h' = \omega(\psi_v(f_l) \times M) + f_h$$
#
# (eq. 7 to 9). That is a non-local block (AGW's, [chapter 4](../04_reid_training.py)) whose keys and values come from
# one stage earlier. The released code divides by the number of entries where the paper has a softmax.
#
# `form: release` in a profile's `reid.config` follows the released code in all of these. The settings that differ from
# the published ones for the data set, and those that the paper leaves to its code:

# %%
deen_run = studies.run_of(run, STUDY.row("deen"))
trainings.recipe(deen_run.reid_config, run.profile.data.target, unprinted=True)

# %% [markdown]
# ## 4. Training
#
# The baseline is the same network without DEE and MFA, with cross-entropy and the hard triplet. Two images are compared
# by the sum of the cosines of their embeddings, before and after the BN neck: two for a row without DEE, six for DEEN
# (the paper does not say; the released code does so). What each row was given, mean over seeds:

# %%
print(studies.smallest(run, STUDY, full=full))  # before anything is trained
measured = studies.measure(run, STUDY, full=full, training=training)
print(studies.same_effort(STUDY, measured))
studies.effort(measured).round(1)

# %%
studies.overview(measured, ["rank_1", "mean_ap", "mean_inp", "intra_distance", "inter_distance", "delta"])

# %% [markdown]
# Before the scores, look at the term that drives the branches apart: CPM in training, $\lambda_1$ included, one line
# for each seed.

# %%
curves = trainings.histories(studies.train(run, [STUDY.row("deen")]))
viz.training_curves({"DEEN": next(iter(curves.values()))}, "cpm", axis="λ1 · CPM", title="CPM in training")

# %% [markdown]
# **What to notice.** The distances in eq. 3 are between embeddings as they are, not scaled to length 1, and $\alpha$
# stays 0.2. Where other identities are far away the hinge is closed (section 2): where the curve lies on zero, rows
# with and without CPM have the same losses. Where it does not, read its size off the axis, and compare it with the
# cross-entropy in the table of section 2.
#
# ## 5. The paper's tables, with ours below each number
#
# **Table 4**: each component. (The rows are read from the numbers that they share with other tables, see the notes in
# `data_manifests/papers/deen.yaml`.)

# %%
studies.beside_paper(run, STUDY, measured, 4)

# %% [markdown]
# **Table 5**: where DEE stands. **Table 6**: how many branches. **Table 7**: MFA or the non-local block, which here has
# half of the map's channels inside, and takes MFA's place.

# %%
display(*(studies.beside_paper(run, STUDY, measured, number) for number in (5, 6, 7)))

# %% [markdown]
# **What to notice.** Compare orders, not numbers: this is another data set and, on the miniature world, a far smaller
# network. The paper prints no spread. Look at the ± of ours before believing an order of theirs.
#
# ## 6. The settings (Fig. 6)
#
# Rank-1 over $\lambda_1$, $\lambda_2$ and $\alpha$ around the paper's choice (filled). The text does not give the
# figure's values; all but the paper's choice are this book's.

# %%
from vireid_lib.reid.methods.deen import DeenConfig

scores = measured[measured["mode"] == measured["mode"].iloc[0]].groupby("row")["rank_1"].agg(["mean", "std"])
curves = {}
for setting, symbol in {"cpm_weight": "λ1", "orthogonal_weight": "λ2", "cpm_margin": "α"}.items():
    chosen = getattr(DeenConfig(), setting)
    rows = {row.config[setting]: row.name for row in STUDY.rows if list(row.config) == [setting]} | {chosen: "deen"}
    trained = {value: row for value, row in sorted(rows.items()) if row in scores.index}
    if len(trained) > 1:
        curves[symbol] = chosen, scores.loc[list(trained.values())].set_axis(list(trained))
if curves:
    display(viz.around(curves, "Around the paper's choice"))
else:
    print("Not run: these rows are trained with -p full=true.")

# %% [markdown]
# ## 7. What the paper claims, and what the seeds say
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
# **What to notice.** Of many intervals at 95 % some miss; hence the correction. With few seeds the interval is wide, so
# expect "within noise" for steps of one or two points. It says that these seeds can't show the step, not that there is
# none. The paper prints no spread for its own steps of that size.
#
# ## 8. Distances (Fig. 7, upper half)
#
# Cosine distances of a visible and an infrared image, of the same person and of different people. The paper's $\delta$
# is the distance between the two means; it reports that $\delta$ grows from the initial features over the baseline and
# MFA to DEE and DEEN. ("Initial" is the baseline's network before training: random here, ImageNet's in the paper.)

# %%
from vireid_lib.analysis.embedding_spread import pair_distances
from vireid_lib.reid.features import extract

test, rows = run.data().test(), ["base", "mfa", "dee_both", "deen"]
base = studies.run_of(run, STUDY.row("base"))
network = studies.untrained(base, seed).network.to(run.device)
plain = base.reid_config.model_copy(update={"flip_at_test": False})  # images as they are, for every method
features = {"initial": extract(network, test, plain, run.cache.files)}
features |= studies.features_of(run, STUDY, rows, seed=seed, plain=True)
distances = {name: pair_distances(own, test) for name, own in features.items()}
viz.distance_hills(distances)

# %% [markdown]
# **What to notice.** $\delta$ alone is no measure of retrieval: stretching all distances by two doubles it. The
# *overlap* of the two hills counts. Does a larger $\delta$ come with narrower hills, or with wider ones? And do
# $\delta$ and rank-1 order the rows in the same way?

# %%
first = measured[measured["mode"] == measured["mode"].iloc[0]]
viz.against(first, x="delta", y="rank_1", x_axis="δ", y_axis="rank-1 (%)", title="A larger δ, better found?")

# %% [markdown]
# ## 9. The embedding in the plane (Fig. 7, lower half)
#
# t-SNE of the same few test identities. Neighbours mean something, sizes and distances of clusters do not
# ([chapter 5](../05_embedding_analysis.py)). Look whether an identity's circles (visible) and triangles (infrared)
# touch.

# %%
held = studies.features_of(run, STUDY, ["base", "deen"], seed=seed)
shown = readable_sample(test, identities=8)
for name, own in held.items():
    display(viz.projection(tsne(own[shown]), test.iloc[shown], title=name))

# %% [markdown]
# ## 10. Retrieval (Fig. 8)
#
# The eight first gallery images for the same queries. The paper shows queries on which DEEN is better. Here are up to
# two that the baseline gets wrong and DEEN right, and up to one the other way round.

# %%
protocol = run.protocol()
trial = protocol.trials(test)[0]
before, after = (retrieval.per_query(own, trial, protocol.rule) for own in held.values())
queries = retrieval.flipped_queries(before, after, right=True, count=2) + retrieval.flipped_queries(
    before, after, right=False, count=1
)
for name, own in held.items() if queries else ():
    display(viz.retrieval_lists(own, test, trial, protocol.rule, queries, ranks=8, title=name))
retrieval.transitions(before, after)

# %% [markdown]
# The table counts all queries, before (baseline) and after (DEEN): the examples above are a choice, the counts are not.
#
# ## 11. LLCM's protocol has two readings
#
# The paper's second contribution is LLCM, a data set of low light. Its text (section 4.2) lets *all* images of one
# modality search a gallery of one image per person and camera of the other, in both directions. The released code does
# so for infrared → visible. For visible → infrared it swaps the roles: the few *drawn* infrared images are the queries,
# and search all visible ones. One network, two numbers. The book has both (`evaluation.reading` in a profile) and names
# the reading with every number. Here is DEEN under each. On another data set than LLCM, LLCM's rules draw and rank the
# test images of this run, to show how far apart the two readings lie:

# %%
from vireid_lib.evaluation.evaluator import DISTANCES, evaluate
from vireid_lib.evaluation.protocols import DIRECTIONS, LlcmProtocol
from vireid_lib.experiment.metrics import mean_and_std

visible_asks, infrared_asks = DIRECTIONS
deen_run, rows = studies.run_of(run, STUDY.row("deen")), {}
ranking = DISTANCES[deen_run.reid_config.similarity]
for direction, reading in ((infrared_asks, "paper"), (visible_asks, "paper"), (visible_asks, "release")):
    protocol = LlcmProtocol(direction, reading, trial_count=run.profile.evaluation.trials)
    found = [evaluate(*deen_run.features("real", each), protocol, distance=ranking) for each in run.profile.reid.seeds]
    scores = pd.DataFrame({"rank-1": each.scores.rank(1), "mAP": each.scores.mean_ap} for each in found)
    words = {name: mean_and_std(100 * own) for name, own in scores.items()}
    trial = found[0].trials[0].trial
    key = direction, "both" if direction == infrared_asks else reading
    rows[key] = {"queries": len(trial.query), "gallery": len(trial.gallery), **words}
pd.DataFrame.from_dict(rows, orient="index").rename_axis(["direction", "reading"])

# %% [markdown]
# **What to notice.** In the release's reading a query has many right images in the gallery. It is easier to have one of
# them first, and harder to have all of them early: does rank-1 rise and mAP fall from one reading to the other? Table 3
# of the paper prints an mAP *above* rank-1 for both directions, as numbers of the paper's reading have.
#
# ## Something to try
#
# 1. Train the row `released`: `studies.train(run, [STUDY.row("released")])`. It has the released code's DEE, MFA, CPM
#    and $\lambda_2$, and the paper's augmentation. *Expect* its CPM curve (section 4) to stay above zero for longer.
# 2. Compare only the original embeddings at test. A feature holds its parts side by side; with the small network the
#    first 192 columns are the original before the BN neck. *Expect* most of the gain, if any, to stay, if DEE helps
#    through *training*.
# 3. Ask for a margin of the size of the distances: a `studies.Row` of your own with `{"cpm_margin": 5.0}`. *Expect* CPM
#    to grow. Do the seeds then tell rows with and without it apart? That is the question of Table 4.
