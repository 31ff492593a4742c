-- The cohorts: what each is called, and the month of data in which it can first be judged.
SELECT
    measure,
    title,
    first_month_of_data,
FROM reference.measures
WHERE unit = 'people' AND NOT ends_with(measure, '_adult_no_palliative')
