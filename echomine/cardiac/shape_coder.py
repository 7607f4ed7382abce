"""The trained autoencoder as the guarantee wants it, and its files."""

import json
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save

from echomine.cardiac.anatomical_guarantee import ValidShapes
from echomine.domain.config import config_from
from echomine.domain.errors import ArtifactError
from echomine.models.segmentation.mask_vae import MaskVae, MaskVaeConfig

_NETWORK, _CONFIG, _LATENTS = "network.safetensors", "network.json", "latents"


class NetworkCoder:
    """Encodes and decodes one mask at a time with a :class:`MaskVae`."""

    def __init__(self, network: MaskVae) -> None:
        self.network = network.eval()

    def encode(self, mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """(4, 64, 64) one-hot -> latent (L,)."""
        with torch.inference_mode():
            latent: NDArray[np.float32] = self.network.encode(torch.from_numpy(mask)[None])[0].numpy()
        return latent

    def decode(self, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """Latent (L,) -> logits (4, 64, 64)."""
        with torch.inference_mode():
            logits: NDArray[np.float32] = self.network.decode(torch.from_numpy(latent)[None])[0].numpy()
        return logits


def shape_files(network: MaskVae, latents: NDArray[np.float32]) -> dict[str, bytes]:
    """The files of a generation of valid shapes."""
    tensors = {f"network/{name}": value.contiguous() for name, value in network.state_dict().items()}
    tensors[_LATENTS] = torch.from_numpy(np.ascontiguousarray(latents))
    return {_NETWORK: save(tensors), _CONFIG: json.dumps(asdict(network.config)).encode()}


def shapes_from_files(files: Mapping[str, bytes]) -> ValidShapes:
    """Valid shapes from the files of a generation.

    Raises:
        ArtifactError: If a file is missing or does not fit the others.
    """
    try:
        network = MaskVae(config_from(MaskVaeConfig, json.loads(files[_CONFIG])))
        tensors = load(files[_NETWORK])
        latents = tensors.pop(_LATENTS).numpy()
        network.load_state_dict({name.removeprefix("network/"): value for name, value in tensors.items()})
    except (KeyError, ValueError, RuntimeError, SafetensorError) as error:
        raise ArtifactError(f"the shapes cannot be read ({type(error).__name__}); train them again") from error
    return ValidShapes(coder=NetworkCoder(network), latents=latents)
