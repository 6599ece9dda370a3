"""What pages show of published photographs that judge in place of their own."""

import html
from collections.abc import Sequence

from ganinv.analysis.beyond import Edits
from ganinv.analysis.edited_verdicts import Found
from ganinv.analysis.evidence import Evidence
from ganinv.report import show_beyond, show_editing


def show_refinements(evidence: Evidence | None, edits: Edits | None, why: str = "") -> str:
    """Show the tables of published refinements; or why they do not judge, "" for no reason."""
    if evidence is None or edits is None:
        return _sentence(why)
    experiments, images = evidence.experiments, evidence.images
    parts = [
        show_beyond.variants_table(experiments, images),
        show_beyond.edits_table(edits),
        show_beyond.trade_off(experiments, images, edits),
    ]
    return _published(evidence, parts)


def show_edits(evidence: Evidence | None, found: Found | None, why: str = "") -> str:
    """Show the tables of published edits; or why they do not judge, "" for no reason."""
    if evidence is None or found is None:
        return _sentence(why)
    parts = [
        show_editing.codes_table(found),
        show_editing.edits_table(found.study),
        show_editing.directions_table(found.study),
        show_editing.trade_off(found),
    ]
    return _published(evidence, parts)


def _published(evidence: Evidence, parts: Sequence[str]) -> str:
    also = "All else on this page is of this run's own photographs. Seconds are those of the "
    also += "machine that made them."
    return (
        f'<div class="published">{_sentence(f"{evidence.describe()} {also}")}{"".join(parts)}</div>'
    )


def _sentence(text: str) -> str:
    return f"<p>{html.escape(text)}</p>" if text else ""
