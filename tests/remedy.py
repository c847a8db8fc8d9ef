"""Words by which an error says what to do: every refusal of bad input has one."""

import re

REMEDY = re.compile(
    r"\b(add|choose|convert|copy|correct|delete|did you mean|download|drop|fetch|free|give|instead|its default|keep|"
    r"knows|leave|list every|make|move|name|pass|put|remove|restore|run|save|separate|set|should|take|there are|"
    r"unpack|use|valid here|write)\b",
    re.IGNORECASE,
)
