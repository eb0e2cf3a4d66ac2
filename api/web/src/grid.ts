// The grid as the browser holds it: features by layer and id, the voltage class of each, and search. Pure.
import type { FeatureCollection, Position } from "geojson";
import { hull } from "./hull";
import { DEVICE_LAYERS, LAYERS, type GridFeature, type LayerName } from "./wire";

export type VoltageClass = "hv" | "mv" | "lv" | "unknown";

export interface Found {
  layer: LayerName;
  id: string;
  feature: GridFeature;
}

export function voltageClass(kv: unknown): VoltageClass {
  if (typeof kv !== "number" || !Number.isFinite(kv) || kv <= 0) return "unknown";
  return kv >= 52 ? "hv" : kv > 1 ? "mv" : "lv"; // IEC 60038: up to 1 kV low, from 52 kV on high voltage
}

export function idOf(feature: GridFeature): string {
  const own = feature.properties["id"] ?? feature.properties["code"] ?? feature.id;
  return String(own);
}

export function nameOf(feature: GridFeature): string {
  const name = feature.properties["name"];
  return typeof name === "string" && name !== "" ? name : idOf(feature);
}

export class Grid {
  private readonly byLayer = new Map<LayerName, Map<string, GridFeature>>(LAYERS.map((layer) => [layer, new Map()]));
  private readonly voltageOfNode = new Map<string, number>();

  /** Takes the features of a layer in the place of those it had. */
  /** Of counties that do not answer, what was there before stays. */
  put(layer: LayerName, features: readonly GridFeature[], missing: readonly string[] = []): void {
    const held = new Map<string, GridFeature>();
    for (const [id, feature] of this.byLayer.get(layer) ?? []) {
      if (missing.includes(String(feature.properties["county_code"]))) held.set(id, feature);
    }
    for (const feature of features) held.set(idOf(feature), feature);
    this.byLayer.set(layer, held);
    if (layer === "line_section") {
      this.voltageOfNode.clear();
      for (const { properties: p } of held.values()) {
        if (typeof p["base_voltage_kv"] !== "number") continue;
        for (const end of ["from_node", "to_node"]) {
          if (typeof p[end] === "string") this.voltageOfNode.set(p[end], p["base_voltage_kv"]);
        }
      }
    }
  }

  /** Gives every district without an outline of its own the hull of its customers, marked `derived`. */
  outlineDistricts(): void {
    const points = new Map<string, Position[]>();
    for (const { geometry, properties } of this.byLayer.get("customer_point")?.values() ?? []) {
      const district = properties["district_id"];
      if (typeof district !== "string" || geometry?.type !== "Point") continue;
      const held = points.get(district);
      if (held === undefined) points.set(district, [geometry.coordinates]);
      else held.push(geometry.coordinates);
    }
    const districts = this.byLayer.get("transformer_district");
    for (const [id, feature] of districts ?? []) {
      const ring = feature.geometry === null ? hull(points.get(id) ?? []) : null;
      if (ring === null) continue;
      const geometry = { type: "Polygon" as const, coordinates: [ring] };
      districts?.set(id, { ...feature, geometry, properties: { ...feature.properties, derived: true } });
    }
  }

  /** The kinds of switches there are. */
  switchKinds(): Set<string> {
    return new Set([...(this.byLayer.get("switch")?.values() ?? [])].map((one) => String(one.properties["kind"])));
  }

  count(layer: LayerName): number {
    return this.byLayer.get(layer)?.size ?? 0;
  }

  get(layer: LayerName, id: string): GridFeature | undefined {
    return this.byLayer.get(layer)?.get(id);
  }

  /** Where an id stands; device layers first, so that a device wins over a district of the same id. */
  find(id: string): Found | undefined {
    const [layerPart, ...rest] = id.split(":");
    if (rest.length > 0 && (LAYERS as readonly string[]).includes(layerPart ?? "")) {
      const layer = layerPart as LayerName;
      const feature = this.get(layer, rest.join(":"));
      if (feature) return { layer, id: rest.join(":"), feature };
    }
    for (const layer of [...DEVICE_LAYERS, ...LAYERS]) {
      const feature = this.get(layer, id);
      if (feature) return { layer, id, feature };
    }
    return undefined;
  }

  /** The id to ask with: the bare id, or `layer:id` where several layers share it. */
  questionId(layer: LayerName, id: string): string {
    const holders = LAYERS.filter((other) => other !== "county" && this.get(other, id) !== undefined);
    return holders.length > 1 ? `${layer}:${id}` : id;
  }

  /** The voltage of an element: its own, or that of the lines at its ends (the higher one). */
  voltage(layer: LayerName, feature: GridFeature): number | undefined {
    const p = feature.properties;
    if (typeof p["base_voltage_kv"] === "number") return p["base_voltage_kv"];
    if (layer !== "switch" && layer !== "power_transformer") return undefined;
    const ends = [p["from_node"], p["to_node"]]
      .map((node) => (typeof node === "string" ? this.voltageOfNode.get(node) : undefined))
      .filter((kv) => kv !== undefined);
    return ends.length > 0 ? Math.max(...ends) : undefined;
  }

  /** What MapLibre draws: features with `layer`, `key`, `label` and `level` (voltage class) added. */
  drawn(layer: LayerName): FeatureCollection {
    const features = [...(this.byLayer.get(layer)?.values() ?? [])];
    return {
      type: "FeatureCollection",
      features: features
        .filter((feature) => feature.geometry !== null)
        .map((feature) => this.drawnFeature(layer, feature)) as FeatureCollection["features"],
    };
  }

  drawnFeature(layer: LayerName, feature: GridFeature): GridFeature {
    return {
      type: "Feature",
      geometry: feature.geometry,
      properties: {
        ...feature.properties,
        layer,
        key: idOf(feature),
        label: nameOf(feature),
        level: voltageClass(this.voltage(layer, feature)),
      },
    };
  }

  /** The voltages of the lines, the highest first. */
  voltages(): number[] {
    const found = new Set<number>();
    for (const feature of this.byLayer.get("line_section")?.values() ?? []) {
      const kv = feature.properties["base_voltage_kv"];
      if (typeof kv === "number") found.add(kv);
    }
    return [...found].sort((a, b) => b - a);
  }

  /** Elements whose id or name holds `text`: exact ids first, then beginnings, then the rest; at most `most`. */
  search(text: string, most: number): Found[] {
    const wanted = text.trim().toLowerCase();
    if (wanted === "") return [];
    const ranked: [number, Found][] = [];
    for (const layer of [...DEVICE_LAYERS, "substation", "transformer_district", "customer_point"] as LayerName[]) {
      for (const [id, feature] of this.byLayer.get(layer) ?? []) {
        const lowId = id.toLowerCase();
        const lowName = nameOf(feature).toLowerCase();
        const rank =
          lowId === wanted || `${layer}:${lowId}` === wanted
            ? 0
            : lowName === wanted
              ? 1
              : lowId.startsWith(wanted) || lowName.startsWith(wanted)
                ? 2
                : lowId.includes(wanted) || lowName.includes(wanted)
                  ? 3
                  : -1;
        if (rank >= 0) ranked.push([rank, { layer, id, feature }]);
      }
    }
    return ranked
      .map((entry, place) => [entry[0], place, entry[1]] as const)
      .sort((a, b) => a[0] - b[0] || a[1] - b[1])
      .slice(0, most)
      .map((entry) => entry[2]);
  }

  /** West, south, east, north of the whole grid, or null when nothing is drawn. */
  bounds(): [number, number, number, number] | null {
    const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const layer of ["line_section", "substation", "customer_point"] as const) {
      for (const feature of this.byLayer.get(layer)?.values() ?? []) widen(box, feature);
    }
    return box[0] <= box[2] ? box : null;
  }
}

export function boundsOf(features: readonly GridFeature[]): [number, number, number, number] | null {
  const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const feature of features) widen(box, feature);
  return box[0] <= box[2] ? box : null;
}

function widen(box: [number, number, number, number], feature: GridFeature): void {
  const visit = (part: unknown): void => {
    if (!Array.isArray(part)) return;
    if (typeof part[0] === "number") {
      const [x, y] = part as Position;
      if (x === undefined || y === undefined) return;
      box[0] = Math.min(box[0], x);
      box[1] = Math.min(box[1], y);
      box[2] = Math.max(box[2], x);
      box[3] = Math.max(box[3], y);
    } else part.forEach(visit);
  };
  if (feature.geometry && "coordinates" in feature.geometry) visit(feature.geometry.coordinates);
}
