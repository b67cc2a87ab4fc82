"""The command `sccodec`: one click command a file; the only code that prints or exits.

Exit codes: 0; 1 for anything that failed, with one line on standard error for each file; 2 for wrong usage;
130 where it was interrupted. Setting SCCODEC_DEBUG lets exceptions through with their traceback.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from sccodec import __version__
from sccodec.cli._report import fail
from sccodec.errors import SccodecError


class Interrupted(Exception):
    """Control-C, before click makes something of its own of it."""


class Commands(click.Group):
    """Finds commands by listing this folder: `foo.py` holds the command `foo`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        found = importlib.import_module(f"sccodec.cli.{cmd_name}").command
        assert isinstance(found, click.Command)
        return found

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def root() -> None:
    """Encode pictures into a few hundred bytes, and decode them, with trained networks."""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; never a traceback."""
    open_closed_streams()
    # numpy starts a thread a core when it is imported, which costs more than the small products here gain from them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = root.main(args, prog_name="sccodec", standalone_mode=False)
        sys.stdout.flush()
    except click.UsageError as error:
        error.show()
        code = error.exit_code
    except click.ClickException as error:
        code = fail(error.format_message())
    except (Interrupted, KeyboardInterrupt, click.Abort):
        fail("interrupted")
        code = 130
    except BrokenPipeError:
        # Whoever read the output has gone; python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        if grew_out_of_interrupt(error):
            fail("interrupted")
            code = 130
        elif os.environ.get("SCCODEC_DEBUG"):
            raise
        else:
            code = fail(describe(error))
    sys.exit(code if isinstance(code, int) else 0)


def open_closed_streams() -> None:
    """Stand in for standard streams that were closed before the start: python has None in their place.

    Files opened later would otherwise get their numbers, and whatever libraries print there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115  # open to the end, like the others


def grew_out_of_interrupt(error: BaseException | None) -> bool:
    """Whether Control-C is behind it: compiled modules that it stops during import raise ImportError."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def describe(error: Exception) -> str:
    """One line for a person."""
    if isinstance(error, SccodecError):
        return str(error)
    if isinstance(error, MemoryError):
        return "out of memory"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    return f"internal error, please report it: {type(error).__name__}: {error}"
