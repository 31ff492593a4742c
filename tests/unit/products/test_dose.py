"""OME (mg) of one quantity unit; the arithmetic stands in the last column.

Factors: Faculty of Pain Medicine, Opioids Aware (Aug 2020) where it has one, OpenPrescribing otherwise.
"""

from decimal import Decimal

import pytest

from .tables import answer, answers, rows

SOLIDS = """
    0407020Q0AAALAL | Morphine 30mg modified-release tablets          | 30    | 30 x 1
    0407020Q0AAZZZZ | Morphine 10000000ng tablets                     | 10    | 10,000,000 ng are 10 mg
    0407020Q0AAALAL | Morph Sulf_Tab 30mg M/R                         | 30    | 30 x 1
    0407020Q0BBABAL | MST Continus 30mg tablets                       | 30    | 30 x 1
    0407020Q0BKABEG | Zomorph 30mg modified-release capsules          | 30    | 30 x 1
    0407020ADAAAGAG | Oxycodone HCl_Tab 20mg M/R                      | 30    | 20 x 1.5
    0407020AGAAAGAG | Tapentadol 250mg modified-release tablets       | 100   | 250 x 0.4
    040702050AAAEAE | Hydromorphone 1.3mg capsules                    | 6.5   | 1.3 x 5
    0407020L0AAABAB | Meptazinol 200mg tablets                        | 6     | 200 x 0.03
    0407020A0AAAPAP | Actiq 1.6mg lozenges with integral oromucosal applicator | 208 | 1.6 x 130
    0407020A0AAAWAW | Fentanyl 100microgram sublingual tablets        | 13    | 0.1 x 130
    0407020A0AABTBT | Fentanyl 200microgram buccal films sugar free   | 36    | 0.2 x 180
    0407020B0BBADAD | Temgesic_Tab Subling 400mcg                     | 24    | 0.4 x 60
    0407020Z0AAAAAA | Oxycodone_Suppos 30mg                           | 45    | 30 x 1.5
    0407020K0AABCBC | Diamorphine 100mg impregnated cigarettes        | 100   | 100 x 1
    0407020Q0BBAGCP | MST Continus suspension 30mg granules sachets   | 30    | 30 x 1
"""

LIQUIDS = """
    0407020Q0AACNCN | Morphine sulfate 10mg/5ml oral solution         | 2     | 10 / 5
    0407020Q0AACNCN | Morphine 10mg in 5ml oral solution              | 2     | 10 / 5
    0407020Q0AAERER | Morphine sulfate 1,000mg/5ml oral solution      | 200   | 1000 / 5
    0407020Q0BCABA6 | Oramorph 20mg/ml concentrated oral solution     | 20    | 20 / 1
    0407020ADAAAAAA | OxyNorm liquid 5mg/5ml oral solution            | 1.5   | 5 / 5 x 1.5
    0407020Q0AAFDFD | Morph Sulf_Liq Spec 500mcg/5ml                  | 0.1   | 0.5 / 5
    040702040AABBBB | Tramadol 100mg/ml oral drops                    | 10    | 100 x 0.1
    0407010F0AAASAS | Co-codamol 8mg/500mg/5ml oral solution          | 0.16  | 8 / 5 x 0.1
"""

CONTAINERS = """
    0407020Q0AAAMAM | Morphine sulfate 60mg/2ml solution for injection ampoules | 120 | 60 x 2: all of it
    0407020U0AAACAC | Pentazocine_Lact Inj 30mg/ml 2ml Amp            | 22.2  | 30 x 2 ml x 0.37
    0407020Q0AAFKFK | Morph Sulf_Inj 30mg/1ml 10ml Amp                | 600   | 30 x 10 ml x 2
    0407020Q0AAABAB | Morphine sulfate 10mg/1ml solution for injection ampoules | 20 | 10 x 2
    0407020K0AAABAB | Diamorph HCl_Inj 10mg Amp                       | 33    | 10 x 3.3
    0407020P0AABABA | Morph HCl_I/V Inf 50mg/50ml Pfs                 | 100   | 50 x 2
    0407020ABAAABAB | Papaveretum_Inj 15.4mg/ml (20mg) 1ml Amp        | 10.318 | 15.4 x 0.67
    0407020Q0BCAHCS | Oramorph 10mg/5ml oral solution unit dose vials | 10    | 10 x 1: the vial, not 2 a ml
    0407020Q0AAZZZZ | Morphine 10mg/5ml oral vials                    | 10    | 10 x 1: to drink, not to inject
    0407020Q0AAZZZZ | Morphine 10mg/5ml vials                         | 20    | 10 x 2: to inject
    0407020Q0AAZZZZ | Morphine 10mg oral ampoules                     | 10    | 10 x 1
    0407020Q0AACUCU | Morph Sulf_Oral Soln 100mg/5ml Udv S/F          | 100   | 100 x 1
"""

COMPOUNDS = """
    0407010F0AAAHAH | Co-codamol 30mg/500mg tablets                   | 3     | 30 x 0.1
    0407010F0AAAHAH | Co-codamol 500mg/30mg tablets                   | 3     | 30 x 0.1
    0407010F0AAAHAH | Co-codamol 30/500 tablets                       | 3     | 30 x 0.1
    0407010N0AAAHAH | Paracet/Dihydrocodeine_Tab 500mg/20mg           | 2     | 20 x 0.1
    0407010N0BIAAAA | Eroset 500mg/10mg tablets                       | 1     | 10 x 0.1
    040702040AABABA | Tramadol/Paracet_Tab Eff 37.5/325mg S/F         | 3.75  | 37.5 x 0.1
    040702040AAAUAU | Paracetamol 325mg / Tramadol 37.5mg tablets     | 3.75  | 37.5 x 0.1
    0407020AFAAACAC | Oxycodone HCl/NaloxoneHCl_Tab 5/2.5mgM/R        | 7.5   | 5 x 1.5
    0407020AFAAAAAA | Naloxone 5mg / Oxycodone 10mg modified-release tablets | 15 | 10 x 1.5
    0407010F0AAZZZZ | Co-codamol 12.8/500 tablets                     | 1.28  | 12.8 x 0.1
    0407010F0AAAHAH | Co-codamol 30mg 500mg tablets                   | 3     | 30 x 0.1: no stroke between
    0407010F0AAAHAH | Co-codamol 500mg 30mg tablets                   | 3     | 30 x 0.1
    0407020AFAAZZZZ | Oxycodone/Naloxone 10mg 10mg tablets            | 15    | 10 x 1.5, whichever is whose
    0407010F0AAAHAH | Codeine 30mg 500mg tablets                      | 3     | 30 x 0.1: the smaller is codeine's
    0407020Q0AAZZZZ | Morphine 10mg 10mg tablets                      | 10    | the same said twice
    0407020Q0AAZZZZ | Morphine 10mg / Buclizine 20mg tablets          | 10    | 20 mg of something else
    040702020AAABAB | Morphine tartrate 15mg/1ml / Cyclizine tartrate 50mg inj amp | 30 | 15 x 2
    0407020ABAAAIAI | Papaveret/Hyoscine_Inj 15.4/0.4mg 1ml Am        | 10.318 | 15.4 x 0.67
"""

PATCHES = """
    0407020A0AAAUAU | Fentanyl 12micrograms/hour transdermal patches  | 90    | nominal 12.5: 30 a day x 3
    0407020A0AAAEAE | Fentanyl_Transdermal Patch 25mcg/hr             | 180   | 60 a day x 3
    0407020A0BBAEAQ | Durogesic DTrans_Patch 25mcg                    | 180   | 60 a day x 3
    0407020A0AABWBW | Fentanyl 37.5microgram/hour transdermal patches | 270   | 90 a day x 3
    0407020A0AAAHAH | Fentanyl 100micrograms/hour transdermal patches | 720   | 240 a day x 3
    0407020A0AAAQAQ | Fentanyl_Patch Self-Adh 4.2mg/72hrs             | 180   | 25 an hour
    0407020A0AAATAT | Fentanyl_Patch Self-Adh 16.8mg/72hrs            | 720   | 100 an hour
    0407020B0AAAHAH | Buprenorphine_Patch 5mcg/hr (7day)              | 84    | 12 a day x 7
    0407020B0BHADAK | Butec 15micrograms/hour transdermal patches     | 252   | 36 a day x 7
    0407020B0BDAAAE | Transtec_T/Derm Patch 35mcg/hr (20mg)           | 336   | 84 a day x 4
    0407020B0BIACAG | Bupeaze_Transdermal Patch 70mcg/hr(96hr)        | 672   | 168 a day x 4
    0407020B0BGAAAE | Hapoctasin 35micrograms/hour transdermal patches | 252  | 84 a day x 3
    0407020B0BGAAAE | Buprenorphine 35micrograms/hour transdermal patches | 252 | the code is Hapoctasin's
"""

WITHOUT_STRENGTH = """
    0407010N0BGAAAH | Remedeine tablets                               | 2     | generic ...AAAHAH is 20 mg
    0407010N0BGABAI | Remedeine Forte tablets                         | 3     | generic ...AAAIAI is 30 mg
    0407010N0BHABAJ | Paramol tablets                                 | 0.746 | generic ...AAAJAJ is 7.46 mg
    0407020H0BBAAAB | Diconal_Tab                                     | 5     | 10 x 0.5
    040702020BBAAAA | Cyclimorph 10 solution for injection 1ml ampoules | 20  | 10 x 2
    0407020V0BCAAAI | Pamergan P100 solution for injection 2ml ampoules | 24  | 100 x 0.24
"""


@pytest.mark.parametrize(
    "table",
    [SOLIDS, LIQUIDS, CONTAINERS, COMPOUNDS, PATCHES, WITHOUT_STRENGTH],
    ids=lambda table: table[5:20],
)
def test_every_spelling_gives_the_published_dose(table: str) -> None:
    wanted = {(code, words): Decimal(ome) for code, words, ome, _why in rows(table)}
    found = {(a["bnf_code"], a["bnf_description"]): a["ome_mg_per_unit"] for a in answers(list(wanted))}
    assert found == wanted


@pytest.mark.parametrize(
    "table", [SOLIDS, LIQUIDS, CONTAINERS, COMPOUNDS, WITHOUT_STRENGTH], ids=lambda table: table[5:20]
)
def test_the_description_alone_gives_the_same_dose(table: str) -> None:
    wanted = {words: Decimal(ome) for _code, words, ome, _why in rows(table)}
    found = {a["bnf_description"]: a["ome_mg_per_unit"] for a in answers([(None, words) for words in wanted])}
    assert found == wanted


def test_a_blank_description_is_resolved_by_the_code_or_its_generic_equivalent() -> None:
    table = """
        0407020Q0AAALAL | 30  | exact_code
        0407020Q0BBABAL | 30  | generic_equivalent
        0407010N0BGAAAH | 2   | generic_equivalent
        0407020A0BEAEAH | 720 | generic_equivalent
        0407020AHBBABAB | 40  | generic_equivalent
    """
    for code, ome, how in rows(table):
        found = answer(code, None)
        assert (found["ome_mg_per_unit"], found["resolved_by"]) == (Decimal(ome), how), code


def test_a_replaced_code_is_followed_to_the_current_one() -> None:
    found = answer("0407020AHBBABAB", "Tapimio 100mg modified-release capsules")
    assert found["current_bnf_code"] == "0407020AGBGABAK"
    assert found["ome_mg_per_unit"] == Decimal(40)


def test_mg_are_given_for_other_classes_too() -> None:
    table = """
        0408010G0AAAJAJ | Gabapentin 600mg tablets                | gabapentinoid | 600 | 1800
        0408010AEAAANAN | Pregabalin 20mg/ml oral solution        | gabapentinoid | 20  | 300
        0401020K0AAADAD | Diazepam 5mg/2.5ml rectal solution tube | benzodiazepine | 5  |
        0401010Z0AAAAAA | Zopiclone 7.5mg tablets                 | z_drug        | 7.5 |
    """
    for code, words, product_class, mg, ddd in rows(table):
        found = answer(code, words)
        assert found["product_class"] == product_class
        assert found["mg_per_unit"] == Decimal(mg)
        assert found["ddd_mg"] == (Decimal(ddd) if ddd else None)
        assert found["ome_mg_per_unit"] is None
