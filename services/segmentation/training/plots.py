"""The plots of a run as PNG bytes: sizes, what sets groups apart, a map of the contacts, how the number was chosen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.segmentation.training.clustering import STABLE
from services.segmentation.training.fitting import SegmentationFit
from shared.training.report import as_percent, axes_of, png

_COLOURS = ("#1f5fa8", "#e07b39", "#3f9b5d", "#c44e72", "#7a62b8", "#9c7a3c", "#3aa6b9", "#8a8f98")
_BLUE, _ORANGE, _GREY = "#1f5fa8", "#e07b39", "#8a8f98"
MOST_POINTS = 3_000


def plots(fit: SegmentationFit) -> dict[str, bytes]:
    """Draw every plot of a fit.

    Args:
        fit: the model and its evidence.

    Returns:
        PNG bytes by name: sizes, profile, map, and stability where numbers of groups were compared.
    """
    drawn = {"sizes": _sizes(fit), "profile": _profile(fit), "map": _map(fit)}
    return drawn | ({"stability": _stability(fit)} if len(fit.candidates) > 1 else {})


def _labels(fit: SegmentationFit) -> list[str]:
    return [f"{segment.named.name} ({segment.named.id})" for segment in fit.model.segments]


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _sizes(fit: SegmentationFit) -> bytes:
    counts = fit.sizes
    worth = [profile.value_share for profile in fit.described]
    rows = np.arange(len(counts))[::-1]
    figure, axes = axes_of(7.5, 0.55 * len(counts) + 1.4)
    shares = [count / max(sum(counts), 1) for count in counts]
    both = None not in worth
    thick = 0.36 if both else 0.6
    bars = axes.barh(rows + (thick / 2 if both else 0), shares, thick, color=_BLUE, label="of the contacts")
    axes.bar_label(bars, [f"{share:.0%}" for share in shares], padding=3, fontsize=9)
    if both:
        bars = axes.barh(
            rows - thick / 2, [share or 0.0 for share in worth], thick, color=_ORANGE, label="of the year's money"
        )
        axes.bar_label(bars, [f"{share or 0.0:.0%}" for share in worth], padding=3, fontsize=9)
        axes.legend(frameon=False, loc="lower right", fontsize=9)
    axes.set_yticks(rows, _labels(fit), fontsize=9)
    axes.set_xlim(0, max([*shares, *(share or 0.0 for share in worth)]) * 1.15)
    as_percent(axes.xaxis)
    axes.set_title("How large each segment is", loc="left", fontsize=11)
    return png(figure)


def _profile(fit: SegmentationFit) -> bytes:
    features = [trait.feature for trait in fit.described[0].traits]
    table = np.array([[trait.difference for trait in profile.traits] for profile in fit.described])
    figure, axes = axes_of(0.75 * len(features) + 3.6, 0.5 * len(table) + 2.4)
    image = axes.imshow(table, cmap="RdBu_r", vmin=-2, vmax=2, aspect="auto")
    for row, column in np.ndindex(table.shape):
        dark = abs(table[row, column]) > 1.2
        axes.text(
            column,
            row,
            f"{table[row, column]:+.1f}" if abs(table[row, column]) >= 0.05 else "0",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if dark else "black",
        )
    axes.set_yticks(range(len(table)), _labels(fit), fontsize=9)
    names = [feature.name.replace("_", " ") for feature in features]
    axes.set_xticks(range(len(features)), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=8)
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, pad=0.01)
    bar.ax.tick_params(labelsize=8)
    bar.set_label("standard deviations from all contacts", fontsize=8)
    axes.set_title("What sets each segment apart", loc="left", fontsize=11)
    return png(figure)


def _map(fit: SegmentationFit) -> bytes:
    flat, shares = _flattened(fit.snapshot.places)
    chosen = np.random.default_rng(0).permutation(len(flat))[:MOST_POINTS]
    figure, axes = axes_of(7.5, 5)
    for number, name in enumerate(_labels(fit)):
        mine = chosen[fit.labels[chosen] == number]
        axes.scatter(flat[mine, 0], flat[mine, 1], s=9, alpha=0.45, linewidths=0, color=_colour(number), label=name)
    legend = axes.legend(
        frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2, markerscale=2.2
    )
    for handle in legend.legend_handles:
        handle.set_alpha(1)
    axes.set(xlabel=f"first direction ({shares[0]:.0%} of all differences)", ylabel=f"second ({shares[1]:.0%})")
    axes.set_title("Contacts, similar ones close together", loc="left", fontsize=11)
    return png(figure)


def _flattened(places: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project the places on their two main components, shape (n, 2), with the share of variance of each."""
    centred = places - places.mean(axis=0)
    spread, directions = np.linalg.eigh(centred.T @ centred)
    main = directions[:, ::-1][:, :2]
    if main.shape[1] < 2:
        main = np.pad(main, ((0, 0), (0, 2 - main.shape[1])))
    # A direction has no sign of its own: the column that weighs most points to the right, or up.
    signs = np.sign(main[np.argmax(np.abs(main), axis=0), np.arange(2)])
    shares = np.pad(spread[::-1], (0, 2))[:2] / max(float(spread.sum()), 1e-12)
    return centred @ (main * np.where(signs == 0, 1.0, signs)), shares


def _two(width: float, height: float) -> tuple[Any, Any]:
    figure, axes = axes_of(width, height)
    axes.remove()
    above_and_below = figure.subplots(2)
    for one in above_and_below:
        one.spines[["top", "right"]].set_visible(False)
    return figure, above_and_below


def _stability(fit: SegmentationFit) -> bytes:
    ks = [one.k for one in fit.candidates]
    figure, (above, below) = _two(6, 5.2)
    above.plot(ks, [one.agreement for one in fit.candidates], color=_BLUE, marker="o", markersize=5)
    above.axhline(STABLE, color=_GREY, linewidth=1, linestyle=":")
    above.annotate(
        f"considered from {STABLE:g}", (ks[0], STABLE), xytext=(0, -11), textcoords="offset points", fontsize=8
    )
    above.set(ylim=(0, 1.05), ylabel="adjusted Rand index", xticks=ks)
    above.set_title("How far 80 % subsamples agree, by number of segments", loc="left", fontsize=11)
    known = [one.usefulness for one in fit.candidates if one.usefulness is not None]
    if len(known) == len(ks):
        plain = [(one.rfm_spend.value + one.rfm_active.value) / 2 for one in known]
        below.plot(ks, [one.both for one in known], color=_BLUE, marker="o", markersize=5, label="segments")
        below.plot(
            ks, plain, color=_ORANGE, marker="o", markersize=5, label="recency-frequency-money score in as many groups"
        )
        below.set_ylim(0, max([*plain, *(one.both for one in known)]) * 1.15)
        below.legend(frameon=False, fontsize=8, loc="lower right")
    below.set(xlabel="number of segments", xticks=ks, ylabel="share explained")
    below.set_title("How much they explain of the next period", loc="left", fontsize=11)
    served = fit.served
    for axes in (above, below):
        if served is not None:
            axes.axvline(served.k, color="black", linewidth=1, linestyle="--")
    if served is not None:
        above.annotate(
            f"{served.k} are served", (served.k, 0.05), xytext=(5, 0), textcoords="offset points", fontsize=8
        )
    return png(figure)
