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
        "The aortic valve cusps separate fully in systole.",
        "A trileaflet aortic valve with good cusp mobility is seen.",
        "The aortic valve was well visualised and has normal cusp separation.",
    ),
    Valve.MITRAL: (
        "The mitral valve is structurally normal.",
        "The mitral valve leaflets are thin and move freely.",
        "The mitral valve leaflets open normally.",
        "The mitral valve has normal leaflet motion and coaptation.",
        "The mitral valve apparatus is normal.",
        "Both leaflets of the mitral valve are pliable with full excursion.",
        "The mitral valve opens widely and its chordae are intact.",
    ),
    Valve.TRICUSPID: (
        "The tricuspid valve is structurally normal.",
        "The tricuspid valve leaflets are thin and pliable.",
        "The tricuspid valve opens normally.",
        "The tricuspid valve appears normal.",
        "The tricuspid valve was seen in the apical view and has normal leaflets.",
        "The tricuspid valve annulus is of normal size.",
    ),
    Valve.PULMONIC: (
        "The pulmonic valve is structurally normal.",
        "The pulmonic valve is seen in short axis and opens well.",
        "The pulmonic valve leaflets are thin.",
        "The pulmonic valve appears normal where seen.",
        "The pulmonic valve was adequately imaged and has mobile cusps.",
        "The pulmonic valve has normal excursion.",
    ),
}

STENOTIC_MORPHOLOGY: Mapping[Valve, tuple[str, ...]] = {
    Valve.AORTIC: (
        "The aortic valve is calcified with reduced cusp separation.",
        "The aortic valve cusps are thickened and their opening is restricted.",
        "The aortic valve is heavily calcified.",
        "The aortic valve is sclerotic with limited excursion.",
        "The aortic valve is bicuspid with fusion of two cusps.",
        "Calcification of the aortic valve limits its opening.",
        "The aortic valve domes in systole.",
    ),
    Valve.MITRAL: (
        "The mitral valve leaflets are thickened with doming in diastole.",
        "The mitral valve shows commissural fusion and restricted opening.",
        "The mitral valve is calcified, with a reduced opening.",
        "The mitral valve has a rheumatic appearance with shortened chordae.",
        "Dense calcification extends from the mitral valve annulus into the leaflets.",
        "The anterior leaflet of the mitral valve has a hockey-stick shape.",
    ),
    Valve.TRICUSPID: (
        "The tricuspid valve leaflets are thickened and retracted.",
        "The tricuspid valve domes in diastole.",
        "The tricuspid valve shows restricted leaflet opening.",
        "The tricuspid valve has a rheumatic appearance.",
        "The tricuspid valve leaflets are stiff.",
    ),
    Valve.PULMONIC: (
        "The pulmonic valve domes in systole.",
        "The pulmonic valve leaflets are thickened with limited opening.",
        "The pulmonic valve is dysplastic with restricted cusps.",
        "The pulmonic valve cusps are partly fused.",
        "The pulmonic valve opens incompletely.",
    ),
}

LEAKING_MORPHOLOGY: Mapping[Valve, tuple[str, ...]] = {
    Valve.AORTIC: (
        "The aortic valve cusps are mildly thickened and do not close completely.",
        "The aortic valve shows a small central coaptation gap.",
        "The aortic valve is thickened.",
        "The aortic valve annulus is dilated and the cusps fail to meet.",
        "The aortic valve closes eccentrically.",
    ),
    Valve.MITRAL: (
        "The mitral valve leaflets are mildly thickened.",
        "The mitral valve leaflets are tethered.",
        "The mitral valve shows annular dilatation with a coaptation defect.",
        "The mitral valve is myxomatous.",
        "The posterior leaflet of the mitral valve is restricted.",
        "The mitral valve jet is directed posteriorly.",
    ),
    Valve.TRICUSPID: (
        "The tricuspid valve annulus is dilated.",
        "The tricuspid valve leaflets fail to coapt fully.",
        "The tricuspid valve is tethered by the enlarged right ventricle.",
        "A pacing lead crosses the tricuspid valve.",
        "The tricuspid valve jet is central.",
    ),
    Valve.PULMONIC: (
        "The pulmonic valve annulus is mildly dilated.",
        "The pulmonic valve closes incompletely.",
        "The pulmonic valve leaflets are thin but do not meet in the centre.",
        "The pulmonic valve has been dilated in childhood.",
    ),
}

ABSENT_ONE: tuple[str, ...] = (
    "There is no {lesion}.",
    "No {lesion} is seen.",
    "No evidence of {lesion}.",
    "{Lesion} is not seen.",
    "No {lesion}.",
    "There is no evidence of {lesion} by Doppler.",
    "No {lesion} was detected.",
    "{Lesion} is absent.",
    "Doppler shows no {lesion}.",
)

ABSENT_BOTH: tuple[str, ...] = (
    "There is no {valve} stenosis or regurgitation.",
    "No {valve} stenosis or insufficiency.",
    "No evidence of {valve} stenosis or regurgitation.",
    "Neither {valve} stenosis nor {valve} regurgitation is seen.",
    "{Valve} valve flow is normal, without stenosis or regurgitation.",
    "No {valve} regurgitation or stenosis is seen by Doppler.",
    "There is no evidence of {valve} valve stenosis or regurgitation.",
)

PRESENT_ONE: tuple[str, ...] = (
    "There is {grade} {lesion}.",
    "{Grade} {lesion} is present.",
    "{Grade} {lesion}.",
    "{Lesion} is {grade}.",
    "Doppler shows {grade} {lesion}.",
    "{Grade} {lesion} is noted by Doppler.",
    "The Doppler findings are consistent with {grade} {lesion}.",
    "{Grade} {lesion} is seen.",
    "There is evidence of {grade} {lesion}.",
    "Continuous wave Doppler demonstrates {grade} {lesion}.",
    "{Lesion}, {grade}.",
    "{Lesion} is present and is {grade} in degree.",
    "{Lesion} is present, {grade} in degree.",
    "{Lesion} is judged to be {grade}.",
    "The degree of {lesion} is {grade}.",
    "{Lesion} appears {grade}.",
    "{Lesion}: {grade}.",
)

FIRST_PRESENT_THEN_ABSENT: tuple[str, ...] = (
    "There is {grade} {lesion} without {other}.",
    "{Grade} {lesion} is seen, but no {other}.",
    "There is {grade} {lesion}. No {other}.",
    "No {other}, but there is {grade} {lesion}.",
    "{Grade} {lesion} is present; there is no {other}.",
)

BOTH_PRESENT: tuple[str, ...] = (
    "There is {grade} {lesion} with {other_grade} {other}.",
    "{Grade} {lesion} and {other_grade} {other} are present.",
    "{Grade} {lesion}. There is also {other_grade} {other}.",
    "Doppler shows {grade} {lesion} and {other_grade} {other}.",
    "There is {other_grade} {other} together with {grade} {lesion}.",
)

REMARKS: tuple[str, ...] = (
    "No vegetation is identified.",
    "There is no significant change from the previous study.",
    "The Doppler signal was of good quality.",
    "The jet was interrogated from several windows.",
    "Images were technically limited.",
    "Clinical correlation is advised.",
    "Measurements were averaged over three beats.",
)

QUIET_PAIR: tuple[str, ...] = (
    "The tricuspid and pulmonic valves are structurally normal. No tricuspid or pulmonic stenosis. {leaks}",
    "Tricuspid and pulmonic valves: normal leaflets, no tricuspid stenosis, no pulmonic stenosis. {leaks}",
    "The tricuspid and pulmonic valves are thin and mobile, with no tricuspid or pulmonic stenosis. {leaks}",
)

QUIET_IMPRESSIONS: tuple[str, ...] = (
    "No significant abnormality of the left ventricle.",
    "Normal study.",
    "Normal left ventricular function.",
    "No haemodynamically relevant finding.",
)

VALVE_HEADS: tuple[str, ...] = ("{VALVE} VALVE: ", "{Valve} Valve: ", "{Valve} valve: ", "{VALVE} VALVE:\n")

TERSE_HEADS: tuple[str, ...] = ("{Valve} valve - ", "{Valve} valve: ", "{VALVE} VALVE. ")

FILLER: tuple[str, ...] = (
    "The left ventricle is normal in size with an ejection fraction of {ef} %.",
    "Left ventricular systolic function: the ejection fraction is estimated at {ef} %.",
    "Left ventricular wall thickness is {wall} cm. The ejection fraction is {ef} %.",
    "The left ventricular internal dimension in diastole is {lvidd} cm. No regional wall motion abnormality.",
    "LEFT VENTRICLE: LVIDd {lvidd} cm, septum {wall} cm, ejection fraction {ef} %.",
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
    "Two-dimensional, M-mode, colour and spectral Doppler imaging were performed. Rhythm: {rhythm}, {hr} bpm.",
    "The aortic root measures {root} cm.",
    "Wall motion is normal in all segments. LVEF {ef} %.",
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
    "Evaluate left ventricular function.",
)

INDICATION_HEADS: tuple[str, ...] = ("INDICATION: ", "REASON FOR STUDY: ", "CLINICAL HISTORY: ")

IMPRESSION_HEADS: tuple[str, ...] = ("IMPRESSION:", "CONCLUSION:", "CONCLUSIONS:", "SUMMARY:")
