// The colours of the map, once. Red is kept for one thing: without supply.
import type { VoltageClass } from "./grid";

export const COLOUR = {
  ground: "#0b1016",
  county: "#121a23",
  countyEdge: "#33465c",
  district: "#7f9bb8",
  hv: "#c79bff",
  mv: "#58b4ff",
  lv: "#7fae9b",
  unknown: "#8b98a8",
  symbol: "#dbe6f2",
  symbolEdge: "#0b1016",
  openSwitch: "#ffc061",
  customer: "#9fb3c8",
  dead: "#5a6675",
  out: "#ff4d47",
  outGlow: "#ff2b24",
  device: "#ffffff",
  opened: "#ff9d2e",
  route: "#7fe3a1",
  label: "#b9c8d9",
  countyLabel: "#64809e",
  labelEdge: "#0b1016",
} as const;

export const LEVEL_COLOUR: Record<VoltageClass, string> = {
  hv: COLOUR.hv,
  mv: COLOUR.mv,
  lv: COLOUR.lv,
  unknown: COLOUR.unknown,
};
