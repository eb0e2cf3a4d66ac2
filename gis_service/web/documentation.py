"""`/v1/docs`: the OpenAPI document as one plain page, without scripts or outside requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from gis_service.web.api import api
from gis_service.web.problems import KINDS

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem 1.5rem;color:#1b2733}
code,pre{font:14px/1.45 ui-monospace,monospace;background:#f2f5f8;border-radius:4px}
code{padding:0 .25em}pre{padding:.7em 1em;overflow:auto}
h2{margin-top:2.5em;border-top:1px solid #d5dde5;padding-top:1em}
.method{color:#fff;background:#235a97;padding:.1em .5em;border-radius:4px;font-size:.8em;margin-right:.5em}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.3em .8em .3em 0;border-bottom:1px solid #e5ebf0}
"""


@require_safe
def documentation(_request: HttpRequest) -> HttpResponse:
    """The readable documentation of `/v1`."""
    return HttpResponse(
        page(api.get_openapi_schema(path_prefix="/v1/")), content_type="text/html; charset=utf-8"
    )


def page(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document."""
    info = document["info"]
    schemas = document["components"]["schemas"]
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width'>",
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(info['title'])}</h1><p>{_prose(info['description'])}</p>",
        "<p>The same for programs: <a href='/v1/openapi.json'>openapi.json</a></p>",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            parts.extend(_operation(path, method, operation, schemas))
    parts.append("<h2 id='schemas'>Schemas</h2>")
    for name, schema in sorted(schemas.items()):
        prose = _prose(schema.get("description", ""))
        parts.append(f"<h3 id='schema-{escape(name)}'>{escape(name)}</h3><p>{prose}</p>")
        parts.append(_fields(schema))
    parts.append("<h2 id='problems'>Problems</h2>")
    for kind, (status, title, meaning) in KINDS.items():
        parts.append(f"<h3 id='problem-{kind}'>{status} {escape(title)}</h3><p>{_prose(meaning)}</p>")
    parts.append("</body></html>")
    return "".join(parts)


def _operation(path: str, method: str, operation: dict[str, Any], schemas: dict[str, Any]) -> Iterator[str]:
    anchor = escape(operation["operationId"])
    yield f"<h2 id='{anchor}'><span class='method'>{method.upper()}</span>{escape(path)}</h2>"
    yield f"<p><b>{escape(operation.get('summary', ''))}.</b> {_prose(operation.get('description', ''))}</p>"
    if operation.get("parameters"):
        rows = "".join(
            f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}</td>"
            f"<td>{_prose(one.get('description', ''))}</td></tr>"
            for one in operation["parameters"]
        )
        yield f"<table><tr><th>parameter</th><th>in</th><th></th></tr>{rows}</table>"
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        schema = content["schema"]
        yield f"<p>Body, <code>{escape(media_type)}</code>: {_type(schema)}</p>"
        for example in _examples(schema, schemas):
            yield f"<pre>{escape(json.dumps(example, ensure_ascii=False))}</pre>"
    for status, response in operation["responses"].items():
        kinds = "; ".join(
            f"<code>{escape(media_type)}</code> {_type(content['schema'])}"
            for media_type, content in response.get("content", {}).items()
        )
        yield f"<div>{status}: {kinds}</div>"


def _examples(schema: dict[str, Any], schemas: dict[str, Any]) -> list[Any]:
    named = schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
    examples: list[Any] = schema.get("examples", named.get("examples", []))
    return examples


def _fields(schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code>{'' if name in required else ' <i>optional</i>'}</td>"
        f"<td>{_type(field)}</td><td>{_prose(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    return f"<table>{rows}</table>" if rows else ""


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#schema-{name}'>{name}</a>"
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_type(one) for one in schema[key])
    if schema.get("type") == "array" and "items" in schema:
        return f"list of {_type(schema['items'])}"
    kind = schema.get("format") or schema.get("type", "any")
    return escape(str(kind))


def _prose(text: str) -> str:
    """Text with `code` marked."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if k % 2 else part for k, part in enumerate(parts)).replace(
        "\n\n", "</p><p>"
    )
