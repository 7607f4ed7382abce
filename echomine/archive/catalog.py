"""The catalog: what a workspace knows of images, reports, runs and labels."""

from sqlalchemy import func, select, update

from echomine.archive.database import Database
from echomine.archive.image_table import ImageTable
from echomine.archive.ledger import Ledger
from echomine.archive.report_table import ReportTable
from echomine.archive.scan_table import ScanTable
from echomine.archive.schema import findings, images, labels, pairs, paragraphs, problems, reports, views
from echomine.domain.errors import Reason


class Catalog:
    """The parts of one database.

    Attributes:
        images: Images, their sources, and what was not taken in.
        reports: Reports, paragraphs with findings, pairs, views.
        ledger: Runs, states and labels.
        scans: Quantified heart scans.
    """

    def __init__(self, url: str) -> None:
        """Opens the database at a SQLAlchemy URL, made or brought up to date where needed.

        Raises:
            WorkspaceError: If it cannot be opened.
        """
        self._database = Database(url)
        self.images = ImageTable(self._database)
        self.reports = ReportTable(self._database)
        self.ledger = Ledger(self._database)
        self.scans = ScanTable(self._database)

    def counts(self) -> dict[str, int]:
        """How much of everything there is."""
        tables = (images, reports, paragraphs, findings, pairs, views, labels, problems)
        with self._database.read() as connection:
            sizes = {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one() for table in tables
            }
        return sizes | self.exam_counts()

    def exam_counts(self) -> dict[str, int]:
        """Exams with images, those of them without a report, and reports whose exam has no image."""
        reported = select(reports.c.study_uid).where(reports.c.study_uid != "")
        imaged = select(images.c.study_uid).where(images.c.study_uid != "")
        exams = select(func.count(images.c.study_uid.distinct())).where(images.c.study_uid != "")
        with self._database.read() as connection:
            return {
                "exams": connection.execute(exams).scalar_one(),
                "exams_without_report": connection.execute(
                    exams.where(images.c.study_uid.not_in(reported))
                ).scalar_one(),
                "reports_without_exam": connection.execute(
                    select(func.count()).select_from(reports).where(reports.c.study_uid.not_in(imaged))
                ).scalar_one(),
            }

    def unlinked(self) -> dict[Reason, tuple[str, ...]]:
        """Exams half there, in order: ``no_report`` for those with images alone, ``no_exam`` for the others."""
        reported = select(reports.c.study_uid).where(reports.c.study_uid != "")
        imaged = select(images.c.study_uid).where(images.c.study_uid != "")
        wanted = {Reason.NO_REPORT: imaged.except_(reported), Reason.NO_EXAM: reported.except_(imaged)}
        with self._database.read() as connection:
            return {reason: tuple(sorted(connection.execute(query).scalars())) for reason, query in wanted.items()}

    def patients(self) -> frozenset[str]:
        """Pseudonyms of everybody with an image or report; ``""`` among them when somebody is unknown."""
        query = select(images.c.patient).union(select(reports.c.patient))
        with self._database.read() as connection:
            return frozenset(connection.execute(query).scalars())

    def share_patients(self) -> None:
        """Gives the patient of an exam to its images and reports that came without one.

        Otherwise a query would find its own patient's report, and a split would part the two.
        """
        with self._database.write() as connection:
            for ours, theirs in ((reports, images), (images, reports), (labels, reports)):
                known = (
                    select(func.min(theirs.c.patient))
                    .where(theirs.c.study_uid == ours.c.study_uid, theirs.c.patient != "")
                    .scalar_subquery()
                )
                orphans = (ours.c.patient == "") & (ours.c.study_uid != "") & known.is_not(None)
                connection.execute(update(ours).where(orphans).values(patient=known))

    def close(self) -> None:
        """Gives back the connections."""
        self._database.close()
