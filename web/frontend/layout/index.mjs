/**
 * Lays out a pool with lanes from left to right. No dependency: runs in the browser and in node.
 *
 * Steps: cells by annealing a cheap estimate (place), flows by rip-up routing on a grid of tracks
 * (route), unused tracks closed up (compact), labels put where they touch nothing (labels). The
 * best few placements are drawn to the end and the best drawing wins.
 */
import { crosses, segmentsOf } from './boxes.mjs';
import { boxesOf, makeRaster, seatBoundaryEvents } from './cells.mjs';
import { compact } from './compact.mjs';
import { analyse } from './graph.mjs';
import { makeGrid, openGaps } from './grid.mjs';
import { placeLabels } from './labels.mjs';
import { HEADER } from './measures.mjs';
import { drawnCells, place } from './place.mjs';
import { makePorts } from './ports.mjs';
import { routeAll } from './route.mjs';

export { LayoutError } from './graph.mjs';

/**
 * @typedef {import('./boxes.mjs').Box} Box
 * @typedef {object} Layout  All in pixels from the pool's upper left corner.
 * @property {Box} pool
 * @property {Box[]} lanes  in the order of the graph's lanes
 * @property {Map<string, Box>} nodes
 * @property {Map<string, import('./boxes.mjs').Point[]>} edges
 * @property {Map<string, Box>} labels  by node or edge id
 */

const SEED = 7;
const FRESH = { seeds: [SEED, SEED + 1, SEED + 2], heat: 4, drawn: 2 };
/** Near-greedy from the drawn cells, so that the reader finds things where they were. */
const KEPT = { seeds: [SEED], heat: 0.05, drawn: 1 };
const ROUNDS_A_NODE = 400;
const MOST_ROUNDS = 8000;

/** What a finished drawing is judged by; pixels of size count little. */
const SCORE = {
  unrouted: 500,
  bend: 10,
  crossing: 22,
  flowLength: 0.006,
  label: 0.8,
  width: 0.03,
  height: 0.06,
};

/**
 * @param {import('./graph.mjs').Graph} graph
 * @param {{keep?: boolean}} [options]  `keep`: start from where the nodes are drawn now
 * @returns {Layout}
 * @throws {LayoutError} the graph is one that cannot be drawn; the message says why
 */
export function layout(graph, { keep = false } = {}) {
  // A process without lanes is laid out in one band that is not drawn.
  const model = analyse(graph.lanes.length ? graph : { ...graph, lanes: [{ id: '' }] });
  const drawn = keep ? drawnCells(model) : undefined;
  const effort = isDrawn(model, drawn) ? KEPT : FRESH;
  const { seeds, heat } = effort;
  const rounds = Math.min(MOST_ROUNDS, ROUNDS_A_NODE * model.placed.length);
  const placements = seeds
    .map((seed) => place(model, { seed, heat, rounds, drawn: effort === KEPT ? drawn : undefined }))
    .sort((a, b) => a.cost - b.cost);
  const drawings = distinct(placements)
    .slice(0, effort.drawn)
    .map((placement) => draw(model, placement));
  const best = drawings.reduce((a, b) => (b.score < a.score ? b : a));
  return asLayout(graph, best.drawing, best.labels);
}

/** Is there enough drawn to keep? */
const isDrawn = (model, drawn) => drawn !== undefined && drawn.size * 2 > model.placed.length;

/** How much of the left the names of pool and lanes take. */
function bands(graph) {
  const lanes = graph.lanes.some((lane) => lane.id) ? HEADER : 0;
  const pool = graph.pool ? HEADER : 0;
  return { pool, lanes };
}

function distinct(placements) {
  const seen = new Set();
  return placements.filter(({ cellOf }) => {
    const key = JSON.stringify([...cellOf]);
    return !seen.has(key) && seen.add(key);
  });
}

/** Routes, closes up and labels one placement; makes more room when labels do not fit. */
function draw(model, placement) {
  const { graph } = model;
  const { pool, lanes } = bands(graph);
  const left = pool + lanes;
  const seats = seatBoundaryEvents(model, placement);
  const { gutterWidths, gapHeights } = openGaps(placement);
  const raster = makeRaster(graph, placement, gutterWidths, gapHeights, left);
  const boxes = boxesOf(graph, placement, raster, seats);
  const grid = makeGrid(graph, placement, raster, boxes, seats);
  const routes = routeAll(model, placement, grid, makePorts(graph, grid, boxes, seats));
  const finish = (narrow) => {
    const open = { raster, left, grid, boxes, seats };
    const drawing = compact(model, placement, open, routes, narrow);
    const { boxes: labels, cost, tight } = placeLabels(graph, drawing, seats, left);
    return { score: scoreOf(graph, drawing, cost), drawing, labels, tight };
  };
  const first = finish(new Set());
  if (!first.tight.size) return first;
  const roomier = finish(first.tight);
  return roomier.score < first.score ? roomier : first;
}

function asLayout(graph, { width, height, borders, boxes, points }, labels) {
  const nodes = new Map();
  for (const { id } of graph.nodes) {
    const { x, y, w, h } = boxes.get(id);
    nodes.set(id, { x: Math.round(x), y: Math.round(y), w, h });
  }
  const x = bands(graph).pool;
  const lanes = graph.lanes.map((_, i) => {
    const [top, bottom] = [borders[i], borders[i + 1]].map(Math.round);
    return { x, y: top, w: width - x, h: bottom - top };
  });
  const pool = { x: 0, y: 0, w: width, h: Math.round(height) };
  return { pool, lanes, nodes, edges: points, labels };
}

function scoreOf(graph, { width, height, points }, labelCost) {
  let score = SCORE.label * labelCost + SCORE.width * width + SCORE.height * height;
  score += SCORE.unrouted * (graph.edges.length - points.size);
  const segments = [...points].flatMap(([id, corners]) => segmentsOf(corners, id));
  for (const corners of points.values()) score += SCORE.bend * (corners.length - 2);
  segments.forEach((s, i) => {
    score += SCORE.flowLength * (s.x2 - s.x1 + s.y2 - s.y1);
    for (const other of segments.slice(i + 1)) {
      if (s.id !== other.id && crosses(s, other)) score += SCORE.crossing;
    }
  });
  return score;
}
