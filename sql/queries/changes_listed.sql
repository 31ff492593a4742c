-- Who is on the list of a publication in a practice, a PCN, no practice or everywhere, and who of some people elsewhere.
SELECT
    patient_key,
    priority,
    band,
    practice_code,
    $is_everyone
    OR coalesce(practice_code = $practice_code, FALSE)
    OR coalesce(pcn_code = $pcn_code, FALSE)
    OR ($is_unallocated AND practice_code IS NULL) AS is_here,
FROM marts.case_list
WHERE
    $is_everyone
    OR practice_code = $practice_code
    OR pcn_code = $pcn_code
    OR ($is_unallocated AND practice_code IS NULL)
    OR list_contains($patient_keys, patient_key)
ORDER BY patient_key
