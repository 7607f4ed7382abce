"""Trained networks of the cardiac commands, from a workspace."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from echomine.archive.workspace import Workspace
from echomine.domain.errors import ArtifactError, UsageError

if TYPE_CHECKING:
    from echomine.archive.artifacts import ArtifactStore, Generation
    from echomine.cardiac.anatomical_guarantee import ValidShapes
    from echomine.cardiac.calcium_finder import CalciumFinder
    from echomine.cardiac.ensemble import SliceEnsemble
    from echomine.cardiac.patient_groups import GroupClassifier

CINE_MR, CINE_MR_3D, APICAL_ECHO, APICAL_CLIPS = "cine_mr", "cine_mr_3d", "apical_echo", "apical_clips"
HEART_SHAPES, CALCIUM, PATIENT_GROUPS = "heart_shapes", "calcium", "patient_groups"
_WORDS = {CINE_MR: "mr", CINE_MR_3D: "mr3d", APICAL_ECHO: "echo", APICAL_CLIPS: "clips"}


def load_ensemble(workspace: Path, kind: str, generation: str = "") -> "SliceEnsemble":
    """The networks of a kind, the current generation when none is named.

    Raises:
        ArtifactError: If there is none, with the command that makes one.
    """
    from echomine.cardiac.ensemble import ensemble_from_files

    store = Workspace.artifacts_of(workspace)
    if not generation and store.current(kind) is None:
        word = _WORDS[kind]
        raise ArtifactError(
            f"there are no networks for {word} in {workspace}; train them with `echomine cardiac train {word} --data "
            "FOLDER`, or score a mask with --mask"
        )
    found = _loaded(store, kind, generation)
    return ensemble_from_files(found.files, generation=found.generation_id)


def load_mr_ensembles(workspace: Path, generation: str = "") -> "tuple[SliceEnsemble, ...]":
    """The networks of cine MR: a named generation alone, else the current ones of slices and of volumes together.

    Raises:
        ArtifactError: If there are none.
    """
    store = Workspace.artifacts_of(workspace)
    kinds = [kind for kind in (CINE_MR, CINE_MR_3D) if store.current(kind) is not None]
    if generation:
        kinds = [kind for kind in kinds if generation in store.generations(kind)][:1]
    return tuple(load_ensemble(workspace, kind, generation) for kind in kinds or [CINE_MR])


def load_echo_ensemble(workspace: Path, generation: str = "", *, clips: bool = False) -> "SliceEnsemble":
    """The networks of apical echo: a named generation of either kind, else the current ones.

    Args:
        workspace: Where they are.
        generation: Its identifier; ``""`` for the current ones.
        clips: Whether every view to be seen is a clip; then networks of clips are preferred where there are any.

    Raises:
        ArtifactError: If there are none.
        UsageError: If networks of clips are named for pictures.
    """
    store = Workspace.artifacts_of(workspace)
    if generation and generation in store.generations(APICAL_CLIPS):
        if not clips:
            raise UsageError(f"{generation} reads clips, and these are pictures; name a generation of {APICAL_ECHO}")
        return load_ensemble(workspace, APICAL_CLIPS, generation)
    if not generation and clips and store.current(APICAL_CLIPS) is not None:
        return load_ensemble(workspace, APICAL_CLIPS)
    return load_ensemble(workspace, APICAL_ECHO, generation)


def load_calcium_finder(workspace: Path, generation: str = "") -> "CalciumFinder":
    """The networks that name calcium, the current generation when none is named.

    Raises:
        ArtifactError: If there are none, with the command that makes them.
    """
    from echomine.cardiac.calcium_finder import finder_from_files

    store = Workspace.artifacts_of(workspace)
    if not generation and store.current(CALCIUM) is None:
        raise ArtifactError(
            f"there are no networks that tell calcium from bone in {workspace}: train them with `echomine cardiac "
            "train calcium`, give a mask by site with --mask, or score every dense piece with --all-candidates"
        )
    found = _loaded(store, CALCIUM, generation)
    return finder_from_files(found.files, generation=found.generation_id)


def load_shapes(workspace: Path) -> "ValidShapes | None":
    """The valid shapes of the anatomical guarantee; None where none were trained, which it works without."""
    from echomine.cardiac.shape_coder import shapes_from_files

    store = Workspace.artifacts_of(workspace)
    return shapes_from_files(store.load(HEART_SHAPES).files) if store.current(HEART_SHAPES) else None


def load_groups(workspace: Path) -> "GroupClassifier | None":
    """The classifier of patients' groups, fitted once a process; None where none was trained."""
    store = Workspace.artifacts_of(workspace)
    generation = store.current(PATIENT_GROUPS)
    return None if generation is None else _fitted_groups(workspace, generation)


@functools.lru_cache(maxsize=1)
def _fitted_groups(workspace: Path, generation: str) -> "GroupClassifier":
    from echomine.cardiac.patient_groups import groups_from_files

    found = Workspace.artifacts_of(workspace).load(PATIENT_GROUPS, generation)
    return groups_from_files(found.files, generation=generation)


def _loaded(store: "ArtifactStore", kind: str, generation: str) -> "Generation":
    known = store.generations(kind)
    if generation and generation not in known:
        raise ArtifactError(
            f"there is no generation {generation} of {kind}; there are {', '.join(known) or 'none'}, and the current "
            "one is taken without --model"
        )
    return store.load(kind, generation or None)
