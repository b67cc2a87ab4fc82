"""The command line with the fake codec, as a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import sccodec.api
import sccodec.codecs
from sccodec.cli import main

sccodec.codecs.__path__.append(str(Path(__file__).parent / "codecs"))
from sccodec.codecs import fake  # noqa: E402  # found through the line above

sccodec.api.named_by = fake.named_by
main(sys.argv[1:])
