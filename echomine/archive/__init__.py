"""All disk and database: spectral files, reports, the workspace with its catalog and artifacts, exports."""
