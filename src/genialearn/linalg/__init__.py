"""Linear algebra of mixed models."""

from genialearn.linalg.spectral import Spectrum

__all__ = ["Spectrum"]
