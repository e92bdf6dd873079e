"""What scorecards are computed from, as known now: frozen with a cycle, or looked at while its period runs.

No table of its own: put together from results, sources, targets, schemes and staff.
"""

from collections.abc import Mapping
from datetime import date

from sqlalchemy.ext.asyncio import AsyncConnection

from services.appraisal.domain.card import Addendum, Inputs, VetoNamed
from services.appraisal.domain.cycle import CardKey, last_day_of
from services.appraisal.domain.scheme import Schemes, SchemeSet
from services.appraisal.views import result, source, staff, target
from services.appraisal.views.scheme import schemes
from shared.kernel.books import RESERVED_CENTRES, Book, Line, measures
from shared.kernel.period import Period, format_month

Lines = Mapping[Line, int]


async def of_all(connection: AsyncConnection, period: Period, lines: Mapping[CardKey, Lines]) -> list[Inputs]:
    """The inputs of everybody with results in a period, and of all managers who are with the bank on its last day."""
    grades = await staff.grades(connection, last_day_of(period.name))
    keys = {*lines, *((Book.MANAGER, manager_id) for manager_id in grades)}
    zeros = dict.fromkeys(Line, 0)
    wanted = {key: lines.get(key, zeros) for key in sorted(keys)}
    return await _inputs(connection, period, wanted, await schemes(connection), grades)


async def to_date(
    connection: AsyncConnection, period: Period, key: CardKey, lines: Lines, today: date
) -> tuple[Inputs, SchemeSet] | None:
    """The inputs of one centre in a period that may still run, with the scheme that is for it; None without one, as for
    the special centres."""
    side, centre_id = key
    if centre_id in RESERVED_CENTRES:
        return None
    known = await schemes(connection)
    grades = await staff.grades(connection, last_day_of(period.name)) if side is Book.MANAGER else {}
    [inputs] = await _inputs(connection, period, {key: lines}, known, grades, centre_id, today)
    if inputs.scheme_id is None or inputs.scheme_version is None:
        return None
    return inputs, known.version(inputs.scheme_id, inputs.scheme_version)


async def _inputs(
    connection: AsyncConnection,
    period: Period,
    lines: Mapping[CardKey, Lines],
    known: Schemes,
    grades: Mapping[str, str],
    only: str | None = None,
    by: date | None = None,
) -> list[Inputs]:
    day = last_day_of(period.name)
    adjusted = await result.adjustments(connection, period)
    named = {
        manager_id: tuple(VetoNamed(veto=one.veto, event_id=one.event_id, business_date=one.business_date)
                          for one in facts)
        for manager_id, facts in (await source.vetoes(connection, period, only, by)).items()
    }  # fmt: skip
    books = sorted({book for book, _ in lines})
    actuals = {book: await source.actuals(connection, book, period, only) for book in books}
    targets = {book: await target.targets(connection, book, period) for book in books}
    inputs = []
    for (book, centre_id), own in lines.items():
        group = grades.get(centre_id) if book is Book.MANAGER else centre_id
        scheme = known.of(book, group, day) if book is Book.DEPARTMENT or group is not None else None
        inputs.append(
            Inputs.model_construct(
                side=book,
                centre_id=centre_id,
                group=group,
                scheme_id=scheme.scheme_id if scheme else None,
                scheme_version=scheme.version if scheme else None,
                lines=dict(own),
                actuals=dict(sorted(actuals[book].get(centre_id, {}).items())),
                targets=dict(sorted(targets[book].get(centre_id, {}).items())),
                vetoes=named.get(centre_id, ()) if book is Book.MANAGER else (),
                addenda=_addenda(adjusted.get((book, centre_id), {})),
            )
        )
    return inputs


def _addenda(adjusted: dict[int, dict[Line, int]]) -> tuple[Addendum, ...]:
    return tuple(
        Addendum.model_construct(
            adjusts_period=format_month(month), lines=lines, efficiency=measures(lines)["efficiency"]
        )
        for month, lines in sorted(adjusted.items())
    )
