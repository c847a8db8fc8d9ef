"""Flow2Flow: two invertible flows, one per modality, that share their latents."""

from vireid_lib.generators.flow2flow.flow2flow import GENERATOR, Flow2Flow

__all__ = ["GENERATOR", "Flow2Flow"]
