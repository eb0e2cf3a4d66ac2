// What to colour once the engine has answered: elements and customers without supply, the asked device, and the
// switches that protection opened. Pure: an answer and the grid in, features out.
import type { FeatureCollection } from "geojson";
import type { Grid } from "./grid";
import { LAYERS, type GridFeature, type ImpactCustomer, type LayerName } from "./wire";

export interface Coloured {
  /** Element ids by layer, as the engine gave them. */
  elements: Partial<Record<string, string[]>>;
  customers: readonly ImpactCustomer[];
  districts: readonly { id: string }[];
  /** Ids that were asked about. */
  devices: readonly string[];
  /** Switch ids that protection opened. */
  opened: readonly string[];
}

/** Features for the map; `role` is `dark`, `device` or `opened`. Ids this map does not hold are left out. */
export function darkFeatures(grid: Grid, coloured: Coloured): FeatureCollection {
  const features: GridFeature[] = [];
  const add = (layer: LayerName, id: string, role: string): void => {
    const feature = grid.get(layer, id);
    if (feature?.geometry) features.push(withRole(grid.drawnFeature(layer, feature), role));
  };
  for (const { id } of coloured.districts) add("transformer_district", id, "dark");
  for (const layer of LAYERS) {
    if (layer === "customer_point") continue;
    for (const id of coloured.elements[layer] ?? []) add(layer, id, "dark");
  }
  for (const customer of coloured.customers) {
    features.push({
      type: "Feature",
      geometry: { type: "Point", coordinates: customer.point },
      properties: { layer: "customer_point", key: customer.id, role: "dark", critical_grade: customer.critical_grade },
    });
  }
  for (const id of coloured.opened) add("switch", id, "opened");
  for (const id of coloured.devices) {
    const found = grid.find(id);
    if (found?.feature.geometry) features.push(withRole(grid.drawnFeature(found.layer, found.feature), "device"));
  }
  return { type: "FeatureCollection", features: features as FeatureCollection["features"] };
}

function withRole(feature: GridFeature, role: string): GridFeature {
  return { ...feature, properties: { ...feature.properties, role } };
}
