"""From a place in text space to labels: neighbours, vote, calibrated confidence, abstention."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.domain.config import config_from, config_to_dict
from echomine.domain.errors import ArtifactError, ConfigurationError
from echomine.domain.records import Evidence, ImageRecord, Label, Paragraph
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, LabelSource, Severity, Valve
from echomine.pipeline.valve_neighbours import ValveNeighbours, near_by_valve
from echomine.retrieval.confidence import (
    FEATURES,
    AbstentionThreshold,
    ConfidenceConfig,
    ConfidenceModel,
    features_of,
    threshold_for_precision,
)
from echomine.retrieval.paragraph_index import Neighbour, ParagraphIndex
from echomine.retrieval.vote import PairVote, Reading, VoteConfig, VoteTable, readings_of

Pair = tuple[Valve, Disease]
EVIDENCE_PARAGRAPHS = 3
FEWEST_VOTES = 10
_SETTINGS, _READINGS = "labeller.json", "readings.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How far votes of one assertion can be trusted, learnt on patients whose votes were cast without them.

    Attributes:
        confidence: Vote features to the probability that the vote is right.
        threshold: Where to abstain.
    """

    confidence: ConfidenceModel
    threshold: AbstentionThreshold


@dataclass(frozen=True, slots=True, kw_only=True)
class Labeller:
    """All that turns neighbours into labels.

    Attributes:
        vote: Settings of the vote.
        readings: What each indexed paragraph says, by paragraph id.
        judgements: One for votes of presence, one for votes of absence.
        lexicon: Version of the lexicon that read the paragraphs.
        table: The readings, ready for voting.
    """

    vote: VoteConfig
    readings: Mapping[str, tuple[Reading, ...]]
    judgements: Mapping[Assertion, Judgement]
    lexicon: str
    table: VoteTable = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", VoteTable(self.readings))

    def near(
        self,
        index: ParagraphIndex,
        vectors: NDArray[np.float32],
        valves: NDArray[np.float32],
        patients: Sequence[str] | None = None,
    ) -> list[tuple[ValveNeighbours, ...]]:
        """The paragraphs that have a say on each of N images; arguments as for :func:`near_by_valve`."""
        return near_by_valve(index, vectors, valves, self.vote, patients)

    def labels(self, record: ImageRecord, near: Sequence[ValveNeighbours], *, model: str) -> tuple[Label, ...]:
        """The labels of one image; without a scale its severities are unspecified and every label is abstained."""
        return tuple(
            self._label(record, one.neighbours, vote, model)
            for one in near
            for vote in votes_of(self.table, one, self.vote)
            if record.mode.shows(vote.disease)
        )

    def confidence(self, one: PairVote) -> float:
        """Calibrated probability that a vote's assertion is right."""
        return float(self.judgements[one.assertion].confidence.predict(features_of([one]))[0])

    def _label(self, record: ImageRecord, neighbours: Sequence[Neighbour], one: PairVote, model: str) -> Label:
        confidence = self.confidence(one)
        calibrated = record.calibration is not None
        return Label(
            source=LabelSource.RETRIEVAL,
            valve=one.valve,
            disease=one.disease,
            severity=one.severity if calibrated else _unscaled_severity(one),
            assertion=one.assertion,
            confidence=confidence,
            image_id=record.image_id,
            study_uid=record.study_uid,
            patient=record.patient,
            abstained=not calibrated or confidence < self.judgements[one.assertion].threshold.value,
            evidence=self._evidence(neighbours, (one.valve, one.disease)),
            model=model,
            lexicon=self.lexicon,
        )

    def _evidence(self, neighbours: Sequence[Neighbour], pair: Pair) -> tuple[Evidence, ...]:
        speaking = (hit for hit in neighbours if any(_pair(one) == pair for one in self.readings[hit.paragraph_id]))
        return tuple(
            Evidence(kind="paragraph", reference=hit.paragraph_id, score=round(hit.score, 6))
            for hit in islice(speaking, EVIDENCE_PARAGRAPHS)
        )

    def to_files(self) -> dict[str, bytes]:
        """Settings, readings and judgements as JSON."""
        files = {
            _SETTINGS: _json(
                {"vote": config_to_dict(self.vote), "lexicon": self.lexicon, "thresholds": self._thresholds()}
            ),
            _READINGS: _json(
                {name: [_reading_row(one) for one in said] for name, said in sorted(self.readings.items())}
            ),
        }
        for assertion, judgement in self.judgements.items():
            for name, data in judgement.confidence.to_files().items():
                files[f"{assertion.value}-{name}"] = data
        return files

    def _thresholds(self) -> dict[str, Any]:
        return {assertion.value: config_to_dict(one.threshold) for assertion, one in self.judgements.items()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "Labeller":
        """The labeller that :meth:`to_files` wrote.

        Raises:
            ArtifactError: If a file is missing or broken.
        """
        try:
            settings = json.loads(files[_SETTINGS])
            readings = json.loads(files[_READINGS])
            return cls(
                vote=config_from(VoteConfig, settings["vote"]),
                readings={name: tuple(map(_reading, rows)) for name, rows in readings.items()},
                judgements={
                    Assertion(name): _judgement(files, name, values) for name, values in settings["thresholds"].items()
                },
                lexicon=str(settings["lexicon"]),
            )
        except (KeyError, ValueError, TypeError, ConfigurationError) as error:
            raise ArtifactError(f"the labeller lacks a part ({error}); run `echomine learn` again") from error


def votes_of(table: VoteTable, near: ValveNeighbours, config: VoteConfig) -> tuple[PairVote, ...]:
    """The votes of the paragraphs of a valve on its lesions, their weight the probability of the valve."""
    names = [hit.paragraph_id for hit in near.neighbours]
    scores = [hit.score for hit in near.neighbours]
    return table.vote(names, scores, config, valve=near.valve, weight=near.probability)


def paragraph_readings(paragraphs: Sequence[Paragraph], config: VoteConfig) -> dict[str, tuple[Reading, ...]]:
    """What each paragraph says, by its id."""
    return {one.paragraph_id: readings_of(one, normal_is_absent=config.normal_is_absent) for one in paragraphs}


def cast_votes(
    index: ParagraphIndex,
    vectors: NDArray[np.float32],
    valves: NDArray[np.float32],
    patients: Sequence[str],
    readings: Mapping[str, tuple[Reading, ...]],
    config: VoteConfig,
) -> list[tuple[PairVote, ...]]:
    """The votes on N images at places (N, m) in text space with (N, valves) probabilities of the valves.

    Each image is voted on without its own patient's paragraphs.
    """
    table = VoteTable(readings)
    return [
        tuple(vote for one in near for vote in votes_of(table, one, config))
        for near in near_by_valve(index, vectors, valves, config, patients)
    ]


def stated_presence(readings: Sequence[Reading]) -> dict[Pair, bool]:
    """For each lesion that a paragraph speaks of, whether it is there: mild or more, or named without a grade."""
    return {_pair(one): one.severity.grade not in {Severity.NONE, Severity.TRACE} for one in readings}


def judged_votes(votes: Sequence[PairVote], readings: Sequence[Reading]) -> list[tuple[PairVote, bool]]:
    """The votes on an image that its paired paragraph can judge, each with whether it is right.

    A lesion that the paragraph does not speak of is judged only as a claim of disease at a valve that it does not speak
    of either, which is wrong: not mentioned is not absent.
    """
    stated = stated_presence(readings)
    valves = {valve for valve, _ in stated}
    judged = []
    for one in votes:
        pair = (one.valve, one.disease)
        if pair in stated:
            judged.append((one, stated[pair] is one.is_present))
        elif one.is_present and one.valve not in valves:
            judged.append((one, False))
    return judged


def fit_judgements(
    votes: Sequence[PairVote], right: Sequence[bool], config: ConfidenceConfig, *, precision: float
) -> dict[Assertion, Judgement]:
    """The judgements of both assertions, from votes that are known to be right or wrong.

    An assertion with fewer than ``FEWEST_VOTES`` votes is judged by all votes together.

    Raises:
        UsageError: If there is no vote at all.
    """
    judged = {}
    for assertion in (Assertion.PRESENT, Assertion.NEGATED):
        chosen = [place for place, one in enumerate(votes) if one.assertion is assertion]
        if len(chosen) < FEWEST_VOTES:
            chosen = list(range(len(votes)))
        features = features_of([votes[place] for place in chosen])
        correct = np.array([right[place] for place in chosen], dtype=bool)
        model = ConfidenceModel.fit(features, correct, config)
        threshold = threshold_for_precision(model.predict(features), correct, wanted=precision)
        judged[assertion] = Judgement(confidence=model, threshold=threshold)
    return judged


def _unscaled_severity(one: PairVote) -> SeverityInterval:
    if one.assertion is Assertion.NEGATED:
        return SeverityInterval.exactly(Severity.NONE)
    return SeverityInterval.unspecified()


def _pair(reading: Reading) -> Pair:
    return reading.valve, reading.disease


def _reading_row(one: Reading) -> list[Any]:
    return [one.valve.value, one.disease.value, int(one.severity.low), int(one.severity.high)]


def _reading(row: Sequence[Any]) -> Reading:
    valve, disease, low, high = row
    return Reading(
        valve=Valve(valve), disease=Disease(disease), severity=SeverityInterval(Severity(low), Severity(high))
    )


def _judgement(files: Mapping[str, bytes], name: str, threshold: Mapping[str, Any]) -> Judgement:
    own = {key.removeprefix(f"{name}-"): data for key, data in files.items() if key.startswith(f"{name}-")}
    confidence = ConfidenceModel.from_files(own)
    if len(confidence.mean) != len(FEATURES):
        raise ArtifactError(f"the labeller judges votes by other features than {', '.join(FEATURES)}; learn it again")
    return Judgement(confidence=confidence, threshold=config_from(AbstentionThreshold, threshold))


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
