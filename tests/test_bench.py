"""The parts of `sccodec bench`: specs, pictures, rows, single measurements, and what a second run leaves out."""

from __future__ import annotations

import io
import json
import math
import multiprocessing
import operator
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from sccodec import __version__, api, bundle, metrics
from sccodec.bench import datasets, gauge, measure, processes, rows, run, specs
from sccodec.bench.entries import Dataset, Entry
from sccodec.bench.measure import Item, Measurer, Setup, timed
from sccodec.codec import Options
from sccodec.errors import BadInput, ModelNotFound, UnknownCodec
from sccodec.metrics.table import METRICS

Picture = npt.NDArray[np.uint8]


def png(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def entry_of(picture: Picture, name: str = "a.png") -> Entry:
    return run.hashed(Entry(name, lambda: png(picture)))


def row_of(spec: str, picture: str = "a.png") -> rows.Row:
    return rows.Row(spec, picture, "some", "00", width=8, height=8, file_bytes=64, overhead_bytes=0)


def setup_of(**changes: object) -> Setup:
    return replace(Setup("some", Options(), repeats=2, threads=1, missing={}), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jpeg", ["jpeg"]),
        ("jpeg:q=5,10,20", ["jpeg:q=5", "jpeg:q=10", "jpeg:q=20"]),
        ("jpeg:q=10..90/40", ["jpeg:q=10", "jpeg:q=50", "jpeg:q=90"]),
        ("jpeg:q=10..30/15", ["jpeg:q=10", "jpeg:q=25"]),
        ("jpeg:q=1..3", ["jpeg:q=1", "jpeg:q=2", "jpeg:q=3"]),
        ("jpeg:q=0..1/0.1,chroma=444", [f"jpeg:chroma=444,q={q / 10:g}" for q in range(11)]),
        ("jpeg:chroma=444,420,q=5,10..20/10", [f"jpeg:chroma={c},q={q}" for c in (444, 420) for q in (5, 10, 20)]),
        ("jpeg:program=../bin/cjpeg", ["jpeg:program=../bin/cjpeg"]),
        ("compressai:mbt2018-mean:1", ["compressai:mbt2018-mean:1"]),
        ("compressai:mbt2018,metric=mse,ms-ssim", [f"compressai:mbt2018,metric={m}" for m in ("mse", "ms-ssim")]),
    ],
)  # fmt: skip
def test_lists_and_ranges_become_specs(text: str, expected: list[str]) -> None:
    assert specs.expand([text]) == expected
    assert specs.expand([text, text]) == expected  # each once


@pytest.mark.parametrize(
    "text",
    ["jpeg:q=9..3", "jpeg:q=1..3/0", "jpeg:q=101", "jpeg:q=five", "jpeg:quality=5,quality=6", "jpeg:q=1,",
     "jpeg:nonsense=1", "jpeg:fine,q=5", "jpeg:q=0..100/0.001", "jpeg:quality=1..100,q=0..100/0.1",
     "hyperprior:q=1,photos,=3", "jpeg:,q=1"],
)  # fmt: skip
def test_specs_that_cannot_work_are_refused_before_any_work(text: str) -> None:
    with pytest.raises(BadInput) as error:
        specs.expand([text])
    assert "\n" not in str(error.value)


def test_unknown_codecs_are_refused_and_all_is_every_one_that_runs_here() -> None:
    with pytest.raises(UnknownCodec):
        specs.expand(["jpg:q=5"])
    everything = specs.expand(["all:q=50"])
    assert {"jpeg:q=50", "webp:q=50", "png"} <= set(everything)
    assert not any(text.startswith("compressai") for text in everything)
    assert len(specs.expand(["all"])) == 5 * (len(everything) - 1) + 1


def test_pictures_come_from_folders_globs_files_and_archives(tmp_path: Path, picture: Picture) -> None:
    folder = tmp_path / "set"
    (folder / "more").mkdir(parents=True)
    for name in ("b.png", "a.PNG", "more/c.jpg", "notes.txt", ".hidden.png"):
        (folder / name).write_bytes(png(picture) + name.encode())
    for suffix in ("tar", "tar.gz"):
        with tarfile.open(tmp_path / f"set.{suffix}", "w:gz" if suffix.endswith("gz") else "w") as archive:
            archive.add(folder, "set")
    everything = {"a.PNG", "b.png", "more/c.jpg"}
    for text, names in [
        (str(folder), everything),
        (f"{folder}/*.png", {"b.png"}),
        (f"{tmp_path}/**/*.jpg", {"set/more/c.jpg"}),
        (f"{folder}/b.png", {"b.png"}),
        (f"{tmp_path}/set.tar", {f"set/{name}" for name in everything}),
        (f"{tmp_path}/set.tar.gz", {f"set/{name}" for name in everything}),
    ]:
        found = datasets.find(text)
        assert {e.name for e in found.entries} == names, text
        assert str(tmp_path) not in found.name
        assert all(e.read().endswith(e.name.removeprefix("set/").encode()) for e in found.entries)
    for text in (str(tmp_path / "none"), f"{folder}/*.gif", "kodac", str(folder / "notes.txt" / "deep"), ""):
        with pytest.raises(BadInput):
            datasets.find(text)


def test_an_archive_holds_what_it_would_unpack_to(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "set.tar", "w") as archive:
        for name, content in (("a.png", b"old"), ("a.png", b"new"), ("b.bin", b"linked")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("c.png")
        link.type, link.linkname = tarfile.LNKTYPE, "b.bin"
        archive.addfile(link)
    found = datasets.find(str(tmp_path / "set.tar")).entries
    assert [(e.name, e.read()) for e in found] == [("a.png", b"new"), ("c.png", b"linked")]


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_damaged_archives_are_refused_or_their_pictures_are(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"set.tar.{kind}"
    noise = io.BytesIO(np.random.default_rng(0).bytes(200_000))
    with tarfile.open(path, f"w:{kind}") as archive:  # type: ignore[call-overload]
        for i in range(3):
            member = tarfile.TarInfo(f"{i}.png")
            member.size = 50_000
            archive.addfile(member, noise)
    whole = path.read_bytes()
    entries = datasets.find(str(path)).entries
    refused = 0
    for at in (5000, 60_000, 120_000, len(whole) - 3000):
        for damaged in (whole[:at], whole[:at] + b"\xff" * 50 + whole[at + 50 :]):
            path.write_bytes(damaged)
            try:
                datasets.find(str(path))
            except BadInput:
                refused += 1
            for entry in entries:  # it was whole when it was listed
                try:
                    refused += len(entry.read()) != 50_000
                except BadInput:
                    refused += 1
    assert refused > 8


def test_rows_are_appended_whole_and_read_past_damage(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    first = row_of("jpeg:q=5", "a\udcff.png")
    first.figures = {"psnr": math.inf, "ssim": 0.5}
    rows.append(path, first)
    with path.open("ab") as file:
        file.write(b'{"spec": "jpeg", "pic')  # a writer that was killed within its line
    rows.append(path, row_of("png", "b.png"))
    with path.open("ab") as file:
        file.write(b"[1]\n" + b"[" * 100_000 + b'\n\xff\n\n{"spec": 5, "picture": "x"}\n')
        for metrics in (b"5", b'{"psnr": 1}', b"[[]]"):
            file.write(b'{"spec": "png", "picture": "x", "metrics": ' + metrics + b"}\n")
    before = path.read_bytes()
    said: list[str] = []
    found = rows.read(path, said.append)
    assert [row.spec for row in found] == ["jpeg:q=5", "png"]
    assert found[0] == replace(first, picture="a?.png", figures={"ssim": 0.5})
    assert [s.split("line ")[1].split()[0] for s in said[:-1]] == ["2", "4", "5", "6", "8"]
    assert "8 lines in all" in said[-1]
    rows.append(path, row_of("png", "c.png"))
    assert path.read_bytes().startswith(before)  # what is damaged stays
    assert len(rows.read(path, said.append)) == 3


def test_a_file_of_something_else_is_refused(tmp_path: Path, picture: Picture) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(png(picture))
    said: list[str] = []
    with pytest.raises(BadInput, match="holds no rows"):
        rows.read(path, said.append)
    assert said == []  # the error says it all
    assert rows.read(tmp_path / "none", lambda text: None) == []


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.jsonl"
    rows.append(path, row_of("png", "a.png"))
    before, write = path.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:10]))
    with pytest.raises(OSError, match=r"rows\.jsonl"):
        rows.append(path, row_of("png", "b.png"))
    assert path.read_bytes() == before


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    code = (
        "import sys; from pathlib import Path; from sccodec.bench import rows\n"
        "for i in range(200): rows.append(Path(sys.argv[1]), rows.Row(sys.argv[2], str(i) * 500, error='x'))"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in ("one", "two")]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    said: list[str] = []
    found = [(row.spec, row.picture) for row in rows.read(path, said.append)]
    assert said == [] and len(found) == 400
    for name in ("one", "two"):
        assert [p for s, p in found if s == name] == [str(i) * 500 for i in range(200)]


def test_a_measurement_has_every_key_and_weighs_the_file(fake_codec: str, picture: Picture) -> None:
    measurer = Measurer(setup_of(missing={"lpips_vgg_v0.1": "no weights"}), gauge.LocalGauge())
    row = measurer.measure(entry_of(picture), Item("fake:q=50", ("psnr", "ms_ssim")))
    assert row is not None
    data = api.encode(picture, "fake", 50)
    assert row.error is None and row.file_bytes == len(data)
    assert row.bpp == 8 * len(data) / (24 * 32)
    assert row.overhead_bytes is not None and sum(n for _, n in row.sections) + row.overhead_bytes == len(data)
    assert (row.width, row.height, row.tag, row.device) == (32, 24, b"fake".hex(), "cpu")
    assert 10 < row.figures["psnr"] < 60 and row.metrics[0] == "psnr"
    assert "ms_ssim" not in row.figures and row.reasons["ms_ssim"]  # too small
    assert row.reasons["ssim"] == "not asked for" and row.reasons["lpips_vgg_v0.1"] == "no weights"
    assert min(row.figures[key] for key in ("encode_seconds", "decode_seconds", "load_seconds")) > 0
    assert row.figures["peak_rss_bytes"] > 10**6 and row.versions["numpy"] == np.__version__
    assert rows.parse(rows.line_of(row)) == row
    equal = measurer.measure(entry_of(picture), Item("fake", ("psnr",)))
    assert equal is not None and "psnr" not in equal.figures and equal.reasons["psnr"] == "the pictures are equal"


KEYS = """spec encoder tag dataset picture sha256 width height file_bytes overhead_bytes sections bpp psnr ssim ms_ssim
lpips_alex_v0.1 lpips_vgg_v0.1 metrics reasons encode_seconds decode_seconds load_seconds repeats peak_rss_bytes threads
device processor versions notes time error"""


def test_a_line_keeps_its_keys_and_their_order() -> None:
    """Rows are kept for years: readers of other versions count on them."""
    row = row_of("jpeg:q=5")
    row.figures, row.sections = {"psnr": 30.5, "peak_rss_bytes": 5}, [("file", 64.04)]
    held = json.loads(rows.line_of(row))
    assert list(held) == KEYS.split()
    assert held["tag"] == "" and held["encoder"] is None and held["ssim"] is None and held["peak_rss_bytes"] == 5
    assert held["sections"] == [{"name": "file", "bytes": 64.0}] and held["bpp"] == 8.0
    failed = json.loads(rows.line_of(rows.Row("jpeg", "a.png", "some", error="it failed")))
    assert list(failed) == KEYS.split()
    unknown = {"encoder", "tag", "sha256", "width", "height", "file_bytes", "overhead_bytes", "bpp"}
    assert {key for key in unknown if failed[key] is not None} == set()


def test_a_measurement_reads_its_file_as_often_as_it_is_timed(
    fake_codec: str, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the bytes went is told by a decoding that was timed: there is no further one for it."""
    from sccodec.codecs.fake import Fake

    read, count = Fake.read, []
    monkeypatch.setattr(Fake, "read", lambda self, *given: count.append(1) or read(self, *given))
    row = Measurer(setup_of(repeats=3), gauge.LocalGauge()).measure(entry_of(picture), Item("fake", ()))
    assert row is not None and row.error is None and row.sections
    assert len(count) == 1 + 3  # one to load the codec


def test_what_is_kept_for_comparison_is_no_memory_of_the_codec() -> None:
    made: list[weakref.ref[Picture]] = []
    alive: list[int] = []

    def work() -> Picture:
        alive.append(sum(ref() is not None for ref in made))
        made.append(weakref.ref(result := np.zeros((100, 100, 3), np.uint8)))
        return result

    result = timed(work, 5, np.array_equal)
    assert alive == [0, 1, 1, 1, 1] and result.steady and result.peak_bytes
    counter = iter(range(3))
    assert not timed(lambda: next(counter), 3, operator.eq).steady


def test_the_peak_of_memory_is_that_of_one_decoding(
    fake_codec: str, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sccodec.codecs.fake import FakeReading

    decode, decoded = FakeReading.picture, []
    monkeypatch.setattr(FakeReading, "picture", lambda self: decoded.append(1) or decode(self))
    monkeypatch.setattr(measure, "reset_peak", decoded.clear)
    monkeypatch.setattr(measure, "peak_bytes", lambda: len(decoded))
    row = Measurer(setup_of(repeats=3), gauge.LocalGauge()).measure(entry_of(picture), Item("fake", ()))
    assert row is not None and row.error is None and row.figures["peak_rss_bytes"] == 1


def test_what_was_said_while_the_picture_was_read_is_in_its_rows(fake_codec: str) -> None:
    clear = entry_of(np.zeros((64, 64, 4), np.uint8))
    measurer = Measurer(setup_of(), gauge.LocalGauge())
    for spec in ("fake:q=5", "fake:q=6"):
        row = measurer.measure(clear, Item(spec, ()))
        assert row is not None and row.notes == ["transparency is flattened onto white"]
    row = measurer.measure(entry_of(np.zeros((64, 64, 3), np.uint8)), Item("fake", ()))
    assert row is not None and row.notes == ["the picture is black all over"]


@pytest.mark.skipif(os.name == "nt", reason="a script of POSIX")
def test_programs_have_no_peak_of_memory(tmp_path: Path, picture: Picture) -> None:
    program = tmp_path / "cjpeg"
    text = "import sys; from PIL import Image; Image.open(sys.stdin.buffer).save(sys.stdout.buffer, 'JPEG')"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{text}"\n')
    program.chmod(0o755)
    row = Measurer(setup_of(), gauge.LocalGauge()).measure(entry_of(picture), Item(f"jpeg:program={program}", ()))
    assert row is not None and row.error is None and row.file_bytes > 0
    assert "peak_rss_bytes" not in row.figures and "process of its own" in row.reasons["peak_rss_bytes"]


def test_what_fails_is_a_row(fake_codec: str, picture: Picture, monkeypatch: pytest.MonkeyPatch) -> None:
    from sccodec.codecs.fake import Fake, FakeReading

    measurer = Measurer(setup_of(), gauge.LocalGauge())

    def error(entry: Entry, spec: str = "fake") -> str:
        row = measurer.measure(entry, Item(spec, ("psnr",)))
        assert row is not None and row.error is not None and "\n" not in row.error and not row.metrics
        return row.error

    assert "not a picture" in error(Entry("a.png", lambda: b"nonsense"))
    assert "No such file" in error(Entry("b.png", Path("/nowhere/b.png").read_bytes))
    assert "no option" in error(entry_of(picture), "fake:x=1")
    assert "no model" in error(entry_of(picture), "conceptual:nonsense")
    with monkeypatch.context() as patched:
        patched.setattr(FakeReading, "picture", lambda self: picture[:5])
        assert "decodes to" in error(entry_of(picture))
        patched.setattr(FakeReading, "picture", lambda self: 1 // 0)
        assert "ZeroDivisionError" in error(entry_of(picture))
        patched.setattr(Fake, "encoder", lambda *args: bytearray(2**62))
        assert error(entry_of(picture)) == "out of memory"
    assert measurer.measure(entry_of(picture), Item("fake", ())) is not None  # and the next one works


def plan_for(picture: Picture, held: list[rows.Row], *texts: str, metrics: tuple[str, ...] = ("psnr",)) -> run.Plan:
    dataset = Dataset("some", [entry_of(picture), entry_of(picture[:20], "b.png")])
    return run.make_plan(dataset, run.Wish(texts, metrics, Options()), held, lambda text: None)


def test_a_second_run_leaves_out_what_is_there(fake_codec: str, picture: Picture) -> None:
    first = plan_for(picture, [], "jpeg:q=5", "jpeg:q=9", "png")
    assert first.skipped == 0 and len(list(first.items())) == 6
    assert {len(chunk.items) for chunk in first.chunks} <= {1, 2}  # enough chunks for every process
    assert {chunk.model for chunk in first.chunks} == {"jpeg", "png"}  # libraries of one are no memory of the other's
    held = [
        rows.Row(item.spec, "x", device="cpu", sha256=chunk.entry.sha256 or "", metrics=["psnr"])
        for chunk in first.chunks
        for item in chunk.items
    ]
    again = plan_for(picture, held, "jpeg:q=5", "jpeg:q=9", "png")
    assert again.skipped == 6 and again.chunks == []
    held[0].error = "it failed"
    held[1].tag = "00000000"
    held[2].sha256 = "another picture"
    assert plan_for(picture, held, "jpeg:q=5", "jpeg:q=9", "png").skipped == 3
    elsewhere = [replace(row, dataset="other") for row in held[3:]]  # a report would not find them under this name
    assert plan_for(picture, elsewhere, "jpeg:q=5", "jpeg:q=9", "png").skipped == 0
    wider = plan_for(picture, held[3:], "jpeg:q=5", "jpeg:q=9", "png", metrics=("ssim",))
    assert wider.skipped == 0  # the new row has what the old one had, too
    assert {item.metrics for item in wider.items()} == {("ssim",), ("psnr", "ssim")}


def test_specs_of_the_same_are_one(fake_codec: str, picture: Picture) -> None:
    assert specs.expand(["jpeg:q=50,50.0,5e1", "jpeg:q=050"]) == ["jpeg:q=50"]
    assert specs.expand(["jpeg:subsampling=444,q=5", "jpeg:q=5,chroma=444"]) == ["jpeg:chroma=444,q=5"]
    old = rows.parse(json.dumps(row_of("jpeg:q=50.0,chroma=444").as_dict()))
    assert old.spec == "jpeg:chroma=444,q=50"
    assert rows.parse(json.dumps(row_of("=no spec|").as_dict())).spec == "=no spec|"  # which a report names


def test_qualities_are_for_specs_that_state_none() -> None:
    assert specs.expand(["jpeg", "webp:q=5", "bpg:qp=30", "png", "avif:speed=8"], ["10,20..30/10"]) == [
        "jpeg:q=10", "jpeg:q=20", "jpeg:q=30", "webp:q=5", "bpg:qp=30", "png",
        "avif:q=10,speed=8", "avif:q=20,speed=8", "avif:q=30,speed=8",
    ]  # fmt: skip
    assert specs.expand(["jpeg"], ["50"]) == specs.expand(["jpeg:q=50"])
    everything = specs.expand(["all"], ["50"])
    assert "jpeg:q=50" in everything and not any("q=10" in text for text in everything)


@pytest.mark.parametrize(
    "text", ["jpeg:q=nan", "jpeg:quality=nan", "bpg:qp=inf", "avif:speed=nan", "jpegxl:distance=-1", "jpeg:quality=x"]
)
def test_settings_that_are_no_numbers_in_range_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match=text.partition(":")[2].partition("=")[0]):
        specs.expand([text])


def measured_rows(picture: Picture, *texts: str, **changes: Any) -> list[rows.Row]:
    plan = plan_for(picture, [], *texts)
    made = [(item, chunk.entry) for chunk in plan.chunks for item in chunk.items]
    return [
        replace(rows.Row(i.spec, e.name, "some", e.sha256 or "", device="cpu", metrics=["psnr"]), **changes)
        for i, e in made
    ]


def test_rows_of_another_version_are_counted_and_measured_again_where_asked(picture: Picture) -> None:
    here = api.load("jpeg").made_by(api.parse("jpeg"))
    dataset = Dataset("some", [entry_of(picture), entry_of(picture[:20], "b.png")])

    def plan(held: list[rows.Row], redo: str = "") -> run.Plan:
        return run.make_plan(dataset, run.Wish(["jpeg:q=5"], ("psnr",), Options(), redo=redo), held, lambda text: None)

    fresh = measured_rows(picture, "jpeg:q=5", encoder=here, versions={"sccodec": __version__})
    assert (plan(fresh).skipped, plan(fresh).stale) == (2, 0) and plan(fresh, "stale").skipped == 2
    unsaid = measured_rows(picture, "jpeg:q=5")  # rows that say nothing are not judged
    assert (plan(unsaid).skipped, plan(unsaid).stale) == (2, 0)
    for old in (
        measured_rows(picture, "jpeg:q=5", encoder="Pillow 9.0, libjpeg-turbo 2", versions={"sccodec": __version__}),
        measured_rows(picture, "jpeg:q=5", encoder=here, versions={"sccodec": "0.0.1"}),
    ):
        assert (plan(old).skipped, plan(old).stale) == (2, 2)
        assert (plan([old[0], fresh[1]]).skipped, plan([old[0], fresh[1]]).stale) == (2, 1)
        assert (plan(old, "stale").skipped, len(list(plan(old, "stale").items()))) == (0, 2)
        assert plan([*old, *fresh], "stale").skipped == 2  # they were measured again already
    assert plan(fresh, "all").skipped == 0 and len(list(plan(fresh, "all").items())) == 2


def test_equal_files_are_measured_once(picture: Picture) -> None:
    lost = [Entry(name, Path("/nowhere", name).read_bytes) for name in ("x.png", "y.png")]
    read = [entry_of(picture), entry_of(picture, "copy.png"), entry_of(picture[:20], "b.png")]
    same = Dataset("some", [*read, *lost])
    plan = run.make_plan(same, run.Wish(["jpeg"], ("psnr",), Options()), [], lambda text: None)
    assert [chunk.entry.name for chunk in plan.chunks] == ["a.png", "b.png", "x.png", "y.png"] and plan.copies == 1
    assert [entry.pixels for entry in plan.entries] == [24 * 32, 20 * 32, 0, 0]


def test_rows_of_other_pictures_under_the_name_are_said(picture: Picture) -> None:
    def said(held: list[rows.Row]) -> tuple[str, ...]:
        return plan_for(picture, held, "jpeg").remarks

    held = measured_rows(picture, "jpeg")
    assert said(held) == () and said([replace(held[0], picture="renamed.png")]) == ()
    (changed,) = said([replace(held[0], sha256="1" * 64), held[1]])
    assert "1 row there is of pictures that have changed" in changed and "--name" in changed
    (others,) = said([replace(row, sha256="1" * 64, picture=f"other {row.picture}") for row in held])
    assert "of another picture:" in others and "--name" in others
    assert said([replace(row, sha256="1" * 64, picture="z.png", dataset="another") for row in held]) == ()
    assert said([held[0], replace(held[1], sha256="1" * 64, picture="z.png")]) == ()  # the set has grown, or shrunk


def test_rows_of_whichever_model_the_picture_chose_count(
    picture: Picture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    models = {v: bundle.Installed(tmp_path / v, "conceptual", v, v.encode()[:4]) for v in ("faces", "general")}
    monkeypatch.setattr(bundle, "installed", lambda: list(models.values()))
    monkeypatch.setattr(bundle, "default", lambda name, variant=None: models[variant or "faces"])

    def skipped(spec: str, variant: str) -> int:
        tag = models[variant].tag.hex()
        known = rows.Row(spec, "x", device="cpu", metrics=["psnr"], tag=tag)
        held = [replace(known, sha256=e.sha256 or "") for e in (entry_of(picture), entry_of(picture[:20]))]
        return plan_for(picture, held, spec).skipped

    assert skipped("conceptual", "faces") == skipped("conceptual", "general") == 2
    assert skipped("conceptual:general", "general") == 2 and skipped("conceptual:general", "faces") == 0


def test_models_that_only_their_files_name_are_told_by_them(fake_codec: str, picture: Picture) -> None:
    (chunk, _) = plan_for(picture, [], "fake").chunks
    assert chunk.model == "fake"  # so that it gets a process of its own
    measurer = Measurer(setup_of(), gauge.LocalGauge())
    row = measurer.measure(chunk.entry, chunk.items[0])
    assert row is not None
    again = plan_for(picture, [row], "fake")
    assert again.skipped == 0 and again.chunks[0].items[0].done_tags == {b"fake".hex()}
    assert measurer.measure(again.chunks[0].entry, again.chunks[0].items[0]) is None
    other = replace(again.chunks[0].items[0], done_tags=frozenset({"00000000"}))
    assert measurer.measure(again.chunks[0].entry, other) is not None


def test_variants_without_a_model_are_refused_before_any_work(
    picture: Picture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = bundle.Installed(tmp_path / "x", "conceptual", "faces", b"abcd")
    monkeypatch.setattr(bundle, "search_path", lambda: [tmp_path])
    monkeypatch.setattr(bundle, "installed", lambda: [model])
    with pytest.raises(ModelNotFound):
        plan_for(picture, [], "conceptual:nonsense")


def test_a_picture_that_changed_since_it_was_added_is_refused(picture: Picture) -> None:
    with pytest.raises(BadInput, match="changed"):
        run.hashed(Entry("a.png", lambda: png(picture), "00"))


def test_metrics_are_chosen_by_name() -> None:
    assert gauge.choose([]) == tuple(METRICS)
    assert gauge.choose(["ms_ssim,psnr", "ssim"]) == ("psnr", "ssim", "ms_ssim")
    with pytest.raises(BadInput, match="psnr, ssim"):
        gauge.choose(["psnr,snr"])


def test_metrics_without_weights_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCCODEC_LPIPS", str(tmp_path))
    reasons = gauge.missing()
    assert set(reasons) == {"lpips_alex_v0.1", "lpips_vgg_v0.1"}
    assert all("\n" not in reason for reason in reasons.values())


def test_control_c_is_held_back_though_another_thread_takes_it() -> None:
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)  # as that of a progress bar: it does not block the signal
    other.start()
    done = []
    try:
        with pytest.raises(KeyboardInterrupt), processes.undisturbed():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)
            done.append("all of it")
        assert done == ["all of it"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        stop.set()
        other.join()
        signal.signal(signal.SIGINT, handler)


def test_the_process_that_measures_ends_quietly_where_nobody_waits(
    picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = multiprocessing.Pipe()

    class Slow(gauge.LocalGauge):
        def measure(self, decoded: Picture, names: object) -> gauge.Measured:
            ours.close()  # Control-C has ended who asked
            return gauge.Measured()

    monkeypatch.setattr(gauge, "LocalGauge", Slow)
    monkeypatch.setattr(gauge, "settle_process", lambda threads: None)
    ours.send((picture, picture, ("psnr",)))
    gauge.serve(theirs, 1, "cpu")


def test_a_torch_that_cannot_be_imported_costs_its_own_metrics(
    picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = multiprocessing.Pipe()
    monkeypatch.setattr(gauge, "settle_process", lambda threads: None)
    monkeypatch.delitem(sys.modules, "sccodec.metrics.perceptual", raising=False)
    monkeypatch.delattr(metrics, "perceptual", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)  # the import fails
    large = np.tile(picture, (2, 2, 1))
    thread = threading.Thread(target=gauge.serve, args=(theirs, 1, "cpu"))
    thread.start()
    try:
        ours.send((large, large // 2, ("psnr", "lpips_alex_v0.1")))
        assert ours.poll(30)
        measured = ours.recv()
    finally:
        ours.close()
        thread.join()
    assert measured.tried == ["psnr"] and measured.values["psnr"] > 0 and "torch" in measured.reasons["lpips_alex_v0.1"]


def test_another_process_measures_the_same_and_may_be_killed(picture: Picture) -> None:
    local, remote = gauge.LocalGauge(), gauge.RemoteGauge(1)
    try:
        for one in (local, remote):
            one.refer(picture)
        assert remote.measure(picture // 2, ["psnr"]) == local.measure(picture // 2, ["psnr"])
        assert remote._process is not None
        remote._process.kill()
        remote._process.join()
        died = remote.measure(picture // 2, ["psnr"])
        assert died.tried == [] and "killed" in died.reasons["psnr"]
        assert remote.measure(picture // 4, ["psnr"]) == local.measure(picture // 4, ["psnr"])
    finally:
        remote.close()
