-- Where every cost centre with data belongs, from day to day: PCN, sub-ICB, ICB and region with their first and last day.
--
-- Grain: one row per cost centre and period; periods follow each other from 1900-01-01 to 9999-12-31.
-- Key: practice_code, start_date
--
-- trends_as_was takes the place at the first of the month; trends the last period, or that of history_counts_with, where a
-- user's file names a successor. place_basis: in force; last known or first known, where no link is in force; outside
-- England; in no reference. known_until is the newest day that any loaded reference speaks of: in a later month the place
-- is provisional.
--
-- Columns:
--   end_date: Last day of the period; 9999-12-31: still so.
--   history_counts_with: Code of the practice with which the whole history counts on current boundaries. NULL: with its
--     own.
--   known_until: Newest day that any loaded reference speaks of. NULL: none is loaded.
--   place_basis: in force, last known, first known, outside England or in no reference.
--   start_date: First day of the period; 1900-01-01: ever since.
SELECT
    dated.practice_code,
    levels.org_name AS practice_name,
    dated.start_date,
    dated.end_date,
    dated.pcn_code,
    pcns.org_name AS pcn_name,
    dated.sub_icb_code,
    dated.icb_code,
    icbs.org_name AS icb_name,
    dated.region_code,
    dated.place_basis,
    successors.successor_code AS history_counts_with,
    known.known_until,
FROM intermediate.int_organisations__dated AS dated
CROSS JOIN intermediate.int_organisations__known_until AS known
INNER JOIN intermediate.int_organisations__levels AS levels
    ON dated.practice_code = levels.practice_code AND levels.org_level = 'practice'
LEFT JOIN intermediate.int_organisations__successors AS successors ON dated.practice_code = successors.practice_code
LEFT JOIN intermediate.int_organisations__names AS pcns ON pcns.org_level = 'pcn' AND dated.pcn_code = pcns.org_code
LEFT JOIN intermediate.int_organisations__names AS icbs ON icbs.org_level = 'icb' AND dated.icb_code = icbs.org_code
