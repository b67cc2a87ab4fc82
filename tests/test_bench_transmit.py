"""`sccodec bench` of links: specs, rows, what is measured, and runs on made-up pictures with a made-up link."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sccodec import api
from sccodec.bench import lines, rows, segment_rows, transmit_plan, transmit_rows, transmit_specs
from sccodec.bench.entries import Entry
from sccodec.bench.gauge import LocalGauge
from sccodec.bench.run import hashed
from sccodec.bench.transmit import Item, Measurer, Setup
from sccodec.bench.transmit_rows import TransmitRow, parse
from sccodec.bench.transmit_specs import Asked
from sccodec.cli import main
from sccodec.codec import Options, Spec
from sccodec.errors import BadInput
from sccodec.metrics.image import psnr as measured_psnr
from sccodec.transmit import link as links
from sccodec.transmit.channels import Channel
from sccodec.transmit.run import transmit as transmitted
from tests.fake_link import Fake, install, psnr

HEIGHT, WIDTH = 48, 64
N = 3 * HEIGHT * WIDTH


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Fake:
    """A link, a set of two pictures whose samples have room above, and a working folder of the test's own."""
    monkeypatch.setenv("SCCODEC_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    Path("set").mkdir()
    for i, name in enumerate("ab"):
        slope = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH))[:, :, None] + np.array([0, 20, 5 * i])
        Image.fromarray(slope.astype(np.uint8)).save(f"set/{name}.png")
    return install(monkeypatch, Fake())


def bench(capfd: pytest.CaptureFixture[str], *args: str | Path, dataset: str = "set") -> tuple[int, str, str]:
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "--dataset", dataset, *map(str, args)])
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err and isinstance(stopped.value.code, int)
    return stopped.value.code, out, err


def held(name: str = "set.transmit.jsonl") -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


def picture() -> np.ndarray:
    return np.asarray(Image.open("set/a.png"))


def measurer(repeats: int = 1) -> Measurer:
    return Measurer(Setup("set", Options(), repeats, 1, {}), LocalGauge())


def measured(asked: Asked, repeats: int = 1) -> TransmitRow:
    entry = hashed(Entry("a.png", Path("set/a.png").read_bytes))
    return measurer(repeats).measure(entry, Item(asked, ("psnr", "ssim")))


def test_links_and_codecs_share_no_name() -> None:
    assert not set(links.names()) & {*api.names(), "all", "auto"}


def test_specs_have_lists_ranges_and_one_form() -> None:
    def told(*texts: str, **more: tuple[str, ...]) -> list[tuple[str, float, float | None]]:
        return [(a.spec, a.snr, a.assumed) for a in transmit_specs.expand(texts, **more)]

    assert told("fake") == [("fake:ratio=1/12", 10, None)]
    assert told("fake:ratio=2/48", "fake:ratio=1/24,snr=10.0") == [("fake:ratio=1/24", 10, None)]
    assert [spec for spec, _, _ in told("fake:ratio=1/48..1/6")] == [f"fake:ratio=1/{n}" for n in (48, 24, 12, 6)]
    assert [spec for spec, _, _ in told("fake:ratio=1/48..1/7")] == [f"fake:ratio=1/{n}" for n in (48, 24, 12)]
    assert [spec for spec, _, _ in told("fake:ratio=0.02..0.06/0.02")] == [
        f"fake:ratio={r}" for r in ("1/50", "1/25", "3/50")
    ]
    assert [spec for spec, _, _ in told("fake:ratio=1/6,1/48..1/24")] == [f"fake:ratio=1/{n}" for n in (6, 48, 24)]
    assert [snr for _, snr, _ in told("fake:snr=1..13/3")] == [1, 4, 7, 10, 13]
    assert told("fake:snr=-2..-1,assumed=-1") == [("fake:ratio=1/12", -2, -1), ("fake:ratio=1/12", -1, None)]
    assert told("fake", "fake:snr=3", snrs=("1..2", "5")) == [("fake:ratio=1/12", s, None) for s in (1, 2, 5, 3)]
    spec = "separate:jpeg,ratio=1/24,code=capacity,snr=7"
    assert told(spec) == [("separate:jpeg,code=capacity,ratio=1/24", 7, None)]
    asked = transmit_specs.expand(["fake"], (), ["awgn", "rician:k=6.0", "rayleigh"], ["0..1", "7"])
    assert [(a.channel, a.seed) for a in asked] == [
        (channel, seed)
        for channel in ("awgn", "rician:csi=perfect,fading=block,k=6", "rayleigh:csi=perfect,fading=block")
        for seed in (0, 1, 7)
    ]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("-m", "fake:speed=9"), "fake has no option 'speed'"),
        (("-m", "fake:ratio=2"), "a ratio is '2'"),
        (("-m", "fake:ratio=nan"), "a ratio is 'nan'"),
        (("-m", "fake:ratio=1/0"), "a ratio is '1/0'"),
        (("-m", "fake:ratio=1/6..1/48"), "it goes upwards"),
        (("-m", "fake:ratio=0..1/2"), "a ratio is '0'"),
        (("-m", "fake:ratio=1/48..1/6/2"), "a ratio is '1/48..1/6/2'"),
        (("-m", "fake:snr=nan"), "snr is 'nan': expected decibels from -60 to 100"),
        (("-m", "fake:snr=inf"), "snr is 'inf'"),
        (("-m", "fake:snr=101"), "snr is '101'"),
        (("-m", "fake:snr=9..1"), "goes upwards"),
        (("-m", "fake:snr="), "cannot read 'snr=' in"),
        (("-m", "fake", "--snr", "high"), "snr is 'high'"),
        (("-m", "fake:assumed=x"), "assumed is 'x'"),
        (("-m", "fake:snr=1,snr=2"), "stands twice"),
        (("-m", "fake:snr=1..9999/0.5,ratio=1/1000..1"), "the limit is"),
        (("-m", "separate:nothing"), "no codec is named 'nothing'"),
        (("-m", "separate"), "separate needs a codec"),
        (("-m", "separate:jpeg,code=morse"), "code is 'morse'"),
        (("-m", "fake", "--channel", "wire"), "no channel is named 'wire'"),
        (("-m", "fake", "--channel", "rayleigh:csi=some"), "csi is 'some'"),
        (("-m", "fake", "--seed", "-1"), "a seed is '-1'"),
        (("-m", "fake", "--seed", "1.5"), "a seed is '1.5'"),
        (("-m", "fake", "--seed", str(10**20)), "a seed is"),
        (("-m", "fake", "--metric", "beauty"), "no metric is named"),
        (("-m", "jpeg", "--task", "transmit"), "no link is named 'jpeg'"),
        (("-m", "fake", "--task", "code"), "no codec is named 'fake'"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_one_line_before_any_work(
    args: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, err = bench(capfd, *args)
    assert code == 1 and out == "" and err.count("\n") == 1 and said in err
    assert not list(Path().glob("*.jsonl"))


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("-m", "fake", "-q", "5"), "only --task code has -q"),
        (("-m", "fake", "--keep", "kept"), "only --task code has --keep"),
        (("-m", "fake", "--through", "jpeg"), "only --task segment has --through"),
        (("-m", "jpeg", "--channel", "awgn"), "only --task transmit has --channel"),
        (("-m", "jpeg", "--seed", "1", "--snr", "3"), "only --task transmit has --snr, --seed"),
        (("--task", "segment", "--snr", "3"), "only --task transmit has --snr"),
        (("--task", "segment", "--metric", "psnr"), "only --task code or --task transmit has --metric"),
        (("--task", "transmit"), "-m names the links"),
        (("-m", "jpeg", "-m", "fake:snr=1"), "'fake:snr=1' is a link and 'jpeg' is none"),
    ],
)
def test_options_of_other_tasks_are_wrong_usage(
    args: tuple[str, ...], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    code, out, err = bench(capfd, *args)
    assert code == 2 and out == "" and said in err and not list(Path().glob("*.jsonl"))


def test_a_row_worked_by_hand(fake: Fake) -> None:
    fake.tag = "0badcafe"
    row = measured(Asked("fake:ratio=1/12", 7, 10, seed=3), repeats=2)
    assert row.error is None and row.figures["psnr"] == pytest.approx(psnr(7), abs=1e-5)
    found = row.as_dict()
    expected = {
        "task": "transmit", "spec": "fake:ratio=1/12", "tag": "0badcafe", "width": WIDTH, "height": HEIGHT,
        "ratio": "1/12", "k": N // 12, "n": N, "k_over_samples": 1 / 12, "k_over_pixels": 1 / 4, "snr_db": 7.0,
        "assumed_snr_db": 10.0, "channel": "awgn", "seed": 3, "bits": None, "failed_blocks": 0, "blocks": 1,
        "details": {"gain": 2}, "repeats": 2, "metrics": ["psnr", "ssim"], "error": None,
    }  # fmt: skip
    assert {key: found[key] for key in expected} == expected
    for key in ("send_seconds", "receive_seconds", "load_seconds", "peak_to_average_db"):
        assert row.figures[key] > 0
    assert row.label == "fake:ratio=1/12 at 7 dB, sent for 10 dB, seed 3" and row.versions["sccodec"]
    assert fake.sent == [10, 10, 10]  # the first of a tiny picture, before
    assert measured(Asked("fake:loud=yes,ratio=1/12", 7)).notes == ["it is loud"]


def test_details_are_such_as_a_line_can_hold(fake: Fake) -> None:
    fake.details = {"n": np.int64(3), "x": np.float32(0.5), "inf": float("inf"), "of": (1, 2), "none": None, "is": True}
    row = measured(Asked("fake:ratio=1/12", 7))
    expected = {"n": 3, "x": 0.5, "inf": "inf", "of": "(1, 2)", "none": None, "is": True}
    assert row.error is None and parse(lines.line_of(row)).details == expected


def test_what_is_measured_is_what_transmit_gives() -> None:
    spec, channel = "separate:jpeg,code=capacity,ratio=1/3", "rayleigh:csi=perfect,fading=fast"
    row = measured(Asked(spec, 6, 2, channel, 5))
    sent = transmitted(picture(), Spec.parse(spec), 6.0, channel=Channel.parse(channel), assumed=2.0, seed=5)
    assert row.figures["psnr"] == pytest.approx(measured_psnr(picture(), sent.arrived.picture), abs=1e-5)
    assert (row.k, row.bits, row.failed, row.blocks) == (sent.frame.k, sent.frame.bits, *sent.arrived.failed)
    assert row.figures["peak_to_average_db"] == pytest.approx(sent.peak_to_average, abs=1e-3)
    assert "Pillow" in row.encoder or "jpeg" in row.encoder.lower()
    assert row.details == dict(sent.details) and row.tag == ""


def test_a_learned_codec_behind_a_link_gives_its_tag() -> None:
    row = measured(Asked("separate:hyperprior,code=capacity,ratio=1/3", 10))
    assert row.error is None and len(row.tag) == 8
    assert row.tag in (transmit_plan.expected_tags(row.spec) or ())


def test_what_is_sent_alike_is_sent_once(fake: Fake) -> None:
    entry = hashed(Entry("a.png", Path("set/a.png").read_bytes))
    asked = transmit_specs.expand(["fake:snr=1..5,assumed=10"], (), ["awgn", "rayleigh"], ["0..1"])
    (group,) = transmit_plan.by_model(asked).values()
    one = measurer()
    found = [one.measure(entry, Item(each, ("psnr",))) for each in group]
    assert fake.sent == [10, 10] and len(found) == 20  # a tiny picture, and this one
    assert all(row.error is None and row.figures["send_seconds"] > 0 for row in found)
    alone = measured(Asked("fake:ratio=1/12", 1, 10, "awgn", 1))
    assert next(r for r in found if r.label == alone.label).figures["psnr"] == alone.figures["psnr"]


def test_rows_come_back_from_their_lines() -> None:
    failed = TransmitRow("fake:ratio=1/6", "a.png", snr=3, error="it\nfailed")
    for row in (measured(Asked("fake:ratio=1/12", 7, 10, "rician:csi=none,fading=fast,k=3", 3)), failed):
        back = parse(lines.line_of(row))
        assert back.as_dict() | {"error": 0} == row.as_dict() | {"sha256": row.sha256 or "a.png", "error": 0}
    assert back.error == "it failed"
    other = json.dumps(measured(Asked("fake:ratio=1/12", 7)).as_dict() | {"spec": "fake:ratio=3/36", "channel": None})
    assert (parse(other).spec, parse(other).channel) == ("fake:ratio=1/12", "awgn")
    assert parse(json.dumps(json.loads(other) | {"assumed_snr_db": 7})).assumed is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"spec": ""}, "no spec"),
        ({"spec": "fake:ratio=9"}, "a ratio is '9'"),
        ({"width": None}, "width is null"),
        ({"k": 0}, "k is 0"),
        ({"k": N // 12 + 1}, "are more than 1/12"),
        ({"k_over_samples": 0.25}, "states k_over_samples 0.25, and it is 0.0833333"),
        ({"k_over_pixels": 1 / 12}, "states k_over_pixels 0.0833333, and it is 0.25"),
        ({"n": WIDTH * HEIGHT}, "states n 3072, and it is 9216"),
        ({"snr_db": None}, "snr_db is no number"),
        ({"snr_db": "7"}, "snr_db is no number"),
        ({"assumed_snr_db": True}, "assumed_snr_db is no number"),
        ({"channel": "wire"}, "no channel is named 'wire'"),
        ({"metrics": "psnr"}, "metrics is no list"),
    ],
)
def test_lines_that_are_no_rows_say_why(changes: dict[str, object], said: str) -> None:
    line = json.dumps(measured(Asked("fake:ratio=1/12", 7)).as_dict() | changes)
    with pytest.raises(lines.Damaged, match=said) as error:
        parse(line)
    assert not isinstance(error.value, lines.OfAnotherKind)


def test_rows_of_all_kinds_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    lines.append(path, rows.Row("png", "a.png", "set", "00", width=8, height=8, file_bytes=64))
    lines.append(path, segment_rows.SegmentRow("street", "a.png", error="failed"))
    lines.append(path, measured(Asked("fake:ratio=1/12", 7)))
    said: list[str] = []
    assert [row.spec for row in rows.read(path, said.append)] == ["png"]
    assert [row.spec for row in segment_rows.read(path, said.append)] == ["street"]
    assert [row.spec for row in transmit_rows.read(path, said.append)] == ["fake:ratio=1/12"] and said == []
    path.write_text('{"task": "transmit"}\n')
    with pytest.raises(BadInput, match="holds no rows"):
        transmit_rows.read(path, said.append)


def test_a_run_makes_rows_and_a_table_and_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    args = ("-m", "fake:snr=1..13/12,ratio=1/24..1/12", "--metric", "psnr")
    code, out, err = bench(capfd, *args)
    assert code == 0 and "rows go to set.transmit.jsonl" in err
    table = [line.split() for line in out.splitlines()]
    assert out.splitlines()[0] == "set: means over 2 pictures" and max(map(len, out.splitlines())) <= 80
    for ratio in ("1/24", "1/12"):
        for snr in (1, 13):
            assert next(line for line in table if line[1:3] == [ratio, str(snr)])[3] == f"{psnr(snr):.2f}"
    before = Path("set.transmit.jsonl").read_bytes()
    code, again, err = bench(capfd, *args)
    assert code == 0 and again == out and "8 rows are in set.transmit.jsonl already" in err
    assert Path("set.transmit.jsonl").read_bytes() == before
    parts = before.splitlines(keepends=True)
    Path("set.transmit.jsonl").write_bytes(b"".join(parts[:5]) + parts[5][:40])  # the last writer was killed
    code, again, err = bench(capfd, *args)
    assert code == 0 and "line 6 is damaged" in err and "5 rows are in" in err and len(set(again)) > 1
    assert [line.split()[:4] for line in again.splitlines()] == [line[:4] for line in table]
    code, out, err = bench(capfd, *args[:2], "--metric", "psnr,ssim", "--jobs", "2", "--seed", "4")
    assert code == 0 and "already" not in err
    code, out, err = bench(capfd, *args[:2], "--metric", "ssim", "-o", "set.transmit.jsonl")
    assert code == 0 and "already" not in err  # rows without that metric do not count, and theirs are kept
    last = Path("set.transmit.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["metrics"] == ["psnr", "ssim"]


def test_rows_of_another_model_version_or_transmission_do_not_count(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], fake: Fake
) -> None:
    args = ("-m", "fake", "--metric", "psnr")
    for more in ((), ("--channel", "rayleigh"), ("--seed", "1"), ("--snr", "9"), ("--repeat", "2", "--snr", "8")):
        assert "already" not in bench(capfd, *args, *more)[2]
    assert "already" not in bench(capfd, "-m", "fake:assumed=9", *args[2:])[2] and len(held()) == 12
    assert "2 rows are" in bench(capfd, "-m", "fake:assumed=10", *args[2:])[2] and len(held()) == 12
    monkeypatch.setattr(transmit_plan, "expected_tags", lambda spec: frozenset({"0000000f"}))
    fake.tag = "0000000f"
    code, out, err = bench(capfd, *args)
    assert code == 0 and "already" not in err and held()[-1]["tag"] == "0000000f" and "means over 2" in out
    stale = [row | {"versions": {"sccodec": "0.0.1"}} for row in held()]
    Path("set.transmit.jsonl").write_text("".join(json.dumps(row) + "\n" for row in stale))
    assert "2 of them are of another package or encoder version" in bench(capfd, *args)[2] and len(held()) == 14
    assert bench(capfd, *args, "--redo", "stale")[0] == 0 and len(held()) == 16
    assert bench(capfd, *args, "--redo", "all")[0] == 0 and len(held()) == 18


def test_failures_are_rows_and_are_tried_again(fake: Fake, capfd: pytest.CaptureFixture[str]) -> None:
    fake.least = 5
    args = ("-m", "fake:snr=1..9/4", "--metric", "psnr")
    code, out, err = bench(capfd, *args)
    assert code == 1 and "sccodec: error: a.png, fake:ratio=1/12 at 1 dB: nothing is heard below 5 dB\n" in err
    assert "2 of 6 rows failed, see set.transmit.jsonl" in err and f"{psnr(5):.2f}" in out
    assert [row["k"] for row in held() if row["error"]] == [N // 12] * 2
    fake.least = -99
    code, out, err = bench(capfd, *args)
    assert code == 0 and "4 rows are in" in err and f"{psnr(1):.2f}" in out and len(held()) == 8
    Path("set/b.png").write_bytes(b"no picture")
    code, _, err = bench(capfd, *args)
    assert code == 1 and "b.png, fake:ratio=1/12 at 1 dB:" in err


def test_a_cliff_is_sent_for_one_snr(capfd: pytest.CaptureFixture[str]) -> None:
    code, out, _ = bench(
        capfd, "-m", "separate:jpeg,code=capacity,ratio=1/6,snr=-4,4,10,16,assumed=10", "--metric", "psnr"
    )
    assert code == 0 and [(row["snr_db"], row["assumed_snr_db"]) for row in held()[:4]] == [
        (-4, 10), (4, 10), (10, None), (16, 10),
    ]  # fmt: skip
    table = [line.split() for line in out.splitlines() if "1/6" in line.split()]
    assert [line[-3] for line in table] == ["100.0%", "100.0%", "0.0%", "0.0%"]
    assert all(row["bits"] == held()[2]["bits"] for row in held()[:4])  # of one picture
    assert "for dB: the SNR that the transmitter went by" in out


def test_options_for_pictures_are_those_of_codecs(capfd: pytest.CaptureFixture[str]) -> None:
    code, _, err = bench(capfd, "-m", "fake", "--metric", "psnr", "--name", "Two sets", "-o", "x.jsonl")
    assert code == 0 and {row["dataset"] for row in held("x.jsonl")} == {"Two sets"} and "rows go" not in err
    code, out, err = bench(capfd, "-m", "fake", dataset="nowhere")
    assert code == 1 and err.count("\n") == 1 and "nowhere: no such folder" in err and out == ""
    assert bench(capfd, "-m", "fake", "--fetch")[0] == 2
