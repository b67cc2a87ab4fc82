"""What can go wrong, sorted by whose fault it is.

    SccodecError
      BadStream            the file's fault
        NotScc             it is of no known format
        Truncated          it ends too early
        Corrupt            its bytes were changed
        Desync             its symbols disagree with its check symbol
        UnsupportedVersion it is of a later version
        TooLarge           its dimensions are beyond the limit
      ModelError           the installation's fault
        ModelNotFound      the model it names is not installed
        ModelMismatch      a model file is damaged or of another codec
      CodecUnavailable     a package or program is missing; the message names it
      DownloadFailed       the network's fault, or that of who answered
      UnknownCodec         the message lists the known ones
      BadInput             the caller's fault
        NothingFits        no file is as small as was asked for
      Stopped              nobody's: a signal asked for it

Parsing untrusted bytes raises BadStream only. Every message is one line.
"""

from __future__ import annotations


class SccodecError(Exception):
    """Everything that sccodec raises on purpose."""


class BadStream(SccodecError):
    """The file cannot be decoded, and it is the file's fault."""


class NotScc(BadStream):
    """The bytes are of no known format."""

    def __init__(self, message: str = "not a .scc file, nor any other format that sccodec decodes") -> None:
        super().__init__(message)


class Truncated(BadStream):
    """The bytes end before the file does."""


class Corrupt(BadStream):
    """The bytes were changed after the file was written."""


class Desync(BadStream):
    """The decoded symbols disagree with the file's check symbol."""


class UnsupportedVersion(BadStream):
    """The file was written by a later version of the format."""


class TooLarge(BadStream):
    """The file states dimensions beyond the limit."""


class ModelError(SccodecError):
    """The installation lacks what the file needs."""


class ModelNotFound(ModelError):
    """The model that the file names is not installed."""


class ModelMismatch(ModelError):
    """A model file is damaged, or belongs to another codec."""


class CodecUnavailable(SccodecError):
    """A codec needs a package or a program that is missing."""


class DownloadFailed(SccodecError):
    """Something could not be downloaded, or is not what it should be."""


class UnknownCodec(SccodecError):
    """No codec has that name."""


class BadInput(SccodecError):
    """The caller's input cannot be used."""


class NothingFits(BadInput):
    """Even the smallest file that a codec makes is larger than the caller allows."""


class Stopped(SccodecError):
    """Control-C or another signal ended what was going on, in good order. number: the signal's."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number
