"""What a run of send time does: activity, answers to sends, figures, plots."""
