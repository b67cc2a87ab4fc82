"""Symbols in files: SigMF recordings (cf32_le), which radios and GNU Radio read and write.

A recording is two files: NAME.sigmf-data, the samples, and NAME.sigmf-meta, JSON. Beside SigMF's own fields the
metadata hold what the receiver must know (``sccodec:frame``), and, of what came over a channel, N0 and the channel's
spec. Where the channel's gain is known, it stands in the metadata if it is one for all symbols; otherwise the recording
has two channels, symbols and gains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sccodec.errors import BadInput
from sccodec.transmit.channels import Received, Symbols, noise_power
from sccodec.transmit.link import Frame, is_number
from sccodec.whole import write_whole

META, DATA = ".sigmf-meta", ".sigmf-data"
DATATYPE = "cf32_le"
FRAME, SNR, CHANNEL, GAIN = "sccodec:frame", "sccodec:snr_db", "sccodec:channel", "sccodec:gain"
EXTENSION = {"name": "sccodec", "version": "1.0.0", "optional": True}
MOST_META_BYTES = 1 << 20


@dataclass(frozen=True)
class Recording:
    """What a pair of files holds. snr: of the channel in dB; None where the symbols came over none yet."""

    frame: Frame
    got: Received
    snr: float | None
    channel: str = ""


def paths(path: Path) -> tuple[Path, Path]:
    """Metadata and samples of a recording, by either name; raises BadInput for any other."""
    if path.suffix not in (META, DATA):
        raise BadInput(f"{path}: a recording is named {META} (its samples are beside it, {DATA})")
    return path.with_suffix(META), path.with_suffix(DATA)


def write(path: Path, recording: Recording) -> None:
    """Write both files, samples first; raises BadInput for other names, OSError."""
    from sigmf import SigMFFile

    meta, data = paths(path)
    got = recording.got
    one = bool((got.gains == got.gains[0]).all())
    samples = got.symbols if one else np.stack([got.symbols, got.gains], 1).ravel()
    stated: dict[str, Any] = {
        SigMFFile.DATATYPE_KEY: DATATYPE,
        SigMFFile.NUM_CHANNELS_KEY: 1 if one else 2,
        SigMFFile.DESCRIPTION_KEY: f"a picture as {recording.frame.link} sends it",
        SigMFFile.RECORDER_KEY: "sccodec",
        SigMFFile.EXTENSIONS_KEY: [EXTENSION],
        FRAME: recording.frame.described(),
    }
    if recording.snr is not None:
        stated |= {SNR: "inf" if recording.snr == math.inf else recording.snr, CHANNEL: recording.channel}
        if one:
            stated[GAIN] = [float(got.gains[0].real), float(got.gains[0].imag)]
    write_whole(data, samples.astype("<c8").tobytes())
    file = SigMFFile(global_info=stated)
    file.set_data_file(str(data))
    file.add_capture(0)
    write_whole(meta, (file.dumps(pretty=True) + "\n").encode())


def read(path: Path) -> Recording:
    """What write() wrote, or a radio that kept the metadata; raises BadInput, which names what is wrong."""
    meta, data = paths(path)
    stated = read_metadata(meta)
    if stated.get("core:datatype") != DATATYPE:
        raise BadInput(f"{meta}: samples are {stated.get('core:datatype')!r:.40}, and only {DATATYPE} is read")
    found = stated.get(FRAME)
    if not isinstance(found, dict):
        raise BadInput(f"{meta}: says nothing of a picture ({FRAME}): it is no recording of `sccodec send`")
    try:
        frame = Frame.of(found)
        snr, gain = number_of(stated, SNR), gain_of(stated)
    except BadInput as error:
        raise BadInput(f"{meta}: {error}") from None
    channels = stated.get("core:num_channels", 1)
    if channels not in (1, 2):
        raise BadInput(f"{meta}: states {channels!r:.40} channels, expected 1 or 2")
    samples = read_samples(data, frame.k, channels)
    gains = samples[:, 1] if channels == 2 else np.full(frame.k, gain, np.complex64)
    n0 = 0.0 if snr is None else noise_power(snr)
    channel = stated.get(CHANNEL, "")
    got = Received(np.ascontiguousarray(samples[:, 0]), np.ascontiguousarray(gains), n0)
    return Recording(frame, got, snr, channel if isinstance(channel, str) else "")


def read_metadata(path: Path) -> Mapping[str, object]:
    """The global fields; raises BadInput for what is no SigMF metadata."""
    from sigmf import SigMFFile
    from sigmf.error import SigMFError

    try:
        with path.open("rb") as file:
            text = file.read(MOST_META_BYTES + 1)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    if len(text) > MOST_META_BYTES:
        raise BadInput(f"{path}: is larger than {MOST_META_BYTES} bytes, which no metadata of a picture are")
    try:
        file_ = SigMFFile(metadata=text.decode("utf-8"))
        file_.validate()
        found: Mapping[str, object] = file_.get_global_info()
    except MemoryError:
        raise
    except (SigMFError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{path}: is no SigMF metadata: {' '.join(str(error).split())[:160]}") from None
    except Exception as error:  # its validator has errors of its own
        raise BadInput(f"{path}: is no SigMF metadata: {' '.join(str(error).split())[:160]}") from None
    return found


def read_samples(path: Path, k: int, channels: int) -> Symbols:
    """[k, channels]; raises BadInput where there are fewer or more, or some that are no finite numbers."""
    wanted = 8 * k * channels
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size != wanted:
                short = "is cut short" if size < wanted else "is another's"
                raise BadInput(f"{path}: {short}: it has {size} bytes, and {k} symbols are {wanted}")
            data = file.read(wanted)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file: the samples of a recording lie beside its metadata") from None
    samples = np.frombuffer(data, "<c8").astype(np.complex64).reshape(k, channels)
    if not np.isfinite(samples).all():
        raise BadInput(f"{path}: holds symbols that are no finite numbers")
    return samples


def number_of(stated: Mapping[str, object], key: str) -> float | None:
    """A number, or "inf"; None where nothing is stated. Raises BadInput."""
    value = stated.get(key)
    if value is None:
        return None
    if value == "inf":
        return math.inf
    if isinstance(value, int | float) and is_number(value):
        return float(value)
    raise BadInput(f"{key} is {value!r:.40}: expected a number of decibels")


def gain_of(stated: Mapping[str, object]) -> complex:
    value = stated.get(GAIN, [1.0, 0.0])
    if not isinstance(value, list) or len(value) != 2 or not all(map(is_number, value)):
        raise BadInput(f"{GAIN} is {value!r:.40}: expected a real and an imaginary part")
    return complex(float(value[0]), float(value[1]))
