"""Training of the autoencoder of short-axis masks, and the rejection sampling of its valid latent vectors."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from echomine.domain.errors import UsageError
from echomine.learning.training import Batch, ProgressCallback, TrainingPlan, fit
from echomine.models.segmentation.heart_frame import heart_frame, into_frame
from echomine.models.segmentation.mask_vae import FRAME_PX, MaskVae, MaskVaeConfig, vae_loss

FrameCheck = Callable[[NDArray[np.uint8]], bool]
"""Whether a mask in the frame (64, 64) is valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskVaeTraining:
    """Settings.

    Attributes:
        network: Size of the autoencoder.
        epochs, learning_rate, batch_size: Of AdamW with a cosine.
        latents: How many valid vectors are kept at most.
        spread: Scale of the normal steps about known vectors, in the vectors' own standard deviations.
    """

    network: MaskVaeConfig = field(default_factory=MaskVaeConfig)
    epochs: int = 30
    learning_rate: float = 3e-3
    batch_size: int = 64
    latents: int = 4000
    spread: float = 0.35


class FrameSource:
    """Masks in the frame, mirrored at random top to bottom (the right ventricle stays to the left)."""

    def __init__(self, masks: Sequence[NDArray[np.uint8]], batch_size: int) -> None:
        frames = [(mask, heart_frame(mask)) for mask in masks]
        seen = [into_frame(mask, frame) for mask, frame in frames if frame is not None]
        if len(seen) < 2:
            raise UsageError("an autoencoder of shapes needs two or more masks that show a heart")
        self.masks = torch.from_numpy(np.stack(seen))
        self.batch_size = min(batch_size, len(seen))

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches of an epoch."""
        return len(self.masks) // self.batch_size

    def epoch(self, generator: torch.Generator) -> Iterator[Batch]:
        """Every mask once, in a new order."""
        order = torch.randperm(len(self.masks), generator=generator)
        for first in range(0, self.steps_per_epoch * self.batch_size, self.batch_size):
            batch = self.masks[order[first : first + self.batch_size]]
            mirrored = torch.rand(len(batch), generator=generator) < 0.5
            yield (torch.where(mirrored[:, None, None, None], batch.flip(2), batch),)

    def validation(self) -> Iterator[Batch]:
        """Nothing is held back."""
        return iter(())


def train_mask_vae(
    masks: Sequence[NDArray[np.uint8]],
    config: MaskVaeTraining,
    *,
    is_valid: FrameCheck,
    seed: int,
    on_progress: ProgressCallback | None = None,
) -> tuple[MaskVae, NDArray[np.float32]]:
    """An autoencoder of the slices, and the latent vectors (N, L) whose shapes are valid.

    Args:
        masks: Slices (Y, X) of valid anatomy, of any size; those that show nothing are left out.
        config: Settings.
        is_valid: Judges a decoded mask in the frame.
        seed: Of weights, order and rejection sampling.
        on_progress: Told after each step.

    Raises:
        UsageError: If fewer than two masks show a heart.
    """
    torch.manual_seed(seed)
    network = MaskVae(config.network)
    source = FrameSource(masks, config.batch_size)
    plan = TrainingPlan(epochs=config.epochs, learning_rate=config.learning_rate)
    fit(network, source, lambda net, batch: vae_loss(net, batch[0]), plan, seed=seed, on_progress=on_progress)
    return network, valid_latents(network, source.masks, config, is_valid=is_valid, rng=np.random.default_rng(seed))


def valid_latents(
    network: MaskVae,
    masks: Tensor,
    config: MaskVaeTraining,
    *,
    is_valid: FrameCheck,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Vectors of valid shapes: those of known masks, then steps away from them, until there are enough.

    At most twice as many steps are tried.

    References:
        Painchaud 2020, section III-C (there by rejection sampling from a kernel density estimate).
    """
    known = _encoded(network, masks)
    steps = rng.normal(size=(2 * config.latents, known.shape[1])) * config.spread * known.std(axis=0)
    drawn = known[rng.integers(len(known), size=len(steps))] + steps
    found: list[NDArray[np.float32]] = []
    for first in range(0, len(known) + len(drawn), 256):
        part = np.concatenate([known, drawn])[first : first + 256].astype(np.float32)
        found += [row for row, shape in zip(part, _decoded(network, part), strict=True) if is_valid(shape)]
        if len(found) >= config.latents:
            break
    return np.stack(found[: config.latents]) if found else np.empty((0, known.shape[1]), dtype=np.float32)


def _encoded(network: MaskVae, masks: Tensor) -> NDArray[np.float32]:
    with torch.inference_mode():
        encoded: NDArray[np.float32] = torch.cat([network.encode(part) for part in torch.split(masks, 256)]).numpy()
    return encoded


def _decoded(network: nn.Module, latents: NDArray[np.float32]) -> NDArray[np.uint8]:
    assert isinstance(network, MaskVae)
    with torch.inference_mode():
        classes = network.decode(torch.from_numpy(latents)).argmax(dim=1).to(torch.uint8).numpy()
    return np.asarray(classes).reshape(-1, FRAME_PX, FRAME_PX)
