"""The ejection fraction as a label of the exam it was measured in, with what the exam's report says against it."""

from collections.abc import Iterator, Mapping
from statistics import NormalDist
from typing import Any

from echomine.archive.exports import ExportRow
from echomine.archive.scan_table import ScanRow
from echomine.archive.workspace import Workspace
from echomine.cardiac.ef_category import EF_TABLES, ef_category
from echomine.domain.heart_choices import EfTableName, Sex
from echomine.domain.vocabulary import Assertion, LabelSource, Severity
from echomine.pipeline.agreement import CONFLICT
from echomine.pipeline.measured_labels import LEAST_CONFIDENCE, MEASUREMENT
from echomine.pipeline.quantify_archive import GIVEN_MASK, scan_model

STRUCTURE, DISEASE = "left_ventricle", "reduced_ejection_fraction"
"""What stands in the columns of valve and disease."""
TABLE = EfTableName.ASE2015
EF_DEVIATION = {"mr": 4.2, "echo": 11.6}
"""Standard deviation of measured minus traced ejection fraction, in points, on patients left out: of the worse of two
trainings (docs/figures.md)."""
MASK_DEVIATION = 5.0
"""The same between two tracings of one exam; an assumption."""
DOUBTFUL_FLAGS = frozenset({"same_instant", "instants_swapped", "absent_lv", "invented_mask"})
"""With one of them an ejection fraction is no statement about the heart."""


def ventricle_rows(workspace: Workspace) -> Iterator[ExportRow]:
    """A row for every scan of an exam whose ejection fraction the current models (or a given mask) measured.

    The split is left empty. The confidence is that of being on the told side of normal, for a normal error of the
    deviation that the networks had on patients left out; a reduction is graded by ASE/EACVI 2015, by the limits
    for men, since the sex is not known.
    """
    current = {kind: scan_model(workspace, kind) for kind in EF_DEVIATION}
    for scan in workspace.catalog.scans.labelled():
        if scan.model not in (GIVEN_MASK, current.get(scan.kind)):
            continue
        value = scan.result.get("values", {}).get("lv_ef", {}).get("value")
        if value is not None and value <= 100 and (scan.study_uid or scan.patient):
            yield _row(scan, float(value))


def _row(scan: ScanRow, ef_pct: float) -> ExportRow:
    band = ef_category(ef_pct, table=TABLE)
    confidence = _confidence(scan, ef_pct)
    return {
        "sop_uid": "",
        "study_uid": scan.study_uid,
        "patient": scan.patient,
        "source": LabelSource.MEASUREMENT.value,
        "valve": STRUCTURE,
        "disease": DISEASE,
        "severity_low": band.severity.word,
        "severity_high": band.severity.word,
        "assertion": (Assertion.NEGATED if band.severity is Severity.NONE else Assertion.PRESENT).value,
        "confidence": round(confidence, 6),
        "abstained": confidence < LEAST_CONFIDENCE or bool(_flags(scan) & DOUBTFUL_FLAGS),
        "evidence": [_measured(scan, ef_pct), *map(_conflict, scan.conflicts)],
        "run": scan.run_id,
        "split": "",
    }


def _confidence(scan: ScanRow, ef_pct: float) -> float:
    deviation = MASK_DEVIATION if scan.model == GIVEN_MASK else EF_DEVIATION[scan.kind]
    limit = EF_TABLES[TABLE].bands[Sex.UNKNOWN][0].at_least_pct - 0.5
    return NormalDist().cdf(abs(ef_pct - limit) / deviation)


def _flags(scan: ScanRow) -> set[str]:
    return {one["flag"] for one in scan.result.get("flags", ())}


def _measured(scan: ScanRow, ef_pct: float) -> dict[str, Any]:
    method = scan.result["values"]["lv_ef"].get("method", "")
    note = f"LVEF {ef_pct:.1f} %, {scan.kind}, {method}; {EF_TABLES[TABLE].source}, limits for men; {scan.model}"
    return {"kind": MEASUREMENT, "reference": scan.scan_id, "score": round(ef_pct, 2), "span": None, "note": note}


def _conflict(one: Mapping[str, Any]) -> dict[str, Any]:
    span = [one["start"], one["end"]] if one.get("start") is not None else None
    note = f"{CONFLICT}: the report states LVEF {one['reported']:g} %, measured was {one['value']:g} %"
    return {"kind": CONFLICT, "reference": one["report"], "score": float(one["reported"]), "span": span, "note": note}
