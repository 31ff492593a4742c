-- Trends of every practice: the rows of marts.trends at that level.
--
-- Grain: one row per practice, month and measure.
-- Key: org_code, month, measure
-- Kind: view
--
-- Columns: those of marts.trends
SELECT * FROM marts.trends WHERE org_level = 'practice'
