// The grid as the browser holds it. Expected values are read off the small features below.
import { describe, expect, it } from "vitest";
import { boundsOf, Grid, voltageClass } from "../src/grid";
import { darkFeatures } from "../src/dark";
import { hull } from "../src/hull";
import { nextPage } from "../src/engine";
import type { GridFeature } from "../src/wire";

const line = (id: string, kv: number, from: string, to: string): GridFeature => ({
  type: "Feature",
  id,
  geometry: { type: "LineString", coordinates: [[0, 0], [1, 2]] },
  properties: { id, name: `Line ${id}`, base_voltage_kv: kv, from_node: from, to_node: to },
});
const at = (id: string, more: Record<string, unknown> = {}): GridFeature => ({
  type: "Feature",
  id,
  geometry: { type: "Point", coordinates: [3, -1] },
  properties: { id, ...more },
});

function small(): Grid {
  const grid = new Grid();
  grid.put("line_section", [line("L1", 20, "a", "b"), line("L10", 0.4, "c", "d")]);
  grid.put("switch", [at("S1", { from_node: "b", to_node: "x" }), at("S2", { from_node: "d", to_node: "y" }), at("L1")]);
  grid.put("power_transformer", [at("T1", { from_node: "b", to_node: "c" })]);
  return grid;
}

describe("a county that does not answer", () => {
  it("stays as it was seen, while the others are shown anew", () => {
    const grid = new Grid();
    grid.put("switch", [at("S1", { county_code: "8801" }), at("S2", { county_code: "8802" })]);
    grid.put("switch", [at("S3", { county_code: "8801" })], ["8802"]);
    expect(grid.drawn("switch").features.map((f) => f.properties?.["id"]).sort()).toEqual(["S2", "S3"]);
  });
});

describe("voltages", () => {
  it("fall into the classes of IEC 60038", () => {
    const classes = [110, 52, 20, 1.1, 1, 0.4, 0, -1, NaN, null, "20"].map(voltageClass);
    expect(classes).toEqual(["hv", "hv", "mv", "mv", "lv", "lv", ...Array(5).fill("unknown")]);
  });
  it("of switches and transformers are those of the lines they meet, the higher one", () => {
    const drawn = [...small().drawn("switch").features, ...small().drawn("power_transformer").features];
    expect(drawn.map((f) => f.properties?.["level"])).toEqual(["mv", "lv", "unknown", "mv"]);
  });
  it("are listed from the highest down", () => expect(small().voltages()).toEqual([20, 0.4]));
});

describe("ids", () => {
  it("are asked bare, and with their layer where several layers share them", () => {
    expect(small().questionId("switch", "S1")).toBe("S1");
    expect(small().questionId("switch", "L1")).toBe("switch:L1");
    expect(small().questionId("line_section", "L1")).toBe("line_section:L1");
  });
  it("are found bare and with their layer", () => {
    expect(small().find("line_section:L1")?.layer).toBe("line_section");
    expect(small().find("T1")?.layer).toBe("power_transformer");
    expect(small().find("nothing:T1")).toBeUndefined();
    expect(small().find("")).toBeUndefined();
  });
  it("with a colon of their own are found too", () => {
    const grid = small();
    grid.put("switch", [at("switch:7")]);
    expect(grid.find("switch:7")?.id).toBe("switch:7");
  });
});

describe("search", () => {
  it("puts the exact id first, then beginnings, then the rest", () => {
    expect(small().search("l1", 9).map((f) => `${f.layer}:${f.id}`)).toEqual([
      "switch:L1",
      "line_section:L1",
      "line_section:L10",
    ]);
    expect(small().search("ine l10", 9).map((f) => f.id)).toEqual(["L10"]);
  });
  it("gives no more than asked for, and nothing for nothing", () => {
    expect(small().search("l", 1)).toHaveLength(1);
    expect(small().search("  ", 9)).toEqual([]);
  });
});

describe("what is coloured", () => {
  it("is what the engine named, with its part in the outage; unknown ids are left out", () => {
    const dark = darkFeatures(small(), {
      elements: { line_section: ["L10", "gone"], connectivity_node: ["c"], power_transformer: ["T1"] },
      customers: [
        { id: "C1", county_code: "1", district_id: null, customer_class: "public", critical_grade: null, contracted_kva: 1, point: [5, 6] },
      ],
      districts: [{ id: "D?" }],
      devices: ["line_section:L1"],
      opened: ["S1"],
    });
    expect(dark.features.map((f) => [f.properties?.["layer"], f.properties?.["key"], f.properties?.["role"]])).toEqual([
      ["line_section", "L10", "dark"],
      ["power_transformer", "T1", "dark"],
      ["customer_point", "C1", "dark"],
      ["switch", "S1", "opened"],
      ["line_section", "L1", "device"],
    ]);
  });
});

describe("outlines", () => {
  it("of a district without geometry are the hull of its customers, one with geometry keeps its own", () => {
    const grid = new Grid();
    const corners = [[0, 0], [2, 0], [2, 2], [0, 2], [1, 1]];
    grid.put("customer_point", corners.map((c, i) => ({ ...at(`c${i}`, { district_id: "D" }), geometry: { type: "Point", coordinates: c } })));
    const own: GridFeature = { type: "Feature", geometry: { type: "Polygon", coordinates: [] }, properties: { id: "E" } };
    grid.put("transformer_district", [{ type: "Feature", geometry: null, properties: { id: "D" } }, own]);
    grid.outlineDistricts();
    expect(grid.get("transformer_district", "D")?.geometry).toEqual({
      type: "Polygon",
      coordinates: [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]],
    });
    expect(grid.get("transformer_district", "E")).toBe(own);
  });
  it("need three points that are not on one line", () => {
    expect(hull([])).toBeNull();
    expect(hull([[1, 1], [1, 1], [1, 1]])).toBeNull();
    expect(hull([[0, 0], [1, 1], [2, 2]])).toBeNull();
    expect(hull([[0, 0], [1, 0], [0, 1]])).toEqual([[0, 0], [1, 0], [0, 1], [0, 0]]);
  });
  it("hold every point inside (law, on random points)", () => {
    let seed = 7;
    const random = (): number => (seed = (seed * 48271) % 2147483647) / 2147483647;
    for (let round = 0; round < 50; round++) {
      const points = Array.from({ length: 3 + Math.floor(random() * 30) }, () => [random(), random()]);
      const ring = hull(points) as number[][];
      for (const [x, y] of points) {
        for (let i = 0; i + 1 < ring.length; i++) {
          const [a, b] = [ring[i]!, ring[i + 1]!];
          expect((b[0]! - a[0]!) * (y! - a[1]!) - (b[1]! - a[1]!) * (x! - a[0]!)).toBeGreaterThanOrEqual(-1e-12);
        }
      }
    }
  });
});

describe("boxes", () => {
  it("hold every coordinate; nothing has none", () => {
    expect(boundsOf([line("L", 1, "a", "b"), at("S")])).toEqual([0, -1, 3, 2]);
    expect(boundsOf([])).toBeNull();
  });
});

describe("pages", () => {
  it("are followed at the engine's public address, whatever name the engine knows itself by", () => {
    const links = [{ rel: "self", href: "x" }, { rel: "next", href: "http://engine:8001/ogc/collections/switch/items?after=Q%3D" }];
    expect(nextPage({ features: [], links }, "https://grid.example")).toBe("https://grid.example/ogc/collections/switch/items?after=Q%3D");
    expect(nextPage({ features: [], links }, "https://grid.example/engine")).toBe(
      "https://grid.example/engine/ogc/collections/switch/items?after=Q%3D",
    );
    expect(nextPage({ features: [] }, "https://grid.example")).toBeNull();
  });
});
