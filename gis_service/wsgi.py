"""The engine as a WSGI application; what `python -m gis_service serve` and any other WSGI server load."""

from __future__ import annotations

from gis_service.home import prepare_environment

prepare_environment()

from django.core.wsgi import get_wsgi_application  # noqa: E402  # the settings must be named before

_django = get_wsgi_application()

from gis_service.web.direct import Direct  # noqa: E402  # and the apps must be loaded

application = Direct(_django)
