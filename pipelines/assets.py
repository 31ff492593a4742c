"""Alone knows where sql/, configs/, data/reference/ and reports/templates/ lie: in the wheel or in the checkout.

Nothing here looks at the working directory, so that a command means the same wherever it is typed.
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_IN_WHEEL = _PACKAGE / "_assets"
_ROOT = _IN_WHEEL if _IN_WHEEL.is_dir() else _PACKAGE.parent

SQL_DIR = _ROOT / "sql"
CONFIG_DIR = _ROOT / "configs"
REFERENCE_DIR = _ROOT / "data" / "reference"
TEMPLATE_DIR = _ROOT / "reports" / "templates"
CODE_DIR = _PACKAGE


def query(name: str) -> str:
    """The SELECT of sql/queries/<name>.sql: what a command or a report asks of a warehouse, with `$name` parameters."""
    return (SQL_DIR / "queries" / f"{name}.sql").read_text(encoding="utf-8")


def content_files() -> dict[str, dict[str, Path]]:
    """Every shipped file that can change a published figure, by name below its folder: code, SQL, clinical tables."""
    code = [path for path in CODE_DIR.rglob("*.py") if _IN_WHEEL not in path.parents]
    found = (
        ("code", CODE_DIR, code),
        ("sql", SQL_DIR, SQL_DIR.rglob("*.sql")),
        ("reference", REFERENCE_DIR, REFERENCE_DIR.glob("*.csv")),
    )
    return {name: {path.relative_to(root).as_posix(): path for path in sorted(files)} for name, root, files in found}
