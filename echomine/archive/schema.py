"""Tables of the catalog. A change here needs a migration beside it; a test compares the two."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

sources = Table(
    "sources",
    metadata,
    Column("source_id", Integer, primary_key=True),
    Column("root", Text, nullable=False, unique=True),
)

images = Table(
    "images",
    metadata,
    Column("image_id", String(80), primary_key=True),
    Column("content_sha256", String(64), nullable=False),
    Column("source_id", ForeignKey("sources.source_id"), nullable=False),
    Column("relative_path", Text, nullable=False),
    Column("file_mark", String(48), nullable=False),
    Column("patient", String(64), nullable=False, index=True),
    Column("study_uid", String(80), nullable=False, index=True),
    Column("mode", String(8), nullable=False),
    Column("x0", Integer, nullable=False),
    Column("y0", Integer, nullable=False),
    Column("x1", Integer, nullable=False),
    Column("y1", Integer, nullable=False),
    Column("mps_per_px", Float),
    Column("baseline_y", Float),
    Column("s_per_px", Float),
    Column("calibration_source", String(8), nullable=False),
    Column("performed", Date),
    Column("site", Text, nullable=False),
    Column("notes", JSON, nullable=False),
)
Index("ix_images_file", images.c.source_id, images.c.relative_path)

reports = Table(
    "reports",
    metadata,
    Column("report_id", String(80), primary_key=True),
    Column("content_sha256", String(64), nullable=False),
    Column("origin", Text, nullable=False),
    Column("patient", String(64), nullable=False, index=True),
    Column("study_uid", String(80), nullable=False, index=True),
    Column("performed", Date),
    Column("site", Text, nullable=False),
    Column("lexicon", String(64), nullable=False),
    Column("text", Text, nullable=False),
)

paragraphs = Table(
    "paragraphs",
    metadata,
    Column("paragraph_id", String(96), primary_key=True),
    Column("report_id", ForeignKey("reports.report_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("section", Text, nullable=False),
    Column("text", Text, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("finding_id", Integer, primary_key=True),
    Column("paragraph_id", ForeignKey("paragraphs.paragraph_id", ondelete="CASCADE"), nullable=False, index=True),
    Column("valve", String(16), nullable=False),
    Column("disease", String(32), nullable=False),
    Column("severity_low", Integer, nullable=False),
    Column("severity_high", Integer, nullable=False),
    Column("assertion", String(16), nullable=False),
    Column("start", Integer, nullable=False),
    Column("end", Integer, nullable=False),
    Column("quote", Text, nullable=False),
    Column("section", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
Index("ix_findings_lesion", findings.c.valve, findings.c.disease)

runs = Table(
    "runs",
    metadata,
    Column("run_id", String(40), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("model", String(64), nullable=False, index=True),
    Column("lexicon", String(64), nullable=False),
    Column("started", DateTime, nullable=False),
    Column("finished", DateTime),
    Column("config", JSON, nullable=False),
    Column("counts", JSON, nullable=False),
)

ledger = Table(
    "ledger",
    metadata,
    Column("image_id", ForeignKey("images.image_id"), primary_key=True),
    Column("model", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("message", Text, nullable=False),
    Column("vector", LargeBinary),
    Column("run_id", ForeignKey("runs.run_id"), nullable=False),
)
Index("ix_ledger_state", ledger.c.model, ledger.c.state)

labels = Table(
    "labels",
    metadata,
    Column("label_id", Integer, primary_key=True),
    Column("subject", String(96), nullable=False),
    Column("source", String(16), nullable=False),
    Column("valve", String(16), nullable=False),
    Column("disease", String(32), nullable=False),
    Column("model", String(64), nullable=False),
    Column("image_id", String(80), nullable=False),
    Column("study_uid", String(80), nullable=False, index=True),
    Column("patient", String(64), nullable=False),
    Column("severity_low", Integer, nullable=False),
    Column("severity_high", Integer, nullable=False),
    Column("assertion", String(16), nullable=False),
    Column("confidence", Float, nullable=False),
    Column("abstained", Boolean, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("run_id", String(40), nullable=False),
    Column("lexicon", String(64), nullable=False),
    UniqueConstraint("subject", "source", "valve", "disease", "model", name="uq_labels_statement"),
)
Index("ix_labels_source", labels.c.source, labels.c.model)

pairs = Table(
    "pairs",
    metadata,
    Column("image_id", String(80), primary_key=True),
    Column("paragraph_id", String(96), primary_key=True),
    Column("study_uid", String(80), nullable=False),
    Column("quote", Text, nullable=False),
    Column("weight", Float, nullable=False),
)

views = Table(
    "views",
    metadata,
    Column("image_id", String(80), primary_key=True),
    Column("valve", String(16), nullable=False),
    Column("flow", String(16), nullable=False),
)

scans = Table(
    "scans",
    metadata,
    Column("scan_id", String(80), primary_key=True),
    Column("model", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("study_uid", String(80), nullable=False, index=True),
    Column("patient", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("message", Text, nullable=False),
    Column("result", JSON, nullable=False),
    Column("conflicts", JSON, nullable=False),
    Column("run_id", String(40), nullable=False),
)

problems = Table(
    "problems",
    metadata,
    Column("problem_id", Integer, primary_key=True),
    Column("source_id", ForeignKey("sources.source_id"), nullable=False),
    Column("relative_path", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("item", String(96), nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(32), nullable=False, index=True),
    Column("message", Text, nullable=False),
    Column("file_mark", String(48), nullable=False),
    Column("content_sha256", String(64), nullable=False),
    UniqueConstraint("source_id", "relative_path", name="uq_problems_file"),
)
