"""Settings of a synthetic archive."""

from dataclasses import dataclass

_LEAST_PARAGRAPHS_PER_PAIR = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveConfig:
    """What a synthetic archive holds; the defaults are the size of the lecture's protocol.

    Attributes:
        n_reported_pairs: Images whose exam has a report, one hand-made pair each.
        n_unreported_images: Images of exams without a report.
        n_valve_paragraphs: Paragraphs that name a valve, over all reports together, exactly.
        n_views: Images with a hand-made coarse view (valve and flow).
        compact: Whether the pictures are small and never true colour, to keep the archive small on disk.
        reader_disagreement: Share of lesions reported one step off the grade of the physics, 0..0.25.
        pw_share: Share of pulsed-wave displays.
        inverted_share: Share of displays with negative velocities up.
        contaminated_share: Share of displays that also catch the flow of a neighbouring valve.
        fibrillation_share: Share of patients with atrial fibrillation.
    """

    n_reported_pairs: int = 226
    n_unreported_images: int = 2600
    n_valve_paragraphs: int = 10253
    n_views: int = 800
    compact: bool = False
    reader_disagreement: float = 0.09
    pw_share: float = 0.1
    inverted_share: float = 0.08
    contaminated_share: float = 0.25
    fibrillation_share: float = 0.1

    def __post_init__(self) -> None:
        if min(self.n_reported_pairs, self.n_unreported_images, self.n_views) < 0:
            raise ValueError("counts of a synthetic archive are 0 or more")
        if self.n_views > self.n_images:
            raise ValueError(f"n_views is at most the number of images {self.n_images}, got {self.n_views}")
        least = _LEAST_PARAGRAPHS_PER_PAIR * self.n_reported_pairs
        if self.n_valve_paragraphs < least:
            raise ValueError(
                f"{self.n_reported_pairs} reported pairs need at least {least} valve paragraphs, "
                f"got {self.n_valve_paragraphs}"
            )
        if not 0 <= self.reader_disagreement <= 0.25:
            raise ValueError(f"reader_disagreement lies in 0..0.25, got {self.reader_disagreement}")
        shares = (self.pw_share, self.inverted_share, self.contaminated_share, self.fibrillation_share)
        if not all(0 <= share <= 1 for share in shares):
            raise ValueError("shares of a synthetic archive lie in 0..1")

    @property
    def n_images(self) -> int:
        """Number of spectral displays."""
        return self.n_reported_pairs + self.n_unreported_images


LECTURE = ArchiveConfig()
"""The lecture's size: 226 pairs among 10,253 valve paragraphs, and some thousand unreported images."""

SMALL = ArchiveConfig(n_reported_pairs=40, n_unreported_images=140, n_valve_paragraphs=480, n_views=80, compact=True)
"""A small archive for tests and trials."""
