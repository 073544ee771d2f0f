"""One worker process of one engine: `python -m bench.engines.work ENGINE URL LEDGER HOW KEPT AT_ONCE`."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from bench.engines.rig import engine
from bench.engines.trials import Ledger

if __name__ == "__main__":
    name, url, ledger, how, kept, at_once = sys.argv[1:]
    logging.basicConfig(level=logging.WARNING)
    engine(name).work(url, Ledger(Path(ledger)), how, kept == "kept", int(at_once))
