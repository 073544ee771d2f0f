"""`python -m jobs NAME`: one file per job; see `--help` of each."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from types import ModuleType

from app.domain.errors import BadConfig, SaviaError
from jobs.console import Console

NAMES = (
    "all", "absorb", "check", "clock", "experiment", "explain", "import_attendance", "migrate", "model",
    "pause", "power", "quarantine", "reconcile", "replay", "rescore", "resume", "score", "setup", "sync",
    "train", "undo", "worker", "write_back",
)  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run one job. The exit code is 0 for done, 1 for a fault a person must mend, 2 for wrong usage, 3 where
    `train` leaves what scores now in its place.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    wanted = next((word for word in arguments if not word.startswith("-")), "")
    modules = [_load(name) for name in ((wanted,) if wanted in NAMES else NAMES)]
    args = _parser(modules).parse_args(arguments)
    console = Console(as_json=getattr(args, "json", False))
    try:
        return int(args.run(args, console))
    except BadConfig as error:
        for fault in error.faults:
            console.error(str(fault))
        return 1
    except SaviaError as error:
        console.error(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def _load(name: str) -> ModuleType:
    """One job's module; only the wanted one is imported, so that a small job stays small."""
    return importlib.import_module(f"jobs.{'supervise' if name == 'all' else name}")


def _parser(modules: Sequence[ModuleType]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m jobs", description="The jobs of Savia.")
    commands = parser.add_subparsers(metavar="NAME", required=True)
    for module in modules:
        command = commands.add_parser(module.NAME, help=module.HELP, description=module.HELP)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
