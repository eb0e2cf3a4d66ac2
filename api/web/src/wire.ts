// What the two services send: the fields this map relies on, and nothing else.
import type { Feature, Geometry, LineString, Position } from "geojson";

export const LAYERS = [
  "county",
  "transformer_district",
  "line_section",
  "switch",
  "power_transformer",
  "substation",
  "customer_point",
] as const;
export type LayerName = (typeof LAYERS)[number];

/** Layers whose elements can be taken out by a click. */
export const DEVICE_LAYERS: readonly LayerName[] = ["switch", "power_transformer", "line_section"];

export type GridFeature = Feature<Geometry | null, Record<string, unknown>>;

export interface Affected {
  customers: number;
  critical: Record<string, number>;
  transformer_districts: number;
  contracted_kva: number;
}

export interface ImpactDistrict {
  id: string;
  county_code: string;
  name: string | null;
  customers: number;
  customers_total: number;
  contracted_kva: number;
}

export interface ImpactCustomer {
  id: string;
  county_code: string;
  district_id: string | null;
  customer_class: string;
  critical_grade: string | null;
  contracted_kva: number;
  point: Position;
}

export interface Impact {
  grid_version: Record<string, number>;
  as_of: string;
  partial: boolean;
  missing_counties: string[];
  affected: Affected;
  by_county: Record<string, Affected>;
  opened: string[];
  districts: ImpactDistrict[];
  customers: ImpactCustomer[];
  elements: Partial<Record<string, string[]>>;
}

export interface Assessment {
  sequence: number;
  as_of: string;
  grid_version: Record<string, number>;
  partial: boolean;
  missing_counties: string[];
  affected: Affected;
  by_county: Record<string, Affected>;
  opened: string[];
}

export interface Outage {
  id: string;
  kind: "planned" | "unplanned";
  status: "open" | "closed" | "cancelled";
  out: string[];
  faults: string[];
  cause: string;
  started_at: string;
  expected_restoration_at: string | null;
  version: number;
  assessment: Assessment;
  customers_csv_url: string;
}

export interface OutageDetail extends Outage {
  districts: ImpactDistrict[];
}

export interface Scheme {
  rank: number;
  attach: { kind: string; id: string };
  route: { geometry: LineString; length_m: number };
  conductor: string;
  cost: { total: number; currency: string };
  voltage: { drop_percent: number; level_drop_percent?: number };
}

export interface Pair {
  rank: number;
  cost: number;
  supplies: Scheme[];
}

export interface Application {
  id: string;
  status: string;
  applicant: { name: string };
  kva: number;
  supplies: number;
  reservation_id: number | null;
  scheme_answers: { sequence: number; answer: { schemes: Scheme[]; pairs: Pair[]; no_pairs?: { detail: string } | null } }[];
}

export interface Problem {
  title?: string;
  detail?: string;
  status?: number;
}
