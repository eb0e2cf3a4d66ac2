// The map page: loads the grid, asks the engine on a click, colours what is out, and opens outage records.
import maplibre from "./maplibre";
import { closeRecord, config, customersOf, freshKey, openOutages, openRecord, outage as readOutage } from "./business";
import { Connect } from "./connect";
import { darkFeatures } from "./dark";
import { byId, el } from "./dom";
import { Engine, type Mode, type Standing } from "./engine";
import { boundsOf, Grid, idOf, type Found } from "./grid";
import { Away } from "./http";
import { showLegend } from "./legend";
import { clock, count, versions } from "./numbers";
import { Panel } from "./panel";
import { showRecords } from "./records";
import { searchBox } from "./search";
import { LAYER_NAMES, S } from "./strings";
import { CLICKABLE, style } from "./style";
import { pictures, RATIO } from "./symbols";
import { Gate, sessionTokens } from "./token";
import { forgetButton, tokenForm } from "./token_form";
import { DEVICE_LAYERS, LAYERS, type LayerName, type Outage } from "./wire";
import type { FeatureCollection } from "geojson";
import type { GeoJSONSource, Map as LibreMap, MapMouseEvent } from "maplibre-gl";
import "./style.css";

const POLL_MS = 10_000;
const MOST_HERE = 24;
const NOTHING: FeatureCollection = { type: "FeatureCollection", features: [] };

class Desk {
  readonly grid = new Grid();
  private mode: Mode = "out";
  private key = freshKey();
  private asked: Found | null = null;
  private others: Found[] = [];
  private question: AbortController | null = null;
  private known: Standing = { versions: {}, missing: [] };
  private readonly panel: Panel;
  private readonly connect: Connect;
  private connecting = false;
  private readonly records = el("section", { id: "records", "aria-label": S.openOutages });

  constructor(
    private readonly map: LibreMap,
    private readonly engine: Engine,
  ) {
    const panelPlace = el("section", { id: "panel", "aria-live": "polite" });
    byId("side").append(panelPlace, this.records);
    this.panel = new Panel(panelPlace, this.grid, {
      go: (id) => this.go(id),
      clear: () => this.clear(),
      pick: (found) => this.choose(found, this.others.concat(this.asked ?? []).filter((one) => one !== found)),
      open: async (form) => {
        const ids = this.asked === null ? [] : [this.grid.questionId(this.asked.layer, this.asked.id)];
        const opened = await openRecord({ ...form, ids, mode: this.mode, key: this.key });
        this.key = freshKey();
        await this.readRecords();
        return opened;
      },
    });
    this.connect = new Connect(panelPlace, {
      draw: (features) => this.map.getSource<GeoJSONSource>("routes")?.setData(features),
      clear: () => this.clear(),
    });
    showTools(byId("tools"), (mode) => this.setMode(mode), () => this.fit());
    byId("bar").append(
      el("div", { class: "brand" }, el("img", { src: "/icon.svg", alt: "", width: 22, height: 22 }), el("b", {}, S.product), el("span", {}, S.subtitle)),
      searchBox(this.grid, (found) => {
        this.fly(found);
        this.choose(found, []);
      }),
    );
    map.on("click", (event) => this.clicked(event));
    map.on("mousemove", (event) => {
      const hand = this.under(event).length > 0 ? "pointer" : "";
      map.getCanvas().style.cursor = this.connecting ? "crosshair" : hand;
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
      if (event.key === "Escape" && !typing) this.clear();
      if (event.key === "/" && !typing) {
        event.preventDefault();
        byId("search").focus();
      }
    });
  }

  /** Loads every collection and draws it; the notice says what could not be had, and the map keeps trying. */
  async load(): Promise<void> {
    for (;;) {
      try {
        const cut: string[] = [];
        const missing = new Set<string>();
        status(S.loading(S.product));
        this.known = await this.engine.standing().catch(() => ({ versions: {}, missing: [] }));
        await Promise.all(
          LAYERS.map(async (layer) => {
            const loaded = await this.engine.collection(layer);
            this.grid.put(layer, loaded.features);
            for (const county of loaded.missing) missing.add(county);
            if (!loaded.whole) cut.push(S.tooMany(LAYER_NAMES[layer].many, count(loaded.features.length)));
            status(S.loading(LAYER_NAMES[layer].many));
          }),
        );
        this.grid.outlineDistricts();
        for (const layer of LAYERS) this.draw(layer);
        if (missing.size > 0) cut.unshift(S.mapPartial([...missing].sort().join(", ")));
        notice(cut.join(" "));
        break;
      } catch (error) {
        notice((error as Error).message);
        status((error as Error).message);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS / 2));
      }
    }
    showLegend(byId("legend"), this.grid.voltages(), this.grid.switchKinds());
    this.fit(0);
    this.showStatus();
    document.documentElement.dataset["state"] = "ready";
  }

  /** Follows the grid and the records: a change of any county redraws what can change, the switches' state. */
  follow(): void {
    const turn = async (read: () => Promise<void>): Promise<void> => {
      if (document.visibilityState === "visible") await read();
      setTimeout(() => void turn(read), POLL_MS);
    };
    void turn(() => this.readRecords());
    void turn(() => this.readVersions()); // by itself: it may wait for a token
  }

  private async readVersions(): Promise<void> {
    try {
      const now = await this.engine.standing();
      if (JSON.stringify(now) !== JSON.stringify(this.known)) {
        const before = this.known;
        this.known = now;
        const missing = new Set<string>(now.missing);
        for (const layer of LAYERS) {
          const loaded = await this.engine.collection(layer);
          this.grid.put(layer, loaded.features, loaded.missing);
          for (const county of loaded.missing) missing.add(county);
        }
        this.grid.outlineDistricts();
        for (const layer of LAYERS) this.draw(layer);
        if (missing.size > 0) notice(S.mapNotCurrent([...missing].sort().join(", ")));
        else if (this.asked !== null) notice(S.gridChanged);
        else if (before.missing.length > 0) notice("");
      }
      this.showStatus();
    } catch (error) {
      if (error instanceof Away) status(error.message);
    }
  }

  private async readRecords(): Promise<void> {
    try {
      showRecords(this.records, await openOutages(), {
        show: (outage) => void this.showRecord(outage),
        restored: (outage) => void this.close(outage),
      });
    } catch (error) {
      this.records.replaceChildren(
        el("h2", {}, S.openOutages),
        el("p", { class: "warning", role: "alert" }, (error as Error).message),
      );
    }
  }

  private async showRecord(outage: Outage): Promise<void> {
    this.clear();
    try {
      const [detail, customers] = await Promise.all([readOutage(outage.id), customersOf(outage.id)]);
      const devices = [...detail.out, ...detail.faults];
      this.colour(
        darkFeatures(this.grid, {
          elements: {},
          customers,
          districts: detail.districts,
          devices,
          opened: detail.assessment.opened,
        }),
      );
      this.panel.record(detail, { ...detail.assessment, districts: detail.districts, customers });
      const shown = devices.map((id) => this.grid.find(id)?.feature).filter((feature) => feature !== undefined);
      const box = boundsOf([
        ...shown,
        ...customers.map((one) => ({
          type: "Feature" as const,
          properties: {},
          geometry: { type: "Point" as const, coordinates: one.point },
        })),
      ]);
      if (box !== null) this.map.fitBounds(box, { padding: 90, maxZoom: 16, duration: 500 });
    } catch (error) {
      notice((error as Error).message);
    }
  }

  private async close(outage: Outage): Promise<void> {
    if (!window.confirm(S.restoredConfirm(outage.id))) return;
    try {
      await closeRecord(outage, new Date().toISOString());
    } catch (error) {
      notice((error as Error).message);
    }
    await this.readRecords();
  }

  private clicked(event: MapMouseEvent): void {
    if (this.connecting) {
      this.clear();
      this.connect.at([event.lngLat.lng, event.lngLat.lat]);
      return;
    }
    const [first, ...rest] = this.under(event);
    if (first === undefined) this.clear();
    else this.choose(first, rest);
  }

  /** What lies within a few pixels of the pointer: the nearest point first, lines after points, devices before others. */
  private under(event: MapMouseEvent): Found[] {
    const { x, y } = event.point;
    const layers = CLICKABLE.filter((id) => this.map.getLayer(id) !== undefined);
    const features = this.map.queryRenderedFeatures([[x - 6, y - 6], [x + 6, y + 6]], { layers });
    const found = new Map<string, Found>();
    for (const drawn of features) {
      const layer = drawn.properties["layer"] as LayerName;
      const id = String(drawn.properties["key"]);
      const feature = this.grid.get(layer, id);
      if (feature !== undefined) found.set(`${layer}:${id}`, { layer, id, feature });
    }
    const all = [...found.values()];
    const device = (one: Found): number => (DEVICE_LAYERS.includes(one.layer) ? DEVICE_LAYERS.indexOf(one.layer) : 9);
    const away = ({ feature: { geometry } }: Found): number => {
      if (geometry?.type !== "Point") return Infinity;
      const at = this.map.project(geometry.coordinates as [number, number]);
      return Math.round(Math.hypot(at.x - x, at.y - y) / 3); // within three pixels nobody means one and not the other
    };
    const ranked = all.map((one) => ({ one, away: away(one), device: device(one) }));
    return ranked
      .sort((a, b) => (a.away === b.away ? a.device - b.device : a.away - b.away))
      .slice(0, MOST_HERE)
      .map(({ one }) => one);
  }

  private choose(found: Found, others: Found[]): void {
    notice("");
    this.question?.abort();
    this.asked = found;
    this.others = others;
    this.key = freshKey();
    const device = [this.grid.questionId(found.layer, found.id)];
    this.colour(darkFeatures(this.grid, { elements: {}, customers: [], districts: [], devices: device, opened: [] }));
    if (!DEVICE_LAYERS.includes(found.layer)) {
      this.panel.about(found, others);
      return;
    }
    void this.ask(found, others, device);
  }

  private async ask(found: Found, others: Found[], device: string[]): Promise<void> {
    const question = new AbortController();
    this.question = question;
    const mode = this.mode;
    this.panel.asking(found, mode, others);
    document.documentElement.dataset["impact"] = "asking";
    try {
      const impact = await this.engine.impact(device, mode, question.signal);
      if (question.signal.aborted) return;
      this.colour(
        darkFeatures(this.grid, {
          elements: impact.elements,
          customers: impact.customers,
          districts: impact.districts,
          devices: device,
          opened: impact.opened,
        }),
      );
      this.panel.impact(found, mode, others, impact);
      document.documentElement.dataset["impact"] = "shown";
    } catch (error) {
      if (question.signal.aborted) return;
      this.panel.failed(found, mode, (error as Error).message, () => this.choose(found, others));
      document.documentElement.dataset["impact"] = "failed";
    }
  }

  private setMode(mode: Mode | "connect"): void {
    if (this.connecting !== (mode === "connect")) {
      this.connecting = mode === "connect";
      this.clear();
    }
    if (mode === "connect") return;
    this.mode = mode;
    if (this.asked !== null && DEVICE_LAYERS.includes(this.asked.layer)) this.choose(this.asked, this.others);
  }

  private clear(): void {
    this.question?.abort();
    this.asked = null;
    this.others = [];
    this.colour(NOTHING);
    this.map.getSource<GeoJSONSource>("routes")?.setData(NOTHING);
    if (this.connecting) this.connect.hint();
    else this.panel.hint();
    notice("");
    delete document.documentElement.dataset["impact"];
  }

  private go(id: string): void {
    const found = this.grid.find(id);
    if (found !== undefined) this.fly(found);
  }

  private fly(found: Found): void {
    const box = boundsOf([found.feature]);
    if (box !== null) this.map.fitBounds(box, { padding: 120, maxZoom: 16.5, duration: 500 });
  }

  private fit(duration = 500): void {
    const box = this.grid.bounds();
    const legend = byId("legend").clientWidth; // the grid beside the legend where there is room, not under it
    const left = legend > 0 && this.map.getContainer().clientWidth > 3.5 * legend ? legend + 40 : 60;
    if (box !== null) this.map.fitBounds(box, { padding: { top: 70, right: 60, bottom: 50, left }, duration });
  }

  private draw(layer: LayerName): void {
    this.map.getSource<GeoJSONSource>(layer)?.setData(this.grid.drawn(layer));
  }

  private colour(features: FeatureCollection): void {
    this.map.getSource<GeoJSONSource>("dark")?.setData(features);
    document.documentElement.dataset["dark"] = String(
      features.features.filter((feature) => feature.properties?.["role"] === "dark").length,
    );
  }

  private showStatus(): void {
    const counts = LAYERS.map((layer) => `${count(this.grid.count(layer))} ${LAYER_NAMES[layer].many}`).join(" · ");
    status(`${S.gridVersion} ${versions(this.known.versions)} · ${S.asOf} ${clock(new Date().toISOString())}`, counts);
  }
}

function status(...parts: string[]): void {
  byId("status").replaceChildren(...parts.map((part) => el("span", {}, part)));
}

function notice(sentence: string): void {
  const place = byId("notice");
  place.hidden = sentence === "";
  place.replaceChildren(
    sentence,
    el("button", { class: "link", "aria-label": S.dismiss, onclick: () => notice("") }, "×"),
  );
}

function showTools(place: HTMLElement, setMode: (mode: Mode | "connect") => void, fit: () => void): void {
  const choice = (mode: Mode | "connect", text: string, hint: string): HTMLElement =>
    el(
      "label",
      { title: hint },
      el("input", { type: "radio", name: "mode", value: mode, checked: mode === "out", onchange: () => setMode(mode) }),
      el("span", {}, text),
    );
  place.append(
    el(
      "fieldset",
      {},
      el("legend", {}, S.modeLabel),
      choice("out", S.modeOut, S.modeOutHint),
      choice("fault", S.modeFault, S.modeFaultHint),
      choice("connect", S.modeConnect, S.modeConnectHint),
    ),
    el("button", { id: "fit", onclick: fit }, S.fit),
  );
}

async function start(): Promise<void> {
  let settings: { engine_url: string };
  for (;;) {
    try {
      settings = await config();
      break;
    } catch (error) {
      notice((error as Error).message);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS / 2));
    }
  }
  let map: LibreMap;
  try {
    map = new maplibre.Map({
      container: "map",
      style: style(),
      center: [0, 20],
      zoom: 1,
      maxZoom: 20,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      fadeDuration: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 300,
    });
  } catch {
    notice(S.noWebgl);
    return;
  }
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), "bottom-right");
  map.addControl(new maplibre.ScaleControl({ unit: "metric" }), "bottom-right");
  await new Promise((resolve) => map.once("load", resolve));
  for (const [name, picture] of pictures()) map.addImage(name, picture, { pixelRatio: RATIO });
  const tokens = sessionTokens();
  const forget = forgetButton(tokens);
  const gate = new Gate(tokens, tokenForm(byId("gate"), forget));
  const desk = new Desk(map, new Engine(settings.engine_url, gate));
  byId("bar").append(forget);
  Object.assign(window, { gridgis: { map, grid: desk.grid, idOf } }); // for the console and the browser tests
  await desk.load();
  desk.follow();
}

void start();
