"""Flat tables without times: X Education leads and Telco churn."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from bench.accuracy.judging import Result, cross_validated, fit_frames, flat_pasts
from shared.contracts.outcome import Outcome
from shared.timeline import NEVER
from shared.timeline.pasts import Frames

X_EDUCATION_LEAKS = (
    "Tags",
    "Lead Quality",
    "Lead Profile",
    "Last Activity",
    "Last Notable Activity",
    "Asymmetrique Activity Index",
    "Asymmetrique Profile Index",
    "Asymmetrique Activity Score",
    "Asymmetrique Profile Score",
)
IDENTIFIERS = ("Prospect ID", "Lead Number")


def x_education(folder: Path, progress: Callable[[str], None]) -> Result:
    """Five folds, the nine leaking columns left out."""
    table = pd.read_csv(folder / "x_education_leads.csv.gz")
    labels = table["Converted"].to_numpy(dtype=np.float64)
    kept = table.drop(columns=["Converted", *X_EDUCATION_LEAKS, *IDENTIFIERS], errors="ignore")
    outcome = Outcome(name="converted", capability="scoring", attribute="Converted")
    return cross_validated(
        "X Education", outcome, flat_pasts(_records(kept)), labels, reference=(0.873, 0.429), progress=progress
    )


def telco(folder: Path, progress: Callable[[str], None]) -> Result:
    """Five folds through the flat mode."""
    table = pd.read_csv(folder / "telco_churn.csv.gz")
    labels = (table["churn"] == "Yes").to_numpy(dtype=np.float64)
    outcome = Outcome(name="churn", capability="scoring", attribute="churn", positive="Yes")
    return cross_validated(
        "Telco (flat)",
        outcome,
        flat_pasts(_records(table.drop(columns=["churn"]))),
        labels,
        reference=(0.848, 0.414),
        progress=progress,
    )


def x_education_with_leaks(folder: Path) -> list[str]:
    """Leave the leaking columns in and list what the leak check names."""
    table = pd.read_csv(folder / "x_education_leads.csv.gz").drop(columns=list(IDENTIFIERS), errors="ignore")
    outcome = Outcome(name="converted", capability="scoring", attribute="Converted")
    pasts = flat_pasts(_records(table))
    labels = table["Converted"].to_numpy(dtype=np.float64)
    frames = Frames(np.arange(len(labels), dtype=np.int32), np.full(len(labels), NEVER - 1), labels)
    return list(fit_frames(outcome, pasts, frames, allowed=()).report.leaks)


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()}
        for row in table.to_dict("records")
    ]
