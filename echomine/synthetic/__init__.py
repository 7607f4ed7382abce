"""Archives of known truth: patients, spectral displays and reports, made from one seed. Pure."""
