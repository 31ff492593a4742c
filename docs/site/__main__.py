"""Build the site into reports/build/docs/site: strictly, without a network, readable from the folder."""

import re
import subprocess
import sys
from pathlib import Path

from docs.site.assemble import ROOT, assemble

# The generator names this address for a script that pages opened from a folder need; the site carries it.
SHIM = "https://unpkg.com/iframe-worker/shim"
_FETCHED = re.compile(r"""<(?:script|img|iframe|link)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//[^"' >]+""")


def build(folder: Path) -> Path:
    """Assemble and build below a folder. Returns the first page; ends with an error where anything is amiss."""
    assemble(folder)
    # Beside this interpreter, wherever the environment lies.
    program = Path(sys.executable).parent / "zensical"
    subprocess.run([program, "build", "--clean", "--strict", "--config-file", folder / "zensical.toml"], check=True)
    site = folder / "site"
    for page in site.rglob("*.html"):
        up = "../" * (len(page.relative_to(site).parts) - 1)
        text = page.read_text(encoding="utf-8").replace(SHIM, f"{up}assets/iframe-worker.js")
        fetched = _FETCHED.findall(text)
        if fetched:
            sys.exit(f"{page.relative_to(site)} would fetch from a network: {fetched[0]}")
        page.write_text(text, encoding="utf-8")
    return site / "index.html"


if __name__ == "__main__":
    sys.stdout.write(f"{build(ROOT / 'reports' / 'build' / 'docs')}\n")
