-- Value of fewer contacts from local unit costs as entered; the patients are protected before they are shown.
SELECT * FROM marts.service_impact WHERE org_level IS NOT NULL ORDER BY org_code, service
