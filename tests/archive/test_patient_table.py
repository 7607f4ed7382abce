import pytest

from echomine.archive.patient_table import read_patient_table
from echomine.domain.errors import ItemError, Reason, UsageError

HEAD = "patient,group,LV_EDV_ml,lv_esv_ml,RV_EDV_ml,RV_ESV_ml,"


def _table(tmp_path, text):
    path = tmp_path / "patients.csv"
    path.write_text(text)
    return path


def test_a_mass_or_a_volume_of_the_myocardium_will_do(tmp_path):
    (by_mass,) = read_patient_table(_table(tmp_path, f"{HEAD}lv_mass_g\na, DCM ,295,225,139,59,172.5\n"))
    (by_volume,) = read_patient_table(_table(tmp_path, f"{HEAD}myo_volume_ED_mm3\n,DCM,295,225,139,59,164258\n"))
    assert (by_mass.patient, by_mass.group, by_volume.patient) == ("a", "DCM", "")
    assert by_mass.volumes.features()[:7] == pytest.approx([295, 225, 100 * 70 / 295, 139, 59, 100 * 80 / 139, 172.5])
    assert by_volume.volumes.lv_mass_g == pytest.approx(1.05 * 164.258)


def test_what_cannot_be_used_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="there is no table"):
        read_patient_table(tmp_path / "none.csv")
    for text in ("", "group,lv_edv_ml\n", f"{HEAD}other\n"):
        with pytest.raises(UsageError, match="needs the columns group, lv_edv_ml"):
            read_patient_table(_table(tmp_path, text))
    for row in ("a,,1,1,1,1,1", "a,DCM,0,1,1,1,1", "a,DCM,1,x,1,1,1", "a,DCM,1,1,nan,1,1", "a,DCM,1,1,1,1,", "a,DCM,1"):
        with pytest.raises(ItemError, match="line 3") as caught:
            read_patient_table(_table(tmp_path, f"{HEAD}lv_mass_g\na,DCM,1,1,1,1,1\n{row}\n"))
        assert caught.value.reason is Reason.BAD_ROW
