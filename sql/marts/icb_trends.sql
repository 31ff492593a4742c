-- Trends of every ICB: the rows of marts.trends at that level.
--
-- Grain: one row per ICB, month and measure.
-- Key: org_code, month, measure
-- Kind: view
--
-- Columns: those of marts.trends
SELECT * FROM marts.trends WHERE org_level = 'icb'
