"""Networks made for colour, taught to take any number of channels."""

from torch import nn


def replace_first_convolution(network: nn.Module, in_channels: int) -> None:
    """Give a network a first convolution for ``in_channels``; 3 leaves a network for colour as it is."""
    name, first = next((n, part) for n, part in network.named_modules() if isinstance(part, nn.Conv2d))
    if first.in_channels == in_channels:
        return
    parent = network.get_submodule(name.rpartition(".")[0])
    replacement = nn.Conv2d(
        in_channels,
        first.out_channels,
        kernel_size=first.kernel_size,  # type: ignore[arg-type]
        stride=first.stride,  # type: ignore[arg-type]
        padding=first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    setattr(parent, name.rpartition(".")[2], replacement)
