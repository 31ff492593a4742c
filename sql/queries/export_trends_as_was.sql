-- Every trend on the boundaries of the month: for the secure side; practices are the same on all boundaries.
SELECT * FROM marts.trends_as_was

UNION ALL

SELECT * FROM marts.trends WHERE org_level = 'practice'
