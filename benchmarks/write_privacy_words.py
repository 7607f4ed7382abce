"""Write the words that are no names: ``echomine/reports/privacy/words.txt``.

    python benchmarks/write_privacy_words.py corpus_general.jsonl.gz

From a corpus of clinical notes without patients: words seen in lower case in two notes or more; and, when they are on
no list of names, words in upper case of two notes (abbreviations, headings) and capitalised ones within the sentences
of three (drugs, eponyms, makers).
"""

import gzip
import json
import re
import sys
from collections import Counter
from pathlib import Path

from echomine.reports.privacy_words import DATA, read_names

_WORD = re.compile(r"[^\W\d_]+")


def main() -> int:
    names = read_names()
    people = names.given | names.family
    lower: Counter[str] = Counter()
    capital: Counter[str] = Counter()
    upper: Counter[str] = Counter()
    with gzip.open(sys.argv[1], "rt", encoding="utf-8") as stream:
        for line in stream:
            text = json.loads(line)["text"]
            words = set(_WORD.findall(text))
            lower.update(word for word in words if word.islower())
            within = set(re.findall(r"(?<=[a-z,] )[A-Z][a-z]+(?=[ ,.;])", text))
            capital.update(word.lower() for word in within)
            upper.update(word.lower() for word in words if word.isupper())
    words = {word for word, count in lower.items() if count >= 2 and len(word) > 1}
    words |= {word for word, count in capital.items() if count >= 3 and word not in people}
    words |= {word for word, count in upper.items() if count >= 2 and len(word) > 1 and word not in people}
    target = Path(str(DATA.joinpath("words.txt")))
    target.write_text("\n".join(sorted(words)) + "\n", encoding="utf-8")
    print(f"{len(words)} words: {target}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
