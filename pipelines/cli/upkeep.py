"""plan, withdraw, rollback, backup, restore: what a refresh would do, how it is undone, what survives the machine."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.common import (
    DEFAULT_DATA_DIR,
    DEFAULT_REPORTS_DIR,
    ConfigDir,
    DataDir,
    ReportsDir,
    as_json,
    data_folder,
    errors_in_words,
    month_of,
    notice,
    refuse_missing,
    say,
    secret_from,
    settings_of,
    table,
)

if TYPE_CHECKING:
    from pipelines.ingest.previewing import Previewed
    from pipelines.upkeep.planning import MonthChange, Plan
    from pipelines.upkeep.rollback import RolledBack


def plan(
    as_at: Annotated[str | None, typer.Option(help="YYYY-MM, as the refresh would be given it.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Say what a refresh would do now: files, months, definitions, people, what goes, what it costs. Writes nothing."""
    with errors_in_words():
        from pipelines.folders import DataFolder
        from pipelines.upkeep.planning import plan as plan_of

        # Not prepared: that would make folders.
        refuse_missing(data_dir)
        found = plan_of(DataFolder(data_dir), settings_of(config_dir, data_dir), month_of(as_at, "--as-at"))
        if json:
            as_json(found)
        else:
            _say_plan(found)


def rollback(
    to: Annotated[str, typer.Argument(help="A snapshot or a run, as 'opioids snapshots' and 'opioids runs' write it.")],
    keep_deliveries: Annotated[
        bool, typer.Option("--keep-deliveries", help="Leave later deliveries: the next refresh brings them again.")
    ] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Leave the reports as they are.")] = False,
    user: Annotated[str | None, typer.Option(help="Who asks, where it is not the account that runs this.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Go back to a publication that is kept, and take back what was delivered since; or forward again."""
    with errors_in_words():
        from pipelines.upkeep.rollback import roll_back

        done = roll_back(
            data_folder(data_dir),
            to.strip(),
            settings_of(config_dir, data_dir),
            reports_dir,
            keep_deliveries=keep_deliveries,
            with_report=not no_report,
            user=user,
        )
        _say_rolled_back(done, reports_dir, keep_deliveries)


def withdraw(
    files: Annotated[list[str], typer.Argument(help="Names of added files, or the beginnings of their SHA-256.")],
    user: Annotated[str | None, typer.Option(help="Who asks, where it is not the account that runs this.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Take back files that were added by mistake: no refresh takes them in. 'opioids add --again' undoes it."""
    with errors_in_words():
        from pipelines.upkeep.withdrawing import withdraw as take_back

        done = take_back(data_folder(data_dir), files, user)
        _block("Withdrawn: no refresh takes these in again", (file.file_name for file in done.files))
        for freed in done.freed:
            month = f"{freed.month:%Y-%m} of {freed.source}" if freed.month else freed.source
            stands = f"{', '.join(freed.held_by)} counts again" if freed.held_by else "no other file holds it"
            say(f"  {month}: {stands}")
        if done.freed:
            say("What is published stays until the next 'opioids refresh'.")


def _say_rolled_back(done: "RolledBack", reports_dir: Path, keep_deliveries: bool) -> None:
    if done.came_from == done.snapshot.snapshot_id:
        say(f"Current as before: snapshot {done.snapshot.snapshot_id}")
    else:
        say(f"Current now: snapshot {done.snapshot.snapshot_id} (was {done.came_from})")
        say(f"Undone by: opioids rollback {done.came_from}, while that is kept")
    _block("Withdrawn: no refresh takes these in again", (file.file_name for file in done.withdrawn))
    _block("Counting again", (file.file_name for file in done.restored))
    if keep_deliveries:
        notice("Later deliveries were left as they are: the next refresh publishes them again.")
    for file in done.reports:
        say(f"Report: {file}")
    if done.holds_opted_out:
        notice("It holds people who have opted out since: 'opioids refresh' publishes the same months without them.")
    if done.stale_reports:
        notice(f"The reports in {reports_dir} are stale, they are of {done.came_from} ({done.stale_reports}).")
    elif done.reports and done.came_from != done.snapshot.snapshot_id:
        notice(f"What was checked (data-docs/) is still that of {done.came_from}.")


def backup(
    out: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")],
    without_snapshot: Annotated[
        bool, typer.Option("--without-snapshot", help="Leave the publication out: a refresh builds it again.")
    ] = False,
    with_originals: Annotated[
        bool, typer.Option("--with-originals", help="Also the originals of all files, which may be large.")
    ] = False,
    user: Annotated[str | None, typer.Option(help="Who asks, where it is not the account that runs this.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Write everything that cannot be fetched again to one encrypted file, without the pseudonymisation key.

    The password comes from OPIOIDS_BACKUP_PASSWORD, or is asked for.
    """
    with errors_in_words():
        from pipelines.release.sealing import refuse_weak
        from pipelines.upkeep.backup import PASSWORD_VARIABLE, back_up

        data = data_folder(data_dir)
        password = secret_from(PASSWORD_VARIABLE, "Password for the backup: ", twice=True)
        refuse_weak(password)
        contents = back_up(
            data, out, password, with_snapshot=not without_snapshot, with_originals=with_originals, user=user
        )
        say(f"{out}: {len(contents.files)} file(s), {out.stat().st_size / 1024**2:,.1f} MiB, encrypted (age v1)")
        if contents.key_id:
            notice(f"It is of use with key {contents.key_id} alone, which is not in it: back that up apart from it.")
        notice("It holds NHS numbers. Keep it closed, and as long as you may keep those.")


def restore(
    file: Annotated[Path, typer.Argument(help="A backup.")],
    user: Annotated[str | None, typer.Option(help="Who asks, where it is not the account that runs this.")] = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Make an empty data folder what it was when a backup was made. Needs the key and the password of then."""
    with errors_in_words():
        from pipelines.upkeep.backup import PASSWORD_VARIABLE
        from pipelines.upkeep.backup import restore as restore_from

        data = data_folder(data_dir, may_be_new=True)
        contents = restore_from(file, data, secret_from(PASSWORD_VARIABLE, "Password of the backup: "), user)
        say(f"{data.root}: {len(contents.files)} file(s) as on {contents.made_at[:10]}, every hash as it was")
        if contents.snapshot_id:
            say(f"Published as then: snapshot {contents.snapshot_id}. Reports come with the next 'opioids refresh'.")
        else:
            say("Nothing is published in it: run 'opioids refresh'.")
        notice("Who was erased, or opted out, after it was made is in it again: erase them, import the list again.")


def _say_plan(found: "Plan") -> None:
    _block("A refresh would stop", found.would_stop)
    _block("Know first", found.notes)
    if not found.is_complete:
        return
    _block("In incoming/", (_file_line(file) for file in found.waiting))
    _block("Registered, not landed yet", (_file_line(file) for file in found.not_landed))
    _block("Landed anew, under other rules", found.landed_anew)
    if found.months:
        say("Months, in rows that count")
        table(("source", "month", "", "now", "then", "from"), [_month_row(change) for change in found.months])
    _block("Another definition than at the last publication", found.definitions)
    say(f"Waiting for the next build: {found.reviews_waiting} review(s), {found.opt_outs_waiting} opt-out(s).")
    if found.published_snapshot is None:
        say("Nothing is published yet.")
    elif found.would_change:
        say(f"The snapshot would be another one than {found.published_snapshot}.")
    else:
        say(f"The snapshot would be {found.published_snapshot} again: nothing that decides it has changed.")
    going = (
        ("original(s) of patients' files", found.originals_to_go),
        ("refused file(s)", found.refused_to_go),
        ("older snapshot(s)", found.snapshots_to_go),
    )
    _block("Would be removed at its end", (f"{len(each)} {what}: {', '.join(each)}" for what, each in going if each))
    if found.usual_seconds is not None:
        say(f"It took {_duration(found.usual_seconds)} of late (median of {found.learnt_from_runs} run(s)).")
    say(f"It may need {found.bytes_needed / 1024**2:,.0f} MiB of disk. Nothing was written.")


def _block(heading: str, lines: Iterable[str]) -> None:
    shown = list(lines)
    if shown:
        say(heading)
        for line in shown:
            say(f"  {line}")


def _file_line(file: "Previewed") -> str:
    if file.is_known:
        return f"{file.file_name}: known already, nothing to do. {file.refused}".rstrip()
    if file.refused:
        return f"{file.file_name}: would be refused. {file.refused}"
    if file.months is None:
        return f"{file.file_name}: {file.layout or 'layout not known yet'}; {file.months_unknown}"
    read = sum(month.rows_read for month in file.months)
    months = [month.month for month in file.months if month.month]
    span = f", {min(months):%Y-%m} to {max(months):%Y-%m}" if months else ""
    return f"{file.file_name}: {file.layout}, {read:,} row(s){span}"


def _month_row(change: "MonthChange") -> tuple[str, ...]:
    month = f"{change.month:%Y-%m}" if change.month else "none"
    now = "" if change.state == "new" else f"{change.rows_now:,}"
    return change.source, month, change.state, now, f"{change.rows_then:,}", ", ".join(change.files)


def _duration(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds < 120 else f"{seconds / 60:,.0f} min"
