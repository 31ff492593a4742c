-- Scores before and after of organisations that the loaded data know; protected before they are shown.
SELECT * FROM marts.patient_reported_scores WHERE org_level IS NOT NULL ORDER BY month, org_code, instrument
