/** Soft limits: one missed is no harm. @typedef {import('./scene.mjs').Scene} Scene */
import { pairs } from './scene.mjs';
import { parallels } from './flows.mjs';

/** @type {Record<string, {most?: number, least?: number, unit: string}>} */
export const limits = {
  crossPerEdge: { most: 0.25, unit: 'crossings a flow' },
  bendsPerEdge: { most: 1.5, unit: 'bends a flow' },
  maxBends: { most: 4, unit: 'bends in one flow' },
  straightShare: { least: 0.3, unit: 'of the flows straight' },
  maxDetour: { most: 2.5, unit: 'times the direct way in one flow' },
  minTrackGap: { least: 10, unit: 'px between parallel flows' },
  elements: { most: 25, unit: 'elements' },
  aspect: { most: 4.5, unit: 'times as wide as high' },
};

/** Ways shorter than this are not detours, however they turn. */
const SHORT_WAY = 120;
/** Lines nearer than this are one line, which the hard rules judge. */
const SAME_LINE = 2;

const rounded = (value) => Math.round(value * 100) / 100;
const ids = (flows) => [...new Set(flows.map((flow) => flow.id))];

/**
 * @param {Scene} scene
 * @returns {Record<string, {value: number, elements: string[]}>} by the name of the limit
 */
export function measure(scene) {
  const drawn = scene.flows.filter(({ points }) => points.length > 1);
  const count = Math.max(1, drawn.length);
  const crossing = [...pairs(scene.pieces)].filter(([a, b]) => a.flow !== b.flow && cross(a, b));
  const bends = (flow) => flow.points.length - 2;
  const straight = drawn.filter((flow) => bends(flow) === 0);
  const value = (number, elements = []) => ({ value: rounded(number), elements: ids(elements) });
  return {
    crossPerEdge: value(
      crossing.length / count,
      crossing.flat().map((piece) => piece.flow),
    ),
    bendsPerEdge: value(drawn.reduce((sum, flow) => sum + bends(flow), 0) / count),
    straightShare: value(drawn.length ? straight.length / count : 1),
    ...worst('maxBends', drawn, bends),
    ...worst('maxDetour', drawn, detour),
    minTrackGap: narrowestGap(scene),
    elements: value(scene.nodes.length),
    aspect: value(aspect(scene)),
  };
}

function worst(name, flows, measureOf) {
  const most = Math.max(0, ...flows.map(measureOf));
  const elements = ids(flows.filter((flow) => measureOf(flow) > (limits[name].most ?? 0)));
  return { [name]: { value: rounded(most), elements } };
}

function detour({ points }) {
  let way = 0;
  points.slice(1).forEach((b, i) => {
    way += Math.hypot(b[0] - points[i][0], b[1] - points[i][1]);
  });
  const [first, last] = [points[0], points.at(-1)];
  const direct = Math.abs(last[0] - first[0]) + Math.abs(last[1] - first[1]);
  return way / Math.max(direct, SHORT_WAY);
}

function cross({ a: p1, b: p2 }, { a: p3, b: p4 }) {
  const side = (p, q, r) => (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
  return side(p1, p2, p3) * side(p1, p2, p4) < 0 && side(p3, p4, p1) * side(p3, p4, p2) < 0;
}

function narrowestGap({ pieces }) {
  let narrowest = { value: Number.POSITIVE_INFINITY, elements: [] };
  for (const { a, b, distance } of parallels(pieces)) {
    if (distance <= SAME_LINE || distance >= narrowest.value) continue;
    narrowest = { value: Math.round(distance), elements: [a.id, b.id] };
  }
  return narrowest;
}

/** @param {Scene} scene */
function aspect({ nodes, lanes, pool }) {
  const boxes = [...nodes, ...lanes, ...(pool ? [pool] : [])].map((n) => n.box).filter(Boolean);
  if (!boxes.length) return 1;
  const span = (low, size) =>
    Math.max(...boxes.map((box) => box[low] + box[size])) -
    Math.min(...boxes.map((box) => box[low]));
  return span('x', 'w') / span('y', 'h');
}
