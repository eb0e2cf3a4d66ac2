// The convex hull of points: the outline of a district that has no geometry of its own. Andrew's monotone chain,
// O(n log n) (A. M. Andrew, 1979). Longitude and latitude are taken as plane coordinates: an outline to look at.
import type { Position } from "geojson";

/** The hull as a closed ring, counter-clockwise; null when the points do not span an area. */
export function hull(points: readonly Position[]): Position[] | null {
  const sorted = points
    .map((p): [number, number] => [p[0] as number, p[1] as number])
    .sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const chain = (along: readonly [number, number][]): [number, number][] => {
    const kept: [number, number][] = [];
    for (const point of along) {
      while (kept.length >= 2 && turn(kept[kept.length - 2]!, kept[kept.length - 1]!, point) <= 0) kept.pop();
      kept.push(point);
    }
    kept.pop();
    return kept;
  };
  const ring = [...chain(sorted), ...chain([...sorted].reverse())];
  return ring.length < 3 ? null : [...ring, ring[0]!];
}

function turn(a: [number, number], b: [number, number], c: [number, number]): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}
