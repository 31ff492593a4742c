"""Which products count, and what becomes of those that look like it."""

from decimal import Decimal

from pipelines.products import followed_prefixes

from .tables import REFERENCE, answer, rows


def test_every_class_is_told_by_its_code() -> None:
    table = """
        040702040AAAAAA | Tramadol 50mg capsules                   | opioid               |
        0407020W0AAAAAA | Opium tincture                           | excluded             | opium
        0309010C0AAAAAA | Codeine 15mg/5ml linctus                 | excluded             | cough
        0309010S0AAAAAA | Methadone 2mg/5ml linctus                | excluded             | cough
        0104020L0AAAAAA | Loperamide 2mg capsules                  | excluded             | antimotility
        0410030C0AAAAAA | Methadone 1mg/ml oral solution | dependence_treatment | dependence_treatment
        0410030A0AAAEAE | Buprenorphine 8mg sublingual tablets | dependence_treatment | dependence_treatment
        0410020B0AAATAT | Nicotine 10mg/16hours transdermal patches | excluded | dependence_treatment
        0407020ZZAAAAAA | Newopioid 10mg tablets | unknown_opioid | unknown_opioid_code
        0407010Q0AAAAAA | Co-proxamol 32.5mg/325mg tablets | opioid | scope_extended_only
        1001010J0AAAYAY | Nurofen Plus tablets | opioid | scope_extended_only
        1001010J0AAADAD | Ibuprofen 200mg tablets                  | not_followed         |
        0407010X0BMAAA0 | Solpadeine Headache tablets              | not_followed         |
        0407030ADAAAAAA | Gabapentin 6% gel                        | not_followed         |
        0501013B0AAAAAA | Amoxicillin 250mg capsules               | not_followed         |
        0408010AEAAABAB | Pregabalin 50mg capsules                 | gabapentinoid        |
        0401020P0AAABAB | Lorazepam 1mg tablets                    | benzodiazepine       |
        0401010Y0AAABAB | Zolpidem 10mg tablets                    | z_drug               |
        0408010F0AAABAB | Clonazepam 500microgram tablets          | sedative_not_counted |
        040801060AABTBT | Clobazam 10mg tablets                    | sedative_not_counted |
        0902021X0AAADAD | Water for injections 10ml ampoules       | just_in_case         |
        0402010L0AAAAAA | Levomepromazine 25mg/1ml solution for injection ampoules | just_in_case |
        0402010J0AAAKAK | Haloperidol 5mg tablets                  | not_followed         |
    """
    for code, words, product_class, why in rows(table):
        found = answer(code, words)
        assert (found["product_class"], found["out_of_scope_reason"] or "") == (product_class, why), words
        counted = product_class == "opioid" and not why
        assert found["in_scope"] == counted
        assert (found["ome_status"] == "converted") == counted
        assert (found["ome_mg_per_unit"] is not None) == counted


def test_the_extended_scope_counts_what_it_adds() -> None:
    table = """
        0407010Q0AAAAAA | Co-proxamol 32.5mg/325mg tablets                   | 3.25 | 32.5 x 0.1
        1001010J0B4AKAY | Nurofen Plus tablets                               | 1.28 | 12.8 x 0.1
        1501043A0AAABAB | Alfentanil 1mg/2ml solution for injection ampoules | 30   | 1 x 30
        0407010M0AAAAAA | Co-Codaprin_Tab 8mg/400mg                          | 0.8  | 8 x 0.1
    """
    for code, words, ome, _why in rows(table):
        found = answer(code, words, scope="extended")
        assert found["in_scope"]
        assert found["ome_mg_per_unit"] == Decimal(ome)


def test_without_a_code_what_may_be_dependence_treatment_gets_no_dose() -> None:
    table = """
        Methadone 1mg/ml oral solution
        Buprenorphine 8mg sublingual tablets sugar free
        Subutex 2mg sublingual tablets
        Codeine 15mg/5ml linctus
        Kaolin and Morphine mixture
        Morphine (Opium tincture) 10mg/ml oral drops
        Gabapentin 6% gel
    """
    for (words,) in rows(table):
        found = answer(None, words)
        assert not found["in_scope"], words
        assert found["ome_mg_per_unit"] is None


def test_without_a_code_strength_brand_and_form_tell_pain_from_dependence_and_cough() -> None:
    # description_only_rules.csv: buprenorphine from 0.3 mg a tablet may be for dependence, but for a brand made for
    # pain; diamorphine linctus holds up to 0.6 mg a ml (3 mg / 5); a gel of gabapentin is no gabapentinoid.
    table = """
        Buprenorphine 200microgram sublingual tablets | opioid               |                             | 12
        Buprenorphine 300microgram sublingual tablets | dependence_treatment | dependence_or_pain_not_told |
        Temgesic 400microgram sublingual tablets      | opioid               |                             | 24
        Subutex 2mg sublingual tablets                | dependence_treatment | dependence_treatment        |
        Physeptone 5mg tablets                        | opioid               |                             | 15
        Physeptone 1mg/ml oral solution               | dependence_treatment | dependence_or_pain_not_told |
        Diamorphine 3mg/5ml oral solution             | excluded             | cough_or_pain_not_told      |
        Diamorphine 5mg/5ml oral solution             | opioid               |                             | 1
        Gabapentin 6% gel                             | not_followed         |                             |
        Gabapentin 300mg capsules                     | gabapentinoid        |                             |
    """
    # 0.2 mg x 60 = 12, 0.4 x 60 = 24; 5 mg x 3 = 15; 5 mg / 5 ml x 1 = 1.
    for words, product_class, reason, ome in rows(table):
        found = answer(None, words)
        assert found["product_class"] == product_class, words
        assert found["out_of_scope_reason"] == (reason or None), words
        assert found["ome_status"] == ("converted" if ome else "out_of_scope"), words
        assert found["ome_mg_per_unit"] == (int(ome) if ome else None), words


def test_without_a_code_and_a_strength_diamorphine_to_drink_stays_an_opioid_without_a_dose() -> None:
    # Whether it is a linctus is told by its strength: where none is given it is kept, and said to be unknown.
    found = answer(None, "Diamorphine oral solution")
    assert (found["product_class"], found["ome_status"]) == ("opioid", "strength_unknown")
    assert found["in_scope"]


def test_every_followed_prefix_is_kept_and_unknown_opioids_are_noted() -> None:
    followed = {prefix.bnf_prefix: prefix.counted for prefix in followed_prefixes(REFERENCE)}
    assert all(followed[prefix] for prefix in ("0407020Q0", "0408010AE", "0410030"))
    # Some ibuprofen holds codeine; most is noted and dropped.
    assert followed["1001010J0"] is False
    assert followed["040702"] is False
    assert followed["0309"] is False
    assert followed["0104020"] is False
    assert list(followed) == sorted(followed)


def test_cdc_2022_leaves_buprenorphine_out_on_purpose_and_falls_back_elsewhere() -> None:
    table = """
        0407020B0AAAHAH | Buprenorphine 5micrograms/hour transdermal patches | cdc_2022 | excluded |
        0407020B0AAAHAH | Buprenorphine 5micrograms/hour transdermal patches | cdc_2022_bup | converted | 84
        040702040AAAAAA | Tramadol 50mg capsules                             | cdc_2022     | converted | 10
        0407020C0AAAEAE | Codeine 30mg tablets                               | cdc_2022_bup | converted | 4.5
        0407020G0AAACAC | Dihydrocodeine 30mg tablets                        | cdc_2022     | converted | 3
    """
    for code, words, factor_set, status, ome in rows(table):
        found = answer(code, words, factor_set)
        assert found["ome_status"] == {"excluded": "excluded_by_factor_set"}.get(status, status)
        value = found["ome_mg_per_unit"]
        assert ("" if value is None else f"{value.normalize():f}") == ome
