"""torch, imported when a model needs it."""

from __future__ import annotations

from typing import Any

from genialearn.errors import MissingExtraError


def torch_library(threads: int, model: str) -> Any:
    """Return torch, told to use so many threads.

    Parameters
    ----------
    threads
        0 for as many as it uses by itself.
    model
        Who needs it, for the error where it isn't installed.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError.for_extra("torch", "deep", f"model {model}") from error
    if threads:
        torch.set_num_threads(threads)
    return torch
