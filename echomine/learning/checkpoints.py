"""State of an unfinished training run, in one safetensors file that is replaced as a whole."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

_META = "echomine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a resume needs.

    Attributes:
        epochs: Epochs done.
        best_epoch: The one with the best validation figure, counted from 1.
        best_figure: That figure; None without validation.
        history: Figures of each epoch.
        weights: Tensors of the network.
        best_weights: Those of the best epoch.
        optimiser: State of AdamW by parameter number.
    """

    epochs: int
    best_epoch: int
    best_figure: float | None
    history: tuple[Mapping[str, float], ...]
    weights: dict[str, Tensor]
    best_weights: dict[str, Tensor]
    optimiser: dict[int, dict[str, Tensor]]


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A file for one training run.

    Attributes:
        path: Where; its directory is made when needed.
        fingerprint: Of settings, seed and data: a file of another run is not taken up.
        is_kept: Whether it outlives its training, as one of several that belong together; their maker deletes it.
    """

    path: Path
    fingerprint: str
    is_kept: bool = False

    def write(self, checkpoint: Checkpoint) -> None:
        """Save the state beside the old one, then replace it."""
        tensors = {f"weights/{name}": value for name, value in checkpoint.weights.items()}
        tensors |= {f"best/{name}": value for name, value in checkpoint.best_weights.items()}
        for number, state in checkpoint.optimiser.items():
            tensors |= {f"optimiser/{number}/{key}": value.cpu() for key, value in state.items()}
        counts = {
            "fingerprint": self.fingerprint,
            "epochs": checkpoint.epochs,
            "best_epoch": checkpoint.best_epoch,
            "best_figure": checkpoint.best_figure,
            "history": [dict(figures) for figures in checkpoint.history],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(f".{os.getpid()}.part")
        save_file(
            {name: value.contiguous().clone() for name, value in tensors.items()},
            beside,
            {_META: json.dumps(counts)},
        )
        beside.replace(self.path)

    def read(self) -> Checkpoint | None:
        """The state saved last; None if there is none, if it is damaged or belongs to another run."""
        try:
            with safe_open(self.path, framework="pt") as file:
                counts = json.loads((file.metadata() or {}).get(_META, "{}"))
                if counts.get("fingerprint") != self.fingerprint:
                    return None
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        except (OSError, SafetensorError, ValueError):
            return None
        return Checkpoint(
            epochs=counts["epochs"],
            best_epoch=counts["best_epoch"],
            best_figure=counts["best_figure"],
            history=tuple(counts["history"]),
            weights=_under("weights/", tensors),
            best_weights=_under("best/", tensors),
            optimiser=_by_number(_under("optimiser/", tensors)),
        )

    def delete(self) -> None:
        """Remove the file; nothing happens where there is none."""
        self.path.unlink(missing_ok=True)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _by_number(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition("/")
        state.setdefault(int(number), {})[key] = value.to(torch.float32) if key == "step" else value
    return state
