-- Trends of every PCN: the rows of marts.trends at that level.
--
-- Grain: one row per PCN, month and measure.
-- Key: org_code, month, measure
-- Kind: view
--
-- Columns: those of marts.trends
SELECT * FROM marts.trends WHERE org_level = 'pcn'
