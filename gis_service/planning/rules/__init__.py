"""The rules of supply schemes: dated data that a utility can edit, read with every fault named."""

from gis_service.planning.rules.book import Conductor, Level, Limits, Rules, Transformer
from gis_service.planning.rules.reading import RULES_FILE, default_rules, overridden, read_rules

__all__ = [
    "RULES_FILE",
    "Conductor",
    "Level",
    "Limits",
    "Rules",
    "Transformer",
    "default_rules",
    "overridden",
    "read_rules",
]
