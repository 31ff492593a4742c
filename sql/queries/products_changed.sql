-- Product codes of followed classes that appeared or vanished in the newest month of each source, and the January before.
WITH newest AS (
    SELECT
        source,
        max(month) AS newest_month,
        max(month) FILTER (extract(month FROM month) = 1) AS newest_january,
    FROM marts.code_changes
    GROUP BY source
)

SELECT
    changes.source,
    changes.month,
    changes.change,
    changes.bnf_code,
    changes.bnf_description,
    changes.product_class,
    changes.items_before,
    changes.items_after,
    changes.explanation,
    changes.other_bnf_codes,
FROM marts.code_changes AS changes
INNER JOIN newest USING (source)
WHERE changes.month IN (newest.newest_month, newest.newest_january)
ORDER BY
    changes.source,
    changes.month DESC,
    changes.is_notable DESC,
    changes.change DESC,
    greatest(changes.items_before, changes.items_after) DESC,
    changes.bnf_code
