-- Who of some people has an item of some products in the three months up to a month.
SELECT DISTINCT patient_key
FROM marts.item_ome
WHERE
    source = 'patient'
    AND list_contains($patient_keys, patient_key)
    AND list_contains($bnf_codes, bnf_code)
    AND month <= $as_at_month
    AND month > $before_month
