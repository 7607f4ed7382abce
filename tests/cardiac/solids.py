"""Solids and outlines of known size, on grids."""

import numpy as np


def ellipsoid(shape, spacing_mm, semi_axes_mm, *, centre_mm=None, upper_half=False):
    """Bool grid of an ellipsoid, or of its half on the far side of the first axis."""
    axes = [(np.arange(n) + 0.5) * mm for n, mm in zip(shape, spacing_mm, strict=True)]
    centre = centre_mm or [n * mm / 2 for n, mm in zip(shape, spacing_mm, strict=True)]
    grids = np.meshgrid(*(axis - middle for axis, middle in zip(axes, centre, strict=True)), indexing="ij")
    inside = sum((grid / semi) ** 2 for grid, semi in zip(grids, semi_axes_mm, strict=True)) <= 1
    return inside & (grids[0] >= 0) if upper_half else inside


def turned_outline(shape, spacing_mm, *, length_mm, width_mm, degrees, half):
    """Bool grid (Y, X) of an ellipse or of half an ellipse with a flat base, turned about the middle of the grid."""
    y, x = np.meshgrid(*((np.arange(n) + 0.5) * mm for n, mm in zip(shape, spacing_mm, strict=True)), indexing="ij")
    y, x = y - shape[0] * spacing_mm[0] / 2, x - shape[1] * spacing_mm[1] / 2
    turn = np.deg2rad(degrees)
    along, across = np.cos(turn) * y + np.sin(turn) * x, -np.sin(turn) * y + np.cos(turn) * x
    if not half:
        return (along / (length_mm / 2)) ** 2 + (across / (width_mm / 2)) ** 2 <= 1
    along = along + length_mm / 2
    return (along >= 0) & ((along / length_mm) ** 2 + (across / (width_mm / 2)) ** 2 <= 1)
