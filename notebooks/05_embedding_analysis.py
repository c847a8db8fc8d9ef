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

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""
data_root = ""
method = ""  # a ReID method instead of the profile's, as in chapter 4
compared = "dive"  # the training set whose network is held against the baseline
people = 8  # how many test people the projections show

# %%
from functools import partial

from IPython.display import display

from vireid_lib.analysis.projection import readable_sample, tsne
from vireid_lib.analysis.spaces import pair_distances
from vireid_lib.book import explorers, measures, open_book, plots, retrieval, stages, verdicts, widgets

book = open_book(profile, workspace, data_root, method)
book

# %% [markdown]
# ## 1. Two networks, the same test images
#
# A feature is a point; what counts is its direction. Two images $x, x'$ are compared by the cosine distance
#
# $$d(x, x') = 1 - \frac{f(x)^{\!\top} f(x')}{\lVert f(x)\rVert\, \lVert f(x')\rVert},$$
#
# 0 for equal directions, 1 for unrelated ones. $f$ is the network up to its BN neck (chapter 4). All people below are
# **test people**: neither network has seen them.

# %%
seed = book.profile.reid.seeds[0]
names = ["real", compared, *({"true"} & set(book.profile.reid.training_sets) - {compared})]
held = {verdicts.training_label(name): stages.features(book, name, seed)[0] for name in names}
test = stages.datasets(book).test()
baseline, other = list(held)[:2]
print(f"{len(test)} test images of {test['identity'].nunique()} people; seed {seed}; "
      + ", ".join(f"'{name}': {features.shape[1]} dimensions" for name, features in held.items()))

# %% [markdown]
# ## 2. The embedding in the plane
#
# *t-SNE* (van der Maaten and Hinton 2008) lays the points out in a plane so that near neighbours stay near. It invents
# the rest: how far two clusters are apart, and how large they are, means nothing. One projection, coloured three ways.
# Round points are visible images, triangles infrared ones.

# %%
rows = readable_sample(test, people=people)
shown = test.iloc[rows]


def plane(network=baseline, perplexity=15):
    """One network's features of a few people."""
    points = tsne(held[network][rows], perplexity=perplexity)
    return plots.projection(points, identities=shown["identity"].tolist(), modalities=shown["modality"].tolist(),
                            cameras=shown["camera"].tolist(), title=f"trained on: {network}")


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
# ## 3. Spread, measured
#
# DEN (section 3.1) measures what the eye does above, on all test images. With $f$ scaled to length 1 and $d_E$ the
# Euclidean distance:
#
# $$\mathrm{IIRS}(V,V) = \text{mean over people of the mean } d_E \text{ between two visible images of the person}$$
#
# the *intra-modality intra-identity representation space*, likewise $\mathrm{IIRS}(I,I)$ for infrared, and
#
# $$\mathrm{HIMD}(V,I) = \text{mean over people of the largest } d_E \text{ between a visible and an infrared image}$$
#
# the *hetero-modality intra-identity maximum distance* (its Table 6): how far the hardest pair of a person is apart.
# Both need a yardstick: unrelated directions are $\sqrt2 \approx 1.41$ apart. The last two columns are distances
# between modality *centres*: of the same person, and of different people.

# %%
spreads = measures.spread_table(book)
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
    return plots.distance_histograms(pair_distances(held[network], test), axis="cosine distance",
                                     title=f"trained on: {network}")


widgets.explore(histograms, network=list(held))

# %%
histograms(network=other)

# %% [markdown]
# One number for the overlap: draw a pair of the same person and a pair of different people, both across the modalities.
# How often is the first nearer? 50 % is chance.

# %%
for row in measures.separations(book, seed).itertuples():
    print(f"{verdicts.training_label(row.training):28}{row.separation:5.1f} %")

# %% [markdown]
# **What to notice.** The blue curve (same person, same light) is what the network could do without the change of
# light; the distance from blue to orange is the modality gap in one picture. And see how a high separation can go with
# a modest rank-1: a query has few right images and very many strangers, and the nearest of many strangers is near.

# %% [markdown]
# ## 5. Which queries turned?
#
# Rank-1 says how many queries are right. It does not say which. The same queries under both networks, first gallery
# image right or wrong, first trial of the protocol:

# %%
protocol = stages.protocol(book)
trial = protocol.trials(test)[0]
before = retrieval.per_query(held[baseline], trial, protocol.rule)
after = retrieval.per_query(held[other], trial, protocol.rule)
fates = retrieval.fates(before, after)
print(f"before: {baseline}; after: {other}")
fates

# %%
gained, lost = fates.loc["wrong", "right"], fates.loc["right", "wrong"]
print(f"{gained} queries were gained and {lost} lost: {gained + lost} changed, the balance is {gained - lost:+d} "
      f"({100 * (gained - lost) / len(before):+.1f} points of rank-1).")

# %% [markdown]
# **What to notice.** Far more queries change than the balance shows. Two seeds of the *same* training set do that too,
# which is the reason for error bars. Each query camera by itself, rank-1 in percent:

# %%
(before.assign(before=100 * (before["rank"] == 1), after=100 * (after["rank"] == 1))
 .groupby("camera").agg(queries=("before", "size"), before=("before", "mean"), after=("after", "mean")).round(1))

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
# Any query, under any of the networks. In JupyterLab, tick `show removed` to see what the protocol takes away and where
# it would have stood, and `grad cam` for what makes each image similar to the query (section 6 explains it, and warns).

# %%
opened = {verdicts.training_label(name): partial(stages.network, book, name, seed) for name in names}
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
network, config = stages.network(book, compared, seed)


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
# Do the two agree? Correlate them over the places of each image, with more pairs. 1: the same map; 0: they have nothing
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
# ## Something to try
#
# 1. Run with `-p compared=copies`. *Expect* the modality gap of section 3 to behave otherwise than with infrared that
#    looks like infrared: the network learns that grey photographs and colour photographs belong together, which is not
#    what the test asks.
# 2. Take two seeds of the *baseline* instead of two training sets: let `held` hold
#    `stages.features(book, "real", s)[0]` for two seeds `s`, and look at section 5 again. *Expect* about as many gained
#    queries as lost ones. That is how much of "what changed" is nothing but the seed.
