"""Weights of a network as safetensors bytes: never a pickle.

Weights of others may also come as torch's own file, the ``.pth`` of torchvision: it is read by torch's restricted
reader (``weights_only``), which makes tensors and plain containers and runs no code of the file.
"""

import io
import re
import zipfile
from collections.abc import Mapping, Sequence

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from echomine.domain.errors import ArtifactError

_FEWEST_MATCHES = 0.5
_OLD_DENSE_NAME = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$")
"""Torchvision's DenseNet files still say ``norm.1`` for what its networks call ``norm1``."""
_PRIVATE_NAME = re.compile(r"(^|\.)_(?=\w)")
"""EfficientNet's files name the parts of the network ``_conv_stem`` and the like."""


def weights_to_bytes(network: nn.Module) -> bytes:
    """All parameters and buffers of a network, as a safetensors file."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    return bytes(save(tensors))


def tensors_from_bytes(content: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        ArtifactError: If the bytes are no such file.
    """
    try:
        return dict(load(content))
    except SafetensorError as error:
        raise ArtifactError(
            f"the weights are no readable safetensors file ({error}): copy or write it again"
        ) from error


def load_weights(network: nn.Module, content: bytes) -> None:
    """Put saved weights into a network of the very same shape.

    Raises:
        ArtifactError: If a tensor is missing, unknown or of another shape.
    """
    try:
        network.load_state_dict(tensors_from_bytes(content))
    except RuntimeError as error:
        raise ArtifactError(f"the weights do not fit {type(network).__name__}: they are of another network") from error


def load_pretrained(network: nn.Module, content: bytes) -> tuple[str, ...]:
    """Put somebody else's weights into a network as far as they fit, as for ImageNet weights.

    The names are the network's own: torchvision's files fit torchvision's networks. A first convolution for colour is
    fitted to the network's channels by its sum over colours; a last layer for other classes is left as it is.

    Args:
        network: Its tensors are replaced.
        content: A safetensors file, or a ``.pth`` of tensors by name.

    Returns:
        Names of the network's tensors that stayed as they were.

    Raises:
        ArtifactError: If the file cannot be read, or less than half of the tensors fit: these are weights of another
            network.
    """
    own = network.state_dict()
    given = _torch_tensors(content) if _is_torch_file(content) else tensors_from_bytes(content)
    fitting = _fitting(own, given)
    if len(fitting) < _FEWEST_MATCHES * len(own):
        missing, unknown = [name for name in own if name not in given], [name for name in given if name not in own]
        raise ArtifactError(
            f"only {len(fitting)} of {len(own)} tensors of {type(network).__name__} are in the weights given: "
            f"they belong to another network ({_some('missing', missing)}, {_some('unknown', unknown)})"
        )
    network.load_state_dict({**own, **fitting})
    return tuple(name for name in own if name not in fitting)


def _is_torch_file(content: bytes) -> bool:
    """Whether it is a file of ``torch.save``, of today (a zip) or before 2020; safetensors begin with length and {."""
    return content[8:9] != b"{" and (zipfile.is_zipfile(io.BytesIO(content)) or content[:1] == b"\x80")


def _torch_tensors(content: bytes) -> dict[str, Tensor]:
    try:
        held = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged or hostile file brings about has no common type
        raise ArtifactError(
            "the .pth file holds more than tensors by name, or is damaged, and is not opened: save the network's "
            "state_dict(), best as safetensors"
        ) from error
    if not isinstance(held, Mapping) or not all(isinstance(value, Tensor) for value in held.values()):
        raise ArtifactError("the .pth file holds no tensors by name: save the network's state_dict() alone")
    return {_todays_name(str(name)): value for name, value in held.items()}


def _todays_name(name: str) -> str:
    return _PRIVATE_NAME.sub(r"\1", _OLD_DENSE_NAME.sub(r"\1\2", name))


def _some(what: str, names: Sequence[str]) -> str:
    return f"{len(names)} {what}" + (f", such as {names[0]}" if names else "")


def _fitting(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    fitting = {}
    for name, wanted in own.items():
        if name not in given:
            continue
        value = given[name]
        if value.shape == wanted.shape:
            fitting[name] = value
        elif _is_first_convolution(value, wanted):
            fitting[name] = _over_channels(value, wanted.shape[1])
    return fitting


def _is_first_convolution(value: Tensor, wanted: Tensor) -> bool:
    same_but_channels = value.ndim == 4 and wanted.ndim == 4 and value.shape[0] == wanted.shape[0]
    return same_but_channels and value.shape[1] == 3 and value.shape[2:] == wanted.shape[2:]


def _over_channels(value: Tensor, channels: int) -> Tensor:
    """Kernels that answer a grey picture, repeated on all channels, as the colour ones answered it."""
    grey = value.sum(dim=1, keepdim=True)
    return torch.cat([grey / channels] * channels, dim=1)
