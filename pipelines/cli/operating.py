"""status, runs, snapshots, doctor, serve: how the unattended job stands, for the person who answers for it."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import typer

from pipelines.cli.common import (
    DEFAULT_DATA_DIR,
    DEFAULT_REPORTS_DIR,
    ConfigDir,
    DataDir,
    ReportsDir,
    as_json,
    config_dir_of,
    data_folder,
    errors_in_words,
    month_of,
    say,
    settings_of,
    table,
)


class ServedFlow(StrEnum):
    """What `serve` runs on schedule."""

    refresh = "refresh"
    monthly = "monthly"


AsJson = Annotated[bool, typer.Option("--json", help="Answer as JSON.")]


def status(
    json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """What is published, how the last run ended, and what waits."""
    with errors_in_words():
        from pipelines.upkeep.history import status as status_of

        found = status_of(data_folder(data_dir))
        if json:
            as_json(found)
            return
        say(f"Folder     {data_dir.resolve()}")
        if found.snapshot_id:
            say(f"Published  snapshot {found.snapshot_id}, {_time(found.published_at)}")
            say(f"Data       patients to {_month(found.newest_patient_month)}, EPD to {_month(found.newest_epd_month)}")
        else:
            say("Published  nothing yet")
        if found.last_run:
            said = f": {found.last_run.message}" if found.last_run.message else ""
            say(f"Last run   {found.last_run.outcome}{said} ({found.last_run.run_id})")
        if found.is_running:
            say("Now        a refresh is running")
        say(
            f"Waiting    {found.waiting_in_incoming} file(s) in incoming/, {found.registered_not_landed} registered "
            f"and not landed, {found.refused_in_incoming} refused"
        )


def runs(
    last: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Every refresh with its outcome, newest first."""
    with errors_in_words():
        from pipelines.upkeep.history import known_runs

        found = known_runs(data_folder(data_dir))[::-1][:last]
        if json:
            as_json(found)
            return
        table(
            ("run", "started", "took", "outcome", "snapshot", "message"),
            [
                (
                    run.run_id,
                    _time(run.started_at),
                    _seconds(run.started_at, run.finished_at),
                    run.outcome,
                    run.snapshot_id or "",
                    run.message or "",
                )
                for run in found
            ],
        )


def snapshots(
    json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """The published warehouses that are kept; the current one is marked."""
    with errors_in_words():
        from pipelines.upkeep.history import kept_snapshots

        found = kept_snapshots(data_folder(data_dir))
        if json:
            as_json(found)
            return
        table(
            ("", "snapshot", "published", "run", "MiB"),
            [
                (
                    "current" if kept.is_current else "",
                    kept.snapshot_id,
                    _time(kept.published_at),
                    kept.run_id or "",
                    f"{kept.size_bytes / 1024**2:,.1f}",
                )
                for kept in found
            ],
        )


def doctor(
    json: AsJson = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Look for what would stop an unattended refresh, and say how to mend it. Ends with 1 where there is a fault."""
    with errors_in_words():
        from pipelines.folders import DataFolder
        from pipelines.upkeep.doctor import examine

        # Not prepared: a folder that is open to others is a finding here, not a reason to stop.
        found = examine(DataFolder(data_dir), config_dir_of(config_dir, data_dir))
        if json:
            as_json(found)
        else:
            for finding in found:
                say(f"{finding.state.upper():<6} {finding.subject}: {finding.found}")
                if finding.remedy and finding.state != "ok":
                    say(f"       → {finding.remedy}")
        if any(finding.state == "fault" for finding in found):
            raise typer.Exit(1)


def serve(
    flow: Annotated[
        ServedFlow, typer.Option(help="What is run: refresh, or monthly, which downloads open data before it.")
    ] = ServedFlow.refresh,
    epd_from: Annotated[
        str | None, typer.Option(help="With --flow monthly: download EPD from this month on, YYYY-MM.")
    ] = None,
    cron: Annotated[str, typer.Option(help="When, as five cron fields.")] = "0 6 15 * *",
    timezone: Annotated[str, typer.Option(help="Whose clock the schedule follows.")] = "Europe/London",
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Stay and run a flow on schedule, one run at a time. Needs a Prefect server on this machine."""
    import os

    with errors_in_words():
        from pipelines.errors import UsageError

        if not os.environ.get("PREFECT_API_URL"):
            raise UsageError(
                "No Prefect server is named.",
                "PREFECT_API_URL is not set.",
                "Start one with 'prefect server start --host 127.0.0.1', then set "
                "PREFECT_API_URL=http://127.0.0.1:4200/api. Without a server, put 'opioids refresh' into cron.",
            )
        settings_of(config_dir, data_dir)
        first = month_of(epd_from, "--epd-from")
        if first and flow is not ServedFlow.monthly:
            raise UsageError(
                "Only --flow monthly downloads anything.", f"--epd-from {epd_from}.", "Add --flow monthly."
            )
        parameters = {
            "data_dir": str(data_folder(data_dir, may_be_new=True).root.resolve()),
            "reports_dir": str(reports_dir.resolve()),
            "config_dir": str(config_dir.resolve()) if config_dir else None,
        }
        from pipelines.flows import serve_flow

        serve_flow(flow.value, cron, timezone, parameters | ({"epd_from": epd_from} if first else {}))


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def _month(month: date | None) -> str:
    return f"{month:%Y-%m}" if month else "none"


def _seconds(start: datetime, end: datetime | None) -> str:
    return f"{(end - start).total_seconds():,.0f} s" if end else ""
