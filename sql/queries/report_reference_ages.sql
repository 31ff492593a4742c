-- How old each reference is beside the newest month of data, and what that means.
SELECT
    title,
    status,
    newest_month,
    age_months,
    sentence,
FROM marts.reference_ages
ORDER BY title
