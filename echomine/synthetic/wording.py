"""The words that reports are made of."""

from collections.abc import Mapping
from enum import StrEnum

from echomine.domain.vocabulary import Disease, Severity, Valve


class Style(StrEnum):
    """How a laboratory writes its reports."""

    PROSE = "prose"
    HEADINGS = "headings"
    NUMBERED = "numbered"
    CAPITALS = "capitals"
    TERSE = "terse"


VALVE_NAME: Mapping[Valve, str] = {valve: f"{valve.value} valve" for valve in Valve}

LESION_NAMES: Mapping[tuple[Valve, Disease], tuple[str, ...]] = {
    (valve, disease): tuple(f"{valve.value} {word}" for word in words)
    for valve in Valve
    for disease, words in {
        Disease.STENOSIS: ("stenosis", "stenosis", "valve stenosis"),
        Disease.REGURGITATION: ("regurgitation", "regurgitation", "insufficiency", "valve regurgitation"),
    }.items()
}

LESION_SHORT: Mapping[tuple[Valve, Disease], tuple[str, ...]] = {
    (Valve.AORTIC, Disease.STENOSIS): ("AS",),
    (Valve.AORTIC, Disease.REGURGITATION): ("AR", "AI"),
    (Valve.MITRAL, Disease.STENOSIS): ("MS",),
    (Valve.MITRAL, Disease.REGURGITATION): ("MR",),
    (Valve.TRICUSPID, Disease.STENOSIS): ("TS",),
    (Valve.TRICUSPID, Disease.REGURGITATION): ("TR",),
    (Valve.PULMONIC, Disease.STENOSIS): ("PS",),
    (Valve.PULMONIC, Disease.REGURGITATION): ("PR", "PI"),
}

GRADE_WORDS: Mapping[Severity, tuple[str, ...]] = {
    Severity.TRACE: ("trace", "trivial", "trace", "minimal"),
    Severity.MILD: ("mild", "mild", "mild", "slight"),
    Severity.MILD_MODERATE: ("mild to moderate", "mild-to-moderate", "mild to moderate"),
    Severity.MODERATE: ("moderate", "moderate", "moderate"),
    Severity.MODERATE_SEVERE: ("moderate to severe", "moderate-to-severe", "moderately severe"),
    Severity.SEVERE: ("severe", "severe", "severe"),
}

PLUS_GRADES: Mapping[Severity, str] = {
    Severity.MILD: "1+",
    Severity.MILD_MODERATE: "1 to 2+",
    Severity.MODERATE: "2+",
    Severity.MODERATE_SEVERE: "3+",
    Severity.SEVERE: "4+",
}

NORMAL_MORPHOLOGY: Mapping[Valve, tuple[str, ...]] = {
    Valve.AORTIC: (
        "The aortic valve is trileaflet and opens well.",
        "The aortic valve has three thin, mobile cusps.",
        "The aortic valve is structurally normal.",
        "The aortic valve leaflets are thin with normal excursion.",
        "The aortic valve appears normal in structure.",
    ),
    Valve.MITRAL: (
        "The mitral valve is structurally normal.",
        "The mitral valve leaflets are thin and move freely.",
        "The mitral valve leaflets open normally.",
        "The mitral valve has normal leaflet motion and coaptation.",
    ),
    Valve.TRICUSPID: (
        "The tricuspid valve is structurally normal.",
        "The tricuspid valve leaflets are thin and pliable.",
        "The tricuspid valve opens normally.",
        "The tricuspid valve appears normal.",
    ),
    Valve.PULMONIC: (
        "The pulmonic valve is structurally normal.",
        "The pulmonic valve is seen in short axis and opens well.",
        "The pulmonic valve leaflets are thin.",
        "The pulmonic valve appears normal where seen.",
    ),
}

STENOTIC_MORPHOLOGY: Mapping[Valve, tuple[str, ...]] = {
    Valve.AORTIC: (
        "The aortic valve is calcified with reduced cusp separation.",
        "The aortic valve cusps are thickened and their opening is restricted.",
        "The aortic valve is heavily calcified.",
        "The aortic valve is sclerotic with limited excursion.",
    ),
    Valve.MITRAL: (
        "The mitral valve leaflets are thickened with doming in diastole.",
        "The mitral valve shows commissural fusion and restricted opening.",
        "The mitral valve is calcified, with a reduced opening.",
    ),
    Valve.TRICUSPID: (
        "The tricuspid valve leaflets are thickened and retracted.",
        "The tricuspid valve domes in diastole.",
        "The tricuspid valve shows restricted leaflet opening.",
    ),
    Valve.PULMONIC: (
        "The pulmonic valve domes in systole.",
        "The pulmonic valve leaflets are thickened with limited opening.",
        "The pulmonic valve is dysplastic with restricted cusps.",
    ),
}

LEAKING_MORPHOLOGY: Mapping[Valve, tuple[str, ...]] = {
    Valve.AORTIC: (
        "The aortic valve cusps are mildly thickened and do not close completely.",
        "The aortic valve shows a small central coaptation gap.",
        "The aortic valve is thickened.",
    ),
    Valve.MITRAL: (
        "The mitral valve leaflets are mildly thickened.",
        "The mitral valve leaflets are tethered.",
        "The mitral valve shows annular dilatation with a coaptation defect.",
        "The mitral valve is myxomatous.",
    ),
    Valve.TRICUSPID: (
        "The tricuspid valve annulus is dilated.",
        "The tricuspid valve leaflets fail to coapt fully.",
        "The tricuspid valve is tethered by the enlarged right ventricle.",
    ),
    Valve.PULMONIC: (
        "The pulmonic valve annulus is mildly dilated.",
        "The pulmonic valve closes incompletely.",
        "The pulmonic valve leaflets are thin but do not meet in the centre.",
    ),
}

ABSENT_ONE: tuple[str, ...] = (
    "There is no {lesion}.",
    "No {lesion} is seen.",
    "No evidence of {lesion}.",
    "{Lesion} is not seen.",
    "No {lesion}.",
    "There is no evidence of {lesion} by Doppler.",
)

ABSENT_BOTH: tuple[str, ...] = (
    "There is no {valve} stenosis or regurgitation.",
    "No {valve} stenosis or insufficiency.",
    "No evidence of {valve} stenosis or regurgitation.",
    "Neither {valve} stenosis nor regurgitation is seen.",
    "{Valve} flow is normal, without stenosis or regurgitation.",
)

PRESENT_ONE: tuple[str, ...] = (
    "There is {grade} {lesion}.",
    "{Grade} {lesion} is present.",
    "{Grade} {lesion}.",
    "{Lesion} is {grade}.",
    "Doppler shows {grade} {lesion}.",
    "{Grade} {lesion} is noted by Doppler.",
    "The Doppler findings are consistent with {grade} {lesion}.",
)

FIRST_PRESENT_THEN_ABSENT: tuple[str, ...] = (
    "There is {grade} {lesion} without {other}.",
    "{Grade} {lesion} is seen, but no {other}.",
    "There is {grade} {lesion}. No {other}.",
)

BOTH_PRESENT: tuple[str, ...] = (
    "There is {grade} {lesion} with {other_grade} {other}.",
    "{Grade} {lesion} and {other_grade} {other} are present.",
    "{Grade} {lesion}. There is also {other_grade} {other}.",
)

FILLER: tuple[str, ...] = (
    "The left ventricle is normal in size with an ejection fraction of {ef} %.",
    "Left ventricular systolic function: the ejection fraction is estimated at {ef} %.",
    "Left ventricular wall thickness is {wall} cm. The ejection fraction is {ef} %.",
    "The left ventricular internal dimension in diastole is {lvidd} cm. No regional wall motion abnormality.",
    "The right ventricle is normal in size and function. TAPSE is {tapse} mm.",
    "The left atrium measures {la} cm.",
    "The left atrium is {la_word}. The right atrium is normal in size.",
    "There is no pericardial effusion.",
    "A trivial pericardial effusion is seen without haemodynamic effect.",
    "The inferior vena cava is normal in size and collapses with inspiration.",
    "The interatrial septum is intact. No shunt by colour Doppler.",
    "No intracardiac thrombus or mass is identified.",
    "The ascending vessel measures {root} cm at the sinuses.",
    "Diastolic filling is consistent with impaired relaxation of the left ventricle.",
    "Image quality is adequate. The rhythm is {rhythm} at {hr} beats per minute.",
)

INDICATIONS: tuple[str, ...] = (
    "Shortness of breath.",
    "Murmur.",
    "Chest pain.",
    "Syncope.",
    "Follow-up of known valve disease.",
    "Preoperative evaluation.",
    "Heart failure.",
    "Palpitations.",
    "Lower limb oedema.",
)
