"""What the suites found, and the gate: a check that did not run is a failure, whatever the others say."""

from dataclasses import dataclass

from pipelines.contracts.suites import Severity
from pipelines.errors import ContractError


@dataclass(frozen=True)
class Finding:
    """One check that failed.

    `sentence` holds no figure of patients and may stand on any output; `detail` and `places` (files, months, lines)
    are for the secure side.
    """

    severity: Severity
    suite: str
    sentence: str
    detail: str
    places: tuple[str, ...] = ()

    @property
    def in_full(self) -> str:
        return " ".join((f"{self.sentence} {self.detail}", *self.places))


@dataclass(frozen=True)
class SuiteResult:
    """What one suite found."""

    suite: str
    checks_expected: int
    checks_run: int
    findings: tuple[Finding, ...] = ()
    title: str = ""
    rows_judged: int = 0
    may_be_empty: bool = True
    page: str | None = None
    """The result as a page of HTML, where pages were asked for."""


@dataclass(frozen=True)
class ContractReport:
    """What all suites found."""

    suites: tuple[SuiteResult, ...]

    @property
    def checks_run(self) -> int:
        return sum(suite.checks_run for suite in self.suites)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is said at the head of outputs and does not stop publication."""
        return tuple(finding for suite in self.suites for finding in suite.findings if finding.severity == "warn")

    @property
    def pages(self) -> dict[str, str]:
        return {suite.suite: suite.page for suite in self.suites if suite.page is not None}

    def refuse_failures(self) -> None:
        """Raise ContractError when a check that stops failed, or was not run, or had nothing to judge."""
        if not self.suites:
            raise ContractError(
                "No contract was checked.",
                "configs/expectations/ holds no suite.",
                "Restore the shipped files.",
            )
        for suite in self.suites:
            if suite.checks_expected == 0 or suite.checks_run != suite.checks_expected:
                raise ContractError(
                    f"The contract '{suite.suite}' was not checked in full.",
                    f"{suite.checks_run} of {suite.checks_expected} checks ran.",
                    "Nothing was published; the last publication stays. Report this.",
                )
            if not suite.rows_judged and not suite.may_be_empty:
                raise ContractError(
                    f"The contract '{suite.suite}' had nothing to judge.",
                    "Its metrics have no row.",
                    "Nothing was published; the last publication stays. Report this.",
                )
        broken = [suite for suite in self.suites if any(finding.severity == "stop" for finding in suite.findings)]
        if broken:
            names = ", ".join(f"'{suite.suite}'" for suite in broken)
            stops = [finding for suite in broken for finding in suite.findings if finding.severity == "stop"]
            raise ContractError(
                f"The data broke the contract{'s' if len(broken) > 1 else ''} {names}.",
                "\n  ".join(finding.in_full for finding in stops),
                "Nothing was published; the last publication stays. Mend the source or its layout, take the file "
                "back ('opioids withdraw FILE'), or change the contract in expectations/ if it asks too much.",
            )
