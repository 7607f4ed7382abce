"""Clicks of valves at the flanks of a flow, told by the line that they draw on the other side of the baseline.

A valve that opens or closes draws a short line over all velocities of both directions. Amid nothing it is a spike and
is left out as such; at the onset or the end of a flow it widens the flow, and only the other side tells it apart.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from echomine.doppler.envelope import SideEnvelope

CLICK_S = 0.03
"""A spike shorter than this is a click of a valve, not a flow."""
CLICK_CONTRAST, LEAST_CLICK_PX = 1.3, 4.0
"""A click stands out of what lies around it by this factor and by so many rows."""
FLANK_BELOW = 0.6
"""A click is taken off below this part of the highest edges alone: above, it adds nothing to a flow."""


def opened(edge: NDArray[np.floating], step_s: float) -> NDArray[np.floating]:
    """(T,) the edge without spikes shorter than a click."""
    return _shaped(edge, cv2.MORPH_OPEN, step_s)


def closed(edge: NDArray[np.floating], step_s: float) -> NDArray[np.floating]:
    """(T,) the edge without gaps shorter than a click."""
    return _shaped(edge, cv2.MORPH_CLOSE, step_s)


def _shaped(edge: NDArray[np.floating], operation: int, step_s: float) -> NDArray[np.floating]:
    window = np.ones((1, 2 * round(0.5 * CLICK_S / step_s) + 1), np.uint8)
    row = np.ascontiguousarray(edge[None])
    return np.asarray(cv2.morphologyEx(row, operation, window, borderType=cv2.BORDER_REPLICATE)[0])


def without_clicks(own: SideEnvelope, other: SideEnvelope) -> SideEnvelope:
    """A side whose edge runs straight through the clicks that the other side shows, where that is lower."""
    edge = own.edge_px
    calm = opened(other.edge_px, other.step_s)
    spikes = (other.edge_px > CLICK_CONTRAST * calm) & (other.edge_px > calm + LEAST_CLICK_PX)
    clicks = cv2.dilate(spikes.astype(np.uint8)[None], np.ones((1, 3), np.uint8))[0] > 0
    clicks &= edge < FLANK_BELOW * np.quantile(edge, 0.95)
    if not clicks.any() or clicks.all():
        return own
    steps = np.arange(edge.size)
    through = np.interp(steps[clicks], steps[~clicks], edge[~clicks])
    lower = edge.copy()
    lower[clicks] = np.minimum(through, edge[clicks])
    return replace(own, edge_px=lower)
