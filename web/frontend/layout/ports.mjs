/**
 * Ports: where a flow may leave or enter a shape, and what each place costs.
 *
 * @typedef {object} Port
 * @property {string} key  the same for the same place of the same node
 * @property {'left'|'right'|'top'|'bottom'} side
 * @property {number} x
 * @property {number} y
 * @property {number} i  the upright grid line at which the flow joins the grid
 * @property {number} j  the level grid line
 * @property {number} heading  outwards, index into HEADINGS
 * @property {number} price
 *
 * @typedef {(node: import('./graph.mjs').Node, role: 'source'|'target') => Port[]} PortsOf
 */
import { BOUNDARY_CLEARANCE } from './measures.mjs';

/** Right, down, left, up: turning back is `(heading + 2) & 3`. */
export const HEADINGS = [
  { dx: 1, dy: 0 },
  { dx: 0, dy: 1 },
  { dx: -1, dy: 0 },
  { dx: 0, dy: -1 },
];
const HEADING_OF = { right: 0, bottom: 1, left: 2, top: 3 };

const WRONG_SIDE = 320;
const SECOND_ON_SIDE = 35;
const BESIDE_MIDDLE = 70;
/** Leaving or entering above or below instead of at the side; branches do it at gateways. */
const ABOVE_OR_BELOW = {
  task: { source: 60, target: 60 },
  gateway: { source: 8, target: 25 },
  event: { source: 45, target: 45 },
};
const TASK_SIDE_OFFSETS = [-20, 20];
const TASK_EDGE_OFFSETS = [-25, 25];

/**
 * @param {import('./graph.mjs').Graph} graph
 * @param {import('./grid.mjs').Grid} grid
 * @param {Map<string, import('./boxes.mjs').Box>} boxes
 * @param {Map<string, import('./cells.mjs').Seat>} seats
 * @returns {PortsOf}
 */
export function makePorts(graph, grid, boxes, seats) {
  const guests = new Map();
  for (const node of graph.nodes) {
    if (node.host) guests.set(node.host, [...(guests.get(node.host) ?? []), seats.get(node.id)]);
  }
  return (node, role) => {
    const port = (side, offset, price) =>
      portAt(grid, node, boxes.get(node.id), side, offset, price);
    if (node.host) return [port(seats.get(node.id).edge, 0, 0)];
    const beside = guests.get(node.id) ?? [];
    const free = (side, offset) =>
      !beside.some((seat) => seat.edge === side && Math.abs(seat.dx - offset) < BOUNDARY_CLEARANCE);
    return offers(node, role)
      .filter(([side, offset]) => free(side, offset))
      .map(([side, offset, price]) => port(side, offset, price))
      .filter(Boolean);
  };
}

/** Side, offset from its middle, price. */
function offers(node, role) {
  const [good, wrong] = role === 'source' ? ['right', 'left'] : ['left', 'right'];
  const vertical = ABOVE_OR_BELOW[node.kind][role];
  const result = [
    [good, 0, 0],
    ['top', 0, vertical],
    ['bottom', 0, vertical],
    [wrong, 0, WRONG_SIDE],
  ];
  if (node.kind !== 'task') return result;
  for (const offset of TASK_SIDE_OFFSETS) result.push([good, offset, SECOND_ON_SIDE]);
  for (const side of ['top', 'bottom']) {
    for (const offset of TASK_EDGE_OFFSETS) result.push([side, offset, BESIDE_MIDDLE]);
  }
  return result;
}

function portAt({ xs, ys }, node, box, side, offset, price) {
  const atSide = side === 'left' || side === 'right';
  const x = { left: box.x, right: box.x + box.w }[side] ?? box.x + box.w / 2 + offset;
  const y = { top: box.y, bottom: box.y + box.h }[side] ?? box.y + box.h / 2 + offset;
  const i = atSide ? nextTrack(xs, x, side === 'right') : lineAt(xs, x);
  const j = atSide ? lineAt(ys, y) : nextTrack(ys, y, side === 'bottom');
  if (i < 0 || j < 0) return null;
  return {
    key: `${node.id} ${side} ${offset}`,
    side,
    x,
    y,
    i,
    j,
    heading: HEADING_OF[side],
    price,
  };
}

/** The first line of a gap after, or the last before, a coordinate. */
function nextTrack(lines, at, after) {
  return after
    ? lines.findIndex((line) => line.gap !== undefined && line.at > at + 1)
    : lines.findLastIndex((line) => line.gap !== undefined && line.at < at - 1);
}

function lineAt(lines, at) {
  return lines.findIndex((line) => Math.abs(line.at - at) < 0.5);
}
