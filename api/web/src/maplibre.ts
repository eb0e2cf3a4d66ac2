// MapLibre with its worker as a file of this bundle, so that the content policy needs no exception.
import { Map, NavigationControl, ScaleControl, setWorkerUrl } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import "maplibre-gl/dist/maplibre-gl.css";

setWorkerUrl(new URL(workerUrl, location.href).toString());

export default { Map, NavigationControl, ScaleControl };
