"""Invented extracts of every source, from a population whose true doses are known."""

from pipelines.synthetic.extract import write_extract

__all__ = ["write_extract"]
