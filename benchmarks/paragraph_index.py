"""The paragraph index: searches a second, beside bare FAISS, with and without filters.

    python -m benchmarks.paragraph_index                  10,253, 100,000 and 200,000 clustered vectors of 128
    python -m benchmarks.paragraph_index --sizes 1000000  others

"bare" is FAISS on the same vectors without filters, ids or exclusion: BLAS in one batch for the flat index.
"recall" is the share of the exact answer's paragraphs that the search beyond the exact limit finds. Two cores take
about a minute for 200,000.
"""

import argparse
import time
from collections.abc import Callable
from datetime import date, timedelta

import faiss
import numpy as np

from echomine.domain.records import Finding, Paragraph, Span
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, Severity, Valve
from echomine.retrieval.columns import ParagraphFilter
from echomine.retrieval.paragraph_index import Neighbour, ParagraphIndex
from echomine.retrieval.text_space import unit_rows
from echomine.retrieval.vector_index import IndexConfig

DIMENSIONS, QUERIES, NEIGHBOURS, CLUSTERS = 128, 500, 20, 400


def clustered(count: int, rng: np.random.Generator) -> np.ndarray:
    """Unit rows around a few hundred centres, as paragraph vectors lie."""
    centres = rng.standard_normal((CLUSTERS, DIMENSIONS))
    noise = 0.4 * rng.standard_normal((count, DIMENSIONS))
    return unit_rows(centres[rng.integers(CLUSTERS, size=count)] + noise)


def paragraphs(count: int) -> list[Paragraph]:
    """Paragraphs of one valve each, five to a patient."""
    findings = [(_finding(valve),) for valve in Valve]
    return [
        Paragraph(
            paragraph_id=f"r{number}#0",
            report_id=f"r{number}",
            text="",
            span=Span(0, 0),
            findings=findings[number % 4],
            patient=f"p{number // 5}",
            performed=date(2015, 1, 1) + timedelta(days=number % 3000),
        )
        for number in range(count)
    ]


def _finding(valve: Valve) -> Finding:
    return Finding(
        valve=valve,
        disease=Disease.STENOSIS,
        severity=SeverityInterval.exactly(Severity.MILD),
        assertion=Assertion.PRESENT,
        span=Span(0, 0),
        quote="",
    )


def rate(work: Callable[[], object]) -> float:
    """Queries a second, the better of two runs."""
    spent = []
    for _ in range(2):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return QUERIES / min(spent)


def overlap(found: list[list[Neighbour]], right: list[list[Neighbour]]) -> float:
    pairs = zip(found, right, strict=True)
    shared = [len({a.paragraph_id for a in one} & {b.paragraph_id for b in other}) for one, other in pairs]
    return float(np.mean(shared)) / NEIGHBOURS


def table(count: int, rng: np.random.Generator) -> None:
    rows, records = clustered(count, rng), paragraphs(count)
    queries = unit_rows(rows[:QUERIES] + 0.05 * rng.standard_normal((QUERIES, DIMENSIONS)))
    owners = [record.patient for record in records[:QUERIES]]
    valve = ParagraphFilter(valves=frozenset({Valve.MITRAL}))
    exact = ParagraphIndex.build(
        records, rows, text_space="benchmark", config=IndexConfig(exact_limit=count, gpu=False)
    )
    right = exact.search(queries, NEIGHBOURS, own_patients=owners)
    bare = faiss.IndexFlatIP(DIMENSIONS)
    bare.add(rows)
    print(f"{count:>9} bare flat           {rate(lambda: bare.search(queries, NEIGHBOURS)):9.0f} queries/s")
    for name, config in _configs(count).items():
        began = time.perf_counter()
        index = ParagraphIndex.build(records, rows, text_space="benchmark", config=config)
        built = time.perf_counter() - began
        plain = rate(lambda index=index: index.search(queries, NEIGHBOURS))
        own = rate(lambda index=index: index.search(queries, NEIGHBOURS, own_patients=owners))

        one_valve = rate(lambda index=index: index.search(queries, NEIGHBOURS, wanted=valve, own_patients=owners))
        recall = overlap(index.search(queries, NEIGHBOURS, own_patients=owners), right)
        size = sum(len(content) for content in index.to_files().values()) / 1e6
        print(
            f"{count:>9} {name:<19} {plain:9.0f} queries/s, own patient left out {own:6.0f}, one valve as well "
            f"{one_valve:6.0f}; recall {recall:.3f}; built in {built:.1f} s, {size:.0f} MB",
            flush=True,
        )


def _configs(count: int) -> dict[str, IndexConfig]:
    if count <= IndexConfig().exact_limit:
        return {"exact": IndexConfig()}
    return {
        "exact": IndexConfig(exact_limit=count),
        "IVF{lists},Flat": IndexConfig(),
        "HNSW32": IndexConfig(factory="HNSW32"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_253, 100_000, 200_000])
    options = parser.parse_args()
    print(f"{DIMENSIONS} dimensions, {QUERIES} queries a batch, {NEIGHBOURS} neighbours, GPUs: {faiss.get_num_gpus()}")
    for count in options.sizes:
        table(count, np.random.default_rng(0))


if __name__ == "__main__":
    main()
