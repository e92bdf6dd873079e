import asyncio
from tests.support.reference import core_event
async def test_claims(own_bank):
    b=own_bank
    loan=dict(product_code="TRM", loan_id="lx", amount="1.00")
    r=await b.core.post("/v1/core-events", json=[core_event("x1","LoanDisbursed","2026-07-09",customer_id="c1",**loan),core_event("x2","LoanDisbursed","2026-07-09",customer_id="c2",**loan)])
    print("SAME BATCH", r.status_code, r.text)
    loan["loan_id"]="ly"
    rs=await asyncio.gather(*[b.core.post("/v1/core-events", json=[core_event("y%d"%i,"LoanDisbursed","2026-07-09",customer_id="c%d"%i,**loan)]) for i in (1,2,3)])
    for r in rs: print("CONC", r.status_code, r.text)
    dep=dict(customer_id="c1",account_id="a1",product_code="DEM",amount="1.00")
    r=await b.core.post("/v1/core-events", json=[core_event("a\0b","DepositPosted","2026-07-09",**dep)])
    print("NUL", r.status_code, r.text)
    r=await b.core.post("/v1/core-events", json=[core_event("a\ud7ffb é 漢/?","DepositPosted","2026-07-09",**dep)])
    print("odd id", r.status_code, r.text)
    a=b.accountant
    for path in ["/v1/core-events/a%00b","/v1/entries/a%00b","/v1/books/manager/centres/a%00b/statement?period=2026-07","/v1/books/manager/centres/a%00b/legs?period=2026-07","/v1/products?cursor=WyJhIiwieCJd", "/v1/books/manager/centres/m1/legs?period=2026-07&cursor=Wzk5OTk5OTk5LDEsMV0", "/v1/books/department/statements?period=2026-07","/v1/dead-letters?cursor=WyJhXHUwMDAwIl0"]:
        r=await a.get(path); print(path, r.status_code, r.text[:300])
    m=b.service.client("manager", subject="m1")
    r=await m.get("/v1/books/department/statements?period=2026-07"); print(r.status_code, r.text[:400])
    big=dict(dep, amount="999999999999999.99")
    r=await b.core.post("/v1/core-events", json=[core_event("big%d"%i,"DepositPosted","2026-07-09",**big) for i in range(100)])
    print("big", r.status_code, r.text[:300])
    r=await a.post("/v1/dead-letters/a%00b/replay"); print(r.status_code, r.text[:300])
    r=await b.core.post("/v1/core-events", json=[], headers={"Idempotency-Key":"k"}); print(r.status_code, r.text[:300])
    ids=[e["id"] for e in (await b.get("/v1/products"))["items"]] if 0 else None
    evs=await b.service.rows("SELECT event_id,type FROM event WHERE type<>'EntryBooked'"); print(evs)
    r=await b.core.post("/v1/core-events", json=[core_event(evs[0][0],"DepositPosted","2026-07-09",**dep)]); print(r.status_code, r.text)
    print(await b.service.verify())
