/** From cells to pixels: where columns and rows lie, and the box of every node. */
import { BOUNDARY_JUT, BOUNDARY_OFFSETS, shapeSize } from './measures.mjs';
import { LayoutError } from './graph.mjs';

/**
 * @typedef {import('./boxes.mjs').Box} Box
 * @typedef {object} Raster
 * @property {number[]} gutterWidths  `columns + 1`: left of each column, and right of the last
 * @property {number[]} gapHeights  `rows + 1`: above each row, and below the last
 * @property {number[]} columnWidths
 * @property {number[]} rowHeights
 * @property {number[]} columnCentres
 * @property {number[]} rowCentres
 * @property {number[]} gutterLefts
 * @property {number[]} gapTops
 * @property {number} width  of the pool, from its left edge
 * @property {number} height
 */

const LEAST_COLUMN = 36;
const LEAST_ROW = 50;

/**
 * @param {import('./graph.mjs').Graph} graph
 * @param {import('./place.mjs').Placement} placement
 * @param {number[]} gutterWidths
 * @param {number[]} gapHeights
 * @param {number} left  where the first gutter begins
 * @returns {Raster}
 */
export function makeRaster(graph, placement, gutterWidths, gapHeights, left) {
  const columnWidths = new Array(placement.columns).fill(LEAST_COLUMN);
  const rowHeights = new Array(placement.rows).fill(LEAST_ROW);
  for (const node of graph.nodes) {
    const cell = placement.cellOf.get(node.id);
    if (!cell) continue;
    const [w, h] = shapeSize(node);
    columnWidths[cell.column] = Math.max(columnWidths[cell.column], w);
    rowHeights[cell.row] = Math.max(rowHeights[cell.row], h);
  }
  const across = line(gutterWidths, columnWidths, left);
  const down = line(gapHeights, rowHeights, 0);
  return {
    gutterWidths,
    gapHeights,
    columnWidths,
    rowHeights,
    columnCentres: across.centres,
    rowCentres: down.centres,
    gutterLefts: across.gaps,
    gapTops: down.gaps,
    width: across.end,
    height: down.end,
  };
}

/** Gaps and bands in turn, from `start`. */
function line(gaps, bands, start) {
  const result = { gaps: [], centres: [], end: start };
  gaps.forEach((gap, i) => {
    result.gaps.push(result.end);
    result.end += gap;
    if (i === bands.length) return;
    result.centres.push(result.end + bands[i] / 2);
    result.end += bands[i];
  });
  return result;
}

/**
 * @typedef {{edge: 'top'|'bottom', dx: number}} Seat  of a boundary event: the edge of its host,
 *   and how far from the host's centre
 */

/**
 * Seats boundary events on the edge that faces their target, two on an edge.
 * @param {import('./graph.mjs').Model} model
 * @param {import('./place.mjs').Placement} placement
 * @returns {Map<string, Seat>}
 */
export function seatBoundaryEvents(model, placement) {
  const seats = new Map();
  const taken = new Map();
  const rowOf = (id) => placement.cellOf.get(model.nodeById.get(id).host ?? id).row;
  for (const node of model.graph.nodes) {
    if (!node.host) continue;
    const flow = model.graph.edges.find((edge) => edge.source === node.id);
    const above = flow && rowOf(flow.target) < rowOf(node.host);
    const edge = (above ? ['top', 'bottom'] : ['bottom', 'top']).find(
      (side) => (taken.get(node.host + side) ?? 0) < BOUNDARY_OFFSETS.length,
    );
    if (!edge) throw new LayoutError(`Activity ${node.host} has more than 4 boundary events`);
    const before = taken.get(node.host + edge) ?? 0;
    taken.set(node.host + edge, before + 1);
    seats.set(node.id, { edge, dx: BOUNDARY_OFFSETS[before] });
  }
  return seats;
}

/**
 * @param {import('./graph.mjs').Graph} graph
 * @param {import('./place.mjs').Placement} placement
 * @param {Raster} raster
 * @param {Map<string, Seat>} seats
 * @returns {Map<string, Box>} by node id
 */
export function boxesOf(graph, placement, raster, seats) {
  const boxes = new Map();
  for (const node of graph.nodes) {
    const cell = placement.cellOf.get(node.id);
    if (!cell) continue;
    const [w, h] = shapeSize(node);
    const x = raster.columnCentres[cell.column] - w / 2;
    boxes.set(node.id, { x, y: raster.rowCentres[cell.row] - h / 2, w, h });
  }
  for (const node of graph.nodes) {
    if (!node.host) continue;
    const host = boxes.get(node.host);
    const [w, h] = shapeSize(node);
    const { edge, dx } = seats.get(node.id);
    const x = host.x + host.w / 2 + dx - w / 2;
    const y = (edge === 'bottom' ? host.y + host.h : host.y) - BOUNDARY_JUT;
    boxes.set(node.id, { x, y, w, h });
  }
  return boxes;
}
