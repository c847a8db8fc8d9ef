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
# # Training monitor
#
# What is being trained in a workspace, by a chapter in another tab, a study, or `vireid book` in a terminal. This page
# reads the files that trainings write and changes nothing. No chapter: the book runs without it.

# %% tags=["parameters"]
profile = ""  # empty: "mini", or what `vireid lab --profile` says
workspace = ""  # folder of all results; empty: workspace/PROFILE
data_root = ""  # folder of the real data sets; empty: what the profile says

# %%
from vireid_lib import experiment
from vireid_lib.viz import explorers

run = experiment.open(profile, workspace, data_root)
watching = explorers.monitor(run)

# %% [markdown]
# Strong lines are unfinished; beside them stand the step, the time left at the speed so far, and the last loss. "No
# news" means that nothing has been written for a while: the training was stopped, or it waits. Untick *live* to keep
# the figure as it is. Curves of one panel compare: same method, same loss.
