"""Where a command reads and writes: names of outputs, refusals before any work, whole files or none.

Inputs that can be read once only - pipes, sockets, devices - are read once, into memory, up to MAX_FILE_BYTES.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import click

from sccodec.cli import _streams
from sccodec.errors import BadInput, NotScc, TooLarge
from sccodec.whole import create

STREAM = "-"
MAX_FILE_BYTES = 2**30
"""Bound on what is read into memory at once: a file to decode, standard input, a pipe, a device."""
_NAMES_OF_INPUT = ("/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
_DESCRIPTOR = re.compile(r"/dev/fd/(\d+)|/proc/(?:self|thread-self|\d+)/fd/\d+")


@dataclass(frozen=True)
class Job:
    """One file to turn into another; None stands for standard input and for standard output.

    force: whether what is at the target may be replaced.
    """

    source: Path | None
    target: Path | None
    force: bool = False

    @property
    def name(self) -> str:
        """The input, for messages."""
        return "standard input" if self.source is None else str(self.source)


def plan(
    inputs: Sequence[str],
    output: str | None,
    default_name: Callable[[str], str],
    *,
    force: bool,
    also_read: Sequence[str] = (),
    several: bool = False,
    in_folder: Callable[[str], str] | None = None,
) -> list[Job]:
    """Pair inputs with outputs; default_name turns an input's stem into the name of its output.

    also_read: further files that no output may replace. several: whether the inputs are several in any case, as those
    of a folder are. in_folder: from an input to the name that its output has in a folder that the user named, below
    which there may be others; default_name's otherwise.

    The output is a file, a folder (one that exists, or ends with a separator, or takes several inputs), "-",
    or None for a file beside the input. Raises click.UsageError and BadInput before anything is read.
    """
    inputs, also_read = checked_names(inputs), checked_names(also_read)
    if [*inputs, *also_read].count(STREAM) > 1:
        raise click.UsageError("standard input can be read once only")
    if output == "":
        raise click.UsageError("the name of the output is empty")
    several = several or len(inputs) > 1
    if output is not None and _is_standard_output(output):
        output = STREAM  # by whichever name: /dev/stdout, /proc/self/fd/1
    if several and output == STREAM:
        raise click.UsageError("several files cannot be written to standard output; give a folder with -o")
    if several and output is None and any(_is_nameless(name) for name in inputs):
        raise click.UsageError("standard input among several files needs a folder for the outputs; give it with -o")
    folder: Path | None = None
    if output is not None and output != STREAM:
        separators = tuple(s for s in (os.sep, os.altsep) if s)
        if several or output.endswith(separators) or Path(output).is_dir():
            folder = Path(output)
            if folder.exists() and not folder.is_dir():
                raise click.UsageError(f"{output!r} is a file, and not a folder for the outputs")
    jobs = [_job(name, output, folder, default_name, force=force) for name in inputs]
    if folder is not None and in_folder is not None:
        jobs = [replace(job, target=folder / in_folder(name)) for job, name in zip(jobs, inputs, strict=True)]
    _refuse_clashes(jobs, also_read, force=force)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for job in jobs:
            assert job.target is not None
            job.target.parent.mkdir(parents=True, exist_ok=True)
    return jobs


def stem_of(name: str) -> str:
    """What an input gives its output of its own name; inputs that have none are called by their descriptors."""
    if name == STREAM:
        return "stdin"
    return f"fd{Path(name).name}" if _is_nameless(name) else Path(name).stem


def retarget(job: Job, target: Path, also_read: Sequence[str]) -> Job:
    """The job with another output; raises BadInput for one that exists, without force, or that is read."""
    changed = replace(job, target=target)
    _refuse_clashes([changed], checked_names(also_read), force=job.force)
    return changed


def checked_names(names: Sequence[str]) -> list[str]:
    """Inputs as the user named them, with "-" for every name of standard input; raises click.UsageError for none."""
    if "" in names:
        raise click.UsageError("the name of an input is empty")
    return [STREAM if os.path.normpath(name) in _NAMES_OF_INPUT else name for name in names]


def read_stream(source: Path | None) -> bytes:
    """The bytes of a file to decode, or of standard input; raises NotScc, TooLarge or BadInput.

    A file of another format is refused by its first bytes, however large it is.
    """
    if source is None:
        return _read_recognised(sys.stdin.buffer)
    with _open(source) as file:
        return _read_recognised(file)


def read_source(name: str) -> bytes:
    """The bytes of a file to decode by its name on the command line, "-" for standard input."""
    (name,) = checked_names([name])
    return read_stream(None if name == STREAM else Path(name))


def read_picture(source: Path | None) -> Path | bytes:
    """What image.load() is to read: the path of a file, or the bytes of what can be read once only.

    Raises BadInput beyond MAX_FILE_BYTES.
    """
    if source is None:
        return read_standard_input()
    if not is_special(source) or source.is_dir():
        return source
    with _open(source) as file:
        return _read_all(file, "it")


def read_standard_input() -> bytes:
    """All of standard input; raises BadInput beyond MAX_FILE_BYTES."""
    return _read_all(sys.stdin.buffer, "standard input")


def write(target: Path | None, data: bytes, *, force: bool = True) -> None:
    """Write a whole file or none: under a temporary name beside it, then renamed. None is standard output.

    force: replace what is there; without, a file that came to be there since the plan was made stays, and the error is
    BadInput. An OSError names the target, never the temporary file.
    """
    if target is None:
        _streams.write(data)
        return
    try:
        if is_special(target):
            target.write_bytes(data)
        elif force:
            _put(_resolved(target), data, Path.replace)  # a link stays a link
        else:
            _put(target, data, create)
    except FileExistsError:
        raise BadInput(f"{target}: exists; --force overwrites it") from None
    except OSError as error:
        error.filename, error.filename2 = str(target), None
        raise


def is_special(path: Path) -> bool:
    """Whether the path is a device, a pipe or a folder: nothing that a rename could replace."""
    return path.exists() and not path.is_file()


def _put(place: Path, data: bytes, publish: Callable[[Path, Path], object]) -> None:
    """Write a temporary file beside the place, and publish it there."""
    # 40 characters are at most 160 bytes: with the rest below the 255 that a name may have.
    temporary = place.with_name(f".{place.name[:40]}.{os.urandom(4).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        if place.exists():
            temporary.chmod(stat.S_IMODE(place.stat().st_mode))
        publish(temporary, place)
    finally:
        temporary.unlink(missing_ok=True)


def _resolved(target: Path) -> Path:
    """The file that a name stands for, through links; raises OSError for links that lead to one another."""
    place = Path(os.path.realpath(target))
    if place.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return place


def _open(source: Path) -> BinaryIO:
    """A file, or a descriptor that this process was given: a socket's cannot be opened by its name."""
    given = _DESCRIPTOR.fullmatch(os.path.normpath(source))
    if given and given[1] and not source.is_file():
        return os.fdopen(os.dup(int(given[1])), "rb")
    return source.open("rb")


def _read_all(file: BinaryIO, name: str) -> bytes:
    data = _streams.read(file, MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise BadInput(f"{name} is larger than {MAX_FILE_BYTES} bytes, the limit for what is not a file on disk")
    return data


def _read_recognised(file: BinaryIO) -> bytes:
    from sccodec.api import recognise
    from sccodec.formats.files import START_BYTES

    start = _streams.read(file, START_BYTES)
    if start and recognise(start) is None:
        raise NotScc
    data = start + _streams.read(file, MAX_FILE_BYTES)
    if len(data) > MAX_FILE_BYTES:
        raise TooLarge(f"the file is larger than {MAX_FILE_BYTES} bytes")
    return data


def _is_nameless(name: str) -> bool:
    """Whether an input is standard input or another descriptor, as a shell's <(...) is: it has no folder of its own."""
    return name == STREAM or _DESCRIPTOR.fullmatch(os.path.normpath(name)) is not None


def _job(name: str, output: str | None, folder: Path | None, default_name: Callable[[str], str], *, force: bool) -> Job:
    source = None if name == STREAM else Path(name)
    if output == STREAM or (_is_nameless(name) and output is None):
        if sys.stdout.isatty():
            raise click.UsageError("binary data is not written to a terminal; name a file with -o")
        return Job(source, None)
    if output is not None and folder is None:
        return Job(source, Path(output), force)
    own = default_name(stem_of(name))
    if folder is not None:
        return Job(source, folder / own, force)
    assert source is not None
    return Job(source, source.parent / own, force)


def _refuse_clashes(jobs: Sequence[Job], also_read: Sequence[str], *, force: bool) -> None:
    """No output may be an input, nor another output, nor (without force) an existing file."""
    sources = {_identity(job.source) for job in jobs if job.source}
    sources |= {_identity(Path(name)) for name in also_read if name != STREAM}
    targets: set[object] = set()
    for job in jobs:
        if job.target is None:
            continue
        special = is_special(job.target)
        if special and job.target.is_dir():
            raise BadInput(f"{job.target}: is a folder")
        identity = _identity(job.target)
        if identity in sources:
            raise BadInput(f"{job.target}: is an input, and is not overwritten; choose another output with -o")
        if identity in targets and not special:
            raise BadInput(f"{job.target}: several inputs would be written to it")
        targets.add(identity)
        if os.path.lexists(job.target) and not special and not force:
            raise BadInput(f"{job.target}: exists; --force overwrites it")


def _is_standard_output(name: str) -> bool:
    if isinstance(sys.stdout, _streams.ClosedOutput):
        return False
    try:
        return os.path.samestat(os.stat(name), os.fstat(sys.stdout.fileno()))  # noqa: PTH116
    except (OSError, ValueError):
        return False  # no such file, or no descriptor behind standard output


def _identity(path: Path) -> object:
    """Equal for two names of one file, by links of either kind."""
    real = os.path.realpath(path)  # as write() resolves it, even through folders that do not exist
    try:
        status = os.stat(real)  # noqa: PTH116
    except OSError:
        return real
    return status.st_dev, status.st_ino
