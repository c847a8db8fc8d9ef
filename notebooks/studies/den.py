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
# # DEN: should a person's images lie close together?
#
# **The question.** Everybody pulls the images of one person together. DEN (Kim, Gwon, Seo, WACV 2024) says that
# across two kinds of light one should first push them *apart*, each modality within itself, so that the two clouds have
# room to meet. Does the room grow when its losses are used, does the gap close, and do the seeds bear out what its
# tables say?
#
# **This study** reads the data of chapter 1, makes one training per row of the paper's tables and seed (Tables 1, 3, 4,
# 5 and 6; Figures 1, 3, 4 and 5), and costs, on the miniature world, about a minute of one CPU core for each training.
# Trainings that are done are fetched. A reduced set of rows is trained unless it is run with `-p full=true`.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
full = False  # all rows of the tables, or the reduced set
training = True  # False: train nothing, show what is trained already

# %%
from IPython.display import display

from vireid_lib import experiment
from vireid_lib import viz as plots
from vireid_lib.analysis import retrieval
from vireid_lib.analysis.projection import readable_sample, tsne
from vireid_lib.experiment import studies, trainings
from vireid_lib.experiment.studies import looks
from vireid_lib.experiment.studies.den import STUDY

run = experiment.open(profile, workspace, data_root)
run

# %% [markdown]
# ## 1. The measure: how much room does a person take up?
#
# Section 3.1 defines the *intra-modality intra-identity representation space*. With $f^V_i$ the visible features of
# person $i$, scaled to length 1, and $d$ the Euclidean distance,
#
# $$\mathrm{IIRS}(V,V) = \text{mean over people } i \text{ of the mean } d(f^V_{ik}, f^V_{il})
# \text{ over pairs of images } k \neq l$$
#
# (eq. 1), and $\mathrm{IIRS}(I,I)$ the same in infrared. $\mathrm{HIMD}(V,I)$ (Table 6), the *hetero-modality
# intra-identity maximum distance*, is the mean over people of the largest distance between a visible and an infrared
# image of the person. All are taken over the test images. 0 would be a point per person; unrelated directions are
# $\sqrt2 \approx 1.41$ apart.
#
# The argument (Fig. 1): random erasing and colour changes make training images of one person more different. A loss
# that draws *all* of them to one point keeps only what they all share, the dominant features. Easy test images are then
# found and hard ones are not. A loss that leaves room keeps more of what may be recognised in the other light.

# %% [markdown]
# ## 2. The losses
#
# **HT**, the hard triplet (Hermans et al. 2017), acts on one pair only: the farthest image $k$ of the same person and
# the nearest $j$ of another, with a margin $m$ (eq. 4):
#
# $$\mathcal{L}_{\mathrm{HT}} = \max\big(0,\; \max_k d^{+}_{ik} - \min_j d^{-}_{ij} + m\big)$$
#
# **WRT**, AGW's triplet (chapter 4), draws at all of them, with weights. Section 3.1 expects less room from it.
#
# **IRD** works on centres. With $c^V_i, c^I_i$ the mean visible and infrared feature of person $i$ in the batch, the
# *positive enhancement* (eq. 6) is
#
# $$\mathcal{L}_{\mathrm{PE}} = \frac1P \sum_{i=1}^{P} \max\big(0,\; d(c^V_i, c^I_i) - \min_k d(c^V_i, f^V_{ik})
# + m_{\mathrm{PE}}\big)$$
#
# plus the same with $V$ and $I$ exchanged: the two centres approach each other, and each centre's *nearest* own image
# is pushed away from it. The *negative enhancement* keeps other people away,
#
# $$\mathcal{L}_{\mathrm{NE}} = \frac1P \sum_{i=1}^{P} \max\big(0,\; d(c^V_i, c^I_i) - \min_{j \neq i}
# \min\big(d(c^V_i, c^V_j), d(c^V_i, c^I_j)\big) + m_{\mathrm{NE}}\big)$$
#
# (The paper prints eq. 6 again as eq. 7. This is what its text says: "the separation of the intra-identity center
# feature from those of other identities".) Four people on a line show what the two ask for:

# %%
import torch

from vireid_lib.reid.losses.intra_identity_diversification import negative_enhancement, positive_enhancement

people = torch.arange(4).repeat_interleave(2)
for apart, within, gap in ((5, 0.0, 0.5), (5, 0.5, 0.5), (5, 1.0, 0.5), (1, 1.0, 0.5), (1, 1.0, 0.0)):
    offsets = torch.tensor([-within, within]).repeat(4)
    visible = (apart * people + offsets)[:, None]
    parts = [
        f"{loss(visible, visible + gap, people, people, margin=0.1):.2f}"
        for loss in (positive_enhancement, negative_enhancement)
    ]
    print(
        f"people {apart} apart, images {within:.1f} from their centre, the modalities' centres {gap:.1f} apart: "
        f"PE {parts[0]}, NE {parts[1]}"
    )

# %% [markdown]
# **What to notice.** A person that is one point has PE above zero even where the modalities nearly agree: PE wants the
# nearest image to be *farther* from its centre than the other modality's centre is. It stops when the room is larger
# than the gap. NE does not look at the room at all: it asks whether somebody else's centre is nearer than one's own
# other one.
#
# ## 3. HueGray
#
# A third kind of image (section 3.3): turn the hue of a visible image by a random angle, then take the luminance
# $0.299\,R + 0.587\,G + 0.114\,B$. In a plain grey copy a red coat is always darker than a yellow one. In infrared it
# need not be, and with turned hues it is not either. Below, one visible image of each of some people, then its grey
# copy, three turned hues and their HueGray images.

# %%
few = run.data().train_rows().query("modality == 'visible'").drop_duplicates("identity").head(4)
plots.image_grid(**looks.colour_copies(few))

# %% [markdown]
# $\mathrm{IRD}(HG,I)$ is PE + NE between HueGray and infrared, plus *colour invariance*
# $\mathcal{L}_{\mathrm{CI}} = \frac{1}{PK}\sum d(f^{HG}, f^V)$ between each HueGray image and the visible one that it
# was made of (eq. 8, 9). DEN minimises
#
# $$\lambda_{\mathrm{ID}} \mathcal{L}_{\mathrm{ID}} + \lambda_{\mathrm{HT}} \mathcal{L}_{\mathrm{HT}}
# + \lambda_{\mathrm{IRD}}\, \big(\mathrm{IRD}(V,I) + \mathrm{IRD}(HG,I)\big)$$
#
# (eq. 10, 11), and each of the two pairs has margins of its own.
#
# The margins, the $\lambda$ and the training recipe stand in a supplement that is not public. Here they are settings,
# and this is not DEN "as published": below stands every setting that the paper does not print, and where this book's
# value comes from. *release*: the recipe of AGW's code, which is the paper's base model. *miniature world*: chosen
# there, on validation people; nobody knows whether it suits real data. *ours*: set without a search.

# %%
den_run = studies.run_of(run, STUDY.row("den"))
trainings.recipe(den_run.reid_config, run.profile.data.target, unprinted=True)

# %% [markdown]
# ## 4. Training
#
# RE is random erasing, HG HueGray; a row with grey, hue or HueGray shows each visible image *and* its copy, so that its
# batches are larger by half, in the paper as here. Nothing was chosen on the test people.

# %%
measured = studies.measure(run, STUDY, full=full, training=training)
studies.effort(run, STUDY, measured)

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
# **What to notice.** Compare *orders*, not numbers: another data set, a far smaller network, a recipe of our own where
# the paper keeps its own to itself. And look at the ± before believing an order. The paper prints no spread at all.

# %%
plots.against(
    studies.for_plot(measured, x="iirs_visible", y="rank_1"),
    x="iirs_visible",
    y="rank_1",
    label="label",
    x_axis="IIRS (V,V)",
    y_axis="rank-1 (%)",
    title="More room, better found?",
    zero=False,
)

# %% [markdown]
# The paper's argument is a line that rises from left to right. Look whether there is one, and whether methods that gain
# gain *through* room: a row far up on the left has found another way.
#
# ## 6. What the paper claims, and what the seeds say
#
# Each claim is a difference between two rows (or between two such differences). Its 95 % interval comes from the spread
# over seeds on all sides (Welch, chapter 4), each for itself. The verdict comes from the p-value after Holm's
# correction over all claims that were tested, with the measures of one comparison as one family. *Holds*: the corrected
# p is 5 % or less, and the difference is on the claimed side. *Does not hold*: on the other side. *Within noise*: these
# seeds cannot tell.

# %%
findings = studies.judge(measured, STUDY.claims)
print(studies.count(findings))
studies.findings_table(findings)

# %%
print(studies.limits(run, STUDY, measured, findings))

# %% [markdown]
# **What to notice.** Many intervals at 95 % must miss now and then; that is what the correction is for. Its price: what
# was "holds before correction" needs more seeds to be believed. With few seeds the interval is wide anyway, so that
# "within noise" is what one has to expect for steps of one or two points. Many of the paper's own steps are that small.
#
# ## 7. Room, as a picture (Fig. 1b)
#
# The features of one person, in the plane in which they spread most. All panels have the same scale. First two people
# that the networks were trained on, then people they have never seen. (A plane shows part of the spread only; how much
# is written in the corner.)

# %%
seed = run.profile.reid.seeds[0]
plots.space_use(looks.room(run, STUDY, ["ht_re", "ird", "den"], seed=seed))

# %% [markdown]
# **What to notice.** On people from training, look for the claim of Fig. 1b: DEN's clouds should be larger than the
# baseline's and lie over each other. On test people, the black line between the two centres is what counts: does it
# become shorter against the size of the clouds?
#
# ## 8. Retrieval (Fig. 3)
#
# The ten first gallery images for the same queries, under each network. The paper shows queries on which DEN is better.
# Here are two that the baseline gets wrong and DEN right, and one the other way round, if there are such.

# %%
held = looks.features_of(run, STUDY, ["ht_re", "caj", "mmd", "den"], seed=seed)
test, protocol = run.data().test(), run.protocol()
trial = protocol.trials(test)[0]
outcomes = {name: retrieval.per_query(features, trial, protocol.rule) for name, features in held.items()}
before, after = outcomes["HT, RE"], outcomes["DEN"]
queries = [
    *retrieval.flipped_queries(before, after, right=True, count=2),
    *retrieval.flipped_queries(before, after, right=False, count=1),
]
for name, features in held.items():
    if queries:
        display(plots.retrieval_lists(features, test, trial, protocol.rule, queries, ranks=10, title=name))
retrieval.transitions(before, after)

# %% [markdown]
# The table counts all queries, before (baseline) and after (DEN): the examples above are a choice, the counts are not.
#
# ## 9. The embedding in the plane (Fig. 4)
#
# t-SNE of the same few test people. Neighbours mean something, sizes and distances of clusters do not (chapter 5): the
# figure can show whether a person's circles and triangles touch, and not how much room there is.

# %%
shown = readable_sample(test, identities=8)
about = test.iloc[shown]
for name in ("MMD-ReID", "DEN"):
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
# ## 10. Where do they look? (Fig. 5)
#
# Grad-CAM++ of a visible and an infrared image of the same person, explained by each other (chapter 5, section 6, says
# what such a map is and when not to believe it). The paper sees "activation across the entire body" for DEN and
# "specific body parts" for CAJ and MMD-ReID.

# %%
explained = looks.heat(run, STUDY, ["caj", "mmd", "den"], seed=seed, pairs=8)
first = next(iter(explained.values()))
plots.explanations(
    first.images[:6],
    {name: each.grad_cam.numpy()[:6] for name, each in explained.items()},
    labels=["visible", "infrared"] * 3,
)

# %% [markdown]
# Six pictures prove nothing. One number over more pairs: the part of the image that takes part in the map,
# $(\sum h)^2 / (N \sum h^2)$ over its $N$ places, 100 % for a map that is the same everywhere. Beside it stands whether
# the map may be believed at all: its correlation with *occlusion*, which covers places and notes what is lost.

# %%
looks.extents(explained)

# %% [markdown]
# **What to notice.** First the correlation. Where it is near zero or negative, the map lights up places that can be
# covered without loss, and says nothing about the paper's claim; a map that glows everywhere *but* on the person is the
# typical case in a network this small (chapter 5 says why).
#
# ## Something to try
#
# 1. Set `positive_margin` (and for HueGray `hue_grey_positive_margin`) to a larger value in a row of your own
#    (`studies.Row("wide", "wide", "den", {"positive_margin": 1.0}, "margin 1")`) and train it. *Expect* more room;
#    whether rank-1 follows is the question of this study.
# 2. Give the baseline the copies that DEN has without the losses (`ht_hg`) and compare it with `den` by
#    `studies.Claim` of your own. *Expect* the images to account for a good part of the step from baseline to DEN.
# 3. Measure IIRS on *training* people: `vireid_lib.analysis.embedding_spread.spread` takes any features and their
#    table. The paper's figure is about training, its tables are about test.
