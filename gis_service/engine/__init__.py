"""The use cases: what the views and the command line call, and the only place where they meet the network.

`Engine` turns a question into a scene (a world and the switch states asked for) and hands it to the module
that answers. Answers are plain JSON values that start with the versions they were given at.
"""

from __future__ import annotations

from gis_service.engine.engine import Engine

__all__ = ["Engine"]
