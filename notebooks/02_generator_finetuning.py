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
# # 2 · Teaching a text-to-image model who and where
#
# **The question.** A model that draws pictures from text knows neither your people nor your cameras, and hardly any
# near infrared. How does DiVE teach it both, *separately*, so that it can then draw a person who was never filmed in
# infrared as an infrared camera would see them?
#
# **This chapter** reads the images of [chapter 1](01_datasets.py) (training identities of the target set in both
# modalities, identities of the external set in visible images only). It fine-tunes a text-to-image model twice: by
# hand, on a few images and in seconds, and then with the library, on all of them, which makes the fitted generator of
# chapters 3 to 6 and costs, on the miniature world, a few minutes on two CPU cores the first time. In the paper that is
# the expensive step: 400,000 steps with Stable Diffusion 1.5.
#
# **You will learn**
#
# - how a latent diffusion model is trained and how it draws;
# - to write textual inversion, a LoRA layer and DiVE's training step yourself;
# - to measure which part of a prompt a fine-tuned model listens to.
#
# **You need** [chapter 1](01_datasets.py), and to know what a neural network and its loss are. Nothing about diffusion.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
prompts_shown = 6  # 1 or more: captions that the base model draws
steps = 40  # length of the training by hand

# %%
import copy
import textwrap
import warnings
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
import transformers
from peft import LoraConfig
from torch.nn import functional

from vireid_lib import experiment, viz
from vireid_lib.data.images import to_float
from vireid_lib.generators.dive import finetune, prompts
from vireid_lib.generators.dive.base_model import load_base
from vireid_lib.generators.dive.config import DiveConfig
from vireid_lib.generators.dive.lora import BranchedLayer, Selector
from vireid_lib.generators.dive.model import DiveModel, Predictor
from vireid_lib.generators.dive.noise_schedule import sampler
from vireid_lib.generators.dive.tokens import TokenRows
from vireid_lib.viz import widgets
from vireid_lib.viz.images import pixels, short

transformers.logging.set_verbosity_error()
viz.notebook_style()
run = experiment.open(profile, workspace, data_root)
run

# %% [markdown]
# ## Text-to-image diffusion in one page
#
# A **[latent diffusion](glossary.md#latent-diffusion) model** such as Stable Diffusion has three parts.
#
# - An **autoencoder** turns an image into a small stack of maps, the latent $z$, and back. Everything else happens
#   on latents, which are several times smaller in each direction than the image.
# - A **text encoder** $\Gamma$ (from CLIP) turns a prompt $Q$ into a sequence of vectors $\Gamma(Q)$, one per token.
# - A **U-Net** $\epsilon_\theta$ gets a noisy latent and $\Gamma(Q)$ and predicts which part of the latent is noise.
#
# A training step takes the latent of an image, adds noise of a random strength, and asks the U-Net for that noise. With
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
# To *draw*, start from noise alone and take the predicted noise out in a few dozen small steps; the text steers each
# step. (Some models predict $v = \alpha_t \epsilon - \sigma_t z$ instead of $\epsilon$, from which either follows when
# $z_t$ is known. The miniature model does; Stable Diffusion 1.5 predicts $\epsilon$.)
#
# We take the base model apart, and a few of the run's own images: two identities of the target set, one of the external
# set, two images from each camera.

# %% tags=["by-hand"]
config = run.generator_config("dive")
base = load_base(config.base_model)  # frozen, as it came
for part in (base.text, base.unet, base.vae):
    part.to(run.device)

data, known = run.data(), run.fitted_rows("dive")
identities = [*data.train_rows()["identity"].unique()[:2], data.external["identity"].min()]
few = (
    known[known["identity"].isin(identities)].groupby(["identity", "camera", "modality"]).head(2).reset_index(drop=True)
)


@torch.no_grad()
def encode(images):  # 0..1 [n, 3, height, width] → latents
    return base.vae.encode(images * 2 - 1).latent_dist.mean * base.vae.config.scaling_factor


@torch.no_grad()
def decode(latents):
    images = base.vae.decode(latents / base.vae.config.scaling_factor).sample / 2 + 0.5
    return images.clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()


images = to_float(pixels(few, (config.height, config.width)), run.device)
z = encode(images)
print(f"{len(few)} images of {tuple(images.shape[1:])}, latents of {tuple(z.shape[1:])}")

# %% [markdown]
# The schedule is a list of small variances $\beta_t$, one for each time; $\alpha_t^2 = \prod_{s \le t} (1 - \beta_s)$
# is what they leave of the signal after $t$ steps. Stable Diffusion lets the square root of $\beta_t$ grow evenly.

# %% tags=["by-hand"]
ends = base.schedule.config
beta = torch.linspace(ends.beta_start**0.5, ends.beta_end**0.5, ends.num_train_timesteps) ** 2
alpha = (1 - beta).cumprod(0).sqrt().to(run.device)
sigma = (1 - alpha**2).sqrt()


def at(factor, t):  # the factor of each image's own time, to be multiplied with its latent
    return factor[t].view(-1, 1, 1, 1)


def noised(z, epsilon, t):
    return at(alpha, t) * z + at(sigma, t) * epsilon


def target(z, epsilon, t):  # what the network must say: the noise, or v
    return epsilon if base.prediction == "epsilon" else at(alpha, t) * epsilon - at(sigma, t) * z


torch.manual_seed(0)
epsilon = torch.randn_like(z)
t = torch.randint(len(alpha), (len(z),)).to(run.device)
z_t = noised(z, epsilon, t)

# %% [markdown]
# This is all that happens to a latent before the network sees it. The library's `diffuse` gives the same for the same
# latents, noise and times (to float32's rounding; a comparison below that names no tolerance uses it too):

# %% tags=["by-hand"]
alphas = base.schedule.alphas_cumprod.to(run.device)  # the library holds the squares
torch.testing.assert_close(alpha**2, alphas)
library = finetune.diffuse(z, epsilon, alphas[t], base.prediction)
torch.testing.assert_close((z_t, target(z, epsilon, t)), library)

# %% [markdown]
# Here is what the noise does to one person, seen in each modality, at six times of the schedule, decoded back to
# pixels.

# %%
own = few["identity"] == identities[0]
pair = [int(few.index[own & (few["modality"] == modality)][0]) for modality in ("visible", "infrared")]
times = [round(share * (len(alpha) - 1)) for share in (0.05, 0.1, 0.2, 0.35, 0.6, 0.98)]
rows = []
for place in pair:
    each = torch.tensor(times, device=run.device)
    rows.append([*decode(z[[place]]), *decode(noised(z[place], epsilon[[place]], each))])
labels = ["no noise", *(f"t = {time}" for time in times)]
viz.image_grid(rows, row_labels=["visible", "infrared"], column_labels=labels, title="On the way to noise")

# %% [markdown]
# **What to notice.** Different times teach different things. With little noise, texture and edges are missing. In the
# middle, the garment and the pattern are. Near the end almost nothing is left of the image: the network can still say
# how bright the scene is and where the person stands, and must take much of that from the text. Look at the last
# pictures but one of either row: can you still tell the modality?
#
# The prediction can be turned into a guess at the clean latent: $\hat z = (z_t - \sigma_t \hat\epsilon) / \alpha_t$, or
# $\alpha_t z_t - \sigma_t \hat v$. Move the time, and see what the base model makes of the two images when its prompt
# is only "a photo of a person":


# %%
@torch.no_grad()
def one_look(time=0.35):
    """Two noised images, and the base model's guess at what is behind the noise."""
    t = torch.full((2,), round(time * (len(alpha) - 1)), device=run.device)
    said = base.tokenizer(["a photo of a person"] * 2, padding="max_length", return_tensors="pt").input_ids
    z_t = noised(z[pair], epsilon[pair], t)
    predicted = base.unet(z_t, t, base.text(said.to(run.device)).last_hidden_state).sample
    if base.prediction == "epsilon":
        guess = (z_t - at(sigma, t) * predicted) / at(alpha, t)
    else:
        guess = at(alpha, t) * z_t - at(sigma, t) * predicted
    figure, axes = plt.subplot_mosaic([[*"a012"], [*"a345"]], figsize=(7.2, 3.4), width_ratios=[2.6, 1, 1, 1])
    for values, name in ((alpha, r"signal $\alpha_t$"), (sigma, r"noise $\sigma_t$")):
        axes["a"].plot(values.cpu(), label=name)
    axes["a"].axvline(int(t[0]), color="gray", linestyle=":")
    axes["a"].set_xlabel("time t")
    axes["a"].set_title(f"The schedule, and t = {int(t[0])}")
    axes["a"].legend()
    for column, (name, latents) in enumerate({"image": z[pair], "noised": z_t, "one guess": guess}.items()):
        axes[str(column)].set_title(name, loc="center", fontsize=8, fontweight="normal")
        for row, picture in enumerate(decode(latents)):
            axes[str(column + 3 * row)].imshow(picture)
            axes[str(column + 3 * row)].axis("off")
    plt.close(figure)
    return figure


widgets.explore(one_look, time=[0.02, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.98])

# %% [markdown]
# ## What the base model knows
#
# DiVE does not start from nothing: Stable Diffusion has seen hundreds of millions of captioned photographs. The
# miniature world has its own stand-in, a model of the same classes (a real `AutoencoderKL`, `UNet2DConditionModel`,
# `CLIPTextModel`), only smaller, which was trained on captioned drawings of people in *visible* light. Like Stable
# Diffusion, it has never met the people of either data set. Unlike Stable Diffusion, it has provably never seen an
# infrared image.
#
# Below, it draws from text alone, through the usual pipeline of diffusers. In the miniature world the first column
# shows how the renderer draws the person of the caption; the model has not seen that person either.

# %%
captions = [
    "a photo of a woman wearing a red coat, full body, street",
    "a photo of a man wearing a white shirt and black trousers, full body, street",
    "a photo of a person with a blue backpack, full body, seen from behind",
    "an infrared surveillance camera photo of a person, full body",
][:prompts_shown]
columns = {}
if run.miniature:
    from itertools import islice

    from vireid_lib.miniworld.cameras import random_visible_camera, sample_view
    from vireid_lib.miniworld.captions import caption
    from vireid_lib.miniworld.people import people_stream
    from vireid_lib.miniworld.render import render

    strangers, draw = list(islice(people_stream(0, "captions"), prompts_shown)), np.random.default_rng(0)
    captions = [f"a photo of {caption(stranger)}" for stranger in strangers]
    views = [sample_view(draw, random_visible_camera(draw)) for _ in strangers]
    columns["drawn"] = render(strangers, views, height=config.height, width=config.width, modality="visible")

# %%
from diffusers import StableDiffusionPipeline

pipeline = StableDiffusionPipeline(
    vae=base.vae,
    text_encoder=base.text,
    tokenizer=base.tokenizer,
    unet=base.unet,
    scheduler=sampler(base.schedule, config.timestep_spacing),
    safety_checker=None,
    feature_extractor=None,
    requires_safety_checker=False,
)
pipeline.set_progress_bar_config(disable=True)
for number in (1, 2, 3):
    columns[f"sample {number}"] = pipeline(
        captions,
        height=config.height,
        width=config.width,
        num_inference_steps=config.sampling_steps,
        guidance_scale=config.guidance,
        generator=[torch.Generator().manual_seed(100 * number + place) for place in range(len(captions))],
        output_type="np",
    ).images
viz.image_grid(
    list(zip(*columns.values(), strict=True)),
    row_labels=[textwrap.fill(text.removeprefix("a photo of "), 26) for text in captions],
    column_labels=list(columns),
    cell=1.3,
    title="What the base model draws from a caption",
)

# %% [markdown]
# **What to notice.** Compare along a row: what do all samples of one caption share, and what changes? Pose, framing and
# background are free, for the caption does not mention them. Colours and kinds of garment should follow the text. A
# small model fails first at small things (patterns, bags, hats). DiVE cannot draw what the base model cannot draw: it
# adds identities and cameras, not the skill of drawing.
#
# Can its autoencoder at least *represent* infrared? We send our few real images through encoder and decoder and measure
# the peak signal-to-noise ratio, $\text{PSNR} = 10 \log_{10}(1 / \text{mean squared error})$ for pixels from 0 to 1:
# around 20 dB a picture is blurred but readable; above 30 dB the difference takes a close look.

# %%
before, after = images.permute(0, 2, 3, 1).cpu().numpy(), decode(z)
psnr = pd.Series(-10 * np.log10(((before - after) ** 2).mean((1, 2, 3))), name="PSNR (dB)")
shown = few.groupby("modality", sort=False).head(4).index
viz.image_grid(
    [before[shown], after[shown]],
    row_labels=["image", "after encoder\nand decoder"],
    column_labels=few.loc[shown, "modality"].tolist(),
    title="Through the autoencoder and back: what no generator can do better than",
)

# %%
psnr.groupby(few["modality"], sort=False).agg(["mean", "std", "size"]).style.format(precision=1)

# %% [markdown]
# **What to notice.** These numbers are a ceiling: a generated image can't be sharper than what the decoder draws. Is
# infrared clearly worse than visible? No fine-tuning of the U-Net can mend that, because DiVE leaves the autoencoder as
# it is.
#
# ## Who: a word for each person
#
# The text encoder begins with a table: a row of numbers (an *embedding*) for each token of its vocabulary.
# **[Textual inversion](glossary.md#textual-inversion)** (Gal et al. 2022) adds a row for a new word $[p]$, and searches
# for the numbers that make the frozen model draw a given subject when the word is used. DiVE (section "Unified Mapping
# Function") adds one such word for each identity $p$ of **both** sets, $p \in \mathcal P_{VI} \cup \mathcal P_{Ext}$,
# and uses it for all images of that person, in either modality. An image $x_n^k$ of person $p$ in modality $k$ is
# mapped to two pieces of text,
#
# $$ \mathcal F: x_n^k \rightarrow ([p], [k]) , \tag{3} $$
#
# and for a person of the target set, seen in both modalities, visible and infrared images share the word for the
# person and differ in the other,
#
# $$ \mathcal F: (x_i^V, x_j^I) \rightarrow ([p^{VI}], [V], [I]) . \tag{4} $$
#
# This sharing is the whole trick. Because $[p^{VI}]$ must explain the person in either modality, whatever differs
# between the two has to go into $[k]$. Then the word $[p^E]$ of an external person, learned from visible images alone,
# can be combined with $[I]$, and the model draws what nobody has photographed:
#
# $$ x^S = G\big(\mathcal T([p^E], [I])\big) . \tag{5} $$
#
# By hand, a new word is a new token of the tokenizer and a row below the table. The table itself is no parameter, so no
# optimiser changes it. (The paper gives each person one row; a profile may give several, written as several tokens,
# because the miniature text encoder is so narrow.) Each row starts as the word "person" here; a profile may choose
# another start.

# %% tags=["by-hand"]
tokenizer, vectors = copy.deepcopy(base.tokenizer), config.vectors_per_token
words = {}  # identity → its tokens: "<p0>", "<p0>_1", …
for number, identity in enumerate(sorted(identities)):
    words[identity] = [f"<p{number}>", *(f"<p{number}>_{vector}" for vector in range(1, vectors))]
    tokenizer.add_tokens(words[identity])


class NewRows(torch.nn.Module):  # takes the place of the text encoder's embedding
    def __init__(self, table, rows):
        super().__init__()
        self.table = table.detach()
        self.rows = torch.nn.Parameter(rows.clone())

    def forward(self, ids):
        return torch.cat([self.table, self.rows])[ids]


table = base.text.get_input_embeddings().weight
person = table[base.tokenizer("person", add_special_tokens=False).input_ids[0]]
new = NewRows(table, person.repeat(len(tokenizer) - len(table), 1))

# %% [markdown]
# The library looks up old and new rows separately, so as not to copy a table of 49,408 words (Stable Diffusion's) at
# each step for the sake of a few rows. Rows and gradients are the same to the last bit:

# %% tags=["by-hand"]
library = TokenRows(base.text.get_input_embeddings(), new.rows.detach())
ids = torch.tensor([[0, len(table), 5, len(table) + 1], [len(table) + 1, 7, 3, len(tokenizer) - 1]], device=run.device)
assert torch.equal(new(ids), library(ids))
for embedding in (new, library):
    embedding(ids).sum().backward()
assert torch.equal(new.rows.grad, library.rows.grad)
print(f"trained: {new.rows.numel():,} numbers; the table's {table.numel():,} have no gradient: {table.grad}")

# %% [markdown]
# ## Where: a code and a branch for each camera
#
# For $[k]$ DiVE learns no new word. It takes a *fixed* string that means nothing, such as `b8zBXKoH`, and puts the look
# of the modality into the weights of the U-Net. "All images sharing the same modality are assigned the same $[k]$
# placeholder", which "activates the corresponding LoRA branch". Since cameras of one modality differ too (viewpoint,
# illumination, background), the paper refines $[V]$ and $[I]$ to a code per camera: $[V_1], \dots, [V_m]$,
# $[I_1], \dots, [I_n]$. The external set counts as one more camera.
#
# Why strings without meaning, and why do no two codes share a character? A code is cut into tokens, and each token is a
# row of the table that the base model already understands. A meaningful word would bring its meaning along; a piece
# shared by two codes would be the same row in both, and tie the two cameras together. The table shows the cut: look at
# the column of shared tokens. (CLIP's tokenizer folds case, and then only 36 letters and digits differ: codes that are
# longer than that together must repeat some pieces.)

# %%
vocabulary = replace(prompts.build(known, config), identities=sorted(identities))  # the run's codes, our identities
cut = {view: tokenizer.tokenize(code) for view, code in vocabulary.views.items()}
rows = []
for view, code in vocabulary.views.items():
    shared = [other for other in cut if other != view and set(cut[other]) & set(cut[view])]
    rows.append(
        {
            "stands for": view,
            "code [k]": code,
            "tokens": " · ".join(token.removesuffix("</w>") for token in cut[view]),
            "shares a token with": ", ".join(shared) or "none",
            "LoRA branch": vocabulary.branch_of_view[view],
        }
    )
pd.DataFrame(rows).style.hide()

# %% [markdown]
# Both go into one prompt, $\mathcal T([p],[k])$ = "a [k] photo of [p] person", which becomes a list of numbers, one for
# each token, padded to the text encoder's full length:

# %% tags=["by-hand"]
cameras = prompts.camera_keys(few, vocabulary)
said = [
    f"a {vocabulary.code(camera)} photo of {' '.join(words[identity])} person"
    for identity, camera in zip(few["identity"], cameras, strict=True)
]
ids = tokenizer(said, padding="max_length", return_tensors="pt").input_ids.to(run.device)

# %%
last = len(few) - 1
code, word = vocabulary.code(cameras[last]), words[few["identity"][last]]
pieces = {"a": "a", "[k]": code, "photo of": "photo of", "[p]": " ".join(word), "person": "person"}
rows = []
for piece, text in pieces.items():
    tokens = tokenizer.tokenize(text)
    numbers = tokenizer.convert_tokens_to_ids(tokens)
    trained = sum(number >= len(table) for number in numbers)
    shown = textwrap.shorten(" ".join(map(str, numbers)), 34, placeholder=" …")
    rows.append({"piece": piece, "text": textwrap.shorten(text, 30, placeholder=" …"), "token ids": shown})
    rows[-1] |= {"tokens": len(tokens), "of these trained": trained}
pd.DataFrame(rows).style.format(escape="html").hide()

# %% [markdown]
# The library names its tokens differently (such as `<mini-vi-0001>`), so its prompts read differently; the numbers that
# reach the text encoder are the same.

# %% tags=["by-hand"]
library = DiveModel(load_base(config.base_model), vocabulary, config)
assert torch.equal(ids.cpu(), library.tokenize(library.prompts(few["identity"], cameras)))
print(textwrap.shorten(said[last], 90, placeholder=" …"))
print(textwrap.shorten(library.prompts(few["identity"], cameras)[last], 90, placeholder=" …"))

# %% [markdown]
# ## LoRA: a small correction to each weight
#
# The U-Net's attention layers multiply by matrices $W$. **[LoRA](glossary.md#low-rank-adaptation)** (Hu et al. 2021)
# leaves $W$ as it is and adds a product of two thin matrices: $y = W x + B_k A_k x$ with
# $A_k \in \mathbb R^{r \times d}$, $B_k \in \mathbb R^{d' \times r}$ and a small rank $r$ (128 in the paper). $B_k$
# starts at zero, so that training starts from the base model itself. A branch has $r\,(d + d')$ numbers where $W$ has
# $d\,d'$.
#
# Paper and release differ in the index $k$. The paper's text gives **each code its own branch** $B_k A_k$; the authors'
# released code trains **one branch for all codes**, so that only the text can tell the cameras apart. This book follows
# the text (`lora_scope: per_modality`) and has the release as `shared`. On a small text encoder it matters: a network
# easily ignores a code that means nothing, and then draws infrared in colour. (With `visible_branch: modality` the
# visible cameras share one branch, because only infrared images will be generated; the column "LoRA branch" above shows
# which cameras share.)
#
# In code, the branches are one more axis in front of $A$ and $B$. With a number for `k`, all of a batch takes that
# branch; with a list of numbers, each image takes its own.


# %% tags=["by-hand"]
class LoRA(torch.nn.Module):  # y = W x + B_k A_k x, and W is frozen
    def __init__(self, layer, rank, branches=1):
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.A = torch.nn.Parameter(torch.randn(branches, rank, layer.in_features) / layer.in_features**0.5)
        self.B = torch.nn.Parameter(torch.zeros(branches, layer.out_features, rank))
        self.k = 0

    def forward(self, x):
        A, B = self.A[self.k], self.B[self.k]
        return self.layer(x) + x @ A.mT @ B.mT


# %% [markdown]
# Here is one of the base model's layers with three branches, and a batch of six images, each with a branch number of
# its own. The library's layer with the same $A$ and $B$ gives the same output and the same gradients (it writes the
# gradients out instead of leaving them to autograd, and adds in place):

# %% tags=["by-hand"]
layer = copy.deepcopy(base.unet.get_submodule("mid_block.attentions.0.transformer_blocks.0.attn2.to_q")).cpu()
mine, library = LoRA(layer, rank=4, branches=3), BranchedLayer(layer, 3, 4, Selector(), torch.Generator())
torch.nn.init.normal_(mine.B)
with torch.no_grad():
    library.down.copy_(mine.A)
    library.up.copy_(mine.B)
mine.k = library.selector.chosen = torch.tensor([0, 2, 1, 1, 0, 2])
x = torch.randn(6, 16, layer.in_features)
torch.testing.assert_close(mine(x), library(x))
for each in (mine, library):
    each(x).sin().sum().backward()
torch.testing.assert_close(mine.A.grad, library.down.grad, rtol=1e-4, atol=1e-4)
torch.testing.assert_close(mine.B.grad, library.up.grad, rtol=1e-4, atol=1e-4)
print(f"W has {layer.weight.numel():,} numbers, a branch of rank 4 {mine.A[0].numel() + mine.B[0].numel():,}")

# %% [markdown]
# ## Fine-tuning by hand
#
# With both, the loss of fine-tuning is equation 1 with the prompt filled in,
#
# $$ \mathbb E_{z, p, \epsilon, t}\
# \big\lVert\, \epsilon - \epsilon_\theta\big(z_t,\ t,\ \Gamma(\mathcal T([p],[k]))\big)\big\rVert_2^2 , \tag{6} $$
#
# and the only numbers that change are the embeddings of the $[p]$ and the LoRA branches.
#
# | symbol | in the code | what it is |
# |---|---|---|
# | $z$ | `z` | latents of the few images, encoded once |
# | $\epsilon$ | `epsilon` | the noise that is added |
# | $t$ | `t` | a time for each image of the batch |
# | $z_t$ | `noised(z[i], epsilon, t)` | the network's input |
# | $\Gamma(\mathcal T([p],[k]))$ | `states` | each image's own prompt, through the text encoder |
# | $k$ | `branch[i]` | which LoRA branch corrects it |
#
# This is all of it. `mounted` puts rows and LoRA into a fresh copy of the base model; each step of `train` draws
# images, times and noise, and takes one step of AdamW:

# %% tags=["by-hand"]
branch = torch.from_numpy(prompts.branch_indices(few, vocabulary)).to(run.device)


def mounted(rank):
    text, unet = copy.deepcopy(base.text), copy.deepcopy(base.unet)
    text.set_input_embeddings(NewRows(table, new.rows))
    for name, layer in list(unet.named_modules()):
        if "attentions." in name and name.endswith(("to_q", "to_k", "to_v", "to_out.0")):
            unet.set_submodule(name, LoRA(layer, rank, len(vocabulary.branches)))
    return text.to(run.device), unet.to(run.device)


def errors(text, unet, i, t, epsilon):  # equation 6, for each image of the batch
    for layer in unet.modules():
        if isinstance(layer, LoRA):
            layer.k = branch[i]
    states = text(ids[i]).last_hidden_state
    predicted = unet(noised(z[i], epsilon, t), t, states).sample
    return (target(z[i], epsilon, t) - predicted).square().mean((1, 2, 3))


def train(rank):
    torch.manual_seed(0)
    text, unet = mounted(rank)
    lora, rows = ([each for each in part.parameters() if each.requires_grad] for part in (unet, text))
    groups = [{"params": lora, "lr": config.learning_rate}, {"params": rows, "lr": config.token_rate}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.99), weight_decay=0)
    history, fixed = [], [errors_on_fixed(text, unet)]
    for step in range(steps):
        i = torch.randint(len(z), (8,)).to(run.device)
        t = torch.randint(len(alpha), (8,)).to(run.device)
        epsilon = torch.randn(z[i].shape).to(run.device)
        loss = errors(text, unet, i, t, epsilon).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*lora, *rows], config.gradient_clip)
        optimizer.step()
        history.append(loss.item())
        if (step + 1) % 5 == 0:
            fixed.append(errors_on_fixed(text, unet))
    return text, unet, history, fixed


# %% [markdown]
# The loss of a step depends on the times that it happened to draw. To see the learning, we evaluate the same draw every
# five steps: each of the few images with one fixed time and one fixed noise.

# %% tags=["by-hand"]
everyone = torch.arange(len(z), device=run.device)
fixed_times = torch.linspace(0, len(alpha) - 1, len(z)).long()[torch.randperm(len(z))].to(run.device)


@torch.no_grad()
def errors_on_fixed(text, unet):
    return errors(text, unet, everyone, fixed_times, epsilon).cpu()


rank = 8
trained = train(rank)
curves = {rank: trained[2:]}


# %%
def learned(rank=rank):
    """The curve of a rank, beside those of the ranks that were tried before; a new one is trained first."""
    if rank not in curves:
        curves[rank] = train(rank)[2:]
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.2), width_ratios=[1.2, 1])
    for tried, (_, fixed) in curves.items():
        style = {"color": "C0", "label": f"rank {tried}, the same draw"} if tried == rank else {"color": "silver"}
        left.plot(np.arange(len(fixed)) * 5, [each.mean() for each in fixed], **style)
        left.annotate(f" {tried}", (5 * len(fixed) - 5, fixed[-1].mean()), va="center", fontsize=7, color="gray")
    history, fixed = curves[rank]
    left.plot(np.arange(steps) + 1, history, ".", color="C1", alpha=0.6, label="each step's own draw")
    left.set_xlabel("step")
    left.set_title(f"Loss of equation 6, LoRA of rank {rank}")
    left.legend()
    right.plot(fixed_times.cpu(), fixed[0], "o", fillstyle="none", color="gray", label="base model")
    right.plot(fixed_times.cpu(), fixed[-1], "o", color="C0", markersize=4, label=f"after {steps} steps")
    right.set_xlabel("time t")
    right.set_title("The same draw: each image at its time")
    right.legend()
    plt.close(figure)
    return figure


widgets.explore(learned, rank=sorted({1, 2, 4, 8, 16, 32, rank}))

# %% [markdown]
# **What to notice.** Single steps jump, because each draws its own images and times, and the time decides most of a
# loss: on the right, compare how far the dots scatter with how far apart the two kinds are. The line keeps its draw and
# shows what is learned. At which times? Then move the rank, or change it in the cell above: a larger rank has more
# numbers to learn with. What are they worth in the first few steps?
#
# Now the library makes the same step, with a DiVE of that rank on a second copy of the base model. We give it our rows,
# $A$ and $B$ as they are after training, and both sides the same latents, times, noise and prompts. Loss and gradients
# agree to rounding (the library sums in another order):

# %% tags=["by-hand"]
text, unet, *_ = trained
lora = {name: layer for name, layer in unet.named_modules() if isinstance(layer, LoRA)}
settings = config.model_copy(update={"lora_rank": rank, "lora_targets": "attention"})
library = DiveModel(load_base(config.base_model), vocabulary, settings).to(run.device)
with torch.no_grad():
    library.rows.rows.copy_(text.get_input_embeddings().rows)
    for name, layer in library.branches.layers.items():
        layer.down.copy_(lora[name].A)
        layer.up.copy_(lora[name].B)

i, t = torch.randint(len(z), (8,)).to(run.device), torch.randint(len(alpha), (8,)).to(run.device)
loss = errors(text, unet, i, t, epsilon[i]).mean()
batch = (z[i], epsilon[i], t, ids[i], branch[i])
theirs = finetune.denoising_loss(Predictor(library), alphas, base.prediction, *batch)
torch.testing.assert_close(loss, theirs, rtol=1e-4, atol=1e-5)

for part in (text, unet):
    part.zero_grad()
loss.backward()
theirs.backward()
torch.testing.assert_close(text.get_input_embeddings().rows.grad, library.rows.rows.grad, rtol=1e-3, atol=1e-5)
for name, layer in library.branches.layers.items():
    torch.testing.assert_close(lora[name].A.grad, layer.down.grad, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(lora[name].B.grad, layer.up.grad, rtol=1e-3, atol=1e-5)
print(
    f"loss by hand {loss.item():.6f}, the library's {theirs.item():.6f}; {len(lora)} LoRA layers with equal gradients"
)

# %% [markdown]
# The library's `fit` adds: half of the images mirrored (latents of both are encoded once and kept; the released code
# encodes them anew at each step, which only costs time), the noise of the encoder's own posterior on each latent,
# groups drawn evenly where the profile says so, a learning rate that may fall, checkpoints from which an interrupted
# training resumes, bfloat16 and several GPUs.
#
# ### In the ecosystem's own words
#
# None of this is DiVE's invention, and you will meet it in other words: `resize_token_embeddings` of transformers,
# `add_adapter` with a `LoraConfig` of peft, `add_noise` and `get_velocity` of diffusers' schedulers. One thing does
# not fit. In training, peft applies *one* adapter to all images of a batch, so a branch for each code becomes an
# adapter for each code, and the U-Net has to go through the batch branch by branch:

# %% tags=["by-hand"]
warnings.filterwarnings("ignore", "Already found a `peft_config`")  # several adapters are meant
encoder, peft_unet = copy.deepcopy(base.text), copy.deepcopy(base.unet)
encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
encoder.get_input_embeddings().weight.data[len(table) :] = text.get_input_embeddings().rows.data
adapter = LoraConfig(r=rank, lora_alpha=rank, target_modules=["to_q", "to_k", "to_v", "to_out.0"])
for k, name in enumerate(vocabulary.branches):
    peft_unet.add_adapter(adapter, adapter_name=name)
    for place, layer in lora.items():
        theirs = peft_unet.get_submodule(place)
        theirs.lora_A[name].weight.data = layer.A[k].data
        theirs.lora_B[name].weight.data = layer.B[k].data

z_t = base.schedule.add_noise(z[i], epsilon[i], t)
goal = epsilon[i] if base.prediction == "epsilon" else base.schedule.get_velocity(z[i], epsilon[i], t)
predicted = torch.empty_like(goal)
with torch.no_grad():
    states = encoder(ids[i]).last_hidden_state
    for k in branch[i].unique():
        own = branch[i] == k
        peft_unet.set_adapter(vocabulary.branches[k])
        predicted[own] = peft_unet(z_t[own], t[own], states[own]).sample
peft_loss = functional.mse_loss(predicted, goal)
torch.testing.assert_close(peft_loss, loss.detach(), rtol=1e-4, atol=1e-5)
print(f"peft's loss {peft_loss.item():.6f}, in {len(branch[i].unique())} passes for a batch of {len(i)}")

# %% [markdown]
# **What the library's branches add** is the axis `k`: each image of a batch multiplies with its own $A_k$ and $B_k$, in
# one pass. Branch by branch, a batch of 16 splits into one small batch for each code (seven on SYSU-MM01 with an
# external set), and two or three images at a time leave most of a GPU idle. `tests/benchmarks/bench_dive.py` measures
# what that costs, and `vireid_lib/generators/dive/FULL_SIZE.md` has the ratios, with one LoRA and with a branch for
# each code, on a CPU and on a GPU. What was learned is saved in the ecosystem's form all the same: a file of tokens for
# `load_textual_inversion`, and a file for each branch for `load_lora_weights`.

# %%
del library, encoder, peft_unet  # on a GPU, room for the whole training

# %% [markdown]
# ## Fine-tuning, whole
#
# Now with all images, all identities, and the profile's number of steps.

# %%
fitted = run.fit("dive")
dive = run.generator("dive")

# %%
paper, names = DiveConfig(), ["steps", "batch", "learning_rate", "token_rate", "schedule", "balance"]
names += ["lora_rank", "lora_targets", "branch_norms", "lora_scope", "visible_branch", "vectors_per_token"]
cost = {side: {name: getattr(own, name) for name in names} for side, own in (("here", config), ("paper", paper))}
cost = pd.DataFrame(cost, dtype=object)
cost.loc["images seen"] = [config.steps * config.batch, paper.steps * paper.batch]
cost.loc["minutes"] = [round(fitted.result["wall_seconds"] / 60, 1), "not printed"]
cost

# %%
history = pd.read_json(next(fitted.folder.rglob("history.jsonl")), lines=True)
plt.plot(history["step"], history["total"], ".", color="C1", alpha=0.5, markersize=3, label="mean of ten steps")
smooth = history["total"].rolling(max(1, len(history) // 20), min_periods=1, center=True).mean()
plt.plot(history["step"], smooth, color="C0", label="running mean")
plt.xlabel("step")
plt.title("The whole fine-tuning: loss of equation 6")
plt.legend()
plt.show()

# %% [markdown]
# **What to notice.** How far does the loss fall, and when? The number itself says little: most of it is set by the
# random times, as the scatter above shows (nearly all noise is hard to predict in one way, nearly none in another), and
# it does not tell how much of the rest is the person, the camera, or merely the style of the data.
#
# How many numbers were trained, and how far do the branches move the weights that they correct? `BA against W` compares
# the root of the summed squares of all $B_k A_k$ with that of all $W$ that they correct.

# %%
layers, norms = (each.values() for each in (dive.model.branches.layers, dive.model.branches.norms))
parts = {"text encoder": base.text, "U-Net": base.unet, "autoencoder": base.vae}
frozen = {name: sum(each.numel() for each in part.parameters()) for name, part in parts.items()}
weights = sum(layer.base.weight.square().sum() for layer in layers)
rows = {name: {"parameters": count, "trained": "no"} for name, count in frozen.items()}
rows["identity tokens [p]"] = {"parameters": dive.model.rows.rows.numel(), "trained": "yes"}
for k, name in enumerate(dive.model.branches.names):
    count = sum(layer.down[k].numel() + layer.up[k].numel() for layer in layers)
    moved = sum(layer.delta(k).square().sum() for layer in layers) / weights
    moved = 100 * moved.sqrt().item()
    rows[f"LoRA branch {name}"] = {"parameters": count, "trained": "yes", "BA against W (%)": moved}
    if norms:
        rows[f"norms of {name}"] = {"parameters": sum(norm.affine[k].numel() for norm in norms), "trained": "yes"}
sizes = pd.DataFrame.from_dict(rows, orient="index")
sizes["share (%)"] = 100 * sizes["parameters"] / sizes["parameters"].sum()
sizes.style.format({"parameters": "{:,}", "BA against W (%)": "{:.1f}", "share (%)": "{:.2f}"}, na_rep="–")

# %% [markdown]
# ## Is the prompt worth anything?
#
# The curve does not say what the model listens to, so we test it directly. Take real training images, fix the noise and
# the times, and denoise them under the right prompt and under wrong ones. If the word $[p]$ carries the person, the
# loss must rise when another person's word replaces it. If the code's *text* carries the modality, the loss must rise
# when a code of the other modality replaces it (with the branch left as it is). If the *branch* carries it, the loss
# must rise further when the branch is exchanged too.

# %%
from vireid_lib.analysis.prompts import PROMPT_VARIANTS, prompt_verdict
from vireid_lib.experiment import prompt_measures

worth = prompt_measures.prompt_worth(run)
effect = prompt_verdict(worth)
effect.style.format({"loss": "{:.4f}", "rise (%)": "{:+.2f}", "standard error": "{:.2f}"}).hide()

# %%
wrong = effect[effect["prompt"] != PROMPT_VARIANTS["right"]]
viz.differences(
    wrong["prompt"].tolist(),
    wrong["rise (%)"],
    1.96 * wrong["standard error"],
    groups=wrong["modality"].tolist(),
    axis="rise of the loss (%), with 95 % interval over images",
    title="What a wrong prompt costs",
)

# %% [markdown]
# **What to notice.** The rows rank the parts of the method. "Another person's $[p]$" is the worth of the identity word:
# if its interval touches zero, the generator draws *somebody* and not *this* person, and
# [chapter 3](03_synthetic_galleries.py) will show it. Compare "a code of the other modality, own branch" with "code and
# branch": the gap between the two is what the branch does beyond the text. The base model's row says how far
# fine-tuning has come altogether. These images were trained on, so the numbers say what was learned, not how well it
# transfers to new images of the same people.

# %%
means = worth.groupby("time")[list(PROMPT_VARIANTS)].mean()
plt.figure(figsize=(5.4, 4.2))
for name, says in PROMPT_VARIANTS.items():
    if name != "right":
        plt.plot(means.index, 100 * (means[name] / means["right"] - 1), "o-", markersize=4, label=says)
plt.xlabel("time (share of the schedule)")
plt.ylabel("rise of the loss (%)")
plt.title("When in the denoising the prompt matters")
plt.legend(loc="upper left", bbox_to_anchor=(0, -0.2))
plt.show()

# %% [markdown]
# **What to notice.** At which times does the prediction need the person, and at which the modality? Where noise covers
# nearly all of the image, only the text can say what belongs there; where little noise is left, the image itself says
# it.
#
# ## What was learned for each person
#
# Each token starts from a common value (`token_init`: the row of the word "person" or, as in the released form, the row
# of one rare token), or from the words of a caption that is read from the person's photographs (`token_init: caption`,
# an extra), and moves from there; `token_distance` is the weight of a term that holds it near. Why near? The branches
# learn infrared from the training people's rows, and must understand the external people's: the more all rows stay
# words, the more alike the two kinds are. `norm` and `moved` are in units of a typical word's length. `nearest word` is
# the word of the vocabulary that points most in the same direction: textual inversion finds numbers, not words, and the
# nearest word need not describe the person.

# %%
bank = dive.model.tokens
spelling = pd.Series({number: token for token, number in base.tokenizer.get_vocab().items()})
whole = spelling[spelling.str.fullmatch("[a-z]{3,}</w>")].str.removesuffix("</w>")  # words, no pieces of words
start = bank.initial(base.text, config, dive.captions)
rows = dive.model.rows.rows.detach()
typical = table.norm(dim=1).mean()
cosines = functional.normalize(rows, dim=1) @ functional.normalize(table[whole.index.tolist()], dim=1).T


def of_each(values):  # an identity's vectors taken together
    return values.cpu().unflatten(0, (-1, vectors))


closest = of_each(cosines).amax(1).max(1)
learned_words = pd.DataFrame(
    {
        "identity": bank.identities,
        "data set": [name.split("/")[0] for name in bank.identities],
        "norm": of_each(rows.norm(dim=1) / typical).mean(1),
        "moved": of_each((rows - start).norm(dim=1) / typical).mean(1),
        "nearest word": whole.iloc[closest.indices.tolist()].tolist(),
        "similarity": closest.values,
    }
)
learned_words.groupby("data set").head(5).style.format(precision=2).hide()

# %%
from vireid_lib.analysis.embedding_spread import tsne

points = tsne(of_each(rows).flatten(1))
for dataset, own in learned_words.groupby("data set"):
    plt.plot(*points[own.index].T, "o", markersize=4, label=dataset)
    for place in own.index[:60]:
        name = short(bank.identities[place])
        plt.annotate(name, points[place], xytext=(3, 3), textcoords="offset points", fontsize=6, color="gray")
plt.gca().set(xticks=[], yticks=[], title="The identity tokens in the plane (t-SNE)")
plt.legend(loc="upper left", bbox_to_anchor=(0, 0), ncols=2)
plt.show()

# %% [markdown]
# **What to notice.** (Neighbours mean something in this plane, distances between groups do not.) Do the two data sets
# mix? The words of the external identities are learned from one camera's visible images, those of the target identities
# from several cameras in both modalities. If the two clouds separate, the words carry something of the data set (a
# background, say) that should have gone into $[k]$, and the transfer of equation 5 starts from words of a kind that was
# never trained with an infrared code.
#
# ## What stayed as it was
#
# The released code trains the whole embedding table and writes the old rows back after every step. Here no optimiser
# has the old rows among its parameters. This can be checked: compare each tensor of the base model, which we have kept
# as it came, bit for bit with the one that the fitted generator runs on.

# %%
rows = {"embedding table": {"tensors": 1, "changed": int(not torch.equal(table, dive.model.rows.table))}}
for name, part in {"text encoder, the rest": "text", "U-Net": "unet", "autoencoder": "vae"}.items():
    now = dict(getattr(dive.model.base, part).named_parameters())
    now = {place.replace(".base.", "."): tensor for place, tensor in now.items()}  # a corrected layer holds its W there
    same = [
        torch.equal(tensor, now[place])
        for place, tensor in getattr(base, part).named_parameters()
        if "token_embedding" not in place
    ]
    rows[name] = {"tensors": len(same), "changed": len(same) - sum(same)}
kept = pd.DataFrame.from_dict(rows, orient="index")
assert not kept["changed"].any(), "a frozen part of the base model has changed"
kept

# %% [markdown]
# ## Exercises
#
# Close the chapter's by-hand cells first, and write from memory.
#
# **1.** Write a LoRA layer for `torch.nn.Linear`: `Mine(layer, rank)`, one branch. Then run `check_lora(Mine)`, which
# says what is missing. And: from which rank on has a branch more numbers than $W$ itself? Work it out for
# $d = d' = 320$, Stable Diffusion 1.5's first attention layers, and compare with the paper's $r = 128$.


# %%
def check_lora(layer_class):
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(6, 5), torch.randn(3, 7, 6)
    mine = layer_class(layer, 2)
    assert torch.equal(mine(x), layer(x)), "untrained, it must equal the layer: which of the two factors starts at 0?"
    factors = [each for each in mine.parameters() if each.requires_grad]
    assert sorted(each.numel() for each in factors) == [10, 12], "two factors are trained, and nothing else"
    mine(x).sum().backward()
    assert any(each.grad.any() for each in factors), "no factor has a gradient: if both start at 0, none ever will"
    down, up = sorted(factors, key=torch.numel, reverse=True)
    torch.nn.init.normal_(up)
    correction = up.view(5, 2) @ down.view(2, 6)
    torch.testing.assert_close(mine(x), functional.linear(x, layer.weight + correction, layer.bias))
    return True


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 1.
# The frozen layer, two factors, a sum. B is zero at first, so that the layer begins as it was; A must not be zero as
# well, for then neither factor would ever get a gradient. A branch has r (d + d') numbers, which pass d d' at
# r = d d' / (d + d'): 160 for 320 inputs and outputs. The paper's 128 give 81,920 of 102,400: far from thin there.
class Mine(torch.nn.Module):
    def __init__(self, layer, rank):
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.A = torch.nn.Parameter(torch.randn(rank, layer.in_features) / rank)
        self.B = torch.nn.Parameter(torch.zeros(layer.out_features, rank))

    def forward(self, x):
        return self.layer(x) + x @ self.A.T @ self.B.T


assert check_lora(Mine)
thin = Mine(torch.nn.Linear(320, 320, bias=False), rank=128)
assert thin.A.numel() + thin.B.numel() == 81_920 and 160 * (320 + 320) == 320 * 320
print(f"rank 128: {thin.A.numel() + thin.B.numel():,} numbers, W: {thin.layer.weight.numel():,}")

# %% [markdown]
# **2.** Write one training step: `my_step(text, unet, optimizer, z, epsilon, t, ids)` noises the latents, encodes the
# prompts, predicts, takes the loss of equation 6, makes one step of the optimiser and returns the loss. You may use
# `alpha`, `sigma` and `base.prediction`. Then run `check_step(my_step)`, which compares with `errors` and looks at what
# has moved.


# %%
def check_step(step):
    torch.manual_seed(1)
    text, unet = mounted(rank=2)
    learned = [each for part in (text, unet) for each in part.parameters() if each.requires_grad]
    optimizer = torch.optim.SGD(learned, lr=0.1)
    i, t = torch.arange(4, device=run.device), torch.randint(len(alpha), (4,)).to(run.device)
    for number in ("first", "second"):
        expected = errors(text, unet, i, t, epsilon[i]).mean()  # which also tells each layer its branches
        gradients = torch.autograd.grad(expected, learned)
        aims = [each.detach() - 0.1 * gradient for each, gradient in zip(learned, gradients, strict=True)]
        loss = step(text, unet, optimizer, z[i], epsilon[i], t, ids[i])
        assert abs((loss - expected).item()) < 1e-4, f"the {number} loss is {loss:.4f}, not {expected:.4f}"
        for each, aim in zip(learned, aims, strict=True):
            assert torch.allclose(each, aim, rtol=1e-3, atol=1e-5), (
                f"the {number} step led elsewhere: were the gradients computed, taken once, and cleared?"
            )
    return True


# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 2.
# Noise, text, prediction, loss, gradients, step: the order in which they stand here. Whoever forgets to clear the
# gradients passes the first step and fails the second, which would use both batches' gradients.
def my_step(text, unet, optimizer, z, epsilon, t, ids):
    signal, noise = alpha[t].view(-1, 1, 1, 1), sigma[t].view(-1, 1, 1, 1)
    states = text(ids).last_hidden_state
    predicted = unet(signal * z + noise * epsilon, t, states).sample
    goal = epsilon if base.prediction == "epsilon" else signal * epsilon - noise * z
    loss = functional.mse_loss(predicted, goal)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def forgetful(text, unet, optimizer, *batch):
    optimizer.zero_grad = lambda: None
    return my_step(text, unet, optimizer, *batch)


assert check_step(my_step)
print("2 steps of `my_step` agree with the loop above")
try:
    check_step(forgetful)
except AssertionError as error:
    print(f"without clearing: {error}")

# %% [markdown]
# ## Something to try
#
# 1. **A longer training by hand.** `vireid book --only 02 -p steps=200`. Expect the line to fall on: with so few
#    images, a large rank can learn them by heart. (Stable Diffusion's small learning rate needs the longer training to
#    show anything at all.)
# 2. **One vector or more.** Copy the profile, set `vectors_per_token` to 1 and run this chapter again. Expect the row
#    "another person's $[p]$" to shrink: one row of a narrow table has little room for coat, pattern, bag and hair at
#    once.
# 3. **The released form.** Set `lora_scope: shared`. Expect "code and branch of the other modality" to fall to the
#    value of "a code of the other modality", for there is only one branch; then look in
#    [chapter 3](03_synthetic_galleries.py) whether infrared is still grey.
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
