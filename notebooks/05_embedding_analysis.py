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
# **The question.** Chapter 4 gave each network a number. Here we open two of them, the baseline and one that was
# trained with synthetic infrared: where do the features of one person lie now, which queries turned from wrong to
# right, and what in an image decides it?
#
# **This chapter** reads the trained networks and the test features of chapter 4 (it trains what is missing), makes a
# record of each embedding's spread, and costs about a minute once the networks are there.
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
people = 8  # 2 or more: how many test people the projections show

# %%
from functools import partial

import scipy.stats
import torch
from IPython.display import display

from vireid_lib import experiment
from vireid_lib import viz as plots
from vireid_lib.analysis.embedding_spread import hardest_cross_distance, pair_distances
from vireid_lib.analysis.projection import readable_sample, tsne
from vireid_lib.book import retrieval
from vireid_lib.experiment import measures
from vireid_lib.experiment.training_sets import training_label
from vireid_lib.viz import explorers, widgets

run = experiment.open(profile, workspace, data_root, method)
run

# %% [markdown]
# ## 1. Two networks, the same test images
#
# A [feature](glossary.md#feature) is a point; what counts is its direction. Two images $x, x'$ are compared by the
# cosine distance
#
# $$d(x, x') = 1 - \frac{f(x)^{\!\top} f(x')}{\lVert f(x)\rVert\, \lVert f(x')\rVert},$$
#
# 0 for equal directions, 1 for unrelated ones. $f$ is the network up to its BN neck (chapter 4). All people below are
# **test people**: neither network has seen them.

# %%
seed = run.profile.reid.seeds[0]
names = ["real", compared, *({"oracle_ir"} & set(run.profile.reid.training_sets) - {compared})]
held = {training_label(name): run.features(name, seed)[0] for name in names}
plain = {training_label(name): run.features(name, seed, plain=True)[0] for name in names}
test, lights = run.data().test(), ("visible", "infrared")
baseline, other = list(held)[:2]
print(
    f"{len(test)} test images of {test['identity'].nunique()} people; seed {seed}; "
    + ", ".join(f"'{name}': {features.shape[1]} dimensions" for name, features in held.items())
)

# %% [markdown]
# ## 2. The embedding in the plane
#
# *t-SNE* (van der Maaten and Hinton 2008) lays the points out in a plane so that near neighbours stay near. It invents
# the rest: how far two clusters are apart, and how large they are, means nothing. One projection, coloured three ways.
# Round points are visible images, triangles infrared ones.

# %%
rows = readable_sample(test, identities=people)
shown = test.iloc[rows]


def plane(network=baseline, perplexity=15):
    """One network's features of a few people."""
    points = tsne(held[network][rows], perplexity=perplexity)
    return plots.projection(
        points,
        identities=shown["identity"].tolist(),
        modalities=shown["modality"].tolist(),
        cameras=shown["camera"].tolist(),
        title=f"trained on: {network}",
    )


widgets.explore(plane, network=list(held), perplexity=[5, 15, 30])

# %%
plane(network=other)

# %% [markdown]
# **What to notice.** Take the middle panel first. A network without a modality gap would mix the two colours
# everywhere; islands of one colour are the gap. Then the left panel: a person's round points and triangles should
# touch. Where they form two separate clumps of one colour, the network knows the person *in each light* and does not
# know that the two are one. In the right panel, clumps of one camera mean that the background still speaks. Compare
# the two networks by such questions, and not by how tidy they look: t-SNE can make anything tidy.

# %% [markdown]
# Which images are the odd ones? One panel, in colours of your choice; beside the test people stand two external people
# with the infrared images that somebody made up (hollow), which the second network was trained on. **Click
# a point**: it shows its image, and the images whose features are nearest in all dimensions.

# %%
opened = {training_label(name): partial(run.network, name, seed) for name in names}
added = run.training_set(compared).query("split == 'external'")
explorers.explore_embedding(test, opened, synthetic=added, people=people, first=other)

# %% [markdown]
# **What to notice.** A hollow triangle beside its person's filled circles is a made-up infrared image that this network
# takes for the person; it was taught to. Neighbours in the plane that are no neighbours in the list on the right are
# what the projection made up.

# %% [markdown]
# ## 3. Spread, measured
#
# DEN (section 3.1) measures what the eye does above, on all test images. With $f$ scaled to length 1 and $d_E$ the
# Euclidean distance:
#
# $$\mathrm{IIRS}(V,V) = \text{mean over people of the mean } d_E \text{ between two visible images of the person}$$
#
# the [*intra-modality intra-identity representation space*](glossary.md#intra-identity-spread), likewise
# $\mathrm{IIRS}(I,I)$ for infrared, and
#
# $$\mathrm{HIMD}(V,I) = \text{mean over people of the largest } d_E \text{ between a visible and an infrared image}$$
#
# the *hetero-modality intra-identity maximum distance* (its Table 6): how far the hardest pair of a person is apart.
# Both need a yardstick: unrelated directions are $\sqrt2 \approx 1.41$ apart. The last two columns are distances
# between modality *centres*: of the same person, and of different people.
#
# Many methods are tested with features averaged over an image and its mirror image, which brings a person's images
# together. So that distances can be compared between methods, here and in the studies they are measured on the features
# of the images as they are; scores and rankings keep each method's own.
#
# HIMD in three lines:
#
# | symbol | in the code | what it is |
# |---|---|---|
# | $f$ | `f` | features of the test images, scaled to length 1 |
# | – | `sides` | for each person the rows of the visible and of the infrared images |
# | $d_E$ | `torch.cdist` | Euclidean distances of all pairs of rows of two sets |

# %% tags=["equation"]
f = torch.nn.functional.normalize(plain[baseline])
sides = [[list(rows.index[rows["modality"] == light]) for light in lights] for _, rows in test.groupby("identity")]
himd = torch.stack([torch.cdist(f[visible], f[infrared]).max() for visible, infrared in sides]).mean()

print(f"HIMD(V,I) of '{baseline}', seed {seed}: {himd:.3f}; the library says {hardest_cross_distance(f, test):.3f}")

# %% [markdown]
# And all of them, for every training set:

# %%
spreads = measures.spread_table(run)
measures.spread_words(spreads)

# %% [markdown]
# **What to notice.** HIMD should be small compared with the distance to other people. IIRS is subtler: DEN argues that
# it should *grow*, for a person whose visible images all sit in one point leaves infrared no room to meet them. Look
# whether the training sets that score better have larger or smaller IIRS here, and by more than the ± of the seeds. The
# gap itself is the ratio of the last two columns: 0 would be one centre per person whatever the light, 1 no recognition
# at all.

# %% [markdown]
# ## 4. Distances
#
# The same, as distributions of the cosine distance over pairs of test images. Retrieval works where the orange curve
# (same person, other light) lies left of the green one (other people, other light).


# %%
def histograms(network=baseline):
    """Distances of pairs of test images under one network."""
    return plots.distance_histograms(
        pair_distances(plain[network], test), axis="cosine distance", title=f"trained on: {network}"
    )


widgets.explore(histograms, network=list(held))

# %%
histograms(network=other)

# %% [markdown]
# **What to notice.** The blue curve (same person, same light) is what the network could do without the change of light;
# the distance from blue to orange is the modality gap in one picture.
#
# One number for the overlap: draw a pair of the same person and a pair of different people, both across the modalities.
# How often is the first nearer? 50 % is chance.

# %%
for row in measures.separations(run, seed).itertuples():
    print(f"{training_label(row.training):28}{row.separation:5.1f} %")

# %% [markdown]
# **What to notice.** See how a high separation can go with a modest rank-1: a query has few right images and very many
# strangers, and the nearest of many strangers is near.

# %% [markdown]
# ## 5. Which queries turned?
#
# Rank-1 says how many queries are right. It does not say which. The same queries under both networks, first gallery
# image right or wrong, first trial of the protocol:

# %%
protocol = run.protocol()
trial = protocol.trials(test)[0]
before = retrieval.per_query(held[baseline], trial, protocol.rule)
after = retrieval.per_query(held[other], trial, protocol.rule)
fates = retrieval.fates(before, after)
print(f"before: {baseline}; after: {other}")
fates

# %%
gained, lost = fates.loc["wrong", "right"], fates.loc["right", "wrong"]
print(
    f"{gained} queries were gained and {lost} lost: {gained + lost} changed, the balance is {gained - lost:+d} "
    f"({100 * (gained - lost) / len(before):+.1f} points of rank-1)."
)

# %% [markdown]
# **What to notice.** Far more queries change than the balance shows. Two seeds of the *same* training set do that too,
# which is the reason for error bars. Each query camera by itself, rank-1 in percent:

# %%
(
    before.assign(before=100 * (before["rank"] == 1), after=100 * (after["rank"] == 1))
    .groupby("camera")
    .agg(queries=("before", "size"), before=("before", "mean"), after=("after", "mean"))
    .round(1)
)

# %% [markdown]
# ### Ranked lists
#
# First, queries that were wrong before and are right now, then the reverse. ✓ with a solid frame is the right person, ✗
# with a dashed frame somebody else; below is the cosine distance. Gallery images that the rule removes are left out.

# %%
for right, words in ((True, "Wrong before, right after"), (False, "Right before, wrong after")):
    queries = retrieval.turned(before, after, right=right, count=4)
    if queries:
        lists = retrieval.lists(held[other], test, trial, protocol.rule, queries)
        display(plots.retrieval_lists(**lists, title=f"{words}; ranked by the network trained on: {other}"))
    else:
        print(f"{words}: no query")

# %% [markdown]
# **What to notice.** Is what changed a matter of the person (bag, coat, build), or do whole lists differ?
#
# Any query, under any of the networks. In JupyterLab, tick `show removed` to see what the protocol takes away and where
# it would have stood, and `grad cam` for what makes each image similar to the query (section 6 explains it, and warns).

# %%
explorers.explore_queries(held, test, trial, protocol.rule, opened, first=other)

# %% [markdown]
# **What to notice.** Look at the wrong images: are they wrong in an interesting way? The same build, the same bag, the
# same contrast between coat and trousers: such a mistake is a good network short of information. The same background or
# the same camera: that is a network which has learned the wrong thing.

# %% [markdown]
# ## 6. What in the image decides?
#
# *Grad-CAM++* (Chattopadhay et al. 2018) asks which places of the last feature map would, if they were stronger, raise
# the score. It was made for a class score; a retrieval has none, so we take the cosine similarity $s$ of the two
# images. With $A^c_{i}$ channel $c$ of the map at place $i$ and $g^c_i = \partial s / \partial A^c_i$:
#
# $$\mathrm{heat}_i = \mathrm{ReLU}\Big(\sum_c w_c A^c_i\Big), \qquad
# w_c = \sum_i \alpha^c_i\, \mathrm{ReLU}(g^c_i), \qquad
# \alpha^c_i = \frac{(g^c_i)^2}{2 (g^c_i)^2 + (g^c_i)^3 \sum_j A^c_j}$$
#
# It is a first-order guess from gradients. So we also *try*: **occlusion** covers the image cell by cell with its mean
# colour and notes how much $s$ drops (Zeiler and Fergus 2014). Slow and coarse, but no guess.
#
# Each pair is a query and the gallery image that it ranked first, each explained by its similarity to the other. Three
# pairs that are right, then three that are wrong. (Where test features average an image with its mirror image, $s$ is
# not quite one minus the distance shown above: here the image stands alone.)

# %%
network, config = run.network(compared, seed)


def pairs_of(right, count):
    """Queries whose first gallery image is right (or wrong), each explained together with it."""
    queries = retrieval.examples(after, right=right, count=count)
    return retrieval.explain(network, config, test, retrieval.first_pairs(held[other], trial, protocol.rule, queries))


kinds = [right for right in (True, False) if ((after["rank"] == 1) == right).any()]
for right in kinds:
    found = pairs_of(right, count=3)
    captions = ["query", "first: right" if right else "first: wrong"] * (len(found.images) // 2)
    labels = [f"{caption}\ns = {value:.2f}" for caption, value in zip(captions, found.similarity, strict=True)]
    maps = {"Grad-CAM++": found.grad_cam.numpy(), "occlusion": found.occlusion.numpy()}
    display(plots.explanations(found.images, maps, labels=labels))

# %% [markdown]
# **What to notice.** Do heat and occlusion point at the same place? Where they do not, one of them is wrong.
#
# Correlate them over the places of each image, with more pairs. 1: the same map; 0: they have nothing
# to do with each other; below: what the one lights up, the other leaves dark.

# %%
for right in kinds:
    print(f"{'right' if right else 'wrong'} pairs: correlation {pairs_of(right, count=12).agreement:+.2f}")

# %% [markdown]
# **What to notice.** First the correlation. Where it is near zero or negative, do not believe the Grad-CAM++ row,
# however convincing the picture: covering what it calls important changes little. That happens easily in a small
# network with a BN neck. Some channels are strong *everywhere but on the person*, at the image's border above all; the
# neck subtracts their mean, so that retrieval does not care, but a map that is weighted by strength does. A heat map is
# a hypothesis; occlusion is a test of it.
#
# Then the occlusion row. Its cells are coarse (8×4): read them as "head, upper body, legs, background". Is it the same
# part of the person in both images? In wrong pairs, is it something that the two people really share? Heat beside the
# person is a warning. And a limit of both: they show what makes the pair similar, not what the network would have
# needed to tell the two apart.

# %% [markdown]
# ## Exercises
#
# **1.** For vectors of length 1, how does the Euclidean distance follow from the cosine distance? Would the rankings of
# chapter 1 change with the one in place of the other?

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
# either side like a coin. How likely is a balance as uneven as the one of section 5, or more so? What is wrong with
# this reckoning?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 2.
# A sign test (McNemar): binomial with a half. 12 against 4, for example, happens by chance in 7.7 % of
# cases. What is wrong: queries of one person are not independent coins (they turn together), so the true
# probability is larger; and the two networks are one seed each, which says nothing about other seeds. Chapter 4's
# intervals over seeds are the ones to go by.
assert round(scipy.stats.binomtest(12, 16).pvalue, 3) == 0.077
changed = int(gained + lost)
chance = scipy.stats.binomtest(int(gained), changed).pvalue if changed else 1.0
assert 0 < chance <= 1
print(f"{gained} gained, {lost} lost: {chance:.2g} if queries were independent coins")

# %% [markdown]
# ## Something to try
#
# 1. Run with `-p compared=grayscale`. *Expect* the modality gap of section 3 to behave otherwise than with infrared
#    that looks like infrared: the network learns that grey photographs and colour photographs belong together, which
#    is not what the test asks.
# 2. Take two seeds of the *baseline* instead of two training sets: let `held` hold
#    `book.features("real", s)[0]` for two seeds `s`, and look at section 5 again. *Expect* about as many gained
#    queries as lost ones. That is how much of "what changed" is nothing but the seed.
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
