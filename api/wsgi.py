"""The business API as a WSGI application; what `python -m api serve` and any other WSGI server load."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "api.settings"

application = get_wsgi_application()
