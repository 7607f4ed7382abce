"""An ensemble of slice networks with the scale it was trained at, and its files."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

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
        frame_networks: Of single frames, which those of clips are averaged with.
    """

    networks: tuple[IsenseeUNet, ...]
    preparation: CinePreparation
    mirrors: bool = True
    generation: str = ""
    sees_clips: bool = False
    frame_networks: tuple[IsenseeUNet, ...] = ()


def ensemble_files(
    networks: Sequence[IsenseeUNet],
    preparation: CinePreparation,
    *,
    mirrors: bool = True,
    frame_networks: Sequence[IsenseeUNet] = (),
) -> dict[str, bytes]:
    """The files of a generation."""
    description = {
        "networks": [asdict(_frame_config(network)) for network in networks],
        "frame_networks": [asdict(network.config) for network in frame_networks],
        "sees_clips": any(isinstance(network, ClipUNet) for network in networks),
        "preparation": asdict(preparation),
        "mirrors": mirrors,
    }
    files = {f"network{at}.safetensors": _weights(network) for at, network in enumerate(networks)}
    files |= {f"frames{at}.safetensors": _weights(network) for at, network in enumerate(frame_networks)}
    return {_DESCRIPTION: json.dumps(description).encode(), **files}


def ensemble_from_files(files: Mapping[str, bytes], *, generation: str = "") -> SliceEnsemble:
    """An ensemble from the files of a generation.

    Raises:
        ArtifactError: If a file is missing or does not fit its description.
    """
    try:
        description = json.loads(files[_DESCRIPTION])
        kind = ClipUNet if description.get("sees_clips") else IsenseeUNet
        networks = _networks(files, description["networks"], "network", kind)
        frame_networks = _networks(files, description.get("frame_networks", ()), "frames", IsenseeUNet)
        return SliceEnsemble(
            networks=networks,
            preparation=config_from(CinePreparation, description["preparation"]),
            mirrors=bool(description["mirrors"]),
            generation=generation,
            sees_clips=kind is ClipUNet,
            frame_networks=frame_networks,
        )
    except (KeyError, ValueError, TypeError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(f"the networks cannot be read ({type(error).__name__}); train them again") from error


def _frame_config(network: IsenseeUNet) -> IsenseeConfig:
    return network.frame_config if isinstance(network, ClipUNet) else network.config


def _weights(network: IsenseeUNet) -> bytes:
    return save({name: value.contiguous() for name, value in network.state_dict().items()})


def _networks(
    files: Mapping[str, bytes], settings: Sequence[Mapping[str, Any]], stem: str, kind: type[IsenseeUNet]
) -> tuple[IsenseeUNet, ...]:
    networks = []
    for at, one in enumerate(settings):
        network = kind(config_from(IsenseeConfig, one))
        network.load_state_dict(load(files[f"{stem}{at}.safetensors"]))
        networks.append(network.eval())
    return tuple(networks)
