"""The measured choice of the job engine: `python -m bench.engines`."""
