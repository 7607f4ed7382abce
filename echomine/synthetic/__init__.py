"""Archives of known truth: patients, exams, spectral Doppler displays and reports, made from one seed. Pure."""
