-- Deciles of practices' rates, month by month; how they leave is for pipelines.disclosure.tables to say.
SELECT * FROM marts.decile_lines
