"""Capacity that accepted schemes hold: how it counts, how it is decided, how it is told."""
