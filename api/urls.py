"""Every address of the process: health, the API, and what stands at `/` while the map is not built.

The map's own files are served by WhiteNoise, before any of these.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from api import application_views
from api.health import healthz, readyz
from api.problems import problem_of, unknown_route
from api.views import api

# importing them puts their routes on the api
_ROUTES = application_views

_NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>GridGIS</title>
<h1>The map is not built yet</h1>
<p>Run <code>make demo</code>, or <code>npm ci &amp;&amp; npm run build</code> in <code>api/web</code>, and
start this process again. The API itself works: <a href="/api/v1/docs">/api/v1/docs</a>.</p></html>
"""


@require_safe
def map_not_built(request: HttpRequest) -> HttpResponse:
    """Only reached when there is no built map."""
    return HttpResponse(_NOT_BUILT, status=503)


def handler404(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Nothing answers at this address."""
    return unknown_route(request.path)


def handler400(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A request that Django itself refuses."""
    return problem_of(request, exception)


def handler500(request: HttpRequest) -> HttpResponse:
    """Whatever got past the middleware."""
    return problem_of(request, RuntimeError("unforeseen"))


urlpatterns = [
    path("healthz", healthz),
    path("readyz", readyz),
    path("api/v1/", api.urls),
    path("", map_not_built),
]
