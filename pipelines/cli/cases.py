"""case-list, referral-list, match-list: whom to review, whom to refer, and who is on somebody else's list."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli.common import (
    DEFAULT_DATA_DIR,
    DEFAULT_REPORTS_DIR,
    ConfigDir,
    DataDir,
    ReportsDir,
    data_folder,
    errors_in_words,
    notice,
    say,
    secret_from,
)

if TYPE_CHECKING:
    from pipelines.release import ListRequest

Practice = Annotated[str | None, typer.Option(help="Practice code.")]
Pcn = Annotated[str | None, typer.Option(help="PCN code.")]
Unallocated = Annotated[bool, typer.Option("--unallocated", help="The people who belong to no practice.")]
Out = Annotated[
    Path,
    typer.Option(
        help="Encrypted .xlsx, wherever you like; or .csv or .parquet with pseudonyms, below the data folder."
    ),
]
Purpose = Annotated[str, typer.Option(help="What the list is for; kept in the audit.")]
Role = Annotated[
    str, typer.Option(help="Yours: 'direct care', 'commissioned review', 'analysis' or 'service management'.")
]
User = Annotated[str | None, typer.Option(help="Who asks, where it is not the account that runs this.")]
Numbers = Annotated[
    bool,
    typer.Option(
        "--with-nhs-numbers", help="NHS numbers, for direct care or a commissioned review alone; else pseudonyms."
    ),
]


def case_list(
    out: Out,
    purpose: Purpose,
    role: Role,
    practice: Practice = None,
    pcn: Pcn = None,
    unallocated: Unallocated = False,
    cohort: Annotated[list[str] | None, typer.Option(help="Only people in this cohort; may be given again.")] = None,
    top: Annotated[int | None, typer.Option(help="Only the first so many, in the order of the list.")] = None,
    with_nhs_numbers: Numbers = False,
    user: User = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Write the case-finding list: one row a person, most urgent first.

    A workbook is encrypted under the password in OPIOIDS_LIST_PASSWORD, or the one you are asked for.
    """
    with errors_in_words():
        from pipelines.release import Asked, ListRequest

        request = ListRequest(
            "case-list",
            Asked(practice, pcn, unallocated),
            out,
            purpose,
            role,
            user,
            new_password,
            with_nhs_numbers,
            tuple(cohort or ()),
            top,
        )
        _release(request, data_dir)


def referral_list(
    out: Out,
    purpose: Purpose,
    role: Role,
    practice: Practice = None,
    pcn: Pcn = None,
    unallocated: Unallocated = False,
    everyone: Annotated[bool, typer.Option("--everyone", help="Everyone in the data.")] = False,
    top: Annotated[int | None, typer.Option(help="Only the first so many, in the order of the list.")] = None,
    with_nhs_numbers: Numbers = False,
    user: User = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Write the list of those whom the pain team's rule would refer: a high dose, or one that rises fast."""
    with errors_in_words():
        from pipelines.release import Asked, ListRequest

        asked = Asked(practice, pcn, unallocated, everyone)
        request = ListRequest("referral-list", asked, out, purpose, role, user, new_password, with_nhs_numbers, (), top)
        _release(request, data_dir)


def match_list(
    file: Annotated[Path, typer.Argument(help="The list of NHS numbers that was received, csv or xlsx.")],
    out: Annotated[Path, typer.Option(help="Encrypted .xlsx to write.")],
    purpose: Purpose,
    role: Role,
    cohort: Annotated[str, typer.Option(help="Our cohort to match it with.")] = "high_dose",
    practice: Practice = None,
    pcn: Pcn = None,
    everyone: Annotated[bool, typer.Option("--everyone", help="Everyone in the data.")] = False,
    user: User = None,
    data_dir: DataDir = DEFAULT_DATA_DIR,
    reports_dir: ReportsDir = DEFAULT_REPORTS_DIR,
    config_dir: ConfigDir = None,
) -> None:
    """Compare a received list of NHS numbers with our cohort: in both, only theirs, only ours, and why."""
    with errors_in_words():
        from pipelines.release import Asked, ListRequest
        from pipelines.release import match_list as match

        asked = Asked(practice, pcn, everyone=everyone)
        request = ListRequest("match-list", asked, out, purpose, role, user, new_password, with_nhs_numbers=True)
        matched = match(
            request, file, cohort, data_folder(data_dir), lambda: password_given("Password of the received list: ")
        )
        say(f"In both {matched.both}; only theirs {matched.only_theirs}; only ours {matched.only_ours}: {out}")
        if matched.invalid_numbers:
            notice(f"{matched.invalid_numbers} row(s) hold no valid NHS number.")
        notice(f"audit row {matched.audit_number}, SHA-256 {matched.sha256}")


def _release(request: "ListRequest", data_dir: Path) -> None:
    from pipelines.release import release_list

    released = release_list(request, data_folder(data_dir))
    say(f"{released.people} people: {released.title}, as at {released.as_at}: {request.out}")
    for line in released.reminders:
        say(line)
    notice(f"audit row {released.audit_number}, SHA-256 {released.sha256}")


def new_password() -> str:
    """The password of a list that is made: from the environment, or asked for twice where somebody can answer."""
    from pipelines.release.sealing import PASSWORD_VARIABLE

    return secret_from(PASSWORD_VARIABLE, "Password for the list: ", twice=True)


def password_given(prompt: str) -> str:
    """The password from OPIOIDS_LIST_PASSWORD, else asked for on a terminal. It is never an argument."""
    from pipelines.release.sealing import PASSWORD_VARIABLE

    return secret_from(PASSWORD_VARIABLE, prompt)
