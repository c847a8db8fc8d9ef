"""A miniature world's external people with infrared materials drawn anew: a fair ceiling, the best guess by colour."""

from vireid_lib.generators.oracle_ir import OracleInfrared


class ResampledInfrared(OracleInfrared):
    """As the oracle's, but the materials are drawn again by the world's law, which no photograph tells."""

    name = "resampled_ir"
    kind = "redrawn"


GENERATOR = ResampledInfrared
