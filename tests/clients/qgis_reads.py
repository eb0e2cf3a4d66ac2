"""Reads layers with PyQGIS and prints what it read as one JSON document; judging it is the tests' work.

Run by the system's own interpreter, which has `qgis`: imports nothing of this project.
Usage: python3 qgis_reads.py '{"features": {"name": "uri", …}, "maps": {"name": {…}}, …}'
"""

from __future__ import annotations

import json
import sys
from typing import Any

from qgis.core import (  # type: ignore[import-not-found]  # Debian's, not the virtual environment's
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
    QgsVectorTileLayer,
)
from qgis.PyQt.QtCore import QSize  # type: ignore[import-not-found]
from qgis.PyQt.QtGui import QColor  # type: ignore[import-not-found]


def read_features(uri: str) -> dict[str, Any]:
    """Ids, geometries as WKT and one property of a vector layer."""
    layer = QgsVectorLayer(uri, "layer", "OAPIF")
    assert layer.isValid(), layer.dataProvider() and layer.dataProvider().error().message()
    names = [field.name() for field in layer.fields()]
    return {
        "crs": layer.crs().authid(),
        "fields": names,
        "features": [
            {
                "geometry": None if feature.geometry().isNull() else feature.geometry().asWkt(9),
                **{name: plain(feature[name]) for name in names},
            }
            for feature in layer.getFeatures()
        ],
    }


def plain(value: Any) -> Any:
    """A value that JSON has; null for the others."""
    return value if isinstance(value, str | int | float | bool) else None


def draw(asked: dict[str, Any]) -> dict[str, Any]:
    """How often each colour stands in a picture of one layer."""
    if asked["provider"] == "vectortile":
        layer = QgsVectorTileLayer(asked["uri"], "layer")
    else:
        layer = QgsRasterLayer(asked["uri"], "layer", asked["provider"])
    assert layer.isValid(), f"{asked['uri']}: {layer.error().message()}"
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(QgsCoordinateReferenceSystem(asked["crs"]))
    settings.setExtent(QgsRectangle(*asked["box"]))
    settings.setOutputSize(QSize(*asked["size"]))
    settings.setBackgroundColor(QColor(255, 255, 255))
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    colours: dict[str, int] = {}
    for row in range(image.height()):
        for column in range(image.width()):
            name = image.pixelColor(column, row).name()
            colours[name] = colours.get(name, 0) + 1
    return {"errors": [error.message for error in job.errors()], "colours": colours}


def main() -> None:
    """Do all that is asked for."""
    asked = json.loads(sys.argv[1])
    application = QgsApplication([], False)
    application.initQgis()
    found = {
        "features": {name: read_features(uri) for name, uri in asked.get("features", {}).items()},
        "maps": {name: draw(one) for name, one in asked.get("maps", {}).items()},
    }
    application.exitQgis()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
