// Numbers and times as people read them.
const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const tenth = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 1 });

export const count = (n: number): string => whole.format(n);

export const amount = (n: number): string => (Math.abs(n) >= 100 ? whole : tenth).format(n);

export function kilovolts(kv: number): string {
  return kv < 1 ? `${whole.format(kv * 1000)} V` : `${tenth.format(kv)} kV`;
}

/** Day and minute, in the browser's zone. */
export function moment(rfc3339: string): string {
  const time = new Date(rfc3339);
  return Number.isNaN(time.getTime())
    ? rfc3339
    : new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" }).format(time);
}

export function clock(rfc3339: string): string {
  const time = new Date(rfc3339);
  return Number.isNaN(time.getTime()) ? rfc3339 : time.toLocaleTimeString("en-GB");
}

export function versions(grid: Record<string, number>): string {
  return Object.entries(grid)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([county, version]) => `${county} v${version}`)
    .join(", ");
}

export const sumOf = (counts: Record<string, number>): number => Object.values(counts).reduce((a, b) => a + b, 0);
