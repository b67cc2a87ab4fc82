"""Symbols in files: SigMF recordings (cf32_le), which radios and GNU Radio read and write.

A recording is two files: NAME.sigmf-data, the samples, and NAME.sigmf-meta, JSON. Beside SigMF's own fields that holds
what the receiver must know, and what a channel did:

    sccodec:frame     what the transmitter and the receiver have agreed on: sccodec.transmit.link.Frame
    sccodec:snr_db    Es/N0 of the channel that the symbols came over; absent where they came over none
    sccodec:channel   its spec
    sccodec:gain      its gain [real, imaginary], where the receiver knows it and it is one for all symbols
    sccodec:check     CRC-32 of the four, by which a changed one is found; it may be absent

A gain for each symbol is a second channel of the samples (core:num_channels 2). The samples may be replaced by others,
as a radio does that stands between: then core:sha512 is not theirs, and a notice says so.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from binascii import crc32
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sccodec.container import MAX_PIXELS, excess
from sccodec.errors import BadInput
from sccodec.notices import Notice, ignore
from sccodec.transmit.channels import Channel, Received, Symbols, mean_power, noise_power
from sccodec.transmit.link import MOST_SPEC, Frame, is_number
from sccodec.whole import write_together

META, DATA, ARCHIVE = ".sigmf-meta", ".sigmf-data", ".sigmf"
DATATYPE = "cf32_le"
FRAME, SNR, CHANNEL, GAIN = "sccodec:frame", "sccodec:snr_db", "sccodec:channel", "sccodec:gain"
CHECK = "sccodec:check"
EXTENSION = {"name": "sccodec", "version": "1.0.0", "optional": True}
MOST_META_BYTES = 1 << 20
MOST_GAIN = 1e15
"""Its square is a float32."""
APART = 4.0
"""Factor between powers of symbols, received and expected, from which on a notice says so; 6 dB."""


@dataclass(frozen=True)
class Recording:
    """What a pair of files holds. snr: of the channel in dB; None where the symbols came over none yet.

    channel: its spec, "" for none.
    """

    frame: Frame
    got: Received
    snr: float | None = None
    channel: str = ""

    @staticmethod
    def sent(frame: Frame, symbols: Symbols) -> Recording:
        """What a transmitter makes."""
        return Recording(frame, Received(symbols, np.ones_like(symbols), 0.0))

    @property
    def gain(self) -> complex | None:
        """The gain of all symbols; None where it differs from one to another."""
        first = self.got.gains[0]
        return complex(first) if bool((self.got.gains == first).all()) else None


def paths(path: Path) -> tuple[Path, Path]:
    """Metadata and samples of a recording, by either name; raises BadInput for any other."""
    if path.suffix == ARCHIVE:
        raise BadInput(f"{path}: SigMF archives are not read or written: `tar -xf` unpacks them to a recording, {META}")
    if path.suffix not in (META, DATA):
        raise BadInput(f"{path}: a recording is named {META} (its samples lie beside it, {DATA})")
    return path.with_suffix(META), path.with_suffix(DATA)


def write(path: Path, recording: Recording, *, replace: bool = True) -> None:
    """Write both files or none; raises BadInput for other names, FileExistsError for taken ones without replace."""
    meta, data = paths(path)
    samples = recording.got.symbols
    if recording.gain is None:
        samples = np.stack([samples, recording.got.gains], 1).ravel()
    held = samples.astype("<c8").tobytes()
    places = [Path(os.path.realpath(place)) if replace else place for place in (data, meta)]  # links stay links
    write_together(dict(zip(places, (held, metadata(recording, held)), strict=True)), replace=replace)


def metadata(recording: Recording, samples: bytes) -> bytes:
    """The metadata of a recording. samples: the bytes of its other file."""
    from sigmf import SigMFFile

    gain = recording.gain
    stated: dict[str, object] = {
        "core:datatype": DATATYPE,
        "core:num_channels": 2 if gain is None else 1,
        "core:description": f"a picture as {recording.frame.link} sends it",
        "core:recorder": "sccodec",
        "core:sha512": hashlib.sha512(samples).hexdigest(),
        "core:extensions": [EXTENSION],
        FRAME: recording.frame.described(),
        CHECK: check_of(recording),
    }
    if recording.snr is not None:
        stated |= {SNR: "inf" if recording.snr == math.inf else recording.snr, CHANNEL: recording.channel}
        if gain is not None:
            stated[GAIN] = [gain.real, gain.imag]
    file = SigMFFile(global_info=stated)
    file.add_capture(0)
    file.validate()
    return (str(file.dumps(pretty=True)) + "\n").encode()


def check_of(recording: Recording) -> str:
    """CRC-32 of what a receiver goes by, but for the symbols: 8 hexadecimal digits."""
    gain = recording.gain
    parts = None if gain is None else [gain.real, gain.imag]
    snr = None if recording.snr is None else str(float(recording.snr))
    held = [recording.frame.described(), snr, recording.channel, parts]
    return f"{crc32(json.dumps(held, sort_keys=True, separators=(',', ':')).encode()):08x}"


def read(path: Path, *, max_pixels: int = MAX_PIXELS, notice: Notice = ignore) -> Recording:
    """What write() wrote, or a radio that kept the metadata; raises BadInput, which names what is wrong, or OSError.

    max_pixels: pictures beyond it are refused, before samples are read. notice takes one-line warnings: of samples that
    are not those which the metadata were written with, and of a power that they should not have.
    """
    meta, data = paths(path)
    stated = read_metadata(meta)
    try:
        frame, channels = frame_of(stated, max_pixels), channels_of(stated)
        snr, channel, gain = over(stated, channels)
    except BadInput as error:
        raise BadInput(f"{meta}: {error}") from None
    held = read_samples(data, 8 * frame.k * channels, frame.k)
    samples = np.frombuffer(held, "<c8").astype(np.complex64).reshape(frame.k, channels)
    if not np.isfinite(samples).all():
        raise BadInput(f"{data}: holds symbols that are no finite numbers")
    gains = samples[:, 1] if channels == 2 else np.full(frame.k, gain, np.complex64)
    n0 = 0.0 if snr is None else noise_power(snr)
    got = Received(np.ascontiguousarray(samples[:, 0]), np.ascontiguousarray(gains), n0)
    found = Recording(frame, got, snr, channel)
    if stated.get(CHECK, check_of(found)) != check_of(found):
        raise BadInput(f"{meta}: is damaged: {CHECK} is of other fields; where they were changed on purpose, remove it")
    if stated.get("core:sha512", "") not in ("", hashlib.sha512(held).hexdigest()):
        notice("the samples are others than those that were written with the metadata: they are taken as received")
    if said := odd_power(found):
        notice(said)
    return found


def frame_of(stated: Mapping[str, object], max_pixels: int) -> Frame:
    """Of metadata; raises BadInput."""
    found = stated.get(FRAME)
    if not isinstance(found, dict):
        raise BadInput(f"says nothing of a picture ({FRAME}): it is no recording of `sccodec send`")
    frame = Frame.of(found)
    if too_much := excess(frame.width, frame.height, max_pixels):
        raise BadInput(f"states {too_much}")
    return frame


def channels_of(stated: Mapping[str, object]) -> int:
    """Of the samples: 1, or 2 with a gain for each; raises BadInput for samples of another kind."""
    if stated.get("core:datatype") != DATATYPE:
        raise BadInput(f"samples are {stated.get('core:datatype')!r:.40}, and only {DATATYPE} is read")
    if any(key in stated for key in ("core:dataset", "core:trailing_bytes")) or stated.get("core:metadata_only"):
        raise BadInput(f"its samples are no plain {DATA} file (core:dataset, trailing_bytes or metadata_only)")
    channels = stated.get("core:num_channels", 1)
    if channels not in (1, 2):
        raise BadInput(f"states {channels!r:.40} channels, expected 1 or 2")
    return 2 if channels == 2 else 1


def over(stated: Mapping[str, object], channels: int) -> tuple[float | None, str, complex]:
    """SNR, spec and gain of the channel that the symbols came over; raises BadInput."""
    value, spec, gain = stated.get(SNR), stated.get(CHANNEL, ""), stated.get(GAIN)
    if not isinstance(spec, str) or len(spec) > MOST_SPEC:
        raise BadInput(f"{CHANNEL} is {spec!r:.40}: expected a channel's spec")
    channel = Channel.parse(spec) if spec else Channel()
    snr = math.inf if value == "inf" else value
    if not (snr is None or (isinstance(snr, float) and snr == math.inf) or is_number(snr)):
        raise BadInput(f"{SNR} is {value!r:.40}: expected a number of decibels")
    if snr is not None:
        noise_power(float(snr))
    if gain is not None and (channels == 2 or not isinstance(gain, list) or [*map(is_number, gain)] != [True, True]):
        raise BadInput(f"{GAIN} is {gain!r:.60}: expected a real and an imaginary part, where no symbol has its own")
    if gain is None and channels == 1 and channel.kind != "awgn" and channel.csi == "perfect":
        raise BadInput(f"states no {GAIN}, which the receiver knows of {spec}")
    found = complex(float(gain[0]), float(gain[1])) if isinstance(gain, list) else 1 + 0j
    if not abs(found) <= MOST_GAIN:
        raise BadInput(f"{GAIN} is {gain!r:.60}, which is too large")
    return None if snr is None else float(snr), spec, found


def odd_power(recording: Recording) -> str:
    """What there is to say of symbols whose power is far from what they should have; "" for nothing."""
    got, channel = recording.got, recording.channel
    if len(got.symbols) < 100 or (channel and Channel.parse(channel).csi == "none"):
        return ""
    power, expected = mean_power(got.symbols), mean_power(got.gains)
    if expected / APART <= power <= APART * (expected + got.noise_power):
        return ""
    return (
        f"the symbols have a mean power of {power:.3g}, where {expected + got.noise_power:.3g} is expected: scale them"
    )


def read_metadata(path: Path) -> Mapping[str, object]:
    """The global fields; raises BadInput for what is no SigMF metadata of one capture."""
    import sigmf.validate

    text = read_file(path, MOST_META_BYTES, "no such file")
    if len(text) > MOST_META_BYTES:
        raise BadInput(f"{path}: is larger than {MOST_META_BYTES} bytes, which no metadata of a picture are")
    try:
        found = json.loads(text.decode("utf-8"), parse_constant=refuse_constant)
        sigmf.validate.validate(found)
    except MemoryError:
        raise
    except RecursionError:
        raise BadInput(f"{path}: is no SigMF metadata: it is nested too deeply") from None
    except Exception as error:  # jsonschema's are no errors of sigmf, nor of one base class
        said = " ".join(str(getattr(error, "message", error)).split())
        raise BadInput(f"{path}: is no SigMF metadata: {said[:160]}") from None
    if any("core:header_bytes" in capture for capture in found["captures"]):
        raise BadInput(f"{path}: its samples are no plain {DATA} file (core:header_bytes)")
    stated: Mapping[str, object] = found["global"]
    return stated


def refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def read_samples(path: Path, wanted: int, k: int) -> bytes:
    """So many bytes; raises BadInput where there are fewer or more."""
    size = path.stat().st_size if path.is_file() else wanted
    held = (
        read_file(path, wanted, "no such file: a recording's samples lie beside its metadata")
        if size == wanted
        else b""
    )
    if len(held) != wanted:
        size = max(size, len(held))
        short = "is cut short" if size < wanted else "is of another recording"
        raise BadInput(f"{path}: {short}: it has {size} bytes, and {k} symbols are {wanted}")
    return held


def read_file(path: Path, most: int, missing: str) -> bytes:
    """A regular file, one byte beyond `most` at most; raises BadInput, or OSError for what may not be read."""
    if path.exists() and not path.is_file():
        raise BadInput(f"{path}: is no regular file")
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except FileNotFoundError:
        raise BadInput(f"{path}: {missing}") from None
