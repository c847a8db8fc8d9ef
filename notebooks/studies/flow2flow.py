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
# Visible-to-Infrared Person Re-Identification?") stays with the people of the training set, and makes images in two
# ways: *more of the same* (training sample expansion, TSE) and *the same in the other modality* (cross-modality
# generation, CMG). Both come from one model, a pair of invertible networks. Which of the two helps, and do the seeds
# bear out what its tables say?
#
# **This study** reads the data of chapter 1, fits one generator for each form of it and trains once per row of the
# paper's tables and seed (Tables III to VIII; Figures 3 to 9). On the miniature world a fit costs about two minutes of
# one CPU core, a training one to two. What is done is fetched. A reduced set of rows is trained unless it is run with
# `-p full=true`.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""
data_root = ""
full = False  # all rows of tables IV, VI, VII and VIII and figure 6, or the reduced set
training = True  # False: train nothing, show what is trained already

# %%
from IPython.display import display

from vireid_lib import experiment
from vireid_lib import viz as plots
from vireid_lib.analysis.projection import readable_sample, tsne
from vireid_lib.experiment import studies
from vireid_lib.experiment.studies import flow2flow_looks as f2f
from vireid_lib.experiment.studies.flow2flow import STUDY

run = experiment.open(profile, workspace, data_root)
run

# %% [markdown]
# ## 1. A network that runs backwards
#
# A *flow* $\mathcal{G}$ turns an image $x$ into a *latent* $z$ of exactly as many numbers, and back (eq. 1):
#
# $$z = \mathcal{G}^{-1}(x), \qquad x = \mathcal{G}(z).$$
#
# Nothing is lost on the way, so the density of images follows from that of latents (eq. 2). One asks that latents of
# images look like Gaussian noise and maximises (eq. 3)
#
# $$\log P(x) = \log \Pi(z) + \sum_l \log \left| \det J_l \right| ,$$
#
# where $\Pi$ is the Gaussian and $J_l$ the Jacobian of layer $l$, which says how much it stretches space. Every layer
# is built so that both its inverse and this determinant are cheap: *affine couplings* change one half of the channels
# by what the other half says, *1×1 convolutions* mix the channels between them, and the paper adds a $\tanh$ at the end
# (eq. 7), for otherwise, it says, the flow is too linear. Flow2Flow has one flow for each modality, $\mathcal{G}_v$ and
# $\mathcal{G}_r$, and both share the space of latents.
#
# A picture that runs through a flow and back must be the same picture. It must also survive the way through the *other*
# modality's flow and back:

# %%
f2f.inverted(run)

# %% [markdown]
# ## 2. What the flows are taught (Fig. 8)
#
# Likelihood alone would leave the two flows strangers to each other: a visible person's latent would be some other
# person's infrared picture. Three more losses bring them together. The *noise loss* draws the latents of one person
# together and pushes those of others apart (eq. 10). An *image encoder* for each modality says how far a translated
# image is from the person's real ones: the flows bring them near, the encoder moves them apart (eq. 12 and 13). And a
# *modality discriminator* for each modality tells real from translated images (eq. 14 and 15). Flows and adversaries
# take turns, the flows twice as often.

# %%
history = f2f.loss_history(run)
plots.loss_curves(history, terms=["flow_visible", "flow_infrared"], title="Flow loss (nats, lower is more likely)")

# %%
sides = ["identity_visible", "encoder_visible", "modality_visible", "discriminator_visible"]
plots.lines(
    {name: (history["step"], history[name]) for name in sides},
    x="step",
    y="loss (no unit)",
    title="Visible images made of infrared ones: flows against adversaries",
)

# %% [markdown]
# **What to notice.** The paper finds the infrared flow's loss to fall lower and says that infrared images are easier,
# for they have less colour. Here it falls lower for a plainer reason: the three channels of an infrared file are equal,
# and a flow that notices may call an image as likely as it likes, down to the noise that is added to its grey levels.
# And encoder loss and identity loss are two sides of one distance (2 in all): look which side is winning at the end.
#
# ## 3. More of the same: TSE (Fig. 4 and 7)
#
# Two images of a person become latents $z_1$ and $z_2$. A point between them becomes a new image (eq. 17):
#
# $$\hat{x} = \mathcal{G}\big(z_1 + \tfrac{p}{q}\,(z_2 - z_1)\big), \qquad 0 < p < q .$$
#
# With $q = 2$, the paper's choice, it is the one half way. Here are the walks for $q = 10$:

# %%
walks = f2f.walks(run)
plots.image_grid(**vars(walks), cell=1.0)

# %% [markdown]
# Half way, three times: between the pixels, between the latents of a flow without the $\tanh$, and with it.

# %%
halves = f2f.half_ways(run)
plots.image_grid(**vars(halves))

# %% [markdown]
# **What to notice.** A blend of pixels shows two people on top of each other. See whether the flows' pictures show one,
# and whether you can tell linear from nonlinear. If both look like the blend, no wonder: between two points a network
# that is nearly linear does what pixels do.
#
# ## 4. The same in the other modality: CMG (Fig. 5 and 9)
#
# A visible image becomes a latent by $\mathcal{G}_v^{-1}$, and the latent an infrared image by $\mathcal{G}_r$ (eq.
# 18); and the other way round (eq. 19). Beside it is what CycleGAN makes of the same images, and a true image of the
# person in that modality (of another moment, for nobody was photographed in both lights at once).

# %%
shown = f2f.translations(run, ["cmg", "cmg_none", "cyclegan"])
plots.image_grid(**vars(shown))

# %% [markdown]
# **What to notice.** "No adversaries" is a pair of flows that learnt likelihood and the noise loss alone (Fig. 9). The
# paper's CycleGAN "fails to model the silhouette"; see whether this one does. From infrared to visible, colours have to
# be invented: no image of that direction can be right but by luck.
#
# ## 5. Pictures in numbers
#
# Before anything is trained on them: how far are the pictures from real ones of their modality (Fréchet distance
# between features of a judge, lower is nearer), and is the nearest real image one of the same person? "Grey copies" are
# the visible images without their colour, which costs nothing and needs no training.

# %%
table, words = f2f.fidelity(run, ["tse", "interpolation", "tse_linear", "cmg", "cmg_none", "cyclegan"])
print(words)
f2f.fidelity_words(table)

# %% [markdown]
# **What to notice.** TSE has it easy: its pictures lie between two images that are both in the set they are compared
# with. CMG is the honest test. Compare it with the grey copies in *both* columns: to look infrared is one thing, to
# show the right person another.
#
# ## 6. Training with both kinds of images
#
# The paper trains MPANet. The generated images do not simply join the real ones: "we separately learn features of true
# images and generated images, then perform the feature-level concatenation" (section V-A). It says no more; here one
# backbone has two heads, one learns from real images, one from generated ones, and a test image, which is always real,
# is described by both, side by side. Batches have the baseline's size, and their images are drawn from both kinds.

# %%
for name in ("tse", "cmg", "both"):
    made = studies.run_of(run, STUDY.row(name)).more_images(STUDY.row(name).training)
    print(
        f"{STUDY.row(name).label}: {made['modality'].value_counts().to_dict()} images made of "
        f"{run.data().train_rows()['modality'].value_counts().to_dict()} real ones"
    )

# %%
measured = studies.measure(run, STUDY, full=full, training=training)
studies.overview(measured, ["rank_1", "mean_ap", "mean_inp", "himd"])

# %%
studies.effort(run, STUDY, measured)

# %% [markdown]
# ## 7. The paper's tables, with ours below each number
#
# **Table III**: TSE, CMG and both.

# %%
studies.beside_paper(run, STUDY, measured, 3)

# %% [markdown]
# **Table IV**: TSE against blended pixels, and $q$. **Table V**: CMG against CycleGAN. (Our TSE draws the very pairs of
# images that the blends are made of.)

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
# both. The dot that is filled is the paper's best, 1.

# %%
curves = f2f.multiples(measured)
if curves:
    display(plots.sweeps(curves, y="rank-1 (%)"))
else:
    print("Not run: these rows are trained with -p full=true.")

# %% [markdown]
# ## 9. What the paper claims, and what the seeds say
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
# **What to notice.** What holds, holds for these fits: the seeds vary the ReID training and nothing else. A difference
# between two generators may be one between two of their fits.
#
# ## 10. The embedding in the plane (Fig. 3)
#
# t-SNE of the same few test people under MPANet and under TSE + CMG. Neighbours mean something, sizes and distances of
# clusters do not (chapter 5). Look whether a person's circles (visible) and triangles (infrared) touch.

# %%
seed = run.profile.reid.seeds[0]
held = studies.features_of(run, STUDY, ["mpanet", "both"], seed=seed)
test = run.data().test()
sample = readable_sample(test, identities=8)
about = test.iloc[sample]
for name, features in held.items():
    display(
        plots.projection(
            tsne(features[sample]),
            identities=about["identity"].tolist(),
            modalities=about["modality"].tolist(),
            cameras=about["camera"].tolist(),
            title=name,
        )
    )

# %% [markdown]
# ## Something to try
#
# 1. One head for both kinds: `studies.measure` a study of the rows `tse_mixed` and `cmg_mixed`. *Expect* the generated
#    images to do more harm, where they do harm.
# 2. A longer fit: put `generators: {flow2flow: {steps: 1200}}` into a profile of your own. *Expect* cleaner pictures in
#    section 4, and look whether rank-1 cares.
# 3. `form: release` in the same place: the released code's flow, without 1×1 convolutions and without $\tanh$. *Expect*
#    the walks of section 3 to look otherwise: its latents are not bounded.
