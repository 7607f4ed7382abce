"""The flow on each side of the baseline: its beats, and what they say together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from echomine.domain.records import Calibration
from echomine.doppler.beats import Wave, find_waves, same_kind
from echomine.doppler.clicks import without_clicks
from echomine.doppler.envelope import Side, SideEnvelope
from echomine.doppler.flow_beats import Confidence, FlowBeat, group_by_cycle, measure_beat
from echomine.doppler.medians import median

MIRROR_OVERLAP = 0.7
MIRROR_HEIGHT = 0.6
MIRROR_LEVEL = 0.75
"""A wave is the mirror of one on the other side at the same time that is much faster, or faster and stronger."""
SELDOM = 0.5
"""A flow with at most this part of the beats of the other side is hardly one."""
CROSSED = 0.3
"""Blood runs one way at a time: beats that share more of their time with those of the other side are doubtful."""
UNEVEN_DURATIONS = 0.2
"""Durations of beats that differ from their middle by more than this, on average, are not all those of one valve."""
HALF_TIME_BEATS, HALF_TIME_SPREAD = 0.5, 0.2
"""Share of the beats that have a half-time at least, and how far it is off the middle one in half of them at most."""
IRREGULAR = 0.12
"""Beats whose intervals vary by more than this part of their mean are irregular."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The flow on one side of the baseline.

    Attributes:
        side: Side of the display.
        toward: Whether it runs towards the probe; None when the sign of the scale is unknown.
        beats: Its complete beats, in the order of time.
        cut_beats: Beats cut off by the border of the display.
        waves_per_beat: 2 where most beats have an early and an atrial wave.
        strength: Squared velocity x time x level, to tell the main flow of a display.
        interval_s: Median time from beat to beat; None with one beat.
        irregular: Whether those intervals vary as in atrial fibrillation.
        seldom: Whether it shows in at most half as many beats as the flow on the other side.
        crossed: Whether its beats share much of their time with those of the other side.
    """

    side: Side
    toward: bool | None
    beats: tuple[FlowBeat, ...]
    cut_beats: int
    waves_per_beat: int
    strength: float
    interval_s: float | None
    irregular: bool
    seldom: bool = False
    crossed: bool = False

    @property
    def trusted(self) -> tuple[FlowBeat, ...]:
        """The beats whose confidence is not low; all of them when it is low for all."""
        return tuple(beat for beat in self.beats if beat.confidence > Confidence.LOW) or self.beats

    @property
    def best(self) -> FlowBeat | None:
        """The highest of the trusted beats."""
        return max(self.trusted, key=lambda beat: beat.vmax_mps or beat.duration_ms, default=None)

    @property
    def confidence(self) -> Confidence:
        """That of the best beat; one less each where beats last unlike times, are mostly not seen, or cross others."""
        if self.best is None:
            return Confidence.LOW
        lasting = np.array([beat.duration_ms for beat in self.trusted])
        uneven = float(np.abs(lasting / median(lasting) - 1).mean()) > UNEVEN_DURATIONS
        return Confidence(max(self.best.confidence - uneven - self.seldom - self.crossed, Confidence.LOW))

    @property
    def vmax_mps(self) -> float | None:
        """Peak speed of the highest trusted beat."""
        return self.best.vmax_mps if self.best else None

    @property
    def mean_vmax_mps(self) -> float | None:
        """Mean over the trusted beats of their peak speed."""
        return self._mean(lambda beat: beat.vmax_mps)

    @property
    def mean_gradient_mmhg(self) -> float | None:
        """Mean over the trusted beats of their mean gradient."""
        return self._mean(lambda beat: beat.mean_gradient_mmhg)

    @property
    def vti_cm(self) -> float | None:
        """Mean over the trusted beats of their velocity-time integral."""
        return self._mean(lambda beat: beat.vti_cm)

    @property
    def pht_ms(self) -> float | None:
        """Median over the trusted beats of their pressure half-time; None where few have one, or they disagree.

        What falls at the end of a flow that has no decay of its own is another thing in every beat.
        """
        values, middle = self._half_times, self.fall_ms
        if middle is None or values.size < HALF_TIME_BEATS * len(self.trusted):
            return None
        return middle if median(np.abs(values / middle - 1)) <= HALF_TIME_SPREAD else None

    @property
    def fall_ms(self) -> float | None:
        """The same whether beats agree or not: a description of the picture, not a half-time to be told."""
        return median(self._half_times) if self._half_times.size else None

    @property
    def _half_times(self) -> NDArray[np.float64]:
        return np.array([beat.pht_ms for beat in self.trusted if beat.pht_ms is not None])

    def _mean(self, value_of: Callable[[FlowBeat], float | None]) -> float | None:
        values = [value for beat in self.trusted if (value := value_of(beat)) is not None]
        return float(np.mean(values)) if values else None


def find_flows(envelopes: Sequence[SideEnvelope], baseline_y: float, scale: Calibration | None) -> tuple[Flow, ...]:
    """The flows on both sides, the strongest first.

    Args:
        envelopes: Edges of the sides.
        baseline_y: Row of the baseline in the display.
        scale: Its scale; None gives places without velocities.
    """
    if len(envelopes) == 2:
        envelopes = [without_clicks(own, other) for own, other in (envelopes, envelopes[::-1])]
    found = {envelope.side: find_waves(envelope) for envelope in envelopes}
    flows = []
    for envelope in envelopes:
        others = [wave for side, there in found.items() if side is not envelope.side for wave in there]
        opposite = next((other for other in envelopes if other.side is not envelope.side), None)
        mirrored = _mirrored(envelope, opposite, others) if opposite else None
        waves = find_waves(envelope, mirrored) if mirrored is not None and mirrored.any() else found[envelope.side]
        own = same_kind([wave for wave in waves if not _is_mirror(wave, others)])
        if own:
            flows.append(_flow(own, envelope, (baseline_y, scale), [wave.peak for wave in others]))
    most = max((_count(flow) for flow in flows), default=0)
    told = [
        replace(
            flow,
            seldom=_count(flow) <= SELDOM * most,
            crossed=_shared_time(flow, [other for other in flows if other is not flow]) > CROSSED,
        )
        for flow in flows
    ]
    return tuple(sorted(told, key=lambda flow: flow.strength, reverse=True))


def _shared_time(flow: Flow, others: Sequence[Flow]) -> float:
    """Part of the time of its beats, 0..1, at which another flow has a beat too."""
    lasting = sum(beat.x_end - beat.x_start for beat in flow.beats)
    shared = sum(
        max(0.0, min(beat.x_end, one.x_end) - max(beat.x_start, one.x_start))
        for beat in flow.beats
        for other in others
        for one in other.beats
    )
    return shared / lasting if lasting else 0.0


def _count(flow: Flow) -> int:
    return len(flow.beats) + flow.cut_beats


def _mirrored(own: SideEnvelope, other: SideEnvelope, waves: Sequence[Wave]) -> NDArray[np.bool_]:
    """(T,) steps at which the other side has a faster and stronger flow, so that this side shows its mirror."""
    flowing = np.zeros(own.edge_px.size, dtype=bool)
    for wave in waves:
        flowing[wave.core[0] : wave.core[1]] = True
    slower = own.edge_px < other.edge_px
    return np.asarray(flowing & slower & (own.own_level < MIRROR_LEVEL * other.own_level), dtype=bool)


def _is_mirror(wave: Wave, others: Sequence[Wave]) -> bool:
    """Whether the other side has a faster flow over most of the time of this wave: much faster, or stronger too."""
    length = wave.core[1] - wave.core[0]
    return any(
        min(wave.core[1], other.core[1]) - max(wave.core[0], other.core[0]) > MIRROR_OVERLAP * length
        and (
            wave.height_px < MIRROR_HEIGHT * other.height_px
            or (wave.height_px < other.height_px and wave.level < MIRROR_LEVEL * other.level)
        )
        for other in others
    )


def _flow(
    waves: Sequence[Wave],
    envelope: SideEnvelope,
    axis: tuple[float, Calibration | None],
    systoles: Sequence[float],
) -> Flow:
    baseline_y, scale = axis
    up = envelope.side is Side.ABOVE
    toward = None if scale is None else up == (scale.mps_per_px > 0)
    groups = tuple((wave,) for wave in waves) if toward is False else group_by_cycle(waves, envelope.step_s, systoles)
    strongest = max(wave.level for wave in waves)
    complete = [group for group in groups if all(wave.complete for wave in group)]
    beats = tuple(measure_beat(group, envelope, baseline_y, scale, strongest) for group in complete)
    places = np.array([group[0].start * envelope.step_s for group in groups])
    intervals = np.diff(places)
    double = sum(len(group) > 1 for group in groups)
    return Flow(
        side=envelope.side,
        toward=toward,
        beats=beats,
        cut_beats=len(groups) - len(complete),
        waves_per_beat=2 if 2 * double > len(groups) else 1,
        strength=float(sum((wave.profile_px**2).sum() * wave.level for wave in waves)) * envelope.step_px,
        interval_s=median(intervals) if intervals.size else None,
        irregular=bool(intervals.size > 1 and intervals.std() > IRREGULAR * intervals.mean()),
    )
