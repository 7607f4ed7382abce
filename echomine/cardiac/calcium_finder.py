"""Calcium in a CT by the two networks of Lessmann et al.: which candidate is calcium, and of which site.

Every candidate (130 HU or more, 26-connected, 1.5 mm3 or more) is named as a whole. The second network looks at its
middle and drops false ones; of what is left the first names up to three voxels, the mean of their probabilities the
candidate. Both have to agree, so that the order, which is the other one in the paper, changes the time and not the
answer: the second is a hundred times as fast.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from echomine.cardiac.calcium import candidates
from echomine.domain.config import config_from
from echomine.domain.errors import ArtifactError
from echomine.models.segmentation.calcium_networks import CalciumNetwork, FalseFindNetwork
from echomine.models.segmentation.calcium_preparation import (
    CalciumPreparation,
    coarse_places,
    coarse_volume,
    fine_planes,
    place_patches,
)

VOXELS_PER_CANDIDATE = 3
PATCHES_AT_ONCE = 16
_DESCRIPTION, _FIRST, _SECOND = "finder.json", "first.safetensors", "second.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class CalciumFinder:
    """Two trained networks.

    Attributes:
        first: Names the site of a voxel.
        second: Tells calcium from false finds.
        preparation: The scale they were trained at.
        threshold: Least probability of calcium, by the second.
        generation: Identifier of the artifact, or ``""``.
    """

    first: CalciumNetwork
    second: FalseFindNetwork
    preparation: CalciumPreparation
    threshold: float = 0.5
    generation: str = ""


def find_calcium(values_hu: NDArray[Any], spacing_mm: tuple[float, ...], finder: CalciumFinder) -> NDArray[np.uint8]:
    """(Z, Y, X) mask of :class:`~echomine.cardiac.calcium.CalciumSite`; all voxels of a candidate have one class.

    Args:
        values_hu: (Z, Y, X).
        spacing_mm: Of z, y, x.
        finder: The networks.

    Raises:
        MeasurementError: If the image is no volume or the spacing is bad.
    """
    numbered, found = candidates(values_hu, spacing_mm)
    mask = np.zeros(numbered.shape, dtype=np.uint8)
    if not found:
        return mask
    planes = np.stack([fine_planes(values_hu, spacing_mm, one.centre) for one in found])
    real = np.flatnonzero(calcium_probability(finder.second, planes) >= finder.threshold)
    if not len(real):
        return mask
    places, owners = candidate_voxels(numbered, real)
    cube = coarse_volume(values_hu, spacing_mm, finder.preparation)
    shares = _site_shares(finder.first, cube, coarse_places(places, numbered.shape, tuple(cube.shape)))
    sites = np.zeros(len(found) + 1, dtype=np.uint8)
    for at in real:
        sites[at + 1] = shares[owners == at].mean(axis=0).argmax()
    named: NDArray[np.uint8] = sites[numbered]
    return named


def candidate_voxels(
    numbered: NDArray[np.int32], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Some voxels of each of the candidates asked for, spread evenly over it.

    Args:
        numbered: (Z, Y, X) numbers 1..N of candidates.
        chosen: Positions 0..N-1 of one candidate or more.

    Returns:
        Voxels (M, 3) and, for each, its candidate's position 0..N-1.
    """
    everything = voxels_by_candidate(numbered)
    places, belongs = [], []
    for at in chosen:
        voxels = everything[at]
        picked = np.unique(np.linspace(0, len(voxels) - 1, VOXELS_PER_CANDIDATE + 2)[1:-1].round().astype(int))
        places.append(voxels[picked])
        belongs.append(np.full(len(picked), at))
    return np.concatenate(places), np.concatenate(belongs)


def voxels_by_candidate(numbered: NDArray[np.int32]) -> list[NDArray[np.int64]]:
    """All voxels (n, 3) of each candidate 1..N, in order of z, y, x; none for an empty array."""
    places = np.argwhere(numbered > 0)
    if not len(places):
        return []
    owners = numbered[tuple(places.T)] - 1
    order = np.argsort(owners, kind="stable")
    return np.split(places[order], np.cumsum(np.bincount(owners))[:-1])


def calcium_probability(network: FalseFindNetwork, planes: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) probability that finds are calcium, from (N, 3, 65, 65) planes."""
    with torch.inference_mode():
        shares = network(torch.from_numpy(planes)).softmax(dim=1)[:, 1]
    probability: NDArray[np.float64] = shares.numpy().astype(float)
    return probability


def finder_files(finder: CalciumFinder) -> dict[str, bytes]:
    """The files of a generation."""
    description = {"preparation": asdict(finder.preparation), "threshold": finder.threshold}
    return {
        _DESCRIPTION: json.dumps(description).encode(),
        _FIRST: save({name: value.contiguous() for name, value in finder.first.state_dict().items()}),
        _SECOND: save({name: value.contiguous() for name, value in finder.second.state_dict().items()}),
    }


def finder_from_files(files: Mapping[str, bytes], *, generation: str = "") -> CalciumFinder:
    """The networks of a generation.

    Raises:
        ArtifactError: If a file is missing or does not fit.
    """
    try:
        description = json.loads(files[_DESCRIPTION])
        first, second = CalciumNetwork(), FalseFindNetwork()
        first.load_state_dict(load(files[_FIRST]))
        second.load_state_dict(load(files[_SECOND]))
        return CalciumFinder(
            first=first.eval(),
            second=second.eval(),
            preparation=config_from(CalciumPreparation, description["preparation"]),
            threshold=float(description["threshold"]),
            generation=generation,
        )
    except (KeyError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(f"the networks cannot be read ({type(error).__name__}); train them again") from error


def _site_shares(network: CalciumNetwork, cube: Tensor, places: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N, 7) probabilities of the sites of coarse voxels."""
    seen = []
    with torch.inference_mode():
        for first in range(0, len(places), PATCHES_AT_ONCE):
            patches = place_patches(cube, places[first : first + PATCHES_AT_ONCE])
            seen.append(network(patches).softmax(dim=1))
    shares: NDArray[np.float64] = torch.cat(seen).numpy().astype(float)
    return shares
