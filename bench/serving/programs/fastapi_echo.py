"""FastAPI with checked types and nothing behind them: what a framework alone costs."""

from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, Field

app = FastAPI()


class AskedContact(BaseModel):
    """Whom it is about."""

    id: Annotated[str, Field(max_length=200)]


class Request(BaseModel):
    """As a client of `/score` sends it."""

    outcome: str
    reasons: Annotated[int, Field(ge=0, le=10)]
    contacts: Annotated[list[AskedContact], Field(max_length=1_000)]


class Echo(BaseModel):
    """The ids that were asked about."""

    predictions: list[AskedContact]


@app.post("/score")
async def echo(request: Request) -> Echo:
    """Return what came."""
    return Echo(predictions=request.contacts)


@app.get("/ready")
async def ready() -> dict[str, str]:
    """Say that it answers."""
    return {}
