"""Figures for labels, retrieval and calibration, in plain numpy."""
