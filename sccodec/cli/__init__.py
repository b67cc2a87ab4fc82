"""The command `sccodec`: one click command a file; the only code that prints or exits.

Exit codes: 0; 1 for anything that failed, with one line on standard error for each file; 2 for wrong usage;
130 where it was interrupted. Setting SCCODEC_DEBUG lets exceptions through with their traceback.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from sccodec import __version__
from sccodec.cli import _streams
from sccodec.cli._report import fail, one_line
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
    _streams.settle()
    # numpy starts a thread a core when it is imported, which costs more than the small products here gain from them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        code = root.main(args, prog_name="sccodec", standalone_mode=False)
    except click.UsageError as error:
        with contextlib.suppress(OSError):
            click.UsageError(one_line(error.format_message()), error.ctx).show()
        code = error.exit_code
    except click.ClickException as error:
        code = fail(error.format_message())
    except (Interrupted, KeyboardInterrupt, click.Abort):
        fail("interrupted")
        code = 130
    except BrokenPipeError:
        code = 1  # whoever read the output has gone
    except Exception as error:
        if grew_out_of_interrupt(error):
            fail("interrupted")
            code = 130
        elif os.environ.get("SCCODEC_DEBUG"):
            raise
        else:
            code = fail(describe(error))
    sys.exit(_streams.finish(code if isinstance(code, int) else 0))


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
