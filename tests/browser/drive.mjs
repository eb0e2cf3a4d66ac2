// Drives the map in a real Chromium and prints what it saw as one JSON document; judging it is the Python tests' work.
// Usage: node drive.mjs '{"chromium": …, "playwright": …, "map": "http://…", "scenario": "…", …}'
import { pathToFileURL } from "node:url";

const asked = JSON.parse(process.argv[2]);
const { chromium } = await import(pathToFileURL(asked.playwright).href);
const browser = await chromium.launch({
  executablePath: asked.chromium,
  args: ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"],
});
const context = await browser.newContext({ viewport: { width: 1100, height: 680 }, acceptDownloads: true, reducedMotion: "reduce" });
const colours = await context.newPage(); // before the map: a page behind another draws slowly
const page = await context.newPage();
const saw = { requests: [], tokens: [], console: [], errors: [] };
page.on("request", (request) => {
  saw.requests.push(request.url());
  saw.tokens.push(request.headers()["authorization"] ?? null);
});
page.on("console", (message) => {
  if (["error", "warning"].includes(message.type())) saw.console.push(message.text());
});
page.on("pageerror", (error) => saw.errors.push(String(error)));
page.setDefaultTimeout(60_000);

// Idle: nothing moves, every tile is there, every symbol is placed and has faded in.
const settled = () =>
  page.evaluate(
    () =>
      new Promise((resolve) => {
        const { map } = window.gridgis;
        map.once("idle", () => resolve()); // not the event: it holds the whole map, and would be sent over
        map.triggerRepaint();
      }),
  );
const state = (name, value) =>
  page.waitForFunction(([key, wanted]) => document.documentElement.dataset[key] === wanted, [name, value]);
// The drawn map alone: the legend has the same colours.
const shot = async (name) => {
  await settled();
  if (asked.shots) await page.screenshot({ path: `${asked.shots}/${name}.png` });
  const cover = (hidden) =>
    page.evaluate((h) => document.querySelectorAll("#legend, #tools").forEach((one) => (one.style.visibility = h)), hidden);
  await cover("hidden");
  const picture = await page.locator("#map").screenshot();
  await cover("");
  return picture;
};

// Pixels of the map close to a colour, counted in a page of their own.
const pixels = async (png, wanted, within = 40) =>
  colours.evaluate(
    async ([bytes, colour, distance]) => {
      const blob = new Blob([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], { type: "image/png" });
      const picture = await createImageBitmap(blob);
      const pen = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
      pen.drawImage(picture, 0, 0);
      const { data } = pen.getImageData(0, 0, picture.width, picture.height);
      let count = 0;
      for (let i = 0; i < data.length; i += 4) {
        const [r, g, b] = [data[i] - colour[0], data[i + 1] - colour[1], data[i + 2] - colour[2]];
        if (r * r + g * g + b * b < distance * distance) count++;
      }
      return count;
    },
    [png.toString("base64"), wanted, within],
  );
const RED = [255, 77, 71];
const BLUE = [88, 180, 255];
const GREEN = [127, 227, 161];

// Where an element lies on the page, after the map has moved there. Only the eye is moved by script; the click is real.
async function place(layer, id) {
  await page.evaluate(
    ([wantedLayer, wantedId]) => {
      const { map, grid } = window.gridgis;
      const { geometry } = grid.get(wantedLayer, wantedId);
      const at = geometry.type === "Point" ? geometry.coordinates : middle(geometry.coordinates);
      map.jumpTo({ center: at, zoom: 18.5 });
      function middle(path) {
        const [a, b] = path.slice(Math.floor((path.length - 1) / 2));
        return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
      }
    },
    [layer, id],
  );
  await settled();
  const box = await page.locator("#map").boundingBox();
  return [box.x + box.width / 2, box.y + box.height / 2];
}

const text = (selector) => page.locator(selector).innerText();
const number = async (selector) => Number((await text(selector)).replaceAll(",", ""));
const panel = async () => ({
  asked: await text("#panel .asked h2"),
  code: (await page.locator("#panel .asked code").count()) ? await text("#panel .asked code") : await text("#panel .asked h2"),
  customers: await number("#sum-customers b"),
  districts: await number("#sum-districts b"),
  kva: await number("#sum-kva b"),
  listed: await page.locator("#panel table").last().locator("tbody tr").count(),
});
const darkOnMap = () =>
  page.evaluate(async () => {
    const data = await window.gridgis.map.getSource("dark").getData();
    const of = (role, layer) =>
      data.features
        .filter((f) => f.properties.role === role && (layer === undefined || f.properties.layer === layer))
        .map((f) => f.properties.key)
        .sort();
    return {
      customers: of("dark", "customer_point"),
      line_section: of("dark", "line_section"),
      switch: of("dark", "switch"),
      power_transformer: of("dark", "power_transformer"),
      opened: of("opened"),
      device: of("device"),
    };
  });

async function load() {
  const began = Date.now();
  await page.goto(asked.map);
  await state("state", "ready");
  await settled();
  saw.ready_ms = Date.now() - began;
}

const scenarios = {
  async draws() {
    await load();
    const picture = await shot("whole");
    saw.blue = await pixels(picture, BLUE);
    saw.red = await pixels(picture, RED);
    saw.status = await text("#status");
    saw.counts = await page.evaluate(() =>
      Object.fromEntries(
        ["county", "line_section", "switch", "power_transformer", "transformer_district", "customer_point", "substation"].map(
          (layer) => [layer, window.gridgis.grid.count(layer)],
        ),
      ),
    );
    await page.evaluate((centre) => window.gridgis.map.jumpTo({ center: centre, zoom: 16 }), asked.town);
    await shot("street");
    saw.rendered = await page.evaluate(() => {
      const { map } = window.gridgis;
      const layers = ["line_section-lv", "switch-lv", "customer_point", "power_transformer", "transformer_district"];
      return Object.fromEntries(layers.map((id) => [id, map.queryRenderedFeatures({ layers: [id] }).length]));
    });
    saw.icons_missing = await page.evaluate(() => {
      const { map } = window.gridgis;
      return ["switch-closed", "switch-open", "isolator-closed-dark", "transformer-dead", "ring-device"].filter((one) => !map.hasImage(one));
    });
  },

  async clicks() {
    await load();
    saw.answers = [];
    for (const { layer, id, mode } of asked.devices) {
      await page.check(`input[name=mode][value=${mode}]`, { force: true });
      const [x, y] = await place(layer, id);
      await page.mouse.click(x, y);
      await page.waitForFunction(() => ["shown", "failed"].includes(document.documentElement.dataset.impact));
      let shown = await panel();
      if (shown.code !== id) {
        // Something else lies at the same spot: choose the device from the panel, as a person would.
        await page.locator("#panel button.link", { hasText: asked.names[id] }).first().click();
        await page.waitForFunction((one) => document.querySelector("#panel .asked code")?.textContent === one, id);
        await state("impact", "shown");
        shown = await panel();
      }
      await page.evaluate(() => window.gridgis.map.jumpTo({ zoom: 13 }));
      const picture = await shot(`${mode}-${id}`);
      saw.answers.push({ layer, id, mode, ...shown, dark: await darkOnMap(), red: await pixels(picture, RED) });
    }
    await page.keyboard.press("Escape");
    saw.cleared = { dark: await darkOnMap(), red: await pixels(await shot("cleared"), RED) };
  },

  async records() {
    await load();
    await page.keyboard.press("/");
    saw.focused = await page.evaluate(() => document.activeElement.id);
    await page.keyboard.type(asked.device);
    await page.keyboard.press("Enter");
    await state("impact", "shown");
    saw.shown = await panel();
    await page.fill("input[name=cause]", "=cmd|' /C calc'!A0");
    await page.click("#open-record");
    await page.waitForSelector("#record-outcome b");
    saw.outcome = await text("#record-outcome");
    const [download] = await Promise.all([page.waitForEvent("download"), page.click("#record-outcome a")]);
    const { readFile } = await import("node:fs/promises");
    saw.csv_name = download.suggestedFilename();
    saw.csv = await readFile(await download.path(), "utf8");
    saw.listed = await text("#records");
    await page.reload();
    await state("state", "ready");
    await page.click("#records button:has-text('Show')");
    await page.waitForSelector("#panel h2:has-text('as stored')");
    saw.stored = await number("#sum-customers b");
    saw.stored_dark = (await darkOnMap()).customers.length;
    await shot("record");
    page.once("dialog", (dialog) => dialog.accept());
    await page.click("#records button:has-text('Restored now')");
    await page.waitForSelector("#records .badge:has-text('0')");
  },

  async connects() {
    await load();
    await page.check("input[name=mode][value=connect]", { force: true });
    await page.evaluate((centre) => window.gridgis.map.jumpTo({ center: centre, zoom: 17 }), asked.point);
    await settled();
    const box = await page.locator("#map").boundingBox();
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.fill("input[name=applicant]", "Bakery <b>Muller</b>");
    await page.fill("input[name=kva]", String(asked.kva));
    await page.fill("input[name=who]", "Ada");
    saw.green_before = await pixels(await shot("connect-form"), GREEN);
    await page.click("#ask-schemes");
    await page.waitForSelector("#schemes li");
    saw.ranks = await page.locator("#schemes li").count();
    saw.first = await text("#schemes li:first-child");
    saw.heading = await text("#panel .asked");
    saw.green = await pixels(await shot("connect-schemes"), GREEN);
    await page.click("#schemes li:first-child button");
    await page.waitForSelector("#accepted");
    saw.accepted = await text("#accepted");
    await shot("connect-accepted");
    await page.keyboard.press("Escape");
    saw.green_after = await pixels(await shot("connect-cleared"), GREEN);
  },

  async token() {
    const give = async (token) => {
      await page.fill("#token-form input[name=token]", token);
      await page.click("#token-form button");
    };
    await page.goto(asked.map);
    await page.waitForSelector("#token-form");
    saw.form = await text("#token-form");
    if (asked.shots) await page.screenshot({ path: `${asked.shots}/token-form.png` });
    await give("rubbish");
    saw.rubbish = await text("#token-form .outcome");
    await give(asked.expired);
    await page.waitForFunction(() => document.querySelector("#token-form .outcome")?.textContent.includes("run out"));
    await give(asked.token);
    await state("state", "ready");
    await settled();
    saw.counts = await page.evaluate(() =>
      Object.fromEntries(["line_section", "customer_point"].map((layer) => [layer, window.gridgis.grid.count(layer)])),
    );
    await page.reload(); // the tab keeps it
    await state("state", "ready");
    await settled();
    const [x, y] = await place(asked.device.layer, asked.device.id);
    await page.mouse.click(x, y);
    await page.waitForFunction(() => ["shown", "failed"].includes(document.documentElement.dataset.impact));
    saw.impact = await page.evaluate(() => document.documentElement.dataset.impact);
    saw.panel = await text("#panel");
    saw.kept = await page.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie]);
    saw.address = page.url();
    await page.click("#forget-token");
    await page.waitForSelector("#token-form");
    saw.kept_after = await page.evaluate(() => sessionStorage.length);
  },

  async away() {
    await page.goto(asked.map);
    await page.waitForSelector("#notice:not([hidden])");
    saw.notice = await text("#notice");
    saw.status = await text("#status");
  },

  async docs() {
    await page.goto(`${asked.map}/api/v1/docs`);
    await page.waitForSelector(".opblock-summary");
    saw.operations = await page.locator(".opblock-summary").count();
  },
};

try {
  await scenarios[asked.scenario]();
} catch (error) {
  saw.failed = String(error?.stack ?? error);
  if (asked.shots) await page.screenshot({ path: `${asked.shots}/failed-${asked.scenario}.png` }).catch(() => {});
}
await browser.close();
console.log(JSON.stringify(saw));
