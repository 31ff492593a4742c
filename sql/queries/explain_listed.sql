-- What the case-finding list says of a person, where they are on it in that month.
SELECT
    priority_text,
    why_listed,
FROM marts.case_list
WHERE patient_key = $patient_key AND as_at_month = $month
