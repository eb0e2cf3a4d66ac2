// Reads a service with MapLibre GL, OpenLayers and Leaflet in a real Chromium, and prints what each of them saw as
// one JSON document; judging it is the Python tests' work.
// Usage: node web_reads.mjs '{"chromium": …, "modules": "api/web/node_modules", "engine": "http://…",
//   "clients": ["leaflet", …], "collections": {"switch": "Point", …}, "box": [west, south, east, north]}'
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { pathToFileURL } from "node:url";

const asked = JSON.parse(process.argv[2]);
const { chromium } = await import(pathToFileURL(join(asked.modules, "playwright-core/index.mjs")).href);
const browser = await chromium.launch({
  executablePath: asked.chromium,
  args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"],
});
const context = await browser.newContext({ viewport: { width: 512, height: 512 } });
const saw = { console: [], errors: [], clients: {} };

// A site that is not the engine's, so that all comes from another origin, as it does for a real map.
const types = { ".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css" };
const PAGE = '<!doctype html><meta charset="utf-8"><body style="margin:0"><div id="map" style="width:512px;height:512px"></div>';
const server = createServer(async (request, response) => {
  const path = normalize(new URL(request.url, "http://localhost").pathname);
  if (path === "/") return response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
  try {
    const body = await readFile(join(asked.modules, path));
    response.writeHead(200, { "content-type": types[extname(path)] ?? "application/octet-stream" }).end(body);
  } catch {
    response.writeHead(204).end(); // no icon
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const SITE = `http://127.0.0.1:${server.address().port}/`;

async function withPage(read) {
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) saw.console.push(message.text());
  });
  page.on("pageerror", (error) => saw.errors.push(String(error)));
  await page.goto(SITE);
  const found = await read(page);
  await page.close();
  return found;
}

// Vector tiles by the TileJSON: every feature of the source in view, and what is drawn of it.
const maplibre = async (page) => {
  await page.addStyleTag({ url: `${SITE}maplibre-gl/dist/maplibre-gl.css` });
  return page.evaluate(
    async ({ site, engine, collections, box }) => {
      const { Map } = await import(`${site}maplibre-gl/dist/maplibre-gl.mjs`);
      const kinds = { Point: "circle", LineString: "line", MultiLineString: "line", Polygon: "fill", MultiPolygon: "fill" };
      const names = Object.keys(collections);
      const map = new Map({
        container: "map",
        fadeDuration: 0,
        style: {
          version: 8,
          sources: Object.fromEntries(names.map((name) => [name, { type: "vector", url: `${engine}/tiles/${name}.json` }])),
          layers: names.map((name) => ({ id: name, type: kinds[collections[name]], source: name, "source-layer": name })),
        },
        bounds: box,
        fitBoundsOptions: { padding: 20 },
      });
      const faults = [];
      map.on("error", ({ error }) => faults.push(String(error)));
      await new Promise((resolve) => map.once("idle", () => resolve()));
      const told = (features) => features.map(({ properties, geometry }) => ({ properties, geometry }));
      const found = { faults };
      for (const name of names) {
        found[name] = {
          source: told(map.querySourceFeatures(name, { sourceLayer: name })),
          drawn: map.queryRenderedFeatures({ layers: [name] }).length,
        };
      }
      return found;
    },
    { site: SITE, ...asked },
  );
};

// OGC API – Features as GeoJSON, WMS 1.3.0 as one picture, and vector tiles, each drawn on a map of its own.
const openlayers = async (page) => {
  await page.addScriptTag({ url: `${SITE}ol/dist/ol.js` });
  return page.evaluate(async ({ engine, collections, box }) => {
    const { ol } = window;
    const extent = ol.proj.transformExtent(box, "EPSG:4326", "EPSG:3857");
    const draw = async (layer) => {
      const view = new ol.View({ projection: "EPSG:3857" });
      const map = new ol.Map({ target: "map", layers: [layer], view, controls: [] });
      view.fit(extent, { size: [512, 512], padding: [20, 20, 20, 20] });
      await new Promise((resolve) => map.once("rendercomplete", () => resolve()));
      const canvas = document.querySelector("#map canvas");
      const painted = { all: 0 };
      if (canvas) {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        for (let i = 3; i < data.length; i += 4) if (data[i]) painted.all++;
      }
      map.setTarget(undefined);
      return painted;
    };
    const found = { features: {}, pictures: {}, tiles: {} };
    for (const name of Object.keys(collections)) {
      const answer = await fetch(`${engine}/ogc/collections/${name}/items?limit=1000`);
      const features = new ol.format.GeoJSON().readFeatures(await answer.json());
      found.features[name] = features.map((one) => ({ id: one.getId(), at: one.getGeometry()?.getFirstCoordinate() ?? null }));

      const picture = new ol.source.ImageWMS({
        url: `${engine}/wms`,
        params: { LAYERS: name, VERSION: "1.3.0" },
        crossOrigin: "anonymous",
        ratio: 1,
      });
      found.pictures[name] = await draw(new ol.layer.Image({ source: picture }));

      const tiles = new ol.source.VectorTile({
        format: new ol.format.MVT(),
        url: `${engine}/tiles/${name}/{z}/{x}/{y}.mvt`,
        maxZoom: 16,
      });
      const layer = new ol.layer.VectorTile({ source: tiles });
      await draw(layer);
      found.tiles[name] = [...new Set(layer.getFeaturesInExtent(extent).map((one) => one.get("id") ?? one.get("code") ?? one.get("name")))];
    }
    return found;
  }, asked);
};

// WMS tiles in both versions: Leaflet asks 1.1.1 unless told otherwise.
const leaflet = async (page) => {
  await page.addStyleTag({ url: `${SITE}leaflet/dist/leaflet.css` });
  await page.addScriptTag({ url: `${SITE}leaflet/dist/leaflet.js` });
  return page.evaluate(async ({ engine, collections, box }) => {
    const { L } = window;
    const map = L.map("map", { fadeAnimation: false, zoomAnimation: false });
    map.fitBounds([
      [box[1], box[0]],
      [box[3], box[2]],
    ]);
    const found = {};
    for (const version of ["1.1.1", "1.3.0"]) {
      for (const name of Object.keys(collections)) {
        const layer = L.tileLayer.wms(`${engine}/wms`, {
          layers: name,
          format: "image/png",
          transparent: true,
          version,
          crossOrigin: "anonymous",
        });
        const faults = [];
        layer.on("tileerror", ({ coords }) => faults.push(`no tile ${JSON.stringify(coords)}`));
        await new Promise((resolve) => {
          layer.once("load", () => resolve());
          layer.addTo(map);
        });
        let painted = 0;
        for (const image of document.querySelectorAll("img.leaflet-tile")) {
          if (!image.naturalWidth) continue; // told as a fault
          const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
          const pen = canvas.getContext("2d");
          pen.drawImage(image, 0, 0);
          const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
          for (let i = 3; i < data.length; i += 4) if (data[i]) painted++;
        }
        map.removeLayer(layer);
        found[`${name} ${version}`] = { painted, faults };
      }
    }
    return found;
  }, asked);
};

const clients = { maplibre, openlayers, leaflet };
for (const name of asked.clients) saw.clients[name] = await withPage(clients[name]);
await browser.close();
server.close();
console.log(JSON.stringify(saw));
