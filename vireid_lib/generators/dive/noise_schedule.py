"""The noise schedule of a base model, and a sampler on it with settings of its own.

A base model's folder names the scheduler that it was last saved with: PNDM, DDIM, DEIS, a stochastic DPM-Solver, … Only
its settings of the training noise describe the network. All others belong to a sampler; taking them over would give
other pictures for the same seed, or none.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import diffusers
from diffusers import DDPMScheduler, DPMSolverMultistepScheduler

NEEDED = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type")
OPTIONAL = {"trained_betas": None, "rescale_betas_zero_snr": False}

SOLVER = {"solver_type": "midpoint", "solver_order": 2, "lower_order_final": True, "euler_at_final": False}
SOLVER |= {"final_sigmas_type": "zero", "steps_offset": 1, "lambda_min_clipped": -float("inf"), "variance_type": None}
SOLVER |= dict.fromkeys(("thresholding", "use_exponential_sigmas", "use_beta_sigmas", "use_lu_lambdas"), False)
SOLVER |= dict.fromkeys(("use_flow_sigmas", "use_dynamic_shifting"), False)
"""All that a sampler could take over from elsewhere."""


def noise_schedule(saved: Mapping[str, Any], where: str) -> DDPMScheduler:
    """The schedule that a scheduler was saved with. Raises ValueError: the scheduler's noise is not
    variance-preserving, or not in steps.

    Args:
        saved: the scheduler's configuration; what it leaves out is the default of the class that it names.
        where: the scheduler's origin, for the error.
    """
    # Read the defaults off the class without building it: some need more packages, or refuse their own settings.
    known = inspect.signature(getattr(diffusers, saved.get("_class_name") or "", DDPMScheduler).__init__).parameters
    defaults = {name: each.default for name, each in known.items() if each.default is not each.empty}
    saved = defaults | dict(saved)
    missing = [name for name in NEEDED if saved.get(name) is None]
    if missing:
        raise ValueError(
            f"{where} was saved with {saved.get('_class_name', 'a scheduler')}, which has no {missing[0]}: DiVE takes "
            "models of Stable Diffusion's noise schedule (1.x, 2.x)."
        )
    held = {name: saved[name] for name in NEEDED} | {name: saved.get(name) or OPTIONAL[name] for name in OPTIONAL}
    return DDPMScheduler(**held, clip_sample=False)


def sampler(
    schedule: DDPMScheduler, spacing: str, *, solver: str = "dpmsolver++", karras_sigmas: bool = False
) -> DPMSolverMultistepScheduler:
    """DPM-Solver++ of second order (Lu et al. 2022).

    Args:
        spacing: how its steps are spread over the training's, as diffusers names it: "linspace", "leading", "trailing".
        solver: "dpmsolver++" solves the ordinary differential equation and is deterministic; "sde-dpmsolver++" solves
            the stochastic one, whose fresh noise at each step lets later steps correct the errors of earlier ones.
        karras_sigmas: spread the steps by Karras et al. (2022), eq. 5, more of them at low noise.
    """
    held = {name: schedule.config[name] for name in (*NEEDED, *OPTIONAL)}
    asked = {"algorithm_type": solver, "timestep_spacing": spacing, "use_karras_sigmas": karras_sigmas}
    return DPMSolverMultistepScheduler(**held, **SOLVER, **asked)
