-- The people whom a rule finds and a review has excluded, of a practice, of a PCN, in no practice or of everyone.
SELECT
    patient_key,
    priority,
    age,
    sex,
    practice_code,
    practice_name,
    ome_mg_per_day_3m,
    band,
    exclusion,
    excluded_on,
FROM marts.case_list_excluded
WHERE
    $is_everyone
    OR practice_code = $practice_code
    OR pcn_code = $pcn_code
    OR ($is_unallocated AND practice_code IS NULL)
ORDER BY priority, ome_mg_per_day_3m DESC NULLS LAST, patient_key
