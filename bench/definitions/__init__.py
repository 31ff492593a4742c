"""How often the product's definitions find what is true, on made-up people whose true dose is known.

`make bench-definitions` writes docs/definitions.md, its charts, and the figures behind it (docs/definitions.csv and
docs/definitions_doses.csv). OPIOIDS_BENCH_PATIENTS sets another number of people, for a first look; `python -m
bench.definitions page` writes the page and the charts anew from the tables that are there.
"""
