"""``dualbook close``: months closed one after the other, each by one request that may be repeated."""

from collections.abc import Sequence

from deploy.local.calls import call, json_of
from deploy.local.delivery import clients, progress_bar, reconcile
from shared.infrastructure.settings import Settings

CLOSE_SECONDS = 900.0
"""How long one month's close is waited for; asked again, the ledger answers for the close that was."""


async def close_months(settings: Settings, months: Sequence[str]) -> bool:
    """Close these months in order and show what they booked; whether the books balance in every one.

    Raises DeliveryStopped, with the ledger's reason, at the first month that cannot be closed. Interrupted or
    broken off, what is closed is closed: run again, it goes on with the next.
    """
    async with clients(settings) as by_service:
        ledger = by_service["ledger"]
        ledger.timeout = CLOSE_SECONDS
        with progress_bar() as bar:
            task = bar.add_task("closing", total=len(months), words="")
            for month in months:
                bar.update(task, words=month)
                json_of(await call(ledger, "POST", f"/v1/periods/{month}/close"))
                bar.advance(task)
            bar.update(task, words="done")
        return await reconcile(ledger, months)
