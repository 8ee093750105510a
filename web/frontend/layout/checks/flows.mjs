/** Rules about how sequence flows run. @typedef {import('./scene.mjs').Scene} Scene */
import { shrunk } from '../boxes.mjs';
import { analyse } from '../graph.mjs';
import { pairs, runsInto } from './scene.mjs';

/** Pixels within which two lines are one, and for which they may be. */
const SAME_LINE = 2;
const SHORT = 2;
/** How far a flow may dip into its own shapes and into others: rounding, and rounded corners. */
const INTO_OWN = 3;
const INTO_OTHER = 1;

export const flowRules = {
  edgeThroughShape,
  edgeOverlap,
  ambiguousSplit,
  nonOrthogonal,
  danglingEnd,
  excessBackward,
};

/** @param {Scene} scene */
function* edgeThroughShape({ nodes, pieces }) {
  for (const piece of pieces) {
    for (const { id, box } of nodes) {
      if (!box) continue;
      const own = id === piece.flow.source || id === piece.flow.target;
      if (!runsInto(piece, shrunk(box, own ? INTO_OWN : INTO_OTHER))) continue;
      yield [[piece.flow.id, id], `${piece.flow.id} runs through ${id}`];
    }
  }
}

/** Do flows leave the same element or lead to the same? */
export const related = (a, b) => a.source === b.source || a.target === b.target;

/** Pairs of pieces of different flows that run side by side, with their distance. */
export function* parallels(pieces) {
  for (const [a, b] of pairs(pieces.filter(({ level, upright }) => level || upright))) {
    if (a.flow === b.flow || a.level !== b.level) continue;
    const shared = a.level
      ? Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1)
      : Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1);
    const distance = Math.abs(a.level ? a.y1 - b.y1 : a.x1 - b.x1);
    if (shared > SHORT) yield { a: a.flow, b: b.flow, distance };
  }
}

/** @param {Scene} scene */
function* edgeOverlap({ pieces }) {
  for (const { a, b, distance } of parallels(pieces)) {
    if (distance > SAME_LINE || related(a, b)) continue;
    yield [[a.id, b.id], `${a.id} and ${b.id} run on one another`];
  }
}

/** @param {Scene} scene */
function* ambiguousSplit({ pieces }) {
  for (const { a, b, distance } of parallels(pieces)) {
    if (distance > SAME_LINE || a.source !== b.source || !a.name || !b.name) continue;
    yield [[a.id, b.id], `branches ${a.id} and ${b.id} share a line: which label is whose?`];
  }
}

/** @param {Scene} scene */
function* nonOrthogonal({ pieces }) {
  for (const { flow, level, upright } of pieces) {
    if (!level && !upright) yield [[flow.id], `${flow.id} runs aslant`];
  }
}

/** @param {Scene} scene */
function* danglingEnd({ flows, nodeById }) {
  for (const { id, source, target, points } of flows) {
    if (points.length < 2) continue;
    const ends = [
      { at: points[0], node: nodeById.get(source) },
      { at: points.at(-1), node: nodeById.get(target) },
    ];
    for (const { at, node } of ends) {
      if (!node?.box || touchesBorder(at, node.box)) continue;
      yield [[id, node.id], `${id} does not end on the border of ${node.id}`];
    }
  }
}

function touchesBorder([x, y], { x: left, y: top, w, h }) {
  const toSide = Math.min(Math.abs(x - left), Math.abs(x - left - w));
  const toEdge = Math.min(Math.abs(y - top), Math.abs(y - top - h));
  const near =
    x >= left - SAME_LINE &&
    x <= left + w + SAME_LINE &&
    y >= top - SAME_LINE &&
    y <= top + h + SAME_LINE;
  return near && Math.min(toSide, toEdge) <= SAME_LINE;
}

/** More flows run to the left than there are loops to close. @param {Scene} scene */
function* excessBackward({ nodes, nodeById, flows }) {
  const whole = flows.filter(({ source, target }) => nodeById.has(source) && nodeById.has(target));
  const unplaced = nodes.map(({ id, kind, host }) => ({ id, kind, host, lane: 0 }));
  const { links } = analyse({ pool: false, lanes: [], nodes: unplaced, edges: whole });
  const loops = links.filter((link) => link.back).length;
  const centre = (id) => {
    const box = nodeById.get(id).box;
    return box ? box.x + box.w / 2 : NaN;
  };
  const backward = whole.filter(
    ({ source, target, points }) => points.length > 1 && centre(target) < centre(source) - 26,
  );
  if (backward.length <= loops) return;
  yield [
    backward.map(({ id }) => id),
    `${backward.length} flows run from right to left, but only ${loops} close a loop`,
  ];
}
