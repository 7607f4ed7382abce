"""The first catalog."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "labels",
        sa.Column("label_id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=96), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("valve", sa.String(length=16), nullable=False),
        sa.Column("disease", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("image_id", sa.String(length=80), nullable=False),
        sa.Column("study_uid", sa.String(length=80), nullable=False),
        sa.Column("patient", sa.String(length=64), nullable=False),
        sa.Column("severity_low", sa.Integer(), nullable=False),
        sa.Column("severity_high", sa.Integer(), nullable=False),
        sa.Column("assertion", sa.String(length=16), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("abstained", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("lexicon", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("label_id", name=op.f("pk_labels")),
        sa.UniqueConstraint("subject", "source", "valve", "disease", "model", name="uq_labels_statement"),
    )
    op.create_index("ix_labels_source", "labels", ["source", "model"], unique=False)
    op.create_index(op.f("ix_labels_study_uid"), "labels", ["study_uid"], unique=False)
    op.create_table(
        "pairs",
        sa.Column("image_id", sa.String(length=80), nullable=False),
        sa.Column("paragraph_id", sa.String(length=96), nullable=False),
        sa.Column("study_uid", sa.String(length=80), nullable=False),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("image_id", "paragraph_id", name=op.f("pk_pairs")),
    )
    op.create_table(
        "reports",
        sa.Column("report_id", sa.String(length=80), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("patient", sa.String(length=64), nullable=False),
        sa.Column("study_uid", sa.String(length=80), nullable=False),
        sa.Column("performed", sa.Date(), nullable=True),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("lexicon", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("report_id", name=op.f("pk_reports")),
    )
    op.create_index(op.f("ix_reports_patient"), "reports", ["patient"], unique=False)
    op.create_index(op.f("ix_reports_study_uid"), "reports", ["study_uid"], unique=False)
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("lexicon", sa.String(length=64), nullable=False),
        sa.Column("started", sa.DateTime(), nullable=False),
        sa.Column("finished", sa.DateTime(), nullable=True),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_model"), "runs", ["model"], unique=False)
    op.create_table(
        "sources",
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", name=op.f("pk_sources")),
        sa.UniqueConstraint("root", name=op.f("uq_sources_root")),
    )
    op.create_table(
        "views",
        sa.Column("image_id", sa.String(length=80), nullable=False),
        sa.Column("valve", sa.String(length=16), nullable=False),
        sa.Column("flow", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_views")),
    )
    op.create_table(
        "images",
        sa.Column("image_id", sa.String(length=80), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("file_mark", sa.String(length=48), nullable=False),
        sa.Column("patient", sa.String(length=64), nullable=False),
        sa.Column("study_uid", sa.String(length=80), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("x0", sa.Integer(), nullable=False),
        sa.Column("y0", sa.Integer(), nullable=False),
        sa.Column("x1", sa.Integer(), nullable=False),
        sa.Column("y1", sa.Integer(), nullable=False),
        sa.Column("mps_per_px", sa.Float(), nullable=True),
        sa.Column("baseline_y", sa.Float(), nullable=True),
        sa.Column("s_per_px", sa.Float(), nullable=True),
        sa.Column("calibration_source", sa.String(length=8), nullable=False),
        sa.Column("performed", sa.Date(), nullable=True),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.source_id"], name=op.f("fk_images_source_id")),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_images")),
    )
    op.create_index("ix_images_file", "images", ["source_id", "relative_path"], unique=False)
    op.create_index(op.f("ix_images_patient"), "images", ["patient"], unique=False)
    op.create_index(op.f("ix_images_study_uid"), "images", ["study_uid"], unique=False)
    op.create_table(
        "paragraphs",
        sa.Column("paragraph_id", sa.String(length=96), nullable=False),
        sa.Column("report_id", sa.String(length=80), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["report_id"], ["reports.report_id"], name=op.f("fk_paragraphs_report_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("paragraph_id", name=op.f("pk_paragraphs")),
    )
    op.create_index(op.f("ix_paragraphs_report_id"), "paragraphs", ["report_id"], unique=False)
    op.create_table(
        "problems",
        sa.Column("problem_id", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Integer(), nullable=False),
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("item", sa.String(length=96), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("file_mark", sa.String(length=48), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["source_id"], ["sources.source_id"], name=op.f("fk_problems_source_id")),
        sa.PrimaryKeyConstraint("problem_id", name=op.f("pk_problems")),
        sa.UniqueConstraint("source_id", "relative_path", name="uq_problems_file"),
    )
    op.create_index(op.f("ix_problems_reason"), "problems", ["reason"], unique=False)
    op.create_table(
        "findings",
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("paragraph_id", sa.String(length=96), nullable=False),
        sa.Column("valve", sa.String(length=16), nullable=False),
        sa.Column("disease", sa.String(length=32), nullable=False),
        sa.Column("severity_low", sa.Integer(), nullable=False),
        sa.Column("severity_high", sa.Integer(), nullable=False),
        sa.Column("assertion", sa.String(length=16), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("section", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["paragraph_id"],
            ["paragraphs.paragraph_id"],
            name=op.f("fk_findings_paragraph_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("finding_id", name=op.f("pk_findings")),
    )
    op.create_index("ix_findings_lesion", "findings", ["valve", "disease"], unique=False)
    op.create_index(op.f("ix_findings_paragraph_id"), "findings", ["paragraph_id"], unique=False)
    op.create_table(
        "ledger",
        sa.Column("image_id", sa.String(length=80), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["image_id"], ["images.image_id"], name=op.f("fk_ledger_image_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_ledger_run_id")),
        sa.PrimaryKeyConstraint("image_id", "model", name=op.f("pk_ledger")),
    )
    op.create_index("ix_ledger_state", "ledger", ["model", "state"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_ledger_state", table_name="ledger")
    op.drop_table("ledger")
    op.drop_index(op.f("ix_findings_paragraph_id"), table_name="findings")
    op.drop_index("ix_findings_lesion", table_name="findings")
    op.drop_table("findings")
    op.drop_index(op.f("ix_problems_reason"), table_name="problems")
    op.drop_table("problems")
    op.drop_index(op.f("ix_paragraphs_report_id"), table_name="paragraphs")
    op.drop_table("paragraphs")
    op.drop_index(op.f("ix_images_study_uid"), table_name="images")
    op.drop_index(op.f("ix_images_patient"), table_name="images")
    op.drop_index("ix_images_file", table_name="images")
    op.drop_table("images")
    op.drop_table("views")
    op.drop_table("sources")
    op.drop_index(op.f("ix_runs_model"), table_name="runs")
    op.drop_table("runs")
    op.drop_index(op.f("ix_reports_study_uid"), table_name="reports")
    op.drop_index(op.f("ix_reports_patient"), table_name="reports")
    op.drop_table("reports")
    op.drop_table("pairs")
    op.drop_index(op.f("ix_labels_study_uid"), table_name="labels")
    op.drop_index("ix_labels_source", table_name="labels")
    op.drop_table("labels")
