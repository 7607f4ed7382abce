"""Spectral displays: which region of a picture they are, their physical scale, and resampling to a fixed one."""
