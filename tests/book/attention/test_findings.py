"""Verdicts about attention follow from the numbers."""

import numpy as np
import pandas as pd
import pytest

from vireid_lib.book.attention import findings


def _measured(person, code, spread=0.01, images=20):
    rng = np.random.default_rng(0)
    rows = []
    for resolution in ("16 × 8", "8 × 4"):
        for piece, level in (("[p]", person), ("[k]", code), ("photo", 1.0)):
            values = level + spread * rng.standard_normal(images)
            rows.append(
                pd.DataFrame(
                    {
                        "image": range(images),
                        "modality": "visible",
                        "piece": piece,
                        "share": 0.1,
                        "concentration": values,
                        "resolution": resolution,
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize(
    ("person", "code", "verdicts"),
    [
        (1.4, 1.0, ["supported", "supported", "supported"]),
        (1.4, 1.8, ["supported", "contradicted", "supported"][:2] + ["contradicted"]),
        (0.7, 0.9, ["contradicted", "contradicted", "supported"]),
        (1.0, 1.0, ["undecided", "undecided", "undecided"]),
    ],
)
def test_findings_follow_the_numbers(person, code, verdicts):
    measured = _measured(person, code)
    assert [each.verdict for each in findings.findings(measured)] == verdicts
    assert findings.verdicts(measured)["verdict"].tolist() == verdicts


def test_the_conclusion_is_made_of_the_verdicts():
    assert findings.conclusion(_measured(1.4, 1.0)).count("as the paper says") == 2
    assert "against what the paper says" in findings.conclusion(_measured(0.7, 1.8))
    assert "cannot be told" in findings.conclusion(_measured(1.0, 1.0))
