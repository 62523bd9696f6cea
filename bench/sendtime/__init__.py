"""Send time on public data: when people act, how they answer, and a history that misleads."""
