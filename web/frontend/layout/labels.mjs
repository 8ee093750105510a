/**
 * Puts the labels of gateways, events and flows where they touch nothing: each label takes the
 * best of its candidate places, given shapes, flows, lane borders and the labels already put.
 *
 * @typedef {import('./boxes.mjs').Box} Box
 * @typedef {Box & {penalty: number}} Candidate
 */
import { enters, overlap, segmentsOf, touchesDiamond } from './boxes.mjs';
import {
  DEFAULT_SLASH,
  FLOW_LABEL_WIDTH,
  NARROW_LABEL_WIDTH,
  NODE_LABEL_WIDTH,
} from './measures.mjs';
import { labelSize } from './text.mjs';

const FAULT = { outside: 200, onShape: 100, onLabel: 100, onFlow: 40, onBorder: 15 };
const NEAR = { task: 5, flow: 3, otherFlow: 4 };
/** A label that costs this much touches something. */
const BAD = 15;

/** Widths to wrap at, with what is lost by not taking the first. */
const NODE_WIDTHS = [
  [NODE_LABEL_WIDTH, 0],
  [56, 6],
  [110, 6],
  [NARROW_LABEL_WIDTH, 10],
  [34, 10],
];
const FLOW_WIDTHS = [
  [FLOW_LABEL_WIDTH, 0],
  [44, 3],
  [96, 3],
];

/**
 * @param {import('./graph.mjs').Graph} graph
 * @param {import('./compact.mjs').Drawing} drawing
 * @param {Map<string, import('./cells.mjs').Seat>} seats
 * @param {number} left  where the lane's contents begin
 * @returns {{boxes: Map<string, Box>, cost: number, tight: Set<string>}} label boxes by element
 *   id; `tight`: the ids of labels that touch something, `cost`: how badly
 */
export function placeLabels(graph, drawing, seats, left) {
  const scene = {
    shapes: graph.nodes.map(({ id, kind }) => ({ ...drawing.boxes.get(id), kind })),
    segments: [...drawing.points].flatMap(([id, points]) => segmentsOf(points, id)),
    slashes: graph.edges.filter((edge) => edge.isDefault).flatMap((edge) => slashOf(edge, drawing)),
    borders: drawing.borders,
    area: { left, width: drawing.width, height: drawing.height },
    labels: [],
  };
  const boxes = new Map();
  const tight = new Set();
  let cost = 0;
  const put = (id, candidates, flow) => {
    const best = cheapest(candidates, (box) => scoreOf(box, scene, flow) + box.penalty);
    if (best.cost >= BAD) {
      cost += best.cost;
      tight.add(id);
    }
    const { x, y, w, h } = best.box;
    scene.labels.push({ x, y, w, h });
    boxes.set(id, { x: Math.round(x), y: Math.round(y), w, h });
  };
  for (const node of graph.nodes) {
    if (!node.name || node.kind === 'task') continue;
    put(node.id, nodeCandidates(node, drawing.boxes.get(node.id), seats.get(node.id)));
  }
  for (const edge of graph.edges) {
    if (!edge.name || !drawing.points.has(edge.id)) continue;
    put(edge.id, flowCandidates(edge, drawing.points.get(edge.id)), edge.id);
  }
  return { boxes, cost, tight };
}

/** Around the slash at the beginning of a default flow. */
function slashOf(edge, drawing) {
  const [[x, y], [nextX, nextY]] = drawing.points.get(edge.id) ?? [[], []];
  if (x === undefined) return [];
  const half = DEFAULT_SLASH / 2;
  const [cx, cy] = [x + Math.sign(nextX - x) * half, y + Math.sign(nextY - y) * half];
  return [{ x: cx - half, y: cy - half, w: DEFAULT_SLASH, h: DEFAULT_SLASH }];
}

function cheapest(candidates, costOf) {
  let best = { box: null, cost: Infinity };
  for (const box of candidates) {
    const cost = costOf(box);
    if (cost < best.cost) best = { box, cost };
  }
  return best;
}

/** What a label at `box` touches or comes near; `flow`: the flow that it names. */
function scoreOf(box, { shapes, segments, slashes, borders, area, labels }, flow) {
  let cost = 0;
  for (const shape of shapes) {
    if (shape.kind === 'gateway') cost += touchesDiamond(box, shape, 1.02) ? FAULT.onShape : 0;
    else if (overlap(box, shape, 1)) cost += FAULT.onShape;
    else if (shape.kind === 'task' && overlap(box, shape, 4)) cost += NEAR.task;
  }
  for (const label of labels) if (overlap(box, label, 1)) cost += FAULT.onLabel;
  for (const segment of segments) {
    if (enters(segment, box, 1)) cost += FAULT.onFlow;
    if (!flow && enters(segment, box, 3)) cost += NEAR.flow;
    const near = { x: box.x - 1, y: box.y, w: box.w + 2, h: box.h };
    if (flow && segment.id !== flow && enters(segment, near, 6)) cost += NEAR.otherFlow;
  }
  for (const slash of slashes) if (overlap(box, slash)) cost += FAULT.onFlow;
  for (const y of borders) if (box.y < y && box.y + box.h > y) cost += FAULT.onBorder;
  const outside =
    box.x < area.left || box.x + box.w > area.width || box.y < 0 || box.y + box.h > area.height;
  return cost + (outside ? FAULT.outside : 0);
}

/** @returns {Candidate[]} */
function nodeCandidates(node, box, seat) {
  return NODE_WIDTHS.flatMap(([width, loss]) => {
    const size = labelSize(node.name, width);
    const places = node.host
      ? boundaryPlaces(box, seat, size)
      : { gateway: gatewayPlaces, event: eventPlaces }[node.kind](box, size);
    return places.map(([x, y, penalty]) => ({ x, y, ...size, penalty: penalty + loss }));
  });
}

// Places are [x, y, penalty], the preferred one first.

function gatewayPlaces(box, { w, h }) {
  const cx = box.x + box.w / 2;
  const above = box.y - h - 3;
  const below = box.y + box.h + 3;
  const bottom = box.y + box.h;
  return [
    [cx - w / 2, above, 0],
    [cx - w / 2, below, 3],
    [cx - 6 - w, box.y - h + 8, 2],
    [cx + 8, box.y - h + 8, 14],
    [cx - 6 - w, bottom - 8, 4],
    [cx + 8, bottom - 8, 13],
    [cx - w - 14, box.y - h + 2, 7],
    [cx - w / 2, above - 12, 9],
    [cx - 3 - w, above, 8],
    [cx + 4, above, 16],
    [cx - 3 - w, below, 8],
    [cx + 4, below, 15],
    [cx - 4 - w, box.y - h - 14, 11],
    [cx - 4 - w, bottom + 16, 12],
    [cx + 4, bottom + 16, 17],
    [cx + 4, box.y - h - 14, 17],
  ];
}

function eventPlaces(box, { w, h }) {
  const cx = box.x + box.w / 2;
  const below = box.y + box.h + 3;
  return [
    [cx - w / 2, below, 0],
    [cx - w / 2, box.y - h - 3, 2],
    [cx - w - 4, below - 4, 6],
    [cx + 6, below - 4, 5],
    [box.x + box.w + 4, box.y + box.h / 2 - h / 2, 6],
  ];
}

function boundaryPlaces(box, seat, { w, h }) {
  const bottom = seat.edge === 'bottom';
  const cx = box.x + box.w / 2;
  const beside = bottom ? box.y + 20 : box.y - h + 16;
  const beyond = bottom ? box.y + box.h + 3 : box.y - h - 3;
  const further = beside + (bottom ? 6 : -6);
  const [left, right] = [box.x - w - 2, box.x + box.w + 2];
  return [
    [left, beside, 0],
    [right, beside, 1],
    [cx - 4 - w, beyond, 3],
    [cx + 5, beyond, 2],
    [left, further, 4],
    [right, further, 4],
  ];
}

/** Along every piece of the flow, near its source first. @returns {Candidate[]} */
function flowCandidates(edge, points) {
  const candidates = [];
  for (const [width, loss] of FLOW_WIDTHS) {
    const size = labelSize(edge.name, width);
    let before = 0;
    for (let k = 1; k < points.length; k++) {
      const [a, b] = [points[k - 1], points[k]];
      const level = a[1] === b[1];
      const slash = k === 1 && edge.isDefault ? DEFAULT_SLASH : 0;
      const places = (level ? alongLevel : alongUpright)(a, b, size, k === 1, slash);
      for (const [x, y, penalty, along] of places) {
        candidates.push({ x, y, ...size, penalty: loss + penalty + before / 25 + along / 20 });
      }
      before += Math.abs(b[0] - a[0]) + Math.abs(b[1] - a[1]);
    }
  }
  if (candidates.length) return candidates;
  const size = labelSize(edge.name, FLOW_LABEL_WIDTH);
  return [{ x: points[0][0] + 4, y: points[0][1] - size.h - 2, ...size, penalty: 0 }];
}

function alongLevel([ax, ay], [bx], { w, h }, first, slash) {
  const length = Math.abs(bx - ax);
  const nearest = (first ? 4 : 6) + slash;
  return [nearest, 14 + slash, (length - w) / 2]
    .filter((along) => along >= slash)
    .filter((along) => (first && along === nearest) || along + w <= length + (first ? 12 : 0))
    .flatMap((along) => {
      const x = bx > ax ? ax + along : ax - along - w;
      return [
        [x, ay - h - 2, 0, along],
        [x, ay + 3, 1.5, along],
      ];
    });
}

function alongUpright([ax, ay], [, by], { w, h }, first, slash) {
  const length = Math.abs(by - ay);
  return [(first ? 5 : 4) + slash, 16 + slash, Math.max(0, (length - h) / 2)]
    .filter((along) => along >= slash && along + h <= length + 2)
    .flatMap((along) => {
      const y = by > ay ? ay + along : ay - along - h;
      return [
        [ax + 4, y, 0.5, along],
        [ax - w - 4, y, 1, along],
      ];
    });
}
