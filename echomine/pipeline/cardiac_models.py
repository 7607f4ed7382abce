"""Trained networks of the cardiac commands, from a workspace."""

from pathlib import Path
from typing import TYPE_CHECKING

from echomine.archive.workspace import Workspace
from echomine.domain.errors import ArtifactError

if TYPE_CHECKING:
    from echomine.cardiac.anatomical_guarantee import ValidShapes
    from echomine.cardiac.ensemble import SliceEnsemble

CINE_MR, APICAL_ECHO, HEART_SHAPES = "cine_mr", "apical_echo", "heart_shapes"


def load_ensemble(workspace: Path, kind: str, generation: str = "") -> "SliceEnsemble":
    """The networks of a kind, the current generation when none is named.

    Raises:
        ArtifactError: If there is none, with the command that makes one.
    """
    from echomine.cardiac.ensemble import ensemble_from_files

    store = Workspace.artifacts_of(workspace)
    if not generation and store.current(kind) is None:
        word = "mr" if kind == CINE_MR else "echo"
        raise ArtifactError(
            f"there are no networks for {word} in {workspace}; train them with `echomine cardiac train {word} --data "
            "FOLDER`, or score a mask with --mask"
        )
    found = store.load(kind, generation or None)
    return ensemble_from_files(found.files, generation=found.generation_id)


def load_shapes(workspace: Path) -> "ValidShapes | None":
    """The valid shapes of the anatomical guarantee; None where none were trained, which it works without."""
    from echomine.cardiac.shape_coder import shapes_from_files

    store = Workspace.artifacts_of(workspace)
    return shapes_from_files(store.load(HEART_SHAPES).files) if store.current(HEART_SHAPES) else None
