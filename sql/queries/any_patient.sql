-- One row where the warehouse holds a patient, none where it holds none.
SELECT TRUE AS has_patient
FROM marts.patient_month
LIMIT 1
