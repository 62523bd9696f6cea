"""Small programs that stand for a limit, or that other model servers need; each runs in the environment it is for."""
