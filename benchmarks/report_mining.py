"""What the report engine finds against gold labels: table with bootstrap intervals, every error, speed.

    python benchmarks/report_mining.py --gold gold.jsonl --reports reports.jsonl [--negation negation.csv]

Findings fold to one record per (valve, disease, assertion) with a set of grades; grades agree when any of ours equals
any of the gold's. ``normal`` counts in its own row only. Intervals are percentile bootstraps over reports.
"""

import argparse
import csv
import json
import re
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from echomine.pipeline.report_processes import Text, mine_texts
from echomine.reports import assertion_of, extract_findings, findings_document

Key = tuple[str, str, str]
Table = Mapping[Key, frozenset[str]]

DISEASES = frozenset(
    "stenosis regurgitation prolapse sclerosis_calcification thickening vegetation prosthesis normal".split()  # noqa: SIM905
)
GOALS = {
    "(valve, disease) present F1": None,
    "(valve, disease, severity) F1": 0.95,
    "severity exact, given the pair": 0.97,
    "negated F1": 0.92,
    "possible + historical F1": 0.85,
    "normal valves F1": 0.92,
    "negation kit, negated F1": 0.975,
}


@dataclass(frozen=True, slots=True)
class Error:
    """One record that was missed, made up, or graded otherwise."""

    report: str
    kind: str
    key: Key
    gold: str
    ours: str
    quote: str


def main() -> int:
    arguments = _arguments()
    gold = {row["id"]: row["findings"] for row in _json_lines(arguments.gold) if re.search(arguments.only, row["id"])}
    texts = {row["id"]: row["text"] for row in _json_lines(arguments.reports) if row["id"] in gold}
    missing = sorted(set(gold) - set(texts))
    if missing or not gold:
        print(f"no text for {', '.join(missing) or 'any report'}", file=sys.stderr)
        return 2
    ours = {name: findings_document(name, text)["findings"] for name, text in texts.items()}
    rng = np.random.default_rng(arguments.seed)
    rows = _finding_rows(gold, ours, rng, arguments.draws)
    if arguments.negation:
        rows.append(_negation_row(arguments.negation, rng, arguments.draws))
    print(f"{len(gold)} reports")
    _print_table(rows)
    _print_errors(_errors(gold, ours))
    _print_speed(list(texts.values()))
    if arguments.two_processes:
        _print_two_processes(list(texts.values()), arguments.two_processes)
    if arguments.memory:
        _print_memory(list(texts.values()), arguments.memory)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gold", type=Path, required=True, help="JSON lines: id, findings")
    parser.add_argument("--reports", type=Path, required=True, help="JSON lines: id, text")
    parser.add_argument("--negation", type=Path, help="CSV: row_id, report_no, concept, sentence, negation")
    parser.add_argument("--only", default="", metavar="REGEX", help="score only ids that match")
    parser.add_argument("--draws", type=int, default=1000, help="bootstrap draws")
    parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap")
    parser.add_argument("--two-processes", type=int, default=0, metavar="N", help="paragraphs for one against two")
    parser.add_argument("--memory", type=int, default=0, metavar="N", help="reports to read for memory")
    return parser.parse_args()


def _json_lines(path: Path) -> Iterable[dict]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def _table(findings: Iterable[Mapping[str, str]]) -> Table:
    grades: dict[Key, set[str]] = defaultdict(set)
    for finding in findings:
        if finding["disease"] in DISEASES:
            key = (finding["valve"], finding["disease"], finding.get("assertion") or "present")
            grades[key].add(finding.get("severity") or "unspecified")
    return {key: frozenset(found) for key, found in grades.items()}


def _finding_rows(gold: Mapping, ours: Mapping, rng: np.random.Generator, draws: int) -> list[tuple]:
    tables = [(_table(gold[name]), _table(ours[name])) for name in sorted(gold)]
    kinds: dict[str, Callable[[Key], bool]] = {
        "(valve, disease) present F1": lambda key: key[2] == "present" and key[1] != "normal",
        "negated F1": lambda key: key[2] == "negated" and key[1] != "normal",
        "possible + historical F1": lambda key: key[2] in {"possible", "historical"} and key[1] != "normal",
        "normal valves F1": lambda key: key[2] == "present" and key[1] == "normal",
    }
    rows = [
        (name, *_with_interval(np.array([_pairs(one, other, wanted) for one, other in tables]), _f1, rng, draws))
        for name, wanted in kinds.items()
    ]
    triples = np.array([_triples(one, other) for one, other in tables])
    graded = np.array([_graded(one, other) for one, other in tables])
    rows.insert(1, ("(valve, disease, severity) F1", *_with_interval(triples, _f1, rng, draws)))
    rows.insert(2, ("severity exact, given the pair", *_with_interval(graded, _share, rng, draws)))
    return rows


def _pairs(gold: Table, ours: Table, wanted: Callable[[Key], bool]) -> tuple[int, int, int]:
    one, other = {key for key in gold if wanted(key)}, {key for key in ours if wanted(key)}
    return len(one & other), len(other - one), len(one - other)


def _graded(gold: Table, ours: Table) -> tuple[int, int]:
    both = [key for key in gold if key in ours and key[2] == "present" and key[1] != "normal"]
    return sum(bool(gold[key] & ours[key]) for key in both), len(both)


def _triples(gold: Table, ours: Table) -> tuple[int, int, int]:
    exact = _graded(gold, ours)[0]
    hits, extra, missed = _pairs(gold, ours, lambda key: key[2] == "present" and key[1] != "normal")
    return exact, hits + extra - exact, hits + missed - exact


def _negation_row(path: Path, rng: np.random.Generator, draws: int) -> tuple:
    groups: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            gold = row["negation"] == "Negated"
            ours = assertion_of(row["sentence"], row["concept"]) == "negated"
            if gold or ours:
                groups[row["report_no"]][0 if gold and ours else 1 if ours else 2] += 1
    return ("negation kit, negated F1", *_with_interval(np.array(list(groups.values())), _f1, rng, draws))


def _f1(counts: np.ndarray) -> float:
    hits, extra, missed = counts.sum(axis=0)
    return float(2 * hits / (2 * hits + extra + missed)) if hits + extra + missed else float("nan")


def _share(counts: np.ndarray) -> float:
    right, all_of_them = counts.sum(axis=0)
    return float(right / all_of_them) if all_of_them else float("nan")


def _with_interval(
    counts: np.ndarray, figure: Callable[[np.ndarray], float], rng: np.random.Generator, draws: int
) -> tuple[float, float, float, str]:
    drawn = [figure(counts[rng.integers(len(counts), size=len(counts))]) for _ in range(draws)]
    low, high = np.nanpercentile(drawn, [2.5, 97.5]) if not np.all(np.isnan(drawn)) else (float("nan"),) * 2
    return figure(counts), float(low), float(high), "/".join(str(number) for number in counts.sum(axis=0))


def _print_table(rows: Iterable[tuple]) -> None:
    print(f"{'':34s}{'value':>7s}  {'95 % interval':15s}{'goal':>6s}  counts")
    for name, value, low, high, counts in rows:
        goal = GOALS[name]
        print(f"{name:34s}{value:7.3f}  {low:.3f}-{high:.3f}    {f'{goal:.3f}' if goal else '-':>6s}  {counts}")


def _errors(gold: Mapping, ours: Mapping) -> list[Error]:
    found = []
    for name in sorted(gold):
        one, other = _table(gold[name]), _table(ours[name])
        quotes = {_key(row): row["quote"] for row in [*ours[name], *gold[name]]}
        for key in sorted(one.keys() | other.keys()):
            wanted, got = one.get(key, frozenset()), other.get(key, frozenset())
            if wanted & got or key[2] not in {"present", "negated", "possible", "historical"}:
                continue
            kind = "missed" if not got else "extra" if not wanted else "grade"
            found.append(Error(name, kind, key, "/".join(sorted(wanted)), "/".join(sorted(got)), quotes[key]))
    return found


def _key(finding: Mapping[str, str]) -> Key:
    return finding["valve"], finding["disease"], finding.get("assertion") or "present"


def _print_errors(errors: list[Error]) -> None:
    print(f"\n{len(errors)} errors")
    for error in errors:
        sentence = " ".join(error.quote.split())
        print(f"{error.kind:7s} {error.report}: {' '.join(error.key)} [{error.gold} | {error.ours}] {sentence!r}")


def _print_speed(texts: list[str]) -> None:
    """Paragraphs of 60 words read a second, in processor time of one process, the best of three rounds."""
    words = sum(len(text.split()) for text in texts)
    seconds = []
    for _ in range(3):
        started = time.process_time()
        for text in texts:
            extract_findings(text)
        seconds.append(time.process_time() - started)
    print(f"\n{words / 60 / min(seconds):,.0f} paragraphs of 60 words a second, one process")


def _print_memory(texts: list[str], count: int) -> None:
    """Resident memory after a twentieth, a fifth and all of many reports, each three lines of real ones."""
    lines = [line for text in texts for line in text.splitlines() if line.strip()]
    rng = np.random.default_rng(0)
    marks = {count // 20, count // 5, count}
    for number, _ in enumerate(mine_texts(_recycled(lines, count, rng)), start=1):
        if number in marks:
            print(f"resident memory after {number:,} reports: {_resident_mb():.0f} MB", flush=True)


def _recycled(lines: list[str], count: int, rng: np.random.Generator) -> Iterator[Text]:
    for number in range(count):
        chosen = (lines[index] for index in rng.integers(len(lines), size=3))
        yield Text(str(number), f"{' '.join(chosen)} {number}")


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1024**2


def _print_two_processes(texts: list[str], count: int) -> None:
    """Paragraphs through one process and through two, start included: wall time, and what two free cores would give.

    The second figure is the processor time of one process over that of the busiest of the three at work in the other
    run (two readers and the parent, which feeds and collects): on a busy machine it is the one that means something.
    """
    words = [word for text in texts for word in text.split(" ")]
    pieces = [" ".join(words[start : start + 60]) for start in range(0, len(words) - 60, 60)]
    many = [Text(str(number), pieces[number % len(pieces)]) for number in range(count)]
    alone_s, alone_cpu_s, _ = _timed(many, 1)
    together_s, parent_cpu_s, readers_cpu_s = _timed(many, 2)
    possible = alone_cpu_s / max(parent_cpu_s, readers_cpu_s / 2)
    print(
        f"{count:,} paragraphs, two processes: {alone_s / together_s:.2f} times one by the clock "
        f"({alone_s:.1f} s and {together_s:.1f} s), {possible:.2f} by processor time "
        f"({alone_cpu_s:.1f} s; readers {readers_cpu_s:.1f} s, parent {parent_cpu_s:.1f} s)"
    )


def _timed(texts: list[Text], processes: int) -> tuple[float, float, float]:
    """Wall time, own processor time and that of the processes started, in seconds."""
    wall, own, children = time.perf_counter(), time.process_time(), _children_s()
    for _ in mine_texts(texts, processes=processes):
        pass
    return time.perf_counter() - wall, time.process_time() - own, _children_s() - children


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    raise SystemExit(main())
