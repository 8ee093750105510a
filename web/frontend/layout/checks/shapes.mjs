/** Rules about where shapes are. @typedef {import('./scene.mjs').Scene} Scene */
import { overlap } from '../boxes.mjs';
import { HEADER } from '../measures.mjs';
import { pairs } from './scene.mjs';

const LEAST_GAP = 20;
/** Pixels that rounding may move an event from the border of its host. */
const ON_BORDER = 2;

export const shapeRules = {
  missingDI,
  shapeOverlap,
  tightGap,
  outsideLane,
  detachedBoundary,
  laneTiling,
};

/** @param {Scene} scene */
function* missingDI({ nodes, flows, lanes, pool }) {
  const drawnAs = [...nodes, ...lanes, ...(pool ? [pool] : [])].filter(({ box }) => !box);
  const undrawn = [...drawnAs, ...flows.filter(({ points }) => points.length < 2)];
  for (const { id } of undrawn) yield [[id], `${id} is not drawn; tidy up or draw it`];
}

const attached = (a, b) => a.host === b.id || b.host === a.id;

/** @param {Scene} scene */
function* shapeOverlap({ nodes, artifacts }) {
  const drawn = [...nodes.filter(({ box }) => box), ...artifacts];
  for (const [a, b] of pairs(drawn)) {
    if (attached(a, b) || !overlap(a.box, b.box)) continue;
    yield [[a.id, b.id], `${a.id} lies on ${b.id}`];
  }
}

/** @param {Scene} scene */
function* tightGap({ nodes }) {
  for (const [a, b] of pairs(nodes.filter(({ box }) => box))) {
    const siblings = a.host !== undefined && a.host === b.host;
    if (siblings || attached(a, b) || overlap(a.box, b.box)) continue;
    if (!overlap(a.box, b.box, LEAST_GAP)) continue;
    yield [[a.id, b.id], `${a.id} is less than ${LEAST_GAP} px from ${b.id}`];
  }
}

/** @param {Scene} scene */
function* outsideLane({ nodes, nodeById, lanes }) {
  if (!lanes.length) return;
  const members = new Set(lanes.flatMap((lane) => lane.members));
  for (const { id, host } of nodes) {
    if (!members.has(id) && !host) yield [[id], `${id} is in no lane (flowNodeRef)`];
  }
  for (const lane of lanes) {
    for (const id of lane.members) {
      const box = nodeById.get(id)?.box;
      if (!box || !lane.box || isInside(box, lane.box)) continue;
      yield [[id, lane.id], `${id} is drawn outside its lane ${lane.id}`];
    }
  }
}

function isInside(box, lane) {
  return (
    box.x >= lane.x + HEADER &&
    box.x + box.w <= lane.x + lane.w &&
    box.y >= lane.y &&
    box.y + box.h <= lane.y + lane.h
  );
}

/** @param {Scene} scene */
function* detachedBoundary({ nodes, nodeById }) {
  for (const { id, host, box } of nodes) {
    const on = nodeById.get(host)?.box;
    if (!box || !on || centreOnBorder(box, on)) continue;
    yield [[id, host], `${id} does not sit on the border of ${host}`];
  }
}

function centreOnBorder(box, host) {
  const [x, y] = [box.x + box.w / 2, box.y + box.h / 2];
  const off = (value, low, size) => Math.min(Math.abs(value - low), Math.abs(value - low - size));
  const within = (value, low, size) => value >= low - 1 && value <= low + size + 1;
  return (
    (off(y, host.y, host.h) <= ON_BORDER && within(x, host.x, host.w)) ||
    (off(x, host.x, host.w) <= ON_BORDER && within(y, host.y, host.h))
  );
}

/** Lanes lie on one another without gaps, all as wide as the pool. @param {Scene} scene */
function* laneTiling({ lanes, pool }) {
  const drawn = lanes.filter(({ box }) => box).sort((a, b) => a.box.y - b.box.y);
  for (let i = 1; i < drawn.length; i++) {
    const [above, below] = [drawn[i - 1], drawn[i]];
    const gap = below.box.y - above.box.y - above.box.h;
    const aligned = above.box.x === below.box.x && above.box.w === below.box.w;
    if (Math.abs(gap) <= 1 && aligned) continue;
    yield [[above.id, below.id], `lanes ${above.id} and ${below.id} do not meet`];
  }
  if (!pool?.box || !drawn.length) return;
  const height = drawn.reduce((sum, lane) => sum + lane.box.h, 0);
  if (Math.abs(height - pool.box.h) > 1 || drawn[0].box.y !== pool.box.y) {
    yield [[pool.id], `the lanes do not fill the pool ${pool.id}`];
  }
}
