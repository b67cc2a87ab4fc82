"""Recordings of symbols: valid SigMF, both files or none, and nothing wrong that is read in silence."""

from __future__ import annotations

import copy
import json
import math
import shutil
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import sigmf.sigmffile

from sccodec.errors import BadInput, SccodecError
from sccodec.transmit import Channel, Frame, Received, receive, recordings, send
from sccodec.transmit.channels import normal
from sccodec.transmit.recordings import Recording

Picture = npt.NDArray[np.uint8]
CHANNELS = ("awgn", "rayleigh", "rician:k=3,csi=none", "rayleigh:fading=fast", "rayleigh:fading=fast,csi=none")
JUNK: tuple[object, ...] = (None, 2, -1, 7.5, 10**400, "awgn", "9" * 5000, [1, 2], {})


@pytest.fixture
def recording(plain_link: str, picture: Picture) -> Recording:
    sent = send(picture, f"{plain_link}:ratio=1/3", 9)
    return Recording.sent(sent.frame, sent.symbols)


def over(recording: Recording, spec: str, snr: float = 8) -> Recording:
    got = Channel.parse(spec).send(recording.got.symbols, snr, np.random.default_rng(3))
    return Recording(recording.frame, got, snr, str(Channel.parse(spec)))


def edited(path: Path) -> dict[str, dict[str, object]]:
    found: dict[str, dict[str, object]] = json.loads(path.read_text())
    return found


def assert_same(a: Recording, b: Recording) -> None:
    assert (a.frame, a.snr, a.channel, a.got.noise_power) == (b.frame, b.snr, b.channel, b.got.noise_power)
    assert np.array_equal(a.got.symbols, b.got.symbols) and np.array_equal(a.got.gains, b.got.gains)


@pytest.mark.parametrize("spec", ["", *CHANNELS])
def test_what_is_written_is_read(recording: Recording, tmp_path: Path, spec: str) -> None:
    made = over(recording, spec) if spec else recording
    said: list[str] = []
    for name in ("x.sigmf-meta", "x.sigmf-data"):
        recordings.write(tmp_path / name, made)
        assert_same(recordings.read(tmp_path / name, notice=said.append), made)
    assert said == [] and {p.name for p in tmp_path.iterdir()} == {"x.sigmf-meta", "x.sigmf-data"}


@pytest.mark.parametrize("spec", ["", *CHANNELS])
def test_the_sigmf_package_reads_it(recording: Recording, tmp_path: Path, spec: str) -> None:
    made = over(recording, spec) if spec else recording
    recordings.write(tmp_path / "x.sigmf-meta", made)
    file = sigmf.sigmffile.fromfile(str(tmp_path / "x.sigmf-meta"))  # which compares core:sha512, too
    file.validate()
    samples = np.asarray(file.read_samples()).reshape(made.frame.k, -1)
    assert np.array_equal(samples[:, 0], made.got.symbols)
    assert samples.shape[1] == (2 if spec == "rayleigh:fading=fast" else 1)
    if samples.shape[1] == 2:
        assert np.array_equal(samples[:, 1], made.got.gains)
    stated = file.get_global_info()
    assert stated["core:datatype"] == "cf32_le" and "core:sample_rate" not in stated
    assert stated["sccodec:frame"]["k"] == made.frame.k and stated["core:extensions"][0]["name"] == "sccodec"


def test_the_metadata_say_what_the_receiver_knows(recording: Recording, tmp_path: Path) -> None:
    recordings.write(tmp_path / "x.sigmf-meta", over(recording, "rayleigh", 8))
    stated = edited(tmp_path / "x.sigmf-meta")["global"]
    frame = stated["sccodec:frame"]
    assert isinstance(frame, dict)
    assert (frame["width"], frame["height"], frame["k"], frame["n"]) == (32, 24, 768, 2304)
    assert (frame["k_over_samples"], frame["k_over_pixels"], frame["ratio"]) == (1 / 3, 1.0, "1/3")
    assert (stated["sccodec:snr_db"], stated["sccodec:channel"]) == (8, "rayleigh:csi=perfect,fading=block")


def test_an_infinite_snr_is_json(recording: Recording, tmp_path: Path) -> None:
    recordings.write(tmp_path / "x.sigmf-meta", over(recording, "awgn", math.inf))
    assert "Infinity" not in (tmp_path / "x.sigmf-meta").read_text()
    assert recordings.read(tmp_path / "x.sigmf-meta").snr == math.inf


@pytest.mark.parametrize("which", ["data", "meta"])
def test_both_files_or_none(recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    """Whichever cannot be written, what was there stays, also the other one."""
    place = tmp_path / "x.sigmf-meta"
    real = Path.write_bytes
    written: list[Path] = []

    def full(self: Path, data: bytes) -> int:
        written.append(self)
        if len(written) == (1 if which == "data" else 2):
            raise OSError(28, "No space left on device")
        return real(self, data)

    for before in (False, True):
        if before:
            recordings.write(place, over(recording, "awgn"))
        held = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        written.clear()
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", full)
            with pytest.raises(OSError) as caught:
                recordings.write(place, recording)
        assert Path(caught.value.filename).name == f"x.sigmf-{which}"
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == held


def test_what_is_there_is_replaced_only_if_asked(recording: Recording, tmp_path: Path) -> None:
    place = tmp_path / "x.sigmf-meta"
    for there in ("x.sigmf-meta", "x.sigmf-data"):
        (tmp_path / there).write_text("mine")
        with pytest.raises(FileExistsError):
            recordings.write(place, recording, replace=False)
        assert [path.name for path in tmp_path.iterdir()] == [there] and (tmp_path / there).read_text() == "mine"
        (tmp_path / there).unlink()
    (tmp_path / "held").mkdir()
    (tmp_path / "x.sigmf-data").symlink_to(tmp_path / "held" / "samples")
    recordings.write(place, recording)
    assert (tmp_path / "x.sigmf-data").is_symlink() and (tmp_path / "held" / "samples").stat().st_size == 8 * 768
    assert_same(recordings.read(place), recording)


def test_samples_of_a_radio_are_taken_with_a_notice(recording: Recording, tmp_path: Path) -> None:
    """A flow graph writes samples of its own beside metadata that were copied."""
    recordings.write(tmp_path / "x.sigmf-meta", recording)
    shutil.copy(tmp_path / "x.sigmf-meta", tmp_path / "y.sigmf-meta")
    noisy = recording.got.symbols + normal(recording.frame.k, np.random.default_rng(0)) * np.float32(0.1)
    noisy.astype("<c8").tofile(tmp_path / "y.sigmf-data")
    said: list[str] = []
    found = recordings.read(tmp_path / "y.sigmf-meta", notice=said.append)
    assert np.array_equal(found.got.symbols, noisy) and found.snr is None
    assert said == ["the samples are others than those that were written with the metadata: they are taken as received"]


def test_a_recording_that_the_sigmf_package_wrote_anew(recording: Recording, tmp_path: Path) -> None:
    """With the fields of the first, a sample rate and annotations, as a flow graph's own sink may have them."""
    recordings.write(tmp_path / "x.sigmf-meta", recording)
    stated = dict(sigmf.sigmffile.fromfile(str(tmp_path / "x.sigmf-meta")).get_global_info())
    del stated["core:sha512"]
    noisy = recording.got.symbols + normal(recording.frame.k, np.random.default_rng(0)) * np.float32(0.1)
    noisy.astype("<c8").tofile(tmp_path / "y.sigmf-data")
    file = sigmf.sigmffile.SigMFFile(global_info=stated | {"core:sample_rate": 1e6})
    file.set_data_file(str(tmp_path / "y.sigmf-data"))
    file.add_capture(0, {"core:frequency": 2.4e9})
    file.add_annotation(0, 100)
    file.tofile(str(tmp_path / "y.sigmf-meta"))
    said: list[str] = []
    found = recordings.read(tmp_path / "y.sigmf-meta", notice=said.append)
    assert said == [] and found.frame == recording.frame and np.array_equal(found.got.symbols, noisy)


@pytest.mark.parametrize("factor", [0.0, 0.3, 50.0])
def test_an_odd_power_is_said(recording: Recording, tmp_path: Path, factor: float) -> None:
    made = over(recording, "rayleigh")
    scaled = Received(made.got.symbols * np.float32(factor), made.got.gains, made.got.noise_power)
    said: list[str] = []
    for one, times in ((made, 0), (Recording(made.frame, scaled, made.snr, made.channel), 1)):
        recordings.write(tmp_path / "x.sigmf-meta", one)
        recordings.read(tmp_path / "x.sigmf-meta", notice=said.append)
        assert len(said) == times
    assert "mean power" in said[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("cut", "x.sigmf-data: is cut short: it has 6143 bytes, and 768 symbols are 6144"),
        ("empty", "x.sigmf-data: is cut short: it has 0 bytes"),
        ("long", "x.sigmf-data: is of another recording: it has 6152 bytes"),
        ("nan", "x.sigmf-data: holds symbols that are no finite numbers"),
        ("no data", "x.sigmf-data: no such file: a recording's samples lie beside its metadata"),
        ("no meta", "x.sigmf-meta: no such file"),
        ("folder", "x.sigmf-data: is no regular file"),
        ("text", "x.sigmf-meta: is no SigMF metadata"),
        ("binary", "x.sigmf-meta: is no SigMF metadata"),
        ("large", "x.sigmf-meta: is larger than 1048576 bytes"),
        ("deep", "x.sigmf-meta: is no SigMF metadata"),
        ("constant", "x.sigmf-meta: is no SigMF metadata: NaN is no number in JSON"),
    ],
)
def test_broken_files(recording: Recording, tmp_path: Path, change: str, said: str) -> None:
    meta, data = tmp_path / "x.sigmf-meta", tmp_path / "x.sigmf-data"
    recordings.write(meta, recording)
    content = data.read_bytes()
    wrong = np.frombuffer(content, "<c8").copy()
    wrong[5] = complex(0, math.nan)
    news: dict[str, tuple[Path, bytes | None]] = {
        "cut": (data, content[:-1]), "empty": (data, b""), "long": (data, content + bytes(8)),
        "nan": (data, wrong.tobytes()), "no data": (data, None), "no meta": (meta, None), "folder": (data, None),
        "text": (meta, b"hello"), "binary": (meta, bytes(range(256))), "large": (meta, b" " * (2 << 20)),
        "deep": (meta, b"[" * 200_000), "constant": (meta, meta.read_bytes().replace(b": 768,", b": NaN,", 1)),
    }  # fmt: skip
    place, new = news[change]
    place.unlink()
    if new is not None:
        place.write_bytes(new)
    if change == "folder":
        data.mkdir()
    with pytest.raises(BadInput) as caught:
        recordings.read(meta)
    assert said in str(caught.value) and "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("core:datatype", "ci16_le", "samples are 'ci16_le', and only cf32_le is read"),
        ("core:datatype", "cf32_be", "only cf32_le is read"),
        ("core:num_channels", 3, "states 3 channels"),
        ("core:dataset", "x.wav", "its samples are no plain .sigmf-data file"),
        ("core:trailing_bytes", 4, "its samples are no plain .sigmf-data file"),
        ("sccodec:frame", None, "says nothing of a picture (sccodec:frame)"),
        ("sccodec:snr_db", "loud", "sccodec:snr_db is 'loud': expected a number of decibels"),
        ("sccodec:snr_db", 400, "an SNR goes from -60 to 100 dB, not 400"),
        ("sccodec:channel", "wire", "no channel is named 'wire'"),
        ("sccodec:gain", None, "states no sccodec:gain, which the receiver knows of rayleigh"),
        ("sccodec:gain", [1], "sccodec:gain is [1]: expected a real and an imaginary part"),
        ("sccodec:gain", [1e300, 0], "which is too large"),
        ("sccodec:gain", [0.5, 0.5], "is damaged: sccodec:check is of other fields"),
        ("width", 31, "k is 768, and 31x24 pixels at a ratio of 1/3 take 744 at most"),
        ("width", 33, "is damaged"),
        ("width", 1 << 30, "width is 1073741824: expected a whole number from 1 to 1048576"),
        ("height", 1 << 20, "states 32x1048576 pixels, the limit is 1000 in all"),
        ("height", 0, "height is 0"),
        ("k", 769, "take 768 at most"),
        ("k", 767, "is of another recording"),
        ("ratio", "1e999999999", "a ratio is '1e999999999'"),
        ("ratio", "2/3", "is damaged"),
        ("link", "morse", "is damaged"),
        ("model", "zz", "model is 'zz': expected 8 hexadecimal digits"),
        ("transmitter_snr_db", 10**400, "transmitter_snr_db is 1000"),
        ("settings", {"scale": "x"}, "settings hold something else than numbers"),
        ("settings", {"scale": 3}, "is damaged"),
        ("bits", -1, "bits is -1"),
    ],
)
def test_metadata_that_do_not_fit(recording: Recording, tmp_path: Path, field: str, value: object, said: str) -> None:
    place = tmp_path / "x.sigmf-meta"
    recordings.write(place, over(recording, "rayleigh"))
    found = edited(place)
    part = found["global"] if ":" in field else found["global"]["sccodec:frame"]
    assert isinstance(part, dict)
    if value is None:
        del part[field]
    else:
        part[field] = value
    place.write_text(json.dumps(found))
    with pytest.raises(BadInput) as caught:
        recordings.read(place, max_pixels=1000)
    assert said in str(caught.value) and str(caught.value).startswith(str(tmp_path)) and len(str(caught.value)) < 400


def test_sizes_that_are_stated_take_no_memory(recording: Recording, tmp_path: Path) -> None:
    """2^28 pixels are within the limit, and 800 million symbols would be gigabytes: the file's size says no."""
    place = tmp_path / "x.sigmf-meta"
    recordings.write(place, recording)
    found = edited(place)
    frame = found["global"]["sccodec:frame"]
    assert isinstance(frame, dict)
    frame |= {"width": 1 << 14, "height": 1 << 14, "ratio": "1", "k": 3 << 28}
    place.write_text(json.dumps(found))
    with pytest.raises(BadInput, match="is cut short: it has 6144 bytes, and 805306368 symbols are 6442450944"):
        recordings.read(place)


def mutations(value: object) -> Iterator[object]:
    """A JSON document with one of its parts, at any depth, left out or replaced."""
    if isinstance(value, dict | list):
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        for key in keys:
            for other in (*JUNK, *mutations(value[key])):  # type: ignore[index]
                changed = copy.copy(value)
                changed[key] = other  # type: ignore[index]
                yield changed
            changed = copy.copy(value)
            del changed[key]  # type: ignore[arg-type]
            yield changed


def test_every_field_left_out_or_changed_is_refused_or_without_harm(recording: Recording, tmp_path: Path) -> None:
    place = tmp_path / "x.sigmf-meta"
    made = over(recording, "rayleigh")
    recordings.write(place, made)
    right = receive(made.got, made.frame).picture
    refused = harmless = 0
    for changed in mutations(edited(place)):
        place.write_text(json.dumps(changed))
        try:
            found = recordings.read(place)
            picture = receive(found.got, found.frame, notice=lambda _: None).picture
        except SccodecError as error:
            assert "\n" not in str(error) and len(str(error)) < 500, changed
            refused += 1
        else:
            assert np.array_equal(picture, right) and found.got.noise_power == made.got.noise_power, changed
            harmless += 1
    assert refused > 200 and harmless > 20


def test_names(tmp_path: Path, recording: Recording) -> None:
    for name, said in (("x.sigmf", "archives are not read"), ("x", "a recording is named"), ("x.png", "is named")):
        for use in (recordings.read, lambda path: recordings.write(path, recording)):
            with pytest.raises(BadInput, match=said):
                use(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_frames_come_back() -> None:
    frame = Frame("plain", "00c0ffee", 7, 5, Fraction(1, 3), 35, -2.5, 12, {"a": 0.1})
    assert Frame.of(json.loads(json.dumps(frame.described()))) == frame
    assert (frame.n, frame.over_samples, frame.over_pixels) == (105, 1 / 3, 1.0)
