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
# **The question.** Data sets with both kinds of light are small, colour data sets are large. DiVE (Dai, Lu, Li, AAAI
# 2025) teaches a text-to-image model a word for each *person* and a word for each *camera*, and then asks it for people
# of a colour data set as infrared cameras would show them. Do methods that are trained with such images find people
# better, more so than with other generators' images, and do the seeds bear out what the paper's tables say?
#
# **This study** reads the data of chapter 1 and the generator of chapter 2, fits every other generator once, and makes
# one training per row of the paper's tables and seed (Tables 1 to 4; Figures 1, 2, 4, 5 and 6). On the miniature world
# a training costs one to three minutes of one CPU core, and a generator about as much, but DiVE's fine-tunings six on
# two. Whatever is done already is fetched. A reduced set of rows (Tables 1 and 2, and a check of fairness) is trained
# unless it is run with `-p full=true`.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
full = False  # all rows of the tables and figure 5, or the reduced set
compared = ""  # generators: of table 1 beside DiVE, with commas; empty: all there are
method = ""  # method: of tables 1, 3, 4 and figure 5; empty: the paper's, deen, but agw in the miniature world
training = True  # False: train nothing, show what is trained already

# %%
from IPython.display import display

from vireid_lib import experiment
from vireid_lib import viz as plots
from vireid_lib.book.attention import stages as attention_stages
from vireid_lib.book.attention.findings import conclusion, verdicts
from vireid_lib.book.galleries import stages as gallery_stages
from vireid_lib.experiment import studies
from vireid_lib.experiment.studies import dive, dive_looks
from vireid_lib.viz.explorers import prompt_corner
from vireid_lib.viz.widgets import explore

run = experiment.open(profile, workspace, data_root)
STUDY = dive.study(run, [name.strip() for name in compared.split(",") if name.strip()], method)
run

# %% [markdown]
# ## 1. The idea, in one prompt
#
# Stable Diffusion learns to take noise off pictures, given a sentence. With $z_t$ the noised latent of an image at time
# $t$, $\epsilon$ the noise, $\epsilon_\theta$ the network and $\Gamma$ the text encoder, it minimises
#
# $$\mathbb{E}\;\big\|\epsilon - \epsilon_\theta\big(z_t,\, t,\, \Gamma(\text{sentence})\big)\big\|^2$$
#
# (eq. 1). DiVE's sentence is "a $[k]$ photo of $[p]$ person" (eq. 6). $[p]$ is a new word whose vectors are learned,
# one word for each person, the same in both kinds of light. $[k]$ is a fixed rare code for each camera that switches
# on a small set of extra weights (a LoRA branch). Learning from *paired* people, $[p]$ has to keep what both lights
# share and the branch has to keep the rest (eq. 3, 4). People of the external set are seen in colour only. Their $[p]$
# is learned there, and joined with an infrared $[k]$ it gives what nobody photographed (eq. 5):
#
# $$x^S = G\big(\mathcal{T}([p^E], [I])\big), \qquad V^* = V \cup V_{\mathrm{Ext}}, \quad
# I^* = I \cup I_{\mathrm{Ext}} .$$
#
# The ReID method is then trained on $V^*$ and $I^*$ and tested as ever.
#
# **Figure 2.** First people that were really photographed in both lights. Then people of the external set: their
# photographs, and DiVE's infrared images.

# %%
plots.image_grid(**vars(dive_looks.pairs_shown(run)))

# %% [markdown]
# **What to notice.** A matcher needs *consistency*: is the dark coat dark in each of the person's infrared images? Is
# the bag still there? Whether the picture is beautiful does not matter.
#
# ## 2. Training
#
# The paper trains one method, DEEN, for Tables 1, 3, 4 and Figure 5, and four for Table 2. So does this study on real
# data. In the miniature world it takes AGW for the former, which costs about half as much; `-p method=deen` changes
# that. What a row was given, mean over seeds ("images seen" counts the images that its batches drew, each as often as
# it was drawn):

# %%
print(dive.trained_with(STUDY))
measured = studies.measure(run, STUDY, full=full, training=training)
studies.effort(run, STUDY, measured)

# %% [markdown]
# ## 3. Which generator? (Table 1 and Figure 4)
#
# The same people as each generator shows them to the first infrared camera. "Greyscale copies" and "image
# interpolation" need no training and are the least that a generator must beat. On the miniature world two references
# follow that no generator can have: *re-drawn* infrared, which gives each garment a brightness of its own by the
# world's law (consistent, but not the true one), and the *true* infrared.
#
# What is each fitted to? The paper trains the other generators on SYSU-MM01 alone and then turns Market-1501's
# photographs, while DiVE needs these to learn its words. So does this table, unless the profile sets `fit_on`
# otherwise. The rows "fitted to external images too" (`-p full=true`) take that difference away.

# %%
plots.image_grid(**vars(dive_looks.generator_grid(run, STUDY, measured)))

# %%
found = [STUDY.row_of(line, run.profile, STUDY.method) for line in STUDY.table(1).rows]
printed = {row.name for row in found if row is not None}
others = [row.name for row in dive_looks.table_1(STUDY) if row.name in set(measured["row"]) - printed]
others += [row.name for row in STUDY.rows if row.name.endswith(dive.TO_BOTH) and row.name in set(measured["row"])]
studies.beside_paper(run, STUDY, measured, 1, method=STUDY.method, also=others)

# %% [markdown]
# **What to notice.** Compare orders, not numbers: on the miniature world this is another data set, another method and
# a far smaller network. Look where the two untrained references stand before praising a trained generator, and how much
# room there is between the baseline and the true infrared.
#
# What is it about a gallery that helps? Chapter 3 explains the measures; here they stand beside the gain over real
# images only. "Right person": the nearest true infrared image (on real data, photograph) shows the same person, as the
# baseline network sees it. "Variety": how much a person's images differ, against real ones. "Distinct": how many of a
# gallery's images differ from one another at all.

# %%
beside = dive_looks.measures_beside(run, STUDY, measured)
beside.table

# %%
plots.against(
    beside.points,
    x="right",
    y="gain",
    label="label",
    x_axis="right person (%)",
    y_axis=f"gain in rank-1 of {dive.method_label(STUDY.method)} (points)",
    zero=True,
)

# %%
beside.basis.style.set_properties(**{"text-align": "left", "white-space": "normal"})

# %% [markdown]
# **What to notice.** If keeping the person is what counts, the points rise from left to right. A gallery that is taken
# for infrared, and yet gains nothing, has learned the light and lost the people.
#
# ## 4. Which method? (Table 2 and Figure 1)

# %%
studies.beside_paper(run, STUDY, measured, 2)

# %%
plots.with_and_without(
    dive_looks.with_and_without(STUDY, measured), names=("real images only", "with DiVE"), axis="rank-1 (%)"
)

# %% [markdown]
# **What to notice.** Arrows to the right are gains. Small dots are seeds, bars one standard deviation: where the dots
# of both colours mix, the arrow may point either way next time.
#
# ## 5. The same for both?
#
# The released DEEN takes 6 people into a batch. The released DEEN *with DiVE* takes 16, and an epoch is longer with
# more images. So part of the printed gain may be the batch's or the length's. This book gives all training sets the
# steps of real images alone unless the profile says otherwise (`reid.length`). What the rows of the tables really had:

# %%
print(studies.same_effort(STUDY, measured))

# %% [markdown]
# And here is what other choices would have shown: a *larger batch* has twice as many images of each person, in as many
# steps; *twice as long* has twice the steps, with the whole schedule stretched. The middle columns say what both sides
# were given.

# %%
dive_looks.fairness(STUDY, measured)

# %% [markdown]
# **What to notice.** The first comparisons give both sides the same, those "with DiVE only" do not. The last ones have
# no synthetic image at all: what they gain, an unfair comparison would credit to DiVE. (Comparisons whose rows were not
# trained are left out; `-p full=true` trains all.)
#
# ## 6. Which images teach the generator? (Tables 3 and 4)
#
# Table 3: fitted to infrared images of the target only, to both modalities with one code each, or with a code for each
# camera ("multi", the form of all other tables). The last row is not in the paper: its text gives each code a LoRA
# branch of its own, its released code has one LoRA for all codes. Table 4: another external set. On the miniature
# world CUHK03-NP's part is played by `mini_campus`: other people, two other cameras, fewer images of each.

# %%
studies.beside_paper(run, STUDY, measured, 3, method=STUDY.method, also=["one_lora"])

# %%
studies.beside_paper(run, STUDY, measured, 4, method=STUDY.method)

# %% [markdown]
# ## 7. How many people? (Figure 5)
#
# The paper adds more and more people of Market-1501 and finds a peak at 1,011 people. It suspects that $[p]$ cannot be
# learned from few images. Here those with most images come first, and `expand.counts` in the profile says how many are
# taken: fewer than are expanded, all of those, and more, for whom a generator is fitted again. On the miniature world
# the same people in true infrared stand beside DiVE's as a reference, and beyond the expanded people there is nothing
# but the reference. In grey, how many images each person has.

# %%
people = dive_looks.people_curves(run, STUDY, measured)
if people["curves"]:
    display(plots.people_curves(**people))
else:
    print("Not run: these rows are trained with -p full=true.")

# %% [markdown]
# **What to notice.** In the miniature world everybody has as many images, so that the paper's reason for the decline
# cannot act there. What can be seen is whether *more people* help at all when their infrared is right. On real data the
# decline is one of the claims of section 10.
#
# ## 8. Who listens to which word? (Figure 6)
#
# Cross-attention, mean over all steps, heads and layers of one resolution (chapter 6 explains and measures it). Three
# prompts from one noise: the person's word alone, the camera's code alone, both.

# %%
sampled = attention_stages.sampled(run, people=2)
finest = sampled.resolutions[0]
for person in range(len(sampled.people)):
    display(
        plots.attention_overlays(
            **vars(sampled.by_prompt(person, finest)),
            title=f"{sampled.people[person]}, {attention_stages.name(finest)} places",
        )
    )

# %% [markdown]
# The right half of the paper's figure: each person under each code, all from the same noise. "Altering $[k]$ changes
# the modality without affecting identity, and modifying $[p]$ changes the identity while preserving modality", it
# says.

# %%
plots.image_grid(**vars(gallery_stages.swaps(run, people=5).grid))

# %% [markdown]
# Back to attention: the full prompt at every resolution.

# %%
plots.attention_overlays(**vars(sampled.by_resolution(0)), title="“a [k] photo of [p] person”, from fine to coarse")

# %% [markdown]
# The paper says that $[k]$ "emphasizes global features, including both person and background regions", and that $[p]$
# "focuses more on the person's area". On real images whose outline is known that is a number:

# %%
on_people = attention_stages.on_people(run)
display(verdicts(on_people).style.set_properties(**{"text-align": "left"}).hide())
print(conclusion(on_people))

# %% [markdown]
# ## 9. The prompt corner
#
# Put a prompt together: a person, a code (or none), how strongly the picture has to obey (*guidance*), in how many
# steps, from which noise. With *share* the person's word is mixed with another's. The maps are in units of their own
# mean, from 0 (dark) to 2.5 (bright).

# %%
picture, options = prompt_corner.corner(run)
explore(picture, **options)

# %% [markdown]
# On the way from one person's word to another's, from one noise:

# %%
plots.image_grid(**vars(prompt_corner.walk(run)))

# %% [markdown]
# **What to notice.** Does brightness pass from one person to the other smoothly, garment by garment, or does it jump?
# Words that lie on a line in the text encoder need not give pictures that lie on one.
#
# ## 10. What the paper claims, and what the seeds say
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
# **What to notice.** Many intervals at 95 % must miss now and then; that is what the correction is for. What holds,
# holds for these fits of the generators and this data: the seeds vary the ReID training and nothing else, so that a
# difference between two *generators* may still be one between two of their fits. And a miniature generator, fitted for
# minutes, is not Stable Diffusion fitted for days. A claim that fails here says that the *idea* alone does not carry
# it, and section 3 says what was missing: whether the images were not of the right person, or not infrared.
#
# ## Something to try
#
# 1. Start the sampling from a photograph (`dive_from_image` in Table 1 does it) with less noise: `strength: 0.4`
#    in a copy of the profile. *Expect* more of the person and less of the infrared.
# 2. Expand more people: `expand.identities: 80`. *Expect* each person's word to be fitted less often, for the number of
#    steps stays. Raise `dive.steps` with it.
# 3. In the prompt corner take a person's word and a *visible* code of the target. *Expect* the photograph's clothes in
#    another place. Then turn guidance to 1: how much does the picture still owe to the words?
