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
# # 5 · The embedding: what has changed inside?
#
# **The question.** Each network has a score from [chapter 4](04_reid_training.py). Here we open two of them, the
# baseline and one that was trained with synthetic infrared. Where do the features of one person lie now, which queries
# turned from wrong to right, and what in an image decides that?
#
# **This chapter** reads the trained networks and the test features of [chapter 4](04_reid_training.py) and trains
# missing networks. It makes a record of each embedding's spread, and costs about a minute once the networks are
# trained.
#
# **You will learn**
#
# - to read an embedding: by projection, by spread, by distances, and what each of them cannot show;
# - to look behind rank-1 at the single queries that two networks decide differently;
# - to ask what in an image decides, and to test the answer.
#
# **You need** chapters 1 and 4.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
method = ""  # a ReID method instead of the profile's, as in chapter 4
compared = "dive"  # training set: its network is held against the baseline
people = 8  # 2 or more: how many test identities the projections show

# %%
import base64
import html
import io
from functools import cache
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.stats
import torch
from IPython.display import HTML, display
from PIL import Image
from torch.nn.functional import adaptive_avg_pool2d, cosine_similarity, normalize

from vireid_lib import experiment, viz
from vireid_lib.analysis import embedding_spread, retrieval, saliency
from vireid_lib.analysis.embedding_spread import tsne
from vireid_lib.analysis.subsets import readable_sample
from vireid_lib.experiment import measures
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.viz import widgets
from vireid_lib.viz.images import pixels, short

viz.notebook_style()
run = experiment.open(profile, workspace, data_root, method)
run

# %% [markdown]
# ## 1. Two networks, the same test images
#
# A [feature](glossary.md#feature) is a point; only its direction counts. Two images $x, x'$ are compared by the cosine
# distance
#
# $$d(x, x') = 1 - \frac{f(x)^{\!\top} f(x')}{\lVert f(x)\rVert\, \lVert f(x')\rVert},$$
#
# 0 for equal directions, 1 for unrelated ones. $f$ is the network up to its BN neck ([chapter 4](04_reid_training.py)).
# All identities below are **test identities**: neither network has seen them.
#
# Many methods are tested with features averaged over an image and its mirror image, which brings a person's images
# together. To compare distances between methods, this chapter and the studies measure them on the features of the
# images as they are (`plain`); scores and rankings keep each method's own features (`held`).

# %%
seed = run.profile.reid.seeds[0]
shown_sets = ["real", compared, *({"oracle_ir"} & set(run.profile.reid.training_sets) - {compared})]
training_sets = {training_label(name): name for name in shown_sets}
held = {label: run.features(name, seed)[0] for label, name in training_sets.items()}
plain = {label: run.features(name, seed, plain=True)[0] for label, name in training_sets.items()}
baseline, other = list(held)[:2]

test = run.data().test()
person = test["identity"].to_numpy()
infrared = (test["modality"] == "infrared").to_numpy(copy=True)
print(
    f"{len(test)} test images of {test['identity'].nunique()} identities; seed {seed}; "
    + ", ".join(f"'{label}': {features.shape[1]} dimensions" for label, features in held.items())
)

# %% [markdown]
# ## 2. The embedding in the plane
#
# *t-SNE* (van der Maaten and Hinton 2008) lays the points out in a plane so that near neighbours stay near. It invents
# the rest: the distance between two clusters means nothing, and neither does their size. One projection, coloured three
# ways. Round points are visible images, triangles infrared ones.

# %%
rows = readable_sample(test, identities=people)
shown = test.iloc[rows]


def plane(network=baseline, perplexity=15):
    """One network's features of a few identities."""
    points = tsne(held[network][rows], perplexity=perplexity)
    return viz.projection(points, shown, title=f"trained on: {network}")


widgets.explore(plane, network=list(held), perplexity=[5, 15, 30])

# %%
plane(network=other)

# %% [markdown]
# **What to notice.** Take the middle panel first. A network without a modality gap would mix the two colours
# everywhere; islands of one colour are the gap. Then the left panel: a person's round points and triangles should
# touch. Where they form two separate clumps of one colour, the network knows the person *in each modality* and does not
# know that both are the same person. In the right panel, clumps of one camera mean that the background still speaks.
# Compare the two networks by such questions, and not by their tidiness: t-SNE can make anything tidy.
#
# Which images are the odd ones? The next figure is a small web page (made by Bokeh): it works in any browser, without a
# kernel and offline. Two external identities join the test identities, with the synthetic infrared images (hollow) that
# the second network was trained on. **Hover over a point** to see its image. **Click it** to keep it bright, together
# with the images whose features are nearest *in all dimensions*.

# %%
from bokeh.embed import file_html
from bokeh.layouts import column
from bokeh.models import ColumnDataSource, CustomJS, Div
from bokeh.plotting import figure
from bokeh.resources import INLINE

from vireid_lib.data import tables
from vireid_lib.reid.features import extract

made_up = run.training_set(compared).query("split == 'external'")
cast = tables.concat(shown, made_up.iloc[readable_sample(made_up, identities=2)])


def data_uri(image):
    """The image as text, which the page can hold."""
    with io.BytesIO() as file:
        Image.fromarray(image).save(file, "JPEG", quality=88)
        return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


thumbnails = [data_uri(image) for image in pixels(cast, (96, 48))]


@cache
def features_of_cast(network):
    model, config = run.network(training_sets[network], seed)
    return normalize(extract(model, cast, config, None))


ON_CLICK = """
const chosen = points.selected.indices, {image, words, nearest} = points.data
if (chosen.length == 1) {
    const near = nearest[chosen[0]]
    card.text = `<img src="${image[chosen[0]]}"> ${words[chosen[0]]}<br>nearest: `
        + near.map(i => `<img src="${image[i]}" title="${words[i]}">`).join(" ")
    points.selected.indices = [...chosen, ...near]
}"""


def clickable(network=other, colour="identity", perplexity=15):
    """The plane as a web page of its own; a click shows where the nearest neighbours in all dimensions lie."""
    f = features_of_cast(network)
    x, y = tsne(f, perplexity=perplexity).T
    ink = viz.identity_colours(cast[colour])
    points = {
        "x": x,
        "y": y,
        "image": thumbnails,
        "words": (cast["identity"] + ", camera " + cast["camera"].map(short) + ", " + cast["modality"]).tolist(),
        "nearest": (f @ f.T).fill_diagonal_(-1).topk(6).indices.tolist(),
        "label": cast[colour].tolist(),
        "ink": cast[colour].map(ink).tolist(),
        "marker": cast["modality"].map({"visible": "circle", "infrared": "triangle"}).tolist(),
        "fill": (cast["source"] == "real").astype(float).tolist(),
    }
    points, card = ColumnDataSource(points), Div(text="Click a point.", height=210)
    plot = figure(height=540, sizing_mode="stretch_width", tools="tap,pan,wheel_zoom,reset")
    plot.title.text = f"t-SNE of {len(cast)} images by {colour}; trained on: {network}"
    plot.add_tools("hover")
    plot.hover.tooltips = '<img src="@image"><br>@words'
    look = {"size": 9, "color": "ink", "marker": "marker", "fill_alpha": "fill", "nonselection_line_alpha": 0.4}
    plot.scatter("x", "y", source=points, legend_group="label", **look)
    plot.add_layout(plot.legend[0], "below")
    plot.legend.ncols, plot.legend.location, plot.legend.label_text_font_size = 3, "left", "8pt"
    plot.axis.visible = plot.grid.visible = False  # neither has a unit
    points.selected.js_on_change("indices", CustomJS(args={"points": points, "card": card}, code=ON_CLICK))
    page = html.escape(file_html(column(plot, card, sizing_mode="stretch_width"), INLINE))
    return HTML(f'<div><iframe srcdoc="{page}" style="width: 100%; height: 770px; border: 0"></iframe></div>')


colours = [name for name in ("identity", "modality", "camera", "source") if cast[name].nunique() > 1]
widgets.explore(clickable, network=list(held), colour=colours, perplexity=[5, 15, 30])

# %% [markdown]
# **What to notice.** A hollow triangle near its person's filled circles is a synthetic infrared image that this network
# takes for the person; it was taught to. The points that stay bright after a click are the nearest in all dimensions.
# Where one of them lies far away in the plane, the projection has torn the two apart. Points that lie near the clicked
# one and fade were put there by the projection.

# %% [markdown]
# ## 3. Spread, measured
#
# DEN (section 3.1) measures on all test images what the eye estimates above. With $f$ scaled to length 1 and $d_E$ the
# Euclidean distance:
#
# $$\mathrm{IIRS}(V,V) = \text{mean over identities of the mean } d_E \text{ between two of its visible images}$$
#
# the [*intra-modality intra-identity representation space*](glossary.md#intra-identity-spread), likewise
# $\mathrm{IIRS}(I,I)$ for infrared, and
#
# $$\mathrm{HIMD}(V,I) = \text{mean over identities of the largest } d_E \text{ across the modalities}$$
#
# the *hetero-modality intra-identity maximum distance* (its Table 6): the distance of an identity's hardest pair. Both
# need a yardstick: unrelated directions are $\sqrt2 \approx 1.41$ apart. A third measure is the gap itself: the
# distance of an identity's visible *centre* to its infrared centre, and to the infrared centres of the others.


# %% tags=["by-hand"]
def spread(f, table):
    """IIRS of each modality, HIMD, and the distances between modality centres: means over the identities of a table."""
    f, iirs, himd, centres = normalize(f), {"visible": [], "infrared": []}, [], []
    for _, images in table.groupby("identity"):
        side = {modality: f[list(images.index[images["modality"] == modality])] for modality in iirs}
        for modality, points in side.items():
            if len(points) > 1:
                distances = [(one - two).norm() for one, two in combinations(points, 2)]
                iirs[modality].append(torch.stack(distances).mean())
        if all(map(len, side.values())):
            himd.append(torch.cdist(side["visible"], side["infrared"]).max())
            centres.append([points.mean(0) for points in side.values()])
    visible, infrared = (torch.stack(points) for points in zip(*centres, strict=True))
    gaps = torch.cdist(visible, infrared)
    same = torch.eye(len(gaps), dtype=torch.bool)
    return {
        "iirs_visible": torch.stack(iirs["visible"]).mean().item(),
        "iirs_infrared": torch.stack(iirs["infrared"]).mean().item(),
        "himd": torch.stack(himd).mean().item(),
        "own_centres": gaps[same].mean().item(),
        "other_centres": gaps[~same].mean().item(),
    }


# %% tags=["by-hand"]
by_hand = spread(plain[baseline], test)
of_the_library = embedding_spread.spread(plain[baseline], test)
for name, value in of_the_library.items():
    assert abs(by_hand[name] - value) < 1e-4, name  # float32
pd.DataFrame({"by hand": by_hand, "the library": of_the_library}).round(4)

# %% [markdown]
# A largest distance depends on a single pair of images: replace `max` by `mean` in `spread`, and see how much of HIMD
# comes from that pair. (The assertion then fails, as it should.) The library's measurement for every training set and
# seed:

# %%
columns = {
    "iirs_visible": "IIRS (V,V)",
    "iirs_infrared": "IIRS (I,I)",
    "himd": "HIMD (V,I)",
    "own_centres": "own centres apart",
    "other_centres": "others' centres apart",
}
spreads = [
    {"trained on": training_label(name), **measures.distances(run, run.evaluate(name, seed)).values}
    for name in run.profile.reid.training_sets
    for seed in run.profile.reid.seeds
]
spreads = pd.DataFrame(spreads).rename(columns=columns)
by_set = spreads.groupby("trained on", sort=False)[[*columns.values()]]
by_set.agg(lambda seeds: f"{seeds.mean():.3f} ± {seeds.std():.3f}")

# %% [markdown]
# **What to notice.** HIMD should be small compared with the distance to other identities. IIRS is subtler: DEN argues
# that it should *grow*, for a person whose visible images all sit in one point leaves infrared no room to meet them. Do
# the training sets that score better have larger or smaller IIRS here, and by more than the ± of the seeds? The gap
# itself is the ratio of the last two columns: 0 would be one centre per identity whatever the modality, 1 no
# recognition at all.

# %% [markdown]
# ## 4. Distances
#
# The same, as distributions of the cosine distance over pairs of test images. Retrieval works where the orange curve
# (same person, other modality) lies left of the green one (other people, other modality).


# %%
def histograms(network=baseline):
    """Distances of pairs of test images under one network."""
    pairs = embedding_spread.pair_distances(plain[network], test)
    edges = np.histogram_bin_edges(np.concatenate(list(pairs.values())), 60)
    figure, axes = plt.subplots(figsize=(7.2, 3.6))
    for number, (kind, distances) in enumerate(pairs.items()):
        label = f"{kind} (mean {distances.mean():.2f})"
        axes.hist(distances, edges, density=True, histtype="stepfilled", alpha=0.3, color=f"C{number}", label=label)
        axes.axvline(distances.mean(), color=f"C{number}", linewidth=1, linestyle="--")
    axes.set(xlabel="cosine distance", ylabel="density of pairs", title=f"trained on: {network}")
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.2))
    plt.close(figure)
    return figure


widgets.explore(histograms, network=list(held))

# %%
histograms(network=other)

# %% [markdown]
# **What to notice.** The blue curve (same person, same modality) shows what the network can do without the change of
# modality; the distance from blue to orange is the modality gap in one picture.
#
# One number for the overlap of orange and green, the **separation**: draw a pair of the same person and a pair of
# different people, both across the modalities. How often is the first nearer? 50 % is chance. By hand: all distances
# between a visible and an infrared image, 2,000 of each kind, and each of the first compared with each of the second.

# %% tags=["by-hand"]
f = normalize(plain[baseline])
d = 1 - f[~infrared] @ f[infrared].T
same = torch.from_numpy(person[~infrared][:, None] == person[infrared])
draw = np.random.default_rng(0)
own, strangers = (draw.choice(d[kind].numpy(), 2000) for kind in (same, ~same))
nearer, equal = own[:, None] < strangers, own[:, None] == strangers
print(f"'{baseline}': {100 * (nearer + equal / 2).mean():.1f} % of {nearer.size} comparisons")

# %% [markdown]
# SciPy sorts instead, as Mann and Whitney's test does, and so compares up to 20,000 pairs of each kind, for every
# training set:


# %%
def separation(own, strangers):
    own, strangers = own.astype(float), strangers.astype(float)  # ranks are sums, which float32 would round
    return 1 - scipy.stats.mannwhitneyu(own, strangers).statistic / (len(own) * len(strangers))


assert abs((nearer + equal / 2).mean() - separation(own, strangers)) < 1e-9
for name in run.profile.reid.training_sets:
    pairs = embedding_spread.pair_distances(*run.features(name, seed, plain=True))
    own, strangers = pairs["same person, across modalities"], pairs["different people, across modalities"]
    print(f"{training_label(name):28}{100 * separation(own, strangers):5.1f} %")

# %% [markdown]
# **What to notice.** A high separation can go with a modest rank-1. Does it here? A query has few right images and very
# many strangers, and the nearest of many strangers is near.

# %% [markdown]
# ## 5. Which queries turned?
#
# Rank-1 says how many queries are right, and not which. Rank the same queries under both networks, in the first trial
# of the protocol, and look at the gallery image that each ranks first.

# %% tags=["by-hand"]
from vireid_lib.evaluation.rules import find_rule

protocol = run.protocol()
trial, rule = protocol.trials(test)[0], protocol.rule  # another rule: "regdb", "llcm"
q, g = (torch.from_numpy(part.index.to_numpy(copy=True)) for part in (trial.query, trial.gallery))
who = torch.from_numpy(pd.factorize(test["identity"])[0])
camera = torch.from_numpy(test["camera"].str.extract(r"(\d+)$")[0].to_numpy(int))

same = who[q][:, None] == who[g]
removed = find_rule(rule).removed(who[q][:, None], camera[q][:, None], who[g], camera[g])  # as in chapter 1
counts = (same & ~removed).any(1)  # queries with a right image left to be found


def first_is_right(features):
    """For each query that counts: does the nearest gallery image that the rule leaves have its identity?"""
    f = normalize(features)
    d = (1 - f[q] @ f[g].T).masked_fill(removed, torch.inf)
    return same.gather(1, d.argmin(1, keepdim=True))[counts, 0].numpy()


right = pd.DataFrame({label: first_is_right(held[label]) for label in (baseline, other)}, index=q[counts].numpy())
right = right.set_axis(["before", "after"], axis="columns")
flips = pd.crosstab(*(right[column].map({True: "right", False: "wrong"}) for column in right))
flips = flips.reindex(index=["right", "wrong"], columns=["right", "wrong"], fill_value=0)
print(f"before: {baseline}; after: {other}")
flips

# %% [markdown]
# The library keeps the rank of the first right image and the average precision as well, and counts the same:

# %% tags=["by-hand"]
before, after = (retrieval.per_query(held[label], trial, rule) for label in (baseline, other))
assert (retrieval.transitions(before, after).to_numpy() == flips.to_numpy()).all()
assert ((before["rank"] == 1) == right["before"]).all() and ((after["rank"] == 1) == right["after"]).all()

gained, lost = right.index[~right["before"] & right["after"]], right.index[right["before"] & ~right["after"]]
balance = len(gained) - len(lost)
print(
    f"{len(gained)} queries were gained and {len(lost)} lost: {len(gained) + len(lost)} changed, the balance is "
    f"{balance:+d} ({100 * balance / len(right):+.1f} points of rank-1)."
)

# %% [markdown]
# **What to notice.** Compare the number of queries that changed with the balance. Two seeds of the *same* training set
# exchange queries too: hence error bars. Rank-1 in percent for each query camera:

# %%
by_camera = (100 * right).groupby(test.loc[right.index, "camera"])
by_camera.mean().assign(queries=by_camera.size()).round(1)

# %% [markdown]
# ### Ranked lists
#
# First, queries that were wrong before and are right now, then the reverse. ✓ with a solid frame is the query's
# identity, ✗ with a dashed frame another one; below is the cosine distance. Gallery images that the rule removes are
# left out.

# %%
for queries, words in ((gained, "Wrong before, right after"), (lost, "Right before, wrong after")):
    different = test.loc[queries].sample(frac=1, random_state=0).drop_duplicates("identity").index[:3]
    if len(different):
        title = f"{words}; ranked by the network trained on: {other}"
        display(viz.retrieval_lists(held[other], test, trial, rule, different, title=title))
    else:
        print(f"{words}: no query")

# %% [markdown]
# **What to notice.** Does the change come from the person (bag, coat, build), or do whole lists differ? Look at the
# wrong images: are they wrong in an interesting way? The same build, the same bag, the same contrast between coat and
# trousers: such a mistake shows a good network short of information. The same background or the same camera: such a
# mistake shows a network that has learned the wrong thing.

# %% [markdown]
# ## 6. What in the image decides?
#
# *Grad-CAM++* (Chattopadhay et al. 2018) asks which places of the last feature map would raise the score if they were
# stronger. It was made for a class score; a retrieval has none, so we take the cosine similarity $s$ of the two images.
# With $A^c_{i}$ channel $c$ of the map at place $i$ and $g^c_i = \partial s / \partial A^c_i$:
#
# $$\mathrm{heat}_i = \mathrm{ReLU}\Big(\sum_c w_c A^c_i\Big), \qquad
# w_c = \sum_i \alpha^c_i\, \mathrm{ReLU}(g^c_i), \qquad
# \alpha^c_i = \frac{(g^c_i)^2}{2 (g^c_i)^2 + (g^c_i)^3 \sum_j A^c_j}$$
#
# Two hooks catch what no function returns: one the map on its way forward, the other its gradient on the way back.


# %% tags=["by-hand"]
def grad_cam(model, image, modality, towards):
    """The heat [1, h, w] of an image [1, 3, H, W], from 0 to 1, and its similarity s to the feature `towards`."""
    kept = {}

    def forward_hook(module, inputs, output):
        kept["A"] = output
        output.register_hook(backward_hook)

    def backward_hook(gradient):
        kept["g"] = gradient

    hook = model.backbone.layer4[-1].register_forward_hook(forward_hook)
    s = cosine_similarity(model.features(image, modality), towards)
    hook.remove()
    model.zero_grad()
    s.sum().backward()

    A, g = kept["A"].detach(), kept["g"]
    alpha = g**2 / (2 * g**2 + g**3 * A.sum((2, 3), keepdim=True))
    w = torch.where(g > 0, alpha * g, 0).sum((2, 3), keepdim=True)
    heat = (w * A).sum(1).relu()
    return heat / heat.max().clamp(min=1e-12), s.detach()


# %% [markdown]
# It is a first-order guess from gradients. So we also *try*: **occlusion** covers the image cell by cell with its mean
# colour and notes how much $s$ drops (Zeiler and Fergus 2014). Slow and coarse, but no guess.


# %% tags=["by-hand"]
CELLS = 8, 4  # rows and columns


@torch.no_grad()
def occlusion(model, image, modality, towards, cells=CELLS):
    """By how much s drops [1, rows, columns] when a cell of the image is covered by the image's mean colour."""
    y, x = (np.linspace(0, size, n + 1).round().astype(int) for size, n in zip(image.shape[2:], cells, strict=True))
    images = image.repeat(1 + cells[0] * cells[1], 1, 1, 1)  # the first stays as it is
    for covered, (i, j) in zip(images[1:], np.ndindex(*cells), strict=True):
        covered[:, y[i] : y[i + 1], x[j] : x[j + 1]] = image.mean((2, 3)).T[:, :, None]
    s = cosine_similarity(model.features(images, modality), towards)
    return (s[0] - s[1:]).reshape(1, *cells)


# %% [markdown]
# A query of the test set and the gallery image that the second network ranks first, each explained by its similarity to
# the other, and both compared with the library's functions. (Hooks need a module that puts the map out. AGW and its
# relatives have one, the last block of `layer4`. DEEN, MPANet and DART join several maps; for them the library's
# version, which asks the method for the map, takes over.)

# %% tags=["by-hand"]
from vireid_lib.data.augment import normalise
from vireid_lib.data.images import to_float


@cache
def opened(label):
    model, config = run.network(training_sets[label], seed)
    return model.to(run.device), (config.height, config.width)


def explain(label, row, partner):
    """What in one test image makes it similar to another one: heat, drops and s."""
    model, size = opened(label)
    image, target = (normalise(to_float(pixels(test.loc[[each]], size), run.device)) for each in (row, partner))
    with torch.no_grad():
        towards = model.features(target, test.loc[partner, "modality"])
    arguments = model, image, test.loc[row, "modality"], towards
    heat, s = grad_cam(*arguments)
    return heat.cpu(), occlusion(*arguments).cpu(), s.item(), arguments


def first_image(query, label=other):
    """The gallery image that a query ranks first."""
    ranking = retrieval.ranked(held[label], trial, rule, query)
    return ranking.loc[~ranking["removed"], "row"].iloc[0]


if type(opened(other)[0]).__name__ != "TwoStreamNetwork":
    grad_cam = saliency.grad_cam_plus_plus
query = right.index[0]
heat, drops, s, arguments = explain(other, query, first_image(query))
torch.testing.assert_close(heat, saliency.grad_cam_plus_plus(*arguments)[0], atol=1e-3, rtol=0)  # of a largest heat 1
torch.testing.assert_close(drops, saliency.occlusion(*arguments, cells=CELLS), atol=1e-5, rtol=0)
print(f"similarity {s:.3f}; the largest drop by covering one cell {drops.max():.3f}, the smallest {drops.min():+.3f}")

# %% [markdown]
# Now pairs of a query and its first gallery image, right pairs and wrong ones, at most twelve of each kind, each of
# another identity. The pictures show the first three of each. (Where test features average an image with its mirror
# image, $s$ is not quite one minus the distance shown above: here the image stands alone.)

# %%
explained = {}
for kind in (True, False):
    queries = after[(after["rank"] == 1) == kind].sample(frac=1, random_state=0).drop_duplicates("identity").index[:12]
    pairs = [(query, first_image(query)) for query in queries]
    both_ways = [each for pair in pairs for each in (pair, pair[::-1])]
    explained[kind] = [(row, *explain(other, row, partner)[:3]) for row, partner in both_ways]

for kind, images in explained.items():
    if images:
        rows, heats, drops, similarities = zip(*images[:6], strict=True)
        words = "right" if kind else "wrong"
        captions = ["query", f"first: {words}"] * 3
        labels = [f"{caption}\ns = {s:.2f}" for caption, s in zip(captions, similarities, strict=False)]
        maps = {"Grad-CAM++": torch.cat(heats).numpy(), "occlusion": torch.cat(drops).numpy()}
        title = f"Where the first image is {words}; trained on: {other}"
        display(viz.explanations(pixels(test.loc[list(rows)], opened(other)[1]), maps, labels=labels, title=title))

# %% [markdown]
# **What to notice.** Do heat and occlusion point at the same place? Where they do not, one of them is wrong.
#
# Correlate them over the places of each image, for all pairs. 1: the same map; 0: unrelated maps; below 0: one leaves
# dark what the other lights up.

# %%
for kind, images in explained.items():
    values = [
        torch.corrcoef(torch.stack([adaptive_avg_pool2d(heat, drops.shape[1:]).flatten(), drops.flatten()]))[0, 1]
        for _, heat, drops, _ in images
    ]
    if values:
        mean = torch.stack(values).nanmean()
        print(f"{'right' if kind else 'wrong'} pairs: correlation {mean:+.2f} over {len(values)} images")

# %% [markdown]
# **What to notice.** First the correlation. Where it is near zero or negative, do not believe the Grad-CAM++ row,
# however convincing the picture: covering what it calls important changes little. That happens easily in a small
# network with a BN neck. Some channels can be strong *everywhere but on the person*, at the image's border above all.
# The neck subtracts their mean, so retrieval does not care, but a map that is weighted by strength does. A heat map is
# a hypothesis; occlusion is a test of it.
#
# Then the occlusion row. Its cells are coarse: read them as "head, upper body, legs, background". Is it the same part
# of the person in both images? In wrong pairs, is it something that the two people really share? Heat outside the
# person is a warning. And both have a limit: they show what makes the pair similar, not what the network would have
# needed to tell the two apart.
#
# Any query, under any of the networks. In JupyterLab, tick `show removed` to see what the protocol removes and where it
# would have ranked, and `heat` for the Grad-CAM++ of each image (of the query: for its similarity to the first image
# shown).


# %%
def any_query(network=other, first="any", query=0, ranks=8, show_removed=False, heat=False):
    """One query's nearest gallery images under one network."""
    outcomes = retrieval.per_query(held[network], trial, rule)
    hit = outcomes["rank"] == 1
    asking = outcomes.index[{"any": hit | ~hit, "right": hit, "wrong": ~hit}[first]]
    asked = asking[query % len(asking)]
    ranking = retrieval.ranked(held[network], trial, rule, asked)
    ranking = ranking[show_removed | ~ranking["removed"]].head(ranks)

    rows = [asked, *ranking["row"]]
    figure, axes = plt.subplots(1 + heat, len(rows), figsize=(1.1 * len(rows), 2.8 + 2 * heat), squeeze=False)
    for ax, image in zip(axes[0], pixels(test.loc[rows]), strict=True):
        ax.imshow(image)
    for ax, row in zip(axes[0, 1:], ranking.itertuples(), strict=True):
        ax.images[0].set_alpha(0.25 if row.removed else 1)
        ax.set_title("removed" if row.removed else f"{row.rank} {'✓' if row.right else '✗'}", color=f"C{1 - row.right}")
        ax.set_xlabel(f"{row.distance:.2f}\ncamera {short(row.camera)}")
    axes[0, 0].set_title("query")
    axes[0, 0].set_xlabel(f"{short(test.loc[asked, 'identity'])}\ncamera {short(test.loc[asked, 'camera'])}")
    if heat:
        for ax, image, row in zip(axes[1], pixels(test.loc[rows]), rows, strict=True):
            found = explain(network, row, rows[1] if row == asked else asked)[0][0]
            ax.imshow(image.mean(2), cmap="gray")
            ax.imshow(found, cmap="magma", alpha=0.5, extent=(0, 64, 128, 0), interpolation="bilinear")
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
    title = f"Trained on: {network}; rank of the first right image: {outcomes.loc[asked, 'rank']}"
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    figure.set_layout_engine("constrained")
    plt.close(figure)
    return figure


widgets.explore(
    any_query,
    network=list(held),
    first=["any", "right", "wrong"],
    query=range(len(after)),
    ranks=[5, 8, 12],
    show_removed=True,
    heat=True,
)

# %% [markdown]
# ## Exercises
#
# **1.** For vectors of length 1, how does the Euclidean distance follow from the cosine distance? Would the rankings of
# [chapter 1](01_datasets.py) change if one replaced the other?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 1.
# The square of the Euclidean distance is 1 + 1 - 2 cos = 2 (1 - cos): the root of twice the cosine
# distance. The root keeps the order, so no ranking changes; unrelated directions (cosine distance 1) are the root of 2
# apart, the yardstick of section 3.
some = f[:50]
euclidean, cosine = torch.cdist(some, some), 1 - some @ some.T
torch.testing.assert_close(euclidean**2, (2 * cosine).clamp(min=0), atol=1e-4, rtol=0)
assert abs(torch.dist(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])) - 2**0.5) < 1e-6
print(f"largest difference over {euclidean.numel()} pairs: {(euclidean**2 - 2 * cosine).abs().max():.1e}")

# %% [markdown]
# **2.** Some queries were gained and some lost. If the two networks were equally good, each changed query would fall on
# either side like a coin. How likely is a balance at least as uneven as that of section 5? What is wrong with this
# calculation?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 2.
# A sign test (McNemar): binomial with a half. 12 against 4, for example, happens by chance in 7.7 % of
# cases. What is wrong: queries of one person are not independent coins (they turn together), so the true
# probability is larger; and the two networks are one seed each, which says nothing about other seeds. Chapter 4's
# intervals over seeds are the ones to go by.
assert round(scipy.stats.binomtest(12, 16).pvalue, 3) == 0.077
changed = len(gained) + len(lost)
chance = scipy.stats.binomtest(len(gained), changed).pvalue if changed else 1.0
assert 0 < chance <= 1
print(f"{len(gained)} gained, {len(lost)} lost: {chance:.2g} if queries were independent coins")

# %% [markdown]
# ## Something to try
#
# 1. Run with `-p compared=grayscale`. *Expect* the modality gap of section 3 to behave differently than with infrared
#    that looks like infrared: the network learns that grey photographs and colour photographs belong together, which is
#    not what the test asks.
# 2. Take two seeds of the *baseline* instead of two training sets: before section 5, set
#    `held[other] = run.features("real", run.profile.reid.seeds[1])[0]`. *Expect* about as many gained queries as lost
#    ones. So much of "what changed" is nothing but the seed.
# 3. Leave $\alpha$ away in `grad_cam` (`alpha = 1`, plain Grad-CAM) and take the assertion out. *Expect* other maps. Do
#    they agree with occlusion any better?
#
# ## Further reading
#
# - Kim, Gwon, Seo: "Enhancing Diverse Intra-identity Representation for Visible-Infrared Person Re-Identification",
#   WACV 2024: IIRS and HIMD.
# - van der Maaten, Hinton: "Visualizing Data using t-SNE", Journal of Machine Learning Research 2008.
# - Wattenberg, Viégas, Johnson: "How to Use t-SNE Effectively", Distill 2016: what such pictures do not show.
# - Chattopadhay, Sarkar, Howlader, Balasubramanian: "Grad-CAM++: Generalized Gradient-Based Visual Explanations for
#   Deep Convolutional Networks", WACV 2018.
# - Zeiler, Fergus: "Visualizing and Understanding Convolutional Networks", ECCV 2014: occlusion.
# - Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim: "Sanity Checks for Saliency Maps", NeurIPS 2018: why a heat map
#   needs a test.
