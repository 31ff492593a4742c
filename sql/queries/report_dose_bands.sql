-- People with an opioid in the last three months by dose, for each ICB in one month: dense, zero rows kept.
WITH bands AS (
    SELECT *
    FROM (
        VALUES
        (1, CAST($case_list_lowest_band_ome_mg_per_day AS DOUBLE) * 0),
        (2, CAST($case_list_lowest_band_ome_mg_per_day AS DOUBLE) / 2),
        (3, CAST($case_list_lowest_band_ome_mg_per_day AS DOUBLE)),
        (4, CAST($high_dose_lower_ome_mg_per_day AS DOUBLE)),
        (5, CAST($high_dose_ome_mg_per_day AS DOUBLE)),
        (6, CAST($case_list_very_high_ome_mg_per_day AS DOUBLE)),
        (7, NULL)
    ) AS bands (band_number, from_ome_mg_per_day)
),

places AS (
    SELECT DISTINCT
        org_code AS practice_code,
        icb_code AS org_code,
    FROM marts.trends
    WHERE org_level = 'practice' AND icb_code IS NOT NULL
),

people AS (
    SELECT
        places.org_code,
        CASE
            WHEN months.ome_mg_per_day_3m IS NULL OR (months.ome_mg_per_day_3m = 0 AND months.dose_is_lower_bound) THEN 7
            WHEN months.ome_mg_per_day_3m >= $case_list_very_high_ome_mg_per_day THEN 6
            WHEN months.ome_mg_per_day_3m > $high_dose_ome_mg_per_day THEN 5
            WHEN months.ome_mg_per_day_3m >= $high_dose_lower_ome_mg_per_day THEN 4
            WHEN months.ome_mg_per_day_3m >= $case_list_lowest_band_ome_mg_per_day THEN 3
            WHEN months.ome_mg_per_day_3m * 2 >= $case_list_lowest_band_ome_mg_per_day THEN 2
            ELSE 1
        END AS band_number,
        count(*) AS people,
    FROM marts.patient_month AS months
    INNER JOIN places USING (practice_code)
    WHERE
        months.month = $month
        AND (months.ome_mg_per_day_3m > 0 OR months.dose_is_lower_bound OR months.any_opioid)
    GROUP BY ALL
)

SELECT
    icbs.org_code,
    CAST($month AS DATE) AS month,
    bands.band_number,
    bands.from_ome_mg_per_day,
    coalesce(people.people, 0) AS people,
FROM (SELECT DISTINCT org_code FROM places) AS icbs
CROSS JOIN bands
LEFT JOIN people
    ON icbs.org_code = people.org_code AND bands.band_number = people.band_number
ORDER BY icbs.org_code, bands.band_number
