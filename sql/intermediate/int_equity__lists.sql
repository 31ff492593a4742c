-- Registered patients of each ICB by age band and by sex, month by month: what rates of groups are divided by.
--
-- Grain: one row per ICB (or all), loaded month of patients, dimension and value that some list tells.
-- Key: org_level, org_code, month, dimension, dimension_value
--
-- The newest list by age and sex up to the month. gp_practices is how many GP practices the organisation has, and
-- gp_practices_listed how many of them have such a list: only where that is all of them is the sum the whole.
WITH periods AS (
    SELECT
        practice_code,
        list_month,
        dimension,
        dimension_value,
        registered_patients,
        coalesce(
            lead(list_month) OVER (PARTITION BY practice_code, dimension, dimension_value ORDER BY list_month),
            DATE '9999-12-31'
        ) AS next_list_month,
    FROM intermediate.int_list_sizes__groups
),

members AS (
    SELECT
        levels.practice_code,
        levels.org_level,
        levels.org_code,
        coalesce(practices.is_gp_practice, FALSE) AS is_gp_practice,
    FROM intermediate.int_organisations__levels AS levels
    LEFT JOIN intermediate.int_organisations__practices AS practices USING (practice_code)
    WHERE levels.org_level IN ('icb', 'all')
),

wholes AS (
    SELECT
        org_level,
        org_code,
        count(*) FILTER (is_gp_practice) AS gp_practices,
    FROM members
    GROUP BY org_level, org_code
)

SELECT
    members.org_level,
    members.org_code,
    months.month,
    periods.dimension,
    periods.dimension_value,
    CAST(sum(periods.registered_patients) AS BIGINT) AS registered_patients,
    min(periods.list_month) AS oldest_list_month,
    max(wholes.gp_practices) AS gp_practices,
    count(*) FILTER (members.is_gp_practice) AS gp_practices_listed,
FROM members
INNER JOIN wholes USING (org_level, org_code)
INNER JOIN periods USING (practice_code)
INNER JOIN intermediate.int_months__patient AS months
    ON months.month >= periods.list_month AND months.month < periods.next_list_month AND months.is_loaded
GROUP BY members.org_level, members.org_code, months.month, periods.dimension, periods.dimension_value
