"""A request as a WSGI application reads it (PEP 3333), out of what an ASGI server tells."""

from __future__ import annotations

import io
import sys
from typing import Any
from urllib.parse import unquote_to_bytes

Environment = dict[str, Any]

_WITHOUT_PREFIX = {"CONTENT_TYPE", "CONTENT_LENGTH"}


def environment(scope: Any, body: bytes) -> Environment:
    """The environment of a request whose body is there.

    Names with an underscore are left out: `X_Name` would be taken for `X-Name`, which a proxy may vouch for.
    """
    host, port = scope.get("server") or ("localhost", 0)
    found: Environment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        # bytes, each as the character of its number, as PEP 3333 has it
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if scope.get("client"):
        found["REMOTE_ADDR"], found["REMOTE_PORT"] = scope["client"][0], str(scope["client"][1])
    for raw, value in scope["headers"]:
        if b"_" in raw:
            continue
        name = raw.decode("latin-1").upper().replace("-", "_")
        name = name if name in _WITHOUT_PREFIX else f"HTTP_{name}"
        text = value.decode("latin-1")
        found[name] = f"{found[name]},{text}" if name in found else text
    return found
