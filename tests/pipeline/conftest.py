"""The mined workspace, opened; heart scans as files."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
import torch

from echomine.archive.workspace import Workspace
from echomine.cardiac.ensemble import ensemble_files
from echomine.models.segmentation.cine_preparation import CinePreparation
from echomine.models.segmentation.isensee import IsenseeConfig, IsenseeUNet
from tests.pipeline.heart_files import apical_picture, heart_volume, save


@pytest.fixture
def workspace(mined_workspace) -> Iterator[Workspace]:
    """The shared workspace, to look at."""
    opened = Workspace.open(mined_workspace.workspace)
    yield opened
    opened.close()


@pytest.fixture
def workspace_copy(mined_copy) -> Iterator[Workspace]:
    """A workspace of one's own, over the shared archive."""
    opened = Workspace.open(mined_copy.workspace)
    yield opened
    opened.close()


@pytest.fixture
def own_archive(mined_copy, tmp_path) -> Iterator[Workspace]:
    """A workspace of one's own over an archive of one's own, whose files may be changed."""
    archive = tmp_path / "archive"
    shutil.copytree(mined_copy.archive, archive)
    with closing(sqlite3.connect(mined_copy.workspace / "catalog.sqlite")) as connection:
        connection.execute("UPDATE sources SET root = replace(root, ?, ?)", (str(mined_copy.archive), str(archive)))
        connection.commit()
    opened = Workspace.open(mined_copy.workspace)
    yield opened
    opened.close()


@pytest.fixture
def mr_files(tmp_path):
    files = {}
    for name, cavity in (("ed", 26), ("es", 18)):
        mask, values = heart_volume(cavity)
        files[name] = save(tmp_path / f"{name}.nii.gz", values, (1.5, 1.5, 8))
        files[f"{name}_mask"] = save(tmp_path / f"{name}_mask.nii.gz", mask, (1.5, 1.5, 8))
    return files


@pytest.fixture
def networks(tmp_path):
    """A workspace with networks that know nothing."""
    torch.manual_seed(0)
    files = ensemble_files([IsenseeUNet(IsenseeConfig(base=2)).eval()], CinePreparation(in_plane_mm=3.0))
    for kind in ("cine_mr", "apical_echo"):
        Workspace.artifacts_of(tmp_path / "workspace").write(kind, files, config={})
    return tmp_path / "workspace"


@pytest.fixture
def echo_files(tmp_path):
    files = {}
    for view, width in (("a4c", 44), ("a2c", 50)):
        masks, pictures = zip(apical_picture(86, width), apical_picture(74, width - 12), strict=True)
        affine = np.diag([-0.4, -0.4, 1, 1])
        files[view] = save(tmp_path / f"{view}.nii.gz", np.stack(pictures, -1), None, affine)
        files[f"{view}_mask"] = save(tmp_path / f"{view}_mask.nii.gz", np.stack(masks, -1), None, affine)
    return files
