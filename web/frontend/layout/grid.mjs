/**
 * The grid that flows are routed on: upright and level lines, and the price of each piece of line
 * between two crossings of lines.
 *
 * @typedef {object} Line
 * @property {number} at  its coordinate
 * @property {number} [gap]  the gutter (upright) or gap between rows (level) that it runs in
 * @property {number} [track]  which line of the gap, from 1
 * @property {number} [band]  else: the column or row that it runs through
 * @property {number} [offset]  how far from the centre of that column or row
 *
 * @typedef {object} Grid
 * @property {Line[]} xs  upright lines from left to right
 * @property {Line[]} ys  level lines from top to bottom
 * @property {Float64Array} levelPrice  by point: the piece to its right, Infinity when blocked
 * @property {Float64Array} uprightPrice  by point: the piece below it
 * @property {import('./boxes.mjs').Box[]} labelGuesses  where labels will probably go
 */
import { enters } from './boxes.mjs';
import {
  NODE_LABEL_WIDTH,
  PRICE,
  TRACKS_A_GAP,
  TRACKS_A_GUTTER,
  TRACK_PITCH,
} from './measures.mjs';
import { labelSize } from './text.mjs';

/** Lines through a column or row, where flows may leave a shape. */
const COLUMN_LINES = [-25, 0, 25];
const ROW_LINES = [-20, 0, 20];
/** Flows keep to the middle of a gutter and prefer rows to gaps, by so little. */
const OFF_MIDDLE = 0.02;
const IN_GAP = 1.02;

/** Does the gap above row `row` hold the border of a lane or of the pool? */
export function isBorder({ rows, laneOfRow }, row) {
  return row === 0 || row === rows || laneOfRow[row] !== laneOfRow[row - 1];
}

/** Widths of gutters and heights of gaps with all their tracks. */
export function openGaps(placement) {
  const gutter = (TRACKS_A_GUTTER + 1) * TRACK_PITCH;
  const gap = (TRACKS_A_GAP + 1) * TRACK_PITCH;
  return {
    gutterWidths: new Array(placement.columns + 1).fill(gutter),
    gapHeights: Array.from({ length: placement.rows + 1 }, (_, row) =>
      isBorder(placement, row) ? 2 * gap : gap,
    ),
  };
}

/**
 * @param {import('./graph.mjs').Graph} graph
 * @param {import('./place.mjs').Placement} placement
 * @param {import('./cells.mjs').Raster} raster
 * @param {Map<string, import('./boxes.mjs').Box>} boxes
 * @param {Map<string, import('./cells.mjs').Seat>} seats
 * @returns {Grid}
 */
export function makeGrid(graph, placement, raster, boxes, seats) {
  const xs = uprightLines(raster);
  const ys = levelLines(placement, raster);
  const labelGuesses = guessLabels(graph, boxes, seats);
  const obstacles = [...boxes.values()];
  const levelPrice = new Float64Array(xs.length * ys.length).fill(Infinity);
  const uprightPrice = new Float64Array(xs.length * ys.length).fill(Infinity);
  ys.forEach((y, j) =>
    xs.forEach((x, i) => {
      const point = j * xs.length + i;
      if (i + 1 < xs.length) {
        const piece = { x1: x.at, y1: y.at, x2: xs[i + 1].at, y2: y.at };
        const factor = y.gap === undefined ? 1 : IN_GAP;
        levelPrice[point] = factor * priceOf(piece, obstacles, labelGuesses);
      }
      if (j + 1 < ys.length) {
        const piece = { x1: x.at, y1: y.at, x2: x.at, y2: ys[j + 1].at };
        const off = x.gap === undefined ? 0 : Math.abs(x.track - (TRACKS_A_GUTTER + 1) / 2);
        uprightPrice[point] = (1 + off * OFF_MIDDLE) * priceOf(piece, obstacles, labelGuesses);
      }
    }),
  );
  return { xs, ys, levelPrice, uprightPrice, labelGuesses };
}

function uprightLines({ gutterLefts, columnCentres }) {
  const lines = [];
  gutterLefts.forEach((left, gap) => {
    for (let track = 1; track <= TRACKS_A_GUTTER; track++) {
      lines.push({ at: left + track * TRACK_PITCH, gap, track });
    }
  });
  columnCentres.forEach((centre, band) => {
    for (const offset of COLUMN_LINES) lines.push({ at: centre + offset, band, offset });
  });
  return lines.sort((a, b) => a.at - b.at);
}

/** In a gap with a border, the tracks above it are numbered to `TRACKS_A_GAP`; it has none. */
function levelLines(placement, { gapTops, rowCentres }) {
  const lines = [];
  gapTops.forEach((top, gap) => {
    const border = isBorder(placement, gap);
    const last = border ? 2 * TRACKS_A_GAP + 1 : TRACKS_A_GAP;
    for (let track = 1; track <= last; track++) {
      if (border && track === TRACKS_A_GAP + 1) continue;
      lines.push({ at: top + track * TRACK_PITCH, gap, track });
    }
  });
  rowCentres.forEach((centre, band) => {
    for (const offset of ROW_LINES) lines.push({ at: centre + offset, band, offset });
  });
  return lines.sort((a, b) => a.at - b.at);
}

function priceOf(piece, obstacles, labels) {
  if (obstacles.some((box) => enters(piece, box, PRICE.clearance))) return Infinity;
  let price = piece.x2 - piece.x1 + piece.y2 - piece.y1;
  for (const label of labels) {
    if (enters(piece, label, 1)) price += PRICE.labelHit * (price / 40 + 0.3);
  }
  return price;
}

function guessLabels(graph, boxes, seats) {
  const named = graph.nodes.filter((node) => node.name && node.kind !== 'task');
  return named.map((node) => {
    const size = labelSize(node.name, NODE_LABEL_WIDTH);
    return { ...guessLabel(node, boxes.get(node.id), seats.get(node.id), size), ...size };
  });
}

function guessLabel(node, box, seat, size) {
  const centre = box.x + box.w / 2;
  if (node.kind === 'gateway') return { x: centre - 8 - size.w, y: box.y - size.h + 6 };
  if (!seat) return { x: centre - size.w / 2, y: box.y + box.h + 4 };
  return {
    x: box.x - size.w + (seat.dx > 0 ? 4 : 0),
    y: seat.edge === 'bottom' ? box.y + box.h - 14 : box.y - size.h + 14,
  };
}
