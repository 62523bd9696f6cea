"""A card as one HTML page: no script, no request, one stylesheet; every value of the data is escaped."""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template, select_autoescape
from markupsafe import Markup, escape

from shared.cards.charts import bar, calibration_chart, calibration_finding, week_chart
from shared.cards.text import per_hundred, percentage, whole
from shared.contracts.model_card import ModelCard

_CODE = re.compile(r"`([^`]+)`")


def as_html(card: ModelCard) -> str:
    """Write a card as a page that needs nothing else."""
    return _template().render(card=card, css=Markup(stylesheet()), policy=policy())  # noqa: S704 - our own file


def policy() -> str:
    """Return the content security policy of the page: its own stylesheet, known by its hash, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(stylesheet().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@cache
def stylesheet() -> str:
    """Return the page's stylesheet."""
    return _text("card.css")


@cache
def _template() -> Template:
    """Compile the template, once a process."""
    environment = Environment(
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "code": _with_code,
        "share": lambda share: percentage(share) if share < 0.0995 else f"{whole(share)} %",
        "exact_share": percentage,
        "per_hundred": per_hundred,
        "count": lambda number: f"{number:,}",
        "upper_first": lambda text: text[:1].upper() + text[1:],
    }
    environment.globals |= {
        "bar": bar,
        "calibration_chart": calibration_chart,
        "calibration_finding": calibration_finding,
        "week_chart": week_chart,
    }
    return environment.from_string(_text("card.html"))


def _with_code(text: str) -> Markup:
    """Escape a sentence and set what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704


@cache
def _text(name: str) -> str:
    return files("shared.cards").joinpath(name).read_text(encoding="utf-8")
