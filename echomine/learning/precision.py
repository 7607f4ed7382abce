"""Choice of the number format for training and embedding."""

import torch

from echomine.domain.errors import ConfigurationError

PRECISIONS = ("auto", "32", "bf16", "16")


def uses_bf16(precision: str, accelerator: str = "cpu") -> bool:
    """Whether bf16 is used: asked for, or ``auto`` and the processor computes it natively.

    Raises:
        ConfigurationError: If the word is none of :data:`PRECISIONS`.
    """
    if precision not in PRECISIONS:
        raise ConfigurationError(f"a precision is one of {', '.join(PRECISIONS)}, got {precision!r}")
    if precision != "auto":
        return precision == "bf16"
    if accelerator != "cpu" and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def lightning_precision(precision: str, accelerator: str) -> str:
    """The word Lightning has for it.

    Raises:
        ConfigurationError: If the word is unknown, or 16 bits are wanted without a GPU.
    """
    if precision == "16":
        if accelerator == "cpu" or not torch.cuda.is_available():
            raise ConfigurationError("precision 16 needs a GPU; take bf16 or 32 on a CPU")
        return "16-mixed"
    return "bf16-mixed" if uses_bf16(precision, accelerator) else "32-true"
