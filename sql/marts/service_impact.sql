-- What fewer contacts would be worth, from local unit costs and reductions as entered: never a result of the data.
--
-- Grain: one row per organisation and service.
-- Key: org_code, service
--
-- value_gbp_a_year is unit cost times reduction per patient and year times patients; below 0 it is a cost.
--
-- Columns:
--   note: As entered. NULL: none.
--   org_level: practice, pcn or icb. NULL: no loaded data knows the organisation.
--   patients: Patients, as entered.
--   reduction_per_patient: Contacts fewer per patient and year, as entered; below zero: more.
--   service: Kind of contact, as entered.
--   unit_cost_gbp: Cost of one contact, £, as entered.
--   value_gbp_a_year: £ a year: unit_cost_gbp × reduction_per_patient × patients; below zero: a cost.
SELECT
    org_code,
    org_level,
    org_name,
    pcn_code,
    icb_code,
    service,
    unit_cost_gbp,
    reduction_per_patient,
    patients,
    CAST(value_gbp_per_patient * CAST(patients AS DECIMAL(12, 0)) AS DECIMAL(24, 2)) AS value_gbp_a_year,
    note,
FROM intermediate.int_returns__costs
