"""How recommendations are learned and judged."""
