"""prefect.yaml, the systemd units, the Containerfile and the page that explains them say what is there."""

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from inspect import signature
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from pipelines.cli.main import app

ROOT = Path(__file__).parents[2]
OPERATING = ROOT / "docs" / "operating"
COMMANDS = get_command(app)


def understood(words: list[str]) -> None:
    """Parsed, not run: an unknown command or option raises."""
    COMMANDS.commands[words[0]].make_context(words[0], words[1:])  # type: ignore[attr-defined]


def test_the_deployment_is_of_a_flow_with_these_parameters() -> None:
    from prefect.flows import Flow

    from pipelines import flows

    (told,) = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    file, name = told["entrypoint"].split(":")
    assert (ROOT / file).samefile(Path(flows.__file__))
    flow = getattr(flows, name)
    assert isinstance(flow, Flow)
    assert set(told["parameters"]) == set(signature(flow.fn).parameters)
    assert told["concurrency_limit"] == 1
    assert told["schedules"] == [{"cron": "0 6 15 * *", "timezone": "Europe/London"}]


def test_prefect_is_the_one_that_is_locked() -> None:
    said = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["prefect-version"]
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert f"prefect=={said}" in wanted


def test_every_command_of_the_page_is_understood() -> None:
    page = (OPERATING / "unattended.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    lines = [shlex.split(line.lstrip("$# ")) for block in blocks for line in block.splitlines()]
    lines += [shlex.split(command) for command in re.findall(r"`(opioids [a-z][^`]*)`", page)]
    ours = [words for words in lines if words[0] == "opioids"]
    assert len(ours) >= 4
    for words in ours:
        understood(words[1:])
    for file in {word for words in lines for word in words if word.startswith("docs/")}:
        assert (ROOT / file).exists(), file


def test_the_systemd_units_are_sound_and_run_a_command_that_exists(tmp_path: Path) -> None:
    unit = (OPERATING / "opioids-refresh.service").read_text(encoding="utf-8")
    (command,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    program, *words = shlex.split(command)
    understood(words)
    assert "--notify" in words
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here: the command alone was checked")
    # The program is looked for: here is one that exists.
    (tmp_path / "opioids-refresh.service").write_text(unit.replace(program, sys.executable))
    shutil.copy(OPERATING / "opioids-refresh.timer", tmp_path)
    units = [str(tmp_path / f"opioids-refresh.{kind}") for kind in ("service", "timer")]
    checked = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True, check=False)
    about_ours = [line for line in checked.stderr.splitlines() if "opioids-refresh" in line]
    assert about_ours == []
    (when,) = re.findall(r"^OnCalendar=(.*)$", (OPERATING / "opioids-refresh.timer").read_text(), re.MULTILINE)
    next_times = subprocess.run(
        [analyze, "calendar", "--iterations=2", when], capture_output=True, text=True, check=True, env={"TZ": "UTC"}
    )
    assert re.search(r"-15 06:00:00", next_times.stdout)


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Containerfile, continued lines joined."""
    text = (OPERATING / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1].strip()) for line in lines]


def test_what_the_container_copies_is_enough_to_install_and_run(tmp_path: Path) -> None:
    """`docker build` needs a daemon and a registry: here its COPY and its last RUN are done by hand."""
    for _, copied in [pair for pair in instructions() if pair[0] == "COPY"]:
        *sources, target = copied.split()
        for source in sources:
            wanted = ROOT / source
            to = tmp_path / "image" / (source if target == "./" else target)
            to.parent.mkdir(parents=True, exist_ok=True)
            if wanted.is_dir():
                shutil.copytree(wanted, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(wanted, to)
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("no uv here")
    install = next(line for name, line in instructions() if name == "RUN" and "--no-build-isolation" in line)
    words = shlex.split(install.split("&&")[-1])[1:]
    site = tmp_path / "site"
    done = subprocess.run(
        [str(uv), *words, "--offline", "--python", sys.executable, "--target", str(site)],
        cwd=tmp_path / "image",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    command = next(line for name, line in instructions() if name == "CMD")
    understood(yaml.safe_load(command))
    ran = subprocess.run(
        [sys.executable, "-m", "pipelines", "factors", "list"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(site), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "uk_2026" in ran.stdout
    assert (site / "pipelines" / "_assets" / "sql").is_dir()
