"""The ledger's HTTP door: request → command or query. One file a subject."""

from services.ledger.api import books, catalogue, core_events, entries, periods

ROUTERS = (core_events.router, books.router, entries.router, catalogue.router, periods.router)

__all__ = ["ROUTERS"]
