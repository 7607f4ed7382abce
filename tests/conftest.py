"""Fixtures that all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Real development data; tests that need it are skipped where it is absent."""
    folder = Path(
        os.environ.get("ECHOMINE_REAL_DATA") or Path(__file__).parents[2] / "shared" / "data"
    )
    if not folder.is_dir():
        pytest.skip("real development data is not here; set ECHOMINE_REAL_DATA")
    return folder
