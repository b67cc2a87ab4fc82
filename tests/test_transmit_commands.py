"""`sccodec transmit`, `send`, `channel` and `receive`: what they write, print and refuse."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import sigmf.sigmffile
from PIL import Image

import sccodec
from sccodec import image
from sccodec.cli import _links
from sccodec.metrics.image import psnr
from sccodec.transmit import channels
from sccodec.transmit import run as running
from tests.shared import run
from tests.test_core import core_environment

Picture = npt.NDArray[np.uint8]
WEBP = "separate:webp,code=capacity,ratio=1"


@pytest.fixture
def folder(plain_link: str, picture: Picture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with a.png of 32x24 pixels, and b.png of 24x32."""
    monkeypatch.chdir(tmp_path)
    image.save(tmp_path / "a.png", picture, ".png")
    image.save(tmp_path / "b.png", np.ascontiguousarray(picture.transpose(1, 0, 2)), ".png")
    return tmp_path


def opened(source: str | Path | io.BytesIO) -> Picture:
    with Image.open(source) as found:
        return np.asarray(found.convert("RGB"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# transmit


def test_what_arrives_is_what_the_library_says(
    folder: Path, picture: Picture, capfd: pytest.CaptureFixture[str]
) -> None:
    args = ["--snr", "7", "--channel", "rayleigh", "--seed", "5", "--assumed", "3"]
    code, out, err = run(capfd, "transmit", "a.png", "-m", "plain:ratio=1/6", *args, "-o", "got.png")
    assert (code, err) == (0, "")
    done = sccodec.transmit.transmit(picture, "plain:ratio=1/6", 7, channel="rayleigh", seed=5, assumed=3)
    assert np.array_equal(opened("got.png"), done.arrived.picture)
    quality = psnr(picture, done.arrived.picture)
    assert out == (
        "a.png -> got.png: plain:ratio=1/6, rayleigh:csi=perfect,fading=block at 7 dB, sent for 3 dB: "
        f"PSNR {quality:.2f} dB; k 384, n 2304, k/n 0.16667, k/pixels 0.5, 0 bits, "
        f"peak-to-average {done.peak_to_average:.2f} dB, 0 of 2 blocks failed\n"
    )
    assert (done.frame.snr, done.snr, done.seed) == (3, 7, 5)


def test_without_an_output_figures_alone_are_printed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = files(folder)
    code, out, err = run(capfd, "transmit", "a.png", "b.png", "-m", "plain", "-m", WEBP, "--snr", "1..13/6,20,7")
    assert (code, err, files(folder)) == (0, "", before)
    lines = out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["a.png"] * 8 + ["b.png"] * 8
    assert [line.split(" dB")[0].split()[-1] for line in lines[:8]] == ["1", "7", "13", "20"] * 2  # and 7 once
    assert lines[0].startswith("a.png: plain:ratio=1/12, awgn at 1 dB: PSNR ") and WEBP.split(",")[0] in lines[4]


def test_what_is_sent_for_one_snr_is_sent_once(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    real = running.send

    def spying(picture: Picture, spec: str, snr: float, **others: object) -> object:
        sent.append((spec, snr))
        return real(picture, spec, snr, **others)

    monkeypatch.setattr(running, "send", spying)
    words = ["transmit", "a.png", "-m", "plain:ratio=1/2", "-m", "plain:ratio=1/3", "--snr", "1,2,3", "--json"]
    _, apart, _ = run(capfd, *words)
    assert len(sent) == 6
    sent.clear()
    code, out, _ = run(capfd, *words, "--assumed", "10")
    assert code == 0 and sent == [("plain:ratio=1/2", 10), ("plain:ratio=1/3", 10)]
    for one, other in zip(json.loads(out), json.loads(apart), strict=True):
        assert (one["snr_db"], one["psnr"], one["transmitter_snr_db"]) == (other["snr_db"], other["psnr"], 10)


def test_json(folder: Path, picture: Picture, capfd: pytest.CaptureFixture[str]) -> None:
    args = ["-m", "plain:ratio=0.25,text=1", "--metric", "psnr,ms_ssim", "--json"]
    code, out, err = run(capfd, "transmit", "a.png", *args)
    said = json.loads(out)
    assert (code, err) == (0, "")
    assert (said["file"], said["output"], said["link"]) == ("a.png", None, "plain:ratio=1/4,text=1")
    assert (said["k"], said["n"], said["ratio"]) == (576, 2304, "1/4")
    assert (said["k_over_samples"], said["k_over_pixels"]) == (0.25, 0.75)
    assert (said["snr_db"], said["transmitter_snr_db"], said["channel"], said["seed"]) == (10, 10, "awgn", 0)
    assert (said["bits"], said["blocks"], said["failed_blocks"]) == (0, 2, 0) and said["caption"].startswith("a mean")
    done = sccodec.transmit.transmit(picture, "plain:ratio=1/4,text=1")
    assert said["psnr"] == pytest.approx(psnr(picture, done.arrived.picture), abs=1e-6)
    assert said["peak_to_average_db"] == pytest.approx(done.peak_to_average, abs=1e-4)
    assert said["ms_ssim"] is None and said["reasons"] == {"ms_ssim": "the picture has a side below 161 pixels"}
    code, out, _ = run(capfd, "transmit", "a.png", "-m", "plain", "--snr", "1,2", "--json", "-o", "new")
    assert code == 0 and [one["snr_db"] for one in json.loads(out)] == [1, 2]
    assert [one["output"] for one in json.loads(out)] == [f"new/a.plain.ratio=1-12.snr={n}.png" for n in (1, 2)]


def test_equal_pictures_are_no_number(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    image.save(folder / "flat.png", np.full((8, 8, 3), 255, np.uint8), ".png")
    code, out, _ = run(capfd, "transmit", "flat.png", "-m", "plain:ratio=1", "--snr", "60", "--assumed", "10", "--json")
    said = json.loads(out)
    assert code == 0 and said["psnr"] is None and said["reasons"] == {"psnr": "the pictures are equal"}


def test_several_go_into_a_folder(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    specs = ["-m", "plain", "-m", "plain:ratio=1/12", "-m", "plain:ratio=1/6", "-m", "plain:ratio=2/12", "-m", WEBP]
    code, _, err = run(capfd, "transmit", "a.png", "b.png", *specs, "--snr", "-2.5,10", "-o", "new/out")
    assert (code, err) == (0, "")
    names = [f"{kind}.snr={snr}.png" for kind in ("plain.ratio=1-6", "separate-webp-code=capacity.ratio=1")
             for snr in ("-2.5", "10")]  # fmt: skip
    names += ["plain.ratio=1-12.snr=10.png", "plain.ratio=1-12.snr=-2.5.png"]
    found = files(folder / "new" / "out")
    assert set(found) == {f"{stem}.{name}" for stem in "ab" for name in names}  # plain is plain:ratio=1/12
    assert opened("new/out/b.plain.ratio=1-6.snr=10.png").shape == (32, 24, 3)


def test_a_folder_of_pictures(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "in" / "sub").mkdir(parents=True)
    shutil.move("a.png", "in/a.png")
    shutil.move("b.png", "in/sub/b.png")
    for _ in range(2):
        assert run(capfd, "transmit", "in", "-m", "plain", "-o", "in/out", "--force")[0] == 0
        assert set(files(folder / "in" / "out")) == {
            "a.plain.ratio=1-12.snr=10.png", "sub/b.plain.ratio=1-12.snr=10.png",
        }  # fmt: skip


def test_standard_streams(folder: Path) -> None:
    data = (folder / "a.png").read_bytes()
    command = [sys.executable, "-m", "sccodec", "transmit", "-", "-m", WEBP]
    done = subprocess.run([*command, "-o", "-"], input=data, capture_output=True, check=True)
    assert opened(io.BytesIO(done.stdout)).shape == (24, 32, 3)
    assert done.stderr.startswith(b"standard input: separate:webp") and done.stderr.count(b"\n") == 1
    done = subprocess.run([*command, "--json"], input=data, capture_output=True, check=True)
    assert json.loads(done.stdout)["file"] == "standard input" and done.stderr == b""
    done = subprocess.run([*command, "--snr", "1,5", "-o", "new"], input=data, capture_output=True, check=True)
    assert set(files(folder / "new")) == {f"stdin.separate-webp-code=capacity.ratio=1.snr={n}.png" for n in (1, 5)}


def test_one_that_fails_does_not_stop_the_others(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "aa.png").write_text("no picture")
    specs = ["-m", "separate:jpeg,q=95,ratio=1/100", "-m", "plain"]
    code, out, err = run(capfd, "transmit", "a.png", "aa.png", "b.png", *specs, "--json")
    said = json.loads(out)
    assert code == 1 and [one["file"] for one in said] == ["a.png", "a.png", "aa.png", "b.png", "b.png"]
    assert ["error" in one for one in said] == [True, False, True, True, False]
    lines = err.splitlines()
    assert len(lines) == 3 and lines[1].startswith("sccodec: error: aa.png: not a picture")
    assert lines[0].startswith("sccodec: error: a.png, separate:jpeg,q=95,ratio=1/100 at 10 dB: ")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["a.png"], 2, "Missing option"),
        (["a.png", "-m", "morse"], 1, "no link is named 'morse'; there are: plain, separate"),
        (["a.png", "-m", ""], 1, "no link is named ''"),
        (["a.png", "-m", "run"], 1, "no link is named 'run'"),
        (["a.png", "-m", "plain:q=3"], 1, "plain has no option 'q'; it has: ratio, text"),
        (["a.png", "-m", "plain:ratio=1/48"], 1, "plain covers ratios from 1/24 on, not 1/48"),
        (["a.png", "-m", "plain:ratio=3"], 1, "a ratio is '3': expected channel uses a sample"),
        (["a.png", "-m", "plain:ratio=1e999999999"], 1, "a ratio is '1e999999999'"),
        (["a.png", "-m", "plain:ratio=1/0"], 1, "a ratio is '1/0'"),
        (["a.png", "-m", "plain:ratio=nan"], 1, "a ratio is 'nan'"),
        (["a.png", "-m", "plain:ratio=-1/3"], 1, "a ratio is '-1/3'"),
        (["a.png", "-m", "plain", "--snr", "35"], 1, "plain covers SNRs from -10 to 30 dB, not 35"),
        (["a.png", "-m", "plain", "--snr", "5,35", "-o", "new/"], 1, "plain covers SNRs from -10 to 30 dB, not 35"),
        (["a.png", "-m", "plain", "--assumed", "-11"], 1, "plain covers SNRs from -10 to 30 dB, not -11"),
        (["a.png", "-m", WEBP, "--snr", "nan"], 2, "nan"),
        (["a.png", "-m", WEBP, "--snr", "inf"], 2, "inf"),
        (["a.png", "-m", WEBP, "--snr", "101"], 2, "101"),
        (["a.png", "-m", WEBP, "--snr", "13..1/3"], 2, "holds no values"),
        (["a.png", "-m", WEBP, "--snr", "1..9/0"], 2, "holds no values"),
        (["a.png", "-m", WEBP, "--snr", "0..100/0.0001"], 2, "holds 1000001 values"),
        (["a.png", "-m", WEBP, "--snr", ""], 2, "--snr"),
        (["a.png", "-m", WEBP, "--snr", "1,,2"], 2, "--snr"),
        (["a.png", "-m", WEBP, "--seed", "-1"], 2, "--seed"),
        (["a.png", "-m", WEBP, "--channel", "wire"], 1, "no channel is named 'wire'"),
        (["a.png", "-m", WEBP, "--channel", "awgn:k=3"], 1, "the channel awgn has no option 'k'"),
        (["a.png", "-m", WEBP, "--metric", "beauty"], 1, "no metric is named 'beauty'"),
        (["a.png", "-m", "separate:jpegs"], 1, "no codec is named 'jpegs'"),
        (["a.png", "-m", WEBP, "--max-pixels", "767"], 1, "32x24 pixels, the limit is 767"),
        (["nothing.png", "-m", WEBP], 1, "nothing.png: no such file"),
        (["text.png", "-m", WEBP], 1, "text.png: not a picture"),
        (["a.png", "-m", WEBP, "-o", "a.png", "--force"], 1, "a.png: is an input"),
        (["a.png", "-m", WEBP, "-o", "b.png"], 1, "b.png: exists; --force overwrites it"),
        (["a.png", "-m", WEBP, "-o", "x.pgm"], 1, ".pgm files hold greys"),
        (["a.png", "-m", WEBP, "-o", "x.txt"], 1, ".txt"),
        (["a.png", "-m", WEBP, "--snr", "1,2", "-o", "b.png"], 2, "is a file, and not a folder"),
        (["a.png", "-m", WEBP, "--snr", "1,2", "-o", "-"], 2, "several files cannot be written to standard output"),
        (["a.png", "-m", WEBP, "--json", "-o", "-"], 2, "cannot both go to standard output"),
        (["a.png", "-m", WEBP, "-o", "nowhere/x.png"], 1, "nowhere/x.png: No such file or directory"),
        (["-", "-", "-m", WEBP], 2, "standard input can be read once only"),
    ],
)
def test_what_transmit_refuses(
    folder: Path, capfd: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    (folder / "text.png").write_text("no picture")
    before = files(folder)
    found, out, err = run(capfd, "transmit", *words)
    assert (found, out) == (code, "") and said in err and files(folder) == before and not (folder / "new").exists()
    assert code == 2 or err.count("\n") == 1


def test_pictures_of_one_name_do_not_replace_one_another(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "sub").mkdir()
    shutil.copy("b.png", "sub/a.png")
    code, _, err = run(capfd, "transmit", "a.png", "sub/a.png", "-m", "plain", "-o", "new")
    assert code == 1 and "several inputs would be written to it" in err and not (folder / "new").exists()


# send, channel, receive


def test_three_steps_are_the_one(folder: Path, picture: Picture, capfd: pytest.CaptureFixture[str]) -> None:
    """And each may be named by either of its two files, or not at all."""
    channel = ["--channel", "rician:fading=fast", "--seed", "3"]
    assert run(capfd, "send", "a.png", "-m", "plain:ratio=1/6", "--snr", "9")[0] == 0
    assert run(capfd, "channel", "a.sigmf-data", "--snr", "4", *channel)[0] == 0
    code, out, err = run(capfd, "receive", "a.channel.sigmf-meta")
    assert (code, err) == (0, "") and set(files(folder)) == {
        "a.png", "b.png", "a.sigmf-meta", "a.sigmf-data", "a.channel.sigmf-meta", "a.channel.sigmf-data",
        "a.channel.received.png",
    }  # fmt: skip
    whole = sccodec.transmit.transmit(picture, "plain:ratio=1/6", 4, channel=channel[1], seed=3, assumed=9)
    assert np.array_equal(opened("a.channel.received.png"), whole.arrived.picture)
    assert out.startswith(
        "a.channel.sigmf-meta -> a.channel.received.png: 32x24, plain:ratio=1/6, at 4 dB: k 384, n 2304"
    )
    assert (
        run(
            capfd, "transmit", "a.png", "-m", "plain:ratio=1/6", "--snr", "4", "--assumed", "9", *channel, "-o", "x.png"
        )[0]
        == 0
    )
    assert np.array_equal(opened("x.png"), whole.arrived.picture)


def test_each_step_says_what_it_takes(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    counted = "k 768, n 2304, k/n 0.33333, k/pixels 1, 0 bits, peak-to-average "
    said = []
    for words in (
        ["send", "a.png", "-m", "plain:ratio=1/3", "-o", "x.sigmf-data"],
        ["channel", "x.sigmf-meta", "--snr", "7", "-o", "y.sigmf-meta"],
        ["receive", "y.sigmf-meta", "-o", "y.png"],
    ):
        code, out, err = run(capfd, *words)
        assert (code, err) == (0, "") and counted in out and out.count("\n") == 1
        code, out, err = run(capfd, *words, "--json", "--force")
        assert (code, err) == (0, "")
        said.append(json.loads(out))
        one = said[-1]
        assert (one["k"], one["n"], one["k_over_samples"], one["k_over_pixels"], one["bits"]) == (
            768,
            2304,
            1 / 3,
            1,
            0,
        )
        assert one["link"] == "plain:ratio=1/3" and one["transmitter_snr_db"] == 10 and one["peak_to_average_db"] > 0
    assert [one["output"] for one in said] == ["x.sigmf-meta", "y.sigmf-meta", "y.png"]
    assert (said[1]["snr_db"], said[1]["channel"], said[1]["seed"]) == (7, "awgn", 0)
    assert (said[2]["snr_db"], said[2]["channel"], said[2]["failed_blocks"], said[2]["blocks"]) == (7, "awgn", 0, 2)
    for name in "xy":
        sigmf.sigmffile.fromfile(f"{name}.sigmf-meta").validate()


def test_without_a_channel_there_is_no_noise(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    seen = []
    real = running.receive

    def spying(got: channels.Received, *args: object, **others: object) -> object:
        seen.append(got.noise_power)
        return real(got, *args, **others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "receive", spying)
        run(capfd, "send", "a.png", "-m", "plain", "-o", "x.sigmf-meta")
        run(capfd, "channel", "x.sigmf-meta", "--snr", "10", "-o", "y.sigmf-meta")
        assert "without noise" in run(capfd, "receive", "x.sigmf-meta", "-o", "1.png")[1]
        run(capfd, "receive", "y.sigmf-meta", "-o", "2.png")
        run(capfd, "receive", "y.sigmf-meta", "--snr", "20", "-o", "3.png")
        run(capfd, "receive", "x.sigmf-meta", "--snr", "-10", "-o", "4.png")
    assert seen == pytest.approx([0, 0.1, 0.01, 10])


def test_equal_seeds_are_equal_noise(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(capfd, "send", "a.png", "-m", "plain", "-o", "x.sigmf-meta")
    for name, seed in (("1", "4"), ("2", "4"), ("3", "5")):
        assert run(capfd, "channel", "x.sigmf-meta", "--snr", "9", "--seed", seed, "-o", f"{name}.sigmf-meta")[0] == 0
    first, second, third = (Path(f"{n}.sigmf-data").read_bytes() for n in "123")
    assert first == second != third


def test_a_map_and_a_sentence_arrive(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(capfd, "send", "a.png", "-m", "plain:ratio=1,text=1", "-o", "x.sigmf-meta")
    args = ["receive", "x.sigmf-meta", "-o", "x.png", "--labels", "map.png", "--caption"]
    code, out, err = run(capfd, *args)
    assert (code, err) == (0, "") and "x.sigmf-meta: caption: a mean of " in out
    with Image.open("map.png") as found:
        assert found.mode == "P" and np.array_equal(np.asarray(found), opened("x.png")[::2, ::2, 0] > 127)
    code, out, _ = run(capfd, *args, "--json", "--force")
    said = json.loads(out)
    assert said["labels"] == "map.png" and said["label_names"] == ["dark", "bright"]
    assert said["caption"].startswith("a mean of")


def test_what_a_link_does_not_carry_is_refused(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(capfd, "send", "a.png", "-m", "plain", "-o", "x.sigmf-meta")
    for option, said in ((["--labels", "map.png"], "carries no map of classes"), (["--caption"], "carries no caption")):
        before = files(folder)
        code, out, err = run(capfd, "receive", "x.sigmf-meta", "-o", "x.png", *option)
        assert (code, out) == (1, "") and said in err and err.count("\n") == 1 and files(folder) == before


def test_several_recordings_at_once(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(capfd, "send", "a.png", "b.png", "-m", "plain", "-o", "sent")[0] == 0
    assert run(capfd, "channel", "sent/a.sigmf-meta", "sent/b.sigmf-meta", "--snr", "5", "-o", "got")[0] == 0
    assert set(files(folder / "got")) == {f"{n}.channel.sigmf-{kind}" for n in "ab" for kind in ("meta", "data")}
    names = ["got/a.channel.sigmf-meta", "got/b.channel.sigmf-data"]
    code, out, _ = run(capfd, "receive", *names, "-o", "new", "--json")
    assert code == 0 and [one["width"] for one in json.loads(out)] == [32, 24]


def test_a_picture_may_come_from_standard_input_and_go_to_standard_output(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with (folder / "a.png").open("rb") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(file.read())))
        assert run(capfd, "send", "-", "-m", "plain", "-o", "x.sigmf-meta")[0] == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdout", io.TextIOWrapper(held := io.BytesIO()))
        with pytest.raises(SystemExit) as stopped:
            from sccodec.cli import main

            main(["receive", "x.sigmf-meta", "-o", "-"])
        assert stopped.value.code == 0 and opened(io.BytesIO(held.getvalue())).shape == (24, 32, 3)


def made(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """x: as sent; y: received; other: as sent, of other metadata."""
    run(capfd, "send", "a.png", "-m", "plain:ratio=1/3", "-o", "x.sigmf-meta")
    run(capfd, "channel", "x.sigmf-meta", "--snr", "9", "-o", "y.sigmf-meta")
    for name, change in {
        "linkless": {"link": "morse"}, "jpeg": {"link": "separate:jpeg,ratio=1/3"},
        "ratio": {"link": "plain:ratio=1/4"}, "wide": {"width": 1 << 20, "height": 1 << 20},
    }.items():  # fmt: skip
        found = json.loads((folder / "x.sigmf-meta").read_text())
        found["global"]["sccodec:frame"] |= change
        del found["global"]["sccodec:check"]
        (folder / f"{name}.sigmf-meta").write_text(json.dumps(found))
        shutil.copy("x.sigmf-data", f"{name}.sigmf-data")
    shutil.copy("x.sigmf-meta", "cut.sigmf-meta")
    (folder / "cut.sigmf-data").write_bytes((folder / "x.sigmf-data").read_bytes()[:-8])
    loud = json.loads((folder / "x.sigmf-meta").read_text())
    del loud["global"]["core:sha512"]
    (folder / "loud.sigmf-meta").write_text(json.dumps(loud))
    (np.fromfile("x.sigmf-data", "<c8") * np.float32(1.5)).tofile("loud.sigmf-data")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["send", "a.png", "-m", WEBP, "-o", "z.sigmf-meta"], 1, "is a bound, and no symbols"),
        (["send", "a.png", "-m", "plain:ratio=1/48"], 1, "plain covers ratios from 1/24 on"),
        (["send", "a.png", "-m", "plain", "--snr", "31"], 1, "plain covers SNRs from -10 to 30 dB"),
        (["send", "a.png", "-m", "plain", "--snr", "1,2"], 2, "--snr"),
        (["send", "a.png", "-m", "plain", "-o", "-"], 2, "a recording is two files"),
        (["send", "a.png", "-m", "plain", "-o", "z.png"], 1, "z.png: a recording is named .sigmf-meta"),
        (["send", "a.png", "-m", "plain", "-o", "z.sigmf"], 1, "SigMF archives are not read or written"),
        (["send", "a.png", "-m", "plain", "-o", "x.sigmf-meta"], 1, "x.sigmf-meta: exists; --force overwrites it"),
        (["send", "a.png", "-m", "plain", "-o", "half.sigmf-meta"], 1, "half.sigmf-data: exists; --force"),
        (["send", "a.png", "-m", "plain", "-o", "no/z.sigmf-meta"], 1, "No such file or directory"),
        (["send", "a.sigmf-data", "-m", "plain", "-o", "a.sigmf-meta", "-f"], 1, "is an input, and is not overwritten"),
        (["channel", "x.sigmf-meta"], 2, "Missing option '--snr'"),
        (["channel", "x.sigmf-meta", "--snr", "nan"], 2, "--snr"),
        (["channel", "x.sigmf-meta", "--snr", "3", "-o", "x.sigmf-meta", "-f"], 1, "x.sigmf-meta: is an input"),
        (["channel", "x.sigmf-data", "--snr", "3", "-o", "x.sigmf-data", "-f"], 1, "is an input"),
        (["channel", "y.sigmf-meta", "--snr", "3"], 1, "came over a channel already (awgn at 9 dB)"),
        (["channel", "loud.sigmf-meta", "--snr", "3"], 1, "mean power of 2.25, and an SNR is that of symbols of 1"),
        (["channel", "x.sigmf-meta", "--snr", "3", "--channel", "rician:k=x"], 1, "k is 'x'"),
        (["channel", "-", "--snr", "3"], 2, "a recording is two files"),
        (["channel", "cut.sigmf-meta", "--snr", "3"], 1, "cut.sigmf-data: is cut short"),
        (["receive", "x"], 1, "a recording is named .sigmf-meta"),
        (["receive", "x.sigmf"], 1, "SigMF archives are not read or written"),
        (["receive", "none.sigmf-meta"], 1, "none.sigmf-meta: no such file"),
        (["receive", "half.sigmf-data"], 1, "half.sigmf-meta: no such file"),
        (["receive", "-"], 2, "a recording is two files"),
        (["receive", "cut.sigmf-meta"], 1, "is cut short: it has 6136 bytes, and 768 symbols are 6144"),
        (["receive", "linkless.sigmf-meta"], 1, "linkless.sigmf-meta: no link is named 'morse'; there are: plain"),
        (["receive", "jpeg.sigmf-meta"], 1, "jpeg.sigmf-meta: "),
        (["receive", "ratio.sigmf-meta"], 1, "the frame's ratio is 1/3, and its link has 1/4"),
        (["receive", "wide.sigmf-meta"], 1, "1048576x1048576 pixels, the limit is"),
        (["receive", "x.sigmf-meta", "--max-pixels", "700"], 1, "states 32x24 pixels, the limit is 700"),
        (["receive", "x.sigmf-meta", "--snr", "inf"], 2, "--snr"),
        (["receive", "x.sigmf-meta", "-o", "x.sigmf-data", "-f"], 1, "is an input"),
        (["receive", "x.sigmf-meta", "-o", "x.pgm"], 1, ".pgm files hold greys"),
        (["receive", "x.sigmf-meta", "--labels", "z.jpg"], 1, "z.jpg: a map of classes is written as .png only"),
        (["receive", "x.sigmf-meta", "--labels", "a.png"], 1, "a.png: exists"),
        (["receive", "x.sigmf-meta", "-o", "z.png", "--labels", "z.png", "-f"], 1, "z.png: is an input"),
        (["receive", "x.sigmf-meta", "--labels", "-"], 2, "--labels names a file"),
        (["receive", "x.sigmf-meta", "y.sigmf-meta", "--labels", "z.png"], 2, "--labels names one file"),
        (["receive", "x.sigmf-meta", "--json", "-o", "-"], 2, "cannot both go to standard output"),
        (["receive", "x.sigmf-meta", "--caption", "-o", "-"], 2, "cannot both go to standard output"),
    ],
)  # fmt: skip
def test_what_the_three_steps_refuse(
    folder: Path, capfd: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    made(folder, capfd)
    (folder / "half.sigmf-data").write_text("mine")
    shutil.copy("a.png", "a.sigmf-data")  # a picture by the name of samples
    before = files(folder)
    found, out, err = run(capfd, *words)
    assert (found, out) == (code, "") and said in err and files(folder) == before
    assert code == 2 or err.count("\n") == 1


def test_what_fails_is_json_too(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for words in (["send", "a.png", "-m", "morse"], ["channel", "a.png", "--snr", "3"], ["receive", "n.sigmf-meta"]):
        code, out, err = run(capfd, *words, "--json")
        assert code == 1 and err.count("\n") == 1
        said = json.loads(out)
        assert said["file"] == words[1] and said["error"] in err


def test_links_are_listed(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capfd, "codecs", "--links")
    assert code == 0 and out.splitlines()[0] == "plain: samples as amplitudes, for tests"
    code, out, _ = run(capfd, "codecs", "--links", "--json")
    assert {"plain", "separate"} <= {one["name"] for one in json.loads(out)}


def test_the_command_line_takes_the_snrs_that_channels_take() -> None:
    assert (_links.LEAST, _links.MOST) == channels.SNRS


def test_the_core_transmits_without_torch(folder: Path) -> None:
    code = (
        "import sys, numpy, sccodec;"
        "sccodec.transmit.transmit(numpy.zeros((40, 50), numpy.uint8), 'separate:webp,code=capacity,ratio=1/3', 10);"
        "print([m for m in ('torch', 'onnx', 'scipy', 'sigmf', 'jsonschema') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=core_environment(), capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[]\n", 0)


def test_a_recording_that_is_not_there_is_named_once(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capfd, "receive", "none.sigmf-meta", "-o", "b.png", "--force")
    assert code == 1 and err == "sccodec: error: none.sigmf-meta: no such file\n"
