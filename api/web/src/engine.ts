// What the map asks the engine: collections of the grid, who loses supply, and which version the grid has.
import { ask, type Asking } from "./http";
import { S } from "./strings";
import type { Gate } from "./token";
import type { GridFeature, Impact, LayerName } from "./wire";

export type Mode = "out" | "fault";

export const PAGE = 10_000;
export const MOST = 60_000;

interface Page {
  features: GridFeature[];
  links?: { rel: string; href: string; type?: string }[];
  grid_version?: Record<string, number>;
  missing_counties?: string[];
}

export interface Loaded {
  features: GridFeature[];
  /** False when the collection has more than this map draws. */
  whole: boolean;
  /** Counties that did not answer. */
  missing: string[];
}

/** What the grid stands at: the version of every county, and the counties that do not answer. */
export interface Standing {
  versions: Record<string, number>;
  missing: string[];
}

export class Engine {
  constructor(
    readonly address: string,
    private readonly gate: Gate,
  ) {}

  /** All features of a collection, page after page, up to `MOST`. */
  async collection(layer: LayerName): Promise<Loaded> {
    const features: GridFeature[] = [];
    const missing = new Set<string>();
    let url: string | null = `${this.address}/ogc/collections/${layer}/items?f=geojson&limit=${PAGE}`;
    while (url !== null && features.length < MOST) {
      const page: Page = await this.ask<Page>(url, { seconds: 60 });
      features.push(...page.features);
      for (const county of page.missing_counties ?? []) missing.add(county);
      url = page.features.length > 0 ? nextPage(page, this.address) : null;
    }
    return { features, whole: url === null, missing: [...missing].sort() };
  }

  impact(ids: readonly string[], mode: Mode, signal?: AbortSignal): Promise<Impact> {
    return this.ask<Impact>(`${this.address}/v1/outage-impact`, {
      method: "POST",
      body: {
        ...(mode === "out" ? { out: ids } : { faults: ids }),
        include: ["customers", "districts", "elements"],
      },
      ...(signal ? { signal } : {}),
    });
  }

  /** What changes when anything in the grid does, or a county goes or comes back. */
  async standing(): Promise<Standing> {
    const url = `${this.address}/ogc/collections/substation/items?f=geojson&limit=1`; // every answer carries it
    const answer = await this.ask<Page>(url, { seconds: 10 });
    return { versions: answer.grid_version ?? {}, missing: answer.missing_counties ?? [] };
  }

  /** Asks with the token of this tab, where there is one; the token goes nowhere but to the engine. */
  private ask<T>(url: string, asking: Omit<Asking, "away" | "token">): Promise<T> {
    const away = S.engineAway(this.address);
    return this.gate.through((token) => ask<T>(url, { ...asking, away, token }), asking.signal);
  }
}

/** The address of the next page, always at the engine's public address; null at the end. */
export function nextPage(page: Page, address: string): string | null {
  const href = page.links?.find((link) => link.rel === "next")?.href;
  if (href === undefined) return null;
  const next = new URL(href, `${address}/`);
  const path = next.pathname.slice(Math.max(0, next.pathname.indexOf("/ogc/"))); // a proxy may add a part before it
  return `${address}${path}${next.search}`;
}
