// The map's style: which layers stand above which, from which zoom on, in which colour. Pure.
import type {
  ExpressionSpecification,
  FilterSpecification,
  LayerSpecification,
  StyleSpecification,
} from "maplibre-gl";
import { COLOUR, LEVEL_COLOUR } from "./theme";
import { LAYERS } from "./wire";

const EMPTY = { type: "FeatureCollection" as const, features: [] };
const FONT = ["system-ui", "sans-serif"]; // drawn by the browser: no glyph server

/** Layers in which a click looks for devices, the one on top first. */
export const CLICKABLE = [
  "substation",
  "power_transformer",
  "switch-head",
  "switch-mv",
  "switch-lv",
  "customer_point",
  "line_section-mv",
  "line_section-lv",
] as const;

const get = (name: string): ExpressionSpecification => ["get", name];
const is = (name: string, value: string | boolean): ExpressionSpecification => ["==", get(name), value];
const both = (...all: ExpressionSpecification[]): FilterSpecification => ["all", ...all] as FilterSpecification;
const byZoom = (...stops: number[]): ExpressionSpecification =>
  ["interpolate", ["exponential", 1.5], ["zoom"], ...stops] as ExpressionSpecification;

const dead: ExpressionSpecification = ["==", get("energised"), false];
const levelColour: ExpressionSpecification = [
  "match",
  get("level"),
  "hv",
  LEVEL_COLOUR.hv,
  "mv",
  LEVEL_COLOUR.mv,
  "lv",
  LEVEL_COLOUR.lv,
  LEVEL_COLOUR.unknown,
];

const switchPicture = (suffix: string): ExpressionSpecification => [
  "concat",
  ["match", get("kind"), ["breaker", "recloser"], "switch", "fuse", "fuse", "isolator"],
  ["case", ["to-boolean", get("open")], "-open", "-closed"],
  suffix,
];
const deadSuffix: ExpressionSpecification = ["case", dead, "-dead", ""];

const lineWidth = (level: string, extra: number): ExpressionSpecification =>
  level === "lv" ? byZoom(12, 0.4 + extra, 15, 1.2 + extra, 18, 3 + extra) : byZoom(9, 0.9 + extra, 13, 2 + extra, 17, 4.5 + extra);

function line(id: string, source: string, level: string, colour: ExpressionSpecification | string): LayerSpecification {
  const low = level === "lv";
  return {
    id,
    type: "line",
    source,
    minzoom: low ? 12 : 0,
    filter: both(is("layer", "line_section"), low ? is("level", "lv") : ["!=", get("level"), "lv"]),
    layout: { "line-cap": "round", "line-join": "round" },
    paint: { "line-color": colour, "line-width": lineWidth(level, 0), "line-opacity": low ? 0.85 : 1 },
  };
}

function switches(id: string, filter: ExpressionSpecification, minzoom: number): LayerSpecification {
  return {
    id,
    type: "symbol",
    source: "switch",
    minzoom,
    filter: both(filter),
    layout: {
      "icon-image": ["concat", switchPicture(""), deadSuffix] as ExpressionSpecification,
      "icon-size": byZoom(11, 0.35, 14, 0.6, 18, 1),
      "icon-allow-overlap": true,
      "icon-ignore-placement": true,
      "symbol-sort-key": ["case", ["to-boolean", get("open")], 1, 0],
    },
  };
}

const headSwitch: ExpressionSpecification = ["to-boolean", ["coalesce", get("feeder_id"), false]];
const openSwitch: ExpressionSpecification = ["to-boolean", get("open")];
const lowVoltage = is("level", "lv");

export function style(): StyleSpecification {
  const sources: StyleSpecification["sources"] = {
    dark: { type: "geojson", data: EMPTY },
    routes: { type: "geojson", data: EMPTY },
  };
  for (const layer of LAYERS) sources[layer] = { type: "geojson", data: EMPTY };
  return {
    version: 8,
    sources,
    layers: [
      { id: "ground", type: "background", paint: { "background-color": COLOUR.ground } },
      { id: "county", type: "fill", source: "county", paint: { "fill-color": COLOUR.county } },
      {
        id: "county-edge",
        type: "line",
        source: "county",
        paint: { "line-color": COLOUR.countyEdge, "line-width": 1.2, "line-dasharray": [5, 3] },
      },
      {
        id: "transformer_district",
        type: "fill",
        source: "transformer_district",
        minzoom: 13,
        paint: { "fill-color": COLOUR.district, "fill-opacity": 0.06 },
      },
      {
        id: "transformer_district-edge",
        type: "line",
        source: "transformer_district",
        minzoom: 13,
        paint: {
          "line-color": COLOUR.district,
          "line-opacity": 0.4,
          "line-width": 1,
          "line-dasharray": ["case", ["to-boolean", get("derived")], ["literal", [2, 3]], ["literal", [1, 0]]],
        },
      },
      {
        id: "dark-district",
        type: "fill",
        source: "dark",
        filter: both(is("layer", "transformer_district"), is("role", "dark")),
        paint: { "fill-color": COLOUR.out, "fill-opacity": 0.12 },
      },
      line("line_section-lv", "line_section", "lv", ["case", dead, COLOUR.dead, levelColour]),
      line("line_section-mv", "line_section", "mv", ["case", dead, COLOUR.dead, levelColour]),
      {
        id: "dark-line-glow",
        type: "line",
        source: "dark",
        filter: both(is("layer", "line_section"), is("role", "dark")),
        layout: { "line-cap": "round", "line-join": "round" },
        paint: {
          "line-color": COLOUR.outGlow,
          "line-width": byZoom(9, 5, 13, 9, 17, 16),
          "line-blur": byZoom(9, 4, 13, 7, 17, 12),
          "line-opacity": 0.45,
        },
      },
      {
        id: "dark-line",
        type: "line",
        source: "dark",
        filter: both(is("layer", "line_section"), is("role", "dark")),
        layout: { "line-cap": "round", "line-join": "round" },
        paint: { "line-color": COLOUR.out, "line-width": byZoom(9, 1.6, 13, 2.6, 17, 5) },
      },
      {
        id: "customer_point",
        type: "circle",
        source: "customer_point",
        minzoom: 14.5,
        paint: {
          "circle-radius": byZoom(14.5, 1.4, 18, 4.5),
          "circle-color": ["case", dead, COLOUR.dead, COLOUR.customer],
          "circle-stroke-color": COLOUR.ground,
          "circle-stroke-width": 0.8,
        },
      },
      {
        id: "dark-customer",
        type: "circle",
        source: "dark",
        filter: both(is("layer", "customer_point")),
        paint: {
          "circle-radius": byZoom(9, 1.8, 13, 2.2, 18, 6),
          "circle-color": COLOUR.out,
          "circle-stroke-color": ["case", ["to-boolean", get("critical_grade")], COLOUR.device, COLOUR.ground],
          "circle-stroke-width": ["case", ["to-boolean", get("critical_grade")], 2, 0.6],
        },
      },
      switches("switch-lv", ["all", lowVoltage, ["!", headSwitch]] as ExpressionSpecification, 15.2),
      switches("switch-mv", ["all", ["!", lowVoltage], ["!", headSwitch], ["!", openSwitch]] as ExpressionSpecification, 12.8),
      switches(
        "switch-head",
        ["any", headSwitch, ["all", ["!", lowVoltage], openSwitch]] as ExpressionSpecification,
        10.5,
      ),
      {
        id: "power_transformer",
        type: "symbol",
        source: "power_transformer",
        minzoom: 11.5,
        layout: {
          "icon-image": ["concat", "transformer", deadSuffix],
          "icon-size": byZoom(11.5, 0.35, 14, 0.7, 18, 1.2),
          "icon-allow-overlap": true,
          "icon-ignore-placement": true,
        },
      },
      {
        id: "substation",
        type: "symbol",
        source: "substation",
        layout: {
          "icon-image": "substation",
          "icon-size": byZoom(9, 0.7, 14, 1.05, 18, 1.3),
          "icon-allow-overlap": true,
          "icon-ignore-placement": true,
        },
      },
      {
        id: "dark-switch",
        type: "symbol",
        source: "dark",
        filter: both(is("layer", "switch"), is("role", "dark")),
        minzoom: 12.8,
        layout: {
          "icon-image": switchPicture("-dark"),
          "icon-size": byZoom(11, 0.35, 14, 0.6, 18, 1),
          "icon-allow-overlap": true,
          "icon-ignore-placement": true,
        },
      },
      {
        id: "dark-transformer",
        type: "symbol",
        source: "dark",
        filter: both(is("layer", "power_transformer"), is("role", "dark")),
        minzoom: 11.2,
        layout: {
          "icon-image": "transformer-dark",
          "icon-size": byZoom(11.2, 0.4, 14, 0.75, 18, 1.25),
          "icon-allow-overlap": true,
          "icon-ignore-placement": true,
        },
      },
      {
        id: "opened-switch",
        type: "symbol",
        source: "dark",
        filter: both(is("role", "opened")),
        layout: {
          "icon-image": [
            "concat",
            ["match", get("kind"), ["breaker", "recloser"], "switch", "fuse", "fuse", "isolator"],
            "-open-opened",
          ] as ExpressionSpecification,
          "icon-size": byZoom(9, 0.8, 14, 1, 18, 1.3),
          "icon-allow-overlap": true,
          "icon-ignore-placement": true,
        },
      },
      {
        id: "device-line",
        type: "line",
        source: "dark",
        filter: both(is("layer", "line_section"), is("role", "device")),
        layout: { "line-cap": "round", "line-join": "round" },
        paint: {
          "line-color": COLOUR.device,
          "line-width": byZoom(9, 1.2, 13, 1.8, 17, 3),
          "line-gap-width": byZoom(9, 4, 13, 6, 17, 11),
        },
      },
      {
        id: "device-point",
        type: "symbol",
        source: "dark",
        filter: both(["!=", get("layer"), "line_section"], is("role", "device")),
        layout: {
          "icon-image": "ring-device",
          "icon-size": byZoom(9, 0.9, 14, 1.3, 18, 1.9),
          "icon-allow-overlap": true,
          "icon-ignore-placement": true,
        },
      },
      {
        id: "route",
        type: "line",
        source: "routes",
        filter: ["==", ["geometry-type"], "LineString"],
        layout: { "line-cap": "round", "line-join": "round" },
        paint: {
          "line-color": COLOUR.route,
          "line-width": ["case", get("chosen"), 5, 2.5],
          "line-opacity": ["case", get("chosen"), 1, 0.55],
        },
      },
      {
        id: "route-customer",
        type: "circle",
        source: "routes",
        filter: ["==", ["geometry-type"], "Point"],
        paint: {
          "circle-radius": 6,
          "circle-color": COLOUR.route,
          "circle-stroke-width": 2,
          "circle-stroke-color": COLOUR.symbolEdge,
        },
      },
      label("label-county", "county", 8, 13, 13, COLOUR.countyLabel, 0),
      label("label-district", "transformer_district", 14.5, 24, 11, COLOUR.district, 0),
      label("label-substation", "substation", 10, 24, 13, COLOUR.label, 1.3),
    ],
  };
}

function label(
  id: string,
  source: string,
  minzoom: number,
  maxzoom: number,
  size: number,
  colour: string,
  below: number,
): LayerSpecification {
  return {
    id,
    type: "symbol",
    source,
    minzoom,
    maxzoom,
    layout: {
      "text-field": get("label"),
      "text-font": FONT,
      "text-size": size,
      "text-anchor": below > 0 ? "top" : "center",
      "text-offset": [0, below],
      "text-optional": true,
    },
    paint: { "text-color": colour, "text-halo-color": COLOUR.labelEdge, "text-halo-width": 1.4 },
  };
}
