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
# # 3 · Synthetic galleries
#
# **The question.** Are the images that a generator makes *infrared*, and are they images of the *right person*? A
# network that trains on them in chapter 4 will believe whatever they say, so it pays to look, and to measure, before.
#
# **This chapter** reads the generator of chapter 2 (or fits the one that `generator` names), makes every infrared image
# that chapter 4 trains on, as an image table with a seed for each, and trained networks of chapter 4 as judges (the
# baseline, above all), and costs, on the miniature world, a few minutes on two CPU cores the first time and seconds
# later.
#
# **You will learn**
#
# - what a generated gallery consists of, and why each of its images is a label too;
# - to measure whether a synthetic image still shows the person, and how near a gallery as a whole comes to real images;
# - to ask a gallery for copies, failures and whose images they are.
#
# **You need** chapters 1 and 2, and what mean and covariance are.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
people_shown = 5  # external identities in each picture
strengths = [0.4, 0.6, 0.8]  # shares: of the noise schedule that pictures from an image run
generator = "dive"  # or "cyclegan", "flow2flow", …: `-p generator=NAME` makes this chapter about another one

# %%
import numpy as np
import scipy.linalg

from vireid_lib import experiment
from vireid_lib import viz as plots
from vireid_lib.analysis.fidelity import frechet_distance
from vireid_lib.book.galleries import audit, halves, measures, provenance
from vireid_lib.book.galleries import stages as study
from vireid_lib.viz import equations
from vireid_lib.viz.pictures import short
from vireid_lib.viz.widgets import explore

run = study.for_generator(experiment.open(profile, workspace, data_root), generator)
run

# %% [markdown] tags=["others"]
# ## What is made
#
# For each identity $p^E$ of the external set and each infrared camera $I_i$ of the target set, the generator that
# `generator` names makes several images, most generators from a photograph $x^V$ of the person,
# $x^S = G(x^V, I_i)$. Together they are the set
#
# $$ \mathcal I_{Ext} = \{(x_n^I, y_n^I)\}_{n=1}^{N_S} , $$
#
# whose labels $y_n^I$ nobody had to write: each image is labelled with the person of the photograph. That is the
# promise, and the risk: if the person is lost on the way, the label is wrong.

# %% [markdown] tags=["dive"]
# ## What is made
#
# For each identity $p^E$ of the external set and each infrared camera $I_i$ of the target set, the generator is asked
# for "a $[I_i]$ photo of $[p^E]$ person" (equation 5 of the paper), several times with different noise. Together the
# answers are the set
#
# $$ \mathcal I_{Ext} = \{(x_n^I, y_n^I)\}_{n=1}^{N_S} , $$
#
# whose labels $y_n^I$ nobody had to write: each image was *ordered* under its label. That is the promise, and the risk:
# if the image does not show the person it was ordered as, its label is wrong.

# %%
made = run.synthesize(generator)
made.groupby("camera").agg(images=("path", "size"), identities=("identity", "nunique"), seeds=("seed", "nunique"))

# %% [markdown]
# ## Photograph, synthetic, true
#
# One row per person: two photographs of the external set, the generator's images under each infrared camera, and in
# the miniature world also what no real data set can show: the *true* infrared images of the same person, drawn by the
# renderer (in other poses). No generator has ever been trained on these.

# %%
galleries = [generator, "oracle_ir"] if run.miniature else [generator]
people = study.identities(run, people_shown)
shown = study.beside_the_truth(run, people, galleries=galleries, each=2)
plots.image_grid(**vars(shown), title="External people: photographs, synthetic infrared, true infrared")

# %% [markdown]
# **What to notice.** Go along a row. Do hair, skirt or trousers, bag and hat survive from the photograph to the
# synthetic image? Is a striped shirt still striped? Do the two images of one camera show the *same* person? Then
# compare with the truth where it is there. The brightness of a garment in near infrared depends on its fibre and dye
# and only partly on its colour: from a photograph nobody can know it, and a generator has to guess. What it *can* do is
# to guess the same in all images of a person.


# %%
def one_person(number: int = 0):
    who = study.identities(run, people_shown)[number]
    return plots.image_grid(**vars(study.beside_the_truth(run, [who], galleries=galleries, each=3)), title=short(who))


explore(one_person, number=range(people_shown))

# %% [markdown]
# **What to notice.** Compare the columns of one camera with each other: what changes there is the generator's freedom,
# what stays is what it takes for the person.

# %% [markdown] tags=["others"]
# ## From which photograph?
#
# A generator that starts from a photograph can keep its outline and pose for free; what it has to add is the light, the
# place and the camera. Below, images of the gallery above the photographs that they were made from (as the gallery's
# record has it), or, for a generator that draws without a photograph, above the one of the same person that comes
# nearest.

# %% tags=["others"]
plots.image_grid(**vars(provenance.origins(run, generator)), title="Images of the gallery and their origin")

# %% [markdown] tags=["others"]
# **What to notice.** Is the background still that of the photograph? Then the generator has learned a tint and not a
# camera, and a network that trains on its images may learn to tell places apart instead of people. Which brightness has
# a garment got: one that follows from its colour alone (a grey copy with more contrast), or a guess at its material?

# %% [markdown] tags=["dive"]
# ## One person, all codes; one code, all people
#
# If identity and modality are truly separate, either can be exchanged alone: the paper's reading of its Figure 6 is
# that "altering $[k]$ changes the modality without affecting identity, and modifying $[p]$ changes the identity while
# preserving modality". Below, **all pictures start from the same noise**. Along a row only the code $[k]$ changes (and
# with it the LoRA branch), down a column only the person $[p]$.

# %% tags=["dive"]
swapped = study.swaps(run, people=people_shown)
plots.image_grid(**vars(swapped.grid), title="Rows: one person under every code. Columns: one code, every person")

# %% tags=["dive"]
plots.bars(
    swapped.colour["camera"].tolist(),
    swapped.colour["colourfulness"].tolist(),
    reference=None,
    axis="colourfulness: largest minus smallest channel, mean over pixels (0 grey … 255)",
)

# %% [markdown] tags=["dive"]
# **What to notice.** Along a row: pose and framing come mostly from the noise, so they should stay; background, light
# and colour belong to the camera, so they should change. Under the visible codes of the *target* cameras an external
# person appears in a place where only others were filmed: that combination was never seen either. Down a column: the
# background should stay while the person changes. If neighbouring rows look like one person in different clothes, or
# like the same clothes on everyone, the tokens have not been learned well enough.
#
# The bars put a number on "infrared": the real infrared images have a colourfulness of almost 0 here. A generator that
# ignores its codes would show bars of equal length.
#
# ## From noise or from the photograph
#
# The paper samples from noise, with text alone. An extra of this book starts from the external *photograph* instead:
# it is turned to grey, encoded, noised to a part of the schedule (the *strength*) and denoised from there under the
# infrared code (SDEdit, Meng et al. 2022; Diff-Mix). Little strength keeps everything, also what is wrong in infrared;
# strength 1 forgets the photograph.

# %% tags=["dive"]
begun = study.starts(run, people=people_shown, strengths=strengths)
plots.image_grid(**vars(begun), title="The same order, from the photograph and from noise")

# %% [markdown] tags=["dive"]
# **What to notice.** How much strength does it take until the background is the infrared camera's, and is the person
# still there then? Starting from the photograph keeps outline and pattern for free, but also the pose: such a gallery
# is as varied as the photographs are, while text alone can invent poses that no camera has seen.

# %% [markdown]
# ## Is it still the person?
#
# Eyes are easily persuaded. To measure [identity preservation](glossary.md#identity-preservation), a judge looks: the
# baseline network of chapter 4, trained on the target's real images alone. It has met neither these people nor any
# synthetic image. For each infrared image of a gallery it names the nearest of the external photographs (cosine
# distance of its features); the label is confirmed when that photograph shows the person under whose name the image was
# ordered.

# %%
measures.judged_galleries(run).style.format({"nearest is the same person (%)": "{:.1f}"}).hide()

# %% [markdown]
# **What to notice.** The judge is only as good as a baseline is, so compare rows, not absolute values. "True infrared"
# (in the miniature world) says how often this judge recognises *real* infrared images of these people: no gallery can
# be expected to do better for long. Greyscale copies profit from repeating the very photographs in another tint, pose
# included. Chapter 5 asks a second, sharper judge as well.
#
# ### The failures
#
# Averages hide them. These are the people whom the judge finds least often in the generator's images.

# %%
ranked = measures.judged_people(run, generator)
worst = ranked.head(people_shown)
worst.style.format(precision=2).hide()

# %%
failed = study.beside_the_truth(run, worst["identity"].tolist(), galleries=galleries, each=2)
plots.image_grid(**vars(failed), title="The worst preserved people")

# %%
best = study.beside_the_truth(run, ranked.tail(3)["identity"].tolist(), galleries=galleries, each=2)
plots.image_grid(**vars(best), title="For comparison, the best preserved")

# %% [markdown]
# **What to notice.** What have the failures in common? Look for small distinguishing marks (a bag, a hat, a print on an
# otherwise plain shirt), for rare garments, and for people who look like somebody else in the set to begin with: the
# other columns of the table say whether the judge also fails on their copies or their true infrared images. Each such
# image is a wrong label in the training set of chapter 4. One could throw out what the judge rejects; but then the
# judge's own mistakes would decide what is learned.

# %% [markdown] tags=["dive"]
# ### Which half loses the person?
#
# DiVE has two halves: the token $[p]$ says who it is, the branch of the code $[k]$ says how a camera draws. Each can be
# asked alone. Draw people in *visible* light, where the base model is at home: what goes wrong there, the token does
# not know. Draw *training* people in infrared, whom the branch has seen by this very light: what goes wrong there, the
# branch cannot draw, whoever it is. Only what external people lose in infrared beyond both is lost in putting together
# a token and a branch that have never met, the step that the whole method rests on (Eq. 5).
#
# The sharpest judge of chapter 4 looks at the same number of training and external people. Half of their photographs
# answer; the other half, their real infrared images and DiVE's pictures ask.

# %% tags=["dive"]
lost = halves.halves(run)
print(f"Judge: {lost.judge}. {lost.people} people in each group; guessing is right for {100 / lost.people:.1f} %.")
plots.with_and_without(
    lost.sides(),
    names=(halves.REAL, halves.DRAWN),
    axis="nearest photograph shows the right person (%)",
    title="Who is lost, and in which light",
)

# %% [markdown] tags=["dive"]
# **What to notice.** How long is the arrow in each row? If visible pictures are right and infrared ones wrong, for
# training people too, then neither tokens nor new people are to blame, but the infrared branches: they see a third of
# each batch, and have to learn a whole new way of drawing from it. Then try more steps of fine-tuning (`dive.steps`)
# before a larger base model. If the infrared of training people is right and that of external ones wrong, it is the
# step between them that loses: tokens of training people have seen infrared images, those of external people never.
# These cannot come all the way to the right, though: what no photograph tells (how bright a garment is in infrared) can
# only be guessed, and the re-drawn gallery of the miniature world shows in chapter 4 how far the best guess comes.

# %% [markdown]
# ## As a whole: could they be taken for real?
#
# Apart from who they show, synthetic images should be *distributed* like real infrared images. Two classical views:
#
# - the **[Fréchet distance](glossary.md#fréchet-distance)** between the features of both sets, each summarised by a
#   mean $\mu$ and a covariance $\Sigma$:
#   $d^2 = \lVert \mu_1 - \mu_2 \rVert^2 + \operatorname{tr}(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1 \Sigma_2)^{1/2})$.
#   It is called FID only when an Inception-v3 network makes the features; ours is named above the table. It grows when
#   there are fewer images, so all sets are thinned to the same number $N$;
# - the **brightness** of the pixels, as a histogram.
#
# The distance in three lines, on features that need no network: the brightness of eight parts of the image. First for
# real infrared images against synthetic ones.
#
# | symbol | in the code | what it is |
# |---|---|---|
# | – | `a`, `b` | features: a row for each image, a column for each part |
# | $\mu_1, \mu_2$ | `a.mean(0)`, `b.mean(0)` | mean of each column |
# | $\Sigma_1, \Sigma_2$ | `first`, `second` | covariances of the columns |
# | $(\Sigma_1 \Sigma_2)^{1/2}$ | `sqrtm(first @ second)` | the matrix that, multiplied by itself, gives the product |
# | $\operatorname{tr}$ | `np.trace` | sum of the diagonal |

# %%
infrared = run.data().train_rows().query("modality == 'infrared'")
a, b = (equations.cell_brightness(rows.sample(min(len(rows), 400), random_state=0)) for rows in (infrared, made))

# %% tags=["equation"]
first, second = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
means_apart = ((a.mean(0) - b.mean(0)) ** 2).sum()
distance = means_apart + np.trace(first + second - 2 * scipy.linalg.sqrtm(first @ second).real)

print(f"d² = {distance:.5f}, of which the means make {means_apart:.5f}; the library says {frechet_distance(a, b):.5f}")

# %% [markdown]
# Now with the features of a trained network, for every gallery:

# %%
near = measures.fidelity(run)
print("Fréchet distance to one half of the real infrared training images. Features:", near.extractor)
near.table.style.format(precision=2).hide()

# %%
plots.brightness_curves(near.histograms, reference="real infrared, one half", title="Brightness of the pixels")

# %% [markdown]
# **What to notice.** The other half of the real images shows what distance remains between two samples of the *same*
# cameras and people. True infrared of the external people differs from it by the people alone. A distance below that
# would be suspicious: it would mean that the synthetic set imitates the target's *people* and not only its cameras. And
# a good distance says nothing about labels: exchange all names among the synthetic images, and it stays the same.
#
# ## Provenance: an image and its seed
#
# Every synthetic image is a row of the image table, with the generator's name in `source` and its own `seed`. The seed
# does not depend on what else was made, nor on the order.

# %%
provenance.provenance(made).style.hide()

# %%
again = provenance.make_again(run, generator)
print(again.sentence)
plots.image_grid(**vars(again.grid))

# %% [markdown]
# **What to notice.** Row, seed and fitted generator are all one needs to make the image again, so a gallery need not be
# passed on as images.
#
# ## Learned by heart? The audit
#
# A generator can also learn by heart. The **audit** looks up each synthetic image among *all* images that a generator
# may have learned from, the external photographs included, and asks how near the nearest one is. It asks twice: by
# pixels, with $1 - \text{SSIM}$ of the luminance (structural similarity, Wang et al. 2004; 0 is a copy, also a grey or
# a mirrored one), and by the features of the judge.
#
# How near is too near? Real images answer: each real infrared training image is looked up too, among the images of
# other people or other cameras (two frames of one person by one camera are alike by nature, and no synthetic image has
# such a sister). The nearest 1 % of these distances set the threshold; whatever lies below it is *flagged*. Of truly
# new images about 1 % are. To see that the audit can fail, the greyscale copies go through it as well.

# %%
audits = {name: audit.audit(run, name) for name in dict.fromkeys(["grayscale", generator])}
print(audits[generator].basis)
audit.summary(audits).style.hide()

# %%
copied = audits[generator]
print(copied.sentence)
plots.distance_histograms(copied.distances("pixels"), axis="1 − SSIM to the nearest training image", bins=40)

# %%
plots.image_grid(**vars(copied.closest(6)), cell=1.5, title="Synthetic images nearest to a training image (! flagged)")

# %% [markdown]
# **What to notice.** Is there a hump of the synthetic curve at the left of the real one? Then look at the pairs with
# your eyes: the same background is the camera's, the same pose in the same clothes would be a copy. SSIM also rewards
# what is smooth: a blurred picture lies nearer to everything than a sharp one, so a few flags are a reason to look, and
# not yet a finding. And compare the two audits of the grey copies: the judge sees a copy through its infrared half and
# the original through its visible one, and may well take them for different pictures. Each audit is blind to something.
#
# ## All measures, side by side
#
# No single number judges a gallery. Here are those that the field uses, for this generator between two references: the
# greyscale copies, which every generator must beat, and in the miniature world what only its renderer knows, infrared
# with re-drawn materials (the best that anyone could guess from a photograph) and the true one.
#
# - **right person**: the share of images that lie nearest to the right person's photographs, or true infrared images;
#   **MD** (JSIA-ReID's identity distance): mean distance between two images of one person, at unit length;
# - **precision** and **density**: could each image be real? **Recall** and **coverage**: is every real image matched by
#   a synthetic one (Kynkäänniemi et al. 2019, Naeem et al. 2020)? With the Fréchet distance they compare with pictures
#   that no gallery holds;
# - **SSIM on the person**: photographs are translated and held against the same moment as an infrared camera would have
#   seen it, the background left out; only for generators that translate, and only in the miniature world;
# - **taken for infrared** by small networks that learned the two modalities from real images. One sees colour, for
#   which grey is enough; the other sees luminance alone and asks for infrared materials, light and places;
# - **variety**: distance between two images of one person under one camera, in percent of what real ones have.

# %%
compared = measures.compare(run, study.compared(run, generator))
compared.by_measure().style.hide()

# %%
compared.basis_table().style.hide()

# %% [markdown]
# **What to notice.** Read along a row, between copies and truth. Copies have the right person in the right pose, and
# fail wherever infrared itself is asked for: look at *luminance* and at *coverage*. A generator can fail the other way
# round, with perfect infrared of nobody in particular. Measures may also contradict each other, which is why the last
# word has chapter 4: does a network that trains on the gallery find more people?
#
# ## Privacy
#
# DiVE's paper calls synthetic data "an efficient and privacy-ensuring alternative" to collecting more. That deserves
# questions, and the grids above are good material for them.
#
# - **Whose image is it?** A synthetic image is useful here exactly as far as it shows a *particular real person*: the
#   judge above measures how far that person can be recognised in it. What makes the method work makes the image
#   personal data. Ordering a camera view of a person who never passed that camera is a new use of their photographs.
# - **What does the generator hold?** DiVE's token of a few hundred numbers, from which a person can be drawn under any
#   camera, is a biometric template with a drawing machine attached. Who may have the file, and can one person be taken
#   out of it? (Here: yes, by deleting a row; but the LoRA branches have seen them too.)
# - **What leaks from the training images?** Copies are one way. Others need more than this chapter: whether one can
#   tell from the model that a given person was in its training set (membership inference), or rebuild their images.
# - **Who consented to what?** Market-1501 and its like were filmed on campuses, and some sets of this kind were
#   withdrawn by their authors. A derived set does not wash that off.
#
# Synthetic *people* would answer some of this: identities that nobody has. The generators of this book make new images
# of existing ones.
#
# ## Exercises
#
# **1.** Exchange the names of all synthetic images among each other. What becomes of the Fréchet distance, and what of
# the share of images whose nearest photograph shows the right person?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 1.
# The distance knows no names and stays. The share falls to chance, 1 in as many as there are people,
# however well the judge saw before. Here a judge who is right in 40 % of 320 images of 40 people.
draw = np.random.default_rng(0)
ordered = np.repeat(np.arange(40), 8)
named = np.where(draw.random(320) < 0.4, ordered, draw.integers(0, 40, 320))
before = (named == ordered).mean()
after = np.mean([(named == draw.permutation(ordered)).mean() for _ in range(500)])
assert before > 0.3 and abs(after - 1 / 40) < 0.003
assert abs(frechet_distance(a, b[draw.permutation(len(b))]) - frechet_distance(a, b)) < 1e-9
print(f"nearest is the right person: {before:.1%} before, {after:.1%} after (chance {1 / 40:.1%})")

# %% [markdown]
# **2.** Draw two samples of $N$ images from the *same* source. Is their Fréchet distance 0? How does it depend on $N$?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 2.
# No: means and covariances of samples differ by chance, and every difference counts upwards. The distance
# falls about as 1/N. A gallery with fewer images looks worse without being worse: compare equal numbers.
apart = {}
for size in (20, 100, 500):
    samples = draw.standard_normal((30, 2, size, 8))
    apart[size] = np.mean([frechet_distance(*pair) for pair in samples])
assert apart[20] > 3 * apart[100] > 9 * apart[500] > 0
print(", ".join(f"N = {size}: {value:.3f}" for size, value in apart.items()))

# %% [markdown]
# ## Something to try
#
# 1. **Another generator.** Run `vireid book --only 03 -p generator=cyclegan` and compare the tables. Expect translators
#    to keep the pose and lose the materials.
# 2. **Guidance** (DiVE). Copy the profile and change `dive.guidance`. Expect more of it to make people more alike
#    within an identity and cameras more stereotyped: identity preservation may rise while the Fréchet distance grows.
# 3. **More people.** Run `vireid book --only 03 -p people_shown=8` and look at the swaps again: which of the new people
#    are shown as one of the old?
#
# ## Further reading
#
# - Dai, Lu, Li: "Diffusion-based Synthetic Data Generation for Visible-Infrared Person Re-Identification", AAAI 2025.
# - Wang, Yang, Zhang, Cheng, Hou, Tiwari, Pandey: "Cross-Modality Paired-Images Generation and Augmentation for
#   RGB-Infrared Person Re-Identification", Neural Networks 2020: JSIA-ReID, which translates instead of expanding.
# - Pan, Chen, He, Li, He: "How Image Generation Helps Visible-to-Infrared Person Re-Identification?", arXiv 2022:
#   Flow2Flow, which does both.
# - Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter: "GANs Trained by a Two Time-Scale Update Rule Converge to a
#   Local Nash Equilibrium", NeurIPS 2017: the Fréchet distance for images.
# - Meng et al.: "SDEdit: Guided Image Synthesis and Editing with Stochastic Differential Equations", ICLR 2022.
# - Carlini et al.: "Extracting Training Data from Diffusion Models", USENIX Security 2023: copies, and what else leaks.
