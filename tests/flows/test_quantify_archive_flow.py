import nibabel
import numpy as np
import pytest

from echomine.archive.workspace import Workspace
from echomine.domain.errors import UsageError
from flows.quantify_archive import quantify_stage


def test_the_stage_measures_once_and_counts(tmp_path):
    mask = np.zeros((30, 30, 4), np.uint8)
    mask[8:22, 8:22], mask[11:19, 11:19] = 2, 3
    for name, values in (("scan", mask.astype(np.int16)), ("mask", mask)):
        nibabel.save(nibabel.Nifti1Image(values, np.diag([2, 2, 8, 1.0])), tmp_path / f"{name}.nii.gz")
    (tmp_path / "scans.csv").write_text("kind,files,masks\nmr,scan.nii.gz,mask.nii.gz\n")
    workspace = tmp_path / "workspace"
    Workspace.open(workspace, create=True).close()
    first, again = (quantify_stage.fn(str(workspace), str(tmp_path / "scans.csv")) for _ in range(2))
    assert first["counts"]["measured"] == 1
    assert again["counts"] == {"measured": 0, "quarantined": 0, "already_done": 1, "conflicts": 0}
    with pytest.raises(UsageError, match="--scans"):
        quantify_stage.fn(str(workspace), "")
