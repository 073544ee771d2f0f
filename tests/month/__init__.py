"""A month in the life of an installation, played in story time and judged by the sandbox alone."""
