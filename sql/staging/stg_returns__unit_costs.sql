-- Local unit costs and reductions, as they were returned.
--
-- Grain: one row per organisation and service.
-- Key: org_code, service
-- Kind: view
SELECT
    organisation AS org_code,
    service,
    CAST(unit_cost_gbp AS DECIMAL(18, 6)) AS unit_cost_gbp,
    CAST(reduction_per_patient AS DECIMAL(18, 6)) AS reduction_per_patient,
    CAST(patients AS BIGINT) AS patients,
    note,
FROM raw.returned_unit_costs
