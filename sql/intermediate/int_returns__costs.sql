-- Local unit costs and reductions with their place, and what they come to.
--
-- Grain: one row per organisation and service.
-- Key: org_code, service
SELECT
    costs.org_code,
    organisations.org_level,
    organisations.org_name,
    organisations.pcn_code,
    organisations.icb_code,
    costs.service,
    costs.unit_cost_gbp,
    costs.reduction_per_patient,
    costs.patients,
    CAST(costs.unit_cost_gbp * costs.reduction_per_patient AS DECIMAL(24, 6)) AS value_gbp_per_patient,
    costs.note,
FROM staging.stg_returns__unit_costs AS costs
LEFT JOIN intermediate.int_returns__organisations AS organisations USING (org_code)
