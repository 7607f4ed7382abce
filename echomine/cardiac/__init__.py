"""Numbers out of masks and images of the heart: volumes, ejection fraction, mass, anatomy, calcium. Pure functions."""
