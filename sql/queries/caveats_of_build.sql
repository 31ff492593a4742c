-- What a reader must know before any figure, as far as the built tables say it: ages of references,
-- months that are not there, product codes.
--
-- No sentence holds a count of patients or of their items. Codes are told for the last twelve months of a source.
WITH newest AS (
    SELECT
        source,
        CASE source WHEN 'epd' THEN 'EPD' ELSE 'Patients'' items' END AS source_title,
        max(month) AS newest_month,
    FROM intermediate.int_codes__monthly
    GROUP BY source
),

followed AS (
    SELECT
        source,
        month,
        lead(month) OVER (PARTITION BY source ORDER BY month) AS next_month,
    FROM (SELECT DISTINCT source, month FROM intermediate.int_codes__monthly)
),

skipped AS (
    SELECT
        source,
        month,
        next_month,
        (extract(year FROM next_month) * 12 + extract(month FROM next_month))
        - (extract(year FROM month) * 12 + extract(month FROM month)) - 1 AS months_missing,
    FROM followed
),

gaps AS (
    SELECT
        source,
        month,
        next_month,
        sum(months_missing) OVER (PARTITION BY source) AS months_missing,
        row_number() OVER (PARTITION BY source ORDER BY month DESC) AS position,
        count(*) OVER (PARTITION BY source) AS gaps,
    FROM skipped
    WHERE months_missing > 0
),

vanished AS (
    SELECT
        changes.source,
        newest.source_title,
        changes.month,
        changes.month_before,
        concat(changes.bnf_code, ' ', changes.bnf_description) AS product,
        row_number() OVER (
            PARTITION BY changes.source, changes.month ORDER BY changes.items_before DESC, changes.bnf_code
        ) AS position,
        count(*) OVER (PARTITION BY changes.source, changes.month) AS products,
    FROM marts.code_changes AS changes
    INNER JOIN newest USING (source)
    WHERE
        changes.is_notable
        AND (extract(year FROM newest.newest_month) * 12 + extract(month FROM newest.newest_month))
        - (extract(year FROM changes.month) * 12 + extract(month FROM changes.month)) < 12
)

SELECT
    'reference' AS kind,
    reference AS subject,
    sentence,
FROM marts.reference_ages
WHERE sentence IS NOT NULL

UNION ALL

SELECT
    'months' AS kind,
    concat(source, ' months') AS subject,
    concat(
        newest.source_title, ': ', CAST(max(gaps.months_missing) AS INTEGER), ' month(s) without data, between ',
        string_agg(
            concat(strftime(gaps.month, '%Y-%m'), ' and ', strftime(gaps.next_month, '%Y-%m')), ', ' ORDER BY gaps.month
        ),
        CASE WHEN max(gaps.gaps) > 3 THEN ' and earlier' ELSE '' END,
        '. Doses and cohorts near them rest on the months that are there.'
    ) AS sentence,
FROM gaps
INNER JOIN newest USING (source)
WHERE gaps.position <= 3
GROUP BY source, newest.source_title

UNION ALL

SELECT
    'product codes' AS kind,
    concat(source, ' ', strftime(month, '%Y-%m')) AS subject,
    concat(
        source_title, ': ', max(products), ' product code(s) in regular use in ', strftime(max(month_before), '%Y-%m'),
        ' have no item in ', strftime(month, '%Y-%m'), ' and no code that replaces them does: ',
        string_agg(product, ', ' ORDER BY position), CASE WHEN max(products) > 3 THEN ' and more' ELSE '' END,
        '. People who take them may be missing from cohorts. See marts.code_changes.'
    ) AS sentence,
FROM vanished
WHERE position <= 3
GROUP BY source, source_title, month

UNION ALL

SELECT
    'product codes' AS kind,
    concat(source, ' replaced codes') AS subject,
    concat(
        newest.source_title, ': ', count(*), ' row(s) of the table of replaced codes look wrong (',
        string_agg(DISTINCT replace(problem, '_', ' '), ', ' ORDER BY replace(problem, '_', ' ')),
        '). See marts.code_replacements.'
    ) AS sentence,
FROM marts.code_replacements
INNER JOIN newest USING (source)
WHERE problem IS NOT NULL
GROUP BY source, newest.source_title

UNION ALL

SELECT
    'product codes' AS kind,
    'unknown opioids' AS subject,
    concat(
        count(*), ' product(s) of BNF section 4.7.2 have a code that data/reference/drugs.csv does not know: ',
        'they are in no dose and no cohort. See marts.items_out_of_scope.'
    ) AS sentence,
FROM reference.products
WHERE product_class = 'unknown_opioid'
HAVING count(*) > 0
