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
# **This chapter** reads the generator of chapter 2, makes a few pictures while it writes down all cross-attention, and
# a measurement of it on real training images, where the outline of the person is known, and costs, on the miniature
# world, about a minute on two CPU cores the first time and seconds later.
#
# **You will learn**
#
# - what an attention map is, and how little of all attention it may speak of;
# - to turn "looks at the person" into a number that can be wrong;
# - to put a sentence of a paper to a test.
#
# **You need** chapter 2.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
people_shown = 3  # identities in each picture
images_measured = 48  # over which attention is averaged

# %%
from vireid_lib import experiment
from vireid_lib import viz as plots
from vireid_lib.book.attention import findings
from vireid_lib.book.attention import stages as study
from vireid_lib.viz.explorers import prompt_corner
from vireid_lib.viz.pictures import short
from vireid_lib.viz.widgets import explore

run = experiment.open(profile, workspace, data_root)
run

# %% [markdown]
# ## How a picture listens to words
#
# The U-Net works on a grid of places, each with a vector of features. In its
# **[cross-attention](glossary.md#cross-attention)** layers every place asks, and the tokens of the prompt answer. Place
# $i$ forms a query $q_i$, token $j$ a key $k_j$ and a value $v_j$ (all by multiplication with learned matrices), and
# what place $i$ takes in is
#
# $$ \sum_j A_{ij}\, v_j , \qquad
# A_{ij} = \frac{\exp\big(q_i^\top k_j / \sqrt d\,\big)}{\sum_{j'} \exp\big(q_i^\top k_{j'} / \sqrt d\,\big)} , $$
#
# where $d$ is the length of the vectors. $A_{ij}$ is the share of its attention that place $i$ gives to token $j$; for
# each place the shares of all tokens sum to 1. The shares of one token, laid out on the grid, are its **attention
# map**. There is one for every head of every such layer at every step of sampling; here they are averaged over heads,
# over the layers of one resolution, and over steps.
#
# In three lines, for two places and three tokens:
#
# | symbol | in the code | what it is |
# |---|---|---|
# | $q_i$ | row of `q` | what place $i$ asks |
# | $k_j$, $v_j$ | row of `k`, of `v` | what token $j$ answers to, and what it has to say |
# | $d$ | `q.shape[1]` | length of the vectors |
# | $A_{ij}$ | `shares` | share of place $i$ for token $j$ |

# %%
import torch
from torch.nn.functional import scaled_dot_product_attention

q = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
k, v = torch.tensor([[1.0, 0.0], [0.0, 2.0], [0.5, 0.5]]), torch.tensor([[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]])

# %% tags=["equation"]
scores = q @ k.T / q.shape[1] ** 0.5
shares = scores.exp() / scores.exp().sum(1, keepdim=True)
taken_in = shares @ v

print(f"shares:\n{shares.numpy().round(2)}\ntaken in:\n{taken_in.numpy().round(2)}")
assert torch.allclose(taken_in, scaled_dot_product_attention(q[None], k[None], v[None])[0])  # torch agrees

# %% [markdown]
# Two things should be known before looking. The prompt is padded to a fixed length, and the start token, which never
# means anything, usually draws most of the attention: softmax has to put its weight *somewhere*. And the text encoder
# lets each token see those before it, so that the vector at "person" also knows $[k]$ and $[p]$.
#
# ## Identity alone, modality alone, both
#
# As in the paper's Figure 6, three prompts, from the same noise: "a photo of $[p]$ person", "a $[k]$ photo of person",
# and "a $[k]$ photo of $[p]$ person". Where a code stands in the prompt its LoRA branch runs; without one, that of the
# external set, in whose photographs $[p]$ was learned. Each map is drawn in units of its own mean, from 0
# (dark) to 2.5 (bright): bright is where a piece of the prompt is heard more than elsewhere, not how much it is heard
# altogether.

# %%
sampled = study.sampled(run, people=people_shown)
resolutions = [study.name(each) for each in sampled.resolutions]


def attention(person: int = 0, resolution: str = resolutions[0]):
    title = f"Person {short(sampled.people[person])}, {resolution} places"
    return plots.attention_overlays(**vars(sampled.by_prompt(person, study.size(resolution))), title=title)


explore(attention, person=range(len(sampled.people)), resolution=resolutions)

# %% [markdown]
# **What to notice.** With $[p]$ alone the picture should be a colour photograph of the person, with $[k]$ alone an
# infrared picture of anybody, and with both an infrared picture of the person. Then the maps: does $[p]$ trace the
# figure? Is $[k]$ even over the picture, or brighter in the background?
#
# The same prompt at every resolution. Coarse layers decide where things are, fine ones how they look.

# %%
plots.attention_overlays(**vars(sampled.by_resolution(0)), title="“a [k] photo of [p] person”, from fine to coarse")

# %% [markdown]
# **What to notice.** Does a piece of the prompt keep its place from fine to coarse, or do layers of different
# resolution listen to it in different places?

# %% [markdown]
# ## The prompt corner
#
# Put a prompt together: a person, a camera's code (or none), how strongly the picture has to obey (*guidance*), in how
# many steps, from which noise. With *share* the person's word is mixed with another's, vector by vector. In JupyterLab
# everything can be changed.

# %%
picture, options = prompt_corner.corner(run)
explore(picture, **options)

# %% [markdown]
# **What to notice.** Choose a visible code: is $[p]$ heard in the same places? Choose "nobody": who takes over what
# $[p]$ has left? With guidance 1 the picture owes the words least.

# %% [markdown]
# ## Measured, on people whose outline is known
#
# Pictures suggest; to judge a claim we need a number. On a *real* training image the person's outline can be known: the
# renderer of the miniature world gives it exactly (for real data this book falls back to an upright ellipse in the
# middle of the crop, which is coarse). So noise some training images to several strengths, let the fine-tuned U-Net
# look at each under its own prompt, and take, for each piece of the prompt,
#
# $$ c = \frac{\text{share of the map's sum that lies on the person}}
# {\text{share of the picture's area that the person fills}} . $$
#
# We call $c$ the *concentration*. $c = 1$: the piece is attended to on the person as much as anywhere. $c = 1.5$: a
# place on the person listens half as much again as an average place. $c < 1$: the background listens more.

# %%
plots.image_grid(**vars(study.masks_shown(run)), title="Some of the images, and where their people are")

# %%
measured = study.on_people(run, images=images_measured)
table = findings.summary(measured)
plots.grouped_points(
    table[~table["piece"].isin(["start", "end"])],
    x="piece",
    group="resolution",
    value="concentration",
    spread="standard deviation",
    even=1.0,
    axis="concentration on the person",
    title="Heard on the person? Mean ± standard deviation over images",
)

# %%
findings.shares(measured).style.format("{:.1f}").set_caption("Share of all attention (%), by resolution")

# %% [markdown]
# **What to notice.** The table says how much of the attention we are talking about: if "start" and "end" take nearly
# all of it, the pieces in between differ within the little that is left, and conclusions are about small differences.
# Compare "[p]" with the plain words "photo" and "person": a word that merely follows everything would lie on the person
# too. Pieces with several tokens collect more attention than single ones, which is why the concentration, and not the
# amount, is compared.
#
# ## The claim, put to the numbers
#
# Each image counts once (its mean over resolutions); the interval is 95 %, Student's, over images.

# %%
findings.verdicts(measured).style.set_properties(**{"text-align": "left", "white-space": "normal"}).hide()

# %%
print(findings.conclusion(measured))

# %% [markdown]
# These images were also trained on, and there is one fine-tuned generator behind them, not several: the interval speaks
# for other images, not for other trainings. And with a LoRA branch per code, the modality need not pass through the
# text at all. Chapter 2 measured how much the *text* of the code matters when the branch stays: look there before
# reading much into the map of $[k]$.
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
# 1. **A code without its branch.** Fine-tune with `lora_scope: shared` (a copy of the profile) and come back. The
#    text is then the only place where the modality is told: expect the share of $[k]$ to grow.
# 2. **More vectors.** With several vectors per token, $[p]$ is a group of tokens. In `attention_stages.by_label` they
#    are added up; take them apart and see whether one of them is the coat and another the background.
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
