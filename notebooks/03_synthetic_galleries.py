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
# **The question.** Are the images that DiVE makes *infrared*, and do they show the *identity* of their label? A network
# that trains on them in [chapter 4](04_reid_training.py) believes every label, so look and measure first.
#
# **This chapter** reads the fitted DiVE of [chapter 2](02_generator_finetuning.py), and a trained network of
# [chapter 4](04_reid_training.py) as evaluator (the baseline, above all). It makes every infrared image that
# [chapter 4](04_reid_training.py) trains on, as an image table with a seed for each. It costs, on the miniature world,
# a few minutes on two CPU cores the first time and about a minute later.
#
# **You will learn**
#
# - how a picture comes out of noise: guidance, the solver's step, the loop, each written by hand;
# - to measure identity preservation, and how near a gallery as a whole comes to real images;
# - to look in a gallery for copies, for failures, and for the half of the generator that causes them.
#
# **You need** chapters 1 and 2, and what mean and covariance are.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says
people_shown = 5  # external identities in each picture
strengths = [0.4, 0.6, 0.8]  # shares: of the noise schedule that pictures from an image run
inception = ""  # weights: of an Inception-v3, a file or a hub id: adds the FID

# %%
import itertools

import diffusers
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import scipy.linalg
import torch
from PIL import Image
from torch.nn.functional import normalize

from vireid_lib import experiment, viz
from vireid_lib.analysis.fidelity import colourfulness, frechet, frechet_distance
from vireid_lib.analysis.identity_preservation import identify
from vireid_lib.analysis.privacy import Audit
from vireid_lib.analysis.subsets import subsample
from vireid_lib.data.grey import grey, luminance
from vireid_lib.experiment import measures
from vireid_lib.experiment.gallery_measures import audit, compare, training_images
from vireid_lib.experiment.prompt_measures import cameras_of_each_view
from vireid_lib.experiment.training_sets import plain_label
from vireid_lib.experiment.trainings import evaluate_all
from vireid_lib.generators.dive import tone
from vireid_lib.generators.dive.noise_schedule import sampler
from vireid_lib.generators.dive.sample import Request, decode, encode, latent_size, sample
from vireid_lib.reid.features import extract
from vireid_lib.viz.images import pixels, short
from vireid_lib.viz.widgets import explore

viz.notebook_style()
run = experiment.open(profile, workspace, data_root)
run

# %% [markdown]
# ## What is made
#
# For each identity $p^E$ of the external set and each infrared camera $I_i$ of the target set, the generator draws "a
# $[I_i]$ photo of $[p^E]$ person" (equation 5 of the paper), several times with different noise. Together these images
# are the set
#
# $$ \mathcal I_{Ext} = \{(x_n^I, y_n^I)\}_{n=1}^{N_S} , $$
#
# whose labels $y_n^I$ nobody had to write: each image was *ordered* under its label. That is the promise, and the risk:
# an image that does not show the ordered identity has a wrong label.

# %%
made = run.synthesize("dive")
made.groupby("camera").agg(images=("path", "size"), identities=("identity", "nunique"), seeds=("seed", "nunique"))

# %%
made.head(3).assign(path=["…/" + "/".join(path.split("/")[-3:]) for path in made["path"].head(3)])

# %% [markdown]
# Every synthetic image is a row of the image table, with the generator's name in `source` and its own `seed`. The row
# is enough to make the image again. We do so now with the first one, by hand.
#
# ## One picture, by hand
#
# ### A step: the network looks twice
#
# A picture starts as noise $z_t = \epsilon$, at the time $t$ of the most noise. The U-Net looks at $z_t$ and predicts
# which part of it is noise, once with the prompt and once with an empty one. **Classifier-free guidance** (Ho and
# Salimans 2021) goes from the second answer to the first and beyond, $w$ times as far:
#
# $$ \hat\epsilon = \epsilon_\theta(z_t, t, \Gamma(\varnothing)) + w \, \big( \epsilon_\theta(z_t, t, \Gamma(T)) -
# \epsilon_\theta(z_t, t, \Gamma(\varnothing)) \big) . $$
#
# With $z_t = \alpha_t z_0 + \sigma_t \epsilon$ ([chapter 2](02_generator_finetuning.py)), the predicted noise is also a
# guess at the picture: $\hat z_0 = (z_t - \sigma_t \hat\epsilon) / \alpha_t$. Some base models predict
# $v = \alpha_t \epsilon - \sigma_t z_0$ instead, from which both follow.

# %%
first = made.iloc[0]
model = run.generator("dive").model
exact = run.device == "cpu" and model.config.precision == "no"  # GPUs round more, above all in half precision
model.config = config = model.config.model_copy(update={"precision": "no"})  # here, all of it in single precision
schedule, unet = model.base.schedule, model.base.unet
alpha = schedule.alphas_cumprod.sqrt().to(run.device)
sigma = (1 - schedule.alphas_cumprod).sqrt().to(run.device)


def timesteps(steps):
    """The times at which the network looks, from the most noise on."""
    solver = sampler(schedule, config.timestep_spacing)
    solver.set_timesteps(steps)
    return solver.timesteps.tolist()


def noises(seed):
    """A picture's own noise: the first is where it starts."""
    shape = (1, unet.config.in_channels, *latent_size(model, config.height, config.width))
    generator = torch.Generator().manual_seed(int(seed))
    while True:
        yield torch.randn(shape, generator=generator).to(run.device)


def noise(seed):
    return next(noises(seed))


print(model.prompts([first["identity"]], [first["camera"]])[0][:120])
print(f"the network predicts: {model.base.prediction}; it looks at t = {timesteps(config.sampling_steps)}")


# %% tags=["by-hand"]
def states(who, camera):
    """What the text encoder makes of the empty prompt and of "a [k] photo of [p] person"."""
    prompts = ["", *model.prompts([who], [camera])]
    return model.base.text(model.tokenize(prompts).to(run.device)).last_hidden_state


def predict(z, t, said, guidance):
    empty, full = unet(torch.cat([z, z]), t, said).sample.chunk(2)
    return empty + guidance * (full - empty)


def split(z, t, predicted):
    """z_t → the guess at the picture z_0, and at the noise."""
    epsilon = predicted if model.base.prediction == "epsilon" else sigma[t] * z + alpha[t] * predicted
    return (z - sigma[t] * epsilon) / alpha[t], epsilon


who, camera, seed = first["identity"], first["camera"], first["seed"]
z, (t,), weights = noise(seed), timesteps(1), (0.0, 1.0, config.guidance, 2 * config.guidance)
branch = model.vocabulary.branch(camera)  # the LoRA layers of chapter 2 that the code [k] switches on
with torch.no_grad(), model.branches.merged(branch):
    predictions = [predict(z, t, states(who, camera), w) for w in weights]
guesses = [split(z, t, predicted)[0] for predicted in predictions]

# %% [markdown]
# A "loop" of a single step stops at this guess. With one step, the library has to draw the same picture; one grey level
# (of 255) is left to rounding.

# %% tags=["by-hand"]
drawn = [decode(model, guess)[0] for guess in guesses]
for w, picture in list(zip(weights, drawn, strict=True))[2:]:  # at 1 or below, the library does not look twice
    library = sample(model, [Request(who, camera, int(seed))], steps=1, guidance=w)[0]
    assert np.abs(picture.astype(int) - library).max() <= 1

photographs = run.data().external.sort_values("path").drop_duplicates("identity").set_index("identity")["path"]
photograph = pixels([photographs[who]], (config.height, config.width))[0]
names = ["empty prompt", "prompt", *(f"guidance {w:g}" for w in weights[2:])]
viz.image_grid(
    [[photograph, *drawn]],
    row_labels=[short(who)],
    column_labels=["photograph", *names],
    title=f"The first guess, out of noise alone (t = {t})",
)

# %% [markdown]
# **What to notice.** At this time the network sees only noise, so the guess is an average: with the empty prompt, of
# everything that the model knows; with the prompt, of everything that this token and this code stand for. Guidance
# exaggerates the difference between the two.
#
# ### From one time to the next
#
# One guess is a blur. So go only a little way towards it: mix guess and noise again, as at an earlier time $s < t$, and
# look again. That is **DDIM** (Song et al. 2021):
#
# $$ z_s = \alpha_s \hat z_0 + \sigma_s \hat\epsilon . $$


# %% tags=["by-hand"]
def ddim(z, t, s, predicted):
    guess, epsilon = split(z, t, predicted)
    return alpha[s] * guess + sigma[s] * epsilon


theirs = diffusers.DDIMScheduler.from_config(schedule.config, clip_sample=False)
theirs.set_timesteps(10)  # a step is then a tenth of the schedule
s = t - len(alpha) // 10
expected = theirs.step(predictions[2], t, z).prev_sample
torch.testing.assert_close(ddim(z, t, s, predictions[2]), expected, rtol=1e-4, atol=1e-4)

# %% [markdown]
# ### The solver and the loop
#
# DDIM takes the guess for constant along the step. But the guess sharpens. **DPM-Solver++** of second order (Lu et al.
# 2022) remembers the guess of the step before, follows its change to the middle of the step, and aims there. In the
# time of the solver, $\lambda_t = \log(\alpha_t / \sigma_t)$, half the logarithm of the signal-to-noise ratio, that is
# a straight line through the last two guesses,
#
# $$ D = \hat z_0^{(t)} + \frac{\lambda_s - \lambda_t}{2\,(\lambda_t - \lambda_{t'})}
# \big( \hat z_0^{(t)} - \hat z_0^{(t')} \big) , \qquad
# z_s = \alpha_s D + \frac{\sigma_s}{\sigma_t} ( z_t - \alpha_t D ) , $$
#
# and the rest is DDIM's step towards $D$. The first step has no memory and the last ends without noise: both take
# $D = \hat z_0$.
#
# All of this is deterministic: an error of an early step stays in $z$ to the end. The **stochastic** solver, an extra
# of this book (`solver: sde-dpmsolver++`), takes a larger part of the noise out at each step and puts fresh noise
# $\epsilon'$ in, so that later steps can correct what earlier ones got wrong. With $q = e^{-(\lambda_s - \lambda_t)}$:
#
# $$ z_s = \frac{\sigma_s}{\sigma_t} \, q \, z_t + \alpha_s (1 - q^2) D + \sigma_s \sqrt{1 - q^2} \; \epsilon' . $$


# %% tags=["by-hand"]
@torch.no_grad()
def solve(z, times, who, camera, guidance=config.guidance, order=2, fresh=None):
    """From z at the first of the times to a picture's latent, and what there was at each: t, z, prediction, guess.
    With `fresh` noise, the stochastic solver."""
    said, path, before = states(who, camera), [], None
    snr = (alpha / sigma).log()  # λ
    with model.branches.merged(model.vocabulary.branch(camera)):
        for t, s in zip(times, [*times[1:], None], strict=True):
            predicted = predict(z, t, said, guidance)
            guess, _ = split(z, t, predicted)
            path.append((t, z, predicted, guess))
            aim = guess
            if order == 2 and before is not None and s is not None:
                last, last_guess = before
                aim = guess + (snr[s] - snr[t]) / (snr[t] - snr[last]) / 2 * (guess - last_guess)
            before = t, guess
            if s is None:
                z = aim
            elif fresh is None:
                z = alpha[s] * aim + sigma[s] / sigma[t] * (z - alpha[t] * aim)
            else:
                q = (snr[t] - snr[s]).exp()
                z = (
                    sigma[s] / sigma[t] * q * z
                    + alpha[s] * (1 - q**2) * aim
                    + sigma[s] * (1 - q**2).sqrt() * next(fresh)
                )
    return z, path


stochastic = config.solver == "sde-dpmsolver++"


def draw(who, camera, seed, steps=config.sampling_steps, guidance=config.guidance, order=2, stochastic=stochastic):
    own = noises(seed)
    return solve(next(own), timesteps(steps), who, camera, guidance, order, own if stochastic else None)


# %% [markdown]
# Every step must be that of `diffusers` (to $10^{-4}$, where latents are of the order of 1), in both orders, of which
# the first is DDIM, deterministic and stochastic; and the picture must be that of the library, to one grey level.

# %% tags=["by-hand"]
solver = sampler(schedule, config.timestep_spacing).config
for order, kind in itertools.product((1, 2), ("dpmsolver++", "sde-dpmsolver++")):
    theirs = diffusers.DPMSolverMultistepScheduler.from_config(solver, solver_order=order, algorithm_type=kind)
    theirs.set_timesteps(config.sampling_steps)
    z, path = draw(who, camera, seed, order=order, stochastic=kind != "dpmsolver++")
    afterwards, fresh = [*(z for _, z, _, _ in path[1:]), z], noises(seed)
    next(fresh)
    for (t, before, predicted, _), after in zip(path, afterwards, strict=True):
        found = theirs.step(predicted, t, before, variance_noise=next(fresh)).prev_sample
        torch.testing.assert_close(found, after, rtol=1e-4, atol=1e-4)

z, path = draw(who, camera, seed)
picture, library = decode(model, z)[0], sample(model, [Request(who, camera, int(seed))])[0]
assert np.abs(picture.astype(int) - library).max() <= 1

stored = pixels([first["path"]], (config.height, config.width))[0]
difference = np.abs(picture.astype(int) - stored).max()
assert difference <= 2 or not exact
print(f"{len(path)} steps. From the gallery's own file, by hand differs by at most {difference} of 255.")

# %% [markdown]
# The gallery's file was drawn in a batch with others, which rounds sums in another order (on a GPU perhaps in half
# precision, too). Apart from that, **row, seed and fitted generator are the image**: a gallery need not be passed on as
# images. The seed depends neither on the other images nor on the order.
#
# Now watch the loop at work. Change whatever you like:

# %%
ids = list(photographs.index[:people_shown])
cameras = cameras_of_each_view(run)  # one for each code, and its modality
infrared_camera = next(camera for camera, modality in cameras.items() if modality == "infrared")


def one_picture(person=0, camera=infrared_camera, guidance=config.guidance, steps=config.sampling_steps, seed=0):
    z, path = draw(ids[person], camera, seed, steps, guidance)
    kept = [path[k] for k in np.unique(np.linspace(0, len(path) - 1, 6).round().astype(int))]
    rows = [decode(model, torch.cat([step[place] for step in kept])) for place in (1, 3)]
    photograph = pixels([photographs[ids[person]]], (config.height, config.width))
    return viz.image_grid(
        [[*rows[0], *decode(model, z)], [*rows[1], *photograph]],
        row_labels=["what the\nnetwork sees", "what it takes\nit for"],
        column_labels=[*(f"t = {step[0]}" for step in kept), "picture,\nphoto"],
        title=f"{short(ids[person])} under {camera}, guidance {guidance:g}, {steps} steps",
    )


explore(
    one_picture,
    person=range(len(ids)),
    camera=list(cameras),
    guidance=sorted({1.0, 1.5, 2.0, 3.0, 5.0, 7.5, config.guidance}),
    steps=sorted({1, 2, 3, 5, 10, 30, config.sampling_steps}),
    seed=range(10),
)

# %% [markdown]
# **What to notice.** The lower row is ahead of the upper one: do outline and place settle while the upper row is mostly
# noise, and the details last? With another noise and the same prompt the pose changes; what stays comes from the token.
#
# ### How many steps?
#
# With small enough steps both deterministic solvers reach the same picture. How far from it do they end with few?

# %%
counts = [1, 2, 3, 5, 8, 12, 20]
target, _ = draw(who, camera, seed, steps=60, stochastic=False)
for order, name in ((1, "DDIM (first order)"), (2, "DPM-Solver++ (second order)")):
    ends = [draw(who, camera, seed, steps=count, order=order, stochastic=False)[0] for count in counts]
    plt.plot(counts, [(end - target).square().mean().sqrt().item() for end in ends], "o-", label=name)
plt.axvline(config.sampling_steps, color="gray", linestyle="--", linewidth=1, label="this run's pictures")
plt.loglog()
plt.xticks(counts, counts)
plt.gca().xaxis.minorticks_off()
plt.xlabel("steps (two passes of the network each)")
plt.ylabel("distance of the latent (RMS)")
plt.title("How far from the picture that 60 steps draw")
plt.legend()
plt.show()

# %% [markdown]
# ### How much guidance?

# %%
weights = sorted({1.0, 2.0, 3.0, 5.0, 7.5, config.guidance})
requests = [Request(name, run.infrared_cameras[0], seed=place) for place, name in enumerate(ids[:3])]
columns = [sample(model, requests, guidance=w) for w in weights]
viz.image_grid(
    list(zip(*columns, strict=True)),
    row_labels=[short(name) for name in ids[:3]],
    column_labels=[f"w = {w:g}" + "\n(this run's)" * (w == config.guidance) for w in weights],
    title="The same noise under more and more guidance",
)

# %% [markdown]
# **What to notice.** Along a row contrast grows, and with it whatever the model holds to be typical of the person and
# of the camera. With too little guidance the picture may show anybody; with too much, all pictures of a person are one.
#
# ### How bright? Tone curves
#
# Guidance raises contrast, so that garments differ more in their grey levels than any infrared camera shows them. How
# much of what DiVE's pictures lack is only that? **Histogram matching** gives each drawn level the real one below which
# as large a share of the pixels lies: one monotone curve for a camera, from its real training images. The paper does
# not have it: `tone: cameras` is the setting (it measures its curves on other pictures of these people). In a profile
# of your own, `dive_tone: {variant_of: dive, tone: cameras}` below `generators` makes it a training set of
# [chapter 4](04_reid_training.py), "DiVE tone", which then says what it is worth. By hand:

# %% tags=["by-hand"]
under, training = run.infrared_cameras[0], run.data().train_rows()
drawn = grey(pixels(made[made["camera"] == under]))
real = grey(pixels(subsample(training[training["camera"] == under], 200)))
counts = [np.bincount(images[..., 0].ravel(), minlength=256) for images in (drawn, real)]
below, aims = ((each.cumsum() - each / 2) / each.sum() for each in counts)
curve = np.interp(below, aims, np.arange(256)).round().clip(real.min(), real.max()).astype(np.uint8)
np.testing.assert_array_equal(tone.matching(*counts), curve)

# %%
corrected = curve[drawn]
_, (shares, curves) = plt.subplots(1, 2, figsize=(8, 3))
for name, images in {"real": real, "DiVE": drawn, "DiVE, corrected": corrected}.items():
    shares.hist(images[..., 0].ravel(), bins=32, range=(0, 256), density=True, histtype="step", label=name)
shares.set(xlabel="grey level", ylabel="share of the pixels", title=f"Camera {short(under)}", yticks=[])
shares.legend()
curves.plot(curve)
curves.plot([0, 255], [0, 255], color="gray", linestyle="--", linewidth=1)
curves.set(xlabel="drawn level", ylabel="level after the curve", title="The curve")
plt.show()
viz.image_grid(
    [images[np.linspace(0, len(images) - 1, 8).astype(int)] for images in (real, drawn, corrected)],
    row_labels=["real, of training\npeople", "DiVE, in grey", "corrected"],
    title="The same pictures before and after the curve",
)

# %% [markdown]
# **What to notice.** Where does the curve lie above the dashed line, and where is it flatter than the line? There it
# makes pictures brighter, and there it takes contrast away. No curve brings a lost stripe back: it moves all pixels of
# a level by the same amount. If ReID gains by it, that was a matter of levels; what is missing after it is drawing.
#
# ## Photograph, synthetic, true
#
# One row per person: two photographs of the external set, the generator's images under each infrared camera, and in the
# miniature world the *true* infrared images of the same person, drawn by the renderer (in other poses), which no real
# data set has. No generator has ever been trained on these.

# %%
external = run.data().external.sort_values("path")
galleries = {"DiVE": made} | ({"true": run.synthesize("oracle_ir")} if run.miniature else {})
each = min(2, run.profile.expand.per_camera)


def side_by_side(names, title):
    rows, columns = [], [(name, camera) for name in galleries for camera in run.infrared_cameras]
    for who in names:
        own = external[external["identity"] == who]
        row = list(pixels(own.iloc[[0, len(own) // 2]]))
        for name, camera in columns:
            table = galleries[name]
            row += list(pixels(table[(table["identity"] == who) & (table["camera"] == camera)][:each]))
        rows.append(row)
    heads = ["photograph"] * 2 + [f"{name}\ncamera {short(camera)}" for name, camera in columns for _ in range(each)]
    return viz.image_grid(rows, row_labels=[short(who) for who in names], column_labels=heads, title=title)


side_by_side(ids, "External identities: photographs, synthetic infrared, true infrared")

# %% [markdown]
# **What to notice.** Go along a row. Do hair, skirt or trousers, bag and hat survive from the photograph to the
# synthetic image? Is a striped shirt still striped? Do the two images of one camera show the *same* person? Then
# compare with the truth where it is shown. The brightness of a garment in near infrared depends on its fibre and dye
# and only partly on its colour: nobody can know it from a photograph, and a generator has to guess. But it *can* guess
# the same in all images of a person.
#
# ## One identity, all codes; one code, all identities
#
# If identity and modality are truly separate, each can be exchanged alone: the paper's reading of its Figure 6 is that
# "altering $[k]$ changes the modality without affecting identity, and modifying $[p]$ changes the identity while
# preserving modality". Below, **all pictures start from the same noise**. Along a row only the code $[k]$ changes (and
# with it the LoRA branch), down a column only the token $[p]$.

# %%
swapped = [sample(model, [Request(name, camera, seed=0) for name in ids]) for camera in cameras]
viz.image_grid(
    list(zip(*swapped, strict=True)),
    row_labels=[short(name) for name in ids],
    column_labels=[f"{camera}\n{modality}" for camera, modality in cameras.items()],
    title="Rows: one person under every code. Columns: one code, every person",
)

# %%
plt.figure(figsize=(6.4, 0.3 * len(cameras) + 0.8))
colours = [viz.style.MODALITY_COLOURS[modality] for modality in cameras.values()]
labels = [f"{camera}, {modality}" for camera, modality in cameras.items()]
plt.barh(labels, [colourfulness(pictures).mean() for pictures in swapped], color=colours)
plt.gca().invert_yaxis()
plt.xlabel("largest minus smallest channel, mean over pixels (0 grey … 255)")
plt.title("How colourful each code's pictures are")
plt.show()
infrared = run.data().train_rows().query("modality == 'infrared'")
print(f"Real infrared images: {colourfulness(pixels(infrared[::10])).mean():.1f}")

# %% [markdown]
# **What to notice.** Along a row: pose and framing come mostly from the noise, so they should stay; background,
# illumination and colour belong to the camera, so they should change. Under the visible codes of the *target* cameras
# an external person appears in a place where only others were filmed: nobody has seen that combination either. Down a
# column: the background should stay while the person changes. Do neighbouring rows look like one person in different
# clothes, or like the same clothes on everyone? Then the tokens have not been learned well enough.
#
# The bars put a number on "infrared". A generator that ignores its codes would show bars of equal length.
#
# ## From noise or from the photograph
#
# The paper samples from noise, with text alone. An extra of this book starts from the external *photograph* instead: it
# is turned to grey, encoded, noised to a part of the schedule (the *strength*) and denoised from there under the
# infrared code (SDEdit, Meng et al. 2022; Diff-Mix). By hand it is our loop with a later start:

# %% tags=["by-hand"]
strength = 0.6
times = timesteps(config.sampling_steps)
times = times[-max(1, round(strength * len(times))) :]
z_0 = encode(model, grey(photograph[None]))
own = noises(seed)
z_t = alpha[times[0]] * z_0 + sigma[times[0]] * next(own)
z, _ = solve(z_t, times, who, camera, fresh=own if stochastic else None)

request = [Request(who, camera, int(seed))]
library = sample(model, request, images=photograph[None], strength=strength)[0]
assert np.abs(decode(model, z)[0].astype(int) - library).max() <= 1

# %%
starts = pixels(photographs[ids].tolist(), (config.height, config.width))
requests = [Request(name, run.infrared_cameras[0], seed=place) for place, name in enumerate(ids)]
begun = [sample(model, requests, images=starts, strength=strength) for strength in strengths]
viz.image_grid(
    list(zip(starts, *begun, sample(model, requests), strict=True)),
    row_labels=[short(name) for name in ids],
    column_labels=["photograph", *(f"from it,\nstrength {strength:g}" for strength in strengths), "from noise"],
    title="The same request, from the photograph and from noise",
)

# %% [markdown]
# **What to notice.** Little strength keeps everything, even what is wrong in infrared; strength 1 forgets the
# photograph. At which strength does the background become the infrared camera's, and is the person still there then?
# Starting from the photograph keeps outline and pattern for free, but also the pose: such a gallery is as varied as the
# photographs, while text alone can invent poses that no camera has seen.
#
# ## Is it still the person?
#
# Eyes are easily persuaded. To measure [identity preservation](glossary.md#identity-preservation), take an **evaluator
# network**: the baseline of [chapter 4](04_reid_training.py), trained on the target's real images alone. It has met
# neither these identities nor any synthetic image. For each infrared image of a gallery, find the nearest of the
# external photographs (cosine distance of its features). The label is confirmed when that photograph has the same
# identity.

# %%
first_seed = run.profile.reid.seeds[0]
evaluate_all([(run, name, first_seed) for name in measures.evaluators(run)])  # also the sharper one of below
evaluator, reid_config = run.network("real", first_seed)
evaluator.to(run.device)


def features(rows):
    """The evaluator's features at unit length: cosine similarity is then a product."""
    return normalize(extract(evaluator, rows, reid_config, run.cache.files))


# %% tags=["by-hand"]
known, asked = features(external), features(made)
nearest = (asked @ known.T).argmax(1)
named = external["identity"].to_numpy()[nearest]
right = named == made["identity"].to_numpy()

# The library ranks all identities by their nearest photograph; its rank 1 is our nearest one:
found = identify(asked, made["identity"], known, external["identity"])
assert ((found.rank == 1) == right).all()
print(f"{right.mean():.1%} of {len(right)} images lie nearest to the right identity's photograph")
print(f"guessing: {found.chance:.1%}")

# %% [markdown]
# The same for every gallery of this run:

# %%
preserved = measures.preservation(run, "real", run.profile.reid.seeds[0]).values["galleries"]
pd.DataFrame(
    {
        "infrared images": [plain_label(name) for name in preserved],
        "nearest is the same person (%)": [100 * each["rank_1"] for each in preserved.values()],
        "images": [each["images"] for each in preserved.values()],
    }
).style.format({"nearest is the same person (%)": "{:.1f}"}).hide()

# %% [markdown]
# **What to notice.** The evaluator is only as good as a baseline is, so compare rows, not absolute values. "True
# infrared" (in the miniature world) says how often it recognises *real* infrared images of these identities: expect no
# gallery to do better for long. Greyscale copies profit from repeating the very photographs in another tint, pose
# included. [Chapter 4](04_reid_training.py) asks a second, sharper evaluator as well.
#
# ### The failures
#
# Averages hide them. These identities are retrieved least often from DiVE's images; among equals, first those that the
# other galleries preserve, for they are DiVE's own failures.

# %%
by_person = pd.DataFrame(
    {
        plain_label(name): {row["identity"]: row["rank_1"] for row in each["by_identity"]}
        for name, each in preserved.items()
    }
)
by_person.insert(0, "DiVE", by_person.pop("DiVE"))
others = by_person.iloc[:, 1:].mean(axis=1)
by_person = by_person.iloc[np.lexsort((-others, by_person["DiVE"]))]
by_person.head(people_shown).rename_axis("identity").style.format("{:.2f}")

# %%
side_by_side(by_person.index[:people_shown], "The worst preserved identities")

# %%
side_by_side(by_person.index[-3:], "For comparison, the best preserved")

# %% [markdown]
# **What to notice.** What do the failures have in common? Look for small distinguishing marks (a bag, a hat, a print on
# an otherwise plain shirt), for rare garments, and for people who look like somebody else in the set to begin with: the
# other columns of the table say whether the evaluator also fails on their copies or their true infrared images. Each
# such image is a wrong label in the training set of [chapter 4](04_reid_training.py). One could drop the images that
# the evaluator rejects; but then its own mistakes would decide what is learned.
#
# ### Which half loses the person?
#
# DiVE has two halves: the token $[p]$ holds the identity, the branch of the code $[k]$ holds the camera. Each can be
# tested alone. Draw identities as *visible* images, which the base model knows best: an error there is the token's.
# Draw *training* identities in infrared, which the branch has seen from these very cameras: an error there is the
# branch's, whoever is shown. External identities may lose more in infrared than both together. That loss comes from
# combining a token and a branch that were never trained together, the step that the whole method rests on (Eq. 5).
#
# The sharpest evaluator of [chapter 4](04_reid_training.py) looks at the same number of training and external
# identities. Half of their photographs are the gallery; the other half, their real infrared images and DiVE's pictures
# are the queries.

# %%
sharpest, has_seen = list(measures.evaluators(run).items())[-1]
groups = {"training": run.data().train_rows(), "external": run.data().external}
photos = {group: rows[rows["modality"] == "visible"].sort_values("path") for group, rows in groups.items()}
count = min(40, *(rows["identity"].nunique() for rows in photos.values()))
chosen = {group: sorted(rows["identity"].unique())[:count] for group, rows in photos.items()}
photos = {group: rows[rows["identity"].isin(chosen[group])] for group, rows in photos.items()}
odd = {group: rows.groupby("identity").cumcount() % 2 == 1 for group, rows in photos.items()}
answering = {group: rows[~odd[group]] for group, rows in photos.items()}

asking = {(group, "visible", "real"): rows[odd[group]] for group, rows in photos.items()}
infrared = {"training": groups["training"]} | ({"external": run.data().oracle()} if run.miniature else {})
for group, rows in infrared.items():
    asking[group, "infrared", "real"] = rows.query("modality == 'infrared' and identity in @chosen[@group]")

codes = {}  # two cameras of each modality; an external person's visible one is the external set's
for group, data_set in (("training", run.profile.data.target), ("external", run.profile.data.external)):
    seen = [camera for camera, modality in cameras.items() if modality == "visible" and camera.startswith(data_set)]
    codes |= {(group, "visible"): seen[:2], (group, "infrared"): run.infrared_cameras[:2]}


# %%
def ask(folder):
    """Draw everybody, as files in the stage's folder; then look up who lies nearest."""
    asked = dict(asking)
    for (group, modality), views in codes.items():
        rows = []
        for camera in views:
            for start in range(0, count, config.sampling_batch):
                names = chosen[group][start : start + config.sampling_batch]
                pictures = sample(model, [Request(name, camera, start + place) for place, name in enumerate(names)])
                for name, picture in zip(names, pictures, strict=True):
                    path = folder / f"{name} {camera}.png".replace("/", " ")
                    Image.fromarray(picture).save(path)
                    row = {"path": str(path), "identity": name, "modality": modality}
                    rows.append(row | {"split": "drawn", "source": "dive"})
        if rows:
            asked[group, modality, "DiVE's"] = pd.DataFrame(rows)
    network, settings = run.network(sharpest, run.profile.reid.seeds[0])
    network.to(run.device)
    known = {group: extract(network, rows, settings, None) for group, rows in answering.items()}
    table = []
    for (group, modality, images), rows in asked.items():
        found = identify(
            extract(network, rows, settings, None), rows["identity"], known[group], answering[group]["identity"]
        )
        about = {"people": group, "modality": modality, "images": images, "N": len(rows)}
        table.append(about | {"right (%)": 100 * found.rank_1})
    return {"table": table}


depends_on = {"evaluator": run.evaluate(sharpest, run.profile.reid.seeds[0]), "fitted": run.fit("dive")}
depends_on |= {f"{group} answering": rows for group, rows in answering.items()}
depends_on |= {f"{group} {modality}": rows for (group, modality, _), rows in asking.items()}
settings = {"count": count, "codes": [[*cell, *views] for cell, views in codes.items()], **config.sampling_settings()}
lost = pd.DataFrame(run.stage("which_half", settings, depends_on, ask).values["table"])

# %%
print(f"Evaluator: {has_seen}. {count} identities in each group: guessing is right for {100 / count:.1f} %.")
cells = list(lost.groupby(["people", "modality"], sort=False))
plt.figure(figsize=(6.4, 2.6))
for row, (_, cell) in enumerate(cells):
    sides = cell.set_index("images")["right (%)"]
    plt.plot(sides, [row] * len(sides), color="gray", linewidth=1)
    for images, colour in (("real", "C0"), ("DiVE's", "C1")):
        if images in sides:
            plt.plot(sides[images], row, "o", color=colour, markersize=9, label=images if row == 0 else None)
plt.yticks(range(len(cells)), [f"{group} identities, {modality}" for (group, modality), _ in cells])
plt.gca().invert_yaxis()
plt.xlabel("nearest photograph has the right identity (%)")
plt.title("Who is lost, and in which modality")
plt.legend(title="images", loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()
lost.pivot(index=["people", "modality"], columns="images", values=["right (%)", "N"]).round(1)

# %% [markdown]
# **What to notice.** How far apart are the dots in each row? If visible pictures are right and infrared ones wrong, for
# training identities too, then blame neither the tokens nor the new identities, but the infrared branches: they see
# only a part of each batch, and have to learn a whole new way of drawing from it. Then try more steps of fine-tuning
# (`dive.steps`) before a larger base model. If the infrared of training identities is right and that of external ones
# wrong, the step between them loses: tokens of training identities have seen infrared images, those of external
# identities never. These cannot come all the way to the right, though: a generator can only guess what no photograph
# tells (how bright a garment is in infrared), and the re-drawn gallery of the miniature world shows in
# [chapter 4](04_reid_training.py) how far the best guess comes.
#
# ## As a whole: could they be taken for real?
#
# Whatever their identities, synthetic images should be *distributed* like real infrared images. Two classical views:
#
# - the **[Fréchet distance](glossary.md#fréchet-distance)** between the features of both sets, each summarised by a
#   mean $\mu$ and a covariance $\Sigma$:
#   $d^2 = \lVert \mu_1 - \mu_2 \rVert^2 + \operatorname{tr}(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1 \Sigma_2)^{1/2})$. It is
#   called FID only when an Inception-v3 network makes the features; the text above the table names ours. It grows when
#   there are fewer images, so all sets are thinned to the same number $N$;
# - the **brightness** of the pixels, as a histogram.
#
# The distance by hand, on features that need no network: the mean brightness of eight parts of the image, for real
# infrared images against synthetic ones. ($(\Sigma_1 \Sigma_2)^{1/2}$ is the matrix that, multiplied by itself, gives
# the product. The library avoids it: it sums the singular values of $\Sigma_1^{1/2} \Sigma_2^{1/2}$, which has the
# same trace and never turns complex.)

# %% tags=["by-hand"]
down, across = 4, 2


def part_brightness(rows):
    """The mean brightness, 0..1, of each part of the image: a row per image, a column per part."""
    values = luminance(pixels(rows, (64, 32))) / 255
    return values.reshape(len(rows), down, 64 // down, across, 32 // across).mean((2, 4)).reshape(len(rows), -1)


infrared = run.data().train_rows().query("modality == 'infrared'")
a, b = (part_brightness(rows.sample(min(len(rows), 400), random_state=0)) for rows in (infrared, made))

means_apart = ((a.mean(0) - b.mean(0)) ** 2).sum()
first_cov, second_cov = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
distance = means_apart + np.trace(first_cov + second_cov - 2 * scipy.linalg.sqrtm(first_cov @ second_cov).real)

assert np.isclose(distance, frechet_distance(a, b), rtol=1e-4, atol=1e-8)
print(f"d² = {distance:.5f}, of which the means make {means_apart:.5f}")

# %% [markdown]
# Where in the image do they differ? The means, part by part, and how far both sets scatter:

# %%
panels = {
    "real": a.mean(0),
    "DiVE": b.mean(0),
    "DiVE − real": b.mean(0) - a.mean(0),
    "SD(DiVE) − SD(real)": b.std(0) - a.std(0),
}
figure, axes = plt.subplots(1, 4, figsize=(7.2, 2.6))
for place, (name, values) in zip(axes, panels.items(), strict=True):
    limits = {"vmin": 0, "vmax": 1, "cmap": "gray"} if "−" not in name else {"vmin": -0.3, "vmax": 0.3, "cmap": "PuOr"}
    shown = place.imshow(values.reshape(down, across), **limits)
    place.set_title(name, fontsize=9)
    place.set_axis_off()
    figure.colorbar(shown, ax=place, shrink=0.8)
figure.suptitle("Brightness by part of the image")
plt.show()

# %% [markdown]
# Now with the features of the evaluator, for every gallery, and equal numbers of images, on which the distance depends.
# The two halves of the real images show the distance that chance alone gives. All pass the infrared stream, because the
# question is whether they could be taken for infrared.

# %%
real = infrared[infrared["camera"].isin(run.infrared_cameras)]
groups = {"real infrared, one half": real.iloc[::2], "real infrared, other half": real.iloc[1::2]}
groups["external photographs (visible)"] = run.data().external
for name in run.profile.reid.training_sets:
    if name != "real":
        groups[plain_label(name)] = run.synthesize(name)
count, seen, histograms, rows = min(map(len, groups.values())), {}, {}, {}
for name, table in groups.items():
    table = subsample(table, count)
    seen[name] = extract(evaluator, table.assign(modality="infrared"), reid_config, run.cache.files).numpy()
    shown = pixels(table, (config.height, config.width))
    brightness = luminance(shown)
    histograms[name] = np.histogram(brightness, bins=32, range=(0, 255))[0] / brightness.size
    rows[name] = {
        "Fréchet distance": frechet_distance(seen["real infrared, one half"], seen[name]),
        "brightness overlap": np.minimum(histograms["real infrared, one half"], histograms[name]).sum(),  # 1: equal
        "colourfulness (0–255)": colourfulness(shown).mean(),
        "N": count,
    }
pd.DataFrame.from_dict(rows, orient="index").iloc[1:].style.format(precision=2)

# %%
edges = np.linspace(0, 255, len(histograms["real infrared, one half"]) + 1)
plt.figure(figsize=(7.2, 3.2))
for place, (name, shares) in enumerate(histograms.items()):
    look = {"fill": True, "color": "lightgray"} if place == 0 else {"color": f"C{place - 1}", "linewidth": 1.6}
    plt.stairs(100 * shares, edges, label=name, **look)
plt.xlabel("luminance of a pixel (0 black, 255 white)")
plt.ylabel("share of pixels (%)")
plt.title("Brightness of the pixels")
plt.legend(loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %%
if inception:
    from vireid_lib.analysis.inception import SIZE, InceptionV3

    network = InceptionV3.load(inception).to(run.device)
    pair = [rows.sample(min(len(infrared), len(made)), random_state=0) for rows in (infrared, made)]
    sides = [network.features(pixels(rows, (SIZE, SIZE))) for rows in pair]
    print(frechet(*sides, extractor="Inception-v3", resize=f"{SIZE}x{SIZE}, bilinear"))

# %% [markdown]
# **What to notice.** The other half of the real images shows what distance remains between two samples of the *same*
# cameras and identities. True infrared of the external identities differs from it by the identities alone. A distance
# below that would be suspicious: the synthetic set would imitate the target's *people* and not only its cameras. And a
# good distance says nothing about labels: exchange all names among the synthetic images, and it stays the same.
#
# ## Learned by heart? The audit
#
# A generator can also learn by heart. The **audit** looks up each synthetic image among *all* images that a generator
# may have learned from, the external photographs included, and asks how near the nearest one is.
#
# How near is too near? Real images answer: each real infrared training image is looked up too, among the images of
# other identities or other cameras (two frames of one person by one camera resemble each other by nature, and no
# synthetic image has such a neighbour). The nearest 1 % of these distances set the threshold; whatever lies below it is
# *flagged*. Of truly new images about 1 % are. By hand, with the evaluator's features:

# %% tags=["by-hand"]
training, is_real = training_images(run)
unit = normalize(extract(evaluator, training, reid_config, run.cache.files).double())
recording = (training["identity"] + " " + training["camera"]).to_numpy()

similarity, nearest = (normalize(asked.double()) @ unit.T).max(1)
synthetic = 1 - similarity
same = torch.from_numpy(recording[is_real][:, None] == recording[None])
real = (1 - unit[torch.from_numpy(is_real)] @ unit.T).masked_fill(same, torch.inf).min(1).values
threshold = real.quantile(0.01)
flagged = synthetic < threshold

library = Audit(nearest.numpy(), synthetic.numpy(), real.numpy(), "cosine distance of features")
assert np.isclose(threshold, library.threshold) and np.isclose(flagged.double().mean(), library.rate)
print(f"flagged: {flagged.double().mean():.1%} of {len(made)} synthetic images, where 1 % would be expected by chance")

# %% [markdown]
# The second audit compares pixels, by $1 - \text{SSIM}$ of the luminance (structural similarity, Wang et al. 2004; 0 is
# a copy, also a grey or a mirrored one). To see that an audit can fail, the greyscale copies go through it as well.

# %%
audits = {name: audit(run, name) for name in ("grayscale", "dive")}
rows = [
    {
        "gallery": plain_label(name),
        "flagged (%)": 100 * each.found.rate,
        "expected (%)": 100 * each.found.quantile,
        "threshold": each.found.threshold,
        "smallest": each.found.distances.min(),
        "median": np.median(each.found.distances),
        "median of real": np.median(each.found.real),
    }
    for name, each in audits.items()
]
pd.DataFrame(rows).style.format(precision=3).hide()

# %%
copied = audits["dive"]
print(copied.found)
figure, axes = plt.subplots(1, 2, figsize=(8, 3.1), layout="constrained")
for place, synthetic_side, real_side, name in (
    (axes[0], synthetic.numpy(), real.numpy(), "By features: cosine distance"),
    (axes[1], copied.found.distances, copied.found.real, "By pixels: 1 − SSIM"),
):
    bins = np.linspace(0, max(synthetic_side.max(), real_side.max()), 40)
    place.hist(real_side, bins, density=True, color="lightgray", label="real, to other recordings")
    place.hist(synthetic_side, bins, density=True, histtype="step", color="C1", linewidth=1.6, label="synthetic")
    place.axvline(np.quantile(real_side, 0.01), color="gray", linestyle="--", linewidth=1, label="threshold")
    place.set_title(name)
    place.set_xlabel("distance to the nearest training image")
    place.set_yticks([])
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()

# %%
closest = np.argsort(copied.found.distances, kind="stable")[:6]
twins = copied.training.iloc[copied.found.nearest[closest]]
viz.image_grid(
    [list(pixels(copied.gallery.iloc[closest])), list(pixels(twins))],
    row_labels=["synthetic", "nearest\ntraining image"],
    column_labels=[f"{copied.found.distances[k]:.2f}" + " flagged" * bool(copied.found.flagged[k]) for k in closest],
    cell=1.5,
    title="Synthetic images nearest to a training image, and their 1 − SSIM",
)

# %% [markdown]
# **What to notice.** Is there a hump of the synthetic curve at the left of the real one? Then look at the pairs with
# your eyes: the same background is the camera's; the same pose in the same clothes is a copy. SSIM also rewards smooth
# images: a blurred picture lies nearer to everything than a sharp one, so a few flags are a reason to look, and not yet
# a finding. Features have another blind spot: the evaluator sees a copy through its infrared half and the original
# through its visible one, and may take them for different pictures. (Replace `asked` by
# `features(run.synthesize("grayscale"))`, and see.)
#
# ## All measures in one table
#
# No single number says how good a gallery is. Here are those that the field uses, for DiVE between two references: the
# greyscale copies, which every generator must beat, and in the miniature world the two that only its renderer knows,
# infrared with re-drawn materials (the best possible guess from a photograph) and true infrared.
#
# - **identity preserved**: the share of images whose nearest photograph (or true infrared image) has their identity;
#   **MD** (JSIA-ReID's identity distance): mean distance between two images of one person, at unit length;
# - **precision** and **density**: could each image be real? **Recall** and **coverage**: is every real image matched by
#   a synthetic one (Kynkäänniemi et al. 2019, Naeem et al. 2020)? As the Fréchet distance does, they compare with
#   pictures that no gallery holds;
# - **SSIM on the person**: photographs are translated and compared with the same moment under an infrared camera,
#   without the background; only for generators that translate, and only in the miniature world;
# - **taken for infrared** by small networks that learned the two modalities from real images. One sees colour, for
#   which grey is enough; the other sees luminance alone and asks for infrared materials, illumination and places;
# - **diversity**: distance between two images of one person under one camera, in percent of what real ones have.

# %%
compared = compare(run, ["grayscale", "dive", *(("resampled_ir", "oracle_ir") if run.miniature else ())])
table = compared.table.set_index("infrared images").T.rename_axis(index="measure", columns=None)
table.style.format("{:.3g}", na_rep="–")

# %%
pd.Series(compared.basis, name="measured with").to_frame().style.set_properties(**{"text-align": "left"})

# %% [markdown]
# **What to notice.** Read along a row, between copies and truth. Copies show the right person in the right pose. Do
# they fail where infrared itself is measured, in *luminance* and *coverage*? A generator can fail the other way round,
# with perfect infrared of nobody in particular. Measures may also contradict each other, so
# [chapter 4](04_reid_training.py) has the last word: does a network that trains on the gallery find more people?
#
# ## Privacy
#
# DiVE's paper calls synthetic data "an efficient and privacy-ensuring alternative" to collecting more. That deserves
# questions, and the grids above are good material for them.
#
# - **Whose image is it?** A synthetic image is useful here exactly as far as it shows a *particular real person*: the
#   evaluator above measures how far that person can be recognised in it. What makes the method work makes the image
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
# **1.** Exchange the names of all synthetic images among each other. What happens to the Fréchet distance, and to the
# share of images whose nearest photograph has the right identity?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 1.
# The distance knows no names and stays. The share falls to chance, 1 in as many as there are identities,
# however well the evaluator saw before. Here one that is right in 40 % of 320 images of 40 people.
rng = np.random.default_rng(0)
ordered = np.repeat(np.arange(40), 8)
named = np.where(rng.random(320) < 0.4, ordered, rng.integers(0, 40, 320))
before = (named == ordered).mean()
after = np.mean([(named == rng.permutation(ordered)).mean() for _ in range(500)])
assert before > 0.3 and abs(after - 1 / 40) < 0.003
assert abs(frechet_distance(a, b[rng.permutation(len(b))]) - frechet_distance(a, b)) < 1e-9
print(f"nearest has the right identity: {before:.1%} before, {after:.1%} after (chance {1 / 40:.1%})")

# %% [markdown]
# **2.** Draw two samples of $N$ images from the *same* source. Is their Fréchet distance 0? How does it depend on $N$?

# %% jupyter={"outputs_hidden": true, "source_hidden": true} tags=["solution"]
# Solution 2.
# No: means and covariances of samples differ by chance, and every difference counts upwards. The distance
# falls about as 1/N. A gallery with fewer images looks worse without being worse: compare equal numbers.
apart = {}
for size in (20, 100, 500):
    samples = rng.standard_normal((30, 2, size, 8))
    apart[size] = np.mean([frechet_distance(*pair) for pair in samples])
assert apart[20] > 3 * apart[100] > 9 * apart[500] > 0
print(", ".join(f"N = {size}: {value:.3f}" for size, value in apart.items()))

# %% [markdown]
# ## Something to try
#
# 1. **The solver.** In `solve`, follow the guess to the end of the step instead of its middle (leave `/ 2` away).
#    *Expect* the comparison with `diffusers` to fail. Skip it and look at the curves of the two orders again: is the
#    second order still worth its name?
# 2. **Guidance.** Copy the profile and change `dive.guidance`. *Expect* more of it to make the images of an identity
#    more similar and cameras more stereotyped: identity preservation may rise while the Fréchet distance grows.
# 3. **Features.** Set `down, across = 8, 4`. *Expect* the Fréchet distance to grow: more columns, more covariances to
#    differ in by chance.
# 4. **More people.** Run `vireid book --only 03 -p people_shown=8` and look at the swaps again: which of the new people
#    look like one of the old?
#
# ## Further reading
#
# - Dai, Lu, Li: "Diffusion-based Synthetic Data Generation for Visible-Infrared Person Re-Identification", AAAI 2025.
# - Ho, Salimans: "Classifier-Free Diffusion Guidance", NeurIPS Workshop 2021.
# - Song, Meng, Ermon: "Denoising Diffusion Implicit Models", ICLR 2021.
# - Lu, Zhou, Bao, Chen, Li, Zhu: "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models",
#   arXiv 2022: why a guess at the picture makes a better solver than a guess at the noise, under guidance.
# - Meng et al.: "SDEdit: Guided Image Synthesis and Editing with Stochastic Differential Equations", ICLR 2022.
# - Heusel, Ramsauer, Unterthiner, Nessler, Hochreiter: "GANs Trained by a Two Time-Scale Update Rule Converge to a
#   Local Nash Equilibrium", NeurIPS 2017: the Fréchet distance for images.
# - Carlini et al.: "Extracting Training Data from Diffusion Models", USENIX Security 2023: copies, and what else leaks.
