"""How much generated identity is found in real sentences, and how often a clinical word is taken for one.

    python benchmarks/deidentification.py --reports reports.jsonl [--count 3000] [--errors 20]

Names, addresses, numbers and dates are Faker's (several languages), which the word lists of the engine do not come
from. They are put into carrier phrases between sentences of real reports, a third of them in upper case. Recall counts
an identity as found when none of its words of two letters or more is left where it stood; wrong replacements are
counted in the real sentences, which hold almost no identity, and in sentences of eponyms, drugs and devices.
"""

import argparse
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from faker import Faker

from echomine.reports.deidentify import DeidentifiedText, deidentify

KEY = b"a key of a benchmark, no secret"
LOCALES = ("en_US", "en_US", "en_US", "en_GB", "es_MX", "de_DE", "fr_FR", "it_IT", "nl_NL", "en_IN", "pl_PL", "pt_BR")
CARRIERS = {
    "name": (
        "Patient: {}.",
        "Dr. {} was informed of the results.",
        "Referring physician: {}",
        "The study was read by {}, MD.",
        "Electronically signed by {}",
        "Findings were discussed with {} by telephone.",
        "Mr. {} tolerated the procedure well.",
        "{} is a pleasant patient with dyspnea.",
        "Sonographer: {}, RDCS",
        "His wife, {}, was present.",
        "cc: {}",
        "The images were compared by {} with the prior study.",
        "{} presented to the clinic with chest pain.",
        "I spoke to {} regarding the findings.",
        "Thank you, {}, for this referral.",
        "Attending: {}",
        "Per {}, continue aspirin.",
        "Results were reported to {}.",
        "{} underwent echocardiography today.",
        "Assistant surgeon: {}",
        "This is to certify that {} was examined.",
        "The operation was done by {}.",
    ),
    "date": (
        "Date of study: {}",
        "Compared with the study of {}, there is no change.",
        "DOB: {}",
        "He was seen on {} for chest pain.",
    ),
    "id": ("MRN: {}", "Accession number {}", "Account # {}", "Patient ID: {}"),
    "ssn": ("SSN {}", "Social security number: {}"),
    "phone": ("Call {} with questions.", "Phone: {}", "Results were called to {}.", "Fax {}"),
    "email": ("Contact {} for images.",),
    "address": ("Address: {}", "The patient lives at {}."),
}
CLINICAL = (
    "St. Jude mechanical aortic valve with normal Doppler gradients.",
    "Ejection fraction by Simpson's biplane method is 55%.",
    "Marfan syndrome with a dilated root; prior Bentall and Ross procedures in the family.",
    "Prominent Eustachian valve and Chiari network; Lambl's excrescences on the aortic valve.",
    "A Carpentier-Edwards bioprosthesis and a Duran ring are well seated.",
    "A Medtronic Hancock valve and a Bjork-Shiley valve were seen.",
    "Ebstein anomaly, tetralogy of Fallot, Eisenmenger physiology after a Blalock-Taussig shunt.",
    "Libman-Sacks endocarditis; Austin Flint murmur; Carvallo sign; Barlow disease.",
    "He takes Lopressor, Coumadin, Lasix, Lipitor and Plavix; Versed and Fentanyl were given.",
    "Definity contrast was used on a Philips EPIQ and a GE Vivid system.",
    "The Nyquist limit was 60 cm/s; the Bernoulli equation gave 64 mmHg; Coanda effect.",
    "An Amplatzer occluder and a Watchman device; Swan-Ganz catheter; Edwards SAPIEN valve.",
    "Wolff-Parkinson-White syndrome, Takotsubo cardiomyopathy, Kawasaki disease, McConnell's sign.",
)


@dataclass(frozen=True, slots=True)
class Inserted:
    """One identity in a text: its kind, and the characters it takes."""

    kind: str
    start: int
    end: int


def main() -> int:
    arguments = _arguments()
    sentences = _sentences(arguments.reports)
    generator = np.random.default_rng(arguments.seed)
    makers = _makers(arguments.seed, generator)
    found: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    missed: list[str] = []
    for number in range(arguments.count):
        text, identity = _text(sentences, makers, generator)
        gone = not _left(text, identity, deidentify(text, key=KEY, patient=str(number)))
        asked[identity.kind] += 1
        found[identity.kind] += gone
        if not gone:
            missed.append(f"{identity.kind}: {text[max(0, identity.start - 40) : identity.end + 20]!r}")
    _print_recall(found, asked)
    _print_wrong("real sentences", sentences, arguments.errors)
    _print_wrong("sentences of eponyms, drugs and devices", list(CLINICAL), arguments.errors)
    print("\nmissed:", *missed[: arguments.errors], sep="\n  ")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reports", type=Path, required=True, help='JSON lines of {"text"}')
    parser.add_argument("--count", type=int, default=3000, help="identities to insert")
    parser.add_argument("--errors", type=int, default=20, help="how many of each kind of error to list")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _sentences(path: Path) -> list[str]:
    texts = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    pieces = (piece.strip() for text in texts for piece in re.split(r"\n+|(?<=[a-z]\.)\s+(?=[A-Z])", text))
    return [piece for piece in pieces if len(piece.split()) > 3]


def _makers(seed: int, generator: np.random.Generator) -> dict[str, Callable[[], str]]:
    fakers = []
    for number, locale in enumerate(LOCALES):
        faker = Faker(locale)
        faker.seed_instance(seed + number)
        fakers.append(faker)
    us = fakers[0]
    forms = (
        "%m/%d/%Y",
        "%m/%d/%y",
        "%Y-%m-%d",
        "%B %d, %Y",
        "%d %b %Y",
        "%d-%b-%Y",
        "%m-%d-%Y",
        "%Y%m%d",
        "%b %d %Y",
        "%B %Y",
    )
    ids = ("########", "??######", "#######", "???-######", "##-#####-##", "A##########")

    def name() -> str:
        faker = fakers[generator.integers(len(fakers))]
        first, last, initial = faker.first_name(), faker.last_name(), us.random_uppercase_letter()
        styles = (f"{first} {last}", f"{first} {initial}. {last}", f"{last}, {first}", last, f"{initial}. {last}")
        return styles[generator.integers(len(styles))]

    return {
        "name": name,
        "date": lambda: us.date_between("-90y").strftime(forms[generator.integers(len(forms))]),
        "id": lambda: us.bothify(ids[generator.integers(len(ids))]).upper(),
        "ssn": us.ssn,
        "phone": us.phone_number,
        "email": us.email,
        "address": us.address,
    }


def _text(
    sentences: list[str], makers: dict[str, Callable[[], str]], generator: np.random.Generator
) -> tuple[str, Inserted]:
    kinds = [*makers, "name", "name", "name"]
    kind = kinds[generator.integers(len(kinds))]
    before, after = (sentences[generator.integers(len(sentences))] for _ in range(2))
    carrier = CARRIERS[kind][generator.integers(len(CARRIERS[kind]))]
    value = makers[kind]()
    start = len(before) + 1 + carrier.index("{}")
    text = f"{before}\n{carrier.format(value)}\n{after}"
    loud = text.upper()
    if generator.random() < 1 / 3 and len(loud) == len(text):
        text = loud
    return text, Inserted(kind, start, start + len(value))


def _left(text: str, identity: Inserted, clean: DeidentifiedText) -> bool:
    """Whether any word of the identity stands where it stood."""
    kept = [not any(one.span.start <= place < one.span.end for one in clean.replaced) for place in range(len(text))]
    words = re.finditer(r"[^\W_]{2,}", text[identity.start : identity.end])
    return any(any(kept[identity.start + word.start() : identity.start + word.end()]) for word in words)


def _print_recall(found: Counter[str], asked: Counter[str]) -> None:
    print("recall of generated identities")
    for kind in asked:
        print(f"  {kind:<8} {found[kind] / asked[kind]:.3f}  ({found[kind]} of {asked[kind]})")
    total, right = sum(asked.values()), sum(found.values())
    low, high = np.quantile(np.random.default_rng(0).binomial(total, right / total, 2000) / total, (0.025, 0.975))
    print(f"  {'all':<8} {right / total:.4f}  ({right} of {total}; 95% {low:.4f}..{high:.4f})")


def _print_wrong(title: str, sentences: list[str], listed: int) -> None:
    wrong: Counter[str] = Counter()
    hit = words = 0
    for sentence in sentences:
        clean = deidentify(sentence, key=KEY, patient="x")
        names = [one for one in clean.replaced if one.kind != "date"]
        words += len(sentence.split())
        hit += bool(names)
        wrong.update(f"{one.kind.value}: {sentence[one.span.start : one.span.end]}" for one in names)
    print(f"\nreplaced in {title} (dates aside): {sum(wrong.values())} passages in {words} words, "
          f"{hit / len(sentences):.3f} of {len(sentences)} sentences")  # fmt: skip
    for passage, count in wrong.most_common(listed):
        print(f"  {count} x {passage}")


if __name__ == "__main__":
    raise SystemExit(main())
