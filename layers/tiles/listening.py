"""The stream of touched tiles over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from layers.service import MapService
from layers.tiles.events import Feed, Listener
from layers.tiles.parameters import given

EVENTS = "text/event-stream"


class EventStream(StreamingHttpResponse):
    """An answer of events; a server that can waits for them by `waiting`, and not in a thread."""

    def __init__(self, listener: Listener, headers: Mapping[str, str]) -> None:
        super().__init__(listener, content_type=EVENTS, headers=dict(headers))
        self.waiting = listener


@dataclass(frozen=True)
class EventViews:
    """Changes as server-sent events; a listener hears of the counties alone that it may see.

    Parameters
    ----------
    feed
        Gives the changes, and begins to watch for them.
    """

    service: MapService
    feed: Callable[[], Feed]

    def events(self, request: HttpRequest) -> HttpResponse | EventStream:
        """A stream that ends when the client goes, or the service does."""
        asked = given(request, ("lastEventId",))
        counties = self.service.counties_of(request)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        if request.META["REQUEST_METHOD"] == "HEAD":  # nobody listens
            return HttpResponse(content_type=EVENTS, headers=headers)
        feed = self.feed()
        # taken before the versions: what happens in between is told as a change as well
        last = request.headers.get("Last-Event-ID", asked.get("lastEventId"))
        last = last if last is not None else f"{feed.process}.{feed.newest}"
        versions = self.service.head(counties)["grid_version"]
        return EventStream(Listener(feed, counties, versions, last_event_id=last), headers)
