"""GDAL's drivers read the service; what they write down is compared with the package that was loaded."""

from __future__ import annotations

from pathlib import Path

import pyogrio
import pytest

from tests.clients.conftest import COLLECTIONS, Served, assert_read
from tests.clients.programs import run_gdal


@pytest.fixture(scope="module")
def features_file(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All collections as the driver for OGC API – Features reads them, in a GeoPackage."""
    folder = tmp_path_factory.mktemp("oapif")
    source = f"OAPIF:{served.url}/ogc"
    run_gdal("ogr2ogr", "-f", "GPKG", "features.gpkg", source, "-oo", "PAGE_SIZE=3", folder=folder)
    return folder / "features.gpkg"


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_every_feature_of_a_collection_is_read_over_pages(
    served: Served, features_file: Path, collection: str
) -> None:
    frame = pyogrio.read_dataframe(features_file, layer=collection)

    assert_read(dict(zip(frame["id"], frame.geometry, strict=True)), served.truth[collection])
