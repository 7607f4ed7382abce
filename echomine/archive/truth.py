"""The truth table of a synthetic archive. Evaluation alone may import this module; an import contract holds that."""

import csv
from pathlib import Path

from echomine.archive.safe_names import safe_uid
from echomine.domain.errors import UsageError
from echomine.domain.records import TrueFinding, TrueFlow
from echomine.domain.vocabulary import Disease, Severity, Valve


def read_truth(path: Path) -> tuple[TrueFinding, ...]:
    """Rows of ``sop_uid, valve, disease, severity`` and, where it has them, the measurements, in the order of the file.

    Raises:
        UsageError: If the file is missing or a row holds an unknown word.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return tuple(_true_finding(row) for row in csv.DictReader(stream))
    except (OSError, KeyError, ValueError, AttributeError, csv.Error) as error:
        raise UsageError(
            f"{path} is no truth table with the columns sop_uid, valve, disease, severity: {_why(error)}"
        ) from error


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]}"
    if isinstance(error, UnicodeDecodeError):
        return "it is no text in UTF-8"
    return error.strerror or "it cannot be read" if isinstance(error, OSError) else str(error)


def _true_finding(row: dict[str, str]) -> TrueFinding:
    return TrueFinding(
        image_id=safe_uid(row["sop_uid"]),
        valve=Valve(row["valve"]),
        disease=Disease(row["disease"]),
        severity=Severity.from_word(row["severity"]),
        flow=_true_flow(row),
    )


def _true_flow(row: dict[str, str]) -> TrueFlow | None:
    if not row.get("beats"):
        return None
    return TrueFlow(
        vmax_mps=float(row["vmax_mps"]),
        mean_vmax_mps=float(row["mean_vmax_mps"]),
        mean_gradient_mmhg=float(row["mean_gradient_mmhg"]),
        vti_cm=float(row["vti_cm"]),
        pht_ms=float(row["pht_ms"]) if row["pht_ms"] else None,
        beats=int(row["beats"]),
    )
