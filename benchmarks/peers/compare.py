"""Our engine beside medspaCy and negspacy: accuracy on one gold, speed on the same paragraphs, in one run.

    python -m venv PEERS && PEERS/bin/pip install -r benchmarks/peers/requirements.txt
    python -m benchmarks.peers.compare --peers PEERS/bin/python --gold GOLD --reports REPORTS --negation CSV

The rules of our engine were written on the development half of the gold, the peers' lists were not: only the kept-back
half compares them fairly. Speed is processor time of one process each, one after the other.
"""

import argparse
import csv
import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.report_mining import _finding_rows, _json_lines
from echomine.reports import assertion_of, extract_findings, findings_document

PEERS = ("medspacy", "negspacy")
WORDS = 60


def main() -> int:
    """Print the table."""
    arguments = _arguments()
    gold = {row["id"]: row["findings"] for row in _json_lines(arguments.gold)}
    reports = [row for row in _json_lines(arguments.reports) if row["id"] in gold]
    with arguments.negation.open(encoding="utf-8", newline="") as lines:
        negation = list(csv.DictReader(lines))
    paragraphs = _paragraphs([row["text"] for row in reports], arguments.paragraphs)
    job = {"reports": reports, "negation": negation, "paragraphs": paragraphs}
    results = {"echomine": _ours(job), **{name: _peer(name, arguments.peers, job) for name in PEERS}}
    for name, result in results.items():
        _print_result(name, result, gold, negation)
    ours = results["echomine"]["paragraphs_per_s"]
    for name in PEERS:
        print(f"echomine is {ours / results[name]['paragraphs_per_s']:.1f} times as fast as {name}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=Path, required=True, help="python of the peers' environment")
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--reports", type=Path, required=True)
    parser.add_argument("--negation", type=Path, required=True)
    parser.add_argument("--paragraphs", type=int, default=400, help="paragraphs of 60 words for the speed")
    return parser.parse_args()


def _paragraphs(texts: Sequence[str], count: int) -> list[str]:
    words = [word for text in texts for word in text.split(" ")]
    pieces = [" ".join(words[start : start + WORDS]) for start in range(0, len(words) - WORDS, WORDS)]
    return [pieces[number % len(pieces)] for number in range(count)]


def _ours(job: Mapping) -> dict:
    findings = {row["id"]: findings_document(row["id"], row["text"])["findings"] for row in job["reports"]}
    seconds = []
    for _ in range(3):
        started = time.process_time()
        for paragraph in job["paragraphs"]:
            extract_findings(paragraph)
        seconds.append(time.process_time() - started)
    negated = [row["row_id"] for row in job["negation"] if assertion_of(row["sentence"], row["concept"]) == "negated"]
    return {
        "findings": findings,
        "negated": negated,
        "paragraphs_per_s": len(job["paragraphs"]) / float(np.median(seconds)),
    }


def _peer(name: str, python: Path, job: Mapping) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "job.json", Path(folder) / "result.json"
        given.write_text(json.dumps(job), encoding="utf-8")
        script = Path(__file__).with_name("peer_findings.py")
        subprocess.run([python, script, name, given, made], check=True)
        return json.loads(made.read_text(encoding="utf-8"))


def _print_result(name: str, result: Mapping, gold: Mapping, negation: Sequence[Mapping]) -> None:
    print(f"\n{name}: {result['paragraphs_per_s']:,.0f} paragraphs of {WORDS} words a second")
    for row, value, low, high, counts in _finding_rows(gold, result["findings"], np.random.default_rng(0), 1000):
        print(f"  {row:34s}{value:7.3f}  {low:.3f}-{high:.3f}  {counts}")
    ours, wanted = set(result["negated"]), {row["row_id"] for row in negation if row["negation"] == "Negated"}
    hits = len(ours & wanted)
    print(f"  {'negation kit, negated F1':34s}{2 * hits / (len(ours) + len(wanted)):7.3f}")


if __name__ == "__main__":
    raise SystemExit(main())
