"""What cannot be known is said, with a status and a reason, and never given a dose."""

from .tables import answer, rows


def test_what_cannot_be_converted_says_why() -> None:
    table = """
        0407020Q0AAZZZZ | Morphine 10mg/ml injection                     | unit_ambiguous
        0407020Q0AAZZZZ | Morphine 10mg/ml 2ml 5ml injection ampoules    | unit_ambiguous
        0407020Q0AAFSFS | Morphine 0.1% gel                              | unit_ambiguous
        0407020K0AABQBQ | Diamorphine hydrochloride powder               | unit_ambiguous
        0407020K0AABQBQ | Diamorph HCl_(S)                               | unit_ambiguous
        0407020A0BPAABN | PecFent 100micrograms/dose nasal spray         | unit_ambiguous
        0407020AFAAAEAE | Oxycodone 40mg/5ml / Naloxone 20mg/5ml oral suspension | unit_ambiguous
        0407020ADAAZZZZ | Oxycodone oral solution                        | strength_unknown
        0407020ADAAZZZZ | Oxycodone 5mg oral solution                    | strength_unknown
        0407020Q0AAZZZZ | Morphine 10mg tablets and capsules             | strength_unknown
        0407020Q0AAZZZZ | Morphine 0mg tablets                           | strength_unknown
        0407020Q0AAZZZZ | Morphine 99999999999999999999mg tablets        | strength_unknown
        0407020Q0AAZZZZ | Morphine 5000mg tablets                        | strength_unknown
        0407020Q0AAZZZZ | Morphine ½mg tablets                           | strength_unknown
        0407020Q0AAZZZZ | Morphine 2,5mg tablets                         | strength_unknown
        0407020Q0AAZZZZ | Morphine 10-20mg tablets                       | strength_unknown
        0407020Q0AAZZZZ | Morphine 1.2.5mg tablets                       | strength_unknown
        0407020Q0AAZZZZ |                                                | strength_unknown
        0407020C0AAZZZZ | Codeine 30mg lozenges                          | factor_missing
    """
    for code, words, status in rows(table):
        found = answer(code, words)
        assert found["ome_status"] == status, words
        assert found["ome_mg_per_unit"] is None
        assert found["reason"]
        assert found["in_scope"]


def test_a_patch_whose_wear_time_is_not_verified_is_not_converted() -> None:
    table = """
        0407020B0AAALAL | Buprenorphine 25micrograms/hour transdermal patches
        0407020B0AAAMAM | Buprenorphine 30micrograms/hour transdermal patches
        0407020A0AAZZZZ | Fentanyl 62.5micrograms/hour transdermal patches
        0407020A0BZAAAE | Newbrand 25micrograms/hour transdermal patches
        0407020A0AAAEAE | Newbrand 25micrograms/hour transdermal patches
        0407020B0BDAAAE | Hapoctasin 35micrograms/hour transdermal patches
        0407020B0AAAFAF | Buprenorphine_Patch 52.5mcg/hr (72hr)
    """
    for code, words in rows(table):
        found = answer(code, words)
        assert (found["ome_status"], found["ome_mg_per_unit"]) == ("wear_time_unknown", None), words
        assert found["wear_hours"] is None


def test_a_code_and_a_description_that_disagree_are_not_converted() -> None:
    table = """
        0407020Q0AAALAL | Oxycodone 30mg modified-release tablets | morphine  | another drug
        0407020Q0AAALAL | Amoxicillin 500mg capsules              | 30 mg     | another strength
        0407020Q0AAALAL | Paracetamol 500mg tablets               | another   | another ingredient
        0407020Q0AAALAL | Morphine 30mg suppositories             | tablet    | another route
        0407020Q0AAZZZZ | Morphine 10mg / Oxycodone 10mg tablets  | oxycodone | two opioids
    """
    for code, words, said, _why in rows(table):
        found = answer(code, words)
        assert (found["ome_status"], found["ome_mg_per_unit"]) == ("strength_unknown", None), words
        assert said in found["reason"]


def test_strengths_that_are_not_the_content_of_one_unit_are_not_taken_for_it() -> None:
    table = """
        0407010F0AAZZZZ | Paracetamol 500mg aspirin 300mg tablets  | belongs to another ingredient
        0407020AFAAZZZZ | Oxycodone/Naloxone 10mg 20mg tablets     | not just one beside the name of the drug
        0407020AFAAZZZZ | Targinact 5mg 10mg tablets               | not just one beside the name of the drug
        0407020Q0AAZZZZ | Morphine 10mg/20mg tablets               | no rule says which is the opioid's
        0407020Q0AAZZZZ | Morphine 10mg/5ml tablets                | a strength per ml cannot be the content
        0407020Q0AAZZZZ | Morphine 10mg 20mg tablets               | not just one beside the name of the drug
        0407020Q0AAZZZZ | Morphine 10mg / 20mg tablets             | no rule says which is
        0407020Q0AAZZZZ | Morphine 10mg 1ml 20mg injection         | not just one beside the name of the drug
        0407020Q0AAZZZZ | Morphine 10mg/g tablets                  | a strength per g cannot be the content
        0407020Q0AAZZZZ | Morphine 10mg/dose injection             | injection: a strength per dose
        0407020Q0AAZZZZ | Morphine oral solution 10mg              | oral liquid: the strength is not given per ml
        0407020A0AAZZZZ | Fentanyl 4.2mg/24hrs patches             | patch: the strength is not in micrograms an hour
        0407020A0AAZZZZ | Fentanyl 25micrograms/2hours patches     | patch: the strength is not in micrograms an hour
        0407020A0AAZZZZ | Fentanyl 2mg patches                     | patch: the strength is not in micrograms an hour
        0407020C0AAZZZZ | Codeine 0.000001mg tablets               | smaller than that of any known product
    """
    for code, words, said in rows(table):
        found = answer(code, words)
        assert (found["ome_status"], found["ome_mg_per_unit"]) == ("strength_unknown", None), words
        assert found["mg_per_unit"] is None, words
        assert said in found["reason"], words


def test_a_code_that_a_spreadsheet_destroyed_is_read_by_its_description() -> None:
    for code in ("4.27551E+16", "407020Q0AAAKAK", "", None):
        found = answer(code, "Morphine 10mg modified-release tablets")
        assert (found["drug"], found["ome_mg_per_unit"], found["resolved_by"]) == (
            "morphine",
            10,
            "description",
        )


def test_cautions_stand_on_the_row() -> None:
    both = "methadone_present; suspected_substitution_therapy"
    table = """
        0407020M0AAAEAE | Methadone 5mg tablets                                       | methadone
        0407020M0AAZZZZ | Methadone 1mg/ml oral solution                              | both
        0407020M0AAAVAV | Methadone 10mg/1ml solution for injection ampoules          | both
        0407020B0AAZZZZ | Buprenorphine 2mg sublingual tablets                        | substitution
        0407020B0AAABAB | Buprenorphine 200microgram sublingual tablets               |
        0407020K0AAABAB | Diamorphine 10mg powder for solution for injection ampoules | substitution
        0407020B0AAAEAE | Buprenorphine 35micrograms/hour transdermal patches         | wear
        0407020B0BDAAAE | Transtec 35micrograms/hour transdermal patches              |
    """
    methadone, substitution = both.split("; ")
    ids = {
        "methadone": methadone,
        "both": both,
        "substitution": substitution,
        "wear": "patch_wear_assumed",
        "": "",
    }
    for code, words, cautions in rows(table):
        found = answer(code, words)
        assert found["cautions"] == ids[cautions], words
        assert found["ome_status"] == "converted"


def test_immediate_release_fentanyl_is_marked_and_patches_are_not() -> None:
    table = """
        0407020A0BKABBD | Effentora 200microgram buccal tablets           | yes
        0407020A0AAAIAI | Fentanyl 200microgram lozenges                  | yes
        0407020A0BPAABN | PecFent 100micrograms/dose nasal spray          | yes
        0407020A0AAAEAE | Fentanyl 25micrograms/hour transdermal patches  | no
    """
    for code, words, marked in rows(table):
        assert answer(code, words)["is_immediate_release_fentanyl"] == (marked == "yes"), words
