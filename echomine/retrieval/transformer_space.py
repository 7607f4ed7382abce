"""A text space by a pretrained transformers encoder: mean of the last layer over the words of the paragraph.

The model comes from a local folder. A hub id is taken only if the user names one, and only while the hub is
not switched off (``HF_HUB_OFFLINE``). The weights are not copied into the artifact: it keeps the name and the
SHA-256 of what the encoder answers to a fixed sentence, and refuses another encoder.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.domain.config import config_from, config_to_dict
from echomine.domain.errors import ArtifactError, ConfigurationError
from echomine.domain.records import Paragraph
from echomine.retrieval.array_files import (
    Array,
    arrays_from_bytes,
    arrays_to_bytes,
    json_from_bytes,
    json_to_bytes,
)
from echomine.retrieval.text_space import NearWord, TextSpaceConfig, TrainedParagraphs, unit_rows

_PROBE = "Moderate aortic stenosis, peak velocity 3.4 m/s."
_DECIMALS = 3


class TransformerSpace:
    """Unit vectors of texts by one encoder, one text a pass: no padding, so no batch can change a vector."""

    def __init__(
        self,
        config: TextSpaceConfig,
        tokenizer: Any,  # noqa: ANN401 - transformers has no common type
        encoder: Any,  # noqa: ANN401
        trained: TrainedParagraphs,
    ) -> None:
        self.config = config
        self.trained = trained
        self._tokenizer = tokenizer
        self._encoder = encoder

    @property
    def size(self) -> int:
        """Length of a vector: the width of the encoder."""
        return int(self._encoder.config.hidden_size)

    def infer(self, paragraphs: Sequence[Paragraph]) -> NDArray[np.float32]:
        """(N, size) unit vectors of the texts."""
        rows = [self._encode(paragraph.text) for paragraph in paragraphs]
        return unit_rows(np.array(rows, dtype=np.float32).reshape(len(rows), self.size))

    def nearest_words(self, word: str, k: int = 10) -> tuple[NearWord, ...]:  # noqa: ARG002
        """None: an encoder has no vector of a word by itself."""
        return ()

    def to_files(self) -> dict[str, bytes]:
        """Settings, fingerprint and the vectors of the corpus; not the encoder."""
        description = {
            "config": config_to_dict(self.config),
            "fingerprint": self.fingerprint(),
            "paragraph_ids": self.trained.paragraph_ids,
        }
        arrays: dict[str, Array] = {"rows": self.trained.rows, "distinct": self.trained.distinct}
        return {
            "text_space.json": json_to_bytes(description),
            "text_space.safetensors": arrays_to_bytes(arrays),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "TransformerSpace":
        """The space that :meth:`to_files` wrote, its encoder loaded from where it was.

        Raises:
            ArtifactError: If the encoder there is another one.
            ConfigurationError: If it cannot be loaded.
        """
        description = json_from_bytes(files, "text_space.json")
        arrays = arrays_from_bytes(files, "text_space.safetensors")
        config = config_from(TextSpaceConfig, description["config"])
        trained = TrainedParagraphs(
            paragraph_ids=tuple(description["paragraph_ids"]),
            rows=arrays["rows"],
            distinct=arrays["distinct"],
        )
        space = cls(config, *_load(config.model), trained)
        if space.fingerprint() != description["fingerprint"]:
            raise ArtifactError(f"the encoder at {config.model} is not the one of this text space: learn it anew")
        return space

    def fingerprint(self) -> str:
        """SHA-256 of the answer to a fixed sentence, rounded so that another processor gives the same."""
        answer = np.round(unit_rows(self._encode(_PROBE)[None]), _DECIMALS) + 0.0
        return hashlib.sha256(answer.astype(np.float32).tobytes()).hexdigest()

    def _encode(self, text: str) -> NDArray[np.float32]:
        import torch

        words = self._tokenizer(text, truncation=True, max_length=self.config.max_tokens, return_tensors="pt")
        with torch.inference_mode():
            states = self._encoder(**words).last_hidden_state[0]
        return np.asarray(states.mean(dim=0).float().numpy(), dtype=np.float32)


def encode_with_transformer(
    paragraphs: Sequence[Paragraph],
    config: TextSpaceConfig,
    *,
    progress: Callable[[float], None] | None = None,
) -> TransformerSpace:
    """A space of a pretrained encoder with the vectors of the paragraphs; nothing is trained.

    Raises:
        ConfigurationError: If ``config.model`` is empty or cannot be loaded.
    """
    texts = list(dict.fromkeys(paragraph.text for paragraph in paragraphs))
    place = {text: row for row, text in enumerate(texts)}
    empty = TrainedParagraphs(paragraph_ids=(), rows=np.zeros(0, np.int64), distinct=np.zeros((0, 0), np.float32))
    space = TransformerSpace(config, *_load(config.model), empty)
    rows = []
    for done, text in enumerate(texts, start=1):
        rows.append(space._encode(text))  # noqa: SLF001 - its own module
        if progress:
            progress(done / len(texts))
    space.trained = TrainedParagraphs(
        paragraph_ids=tuple(paragraph.paragraph_id for paragraph in paragraphs),
        rows=np.array([place[paragraph.text] for paragraph in paragraphs], dtype=np.int64),
        distinct=unit_rows(np.array(rows)),
    )
    return space


def _load(model: str) -> tuple[Any, Any]:
    if not model:
        raise ConfigurationError("a transformer text space needs model: a local folder or a hub id")
    from transformers import AutoModel, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
        encoder = AutoModel.from_pretrained(model, use_safetensors=True).eval()
    except (OSError, ValueError, ImportError) as error:
        raise ConfigurationError(f"no transformers encoder at {model!r} ({error})") from error
    return tokenizer, encoder
