-- What a reader must know before any figure of this warehouse, in the order in which it is said.
SELECT
    kind,
    subject,
    sentence,
    detail,
FROM marts.caveats
ORDER BY caveat_number
