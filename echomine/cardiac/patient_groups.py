"""The five groups of ACDC from volumes: a random forest and an ensemble of small networks, averaged.

References:
    Isensee et al., STACOM 2017, section 2.4 (there on more features, taken over time). The groups are those of Bernard
    et al., IEEE Trans Med Imaging 2018;37:2514-2525.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.cardiac.volumes import CineVolumes, ejection_fraction_pct
from echomine.domain.config import config_from
from echomine.domain.errors import ArtifactError, EchomineError, MeasurementError

GROUPS = {
    "NOR": "normal",
    "MINF": "previous infarction",
    "DCM": "dilated cardiomyopathy",
    "HCM": "hypertrophic cardiomyopathy",
    "RV": "abnormal right ventricle",
}
TREES, NETWORKS, HIDDEN = 500, 5, 32
_TABLE = "patients.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class VentricleVolumes:
    """What a patient's group is read from; volumes in ml, mass in g."""

    lv_edv_ml: float
    lv_esv_ml: float
    rv_edv_ml: float
    rv_esv_ml: float
    lv_mass_g: float

    def features(self) -> list[float]:
        """Volumes, ejection fractions, mass, stroke volume, and ratios that do not depend on body size."""
        return [
            self.lv_edv_ml,
            self.lv_esv_ml,
            ejection_fraction_pct(self.lv_edv_ml, self.lv_esv_ml),
            self.rv_edv_ml,
            self.rv_esv_ml,
            ejection_fraction_pct(self.rv_edv_ml, self.rv_esv_ml),
            self.lv_mass_g,
            self.lv_edv_ml - self.lv_esv_ml,
            self.lv_edv_ml / self.rv_edv_ml,
            self.lv_esv_ml / max(self.rv_esv_ml, 1.0),
            self.lv_mass_g / self.lv_edv_ml,
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupGuess:
    """The likeliest group of a patient and the share of every group."""

    group: str
    shares: dict[str, float]


def volumes_of(found: CineVolumes) -> VentricleVolumes:
    """The volumes of a measured scan.

    Raises:
        MeasurementError: If one is missing.
    """
    values = (found.lv_edv_ml, found.lv_esv_ml, found.rv_edv_ml, found.rv_esv_ml, found.lv_mass_g)
    if any(value is None for value in values):
        raise MeasurementError("a patient's group needs both ventricles at both instants and the myocardium")
    edv, esv, rv_edv, rv_esv, mass = (float(value or 0.0) for value in values)
    return VentricleVolumes(lv_edv_ml=edv, lv_esv_ml=esv, rv_edv_ml=rv_edv, rv_esv_ml=rv_esv, lv_mass_g=mass)


class GroupClassifier:
    """Learns groups from volumes; the same patients and seed give the same answers.

    Its files hold the table of patients and no fitted state: fitting it anew takes seconds.

    Attributes:
        generation: Identifier of the artifact, or ``""``.
    """

    def __init__(
        self, patients: Sequence[VentricleVolumes], groups: Sequence[str], *, seed: int = 0, generation: str = ""
    ) -> None:
        if len(patients) != len(groups) or len(set(groups)) < 2:
            raise MeasurementError("a classifier needs patients of two or more groups, each with its group")
        self.generation = generation
        features = np.array([one.features() for one in patients])
        self._members = [_forest(seed), *(_network(seed + at) for at in range(NETWORKS))]
        for member in self._members:
            member.fit(features, np.array(groups))
        self._names = [str(name) for name in self._members[0].classes_]

    def guess(self, patients: Sequence[VentricleVolumes]) -> tuple[GroupGuess, ...]:
        """The group of each patient: forest and networks count half each."""
        features = np.array([one.features() for one in patients])
        forest, *networks = (self._shares(member, features) for member in self._members)
        mean = (forest + np.mean(networks, axis=0)) / 2
        return tuple(
            GroupGuess(
                group=self._names[int(np.argmax(row))],
                shares={name: float(share) for name, share in zip(self._names, row, strict=True)},
            )
            for row in mean
        )

    @staticmethod
    def _shares(member: Any, features: NDArray[np.float64]) -> NDArray[np.float64]:  # noqa: ANN401
        shares: NDArray[np.float64] = member.predict_proba(features)
        return shares


def left_out_guesses(
    patients: Sequence[VentricleVolumes], groups: Sequence[str], *, folds: int, seed: int
) -> tuple[GroupGuess, ...]:
    """The guess for each patient by a classifier that has not seen him, groups spread evenly over the folds.

    Raises:
        MeasurementError: If a group has fewer patients than there are folds.
    """
    from sklearn.model_selection import StratifiedKFold

    if folds < 2 or min(Counter(groups).values(), default=0) < folds:
        raise MeasurementError(f"{folds} folds need two or more of them and as many patients of every group")
    found: dict[int, GroupGuess] = {}
    for known, left_out in StratifiedKFold(folds, shuffle=True, random_state=seed).split(groups, groups):
        classifier = GroupClassifier([patients[at] for at in known], [groups[at] for at in known], seed=seed)
        guesses = classifier.guess([patients[at] for at in left_out])
        found |= dict(zip(left_out.tolist(), guesses, strict=True))
    return tuple(found[at] for at in range(len(patients)))


def group_files(patients: Sequence[VentricleVolumes], groups: Sequence[str], *, seed: int) -> dict[str, bytes]:
    """The files of a generation: the table of patients, without names, and the seed."""
    rows = [asdict(one) | {"group": group} for one, group in zip(patients, groups, strict=True)]
    return {_TABLE: json.dumps({"seed": seed, "patients": rows}).encode()}


def groups_from_files(files: Mapping[str, bytes], *, generation: str = "") -> GroupClassifier:
    """The classifier of a generation, fitted anew.

    Raises:
        ArtifactError: If the table is missing or cannot be used.
    """
    try:
        table = json.loads(files[_TABLE])
        groups = [str(row.pop("group")) for row in table["patients"]]
        patients = [config_from(VentricleVolumes, row) for row in table["patients"]]
        return GroupClassifier(patients, groups, seed=int(table["seed"]), generation=generation)
    except (KeyError, ValueError, TypeError, AttributeError, EchomineError) as error:
        raise ArtifactError(f"the groups cannot be read ({type(error).__name__}); train them again") from error


def _forest(seed: int) -> Any:  # noqa: ANN401 - scikit-learn has no types
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(TREES, max_features=3, random_state=seed)


def _network(seed: int) -> Any:  # noqa: ANN401
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learner = MLPClassifier((HIDDEN,), alpha=0.3, max_iter=4000, solver="lbfgs", random_state=seed)
    return make_pipeline(StandardScaler(), learner)
