"""`python -m bench [NAME ...]`: measured figures, each beside its floor, as a Markdown table.

Figures depend on the machine and on what else it does, which the first line says; nothing here passes or
fails by a time. A count that is not what it must be ends the command with 1. The engines' comparison is
`python -m bench.engines`, the score's figures `python -m bench.score`.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import sys
from collections.abc import Iterable, Iterator

from bench.figures import HEAD, Figure
from bench.ground import ground, noise

NAMES = ("receiver", "sync", "workers", "growth", "rescore", "write")


def main() -> int:
    """Run the named benches, or all. Returns 1 when a count missed its target, and says which."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    asked = parser.parse_args().names or NAMES
    logging.basicConfig(level=logging.ERROR)
    return show(figure for name in asked for figure in _figures(name))


def show(figures: Iterable[Figure]) -> int:
    """Print the table as its lines come, then what missed: 1 where anything did."""
    print(HEAD, flush=True)
    missed = []
    for figure in figures:
        print(figure.line(), flush=True)
        if figure.missed:
            missed.append(f"missed: {figure.name}: {figure.missed}")
    for line in missed:
        print(line, file=sys.stderr, flush=True)
    return 1 if missed else 0


def _figures(name: str) -> Iterator[Figure]:
    with ground() as place:
        yield Figure(f"**{name}**, {noise()}", "")
        yield from importlib.import_module(f"bench.{name}").run(place)


if __name__ == "__main__":
    sys.exit(main())
