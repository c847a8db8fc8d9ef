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
# # 6 · Attention maps
#
# **The question.** Which part of the picture listens to which word? The paper says of its Figure 6 that the "modality
# token emphasizes global features, including both person and background regions, while the ID token focuses more on the
# person's area". Is that so here?
#
# **This chapter** reads the generator of [chapter 2](02_generator_finetuning.py), draws a few pictures and records all
# cross-attention, and measures it on real training images, where the outline of the person is known. It costs, on the
# miniature world, about a minute on two CPU cores.
#
# **You will learn**
#
# - what an attention map is, how to take it out of a diffusion model in twenty lines, and how small a share of all
#   attention it may show;
# - to turn "looks at the person" into a number that can be wrong;
# - to put a sentence of a paper to a test.
#
# **You need** [chapter 2](02_generator_finetuning.py).

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
people_shown = 3  # identities in each picture
images_measured = 48  # over which attention is averaged

# %%
from contextlib import contextmanager
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.stats
import torch
from torch.nn.functional import adaptive_avg_pool2d

from vireid_lib import experiment, viz
from vireid_lib.analysis.attention import conclusion, findings, record
from vireid_lib.analysis.prompts import ATTENTION_TIMES, positions
from vireid_lib.analysis.subsets import spread
from vireid_lib.data.images import to_float
from vireid_lib.experiment.prompt_measures import concentrations, outlines
from vireid_lib.generators.dive.prompts import camera_keys
from vireid_lib.generators.dive.sample import Request, sample
from vireid_lib.training import seeds
from vireid_lib.viz.images import pixels, short
from vireid_lib.viz.widgets import explore

viz.notebook_style()
run = experiment.open(profile, workspace, data_root)
run

# %% [markdown]
# ## How a picture listens to words
#
# The U-Net works on a grid of places, each with a vector of features. In its
# **[cross-attention](glossary.md#cross-attention)** layers every place asks and the tokens of the prompt answer. Place
# $i$ forms a query $q_i$, token $j$ a key $k_j$ and a value $v_j$ (all by multiplication with learned matrices), and
# place $i$ receives
#
# $$ \sum_j A_{ij}\, v_j , \qquad
# A_{ij} = \frac{\exp\big(q_i^\top k_j / \sqrt d\,\big)}{\sum_{j'} \exp\big(q_i^\top k_{j'} / \sqrt d\,\big)} , $$
#
# where $d$ is the length of the vectors. $A_{ij}$ is the share of its attention that place $i$ gives to token $j$; for
# each place the shares of all tokens sum to 1. The shares of one token, laid out on the grid, are its **attention
# map**. Every head of every such layer gives one at every step of sampling; here they are averaged over heads, over the
# layers of one resolution, and over steps.
#
# We look at eight real training images, noised, each with its own prompt:

# %%
model = run.generator("dive").model  # the fine-tuned model of chapter 2
base, config, vocabulary = model.base, model.config, model.vocabulary
unet, tokenizer, device = base.unet, base.tokenizer, base.unet.device

rows = spread(run.data().train_rows(), images_measured)
eight = rows.iloc[:8]
identities, cameras = eight["identity"].tolist(), camera_keys(eight, vocabulary)
ids = model.tokenize(model.prompts(identities, cameras)).to(device)
branches = torch.tensor([vocabulary.branch(camera) for camera in cameras], device=device)
with torch.no_grad():
    images = to_float(pixels(eight, (config.height, config.width)), device) * 2 - 1
    z = base.vae.encode(images).latent_dist.mean * base.vae.config.scaling_factor
noise = torch.randn(z.shape, generator=seeds.generator(0, "attention")).to(device)


@torch.no_grad()
def predict(share):
    """What the U-Net predicts for the eight images, noised to this share of the schedule."""
    alphas = base.schedule.alphas_cumprod.to(device)
    t = torch.full((len(z),), round(share * (len(alphas) - 1)), device=device)
    a = alphas[t].view(-1, 1, 1, 1)
    with model.branches.using(branches):
        return unet(a.sqrt() * z + (1 - a).sqrt() * noise, t, base.text(ids).last_hidden_state).sample


# %% [markdown]
# In diffusers, one can exchange the function that computes a layer's attention, its *processor*. The default one is
# fast and forgets the shares. This one follows the equation and keeps them:
#
# | symbol | in the code | what it is |
# |---|---|---|
# | $q_i$ | row of `q` | what place $i$ asks |
# | $k_j$, $v_j$ | row of `k`, of `v` | what token $j$ responds to, and what it answers |
# | $d$ | `q.shape[-1]` | length of the vectors |
# | $A_{ij}$ | `shares` | share of place $i$ for token $j$ |


# %% tags=["by-hand"]
class KeepShares:
    """Cross-attention that keeps its shares [images, places, tokens], averaged over heads, at every call."""

    def __init__(self, kept):
        self.kept = kept

    def __call__(self, attn, hidden_states, encoder_hidden_states, attention_mask=None, **_):
        q = attn.to_q(hidden_states)  # [images, places, heads * d]
        k, v = attn.to_k(encoder_hidden_states), attn.to_v(encoder_hidden_states)  # [images, tokens, heads * d]
        q, k, v = (each.unflatten(2, (attn.heads, -1)).transpose(1, 2) for each in (q, k, v))
        scores = q @ k.mT / q.shape[-1] ** 0.5  # [images, heads, places, tokens]
        weights = (scores - scores.amax(-1, keepdim=True)).exp()  # what is subtracted cancels, and nothing overflows
        shares = weights / weights.sum(-1, keepdim=True)
        self.kept.append(shares.float().mean(1).cpu())
        taken_in = (shares @ v).transpose(1, 2).flatten(2)
        return attn.to_out[0](taken_in)


@contextmanager
def listen(unet):
    """Inside, every cross-attention ("attn2") of the U-Net keeps its shares."""
    before, kept = unet.attn_processors, []
    unet.set_attn_processor({name: KeepShares(kept) if "attn2" in name else own for name, own in before.items()})
    try:
        yield kept
    finally:
        unet.set_attn_processor(before)


def attention_maps(kept, height, width):
    """Resolution → maps [images, tokens, h, w], the mean over its layers and over steps; the finest first."""
    sizes = [(-(-height // factor), -(-width // factor)) for factor in (1, 2, 4, 8)]
    found = {}
    for size in sizes:
        maps = [shares.mT.unflatten(2, size) for shares in kept if shares.shape[1] == size[0] * size[1]]
        if maps:
            found[size] = torch.stack(maps).mean(0)
    return found


# %% [markdown]
# Recording must not change the result: with this processor, the network predicts the same as without it. And the maps
# equal those of the library's own recorder (`analysis.attention.record`), to a thousandth.

# %% tags=["by-hand"]
with listen(unet) as kept:
    listened = predict(0.6)
with record(unet) as recorder:
    predict(0.6)
torch.testing.assert_close(listened, predict(0.6), rtol=1e-3, atol=1e-3)  # diffusers' own processor

maps = attention_maps(kept, *z.shape[2:])
for size in recorder.resolutions:
    torch.testing.assert_close(maps[size], recorder.maps(size), rtol=1e-2, atol=1e-3)  # layers pass rounding on
print(f"{len(kept)} layers listened at " + ", ".join(f"{h} × {w}" for h, w in maps) + " places: the library agrees")

# %% [markdown]
# Which token is which piece of the prompt? A code is one word and several tokens; an identity has one new word for each
# of its vectors. The prompt is padded to a fixed length: "end" is the end token with all padding.


# %% tags=["by-hand"]
def places_of(identity, camera):
    """Piece of "a [k] photo of [p] person" → where its tokens stand; an empty name leaves its piece out."""
    code = vocabulary.code(camera) if camera else ""
    word = model.tokens.text(identity) if identity else ""
    texts = {"a": "a", "[k]": code, "photo": "photo", "of": "of", "[p]": word, "person": "person"}
    found, position = {"start": [0]}, 1
    for piece, text in texts.items():
        if text:
            count = len(tokenizer(text, add_special_tokens=False).input_ids)
            found[piece] = list(range(position, position + count))
            position += count
    return found | {"end": list(range(position, tokenizer.model_max_length))}


for identity, camera in [*zip(identities, cameras, strict=True), (identities[0], ""), ("", cameras[0])]:
    assert places_of(identity, camera) == positions(model, identity, camera)  # the library's

pieces, finest = places_of(identities[0], cameras[0]), next(iter(maps.values()))
heard = {piece: 100 * finest[0, tokens].sum(0).mean().item() for piece, tokens in pieces.items()}
counts = {piece: len(tokens) for piece, tokens in pieces.items()}
pd.DataFrame({"tokens": counts, "share of all attention (%)": heard}).round(1)

# %% [markdown]
# **What to notice.** The shares sum to 100: softmax has to put its weight *somewhere*, even where no word matters. A
# start token that means nothing, or a row of padding, may draw most of it. And the text encoder lets each token see
# those before it, so the vector at "person" also depends on $[k]$ and $[p]$.
#
# ## Identity alone, modality alone, both
#
# As in the paper's Figure 6, three prompts, from the same noise: "a photo of $[p]$ person", "a $[k]$ photo of person",
# and "a $[k]$ photo of $[p]$ person". A code in the prompt runs its LoRA branch; without a code, the branch of the
# external set runs, since $[p]$ was learned from its photographs. Each map is drawn in units of its own mean, from 0
# (dark) to 2.5 (bright): bright places listen to a piece of the prompt more than others do; the map does not say how
# much attention the piece gets altogether.

# %%
external = run.data().external.sort_values("path")
names = sorted(external["identity"].unique())
shown_people, infrared = names[:people_shown], run.infrared_cameras[0]
SHOWN, LIMITS = ("[k]", "photo", "[p]", "person"), (0.0, 2.5)


@cache
def look(identity, camera, seed=0, guidance=config.guidance):
    """One picture, and its attention: resolution → piece → map in units of its own mean, NaN without the piece."""
    with listen(unet) as kept:
        request = Request(identity, camera, seed, branch_of=camera or external["camera"].iloc[0])
        picture = sample(model, [request], guidance=guidance)[0]
    places, found = places_of(identity, camera), {}
    for size, maps in attention_maps(kept, *z.shape[2:]).items():
        seen, absent = maps[-1], torch.full(size, torch.nan)  # with guidance the last half saw the prompt
        heard = {piece: seen[places[piece]].sum(0) if piece in places else absent for piece in SHOWN}
        found["{} × {}".format(*size)] = {piece: (own / own.mean()).numpy() for piece, own in heard.items()}
    return picture, found


@cache
def photograph(identity):
    return pixels(external[external["identity"] == identity].iloc[[0]], (config.height, config.width))[0]


viz.image_grid(
    [[photograph(name) for name in shown_people]],
    column_labels=[short(name) for name in shown_people],
    title="Photographs",
)

# %%
PROMPTS = {"[p] only": (True, False), "[k] only": (False, True), "[k] and [p]": (True, True)}
resolutions = ["{} × {}".format(*size) for size in maps]


def attention(person=shown_people[0], resolution=resolutions[0]):
    looks = [look(person if p else "", infrared if k else "") for p, k in PROMPTS.values()]
    return viz.attention_overlays(
        [picture for picture, _ in looks],
        [found[resolution] for _, found in looks],
        row_labels=list(PROMPTS),
        limits=LIMITS,
        title=f"{person}, {resolution} places",
    )


explore(attention, person=shown_people, resolution=resolutions)

# %% [markdown]
# **What to notice.** With $[p]$ alone the picture should be a colour photograph of the person, with $[k]$ alone an
# infrared picture of anybody, and with both an infrared picture of the person. Then the maps: does $[p]$ trace the
# figure? Is $[k]$ even over the picture, or brighter in the background?
#
# The same prompt at every resolution. Coarse layers decide where things are, fine ones how they look.

# %%
picture, found = look(shown_people[0], infrared)
viz.attention_overlays(
    [picture] * len(found),
    list(found.values()),
    row_labels=list(found),
    limits=LIMITS,
    title="“a [k] photo of [p] person”, from fine to coarse",
)

# %% [markdown]
# Does a piece of the prompt keep its place from fine to coarse, or do layers of different resolution listen to it in
# different places?
#
# ## The prompt explorer
#
# Put a prompt together: an identity or nobody, a camera's code or none, the strength of the text (*guidance*), the
# noise. Each square of a map is a place; a piece that the prompt lacks has no map.

# %%
fitted = run.fitted_rows("dive")
modality = dict(zip(camera_keys(fitted, vocabulary), fitted["modality"], strict=True))
camera_of = {view: camera for camera, view in sorted(vocabulary.view_of_camera.items(), reverse=True)}
codes = {f"{view} ({modality[camera_of[view]]})": camera_of[view] for view in sorted(camera_of)} | {"no code": ""}
NOBODY, first = (
    "nobody",
    next(words for words, camera in codes.items() if camera == camera_of[vocabulary.view(infrared)]),
)


def ask(identity=names[0], code=first, guidance=config.guidance, noise=0, resolution=resolutions[0]):
    who = "" if identity == NOBODY else identity
    picture, found = look(who, codes[code], noise, guidance)
    figure, axes = plt.subplots(1, 2 + len(SHOWN), figsize=(8.4, 2.9))
    for place, title in zip(axes, ("photograph", "made", *SHOWN), strict=True):
        place.set(title=title, xticks=[], yticks=[])
        place.grid(False)
    axes[0].imshow(photograph(who) if who else np.full_like(picture, 255))
    axes[1].imshow(picture)
    for place, heard in zip(axes[2:], found[resolution].values(), strict=True):
        place.imshow(picture.mean(2), cmap="gray", vmin=0, vmax=255)
        edges = (-0.5, picture.shape[1] - 0.5, picture.shape[0] - 0.5, -0.5)
        place.imshow(heard, cmap="magma", vmin=LIMITS[0], vmax=LIMITS[1], alpha=0.6, extent=edges)
    figure.suptitle(f"{code}, {identity}, guidance {guidance:g}, noise {noise}, {resolution} places")
    plt.close(figure)
    return figure


explore(
    ask,
    identity=[*names, NOBODY],
    code=list(codes),
    guidance=sorted({1.0, 1.5, 2.0, 3.0, 5.0, 7.5, config.guidance}),
    noise=range(20),
    resolution=resolutions,
)

# %% [markdown]
# **What to notice.** Choose a visible code: does $[p]$ get attention in the same places? Choose "nobody": which piece
# takes over the attention that $[p]$ had? With the lowest guidance the picture owes the words least.
#
# ## Measured on known outlines
#
# Pictures suggest; to test a claim we need a number. On a *real* training image the person's outline can be known: the
# renderer of the miniature world gives it exactly (for real data this book falls back to an upright ellipse in the
# middle of the crop, which is coarse). So noise some training images to several strengths, let the fine-tuned U-Net
# predict for each under its own prompt, and compute, for each piece of the prompt,
#
# $$ c = \frac{\text{share of the map's sum that lies on the person}}
# {\text{share of the picture's area that the person fills}} . $$
#
# We call $c$ the *concentration*. $c = 1$: places on the person listen to the piece as much as other places do.
# $c = 1.5$: a place on the person listens half as much again as an average place. $c < 1$: the background listens more.

# %%
some = spread(run.data().train_rows(), 6)
shown = (255 * outlines(run, some)).astype(np.uint8)[..., None].repeat(3, 3)
viz.image_grid(
    [list(pixels(some, (config.height, config.width))), list(shown)],
    row_labels=["image", "person"],
    column_labels=some["modality"].tolist(),
    title="Some of the images, and where their people are",
)

# %% [markdown]
# The eight images from above, by hand. A coarse map cannot show where a fine outline ends, so the outline is averaged
# down to the map's resolution: it then says how much of each place the person fills.

# %% tags=["by-hand"]
outline = torch.from_numpy(outlines(run, eight))
with listen(unet) as kept:
    for share in ATTENTION_TIMES:  # noise levels, as shares of the schedule
        predict(share)

found = []
for (h, w), seen in attention_maps(kept, *z.shape[2:]).items():
    filled = adaptive_avg_pool2d(outline, (h, w))
    for image, (identity, camera) in enumerate(zip(identities, cameras, strict=True)):
        for piece, tokens in places_of(identity, camera).items():
            heard = seen[image, tokens].sum(0)
            on_person = (heard * filled[image]).sum() / heard.sum()
            c = on_person / filled[image].mean()
            found.append({"image": image, "resolution": f"{h} × {w}", "piece": piece, "by hand": c.item()})

# %% [markdown]
# The library does the same with more images and keeps the result ([chapter 7](07_results.py) and the study of DiVE read
# it). On the eight it must find the same numbers, to a thousandth; a few may round otherwise, for
# on one processor two of 192 differed by 0.2 %.

# %% tags=["by-hand"]
measured = concentrations(run, images=images_measured)
both = pd.DataFrame(found).merge(measured, on=["image", "resolution", "piece"])
assert len(both) == len(found)
apart = (both["by hand"] / both["concentration"] - 1).abs()
assert apart.quantile(0.95) < 1e-3 and apart.max() < 1e-2
print(f"{len(both)} concentrations agree, out of {len(measured)} of {measured['image'].nunique()} images")

# %%
between = ["a", "[k]", "photo", "of", "[p]", "person"]
figure, axes = plt.subplots(figsize=(7.2, 3.2))
for number, (resolution, part) in enumerate(measured.groupby("resolution", sort=False)):
    values = part.groupby("piece")["concentration"]
    place = np.arange(len(between)) + 0.15 * number
    axes.errorbar(place, values.mean()[between], values.std()[between], fmt="o", capsize=2.5, label=resolution)
axes.axhline(1, color="gray", linestyle="--", linewidth=1)
axes.set_xticks(np.arange(len(between)) + 0.15, between)
axes.set_ylabel("concentration on the person")
axes.set_title("Heard on the person? Mean ± standard deviation over images")
axes.legend(title="resolution", loc="upper left", bbox_to_anchor=(1, 1))
plt.show()

# %%
shares = 100 * measured.pivot_table(index="piece", columns="resolution", values="share", sort=False)
shares.loc[["start", *between, "end"]].style.format("{:.1f}").set_caption("Share of all attention (%), by resolution")

# %% [markdown]
# **What to notice.** The table says how much attention is at stake: if "start" and "end" take nearly all of it, the
# pieces in between differ within the small rest, and conclusions are about small differences. Compare "[p]" with the
# plain words "photo" and "person": a word that merely follows everything would lie on the person too. Pieces with
# several tokens can collect more attention than single ones, so we compare the concentration and not the amount.
#
# ## The claim, tested
#
# Each image counts once, with its mean over resolutions. We split the sentence of the paper into three statements, each
# a number per image that must be above zero. With the mean $m$ of $n$ images and their standard deviation $s$,
# Student's interval is $m \pm t\, s / \sqrt n$. A statement is *supported* if the whole interval lies above zero,
# *contradicted* if it lies below, and *undecided* if zero is inside.

# %% tags=["by-hand"]
confidence = 0.95

per_image = measured.groupby(["image", "piece"])["concentration"].mean().unstack()[["[p]", "[k]"]].dropna()
p, k = per_image["[p]"], per_image["[k]"]
claims = {
    "[p] lies on the person more than on an average place: c of [p] − 1": p - 1,
    "[p] lies on the person more than [k] does: c of [p] − c of [k]": p - k,
    "[k] is spread more evenly than [p]: |c of [p] − 1| − |c of [k] − 1|": (p - 1).abs() - (k - 1).abs(),
}
verdicts = {}
for claim, values in claims.items():
    m, s, n = values.mean(), values.std(ddof=1), len(values)
    margin = scipy.stats.t.ppf((1 + confidence) / 2, n - 1) * s / n**0.5
    verdict = "supported" if m - margin > 0 else "contradicted" if m + margin < 0 else "undecided"
    verdicts[claim] = {"mean": m, "margin": margin, "verdict": verdict}
verdicts = pd.DataFrame.from_dict(verdicts, orient="index")

library = findings(measured, confidence)
np.testing.assert_allclose(verdicts[["mean", "margin"]].astype(float), library[["mean", "margin"]].astype(float))
assert verdicts["verdict"].tolist() == library["verdict"].tolist()
verdicts.style.format({"mean": "{:+.3f}", "margin": "± {:.3f}"})

# %%
print(conclusion(measured))

# %% [markdown]
# These images were also trained on, and one fine-tuned generator made the numbers, not several: the interval speaks for
# other images, not for other trainings. And with a LoRA branch per code, the modality need not pass through the text at
# all. [Chapter 2](02_generator_finetuning.py) measured how much the *text* of the code matters when the branch stays:
# look there before reading much into the map of $[k]$.
#
# ## Exercises
#
# **1.** All tokens but one have the same score at some place; the one is higher by 2. How much more attention does it
# get than another? And what share of all, if there are 77 tokens (the length of Stable Diffusion's prompts)?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 1.
# exp(2), 7.4 times as much as another; of all, exp(2) / (exp(2) + 76), less than a tenth. With many tokens
# even a clear favourite gets little, and the start token gets most because its score is far above the others'.
row = torch.zeros(77)
row[5] = 2
share = torch.softmax(row, 0)
assert abs(share[5] / share[0] - 7.389) < 0.001 and 0.08 < share[5] < 0.1
print(f"{share[5] / share[0]:.1f} times another token, {share[5]:.1%} of all")

# %% [markdown]
# **2.** What is the concentration $c$ of a map that is even everywhere? Of one that lies wholly on the person? Can two
# images be compared by $c$ if the person fills a fifth of the one and half of the other?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 2.
# An even map has c = 1 whatever the outline; one that lies wholly on the person has 1 / area, the largest
# possible: 5 for a fifth, 2 for a half. So c has no common scale beyond 1, which is why images are compared with
# themselves here (one piece of the prompt against another), and not with each other.
from vireid_lib.analysis.attention import concentration

person = torch.zeros(2, 10, 10)
person[0, :, :2], person[1, :, :5] = 1, 1
assert torch.allclose(concentration(torch.ones(2, 10, 10), person), torch.ones(2))
assert torch.allclose(concentration(person, person), torch.tensor([5.0, 2.0]))
print(
    "even:",
    concentration(torch.ones(2, 10, 10), person).tolist(),
    "all on the person:",
    concentration(person, person).tolist(),
)

# %% [markdown]
# ## Something to try
#
# 1. **One head alone.** In `KeepShares` keep `shares[:, 0]` in place of the mean over heads: the figures change, and
#    the assertion complains, as it should. *Expect* heads that listen in quite different places: their mean is no
#    head's attention.
# 2. **A code without its branch.** Fine-tune with `lora_scope: shared` (a copy of the profile) and come back. The text
#    is then the only place that holds the modality: expect the share of $[k]$ to grow.
# 3. **More vectors.** With several vectors per token, $[p]$ is a group of tokens. `look` adds them up; take them apart
#    and see whether one of them is the coat and another the background.
#
# ## Further reading
#
# - Dai, Lu, Li: "Diffusion-based Synthetic Data Generation for Visible-Infrared Person Re-Identification", AAAI 2025,
#   Figure 6: the claim.
# - Vaswani et al.: "Attention Is All You Need", NeurIPS 2017.
# - Hertz, Mokady, Tenenbaum, Aberman, Pritch, Cohen-Or: "Prompt-to-Prompt Image Editing with Cross Attention Control",
#   ICLR 2023 (online 2022).
# - Tang et al.: "What the DAAM: Interpreting Stable Diffusion Using Cross Attention", ACL 2023.
# - Jain, Wallace: "Attention is not Explanation", NAACL 2019; Wiegreffe, Pinter: "Attention is not not Explanation",
#   EMNLP 2019.
