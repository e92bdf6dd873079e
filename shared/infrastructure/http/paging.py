"""Lists come in pages: ``?limit=&cursor=`` → ``{"items": […], "next": "…"|null}``.

A cursor is the sort key of the last item seen, opaque to callers; so any page costs the same as the first.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Depends, Query
from pydantic import BaseModel

from shared.infrastructure.http.problems import malformed

ItemT = TypeVar("ItemT")

_LARGEST_NUMBER = 2**63 - 1  # what a bigint column can be compared with


class Listing(BaseModel, Generic[ItemT]):
    """One page, as a response model."""

    items: list[ItemT]
    next: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """Which page a caller wants; a route takes it as ``page: PageQuery``."""

    limit: int
    cursor: str | None

    def of(self, items: Sequence[Mapping[str, Any]], *names: str) -> dict[str, Any]:
        """The answer for a short list that was read whole; the fields of these ``names`` tell its items apart."""
        keys = [tuple(str(item[name]) for name in names) for item in items]
        after = self.after(*(str for _ in names))
        if after is not None and after not in keys:
            raise _bad_cursor()
        start = 0 if after is None else keys.index(after) + 1
        end = start + self.limit
        return page_of(items[start:end], encode_cursor(*keys[end - 1]) if end < len(items) else None)

    def after(self, *kinds: type) -> tuple[Any, ...] | None:
        """The sort key after which the page begins, its parts of these ``kinds``; None for the first page."""
        return None if self.cursor is None else decode_cursor(self.cursor, *kinds)


async def _page(
    limit: Annotated[int, Query(ge=1, le=1000, description="Items per page")] = 100,
    cursor: Annotated[str | None, Query(max_length=1024, description="The `next` of the page before")] = None,
) -> Page:
    return Page(limit, cursor)


PageQuery = Annotated[Page, Depends(_page)]


def encode_cursor(*key: Any) -> str:
    """The cursor that continues after an item with this sort key (texts, whole numbers, dates)."""
    return urlsafe_b64encode(orjson.dumps(key)).rstrip(b"=").decode()


def decode_cursor(cursor: str, *kinds: type) -> tuple[Any, ...]:
    """The sort key in a cursor of ours; a 422 naming ``cursor`` for any other."""
    try:
        key = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise _bad_cursor() from None
    if not isinstance(key, list) or list(map(type, key)) != list(kinds) or not all(map(_storable, key)):
        raise _bad_cursor()
    return tuple(key)


def _storable(part: object) -> bool:
    """Whether the database can compare with it at all."""
    if isinstance(part, str):
        return "\0" not in part
    return not isinstance(part, int) or abs(part) <= _LARGEST_NUMBER


def _bad_cursor() -> Exception:
    return malformed("cursor", "is not the `next` of a page of this list")


def page_of(items: Sequence[Any], following: str | None) -> dict[str, Any]:
    """The answer: a page and the cursor of the one that follows, if there is more."""
    return {"items": items, "next": following}
