"""Selective search: boxes that may hold an object, from merging similar neighbouring regions of a picture.

Ours, on scikit-image's segmentation: OpenCV's contributed module would bring a second OpenCV beside the one that is
here already, and the Python packages no longer run.

References:
    Uijlings, van de Sande, Gevers, Smeulders, Selective Search for Object Recognition, IJCV 2013;104:154-171.
    Felzenszwalb, Huttenlocher, Efficient Graph-Based Image Segmentation, IJCV 2004;59:167-181.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.segmentation import felzenszwalb

from echomine.domain.errors import ConfigurationError

_COLOUR_BINS = 25
_TEXTURE_BINS = 10
_DIRECTIONS = 8
_RIGHT_AND_BELOW = ((0, 1), (1, 0), (1, 1), (1, -1))


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectiveSearchConfig:
    """Settings of selective search.

    Attributes:
        scales: Felzenszwalb's k, on grey levels of 0..255: larger begins with larger regions. One search each.
        sigma: Smoothing before the first segmentation, in pixels.
        least_region: Fewest pixels of a first region.
        least_side: Fewest rows and columns of a box.
        most: Boxes at most, the last merged, thus largest, first.
    """

    scales: tuple[float, ...] = (50.0, 100.0)
    sigma: float = 0.8
    least_region: int = 20
    least_side: int = 4
    most: int = 2000

    def __post_init__(self) -> None:
        if not self.scales or min(*self.scales, self.least_region, self.most) <= 0:
            raise ConfigurationError(f"selective search needs scales, least_region and most above 0, got {self}")


def selective_search(image: NDArray[np.floating], config: SelectiveSearchConfig) -> NDArray[np.float32]:
    """Boxes of a picture, the same each time.

    Args:
        image: (H, W, C) grey or colour in 0..1.
        config: Settings.

    Returns:
        (M, 4) x1, y1, x2, y2 in pixels, ends excluded, without repetitions; a picture of one tone gives itself.
    """
    ranked: list[tuple[int, int, NDArray[np.int64]]] = []
    for number, scale in enumerate(config.scales):
        labels = felzenszwalb(image, scale=scale, sigma=config.sigma, min_size=config.least_region, channel_axis=2)
        boxes = _Grouping(image, labels).boxes()
        ranked += [(len(boxes) - rank, number, box) for rank, box in enumerate(boxes)]
    ranked.sort(key=lambda one: one[:2])
    boxes = np.array([box for _, _, box in ranked])
    large = (boxes[:, 2:] - boxes[:, :2] >= config.least_side).all(axis=1)
    boxes = boxes[large] if large.any() else boxes[:1]
    _, first = np.unique(boxes, axis=0, return_index=True)
    return boxes[np.sort(first)][: config.most].astype(np.float32)


class _Grouping:
    """Regions of one segmentation, merged two by two until one is left; row numbers name them."""

    def __init__(self, image: NDArray[np.floating], labels: NDArray[np.int64]) -> None:
        count = int(labels.max()) + 1
        total = 2 * count - 1
        self.count, self.total, self.pixels = count, total, labels.size
        self.sizes = _grown(np.bincount(labels.ravel(), minlength=count)[:, None], total)[:, 0]
        self.colours = _grown(_histograms(image, labels, _COLOUR_BINS, count), total)
        self.textures = _grown(_histograms(_derivatives(image), labels, _TEXTURE_BINS, count), total)
        self.corners = _grown(_corners(labels, count), total).astype(np.int64)
        self.neighbours = _neighbours(labels, count)

    def boxes(self) -> NDArray[np.int64]:
        """Boxes of all regions that ever were, first the segmentation's, last the whole picture: (M, 4)."""
        queue = [entry for one in range(self.count) for entry in self._similar(one, above=one)]
        heapq.heapify(queue)
        for new in range(self.count, self.total):
            one, other = self._most_similar(queue)
            self._merge(new, one, other)
            for entry in self._similar(new, above=-1):
                heapq.heappush(queue, entry)
        return self.corners

    def _most_similar(self, queue: list[tuple[float, int, int]]) -> tuple[int, int]:
        while True:
            _, one, other = heapq.heappop(queue)
            if one in self.neighbours and other in self.neighbours:
                return one, other

    def _merge(self, new: int, one: int, other: int) -> None:
        pair = [one, other]
        share = self.sizes[pair] / self.sizes[pair].sum()
        self.sizes[new] = self.sizes[pair].sum()
        self.colours[new] = share @ self.colours[pair]
        self.textures[new] = share @ self.textures[pair]
        self.corners[new, :2] = self.corners[pair, :2].min(axis=0)
        self.corners[new, 2:] = self.corners[pair, 2:].max(axis=0)
        around = (self.neighbours.pop(one) | self.neighbours.pop(other)) - {one, other}
        self.neighbours[new] = around
        for neighbour in around:
            self.neighbours[neighbour] -= {one, other}
            self.neighbours[neighbour].add(new)

    def _similar(self, one: int, *, above: int) -> Iterator[tuple[float, int, int]]:
        """The neighbours with their similarity, negative for the queue; ties go to the lower numbers."""
        others = np.array(sorted(other for other in self.neighbours[one] if other > above), dtype=np.int64)
        if len(others) == 0:
            return
        colour = np.minimum(self.colours[one], self.colours[others]).sum(axis=1)
        texture = np.minimum(self.textures[one], self.textures[others]).sum(axis=1)
        both = self.sizes[one] + self.sizes[others]
        low = np.minimum(self.corners[one, :2], self.corners[others, :2])
        high = np.maximum(self.corners[one, 2:], self.corners[others, 2:])
        around = (high - low).prod(axis=1)
        similarity = colour + texture + (1 - both / self.pixels) + (1 - (around - both) / self.pixels)
        for value, other in zip(similarity.tolist(), others.tolist(), strict=True):
            yield -value, min(one, other), max(one, other)


def _grown(rows: NDArray[np.generic], total: int) -> NDArray[np.float64]:
    out = np.zeros((total, rows.shape[1]))
    out[: len(rows)] = rows
    return out


def _histograms(values: NDArray[np.floating], labels: NDArray[np.int64], bins: int, count: int) -> NDArray[np.float64]:
    """Histogram of each channel over each region, of sum 1 over all channels: (count, channels * bins)."""
    channels = values.shape[2]
    place = np.clip((values * bins).astype(np.int64), 0, bins - 1) + bins * np.arange(channels)
    flat = labels[..., None] * (channels * bins) + place
    found = np.bincount(flat.ravel(), minlength=count * channels * bins).reshape(count, -1)
    return np.asarray(found / found.sum(axis=1, keepdims=True))


def _derivatives(image: NDArray[np.floating]) -> NDArray[np.float64]:
    """Gaussian derivatives (sigma 1) in eight directions, each in 0..1: (H, W, 8 C)."""
    down = gaussian_filter(image, sigma=(1, 1, 0), order=(1, 0, 0))
    right = gaussian_filter(image, sigma=(1, 1, 0), order=(0, 1, 0))
    angles = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    turned = [np.clip(np.cos(angle) * right + np.sin(angle) * down, 0, None) for angle in angles]
    out = np.concatenate(turned, axis=2)
    return np.asarray(out / max(float(out.max()), 1e-12))


def _corners(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """x1, y1, x2, y2 of each region, ends excluded: (count, 4)."""
    rows, columns = np.indices(labels.shape)
    out = np.empty((count, 4), dtype=np.int64)
    out[:, :2] = max(labels.shape)
    out[:, 2:] = 0
    flat = labels.ravel()
    for column, places in ((0, columns), (1, rows)):
        np.minimum.at(out[:, column], flat, places.ravel())
        np.maximum.at(out[:, column + 2], flat, places.ravel() + 1)
    return out


def _neighbours(labels: NDArray[np.int64], count: int) -> dict[int, set[int]]:
    out: dict[int, set[int]] = {one: set() for one in range(count)}
    rows, columns = labels.shape
    for down, right in _RIGHT_AND_BELOW:
        here = labels[: rows - down, max(0, -right) : columns - max(0, right)]
        there = labels[down:, max(0, right) : columns - max(0, -right)]
        differ = here != there
        for one, other in np.unique(np.stack([here[differ], there[differ]], axis=1), axis=0).tolist():
            out[one].add(other)
            out[other].add(one)
    return out
