"""Learning and loading a text space of any kind."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from echomine.domain.config import config_from
from echomine.domain.errors import ArtifactError, ConfigurationError, UsageError
from echomine.domain.records import Paragraph
from echomine.retrieval.array_files import json_from_bytes
from echomine.retrieval.text_space import (
    TextSpace,
    TextSpaceConfig,
    TextSpaceKind,
    nearest_rows,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NearParagraph:
    """A paragraph of the corpus near another one, with its cosine."""

    paragraph_id: str
    score: float


def learn_text_space(
    paragraphs: Sequence[Paragraph],
    config: TextSpaceConfig | None = None,
    *,
    progress: Callable[[float], None] | None = None,
) -> TextSpace:
    """A text space learnt from paragraphs (or, for a transformer, taken as it is and applied to them).

    Args:
        paragraphs: The corpus; give it the training patients only.
        config: Settings, the defaults if None.
        progress: Told the share done, 0..1.

    Raises:
        UsageError: If there are no paragraphs.
        ConfigurationError: If no token is frequent enough, or the named model cannot be loaded.
    """
    if not paragraphs:
        raise UsageError("a text space needs at least one paragraph that names a valve, got none: add reports")
    config = config or TextSpaceConfig()
    space: TextSpace
    if config.kind is TextSpaceKind.TFIDF_SVD:
        from echomine.retrieval.lexical_space import learn_lexical_space

        space = learn_lexical_space(paragraphs, config)
    elif config.kind is TextSpaceKind.TRANSFORMER:
        from echomine.retrieval.transformer_space import encode_with_transformer

        space = encode_with_transformer(paragraphs, config, progress=progress)
    else:
        from echomine.retrieval.paragraph_vectors import learn_paragraph_vectors

        return learn_paragraph_vectors(paragraphs, config, progress=progress)
    if progress:
        progress(1.0)
    return space


def text_space_from_files(files: Mapping[str, bytes]) -> TextSpace:
    """The space that ``to_files`` wrote, of whatever kind.

    Raises:
        ArtifactError: If a file is missing or broken.
    """
    kind = _kind_of(json_from_bytes(files, "text_space.json"))
    try:
        if kind is TextSpaceKind.TFIDF_SVD:
            from echomine.retrieval.lexical_space import LexicalSpace

            return LexicalSpace.from_files(files)
        if kind is TextSpaceKind.TRANSFORMER:
            from echomine.retrieval.transformer_space import TransformerSpace

            return TransformerSpace.from_files(files)
        from echomine.retrieval.paragraph_vectors import ParagraphVectorSpace

        return ParagraphVectorSpace.from_files(files)
    except (KeyError, TypeError) as error:
        raise ArtifactError(f"the text space lacks a part ({error}): learn it anew") from error


def nearest_paragraphs(space: TextSpace, paragraph_id: str, k: int = 10) -> tuple[NearParagraph, ...]:
    """The k paragraphs of the corpus nearest to one of it, itself left out; for looking at a space.

    Raises:
        UsageError: If the corpus has no such paragraph.
    """
    ids = space.trained.paragraph_ids
    if paragraph_id not in ids:
        raise UsageError(f"the text space was not learnt on a paragraph {paragraph_id!r}")
    vectors = space.trained.vectors
    row = ids.index(paragraph_id)
    found = nearest_rows(vectors, vectors[row], k + 1)
    near = [NearParagraph(paragraph_id=ids[at], score=score) for at, score in found if at != row]
    return tuple(near[:k])


def _kind_of(description: object) -> TextSpaceKind:
    try:
        return config_from(TextSpaceConfig, description["config"]).kind  # type: ignore[index]
    except (ConfigurationError, KeyError, TypeError, ValueError) as error:
        raise ArtifactError(f"text_space.json has no valid settings ({error}): learn it anew") from error
