"""Several files through one function: one that fails is reported, and the others are still done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import click

from sccodec.cli import _files, _streams
from sccodec.cli._report import Reporter, one_line, reporting
from sccodec.errors import SccodecError

Command = TypeVar("Command", bound=Callable[..., object])
Job = TypeVar("Job")


def inputs(what: str) -> Callable[[Command], Command]:
    """The argument INPUTS, one at least; standard input is "-" there, by whichever name it was given."""

    def check(ctx: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
        names = _files.checked_names(value)
        if names.count(_files.STREAM) > 1:
            raise click.UsageError("standard input can be read once only", ctx)
        return tuple(names)

    return click.argument("inputs", nargs=-1, required=True, metavar=what, callback=check)


def outputs(command: Command) -> Command:
    """The options -o and --force."""
    force = click.option("--force", "-f", is_flag=True, help="Overwrite outputs that exist.")
    output = click.option("-o", "--output", metavar="PATH", help="File, folder, or - for standard output.")
    return output(force(command))


def as_json(command: Command) -> Command:
    """The option --json."""
    option = click.option("--json", "json_", is_flag=True, help="Print JSON: an object, or a list for several.")
    return option(command)


def run(
    jobs: Sequence[Job],
    name: Callable[[Job], str],
    work: Callable[[Job, Reporter], object],
    *,
    collect_json: bool = False,
) -> int:
    """Call work on each job; gives the exit code.

    What work returns is printed as JSON in the end if collect_json, an object for one job and a list for
    several; for a job that failed it is an object with `file` and `error`. An error counts against its own job only.
    A list that work returns counts as several: of parts of the job, of which those with an `error` have failed.
    """
    # Imported here, not above: the package sccodec.cli imports this module's neighbours while it starts.
    from sccodec.cli import describe, grew_out_of_interrupt

    failed = False
    results: list[object] = []
    with _streams.quiet_libraries(), reporting(len(jobs)) as (reporter, advance):
        for job in jobs:
            try:
                found = work(job, reporter)
                results += found if isinstance(found, list) else [found]
                failed = failed or (isinstance(found, list) and any("error" in part for part in found))
            except (BrokenPipeError, click.ClickException):
                raise
            except Exception as error:
                if grew_out_of_interrupt(error) or (_is_unforeseen(error) and os.environ.get("SCCODEC_DEBUG")):
                    raise
                message = describe(error).removeprefix(f"{name(job)}: ")
                if isinstance(error, OSError) and error.strerror and _is_about(error, name(job)):
                    message = error.strerror  # the job's name says already which file
                reporter.error(f"{name(job)}: {message}")
                results.append(_failure(name(job), message))
                failed = True
            advance()
    if collect_json:
        _say_json(results)
    return int(failed)


@contextmanager
def failing_as_json(inputs: Sequence[str], *, collect_json: bool) -> Iterator[None]:
    """Print what fails before the first job as JSON too, against each input if there are any; the error goes on."""
    from sccodec.cli import describe

    try:
        yield
    except (SccodecError, OSError, MemoryError) as error:
        if collect_json:
            message = one_line(describe(error))
            _say_json([_failure(source_name(one), message) for one in inputs] or [{"error": message}])
        raise


def _say_json(results: Sequence[object]) -> None:
    _streams.say(json.dumps(results if len(results) > 1 else results[0], indent=2))


def _failure(name: str, message: str) -> dict[str, str]:
    return {"file": name, "error": message}


def _is_unforeseen(error: Exception) -> bool:
    return not isinstance(error, SccodecError | OSError | MemoryError)


def _is_about(error: OSError, job: str) -> bool:
    """Whether the error names the job's own file, or none; it may be about its output, or a model file."""
    return not error.filename or Path(str(error.filename)) == Path(job)


def source_name(source: str) -> str:
    """An input as messages name it."""
    return "standard input" if source == _files.STREAM else source
