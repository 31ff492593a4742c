"""The blocks of code in the documentation, and what they claim."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# As a stranger meets them; a page of docs/ is found by itself.
PAGES = [ROOT / "README.md", *sorted(page for page in DOCS.rglob("*.md") if DOCS / "site" not in page.parents)]
_FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_PROMPTS = ("$ ", "# ", "> ")


@dataclass(frozen=True)
class Block:
    """A fenced block: in which language, on which line of its page it begins."""

    language: str
    text: str
    line: int


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page that names its language, without the blanks of the list it stands in."""
    text = page.read_text(encoding="utf-8")
    found = []
    for fence in _FENCE.finditer(text):
        lines = (line.removeprefix(fence[1]) for line in fence[3].splitlines())
        found.append(Block(fence[2], "\n".join(lines) + "\n", text[: fence.start()].count("\n") + 1))
    return found


def asked_and_shown(block: Block) -> list[tuple[str, str]]:
    """Of a console block: each command after `$ `, on one line, and what is shown below it."""
    parts = re.split(r"^\$ ", _on_one_line(block.text), flags=re.MULTILINE)[1:]
    return [(command, shown) for command, _, shown in (part.partition("\n") for part in parts)]


def _on_one_line(text: str) -> str:
    return re.sub(r" *\\\n *", " ", text)


def opioids_in(block: Block) -> Iterator[list[str]]:
    """The arguments of every `opioids` in a block of commands, within pipes and substitutions too."""
    for line in _on_one_line(block.text).splitlines():
        # Of a console, what stands after no prompt is an answer. On Windows a backslash parts folders.
        prompt = line[:2] if line[:2] in _PROMPTS else ""
        if block.language == "console" and not prompt:
            continue
        typed = line.removeprefix(prompt).replace("$(", "( ")
        words = shlex.shlex(typed.replace("\\", "/") if prompt == "> " else typed, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command: list[str] = []
        for word in [*words, ";"]:
            if not word or not set(word) <= set("();<>|&"):
                command.append(word)
                continue
            if command and Path(command[0]).name == "opioids":
                yield command[1:]
            command = []


def is_as_shown(shown: str, answered: str) -> bool:
    """Whether an answer is what a page shows: `…` stands for anything in its line, a line of its own for any lines."""
    pattern = ""
    for line in shown.rstrip("\n").splitlines():
        if line.strip() == "…":
            pattern += r"(?:[^\n]*\n)*?"
        else:
            pattern += r"[^\n]*".join(map(re.escape, line.rstrip().split("…"))) + r"\n"
    plain = "".join(f"{line.rstrip()}\n" for line in answered.splitlines())
    return re.fullmatch(pattern, plain) is not None
