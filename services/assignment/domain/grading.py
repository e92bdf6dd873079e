"""Grading (等级评定): whether a manager meets what a grade asks for."""

from collections.abc import Iterator, Sequence
from datetime import date

from services.assignment.domain.grade import Education, GradeTerms
from services.assignment.domain.month import months_later
from shared.contracts.appraisal import Rating, ScorecardApproved
from shared.contracts.assignment import QualificationKind, QualificationRecorded


def unmet(
    terms: GradeTerms,
    qualifications: Sequence[QualificationRecorded],
    appraisal: ScorecardApproved | None,
    day: date,
) -> list[str]:
    """What of a grade's requirements is not met on a day, in words; nothing where all are."""
    valid = [one for one in qualifications if is_valid(one, day)]
    return list(_unmet(terms, valid, appraisal, day))


def is_valid(qualification: QualificationRecorded, day: date) -> bool:
    """Whether it was obtained by a day, and has not expired."""
    expires_on = qualification.expires_on
    return qualification.obtained_on <= day and (expires_on is None or day < expires_on)


def _unmet(
    terms: GradeTerms,
    valid: Sequence[QualificationRecorded],
    appraisal: ScorecardApproved | None,
    day: date,
) -> Iterator[str]:
    began = [one.obtained_on for one in valid if one.kind is QualificationKind.EXPERIENCE]
    if terms.years_in_banking and not any(
        months_later(start, 12 * terms.years_in_banking) <= day for start in began
    ):
        yield f"{terms.years_in_banking} years in banking"
    schooling = [Education(one.name).rank for one in valid if one.kind is QualificationKind.EDUCATION]
    if max(schooling, default=0) < terms.education.rank:
        yield f"education of {terms.education} or higher"
    certificates = {one.name for one in valid if one.kind is QualificationKind.CERTIFICATE}
    for certificate in sorted(terms.certificates - certificates):
        yield f"certificate {certificate}"
    exams = {one.name for one in valid if one.kind is QualificationKind.EXAM}
    if terms.exam is not None and terms.exam not in exams:
        yield f"exam {terms.exam}"
    if terms.rating is not None and not _rated(appraisal, terms.rating):
        yield f"a latest appraisal of {terms.rating} or better"


def _rated(appraisal: ScorecardApproved | None, wanted: Rating) -> bool:
    ranks = list(Rating)
    return appraisal is not None and ranks.index(appraisal.rating) <= ranks.index(wanted)
