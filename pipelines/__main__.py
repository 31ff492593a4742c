"""`python -m pipelines` is the command `opioids`."""

from pipelines.cli import main

main()
