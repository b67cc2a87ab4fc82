"""Model files: find one by tag or by codec, check that it is the one it claims to be, open what it holds.

A model file is ``<codec>-<variant>-<tag>.safetensors``; the tag is the first 4 bytes of the file's SHA-256
in hex, so a file of another content has another name. It holds

    graph.<network>          uint8: an ONNX graph without weights
    <network>.<parameter>    float16: that graph's weights
    any other name           integer networks, tables, constants
    __metadata__             codec, variant, bitstream (version), config (JSON), training (JSON), licence

Model files are looked for in the folders that SCCODEC_MODELS lists, then in the package, then in the
checkout. Where a folder has several files of one codec, its text file DEFAULTS (one file name a line, with
or without its suffix, the preferred first) says which one encodes; decoding takes the one that the stream
names.
"""

from __future__ import annotations

import codecs
import functools
import hashlib
import importlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sccodec.engine import MatrixProduct, Network, Runner, Settings, TorchNetwork, graph_constants
from sccodec.errors import BadInput, ModelMismatch, ModelNotFound

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

TAG_BYTES = 4
SUFFIX = ".safetensors"
NAME = re.compile(r"([a-z0-9_]+)-([a-z0-9_]+)-([0-9a-f]{8})\.safetensors")
GRAPH = "graph."


@dataclass(frozen=True)
class Installed:
    """A model file as its name describes it; nothing has been read yet."""

    path: Path
    codec: str
    variant: str
    tag: bytes


def search_path() -> list[Path]:
    """The folders that are searched, first to last; ours need not exist, those of SCCODEC_MODELS do: BadInput."""
    package = Path(__file__).resolve().parent
    folders = [Path(p) for p in os.environ.get("SCCODEC_MODELS", "").split(os.pathsep) if p]
    for folder in folders:
        if not os.path.isdir(folder):  # noqa: PTH112  # raises nothing, whatever the name
            raise BadInput(f"SCCODEC_MODELS names {str(folder)!r}, which is no folder")
    folders.append(package / "models")
    if (package.parent / "pyproject.toml").is_file():
        folders.append(package.parent / "models")
    return folders


def list_folder(folder: Path) -> list[Installed]:
    """The model files of one folder, the ones that DEFAULTS prefers first, the others by name.

    Raises ModelMismatch where the folder or its DEFAULTS cannot be read.
    """
    if not folder.is_dir():
        return []
    preferred = read_defaults(folder)
    found = []
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise ModelMismatch(f"{folder} cannot be read: {error.strerror}") from error
    for path in paths:
        match = NAME.fullmatch(path.name)
        if match and path.is_file():
            found.append(Installed(path, match[1], match[2], bytes.fromhex(match[3])))
    rank = {stem: i for i, stem in enumerate(preferred)}
    return sorted(found, key=lambda m: rank.get(m.path.stem, len(rank)))


def read_defaults(folder: Path) -> list[str]:
    """The names in a folder's DEFAULTS, without suffixes and comments (#); empty where there is none.

    The file is text in UTF-8, or in UTF-16 with the mark at its start that some editors write there. Raises
    ModelMismatch for what is neither, and where it cannot be read.
    """
    path = folder / "DEFAULTS"
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ModelMismatch(f"{path} cannot be read: {error.strerror}") from error
    wide = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ModelMismatch(f"{path} is not text in UTF-8")
    lines = (line.split("#")[0].strip().removesuffix(SUFFIX) for line in text.splitlines())
    return [line for line in lines if line]


def installed() -> list[Installed]:
    """Every model file on the search path in the order of preference; a tag is listed once."""
    unique: dict[bytes, Installed] = {}
    for folder in search_path():
        for model in list_folder(folder):
            unique.setdefault(model.tag, model)
    return list(unique.values())


def locate(tag: bytes) -> Installed:
    """The model file with that tag (4 bytes), unopened; ModelNotFound where it is not installed."""
    for model in installed():
        if model.tag == tag:
            return model
    raise ModelNotFound(f"model {tag.hex()} is not installed; {where_looked()}")


def find(tag: bytes, device: str = "cpu") -> Bundle:
    """Open the model file with that tag; raises ModelNotFound or, where it is damaged, ModelMismatch.

    device: where its networks run, "cpu" or what engine.find_device() gave.
    """
    return open_model(locate(tag), device)


def default(codec: str, variant: str | None = None, device: str = "cpu") -> Bundle:
    """Open the model that encodes for a codec, or for one variant of it: the first on the search path.

    device: where its networks run, "cpu" or what engine.find_device() gave. Raises ModelNotFound where there is none;
    ModelMismatch where it is damaged, or where one folder holds several and its DEFAULTS prefers none of them.
    """
    for folder in search_path():
        fitting = [m for m in list_folder(folder) if m.codec == codec and variant in (None, m.variant)]
        if not fitting:
            continue
        if len(fitting) > 1 and fitting[0].path.stem not in read_defaults(folder):
            names = ", ".join(m.path.name for m in fitting)
            raise ModelMismatch(f"{folder} holds {names}: its file DEFAULTS must name the one to encode with")
        return open_model(fitting[0], device)
    name = codec if variant is None else f"{codec}:{variant}"
    raise ModelNotFound(f"no model for {name} is installed; {where_looked()}")


def where_looked() -> str:
    return f"looked in {', '.join(map(str, search_path()))} (SCCODEC_MODELS adds folders)"


def open_model(model: Installed, device: str = "cpu") -> Bundle:
    """Open a model file; an unchanged file and unchanged settings give the same object again."""
    try:
        status = model.path.stat()
    except OSError as error:
        raise ModelNotFound(f"{model.path}: {error.strerror}") from error
    return _open(model, status.st_mtime_ns, status.st_size, Settings.from_environment(device))


@functools.lru_cache(maxsize=4)
def _open(model: Installed, mtime_ns: int, n_bytes: int, settings: Settings) -> Bundle:
    """Memoised, because the sessions of a batch are worth keeping: the arguments determine the result."""
    return Bundle(model, settings)


class Bundle:
    """An open model file. Raises ModelMismatch where the file's content is not what its name says."""

    def __init__(self, model: Installed, settings: Settings) -> None:
        from safetensors import SafetensorError, safe_open

        self.path = model.path
        self.tag = model.tag
        self.codec = model.codec
        self.variant = model.variant
        self._settings = settings
        self._networks: dict[tuple[str, bool], Runner] = {}
        try:
            with model.path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").digest()
        except OSError as error:
            raise ModelMismatch(f"{model.path} cannot be read: {error.strerror}") from error
        if digest[:TAG_BYTES] != model.tag:
            raise ModelMismatch(f"{model.path} is damaged: its SHA-256 begins with {digest[:TAG_BYTES].hex()}")
        try:
            file: Any = safe_open(model.path, "numpy")
            self.metadata: dict[str, str] = dict(file.metadata() or {})
            self.config: dict[str, Any] = json.loads(self.metadata["config"])
            self.bitstream = int(self.metadata["bitstream"])
            named = (self.metadata["codec"], self.metadata["variant"])
        except (SafetensorError, KeyError, ValueError) as error:
            raise ModelMismatch(f"{model.path} is no model file: {type(error).__name__}: {error}") from error
        if named != (model.codec, model.variant):
            raise ModelMismatch(f"{model.path} says inside that it is {named[0]}-{named[1]}")
        self._file = file
        self._names = frozenset(file.keys())

    @property
    def networks(self) -> list[str]:
        """The names that ``network`` knows."""
        return sorted(n.removeprefix(GRAPH) for n in self._names if n.startswith(GRAPH))

    def array(self, name: str) -> NDArray[Any]:
        """One stored array; ModelMismatch where the file has none of that name."""
        if name not in self._names:
            raise ModelMismatch(f"{self.path} holds no {name}")
        value: NDArray[Any] = self._file.get_tensor(name)
        return value

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """All arrays whose names start with ``prefix``, by their full names."""
        return {n: self._file.get_tensor(n) for n in sorted(self._names) if n.startswith(prefix)}

    @functools.cached_property
    def product(self) -> MatrixProduct:
        """The product of float64 matrices, for integer networks; on the CPU, whatever the device."""
        return MatrixProduct(self._settings)

    def weights(self, network: str) -> dict[str, NDArray[Any]]:
        """The weights of a network, by the names that they have in it."""
        return {n.removeprefix(f"{network}."): v for n, v in self.arrays(f"{network}.").items()}

    def network(self, name: str, *, blocked: bool = False) -> Runner:
        """A network, loaded on first use; ModelMismatch where the file has none of that name. blocked: see Network.

        On the CPU it is the file's graph, loaded for each of the two layouts that is asked for; on another device it is
        the torch module that the codec defines.
        """
        on_cpu = self._settings.device == "cpu"
        key = (name, blocked and on_cpu)
        if key not in self._networks:
            graph, weights = self.array(GRAPH + name).tobytes(), self.weights(name)
            if on_cpu:
                self._networks[key] = Network(graph, weights, self._settings, blocked=blocked)
            else:
                module = self._definition(name)
                self._networks[key] = TorchNetwork(module, weights, self._settings.device, graph_constants(graph))
        return self._networks[key]

    def _definition(self, name: str) -> nn.Module:
        """What ``build(name, config)`` of sccodec.codecs.<codec>.networks gives, for every network of a model file.

        Of segmenters, which are no codec, sccodec.networks.segmenters has it.
        The module's state_dict has the names of the file's weights. Raises ModelMismatch where there is none.
        """
        is_codec = self.codec != "segmenter"
        place = f"sccodec.codecs.{self.codec}.networks" if is_codec else "sccodec.networks.segmenters"
        definitions = importlib.import_module(place)
        try:
            module: nn.Module = definitions.build(name, self.config)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelMismatch(f"{self.path} does not say how to build {name} in torch: {error}") from error
        return module
