"""Properties have no deadline: the first example of a kernel waits for its compilation."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("kernels", deadline=None, max_examples=40)
settings.load_profile("kernels")
