"""The engine that the settings ask for."""

from pathlib import Path

from pipelines.config import PipelineSettings
from pipelines.engine.base import Engine
from pipelines.engine.duckdb import DuckDBEngine


def refuse_engine_that_is_not_there(settings: PipelineSettings) -> None:
    """Raise UsageError where Spark is asked for and not installed: before an hour has gone into landing."""
    if settings.engine == "spark":
        from pipelines.engine.spark import running_session

        running_session()


def open_engine(settings: PipelineSettings, work_folder: Path, build: str) -> Engine:
    """A new engine for one build, whose passing files lie in `work_folder` and are called `build`.

    Raises UsageError where Spark is asked for and cannot be had.
    """
    if settings.engine == "spark":
        # An extra: whoever does not ask for it needs neither the libraries nor Java.
        from pipelines.engine.spark import open_spark_engine

        return open_spark_engine(settings, work_folder, build)
    return DuckDBEngine(
        work_folder / f"{build}.duckdb",
        work_folder,
        memory_limit=settings.memory_limit,
        spill_limit=settings.spill_limit,
        threads=settings.threads,
    )
