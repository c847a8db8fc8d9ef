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
# **The question.** Few people are seen in both lights, so a network has little to learn the step between them from.
# DEEN (Zhang, Wang, CVPR 2023) does not make more images. Inside the network it makes several *embeddings* of each
# image, and asks them to differ from the original in the direction of the other modality. Which of its parts carries
# the gain, and do the seeds bear out what its tables say?
#
# **This study** reads the data of chapter 1, makes one training per row of the paper's tables and seed (Tables 4, 5, 6
# and 7; Figures 6, 7 and 8), and costs, on the miniature world, one to three minutes of one CPU core for each training.
# Trainings that are done are fetched. A reduced set of rows is trained unless it is run with `-p full=true`.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
full = False  # all rows of the tables and figure 6, or the reduced set
training = True  # False: train nothing, show what is trained already

# %%
from IPython.display import display

from vireid_lib import experiment
from vireid_lib import viz as plots
from vireid_lib.analysis import retrieval
from vireid_lib.analysis.projection import readable_sample, tsne
from vireid_lib.experiment import studies, trainings
from vireid_lib.experiment.studies import deen_looks, looks
from vireid_lib.experiment.studies.deen import STUDY

run = experiment.open(profile, workspace, data_root)
run

# %% [markdown]
# ## 1. One map becomes three: DEE
#
# The *diverse embedding expansion* (section 3.2) stands between two stages of the backbone. A feature map $f$ comes in,
# and each *branch* $i$ makes another one of it (eq. 1),
#
# $$f_+^i = \theta_{1\times1}\big(\mathrm{ReLU}(\varphi^1_{3\times3}(f) + \varphi^2_{3\times3}(f)
# + \varphi^3_{3\times3}(f))\big),$$
#
# where $\varphi^d$ are $3\times3$ convolutions to a quarter of the channels that look $d$ pixels far (*dilation* $d$),
# and $\theta$ is a $1\times1$ convolution back to as many channels as $f$ has. The original and the generated maps go
# on together through the remaining stages as if they were a larger batch. "Three branches" are the original and two
# generated ones.

# %%
import torch

from vireid_lib.reid.layers import DiverseEmbeddingExpansion

expansion = DiverseEmbeddingExpansion(channels=96, branches=3)
maps = torch.rand(8, 96, 8, 4)  # eight images after stage 3 of the small network
expansion(maps).shape, torch.equal(expansion(maps)[:8], maps)

# %% [markdown]
# ## 2. Different, but how? CPM and the orthogonal loss
#
# Nothing so far makes the branches differ. The *centre-guided pair mining* loss does (section 3.3). Of each person $j$
# in the batch it takes the mean embeddings: $c_v^j$ of the visible images, $c_n^j$ of the infrared ones, $c_{v+}^{i,j}$
# of what branch $i$ made of the visible ones. With $D$ the Euclidean distance and $[z]_+ = \max(z, 0)$ (eq. 3),
#
# $$\mathcal{L}(c_v, c_n, c_{v+}^i) = \big[\, D(c_n^j, c_{v+}^{i,j}) - D(c_v^j, c_{v+}^{i,j}) - D(c_v^j, c_v^k)
# + \alpha \,\big]_+ ,$$
#
# and the same from the infrared side (eq. 4). The first distance draws what was made of visible images to the
# *infrared* centre. The second pushes it away from where it comes from. The third keeps another person $k$ at a
# distance. Below, somebody's visible centre is at 0 and the infrared one at 1, somebody else is 0.6 away from both, and
# the generated centre moves from the one to the other. The *released* code computes something else: three hinges, of
# which the one that should push away carries no gradient through that distance, and a margin that is 0.2 whatever one
# asks for.

# %%
curves = deen_looks.pair_mining_curves()
plots.lines(curves, x="generated centre (0: visible, 1: infrared)", y="CPM")

# %% [markdown]
# **What to notice.** The paper's loss is zero from 0.3 on, long before the infrared centre: its three distances are in
# one hinge, so that other people who are far away pay for what is missing on the way. The released one has a hinge for
# each, and stays above zero twice as far.
#
# Two branches could still make the same. The *orthogonal loss* (eq. 6) takes the inner product of the embeddings that
# they make of one image, $\mathcal{L}_{ort} = \sum_{m<n} f_+^m \cdot f_+^n$. Altogether (eq. 10)
#
# $$\mathcal{L} = \mathcal{L}_{ce} + \mathcal{L}_{tri} + \lambda_1 \mathcal{L}_{cpm} + \lambda_2 \mathcal{L}_{ort},$$
#
# with cross-entropy and the hard triplet over the embeddings of all branches, $\lambda_1 = 0.8$, $\lambda_2 = 0.1$ and
# $\alpha = 0.2$ (Fig. 6; the released code has $\lambda_2 = 0.01$).
#
# ## 3. Looking back: MFA
#
# The *multistage feature aggregation* (section 3.4) stands after each stage but the last. It asks the map $f_l$ before
# the stage again, with the map $f_h$ after it as the question: first channel by channel, then position by position,
#
# $$M = \mathrm{softmax}\big(\psi_q(f_h) \times \psi_k(f_l)\big), \qquad f_h' = \omega(\psi_v(f_l) \times M) + f_h$$
#
# (eq. 7 to 9). That is a non-local block (AGW's, chapter 4) whose keys and values come from one stage earlier. The
# released code divides by the number of entries where the paper has a softmax.
#
# `form: release` in a profile's `reid.config` takes the released code's side in all of these. What this run takes
# otherwise than was published for the data set, and what the paper leaves to its code:

# %%
deen_run = studies.run_of(run, STUDY.row("deen"))
trainings.recipe(deen_run.reid_config, run.profile.data.target, unprinted=True)

# %% [markdown]
# ## 4. Training
#
# The baseline is the same network without DEE and MFA, with cross-entropy and the hard triplet. Two images are compared
# by the sum of the cosines of their embeddings, before and after the BN neck: two for a row without DEE, six for DEEN
# (the paper does not say; the released code does it so). What each row was given, mean over seeds:

# %%
measured = studies.measure(run, STUDY, full=full, training=training)
print(studies.same_effort(STUDY, measured))
studies.effort(run, STUDY, measured)

# %%
studies.overview(measured, ["rank_1", "mean_ap", "mean_inp", "intra_distance", "inter_distance", "delta"])

# %% [markdown]
# Before the scores, look at what drives the branches apart: the CPM term in training, $\lambda_1$ included, one line a
# seed.

# %%
curves = trainings.histories(studies.train(run, [STUDY.row("deen")]))
plots.training_curves({"DEEN": next(iter(curves.values()))}, "cpm", axis="λ1 · CPM")

# %% [markdown]
# **What to notice.** The distances in eq. 3 are between embeddings as they are, not scaled to length 1, and $\alpha$
# stays 0.2. Where other people are far away the hinge is closed (section 2): wherever the curve lies on zero, rows with
# and without CPM have the same losses. Where it does not, read its size off the axis: cross-entropy is above 1 for most
# of the training.
#
# ## 5. The paper's tables, with ours below each number
#
# **Table 4**: each component. (The rows are read from the numbers that they share with other tables, see the notes in
# `data_manifests/papers/deen.yaml`.)

# %%
studies.beside_paper(run, STUDY, measured, 4)

# %% [markdown]
# **Table 5**: where DEE stands. **Table 6**: how many branches. **Table 7**: MFA or the non-local block, which here has
# half of the map's channels inside, and stands where MFA would stand.

# %%
display(*(studies.beside_paper(run, STUDY, measured, number) for number in (5, 6, 7)))

# %% [markdown]
# **What to notice.** Compare orders, not numbers: this is another data set and, on the miniature world, a far smaller
# network. The paper prints no spread. Look at the ± of ours before believing an order of theirs.
#
# ## 6. The settings (Fig. 6)
#
# Rank-1 over $\lambda_1$, $\lambda_2$ and $\alpha$ around the paper's choice (filled). The text does not give the
# figure's values; those beside the paper's choice are this book's.

# %%
curves = deen_looks.sweep_curves(STUDY, measured)
if curves:
    display(plots.sweeps(curves, y="rank-1 (%)"))
else:
    print("Not run: these rows are trained with -p full=true.")

# %% [markdown]
# ## 7. What the paper claims, and what the seeds say
#
# Each claim is a difference between two rows. Its 95 % interval comes from the spread over seeds on both sides (Welch,
# chapter 4), each for itself. The verdict comes from the p-value after Holm's correction over all claims that were
# tested, with the measures of one comparison as one family. *Holds*: the corrected p is 5 % or less, and the difference
# is on the claimed side. *Does not hold*: on the other side. *Within noise*: these seeds cannot tell.

# %%
findings = studies.judge(measured, STUDY.claims)
print(studies.count(findings))
studies.findings_table(findings)

# %%
print(studies.limits(run, STUDY, measured, findings))

# %% [markdown]
# **What to notice.** Many intervals at 95 % must miss now and then; that is what the correction is for. With few seeds
# the interval is wide, so "within noise" is what one has to expect of steps of one or two points. It says that these
# seeds can't show the step, not that there is none. The paper prints no spread for its own steps of that size.
#
# ## 8. Distances (Fig. 7, upper half)
#
# Cosine distances of a visible and an infrared image, of the same person and of different people. The paper's $\delta$
# is the distance between the two means; it finds it growing from the initial features over the baseline and MFA to DEE
# and DEEN. ("Initial" is the baseline's network before training: random here, ImageNet's in the paper.)

# %%
seed = run.profile.reid.seeds[0]
plots.distance_panels(deen_looks.distances(run, STUDY, ["base", "mfa", "dee_both", "deen"], seed=seed))

# %% [markdown]
# **What to notice.** $\delta$ alone is no measure of retrieval: stretching all distances by two doubles it. What counts
# is how much the two hills *overlap*. See whether a larger $\delta$ comes with narrower hills, or with wider ones, and
# whether $\delta$ and rank-1 order the rows alike:

# %%
plots.against(
    studies.for_plot(measured, x="delta", y="rank_1"),
    x="delta",
    y="rank_1",
    label="label",
    x_axis="δ",
    y_axis="rank-1 (%)",
    zero=False,
)

# %% [markdown]
# ## 9. The embedding in the plane (Fig. 7, lower half)
#
# t-SNE of the same few test people. Neighbours mean something, sizes and distances of clusters do not (chapter 5). Look
# whether a person's circles (visible) and triangles (infrared) touch.

# %%
held = looks.features_of(run, STUDY, ["base", "mfa", "dee_both", "deen"], seed=seed)
test, protocol = run.data().test(), run.protocol()
shown = readable_sample(test, identities=8)
about = test.iloc[shown]
for name in ("baseline", "DEEN"):
    display(
        plots.projection(
            tsne(held[name][shown]),
            identities=about["identity"].tolist(),
            modalities=about["modality"].tolist(),
            cameras=about["camera"].tolist(),
            title=name,
        )
    )

# %% [markdown]
# ## 10. Retrieval (Fig. 8)
#
# The eight first gallery images for the same queries. The paper shows queries on which DEEN is better. Here are two
# that the baseline gets wrong and DEEN right, and one the other way round, if there are such.

# %%
trial = protocol.trials(test)[0]
before, after = (retrieval.per_query(held[name], trial, protocol.rule) for name in ("baseline", "DEEN"))
queries = [
    *retrieval.flipped_queries(before, after, right=True, count=2),
    *retrieval.flipped_queries(before, after, right=False, count=1),
]
for name in ("baseline", "DEEN") if queries else ():
    display(plots.retrieval_lists(held[name], test, trial, protocol.rule, queries, ranks=8, title=name))
retrieval.transitions(before, after)

# %% [markdown]
# The table counts all queries, before (baseline) and after (DEEN): the examples above are a choice, the counts are not.
#
# ## 11. LLCM's protocol has two readings
#
# The paper's second gift is LLCM, a data set of low light. Its text (section 4.2) lets *all* images of one modality
# search a gallery of one image per person and camera of the other, in both directions. In the released code that is so
# for infrared → visible. For visible → infrared the roles are swapped: the few *drawn* infrared images are the queries,
# and search all visible ones. One network, two numbers. The book has both (`evaluation.reading` in a profile) and names
# the reading with every number. Here is DEEN under each. On another data set than LLCM, the test images of this run are
# drawn and ranked by LLCM's rules, to show how far apart the two lie:

# %%
deen_looks.llcm_readings(run, STUDY, "deen")

# %% [markdown]
# **What to notice.** In the release's reading a query has many right images in the gallery. That one of them is first
# is easier, that all of them come early is harder: look whether rank-1 rises and mAP falls from one reading to the
# other. Table 3 of the paper prints an mAP *above* rank-1 for both directions, which is how numbers of the paper's
# reading look.
#
# ## Something to try
#
# 1. Train the row `released`: `studies.train(book, [STUDY.row("released")])`. It has the released code's DEE, MFA, CPM
#    and $\lambda_2$, and the paper's augmentation. *Expect* its CPM curve (section 4) to stay above zero for longer.
# 2. Compare only the original embeddings at test. A feature holds its parts side by side; with the small network the
#    first 192 columns are the original before the BN neck. *Expect* most of the gain to stay, if there is one and DEE
#    helps by what it does to *training*.
# 3. Ask for a margin of the size of the distances: a `studies.Row` of your own with `{"cpm_margin": 5.0}`. *Expect* CPM
#    to grow; whether the seeds then tell rows with and without it apart is the question of Table 4.
