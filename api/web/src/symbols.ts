// The symbols of the map, drawn on a canvas: a square is a switch (filled when closed, hollow when open), a diamond
// one that cannot break a fault, a bar a fuse, two rings a transformer. The legend shows the same drawings.
import { COLOUR } from "./theme";

export const RATIO = 3;
const SIZE = 24;

type Pen = CanvasRenderingContext2D;
type Draw = (pen: Pen, ink: string) => void;

const outline = (pen: Pen, ink: string, width: number): void => {
  pen.lineWidth = width + 2;
  pen.strokeStyle = COLOUR.symbolEdge;
  pen.stroke();
  pen.lineWidth = width;
  pen.strokeStyle = ink;
  pen.stroke();
};

const square = (pen: Pen, half: number): void => {
  pen.beginPath();
  pen.rect(12 - half, 12 - half, 2 * half, 2 * half);
};

const diamond = (pen: Pen, half: number): void => {
  pen.beginPath();
  pen.moveTo(12, 12 - half);
  pen.lineTo(12 + half, 12);
  pen.lineTo(12, 12 + half);
  pen.lineTo(12 - half, 12);
  pen.closePath();
};

const bar = (pen: Pen): void => {
  pen.beginPath();
  pen.rect(8.5, 6, 7, 12);
};

const filled = (shape: (pen: Pen) => void): Draw => (pen, ink) => {
  shape(pen);
  outline(pen, ink, 1.5);
  pen.fillStyle = ink;
  pen.fill();
};

const hollow = (shape: (pen: Pen) => void): Draw => (pen, ink) => {
  shape(pen);
  pen.fillStyle = COLOUR.ground;
  pen.fill();
  outline(pen, ink, 2);
};

const rings: Draw = (pen, ink) => {
  for (const y of [8.5, 15.5]) {
    pen.beginPath();
    pen.arc(12, y, 5, 0, 2 * Math.PI);
    pen.fillStyle = COLOUR.ground;
    pen.fill();
    outline(pen, ink, 1.8);
  }
  pen.beginPath();
  pen.arc(12, 8.5, 5, 0, 2 * Math.PI);
  pen.lineWidth = 1.8;
  pen.strokeStyle = ink;
  pen.stroke();
};

const station: Draw = (pen, ink) => {
  square(pen, 9);
  pen.fillStyle = COLOUR.ground;
  pen.fill();
  outline(pen, ink, 2);
  pen.beginPath();
  pen.moveTo(13.5, 5.5);
  pen.lineTo(8, 13);
  pen.lineTo(11.5, 13);
  pen.lineTo(10.5, 18.5);
  pen.lineTo(16, 11);
  pen.lineTo(12.5, 11);
  pen.closePath();
  pen.fillStyle = ink;
  pen.fill();
};

const ring: Draw = (pen, ink) => {
  pen.beginPath();
  pen.arc(12, 12, 9.5, 0, 2 * Math.PI);
  outline(pen, ink, 2);
};

const SHAPES: Record<string, Draw> = {
  "switch-closed": filled((pen) => square(pen, 4.5)),
  "switch-open": hollow((pen) => square(pen, 4.5)),
  "isolator-closed": filled((pen) => diamond(pen, 5.5)),
  "isolator-open": hollow((pen) => diamond(pen, 5.5)),
  "fuse-closed": filled(bar),
  "fuse-open": hollow(bar),
  transformer: rings,
  substation: station,
  ring,
};

const INKS: Record<string, (name: string) => string> = {
  "": (name) => (name.endsWith("-open") ? COLOUR.openSwitch : name === "substation" ? COLOUR.hv : COLOUR.symbol),
  "-dark": () => COLOUR.out,
  "-dead": () => COLOUR.dead,
  "-device": () => COLOUR.device,
  "-opened": () => COLOUR.opened,
};

/** Name → picture, for `map.addImage`. */
export function pictures(): [string, ImageData][] {
  return Object.keys(SHAPES).flatMap((shape) =>
    Object.entries(INKS).map(([suffix, ink]): [string, ImageData] => [shape + suffix, draw(shape, ink(shape)).image()]),
  );
}

/** The same drawing as a canvas element, for the legend. */
export function swatch(name: string): HTMLCanvasElement {
  const suffix = Object.keys(INKS).find((one) => one !== "" && name.endsWith(one)) ?? "";
  const shape = suffix === "" ? name : name.slice(0, -suffix.length);
  return draw(shape, (INKS[suffix] as (name: string) => string)(shape)).canvas;
}

function draw(shape: string, ink: string): { canvas: HTMLCanvasElement; image: () => ImageData } {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE * RATIO;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (pen === null) throw new Error("this browser gives no 2D canvas");
  pen.scale(RATIO, RATIO);
  pen.lineJoin = "round";
  (SHAPES[shape] as Draw)(pen, ink);
  return { canvas, image: () => pen.getImageData(0, 0, canvas.width, canvas.height) };
}
