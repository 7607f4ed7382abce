"""The seam between a classification network and what uses its penultimate features."""

from torch import Tensor, nn

from echomine.domain.errors import ConfigurationError


class FeatureNetwork(nn.Module):
    """A classification network whose last linear layer was taken off.

    Attributes:
        trunk: What is left of the network.
        width: Length d of the feature vector.
    """

    def __init__(self, trunk: nn.Module, width: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.width = width

    @classmethod
    def from_classifier(cls, network: nn.Module) -> "FeatureNetwork":
        """The trunk of a network; the network is changed, its last linear layer becomes the identity.

        Raises:
            ConfigurationError: If the network has no linear layer.
        """
        name, last = _last_linear(network)
        parent = network.get_submodule(name.rpartition(".")[0])
        setattr(parent, name.rpartition(".")[2], nn.Identity())
        return cls(network, last.in_features)

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, width) of images (N, C, H, W)."""
        features: Tensor = self.trunk(images)
        return features


def _last_linear(network: nn.Module) -> tuple[str, nn.Linear]:
    linear = [(name, part) for name, part in network.named_modules() if isinstance(part, nn.Linear)]
    if not linear or not linear[-1][0]:
        raise ConfigurationError(f"{type(network).__name__} has no last linear layer to take features before")
    return linear[-1]
