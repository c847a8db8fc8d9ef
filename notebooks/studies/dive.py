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
# # DiVE: can infrared people be written rather than photographed?
#
# **The question.** Data sets with both modalities are small, colour data sets are large. DiVE (Dai, Lu, Li, AAAI 2025)
# teaches a text-to-image model a word for each *person* and a code for each *camera*, and then draws people of a colour
# data set as infrared cameras would show them. Do methods that train with such images find people better, and better
# than with other generators' images? Do the seeds confirm the paper's tables?
#
# **This study** reads the data of [chapter 1](../01_datasets.py) and the generator of
# [chapter 2](../02_generator_finetuning.py), fits every other generator once, and makes one training per row of the
# paper's tables and seed (Tables 1 to 4; Figures 1, 2, 4, 5 and 6). On the miniature world a training costs one to
# three minutes of one CPU core, and a generator about as much, except DiVE's fine-tunings: six on two cores. The study
# fetches whatever is done. It trains a reduced set of rows (Tables 1 and 2, and a check of fairness); `-p full=true`
# trains all.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
full = False  # all rows of the tables and figure 5, or the reduced set
compared = ""  # generators: of table 1 besides DiVE, with commas; empty: all there are
method = ""  # method: of tables 1, 3, 4 and figure 5; empty: the paper's, deen, but agw in the miniature world
training = True  # False: train nothing, show what is trained already

# %%
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from IPython.display import display
from safetensors.torch import load_file

from vireid_lib import experiment, viz
from vireid_lib.analysis.attention import conclusion, findings, record
from vireid_lib.analysis.prompts import positions
from vireid_lib.experiment import studies
from vireid_lib.experiment.datasets import most_seen
from vireid_lib.experiment.gallery_measures import COLUMNS, compare
from vireid_lib.experiment.prompt_measures import cameras_of_each_view, concentrations
from vireid_lib.experiment.steps import FITTED
from vireid_lib.experiment.studies import dive
from vireid_lib.experiment.training_sets import plain_label
from vireid_lib.experiment.trainings import GIVEN
from vireid_lib.generators.dive.base_model import load_base
from vireid_lib.generators.dive.model import Predictor
from vireid_lib.generators.dive.prompts import camera_keys
from vireid_lib.generators.dive.sample import Request, latent_size, sample
from vireid_lib.viz.images import pixels, short
from vireid_lib.viz.widgets import explore

viz.notebook_style()
run = experiment.open(profile, workspace, data_root)
STUDY = dive.study(run, compared, method)
METHOD = dive.method_label(STUDY.method)
run

# %% [markdown]
# ## 1. The idea, in one prompt
#
# Stable Diffusion learns to remove noise from pictures, given a sentence. With $z_t$ the noised latent of an image at
# time $t$, $\epsilon$ the noise, $\epsilon_\theta$ the network and $\Gamma$ the text encoder, it minimises
#
# $$\mathbb{E}\;\big\|\epsilon - \epsilon_\theta\big(z_t,\, t,\, \Gamma(\text{sentence})\big)\big\|^2$$
#
# (eq. 1). DiVE's sentence is "a $[k]$ photo of $[p]$ person" (eq. 6). $[p]$ is a new word whose vectors are learned,
# one word for each person, the same in both modalities. $[k]$ is a fixed rare code for each camera that switches on a
# small set of extra weights (a LoRA branch). From identities seen in both modalities, $[p]$ has to keep what both share
# and the branch has to keep the rest (eq. 3, 4). External identities are seen in colour only. Their $[p]$ is learned
# there, and together with an infrared $[k]$ it gives what nobody photographed (eq. 5):
#
# $$x^S = G\big(\mathcal{T}([p^E], [I])\big), \qquad V^* = V \cup V_{\mathrm{Ext}}, \quad
# I^* = I \cup I_{\mathrm{Ext}} .$$
#
# The ReID method then trains on $V^*$ and $I^*$, and the test stays the same.
#
# **By hand.** DiVE learns two kinds of files, no more: the vectors of the words, and for each code the matrices $A$ and
# $B$ of its branch. So take the base model as it was downloaded and put both in their places. The new words become new
# rows below the text encoder's table of words. A branch adds to the U-Net's weights, $W + B A$.

# %%
model = run.generator("dive").model
vocabulary, device, unet = model.vocabulary, model.base.unet.device, model.base.unet
files = run.fit("dive").folder / FITTED  # tokens.safetensors, lora/<branch>/pytorch_lora_weights.safetensors
real, external = run.data().train_rows(), run.data().external.sort_values("path")
names, infrared = sorted(external["identity"].unique()), run.infrared_cameras[0]
visible = camera_keys(real[real["modality"] == "visible"], vocabulary)[0]
pd.DataFrame({"code [k]": vocabulary.views, "LoRA branch": vocabulary.branch_of_view}).rename_axis("stands for")

# %% tags=["by-hand"]
base = load_base(model.config.base_model)  # nothing learned yet
base.text.to(device), base.unet.to(device)

learned = load_file(files / "tokens.safetensors", device=str(device))  # "<set-number>" → vectors [count, width]
new_words = {}
for identity in vocabulary.identities:
    word = model.tokens.placeholders[identity]  # and a name for each further vector
    new_words[identity] = [word, *(f"{word}_{number}" for number in range(1, len(learned[word])))]
base.tokenizer.add_tokens([name for own in new_words.values() for name in own])

old_rows = base.text.get_input_embeddings().weight  # a row for each token that the base model knows
new_rows = torch.cat([learned[own[0]] for own in new_words.values()])
base.text.set_input_embeddings(torch.nn.Embedding.from_pretrained(torch.cat([old_rows, new_rows])))


def weights_with(branch):
    """Name of a weight of the U-Net → W + B A."""
    lora = load_file(files / "lora" / branch / "pytorch_lora_weights.safetensors", device=str(device))
    changed = {}
    for layer in [name.removesuffix(".lora_A.weight") for name in lora if name.endswith("lora_A.weight")]:
        A, B = (lora[f"{layer}.lora_{side}.weight"].flatten(1) for side in "AB")
        name = f"{layer.removeprefix('unet.')}.weight"
        W = base.unet.get_parameter(name)
        changed[name] = W + (B @ A).view_as(W)
    return changed


z_t = torch.randn(
    1,
    unet.config.in_channels,
    *latent_size(model, model.config.height, model.config.width),
    generator=torch.Generator().manual_seed(0),
).to(device)
t = torch.tensor([600], device=device)


@torch.no_grad()
def by_hand(identity, camera):
    """The prompt, its token ids, the text encoder's states, and what the network predicts of the noise in z_t."""
    view = vocabulary.view_of_camera[camera]
    prompt = f"a {vocabulary.views[view]} photo of {' '.join(new_words[identity])} person"
    length = base.tokenizer.model_max_length
    ids = base.tokenizer([prompt], padding="max_length", max_length=length, return_tensors="pt").input_ids.to(device)
    states = base.text(ids).last_hidden_state  # Γ(sentence): the text encoder looks up the rows and mixes them
    branch = weights_with(vocabulary.branch_of_view[view])
    return prompt, ids, states, torch.func.functional_call(base.unet, branch, (z_t, t, states)).sample


by_hand(names[0], infrared)[0]

# %% [markdown]
# The library keeps the words in a bank of their own and runs the branches side by side in a batch. Prompt, ids and
# prediction must be the same, for two identities under two codes:

# %% tags=["by-hand"]
made = {}
for identity in names[:2]:
    for camera in (infrared, visible):
        prompt, ids, states, predicted = made[identity, camera] = by_hand(identity, camera)
        assert [prompt] == model.prompts([identity], [camera])
        assert ids.tolist() == model.tokenize([prompt]).tolist()
        branch = torch.tensor([vocabulary.branch(camera)], device=device)
        with torch.no_grad():
            library = Predictor(model)(ids, z_t, t, branch)
        torch.testing.assert_close(predicted, library, rtol=1e-3, atol=1e-3)
print(f"{len(made)} prompts: the same words, ids and predictions as the library's")

# %% [markdown]
# Exchange one part of the prompt and see what changes. Another $[p]$ takes other *rows of the table*, and no other
# weight of the network; another $[k]$ takes another *branch*, and no other learned row:

# %%
_, first_ids, first_states, first = made[names[0], infrared]
rows = {}
for exchanged, (identity, camera) in {
    "nothing": (names[0], infrared),
    "[p]": (names[1], infrared),
    "[k]": (names[0], visible),
    "both": (names[1], visible),
}.items():
    _, ids, _, predicted = made[identity, camera]
    other = set(ids.flatten().tolist()) - set(first_ids.flatten().tolist())
    rows[exchanged] = {
        "learned rows exchanged": sum(number >= len(old_rows) for number in other),
        "known tokens exchanged": sum(number < len(old_rows) for number in other),
        "LoRA branch": vocabulary.branch_of_view[vocabulary.view(camera)],
        "prediction moves by (%)": 100 * ((predicted - first).norm() / first.norm()).item(),
    }
pd.DataFrame.from_dict(rows, orient="index").rename_axis("exchanged").round(2)

# %% [markdown]
# The text encoder lies between the rows of the table and the network, and each token in it sees those before it. The
# prompt, piece by piece, and how far the encoder's states move with another $[p]$:

# %%
moved = 100 * (made[names[1], infrared][2] - first_states).norm(dim=2)[0] / first_states.norm(dim=2)[0]
rows = {}
for piece, places in positions(model, names[0], infrared).items():
    own = first_ids[0, places].tolist()
    distinct = list(map(str, dict.fromkeys(own)))
    rows[piece] = {
        "tokens": len(own),
        "ids": ", ".join(distinct) if len(distinct) <= 8 else f"{distinct[0]} … {distinct[-1]}",
        "learned": "yes" if min(own) >= len(old_rows) else "no",
        "states move by (%)": moved[places].mean().item(),
    }
pd.DataFrame.from_dict(rows, orient="index").rename_axis("piece").round(2)

# %% [markdown]
# **What to notice.** Person and camera enter the network at different doors: DiVE's "decoupling" is no more than that.
# (The code's own tokens change with it; [chapter 2](../02_generator_finetuning.py) measures how much they matter while
# the branch stays.) Nothing but the training data makes $[p]$ hold the person and the branch hold the camera. The
# states before $[p]$ cannot know it, and those behind it do: "person" and the padding carry the person too.
#
# **Figure 2.** First people who were really photographed in both modalities. Then people of the external set: their
# photographs, and DiVE's infrared images.

# %%
both = real.groupby("identity")["modality"].nunique()
paired, gallery, cameras = sorted(both.index[both == 2]), run.synthesize("dive"), run.infrared_cameras[:4]
rows, labels = [], []
for photographs, other, people, words in ((real, real, paired, "real"), (external, gallery, names, "DiVE")):
    for name in people[:3]:
        own = photographs[(photographs["identity"] == name) & (photographs["modality"] == "visible")]
        rows.append(list(pixels(own.sort_values("path").iloc[[0, len(own) // 2]])))
        for camera in cameras:
            seen = other[(other["identity"] == name) & (other["modality"] == "infrared") & (other["camera"] == camera)]
            shown = list(pixels(seen.sort_values("path")[:2]))
            rows[-1] += shown + [None] * (2 - len(shown))
        labels.append(f"{words}\n{short(name)}")
heads = [f"infrared\ncamera {short(camera)}" for camera in cameras for _ in range(2)]
viz.image_grid(
    rows,
    row_labels=labels,
    column_labels=["visible", "visible", *heads],
    title="Real pairs, and DiVE's infrared images",
)

# %% [markdown]
# **What to notice.** A matcher needs *consistency*: is the dark coat dark in each of the person's infrared images? Is
# the bag still there? A beautiful picture is not needed.
#
# ## 2. Training
#
# The paper trains one method, DEEN, for Tables 1, 3, 4 and Figure 5, and four for Table 2. So does this study on real
# data. In the miniature world it takes AGW in place of DEEN, which costs about half as much; `-p method=deen` changes
# that. What a row was given, mean over seeds ("images seen" counts an image each time a batch draws it):

# %%
words = f"Tables 1, 3, 4 and Figure 5 are trained with {METHOD}"
if STUDY.method == dive.THE_PAPERS:
    print(f"{words}, as in the paper.")
else:
    print(f"{words}, where the paper takes {dive.method_label(dive.THE_PAPERS)} (-p method={dive.THE_PAPERS} does).")
print(studies.smallest(run, STUDY, full=full))  # before anything is trained
measured = studies.measure(run, STUDY, full=full, training=training)
studies.effort(measured).round(1)

# %% [markdown]
# ## 3. Which generator? (Table 1 and Figure 4)
#
# The same people, as each generator shows them under the first infrared camera. "Greyscale copies" and "image
# interpolation" need no training, so a generator must beat at least these. On the miniature world two references follow
# that no generator can have: *re-drawn* infrared, which gives each garment a brightness of its own by the world's law
# (consistent, but not the true one), and the *true* infrared.
#
# What is each fitted to? The paper trains the other generators on SYSU-MM01 alone and then translates Market-1501's
# photographs, while DiVE needs these to learn its words. This table does the same, unless the profile sets `fit_on` to
# something else. The rows "fitted to external images too" (`-p full=true`) remove that difference.

# %%
TABLE_1 = [row for row in STUDY.rows if row.name.startswith(f"{STUDY.method}_") and row.name in set(measured["row"])]
galleries = [row.training for row in TABLE_1 if row.name == f"{STUDY.method}_{row.training}" and row.training != "real"]
label = {name: plain_label(name) for name in galleries}

shown = {"photograph": external}
for name in galleries:
    gallery = run.synthesize(name).sort_values("path")
    shown[label[name]] = gallery[gallery["camera"] == infrared]
viz.image_grid(
    [list(pixels(rows.drop_duplicates("identity").set_index("identity").loc[names[:8]])) for rows in shown.values()],
    row_labels=[words.replace(" from ", "\nfrom ").replace(" inf", "\ninf") for words in shown],
    column_labels=[short(name) for name in names[:8]],
    title="The same people, by every generator",
)

# %%
found = [STUDY.row_of(line, run.profile, STUDY.method) for line in STUDY.table(1).rows]
printed = {row.name for row in found if row is not None}
others = [row.name for row in TABLE_1 if row.name not in printed]
others += [row.name for row in STUDY.rows if row.name.endswith(dive.TO_BOTH) and row.name in set(measured["row"])]
studies.beside_paper(run, STUDY, measured, 1, method=STUDY.method, also=others)

# %% [markdown]
# **What to notice.** Compare orders, not numbers: on the miniature world this is another data set, another method and a
# far smaller network. Before praising a trained generator, look at the two untrained references, and at the room
# between the baseline and the true infrared.
#
# Which property of a gallery helps? [Chapter 3](../03_synthetic_galleries.py) explains the measures; here each is
# compared with the gain over real images only. "Identity preserved": the nearest true infrared image (on
# real data, photograph), by the baseline's features, has the same identity. "Diversity": how much a person's images
# differ, compared with real ones. "Distinct": how many of a gallery's images differ from one another at all.

# %%
first = measured[measured["mode"] == measured["mode"].iloc[0]]  # the first mode of the protocol
ranks = {name: own["rank_1"] for name, own in first.groupby("row")}
gains = [ranks[f"{STUDY.method}_{name}"] - ranks[f"{STUDY.method}_real"].mean() for name in galleries]
found = compare(run, galleries)

right = COLUMNS["identity preservation (true infrared)" if run.miniature else "identity preservation (photographs)"]
keys = ("infrared (luminance)", "diversity", "flagged copies")
columns = [right, "Fréchet distance", "SSIM on the person", *(COLUMNS[key] for key in keys)]
table = found.table.set_index("infrared images").reindex(columns=columns)
table.insert(0, f"gain in rank-1 of {METHOD} (points)", [gain.mean() for gain in gains])
table.insert(1, "distinct images", [run.gallery(name).values["distinct"] for name in galleries])
table.style.format(precision=2, na_rep="–")

# %%
points = pd.concat(
    gain.rename("gain").to_frame().assign(label=label, right=table.loc[label, right])
    for label, gain in zip(table.index, gains, strict=True)
)
words = f"gain in rank-1 of {METHOD} (points)"
viz.against(points, x="right", y="gain", x_axis=right, y_axis=words, title="Whose galleries help?")

# %%
basis = pd.Series({column: found.basis[column] for column in columns if column in found.basis}, name="measured with")
basis.to_frame().style.set_properties(**{"text-align": "left", "white-space": "normal"})

# %% [markdown]
# **What to notice.** If identity preservation counts, the points rise from left to right. Is a gallery taken for
# infrared, and gains nothing? Perhaps it has learned the modality and lost the identities.
#
# ## 4. Which method? (Table 2 and Figure 1)

# %%
studies.beside_paper(run, STUDY, measured, 2)

# %%
pairs = {}
for name, words in dive.METHODS.items():
    sides = [ranks.get(f"{name}_{training}") for training in ("real", "dive")]
    if all(side is not None for side in sides):
        pairs[words] = sides
figure, axes = plt.subplots(figsize=(7.2, 1.2 + 0.55 * len(pairs)))
for place, sides in enumerate(pairs.values()):
    before, after = (side.mean() for side in sides)
    axes.annotate("", (after, place), (before, place), arrowprops={"arrowstyle": "->", "color": "gray"})
    axes.text(1.01, place, f"{after - before:+.1f}", transform=axes.get_yaxis_transform(), va="center", weight="bold")
    for number, side in enumerate(sides):
        label = ("real images only", "with DiVE")[number] if place == 0 else None
        axes.plot(side.mean(), place, "o", color=f"C{number}", label=label)
        height = place + (0.16 if number else -0.16)
        axes.errorbar(side.mean(), height, xerr=np.nan_to_num(side.std()), color=f"C{number}", alpha=0.6)
        axes.plot(side, [height] * len(side), "o", color="white", markeredgecolor=f"C{number}", markersize=3.4)
axes.set_yticks(range(len(pairs)), list(pairs))
axes.set_ylim(len(pairs) - 0.5, -0.5)
axes.set_xlabel("rank-1 (%)")
axes.set_title("Four methods without DiVE's images and with them")
axes.legend(loc="upper left", bbox_to_anchor=(0, -0.25), ncols=2)
plt.show()

# %% [markdown]
# **What to notice.** Arrows to the right are gains. Small dots are seeds, bars one standard deviation: where the dots
# of both colours mix, the arrow may point either way next time.
#
# ## 5. The same for both?
#
# The released DEEN takes 6 identities into a batch. The released DEEN *with DiVE* takes 16, and an epoch is longer with
# more images. So part of the printed gain may come from the batch or the length. This book gives all training sets the
# steps of real images alone unless the profile says otherwise (`reid.length`). What the rows of the tables really had:

# %%
print(studies.same_effort(STUDY, measured))

# %% [markdown]
# Other choices would have shown this: a *larger batch* has twice as many images of each person, in as many steps;
# *twice as long* has twice the steps, with the whole schedule stretched. The middle columns say what both sides got.

# %%
FAIRNESS = {
    "as in this book's tables": ("{}_dive", "{}_real"),
    "larger batch for both": ("wide_dive", "wide_real"),
    "twice as long for both": ("long_dive", "long_real"),
    "larger batch with DiVE only, as in the released DEEN": ("wide_dive", "{}_real"),
    "twice as long with DiVE only": ("long_dive", "{}_real"),
    "no DiVE at all: the larger batch alone": ("wide_real", "{}_real"),
    "no DiVE at all: the longer training alone": ("long_real", "{}_real"),
}
claims = [
    studies.Claim(words, "", "rank_1", *(name.format(STUDY.method) for name in pair))
    for words, pair in FAIRNESS.items()
]
given, rows = measured.groupby("row")[GIVEN].mean(), {}
for each in studies.judge(measured, claims).dropna(subset="difference").itertuples():
    one, other = given.loc[each.row], given.loc[each.other]
    rows[each.claim] = {name: f"{one[name]:,.0f} / {other[name]:,.0f}" for name in GIVEN} | {
        f"difference in rank-1 of {METHOD} (95 % interval)": each.words,
        "beyond the seeds' noise?": {"holds": "more", "does not hold": "less"}.get(each.verdict, each.verdict),
    }
pd.DataFrame.from_dict(rows, orient="index").rename_axis("comparison")

# %% [markdown]
# **What to notice.** The first comparisons give both sides the same, those "with DiVE only" do not. The last ones have
# no synthetic image at all: an unfair comparison would credit their gain to DiVE. (Comparisons whose rows were not
# trained are left out; `-p full=true` trains all.)
#
# ## 6. Which images teach the generator? (Tables 3 and 4)
#
# Table 3: fitted to infrared images of the target only, to both modalities with one code each, or with a code for each
# camera ("multi", the form of all other tables). The last row is not in the paper: the text gives each code a LoRA
# branch of its own, the released code has one LoRA for all codes. Table 4: another external set. On the miniature world
# `mini_campus` stands for CUHK03-NP: other people, two other cameras, fewer images of each.

# %%
studies.beside_paper(run, STUDY, measured, 3, method=STUDY.method, also=["one_lora"])

# %%
studies.beside_paper(run, STUDY, measured, 4, method=STUDY.method)

# %% [markdown]
# ## 7. How many identities? (Figure 5)
#
# The paper adds more and more identities of Market-1501 and finds a peak at 1,011. It suspects that $[p]$ cannot be
# learned from few images. Here the identities with most images come first, and `expand.counts` in the profile sets
# their numbers: fewer than the expanded ones, all of these, and more, for which a generator is fitted again. On the
# miniature world the true infrared of the same identities is the reference, which is alone in the figure beyond the
# expanded identities. (The default world expands all that it has.) In grey: the number of images of each identity.

# %%
fewer, more = dive.counts(run)
whole = run.data().external
curves, expanded = {}, whole["identity"].nunique()
for training in ("dive", "oracle_ir"):
    rows = {expanded: f"{STUDY.method}_{training}"} | {count: f"{training}_{count}" for count in (*fewer, *more)}
    curve = {count: ranks[name] for count, name in sorted(rows.items()) if name in ranks}
    if len(curve) > 1:
        curves[plain_label(training)] = curve
most = max((count for curve in curves.values() for count in curve), default=expanded)
if most > expanded:  # identities beyond those that the profile expands
    row = next(row for row in STUDY.rows if row.name in (f"dive_{most}", f"oracle_ir_{most}"))
    whole = studies.run_of(run, row).data().external

if curves:
    figure, axes = plt.subplots(figsize=(7.2, 3.5))
    nobody = ranks[f"{STUDY.method}_real"]
    axes.axhline(nobody.mean(), color="gray", linestyle="--", linewidth=1, label="nobody added")
    for words, curve in curves.items():
        means, deviations = ([getattr(own, of)() for own in curve.values()] for of in ("mean", "std"))
        axes.errorbar(list(curve), means, np.nan_to_num(deviations), marker="o", capsize=3, label=words)
    axes.set_xlabel("external identities added")
    axes.set_ylabel(f"rank-1 of {METHOD} (%)")
    axes.set_title("Rank-1 over the number of added identities")
    axes.legend(loc="upper left", bbox_to_anchor=(1.12, 1))
    back = axes.twinx()  # behind the curves: how many images each person has
    images = whole.groupby("identity").size().loc[most_seen(whole)]
    back.stairs(images, np.arange(len(images) + 1), fill=True, color="gray", alpha=0.15)
    back.set_ylim(0, 3.2 * images.max())
    back.set_ylabel("images of each person", color="gray")
    back.grid(False)
    plt.show()
else:
    print("Not run: these rows are trained with -p full=true.")

# %% [markdown]
# **What to notice.** In the miniature world everybody has the same number of images, so the paper's reason for the
# decline cannot act there. The figure can show whether *more identities* help at all when their infrared is right. On
# real data the decline is one of the claims of section 10.
#
# ## 8. Which place listens to which word? (Figure 6)
#
# Cross-attention, mean over all steps, heads and layers of one resolution ([chapter 6](../06_attention_maps.py)
# explains and measures it). Three prompts from one noise: the person's word alone, the camera's code alone, both.

# %%
SHOWN, LIMITS = ("[k]", "photo", "[p]", "person"), (0.0, 2.5)
PROMPTS = {"[p] only": (True, False), "[k] only": (False, True), "[k] and [p]": (True, True)}


@cache
def look(identity, camera):
    """One picture, and its attention: resolution → piece → map in units of its own mean, NaN without the piece."""
    with record(unet) as recorder:
        picture = sample(model, [Request(identity, camera, 0, branch_of=camera or external["camera"].iloc[0])])[0]
    places, found = positions(model, identity, camera), {}
    for size in recorder.resolutions:
        maps, absent = recorder.maps(size)[-1], torch.full(size, torch.nan)  # the last saw the prompt
        heard = {piece: maps[places[piece]].sum(0) if piece in places else absent for piece in SHOWN}
        found["{} × {} places".format(*size)] = {piece: (own / own.mean()).numpy() for piece, own in heard.items()}
    return picture, found


for name in names[:2]:
    looks = [look(name if p else "", infrared if k else "") for p, k in PROMPTS.values()]
    finest = next(iter(looks[0][1]))
    display(
        viz.attention_overlays(
            [picture for picture, _ in looks],
            [found[finest] for _, found in looks],
            row_labels=list(PROMPTS),
            limits=LIMITS,
            title=f"{name}, {finest}",
        )
    )

# %% [markdown]
# The right half of the paper's figure: each person under each code, all from the same noise. "Altering $[k]$ changes
# the modality without affecting identity, and modifying $[p]$ changes the identity while preserving modality", it
# says.

# %%
people = sorted(run.data().external["identity"].unique())[:5]
cameras, model = cameras_of_each_view(run), run.generator("dive").model
swapped = [sample(model, [Request(name, camera, seed=0) for name in people]) for camera in cameras]
viz.image_grid(
    list(zip(*swapped, strict=True)),
    row_labels=[short(name) for name in people],
    column_labels=[f"{camera}\n{modality}" for camera, modality in cameras.items()],
)

# %% [markdown]
# Back to attention: the full prompt at every resolution.

# %%
picture, found = look(names[0], infrared)
viz.attention_overlays(
    [picture] * len(found),
    list(found.values()),
    row_labels=list(found),
    limits=LIMITS,
    title="“a [k] photo of [p] person”, from fine to coarse",
)

# %% [markdown]
# The paper says that $[k]$ "emphasizes global features, including both person and background regions", and that $[p]$
# "focuses more on the person's area". On real images with a known outline one can measure this:

# %%
on_people = concentrations(run)
display(findings(on_people).style.format({"mean": "{:+.3f}", "margin": "± {:.3f}"}))
print(conclusion(on_people))

# %% [markdown]
# ## 9. From one person's word to another's
#
# A word is a few vectors, and vectors can be mixed: $[p] = (1 - s)\,[p_1] + s\,[p_2]$. At $s = 1$ the picture must be
# that of the other word. ([Chapter 6](../06_attention_maps.py) has an explorer in which every part of the prompt can be
# exchanged.)


# %%
def mixed(one, two, share, noise=0):
    """The picture of a person between two, as the first infrared camera shows it."""
    rows, count = model.rows.rows.data, model.tokens.vectors
    mine, theirs = (slice(start, start + count) for start in map(model.tokens.row, (one, two)))
    before = rows[mine].clone()
    rows[mine] = (1 - share) * before + share * rows[theirs]
    picture = sample(model, [Request(one, infrared, noise)])[0]
    rows[mine] = before  # the model is again as it was
    return picture


def photograph(name):
    return pixels(external[external["identity"] == name][:1], (model.config.height, model.config.width))[0]


whole, own = mixed(names[0], names[1], 1.0), mixed(names[1], names[0], 0.0)
assert np.abs(whole.astype(int) - own).max() <= 2

shares, couples = (0.0, 0.25, 0.5, 0.75, 1.0), list(zip(names[0:6:2], names[1:6:2], strict=False))
viz.image_grid(
    [[photograph(one), *(mixed(one, two, share) for share in shares), photograph(two)] for one, two in couples],
    row_labels=[f"{short(one)} to\n{short(two)}" for one, two in couples],
    column_labels=["photograph", *(f"{100 * share:.0f} %" for share in shares), "photograph"],
)


# %%
def mixture(one=names[0], two=names[1], share=0.5, noise=0):
    return viz.image_grid(
        [[photograph(one), mixed(one, two, share, noise), photograph(two)]],
        column_labels=["photograph", "made", "photograph"],
        title=f"{short(one)} with {100 * share:.0f} % of {short(two)}, noise {noise}",
        cell=1.8,
    )


explore(mixture, one=names, two=names, share=[step / 10 for step in range(11)], noise=range(20))

# %% [markdown]
# **What to notice.** Does brightness pass from one person to the other smoothly, garment by garment, or does it jump?
# Words that lie on a line in the text encoder need not give pictures that lie on one.
#
# ## 10. What the paper claims, and what the seeds say
#
# Each claim is a difference between two rows, taken within each seed and each gallery of test identities. Its 95 %
# interval is over both ([chapter 7](../07_results.py)), uncorrected. The verdict comes from the p-value after Holm's
# correction over all tested claims, with the measures of one comparison as one family. *Holds*: the corrected p is 5 %
# or less, and the difference is on the claimed side. *Does not hold*: on the other side. *Within noise*: these seeds
# cannot tell.

# %%
judged = studies.judge(measured, STUDY.claims)
print(studies.count(judged))
studies.findings_table(judged)

# %%
print(studies.limits(run, STUDY, measured, judged))

# %% [markdown]
# **What to notice.** Of many intervals at 95 % some miss; hence the correction. A claim that holds, holds for this data
# and for fits like these: each generator that learns was fitted twice (`expand.fits`), and the seeds of the ReID
# training use the fits in turn. Two fits are few, so a difference between two *generators* may still be one between
# their fits. And a miniature generator, fitted for minutes, is not Stable Diffusion fitted for days. A claim that fails
# here says that the *idea* alone does not carry it, and section 3 says whether the images lacked the identity or the
# infrared.
#
# ## Something to try
#
# 1. Start the sampling from a photograph (`dive_from_image` in Table 1 does it) with less noise: `strength: 0.4`
#    in a copy of the profile. *Expect* more of the person and less of the infrared.
# 2. Expand more identities: `expand.identities: 80`. *Expect* each word to be fitted less often, because the number of
#    steps stays. Raise `dive.steps` with it.
# 3. In [chapter 6](../06_attention_maps.py)'s explorer take a person's word and a *visible* code of the target.
#    *Expect* the photograph's clothes in another place. Then turn guidance to 1: how much does the picture still depend
#    on the words?
