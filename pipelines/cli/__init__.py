"""The command line: the only place that prints, exits, and maps an error to its exit code."""

from pipelines.cli.main import main

__all__ = ["main"]
