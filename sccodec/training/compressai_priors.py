"""What training takes from compressai: its entropy models and, for callers that want it, GDN."""

from __future__ import annotations

from sccodec.codecs.compressai.imports import import_compressai

import_compressai()

from compressai.entropy_models import EntropyBottleneck, GaussianConditional  # noqa: E402
from compressai.layers import GDN  # noqa: E402

__all__ = ["GDN", "EntropyBottleneck", "GaussianConditional"]
