"""The whole main job by Prefect: every other flow runs in it."""

from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client

from flows.mine_archive import mine_archive
from flows.nightly import nightly

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.slow]


def test_a_source_becomes_labels_and_an_export(mined_workspace: Any, tmp_path: Path) -> None:
    workspace = str(tmp_path / "new")
    document: dict[str, Any] = mine_archive(
        workspace, source=str(mined_workspace.archive), config=str(mined_workspace.settings)
    )
    assert document["ingest"]["images_added"] == 80
    assert {"text_space", "image_feature", "transform", "index", "labeller"} <= set(document)
    assert document["label"]["model"] == document["labeller"]
    assert sum(document["label"]["counts"].values()) == 80
    measured = document["measure"]["counts"]
    assert sum(number for state, number in measured.items() if state != "conflicts") == 80
    assert document["evaluation"]["model"] == document["labeller"]
    assert Path(document["export"]["path"]).is_file()

    again: dict[str, Any] = nightly(workspace, source=str(mined_workspace.archive))
    assert (again["ingest"]["images_added"], again["label"]["batches"]) == (0, 0)
    assert not any(again["measure"]["counts"].values())

    with get_client(sync_client=True) as client:
        keys = {one.key for one in client.read_artifacts()}
    assert {"ingest-counts", "label-archive-counts", "evaluation", "export-counts"} <= keys
