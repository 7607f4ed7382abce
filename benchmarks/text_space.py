"""Text spaces side by side: what their neighbours know, and what they cost.

    python -m benchmarks.text_space                       the synthetic corpus of the lecture's size
    python -m benchmarks.text_space --reports FILE.jsonl  reports of your own: a JSON object with "text" a line

Every fifth patient is held out. A paragraph of theirs is inferred and its nearest paragraphs vote; the vote is compared
with what the extractor reads in the paragraph itself, for each stenosis and regurgitation it states. So the table says
how much of valve, disease and grade a space keeps: an upper bound for every image that is mapped into it. No truth
table is read.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import numpy as np
from gensim.models.doc2vec import Doc2Vec

from echomine.domain.records import Paragraph, Report
from echomine.domain.severity import is_disease
from echomine.domain.vocabulary import FLOW_DISEASES, Severity
from echomine.metrics.labels import severity_scores
from echomine.reports import valve_paragraphs
from echomine.retrieval.paragraph_index import ParagraphIndex
from echomine.retrieval.paragraph_vectors import distinct_documents, train_on_file
from echomine.retrieval.text_space import TextSpace, TextSpaceConfig, TextSpaceKind, document_of
from echomine.retrieval.text_spaces import learn_text_space, nearest_paragraphs
from echomine.retrieval.vote import Ballot, Reading, VoteConfig, readings_of, vote
from echomine.synthetic.config import LECTURE
from echomine.synthetic.plan import plan_archive
from echomine.synthetic.reports import write_reports

ROWS = {
    "PV-DBOW": TextSpaceConfig(),
    "PV-DBOW, no concepts": TextSpaceConfig(concept_repeats=0),
    "PV-DBOW, 64": TextSpaceConfig(size=64),
    "PV-DBOW, concepts x2": TextSpaceConfig(concept_repeats=2),
    "PV-DM": TextSpaceConfig(kind=TextSpaceKind.PV_DM),
    "PV-DM + PV-DBOW": TextSpaceConfig(kind=TextSpaceKind.PV_BOTH),
    "TF-IDF + SVD": TextSpaceConfig(kind=TextSpaceKind.TFIDF_SVD),
    "TF-IDF + SVD, no concepts": TextSpaceConfig(kind=TextSpaceKind.TFIDF_SVD, concept_repeats=0),
}
WORDS = ("severe", "mild", "stenosis", "insufficiency", "aortic", "mr", "aortic|stenosis|>=severe")


def synthetic_paragraphs(seed: int) -> list[Paragraph]:
    """The 10,253 valve paragraphs of a synthetic archive of the lecture's size."""
    plan, calendar = plan_archive(LECTURE, seed)
    drafts = write_reports(LECTURE, seed, plan.paired, calendar)
    reports = [
        Report(report_id=draft.report_id, text=draft.text, patient=f"p{draft.exam.patient_index}") for draft in drafts
    ]
    return [paragraph for report in reports for paragraph in valve_paragraphs(report)]


def own_paragraphs(path: Path) -> list[Paragraph]:
    """The valve paragraphs of a JSONL file of reports."""
    found: list[Paragraph] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        name = str(row.get("id", number))
        report = Report(report_id=name, text=row["text"], patient=str(row.get("patient", name)))
        found += valve_paragraphs(report)
    return found


def split(paragraphs: Sequence[Paragraph], rng: np.random.Generator) -> tuple[list[Paragraph], list[Paragraph]]:
    """Paragraphs of the training patients, and of every fifth one."""
    patients = sorted({paragraph.patient for paragraph in paragraphs})
    held = set(rng.permutation(patients)[: max(1, len(patients) // 5)].tolist())
    return (
        [paragraph for paragraph in paragraphs if paragraph.patient not in held],
        [paragraph for paragraph in paragraphs if paragraph.patient in held],
    )


def stated(paragraph: Paragraph) -> list[Reading]:
    """The graded statements of a paragraph on stenosis and regurgitation."""
    readings = readings_of(paragraph)
    return [entry for entry in readings if entry.disease in FLOW_DISEASES and entry.severity.is_specified]


def agreement(
    queries: Sequence[Paragraph], vectors: np.ndarray, index: ParagraphIndex, known: dict[str, tuple[Reading, ...]]
) -> str:
    """Disease, grade exact over all statements, then exact, three-class and within one over the diseased ones."""
    truth, said = [], []
    hits = index.search(vectors, VoteConfig().k, own_patients=[query.patient for query in queries])
    for query, near in zip(queries, hits, strict=True):
        ballots = [Ballot(score=one.score, readings=known[one.paragraph_id]) for one in near]
        outcome = {(entry.valve, entry.disease): entry.grade for entry in vote(ballots)}
        for reading in stated(query):
            truth.append(reading.severity.grade)
            said.append(outcome.get((reading.valve, reading.disease), Severity.UNSPECIFIED))
    if not truth:
        return "nothing graded"
    sick = [row for row, grade in enumerate(truth) if is_disease(grade)]
    graded = severity_scores([truth[row] for row in sick], [said[row] for row in sick])
    right = np.mean(
        [
            other is not Severity.UNSPECIFIED and is_disease(one) == is_disease(other)
            for one, other in zip(truth, said, strict=True)
        ]
    )
    exact = severity_scores(truth, said).exact
    return f"{right:.3f} {exact:.3f} {graded.exact:.3f} {graded.three_class:.3f} {graded.within_one:.3f}"


def separation(train: list[Paragraph], held: list[Paragraph]) -> None:
    print(f"{len(train)} paragraphs to learn on, {len(held)} of held-out patients; one thread")
    print("space                      learn s  infer/s | held out: disease exact | diseased: exact 3-class +-1 | known")
    known = {paragraph.paragraph_id: readings_of(paragraph) for paragraph in train}
    for name, config in ROWS.items():
        began = time.perf_counter()
        space = learn_text_space(train, config)
        learnt = time.perf_counter()
        vectors = space.infer(held)
        rate = len(held) / (time.perf_counter() - learnt)
        index = ParagraphIndex.build(train, space.trained.vectors, text_space="benchmark")
        new = agreement(held, vectors, index, known)
        old = agreement(train[::5], space.trained.vectors[::5], index, known)
        print(f"{name:<26} {learnt - began:7.1f} {rate:8.0f} | {new} | {old}", flush=True)


def speed(paragraphs: list[Paragraph], repeats: int) -> None:
    """Training alone on one corpus file, then everything from paragraphs to a space, against raw gensim."""
    config = TextSpaceConfig()
    documents = [document_of(paragraph, config) for paragraph in paragraphs]
    distinct, _ = distinct_documents(documents)
    raw, ours, whole, raw_all = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        once, every = Path(folder) / "distinct.txt", Path(folder) / "all.txt"
        once.write_text("".join(" ".join(document) + "\n" for document in distinct))
        every.write_text("".join(" ".join(document) + "\n" for document in documents))
        for _ in range(repeats):
            raw.append(seconds(lambda: raw_gensim(once, config)))
            ours.append(seconds(lambda: train_on_file(once, "dbow", config)))
            raw_all.append(seconds(lambda: raw_gensim(every, config)))
            whole.append(seconds(lambda: learn_text_space(paragraphs, config)))
    words = sum(len(document) for document in distinct) * config.epochs
    print(f"\ntraining, {len(distinct)} distinct documents, {config.epochs} epochs, median of {repeats}")
    print(f"raw gensim corpus_file {words / median(raw) / 1e6:.2f} M words/s, ours {words / median(ours) / 1e6:.2f}")
    print(f"speed of ours / raw gensim: {median(raw) / median(ours):.2f}")
    print(
        f"paragraphs to space {median(whole):.1f} s, raw gensim on all {len(documents)} documents as tokens "
        f"{median(raw_all):.1f} s: {median(raw_all) / median(whole):.2f}"
    )


def raw_gensim(corpus: Path, config: TextSpaceConfig) -> None:
    Doc2Vec(
        corpus_file=str(corpus),
        dm=0,
        vector_size=config.size,
        min_count=config.min_count,
        negative=config.negative,
        sample=config.sample,
        alpha=config.alpha,
        epochs=config.epochs,
        workers=config.workers,
        seed=config.seed,
    )


def seconds(work: object) -> float:
    """Processor seconds of all threads: other programs on the machine do not count."""
    began = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - began


def sanity(space: TextSpace, paragraphs: list[Paragraph]) -> None:
    """Nearest words and nearest paragraphs, to look at."""
    print("\nnearest words")
    for word in WORDS:
        near = ", ".join(f"{one.word} {one.score:.2f}" for one in space.nearest_words(word, 5))
        print(f"  {word}: {near or 'not in the vocabulary'}")
    texts = {paragraph.paragraph_id: paragraph.text for paragraph in paragraphs}
    print("\nnearest paragraphs")
    for paragraph in [entry for entry in paragraphs if stated(entry)][:3]:
        print(f"  {_short(paragraph.text)}")
        for one in nearest_paragraphs(space, paragraph.paragraph_id, 3):
            print(f"    {one.score:.2f} {_short(texts[one.paragraph_id])}")


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) < 140 else flat[:137] + "..."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=Path, help="JSONL of reports instead of the synthetic corpus")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--repeats", type=int, default=3, help="of the speed runs")
    options = parser.parse_args()
    paragraphs = own_paragraphs(options.reports) if options.reports else synthetic_paragraphs(options.seed)
    train, held = split(paragraphs, np.random.default_rng(options.seed + 1))
    separation(train, held)
    speed(paragraphs, options.repeats)
    sanity(learn_text_space(paragraphs, TextSpaceConfig()), paragraphs)


if __name__ == "__main__":
    main()
