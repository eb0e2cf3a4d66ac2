"""The engine as a WSGI application; what `python -m gis_service serve` and any other WSGI server load."""

from __future__ import annotations

import os

from gis_service.home import prepare_environment

prepare_environment()

from django.core.wsgi import get_wsgi_application  # noqa: E402  # the settings must be named before

application = get_wsgi_application()

if os.environ.get("GRIDGIS_ENGINE_WARM_UP") == "1":
    from gis_service.web.service import WARMTH

    WARMTH.start()
