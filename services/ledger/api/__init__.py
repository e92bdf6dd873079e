"""The ledger's HTTP door: request → command or query. One file a subject."""

from services.ledger.api import (
    books,
    catalogue,
    comparison,
    core_events,
    entries,
    ftp_curves,
    hierarchy,
    legs,
    periods,
    simulations,
)

ROUTERS = (
    core_events.router,
    books.router,
    hierarchy.router,
    comparison.router,
    entries.router,
    legs.router,
    catalogue.router,
    ftp_curves.router,
    periods.router,
    simulations.router,
)

__all__ = ["ROUTERS"]
