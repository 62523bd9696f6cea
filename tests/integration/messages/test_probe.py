import time, json, tracemalloc
from typing import Any
import pytest
from shared.contracts.rows import DAY
from shared.store import AccountStore, MessageChange
from tests.integration.messages.conftest import *
from tests.integration.messages.test_decisions import kept

async def test_replay_with_pause(client: Any, account: AccountStore) -> None:
    account.experiments.messages.put([MessageChange(n, {"cooldown_hours": 24}) for n in SUBJECTS], at=NOW_US+1)
    a = await answered(client, "c-1","c-2","c-3", campaign_id="x", control_share=0)
    b = await answered(client, "c-1","c-2","c-3", campaign_id="x", control_share=0)
    for x,y in zip(a,b):
        print("FIRST", x["message"], x["propensity"], x["reasons"], x["runner_ups"])
        print("AGAIN", y["message"], y["propensity"], y["reasons"], y["runner_ups"])
    p = await answered(client, "c-1", campaign_id="x", control_share=0, purpose="preview")
    print("PREVIEW", p[0]["reasons"], p[0]["runner_ups"])

async def test_deleted(client: Any, account: AccountStore) -> None:
    a = await answered(client, "c-1", campaign_id="x", control_share=0)
    account.experiments.messages.delete(list(SUBJECTS), at=NOW_US+2)
    b = await answered(client, "c-1","c-2", campaign_id="x", control_share=0)
    print("DELETED", b)
    r = await client.post("/next-best-message", {"contacts":[{"id":"c-1"}], "messages":["subject-a"]})
    print(r.status, r.json)

async def test_odd_ids(client: Any, account: AccountStore) -> None:
    ids = ["é\"'\\ <b>", "x"*200, "日本語 😀", "a/b?c#d%20", "\u202eevil", "{}", "null", "-1", "~1"]
    account.experiments.messages.put([MessageChange(n, {}) for n in ids], at=NOW_US+2)
    for n in ids:
        r = await client.post("/next-best-message", {"contacts":[{"id":"c-1"}], "messages":[n], "control_share":0})
        print(repr(n)[:30], r.status, r.json["predictions"][0]["message"]==n, r.json["predictions"][0]["reasons"][0]["text"][:60])

async def test_attrs(client, account):
    account.experiments.messages.delete(list(SUBJECTS), at=NOW_US+2)
    account.experiments.messages.put([MessageChange("m30", {"eligible":{"attributes":{"age":[30]}}}),MessageChange("mtrue", {"eligible":{"attributes":{"age":[True]}}}),MessageChange("mstr", {"eligible":{"attributes":{"age":["30"]}}}),MessageChange("m1", {"eligible":{"attributes":{"age":[1]}}}) ], at=NOW_US+3)
    for v in (30, "30", 30.0, True, "true", 1, "1", "TRUE", "30.0", " 30"):
        r = await client.post("/next-best-message", {"contacts":[{"id":"z","attributes":{"age":v}}], "control_share":0,"purpose":"preview","runner_ups":10})
        if r.status!=200: print(repr(v), r.status, r.json); continue
        p=r.json["predictions"][0]; print(repr(v), p["status"], sorted([p["message"]]+[o["message"] for o in p["runner_ups"]]) if p["message"] else None)

async def test_outcomes(client, account):
    from shared.contracts.outcome import Outcome
    for f in ({"attribute":"bought"},):
        try:
            o = Outcome(name="attr", capability="messages", horizon_days=7, attribute="bought", positive="yes")
            account.outcomes.put(o, created_at=0) if hasattr(account.outcomes,'put') else print(dir(account.outcomes))
            r = await client.post("/next-best-message", {"contacts":[{"id":"c-1"}], "outcome":"attr"})
            print(r.status, r.json)
        except Exception as e: print("EXC", type(e), e)
    r = await client.post("/next-best-message", {"contacts":[{"id":"c-1"}], "outcome":"nope"})
    print(r.status, r.json)

async def test_big(client, account):
    account.experiments.messages.delete(list(SUBJECTS), at=NOW_US+2)
    account.experiments.messages.put([MessageChange(f"m{n}", {"cap_per_week":1,"cooldown_hours":48}) for n in range(1000)], at=NOW_US+3)
    tracemalloc.start()
    for i in range(6):
        t=time.time(); r = await client.post("/next-best-message", {"contacts":[{"id":f"k-{n}","attributes":{"a":1}} for n in range(1000)], "control_share":0.5})
        print("BIG", r.status, time.time()-t, tracemalloc.get_traced_memory()[1]/1e6)
