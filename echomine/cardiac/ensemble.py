"""An ensemble of slice networks with the scale it was trained at, and its files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from safetensors import SafetensorError
from safetensors.torch import load, save

from echomine.domain.config import config_from
from echomine.domain.errors import ArtifactError
from echomine.models.segmentation.cine_preparation import CinePreparation
from echomine.models.segmentation.clip_unet import ClipUNet
from echomine.models.segmentation.isensee import IsenseeConfig, IsenseeUNet

_DESCRIPTION = "ensemble.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceEnsemble:
    """Networks whose softmax is averaged.

    Attributes:
        networks: In evaluation mode, one a fold.
        preparation: Pixel side that they were trained at.
        mirrors: Whether they were trained on mirrored slices, so that mirrors can be averaged.
        generation: Identifier of the artifact, or ``""``.
        sees_clips: Whether they are :class:`ClipUNet` and see all frames of a clip at once.
    """

    networks: tuple[IsenseeUNet, ...]
    preparation: CinePreparation
    mirrors: bool = True
    generation: str = ""
    sees_clips: bool = False


def ensemble_files(
    networks: Sequence[IsenseeUNet], preparation: CinePreparation, *, mirrors: bool = True
) -> dict[str, bytes]:
    """The files of a generation."""
    description = {
        "networks": [asdict(_frame_config(network)) for network in networks],
        "sees_clips": any(isinstance(network, ClipUNet) for network in networks),
        "preparation": asdict(preparation),
        "mirrors": mirrors,
    }
    files = {
        f"network{at}.safetensors": save({name: value.contiguous() for name, value in network.state_dict().items()})
        for at, network in enumerate(networks)
    }
    return {_DESCRIPTION: json.dumps(description).encode(), **files}


def ensemble_from_files(files: Mapping[str, bytes], *, generation: str = "") -> SliceEnsemble:
    """An ensemble from the files of a generation.

    Raises:
        ArtifactError: If a file is missing or does not fit its description.
    """
    try:
        description = json.loads(files[_DESCRIPTION])
        networks, kind = [], ClipUNet if description.get("sees_clips") else IsenseeUNet
        for at, settings in enumerate(description["networks"]):
            network = kind(config_from(IsenseeConfig, settings))
            network.load_state_dict(load(files[f"network{at}.safetensors"]))
            networks.append(network.eval())
        return SliceEnsemble(
            networks=tuple(networks),
            preparation=config_from(CinePreparation, description["preparation"]),
            mirrors=bool(description["mirrors"]),
            generation=generation,
            sees_clips=kind is ClipUNet,
        )
    except (KeyError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(f"the networks cannot be read ({type(error).__name__}); train them again") from error


def _frame_config(network: IsenseeUNet) -> IsenseeConfig:
    return network.frame_config if isinstance(network, ClipUNet) else network.config
