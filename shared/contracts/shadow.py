"""What was found when a shadowing version was compared with the champion; kept as JSON beside the shadow."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from shared.contracts.rows import Microseconds


class ShadowComparison(NamedTuple):
    """Both versions about the same contacts; a contact counts once a day, by its first question of the day."""

    champion_version: str
    """With which it was compared."""
    compared: int
    """Answers of both."""
    contacts: int
    """Of how many contacts."""
    unanswered: int
    """Answers of the champion to which the shadow had none."""
    mean_difference: float | None
    """Of the probabilities, shadow less champion; None where there are none."""
    rank_correlation: float | None
    """Spearman's; None where there are no probabilities, or one side has a single one."""
    other_band_share: float | None
    """Share of the answers in another band (of segments: in another segment); None where there are neither."""
    closed: int
    """Of them those whose outcome is known."""
    reached: int
    """Of the closed ones, how many reached the outcome."""
    log_loss: float | None
    """The shadow's, on the closed ones; None while they are too few, or where outcomes are not seen in events."""
    champion_log_loss: float | None
    log_loss_difference: tuple[float, float, float] | None
    """Shadow less champion, below 0 where the shadow is better: mean and 95 % interval, paired, contacts resampled."""
    compared_at: Microseconds

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """Read it back from JSON."""
        difference = fields["log_loss_difference"]
        return cls(**{**fields, "log_loss_difference": None if difference is None else tuple(difference)})
