"""Named arrays (safetensors) and settings (JSON) as bytes: the only formats that retrieval saves."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from echomine.domain.errors import ArtifactError

Array = np.ndarray[Any, np.dtype[Any]]


def arrays_to_bytes(arrays: Mapping[str, Array]) -> bytes:
    """The arrays in safetensors format; equal arrays give equal bytes."""
    from safetensors.numpy import save

    return bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def arrays_from_bytes(files: Mapping[str, bytes], name: str) -> dict[str, Array]:
    """The writable arrays of one file.

    Raises:
        ArtifactError: If the file is missing or no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return {key: np.array(value) for key, value in load(file_of(files, name)).items()}
    except (SafetensorError, ValueError) as error:
        raise ArtifactError(f"{name} is no readable safetensors file ({error}); learn it anew") from error


def json_to_bytes(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can hold
    """The value as JSON with sorted keys; equal values give equal bytes."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def json_from_bytes(files: Mapping[str, bytes], name: str) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """The value of one JSON file.

    Raises:
        ArtifactError: If the file is missing or no JSON.
    """
    try:
        return json.loads(file_of(files, name))
    except ValueError as error:
        raise ArtifactError(f"{name} is no readable JSON ({error}); learn it anew") from error


def file_of(files: Mapping[str, bytes], name: str) -> bytes:
    """The content of one file.

    Raises:
        ArtifactError: If it is missing.
    """
    if name not in files:
        raise ArtifactError(f"{name} is missing, the generation holds {', '.join(sorted(files)) or 'nothing'}")
    return files[name]
