"""`python -m bench [NAME ...]`: measured figures, each beside its floor, as a Markdown table.

Figures depend on the machine and on what else it does, which the first line says; nothing here passes or
fails by a time. The engines' comparison is `python -m bench.engines`, the score's figures `python -m
bench.score`.
"""

from __future__ import annotations

import argparse
import importlib
import logging
from collections.abc import Iterator

from bench.figures import HEAD, Figure
from bench.ground import ground, noise

NAMES = ("receiver", "sync", "workers", "growth", "rescore", "write")


def main() -> None:
    """Run the named benches, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    asked = parser.parse_args().names or NAMES
    logging.basicConfig(level=logging.ERROR)
    print(HEAD, flush=True)
    for name in asked:
        for figure in _figures(name):
            print(figure.line(), flush=True)


def _figures(name: str) -> Iterator[Figure]:
    with ground() as place:
        yield Figure(f"**{name}**, {noise()}", "")
        yield from importlib.import_module(f"bench.{name}").run(place)


if __name__ == "__main__":
    main()
