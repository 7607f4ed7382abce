"""Weights of a network as safetensors bytes: never a pickle."""

from collections.abc import Mapping

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from echomine.domain.errors import ArtifactError

_FEWEST_MATCHES = 0.5


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
        raise ArtifactError(f"the weights are no readable safetensors file ({error}); train again") from error


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

    A first convolution for colour is fitted to the network's channels by its sum over colours; a last layer for
    other classes is left as it is.

    Returns:
        Names of the network's tensors that stayed as they were.

    Raises:
        ArtifactError: If less than half of the tensors fit: these are weights of another network.
    """
    own = network.state_dict()
    given = tensors_from_bytes(content)
    fitting = _fitting(own, given)
    if len(fitting) < _FEWEST_MATCHES * len(own):
        raise ArtifactError(
            f"only {len(fitting)} of {len(own)} tensors of {type(network).__name__} are in the weights given: "
            "they belong to another network"
        )
    network.load_state_dict({**own, **fitting})
    return tuple(name for name in own if name not in fitting)


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
