"""A trained image network with everything that its answers depend on: classes, input, settings."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from echomine.domain.config import config_from
from echomine.domain.errors import ArtifactError, ConfigurationError, UsageError
from echomine.learning.checkpoints import CheckpointFile
from echomine.learning.images import device_of
from echomine.learning.picture_augmentation import PictureAugmentation
from echomine.learning.picture_batches import PictureBatches, PlacedPicture, place, with_proposals
from echomine.learning.picture_losses import LossConfig
from echomine.learning.picture_tasks import as_objects, make_task
from echomine.learning.placement import InputConfig, Placement, network_picture, with_axis
from echomine.learning.precision import uses_bf16
from echomine.learning.samples import LabelMap, Sample, check_learnable
from echomine.learning.training import ProgressCallback, TrainingPlan, TrainingSummary, fit
from echomine.metrics.boxes import PictureObjects
from echomine.models.detection.fast_rcnn import LooksAtProposals
from echomine.models.entries import LearnsAfterwards, Task
from echomine.models.registry import NETWORKS, create, network_config
from echomine.models.weights import load_pretrained, load_weights, weights_to_bytes

_CONFIG, _WEIGHTS = "image_model.json", "image_model.safetensors"

Runtime: TypeAlias = Callable[[Tensor], Tensor]
"""Inputs (N, C, H, W) -> logits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkChoice:
    """Which network.

    Attributes:
        name: One of ``echomine models``.
        settings: The network's own, such as ``width``.
        weights: File of pretrained weights (safetensors), whose fitting tensors are the start; empty for none.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: str = ""

    def __post_init__(self) -> None:
        NETWORKS.get(self.name)
        network_config(self.name, self.settings)
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))

    @property
    def task(self) -> Task:
        """What the network answers."""
        return NETWORKS.get(self.name).task


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningSettings:
    """Length and speed of a training, and what a batch is.

    Attributes:
        batch_size: Pictures of one step.
        repeats: Showings of a picture in one epoch.
        monitor: Figure that chooses the best epoch; empty takes the task's own.
        epochs, learning_rate, weight_decay, patience, precision, accelerator, devices, strategy, gradient_clip: As in
            ``TrainingPlan``.
    """

    batch_size: int = 8
    repeats: int = 1
    monitor: str = ""
    epochs: int = 40
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    patience: int = 0
    precision: str = "auto"
    accelerator: str = "auto"
    devices: int = 1
    strategy: str = "auto"
    gradient_clip: float = 0.0

    def __post_init__(self) -> None:
        if self.batch_size < 1 or self.repeats < 1:
            raise ConfigurationError(f"batch_size and repeats are 1 or more, got {self.batch_size}, {self.repeats}")
        _ = self.plan

    @property
    def plan(self) -> TrainingPlan:
        """The plan in it."""
        values = asdict(self)
        return TrainingPlan(**{name: values[name] for name in values.keys() - {"batch_size", "repeats", "monitor"}})


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageModelConfig:
    """Everything that a trained model depends on besides its data.

    Attributes:
        keep_largest: Whether of each class of a label map the largest connected piece alone is kept.
        score_threshold: Least score of an object that is reported.
    """

    network: NetworkChoice
    input: InputConfig = field(default_factory=InputConfig)
    augmentation: PictureAugmentation = field(default_factory=PictureAugmentation)
    loss: LossConfig = field(default_factory=LossConfig)
    training: LearningSettings = field(default_factory=LearningSettings)
    keep_largest: bool = False
    score_threshold: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.score_threshold <= 1:
            raise ConfigurationError(f"score_threshold lies in 0..1, got {self.score_threshold}")


_GROUPS: Mapping[str, type] = {
    "input": InputConfig,
    "augmentation": PictureAugmentation,
    "loss": LossConfig,
    "training": LearningSettings,
}


def image_model_config(values: Mapping[str, Any]) -> ImageModelConfig:
    """Settings from a mapping of tables; ``network`` holds a name, and the network's own settings beside it.

    Raises:
        ConfigurationError: If a table or key is unknown, or a value cannot be.
        UsageError: If no network has that name.
    """
    plain = dict(values)
    chosen = plain.pop("network", {})
    if not isinstance(chosen, Mapping) or "name" not in chosen:
        raise ConfigurationError('name a network: [network] name = "unet"; `echomine models` lists them')
    own = {key: chosen[key] for key in ("name", "weights") if key in chosen}
    network = config_from(
        NetworkChoice, own | {"settings": {key: value for key, value in chosen.items() if key not in own}}
    )
    groups: dict[str, Any] = {name: config_from(kind, plain.pop(name, {})) for name, kind in _GROUPS.items()}
    return config_from(ImageModelConfig, {**plain, **groups, "network": network})


def config_document(config: ImageModelConfig) -> dict[str, Any]:
    """The settings as plain values, which :func:`image_model_config` takes back."""
    document = {name: asdict(getattr(config, name)) for name in _GROUPS}
    network = {"name": config.network.name, "weights": config.network.weights} | dict(config.network.settings)
    plain = {"keep_largest": config.keep_largest, "score_threshold": config.score_threshold}
    return {"network": network, **document, **plain}


@dataclass(frozen=True, slots=True)
class ImageModel:
    """A trained network.

    Attributes:
        config: Its settings.
        classes: Names, without the background.
        network: In evaluation mode on the CPU.
        summary: What the training did; None after loading.
    """

    config: ImageModelConfig
    classes: tuple[str, ...]
    network: nn.Module
    summary: TrainingSummary | None = None

    @property
    def task(self) -> Task:
        """What it answers."""
        return self.config.network.task

    def probabilities(self, samples: Sequence[Sample], runtime: Runtime | None = None) -> NDArray[np.float32]:
        """(N, K) probabilities of the classes; no samples give (0, K)."""
        parts = [logits.softmax(dim=1).numpy() for _, logits in self._logits(samples, runtime)]
        return np.concatenate([np.zeros((0, len(self.classes)), dtype=np.float32), *parts])

    def label_maps(self, samples: Sequence[Sample], runtime: Runtime | None = None) -> Iterator[LabelMap]:
        """Class numbers (H, W) of each sample, at its own size."""
        for batch, logits in self._logits(samples, runtime):
            for sample, one in zip(batch, logits, strict=True):
                yield self._label_map(sample, one)

    def objects(self, samples: Sequence[Sample]) -> Iterator[PictureObjects]:
        """Objects of each sample, at its own size, best first."""
        network, device, bf16 = self._ready()
        for sample in samples:
            where = Placement.of(sample, self.config.input)
            image = self.network_input(sample)
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                answer = {name: value.float().cpu() for name, value in network([image.to(device)])[0].items()}
            yield _objects_back(answer, where, self.config.score_threshold)

    def to_files(self) -> dict[str, bytes]:
        """Settings and weights, by file name."""
        document = {"classes": list(self.classes), **config_document(self.config)}
        return {
            _CONFIG: json.dumps(document, indent=1, sort_keys=True).encode(),
            _WEIGHTS: weights_to_bytes(self.network),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "ImageModel":
        """The model saved by :meth:`to_files`.

        Raises:
            ArtifactError: If a file is missing, damaged or of another network.
        """
        try:
            document = json.loads(files[_CONFIG])
            classes = tuple(document.pop("classes"))
            config, weights = image_model_config(document), files[_WEIGHTS]
        except (KeyError, ValueError, TypeError, ConfigurationError) as error:
            raise ArtifactError(f"this is no image model ({error}); train it again") from error
        network = blank_network(config, classes)
        load_weights(network, weights)
        return cls(config, classes, network.eval())

    def _ready(self) -> tuple[nn.Module, torch.device, bool]:
        device = device_of(self.config.training.accelerator)
        return self.network.to(device).eval(), device, uses_bf16(self.config.training.precision, device.type)

    def _logits(self, samples: Sequence[Sample], runtime: Runtime | None) -> Iterator[tuple[Sequence[Sample], Tensor]]:
        network, device, bf16 = self._ready()
        size = self.config.training.batch_size
        for start in range(0, len(samples), size):
            batch = samples[start : start + size]
            inputs = torch.stack([self.network_input(sample) for sample in batch])
            if runtime is not None:
                yield batch, runtime(inputs)
                continue
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                logits = network(inputs.to(device))
            yield batch, logits.float().cpu()

    def network_input(self, sample: Sample) -> Tensor:
        """(C, H, W), what the network sees of a sample."""
        return with_axis(network_picture(sample, self.config.input), self.config.input)

    def _label_map(self, sample: Sample, logits: Tensor) -> LabelMap:
        where = Placement.of(sample, self.config.input)
        probabilities = _filled(logits.softmax(dim=0), where.canvas)
        outside = [1.0] + [0.0] * len(self.classes)
        labels = where.maps_back(probabilities, outside=outside).argmax(dim=0).to(torch.uint8).numpy()
        return largest_pieces(labels) if self.config.keep_largest else labels


def blank_network(config: ImageModelConfig, classes: Sequence[str]) -> nn.Module:
    """The network of a model with random weights of the global torch generator."""
    choice = config.network
    settings = network_config(choice.name, choice.settings)
    count = len(classes) + (choice.task is not Task.CLASSIFICATION)
    return create(choice.name, classes=count, in_channels=config.input.network_channels, config=settings)


def train_image_model(  # noqa: PLR0913 - what a training run is made of
    training: Sequence[Sample],
    validation: Sequence[Sample],
    classes: Sequence[str],
    config: ImageModelConfig,
    *,
    seed: int,
    pretrained: bytes | None = None,
    checkpoint_dir: Path | None = None,
    log_dir: Path | None = None,
    on_progress: ProgressCallback | None = None,
) -> ImageModel:
    """A model learnt from samples.

    Args:
        training: Samples with targets.
        validation: Samples of other groups, by which the best epoch is chosen; may be empty.
        classes: Names, without the background.
        config: Settings.
        seed: Fixes everything: on one machine the same seed gives the same weights.
        pretrained: A safetensors file whose fitting tensors are the start.
        checkpoint_dir: Where an unfinished run is kept, for the same call to take up; emptied at the end.
        log_dir: Folder for TensorBoard.
        on_progress: Told (steps done, steps in all).

    Raises:
        UsageError: If a class is in no training picture, or the pretrained weights cannot be taken.
        ConfigurationError: If loss or figures do not fit the task.
        ItemError: If a sample does not fit the input.
    """
    check_learnable(training, classes)
    task = config.network.task
    network = _start_network(config, classes, seed, pretrained)
    source = PictureBatches(
        task=task,
        training=_placed(training, config.input, network),
        validation_set=_placed(validation, config.input, network),
        config=config.input,
        augmentation=config.augmentation,
        batch_size=config.training.batch_size,
        repeats=config.training.repeats,
    )
    learning = make_task(task, classes, config.loss, config.training.monitor)
    checkpoint = checkpoint_dir and CheckpointFile(
        checkpoint_dir / "image_model.resume", _fingerprint(config, classes, seed, source)
    )
    summary = fit(
        network,
        source,
        learning,
        config.training.plan,
        seed=seed,
        checkpoint=checkpoint or None,
        log_dir=log_dir,
        on_progress=on_progress,
        afterwards=partial(_finish, network, config, source),
    )
    return ImageModel(config, tuple(classes), network, summary)


def _finish(network: nn.Module, config: ImageModelConfig, source: PictureBatches) -> None:
    """Learn what no gradient reaches, where a network has such parts."""
    if isinstance(network, LearnsAfterwards):
        network.to(device_of(config.training.accelerator)).finish(*_whole(source))
        network.cpu()


def _placed(samples: Sequence[Sample], config: InputConfig, network: nn.Module) -> list[PlacedPicture]:
    """Samples on the input, with proposals where the network looks for none itself."""
    placed = [place(sample, config) for sample in samples]
    if not isinstance(network, LooksAtProposals):
        return placed
    return [with_proposals(picture, network.search, config) for picture in placed]


def _whole(source: PictureBatches) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """All training pictures as they are, with their targets."""
    images = [with_axis(picture.image.float(), source.config) for picture in source.training]
    return images, [picture.target for picture in source.training]


def largest_pieces(labels: LabelMap) -> LabelMap:
    """A label map in which each class keeps its largest connected piece alone; the rest is background."""
    kept = np.zeros_like(labels)
    for value in np.unique(labels[labels > 0]):
        pieces, count = ndimage.label(labels == value)
        if count:
            kept[pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))] = value
    return kept


def _start_network(config: ImageModelConfig, classes: Sequence[str], seed: int, pretrained: bytes | None) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = blank_network(config, classes).to(memory_format=torch.channels_last)
    if pretrained is not None:
        try:
            load_pretrained(network, pretrained)
        except ArtifactError as error:
            raise UsageError(f"network.weights {config.network.weights} cannot be taken: {error}") from error
    return network


def _fingerprint(config: ImageModelConfig, classes: Sequence[str], seed: int, source: PictureBatches) -> str:
    content = hashlib.sha256(json.dumps([config_document(config), list(classes), seed], sort_keys=True).encode())
    for picture in (*source.training, *source.validation_set):
        _add_picture(content, picture)
    return content.hexdigest()


def _add_picture(content: Any, picture: PlacedPicture) -> None:  # noqa: ANN401 - hashlib's class has no public name
    targets = picture.target if isinstance(picture.target, dict) else {"target": picture.target}
    for value in (picture.image, *targets.values()):
        content.update(value.contiguous().numpy().tobytes())


def _filled(maps: Tensor, canvas: tuple[int, int]) -> Tensor:
    """Maps (K, h, w) of the middle of the canvas, with sure background around them."""
    rows, columns = maps.shape[-2:]
    if (rows, columns) == canvas:
        return maps
    whole = torch.zeros(len(maps), *canvas)
    whole[0] = 1
    top, left = (canvas[0] - rows) // 2, (canvas[1] - columns) // 2
    whole[:, top : top + rows, left : left + columns] = maps
    return whole


def _objects_back(answer: dict[str, Tensor], where: Placement, threshold: float) -> PictureObjects:
    kept = answer["scores"] >= threshold
    found = as_objects({name: value[kept] for name, value in answer.items()}, where.picture)
    masks = answer["masks"][kept][:, 0] if "masks" in answer else torch.zeros(0)
    return PictureObjects(
        size=where.picture,
        boxes=where.boxes_back(answer["boxes"][kept]).double().numpy(),
        classes=found.classes,
        scores=found.scores,
        masks=tuple((where.maps_back(mask[None], outside=[0.0])[0] > 0.5).numpy() for mask in masks),
    )
