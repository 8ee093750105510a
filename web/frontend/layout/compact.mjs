/**
 * Closes up the gutters and gaps after routing: unused tracks go, room for labels and for the
 * names of lanes comes in, and the corners of the flows move along.
 */
import { boxesOf, makeRaster } from './cells.mjs';
import { isBorder } from './grid.mjs';
import {
  BOUNDARY_JUT,
  COLUMN_GAP,
  DEFAULT_SLASH,
  FLOW_LABEL_WIDTH,
  LANE_MIN_HEIGHT,
  LANE_PADDING,
  NAME_FONT,
  NARROW_LABEL_WIDTH,
  NODE_LABEL_WIDTH,
  POOL_PADDING,
  ROW_GAP,
  TRACKS_A_GAP,
  TRACK_PITCH,
  shapeSize,
} from './measures.mjs';
import { labelSize, textWidth } from './text.mjs';
import { cornersOf } from './traffic.mjs';

/** From the outermost track to a shape, and to the border of a lane. */
const TRACK_TO_SHAPE = 16;
const TRACK_TO_BORDER = 12;
/** More room beside a boundary event, which juts into the gap. */
const BESIDE_BOUNDARY = 14;
const LANE_NAME_PADDING = 24;

/**
 * @typedef {object} Drawing
 * @property {number} width
 * @property {number} height
 * @property {number[]} borders  the upper border of each lane, and the lower one of the last
 * @property {Map<string, import('./boxes.mjs').Box>} boxes
 * @property {Map<string, import('./boxes.mjs').Point[]>} points  by flow; unrouted ones are missing
 */

/**
 * @param {import('./graph.mjs').Model} model
 * @param {import('./place.mjs').Placement} placement
 * @param {{raster: import('./cells.mjs').Raster, left: number, grid: import('./grid.mjs').Grid,
 *   boxes: Map<string, import('./boxes.mjs').Box>,
 *   seats: Map<string, import('./cells.mjs').Seat>}} open  the drawing with all its tracks
 * @param {Map<string, import('./traffic.mjs').Route>} routes
 * @param {Set<string>} narrow  nodes to leave room for a narrow, higher label
 * @returns {Drawing}
 */
export function compact(model, placement, open, routes, narrow) {
  const corners = new Map();
  for (const [id, route] of routes) corners.set(id, cornersOf(open.grid, route));
  const gutters = closeGutters(model, placement, open, corners);
  const gaps = closeGaps(model, placement, open, corners, narrow);
  const redraw = () => makeRaster(model.graph, placement, gutters.widths, gaps.heights, open.left);
  raiseLanes(model.graph, placement, gaps, bordersOf(placement, redraw(), gaps));
  const raster = redraw();
  const boxes = boxesOf(model.graph, placement, raster, open.seats);
  const points = new Map();
  for (const edge of model.graph.edges) {
    if (!corners.has(edge.id)) continue;
    points.set(edge.id, move(edge, corners.get(edge.id), open, { raster, boxes, gutters, gaps }));
  }
  const { width, height } = raster;
  return { width, height, borders: bordersOf(placement, raster, gaps), boxes, points };
}

/** By gap, the tracks that some corner lies on, in order. */
function usedTracks(count, lines, corners, axis) {
  const used = Array.from({ length: count }, () => new Set());
  for (const route of corners.values()) {
    for (const corner of route) {
      const line = lines[corner[axis]];
      if (line?.gap !== undefined) used[line.gap].add(line.track);
    }
  }
  return used.map((tracks) => [...tracks].sort((a, b) => a - b));
}

function closeGutters(model, placement, open, corners) {
  const used = usedTracks(placement.columns + 1, open.grid.xs, corners, 'i');
  const room = roomForFlowLabels(model, placement, open, corners, used);
  const offsets = used.map(() => new Map());
  const widths = used.map((tracks, gutter) => {
    const outer = gutter === 0 || gutter === placement.columns;
    const span = (tracks.length - 1) * TRACK_PITCH;
    const width = Math.max(
      outer ? POOL_PADDING : COLUMN_GAP,
      tracks.length ? span + 2 * TRACK_TO_SHAPE : 0,
      room[gutter],
    );
    const middle = (width - span) / 2;
    const labelled = room[gutter] > tracks.length * TRACK_PITCH + 20;
    const first = labelled ? Math.max(middle, width - TRACK_TO_SHAPE - span) : middle;
    tracks.forEach((track, m) => offsets[gutter].set(track, first + m * TRACK_PITCH));
    return width;
  });
  return { widths, offsets };
}

/** By gutter: how wide the labels of the flows that leave to the right need it. */
function roomForFlowLabels(model, placement, { raster, boxes }, corners, used) {
  const room = new Array(placement.columns + 1).fill(0);
  for (const edge of model.graph.edges) {
    const [first, second] = corners.get(edge.id) ?? [];
    if (!edge.name || !first) continue;
    if (Math.abs(first.y - second.y) >= 1 || second.x <= first.x) continue;
    const source = model.nodeById.get(edge.source);
    const { column } = placement.cellOf.get(source.host ?? source.id);
    const inColumn = (raster.columnWidths[column] - boxes.get(source.id).w) / 2;
    const margin = used[column + 1].length ? 8 : 12;
    const label = labelSize(edge.name, FLOW_LABEL_WIDTH).w + (edge.isDefault ? DEFAULT_SLASH : 0);
    const needed = label + 14 - inColumn + margin;
    room[column + 1] = Math.max(room[column + 1], needed);
  }
  return room;
}

function closeGaps(model, placement, open, corners, narrow) {
  const used = usedTracks(placement.rows + 1, open.grid.ys, corners, 'j');
  const nearby = neighboursOfGaps(model, placement, open, narrow);
  const offsets = used.map(() => new Map());
  const borders = new Map();
  const heights = used.map((tracks, gap) => {
    if (!isBorder(placement, gap)) return closeInnerGap(tracks, nearby[gap], offsets[gap]);
    const parts = closeBorderGap(tracks, nearby[gap], offsets[gap], {
      top: gap === 0,
      bottom: gap === placement.rows,
    });
    borders.set(gap, parts.above);
    return parts.above + parts.below;
  });
  return { heights, offsets, borders };
}

/** By gap: the height of labels that hang or stand in it, and whether boundary events jut in. */
function neighboursOfGaps(model, placement, { raster, seats }, narrow) {
  const nearby = Array.from({ length: placement.rows + 1 }, () => ({
    above: { label: 0, boundary: false },
    below: { label: 0, boundary: false },
  }));
  const need = (side, height) => (side.label = Math.max(side.label, height));
  for (const node of model.graph.nodes) {
    const { row } = placement.cellOf.get(node.host ?? node.id);
    const width = narrow.has(node.id) ? NARROW_LABEL_WIDTH : NODE_LABEL_WIDTH;
    const label = node.name ? labelSize(node.name, width).h : 0;
    const inRow = (raster.rowHeights[row] - shapeSize(node)[1]) / 2;
    if (node.host) {
      const side = seats.get(node.id).edge === 'bottom' ? nearby[row + 1].above : nearby[row].below;
      side.boundary = true;
      need(side, BOUNDARY_JUT + label);
    } else if (label && node.kind === 'event') {
      need(nearby[row + 1].above, label + 8 - inRow);
    } else if (label && node.kind === 'gateway') {
      need(nearby[row].below, label + 2 - inRow);
    }
  }
  return nearby;
}

function closeInnerGap(tracks, { above, below }, offsets) {
  const span = (tracks.length - 1) * TRACK_PITCH;
  const juts = above.boundary + below.boundary;
  const height = Math.max(
    ROW_GAP + (juts * BOUNDARY_JUT) / 2,
    tracks.length ? span + 2 * TRACK_TO_SHAPE + juts * BESIDE_BOUNDARY : 0,
    Math.max(above.label, below.label) + 10,
  );
  const low = above.boundary && !below.boundary;
  const first = low ? height - TRACK_TO_SHAPE - span : (height - span) / 2;
  tracks.forEach((track, m) => offsets.set(track, first + m * TRACK_PITCH));
  return height;
}

function closeBorderGap(tracks, near, offsets, { top, bottom }) {
  const upper = tracks.filter((track) => track <= TRACKS_A_GAP);
  const lower = tracks.filter((track) => track > TRACKS_A_GAP);
  const room = (count, { boundary, label }) =>
    Math.max(
      LANE_PADDING,
      count ? count * TRACK_PITCH + TRACK_TO_SHAPE + (boundary ? BESIDE_BOUNDARY : 0) : 0,
      label ? label + 6 : 0,
    );
  const above = top ? 0 : room(upper.length, near.above);
  const below = bottom ? 0 : room(lower.length, near.below);
  const highest = above - TRACK_TO_BORDER - (upper.length - 1) * TRACK_PITCH;
  upper.forEach((track, m) => offsets.set(track, highest + m * TRACK_PITCH));
  lower.forEach((track, m) => offsets.set(track, above + TRACK_TO_BORDER + m * TRACK_PITCH));
  return { above, below };
}

/** Gives lanes that are lower than their own (upright) name the height it needs. */
function raiseLanes(graph, placement, gaps, borders) {
  graph.lanes.forEach((lane, i) => {
    const needed = textWidth(lane.name ?? '', NAME_FONT) + LANE_NAME_PADDING;
    const missing = Math.max(LANE_MIN_HEIGHT, needed) - (borders[i + 1] - borders[i]);
    if (missing <= 0) return;
    const first = placement.laneOfRow.indexOf(i);
    const after = placement.laneOfRow.lastIndexOf(i) + 1;
    gaps.heights[first] += missing / 2;
    gaps.heights[after] += missing / 2;
    gaps.borders.set(after, gaps.borders.get(after) + missing / 2);
    for (const [track, offset] of gaps.offsets[after]) {
      if (track > TRACKS_A_GAP) gaps.offsets[after].set(track, offset + missing / 2);
    }
  });
}

function bordersOf(placement, raster, gaps) {
  return [...gaps.borders].map(([gap, above]) => {
    if (gap === 0) return 0;
    return gap === placement.rows ? raster.height : raster.gapTops[gap] + above;
  });
}

/** The corners of a flow at their new places, squared again. */
function move(edge, corners, open, { raster, boxes, gutters, gaps }) {
  const last = corners.length - 1;
  const at = (line, starts, centres, offsets) =>
    line.gap === undefined
      ? centres[line.band] + line.offset
      : starts[line.gap] + offsets[line.gap].get(line.track);
  const points = corners.map(({ x, y, i, j }, k) => {
    if (i !== undefined) {
      return [
        at(open.grid.xs[i], raster.gutterLefts, raster.columnCentres, gutters.offsets),
        at(open.grid.ys[j], raster.gapTops, raster.rowCentres, gaps.offsets),
      ];
    }
    const id = k === 0 ? edge.source : edge.target;
    const [before, after] = [open.boxes.get(id), boxes.get(id)];
    return [after.x + x - before.x, after.y + y - before.y];
  });
  for (let k = 1; k <= last; k++) {
    const axis = Math.abs(corners[k].y - corners[k - 1].y) < 0.5 ? 1 : 0;
    const keep = k === last && (axis === 0 || corners[k - 1].j !== undefined);
    if (keep) points[k - 1][axis] = points[k][axis];
    else points[k][axis] = points[k - 1][axis];
  }
  return points.map(([x, y]) => [Math.round(x), Math.round(y)]);
}
