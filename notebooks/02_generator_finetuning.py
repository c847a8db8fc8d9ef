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

# %% [markdown] tags=["dive"]
# # 2 · Teaching a text-to-image model who and where
#
# **The question.** A model that draws pictures from text knows neither your people nor your cameras, and hardly any
# near infrared. How does DiVE teach it both, *separately*, so that a person who was never filmed in infrared can
# afterwards be asked for under an infrared camera?
#
# **This chapter** reads the images of chapter 1 (training people of the target set in both modalities, people of the
# external set in visible light only), makes the fitted generator of chapters 3 to 6 by fine-tuning a text-to-image
# model on them, and costs, on the miniature world, a few minutes on two CPU cores, and almost nothing when it has
# already been done. In the paper it is the expensive step: 400,000 steps with Stable Diffusion 1.5.
#
# **You will learn**
#
# - how a latent diffusion model is trained and how it draws;
# - how a new word (textual inversion) holds a person, and a LoRA branch a camera;
# - to find out which part of a prompt a fine-tuned model listens to.
#
# **You need** chapter 1, and to know what a neural network and its loss are. Nothing about diffusion.

# %% [markdown] tags=["others"]
# # 2 · Fitting a generator: what becomes of light in infrared?
#
# **The question.** Cameras have shown the people of the target set in both lights, and the people of the external set
# in visible light only. What can a generator learn from the former that lets it show the latter in infrared?
#
# **This chapter** reads the images of chapter 1, makes the fitted generator that `generator` names, for chapter 3 and
# for every training set of that name, and costs, on the miniature world, between nothing and a few minutes on two CPU
# cores, and almost nothing when it has already been done. With `generator = "dive"`, its default, it is a lecture on
# DiVE instead.
#
# **You will learn**
#
# - what the generator consists of, and which of its settings come from where;
# - to read the losses of networks that work against each other;
# - to tell what a generator changes in an image from what it only carries over.
#
# **You need** chapter 1, and to know what a neural network and its loss are.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
prompts_shown = 6
generator = "dive"  # or "cyclegan", "flow2flow", …: `-p generator=NAME` makes this chapter about another one

# %%
import torch

from vireid_lib import experiment
from vireid_lib import viz as plots
from vireid_lib.analysis.projection import tsne
from vireid_lib.book.fitting import base_model, facts
from vireid_lib.book.fitting import chapter as fitting
from vireid_lib.book.fitting import stages as study
from vireid_lib.viz import equations
from vireid_lib.viz.pictures import short

run = experiment.open(profile, workspace, data_root)
run

# %% [markdown] tags=["dive"]
# ## Text-to-image diffusion in one page
#
# A **[latent diffusion](glossary.md#latent-diffusion) model** such as Stable Diffusion has three parts.
#
# - An **autoencoder** turns an image into a small stack of maps, the latent $z$, and back. Everything else happens
#   on latents, which are several times smaller in each direction than the image.
# - A **text encoder** $\Gamma$ (from CLIP) turns a prompt $Q$ into a sequence of vectors $\Gamma(Q)$, one per token.
# - A **U-Net** $\epsilon_\theta$ looks at a noisy latent and at $\Gamma(Q)$ and says what in it is noise.
#
# To train it, one takes the latent of an image, adds noise of a random strength, and asks for the noise back. With
# noise $\epsilon \sim \mathcal N(0, I)$ and a time $t$ between 0 (clean) and $T$ (noise alone), the noisy latent is
#
# $$ z_t = \alpha_t\, z + \sigma_t\, \epsilon , \qquad \alpha_t^2 + \sigma_t^2 = 1 , $$
#
# where $\alpha_t$ says how much signal is left and $\sigma_t$ how much noise there is; and the loss is (the paper's
# equation 1)
#
# $$ \mathbb E_{z, Q, \epsilon, t}\
# \big\lVert\, \epsilon - \epsilon_\theta\big(z_t,\ t,\ \Gamma(Q)\big) \big\rVert^2 . \tag{1} $$
#
# To *draw*, one starts from noise alone and takes the predicted noise out in a few dozen small steps; the text steers
# every one of them. (Some models predict $v = \alpha_t \epsilon - \sigma_t z$ instead of $\epsilon$, from which either
# follows when $z_t$ is known. The miniature model does; Stable Diffusion 1.5 predicts $\epsilon$.)
#
# Here is what the noise does. One image of each modality, at six times of the schedule, decoded back to pixels.

# %% tags=["dive"]
noised = base_model.noising(run)
plots.image_grid(**vars(noised.grid), title="A visible and an infrared image on their way to noise")

# %% tags=["dive"]
schedule = noised.schedule
plots.lines(
    {"signal α": (schedule["t"], schedule["signal"]), "noise σ": (schedule["t"], schedule["noise"])},
    x="time t",
    y="factor",
    title="The noise schedule",
)

# %% [markdown] tags=["dive"]
# **What to notice.** Different times teach different things. While little noise is there, the missing part is texture
# and edges. In the middle, it is which garment and which pattern. Near the end almost nothing is left of the image:
# what can still be said is how bright the scene is and where the person stands, and much of that can only come from
# the text. Look at the last pictures but one of either row: can you still tell the modality?
#
# ## What the base model knows
#
# DiVE does not start from nothing: Stable Diffusion has seen hundreds of millions of captioned photographs. The
# miniature world has its own stand-in, a model of the same classes (a real `AutoencoderKL`, `UNet2DConditionModel`,
# `CLIPTextModel`), only smaller, which was trained on captioned drawings of people in *visible* light. Like its big
# sister, it has never met the people of either data set. Unlike her, it has provably never seen an infrared image.
#
# Below, it is asked for pictures by text alone. In the miniature world the first column shows how the renderer draws
# the person whom the caption describes; the model has not seen that person either.

# %% tags=["dive"]
known = base_model.base_samples(run, prompts=prompts_shown)
plots.image_grid(**vars(known), cell=1.3, title="What the base model draws from a caption")

# %% [markdown] tags=["dive"]
# **What to notice.** Compare along a row: what do all samples of one caption share, and what changes? Pose,
# framing and background are free, for the caption does not mention them. Colours and kinds of garment should follow
# the text. Small things (patterns, bags, hats) are where a small model fails first, and whatever the base model cannot
# draw, DiVE cannot draw either: it adds people and cameras, not the skill of drawing.
#
# Can its autoencoder at least *represent* infrared? We send real images through encoder and decoder and measure the
# peak signal-to-noise ratio, $\text{PSNR} = 10 \log_{10}(255^2 / \text{mean squared error})$: around 20 dB a picture
# is blurred but readable, above 30 dB one has to look closely.

# %% tags=["dive"]
restored = base_model.reconstructions(run)
plots.image_grid(**vars(restored.grid), title="Through the autoencoder and back: what no generator can do better than")

# %% tags=["dive"]
restored.table.style.format(precision=2).hide()

# %% [markdown] tags=["dive"]
# **What to notice.** These numbers are a ceiling: a generated image can't be sharper than what the decoder draws.
# If infrared came out clearly worse than visible here, no fine-tuning of the U-Net could mend it, because DiVE leaves
# the autoencoder as it is.
#
# ## Who: a word for each person
#
# The text encoder begins with a table: a row of numbers (an *embedding*) for each token of its vocabulary.
# **[Textual inversion](glossary.md#textual-inversion)** (Gal et al. 2022) adds a row for a new word $[p]$, and searches
# for the numbers that make the frozen model draw a given subject when the word is used. DiVE (section "Unified Mapping
# Function") adds one such word for each identity $p$ of **both** sets, $p \in \mathcal P_{VI} \cup \mathcal P_{Ext}$,
# and uses it for all images of that person whatever the modality. An image $x_n^k$ of person $p$ in modality $k$ is
# mapped to two pieces of text,
#
# $$ \mathcal F: x_n^k \rightarrow ([p], [k]) , \tag{3} $$
#
# and for a person of the target set, seen in both modalities, visible and infrared images share the word for the
# person and differ in the other,
#
# $$ \mathcal F: (x_i^V, x_j^I) \rightarrow ([p^{VI}], [V], [I]) . \tag{4} $$
#
# This sharing is the whole trick. Because $[p^{VI}]$ must explain the person in either light, whatever differs between
# the two has to go into $[k]$. Then the word $[p^E]$ of an external person, learned from visible images alone, can be
# put beside $[I]$, and the model is asked for something nobody has photographed:
#
# $$ x^S = G\big(\mathcal T([p^E], [I])\big) . \tag{5} $$
#
# ## Where: a code and a branch for each camera
#
# For $[k]$ DiVE learns no new word. It takes a *fixed* string that means nothing, such as `b8zBXKoH`, and puts what
# the modality looks like into the weights of the U-Net. "All images sharing the same modality are assigned the same
# $[k]$ placeholder", which "activates the corresponding LoRA branch". Since cameras of one modality differ too
# (viewpoint, light, background), the paper refines $[V]$ and $[I]$ to a code per camera: $[V_1], \dots, [V_m]$,
# $[I_1], \dots, [I_n]$. The external set counts as one more camera.
#
# Why strings without meaning, and why do no two codes share a character? A code is cut into tokens, and each token is
# a row of the table that the base model already understands. A meaningful word would bring its meaning along; a piece
# shared by two codes would be the same row in both, and tie the two cameras together. The table shows the cut: look
# at the column of shared tokens.

# %% tags=["dive"]
fitted = run.fit("dive")
dive = run.generator("dive")
rows = run.fitted_rows("dive")

# %% tags=["dive"]
facts.code_table(dive.model, rows).style.hide()

# %% [markdown] tags=["dive"]
# Both go into one prompt, $\mathcal T([p],[k])$ = "a [k] photo of [p] person". This is how the text encoder reads it,
# for the first external person under the first infrared camera. (The paper gives each person one row; a profile may
# give several, written as several tokens, because the miniature text encoder is so narrow.)

# %% tags=["dive"]
person = run.data().external["identity"].min()
camera = run.infrared_cameras[0]
facts.prompt_table(dive.model, person, camera).style.hide()

# %% [markdown] tags=["dive"]
# ## LoRA: a small correction beside each weight
#
# The U-Net's attention layers multiply by matrices $W$. **[LoRA](glossary.md#low-rank-adaptation)** (Hu et al. 2021)
# leaves $W$ as it is and adds a product of two thin matrices: $y = W x + B_k A_k x$ with
# $A_k \in \mathbb R^{r \times d}$, $B_k \in \mathbb R^{d' \times r}$ and a small rank $r$ (128 in the paper). $B_k$
# starts at zero, so that training starts from the base model itself.
#
# The index $k$ is the point where paper and release part. The paper's text gives **each code its own branch**
# $B_k A_k$; the authors' released code trains **one branch for all codes**, so that only the text can tell the cameras
# apart. This book follows the text (`lora_scope: per_modality`) and has the release as `shared`. On a small text
# encoder it matters: a code that means nothing is easily ignored, and then infrared comes out in colour. (With
# `visible_branch: modality` the visible cameras share one branch, for it is the infrared ones that will be asked for;
# the column "LoRA branch" above says who shares with whom.)
#
# With both, the loss of fine-tuning is equation 1 with the prompt filled in,
#
# $$ \mathbb E_{z, p, \epsilon, t}\
# \big\lVert\, \epsilon - \epsilon_\theta\big(z_t,\ t,\ \Gamma(\mathcal T([p],[k]))\big)\big\rVert_2^2 , \tag{6} $$
#
# and the only numbers that change are the embeddings of the $[p]$ and the LoRA branches.
#
# The same in three lines, for a few of the training images at one time $t$:
#
# | symbol | in the code | what it is |
# |---|---|---|
# | $z$ | `z` | latents of the images |
# | $\epsilon$ | `epsilon` | the noise that was added |
# | $\alpha_t, \sigma_t$ | `alpha`, `sigma` | how much signal and how much noise there is at time $t$ |
# | $z_t$ | `z_t` | what the network gets to see |
# | $\Gamma(\mathcal T([p],[k]))$ | `prompts` | what it is told: each image's own prompt, through the text encoder |
# | $\epsilon_\theta$ | `predict` | the U-Net with its LoRA branches |

# %% tags=["dive", "equation"]
given = equations.denoising(dive.model, rows)
z_t = given.alpha * given.z + given.sigma * given.epsilon
loss = (given.epsilon - given.predict(z_t)).square().mean()

print(
    f"t = {given.t}: {len(given.z)} images, loss {loss:.3f}; always answering 'no noise' would cost "
    f"{given.epsilon.square().mean():.3f}"
)

# %% tags=["dive"]
facts.parameter_table(dive.model).style.format({"parameters": "{:,}", "share (%)": "{:.2f}"}).hide()

# %% tags=["dive"]
facts.branch_table(dive.model).style.format({"parameters": "{:,}", "size of BA against W (%)": "{:.1f}"}).hide()

# %% [markdown] tags=["dive"]
# ## Fine-tuning
#
# Images are encoded by the autoencoder once, as they are and mirrored, and the latents kept: encoding them again at
# every step, as the released code does, would only cost time. Each step draws a batch of them, a time and a noise for
# each, and takes one step of AdamW.

# %% tags=["dive"]
plots.loss_curves(facts.history(fitted), terms=["total"], title="Fine-tuning: the loss of equation 6")

# %% tags=["dive"]
study.cost(run, fitted)

# %% [markdown] tags=["dive"]
# **What to notice.** The curve is noisy and flat, and that says little: most of the loss is set by the random time $t$
# of each image (nearly all noise is hard to predict in one way, nearly none in another). A diffusion model whose
# pictures get much better lowers this loss by a few percent. So we ask more directly.
#
# ## Is the prompt worth anything?
#
# Take real training images, fix the noise and the times, and denoise them under the right prompt and under wrong ones.
# If the word $[p]$ carries the person, the loss must rise when another person's word stands there. If the code's *text*
# carries the modality, it must rise when a code of the other modality is written (with the branch left as it is); if
# the *branch* does, it must rise when the branch is exchanged too.

# %% tags=["dive"]
worth = study.prompt_worth(run)
effect = study.prompt_verdict(worth)
effect.style.format({"loss": "{:.4f}", "rise (%)": "{:+.2f}", "standard error": "{:.2f}"}).hide()

# %% tags=["dive"]
wrong = effect[effect["prompt"] != study.PROMPT_VARIANTS["right"]]
plots.differences(
    wrong["prompt"].tolist(),
    wrong["rise (%)"],
    1.96 * wrong["standard error"],
    groups=wrong["modality"].tolist(),
    axis="rise of the loss (%), with 95 % interval over images",
    title="What a wrong prompt costs",
)

# %% [markdown] tags=["dive"]
# **What to notice.** The rows rank the parts of the method. "Another person's $[p]$" is the worth of the identity
# word: if its interval touches zero, the generator draws *somebody* and not *this* person, and chapter 3 will show it.
# Compare "a code of the other modality, own branch" with "code and branch": the gap between the two is what the branch
# does beyond the text. The base model's row says how far fine-tuning has come altogether. An image was trained on here,
# so the numbers say what was learned, not how well it carries over to new images of the same people.

# %% tags=["dive"]
plots.lines(
    study.prompt_curves(worth),
    x="time (share of the schedule)",
    y="rise of the loss (%)",
    markers=True,
    title="When in the denoising the prompt matters",
)

# %% [markdown] tags=["dive"]
# **What to notice.** At which times is the person needed, and at which the modality? Where noise has taken nearly all
# of the image away, only the text can say what belongs there; where little noise is left, the image itself says it.
#
# ## What was learned for each person
#
# Each token starts from a common value (`token_init`: the row of the word "person", or the mean of all words, plus
# a little noise if the profile says so) and moves from there. `norm` and `moved` are in units of a typical word's
# length. `nearest word` is the word of the vocabulary that points most in the same direction: textual inversion finds
# numbers, not words, and the nearest word need not describe the person.

# %% tags=["dive"]
base = facts.fresh_base(dive.model)
tokens = facts.token_facts(dive.model, base, rows, seed=dive.config.seed)
tokens.groupby("data set").head(6).style.format(precision=2).hide()

# %% tags=["dive"]
points = tsne(facts.token_vectors(dive.model))
names = tokens["identity"].map(short).tolist()
plots.token_map(points, names, tokens["data set"].tolist(), title="The identity tokens in the plane")

# %% [markdown] tags=["dive"]
# **What to notice.** (The plane is made by t-SNE: neighbours mean something, distances between groups do not.) Do the
# two data sets mix? The words of the external people are learned from one camera's visible
# images, those of the target people from several cameras in both modalities. If the two clouds separate, the words
# carry something of the data set (a background, say) that should have gone into $[k]$, and the transfer of equation 5
# starts from words of a kind that never stood beside an infrared code.
#
# ## What stayed as it was
#
# The released code trains the whole embedding table and writes the old rows back after every step. Here the old rows
# are no parameters of any optimiser. Anyone can check: load the base model afresh and compare each of its tensors, bit
# for bit, with the one that the fitted generator runs on.

# %% tags=["dive"]
same = facts.unchanged(dive.model, base)
assert not same["changed"].any(), "a frozen part of the base model has changed"
same.style.format({"numbers": "{:,}"}).hide()

# %% [markdown] tags=["dive"]
# What was learned is therefore a small addition that other tools can load: a file of tokens for
# `load_textual_inversion` and a file per branch for `load_lora_weights` of the library diffusers.
#
# ## Exercises
#
# **1.** A matrix $W$ has $d' \times d$ numbers. How many does a LoRA branch of rank $r$ have, and from which rank on
# would it have more than $W$ itself? Work it out for $d = d' = 320$ (Stable Diffusion 1.5's first attention layers) and
# the paper's $r = 128$.


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["dive", "solution"]
# Solution 1.
# A is r x d and B is d' x r, together r (d + d') numbers: 81,920 of 102,400 for 320 and r = 128.
# It passes d d' at r = d d' / (d + d'), here 160: the paper's rank is far from thin in those layers.
def size_of_branch(outputs, inputs, rank):
    return rank * (inputs + outputs)


assert size_of_branch(320, 320, 128) == 81_920 and size_of_branch(320, 320, 160) == 320 * 320
layer = next(each for each in dive.model.branches.layers.values() if each.weight.ndim == 2)
rank = layer.down.shape[1]
assert layer.down[0].numel() + layer.up[0].numel() == size_of_branch(*layer.weight.shape, rank)
print(
    f"A linear layer of this run: W has {layer.weight.numel():,} numbers, a branch of rank {rank} has "
    f"{size_of_branch(*layer.weight.shape, rank):,}"
)

# %% [markdown] tags=["dive"]
# **2.** Let the latents be noise of variance 1 themselves, so that there is nothing to know about them. What loss does
# the network reach that always answers 0? And the best one that answers a constant times $z_t$? What does this say
# about a loss curve that averages over all times?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["dive", "solution"]
# Solution 2.
# Zero costs the variance of the noise, 1. The best constant is sigma (least squares: the mean of
# epsilon z_t over the mean of z_t squared), and leaves alpha squared. So the loss is near 0 at late times and near 1 at
# early ones without any knowledge of pictures: the time that was drawn decides most of it.
draw = torch.Generator().manual_seed(0)
z, epsilon = torch.randn(2, 200_000, generator=draw)
for alpha in (0.95, 0.6, 0.2):
    sigma = (1 - alpha**2) ** 0.5
    z_t = alpha * z + sigma * epsilon
    best = (epsilon * z_t).mean() / z_t.square().mean()
    left = (epsilon - best * z_t).square().mean()
    assert abs(best - sigma) < 0.01 and abs(left - alpha**2) < 0.01
    print(
        f"alpha {alpha:.2f}: constant {best:.3f} (sigma is {sigma:.3f}), loss {left:.3f} (alpha squared is "
        f"{alpha**2:.3f})"
    )

# %% [markdown] tags=["dive"]
# ## Something to try
#
# 1. **One vector or more.** Copy the profile, set `vectors_per_token` to 1 and run this chapter again. Expect the
#    row "another person's $[p]$" to shrink: one row of a narrow table cannot hold coat, pattern, bag and hair at once.
# 2. **The released form.** Set `lora_scope: shared`. Expect "code and branch of the other modality" to fall to the
#    value of "a code of the other modality", for there is only one branch; then look in chapter 3 whether infrared is
#    still grey.
#
# ## Further reading
#
# - Dai, Lu, Li: "Diffusion-based Synthetic Data Generation for Visible-Infrared Person Re-Identification", AAAI 2025:
#   DiVE, the paper of this chapter.
# - Ho, Jain, Abbeel: "Denoising Diffusion Probabilistic Models", NeurIPS 2020: the loss of equation 1.
# - Rombach, Blattmann, Lorenz, Esser, Ommer: "High-Resolution Image Synthesis with Latent Diffusion Models", CVPR 2022:
#   Stable Diffusion.
# - Gal et al.: "An Image is Worth One Word: Personalizing Text-to-Image Generation using Textual Inversion", ICLR 2023
#   (online 2022).
# - Hu et al.: "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022 (online 2021).
# - Salimans, Ho: "Progressive Distillation for Fast Sampling of Diffusion Models", ICLR 2022: where $v$ comes from.

# %% [markdown] tags=["others"]
# ## The generator
#
# A generator of this book can do one or both of two things. It can **translate**: take a visible image $x^V$ and show
# it as an infrared camera $I$ would, $\hat x^I = G(x^V, I)$. Or it can **expand**: make new images of a known person
# $p$ under that camera, $\hat x^I = G(p, I)$, however many are asked for. For training a re-identification network both
# come to the same: infrared images of people who have none.

# %% tags=["others"]
fitting.card(run, generator).style.hide()

# %% [markdown] tags=["others"]
# ## What it learns from
#
# No image exists in both lights: nobody was filmed by both kinds of camera at one moment. There are only two heaps of
# images, and for the people of the target set the knowledge of who is on them. The external people have no infrared
# images at all, and people of the test are in neither heap (the library refuses them). Whether the photographs of the
# external people are in the visible heap, or are met only when they are to be turned, the setting `fit_on` says.

# %% tags=["others"]
fitting.learned_from(run, generator).style.hide()

# %% [markdown] tags=["others"]
# ## Settings, and where they come from
#
# `default` is what stands in the paper, or in its authors' code where the paper is silent, as the text above the table
# says; `here` is what this run used, in bold where it differs. The miniature world needs smaller networks and shorter
# trainings: its images have 64 × 32 pixels.

# %% tags=["others"]
print(fitting.settings_source(generator))
fitting.shown_settings(run, generator)

# %% [markdown] tags=["others"]
# ## Fitting
#
# Every term of the loss at every recorded step. A generator without training has none.

# %% tags=["others"]
fitting.losses(run, generator)

# %% tags=["others"]
fitting.cost(run, generator).style.hide()

# %% [markdown] tags=["others"]
# **What to notice.** Terms that compare images (reconstruction, cycle, identity) or measure a likelihood should fall
# and level out. Terms of *adversaries* need not: generator and judge learn against each other, so when one falls the
# other tends to rise, and a balance looks flat. With least squares an undecided judge, who answers one half to
# everything, has a loss of 0.25. A judge whose loss goes to 0 has won and teaches nothing more; one that stays at 0.25
# from the start has learned nothing either. No curve says whether the person survives: that needs pictures, and
# chapter 3.
#
# ## Before and after
#
# People of the target set first: photographs, what the generator makes of them under each infrared camera, and *other*
# real infrared images of the same people at the end of the row.

# %% tags=["others"]
shown = fitting.before_and_after(run, generator, people=prompts_shown)
print(fitting.what_changed(run, generator, shown))
plots.image_grid(**vars(shown), title="People whom it knows in both lights")

# %% [markdown] tags=["others"]
# Now people of whom no infrared image exists. In the miniature world the last column shows what nobody else could know:
# the same person at the same moment, as the infrared camera would have seen it.

# %% tags=["others"]
unseen = fitting.before_and_after(run, generator, people=prompts_shown, external=True)
plots.image_grid(**vars(unseen), title="People whom it knows in visible light only")

# %% [markdown] tags=["others"]
# **What to notice.** Three things have to change, and one must not. Colour has to go: that is the easiest, and any grey
# copy does it. The *place* has to become the infrared camera's, for a network that finds the photograph's background in
# "infrared" images learns places. And garments have to get the brightness of their material: some black coats are white
# in infrared, some prints vanish. What must not change is the person. Compare with the last column garment by garment,
# and look for what the generator guesses in the same way for everybody.
#
# ## The other way round
#
# Many translators learn both directions at once, because each can check the other: there and back again should lead to
# the image one began with. From infrared to colour, information has to be invented.

# %% tags=["others"]
fitting.other_way(run, generator, people=prompts_shown)

# %% [markdown] tags=["others"]
# **What to notice.** Are the colours those of the person, or those that garments of that brightness have on average?
# Whatever the generator paints, it was not in the picture.
#
# ## Something to try
#
# 1. **Stop early.** Copy the profile, set `steps` below `generators` and this generator's name to a tenth, and run the
#    chapter again. Which of the three changes comes first: colour, place or material?
# 2. **The honest reference.** Run `vireid book --only 02 --only 03 -p generator=grayscale`. What must a generator
#    be better at than a grey copy, and what can it hardly be better at?
# 3. **Another one.** `-p generator=NAME` takes every file and package of `vireid_lib/generators`, one of your own too.
