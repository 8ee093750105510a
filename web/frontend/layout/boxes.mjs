/**
 * Rectangles, segments and diamonds: the plane geometry that layout and checks share.
 *
 * @typedef {{x: number, y: number, w: number, h: number}} Box
 * @typedef {[number, number]} Point
 * @typedef {{x1: number, y1: number, x2: number, y2: number, level: boolean, id: string}} Segment
 *   An axis-parallel piece of the flow `id`, from the smaller to the larger coordinate.
 */

/** @param {Box} a @param {Box} b @param {number} [margin] */
export function overlap(a, b, margin = 0) {
  return (
    a.x < b.x + b.w + margin &&
    a.x + a.w > b.x - margin &&
    a.y < b.y + b.h + margin &&
    a.y + a.h > b.y - margin
  );
}

/** The box less `by` on every side. @param {Box} box @param {number} by @returns {Box} */
export function shrunk({ x, y, w, h }, by) {
  return { x: x + by, y: y + by, w: w - 2 * by, h: h - 2 * by };
}

/** Does the segment enter the box grown by `margin`? @param {Segment} s @param {Box} box */
export function enters(s, box, margin = 0) {
  return (
    s.x2 > box.x - margin &&
    s.x1 < box.x + box.w + margin &&
    s.y2 > box.y - margin &&
    s.y1 < box.y + box.h + margin
  );
}

/** Does the box touch the diamond drawn in `shape`, grown by the factor `grow`? */
export function touchesDiamond(box, shape, grow = 1) {
  const cx = shape.x + shape.w / 2;
  const cy = shape.y + shape.h / 2;
  const nearX = Math.max(box.x, Math.min(cx, box.x + box.w));
  const nearY = Math.max(box.y, Math.min(cy, box.y + box.h));
  return Math.abs(nearX - cx) / (shape.w / 2) + Math.abs(nearY - cy) / (shape.h / 2) < grow;
}

/** The pieces of a polyline. @param {Point[]} points @param {string} id @returns {Segment[]} */
export function segmentsOf(points, id) {
  return points.slice(1).map(([x, y], i) => {
    const [px, py] = points[i];
    return {
      x1: Math.min(px, x),
      y1: Math.min(py, y),
      x2: Math.max(px, x),
      y2: Math.max(py, y),
      level: py === y,
      id,
    };
  });
}

/** Do a level and an upright segment cross inside both? @param {Segment} a @param {Segment} b */
export function crosses(a, b) {
  if (a.level === b.level) return false;
  const level = a.level ? a : b;
  const upright = a.level ? b : a;
  return (
    upright.x1 > level.x1 && upright.x1 < level.x2 && level.y1 > upright.y1 && level.y1 < upright.y2
  );
}

/** Length on which two parallel segments lie on one another, 0 when they do not. */
export function sharedLength(a, b) {
  if (a.level !== b.level) return 0;
  if (a.level) return a.y1 === b.y1 ? Math.max(0, Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1)) : 0;
  return a.x1 === b.x1 ? Math.max(0, Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1)) : 0;
}

/**
 * Without the points that lie on the line through their neighbours.
 * @template {{x: number, y: number}} T
 * @param {T[]} points
 * @returns {T[]}
 */
export function withoutCollinear(points) {
  const inLine = (a, b, c) => (a.x === b.x && b.x === c.x) || (a.y === b.y && b.y === c.y);
  return points.filter(
    (p, i) => i === 0 || i === points.length - 1 || !inLine(points[i - 1], p, points[i + 1]),
  );
}
