/**
 * What a placement will look like, guessed without routing it: each link takes the cheapest of a
 * few simple paths through the cells, and the paths are charged for crossing one another. Cheap
 * enough to be asked tens of thousands of times. Unit: one bend.
 */
import { mayFork } from './graph.mjs';
import { stackRows } from './rows.mjs';

const COST = {
  mainPathBend: 1.6,
  through: 7,
  sameCell: 40,
  crossing: 3,
  row: 2,
  column: 1.2,
  rowsApart: 0.3,
  skippedColumn: 0.35,
  columnBack: 0.25,
};

/** Where, in parts of a cell, a path leaves the middle of a row, column or boundary event. */
const BESIDE = 0.5;
const NEXT_TO_ROW = 0.45;
const BOUNDARY = 0.2;

/** Which cells are taken. */
class Cells {
  constructor(rows, columns) {
    this.rows = rows;
    this.columns = columns;
    this.taken = new Int8Array(rows * columns);
  }

  at(row, column) {
    return this.taken[row * this.columns + column];
  }

  /** Takes a cell and says whether it was taken before. */
  take(row, column) {
    const cell = row * this.columns + column;
    const before = this.taken[cell];
    this.taken[cell] = 1;
    return before;
  }

  /** Taken cells of a row strictly between two columns. */
  inRow(row, a, b) {
    let count = 0;
    for (let c = Math.min(a, b) + 1; c < Math.max(a, b); c++) count += this.at(row, c);
    return count;
  }

  /** Taken cells of a column strictly between two rows. */
  inColumn(column, a, b) {
    let count = 0;
    for (let r = Math.min(a, b) + 1; r < Math.max(a, b); r++) count += this.at(r, column);
    return count;
  }
}

/**
 * @param {import('./graph.mjs').Model} model
 * @param {boolean[]} onMain
 * @returns {(columns: number[], rowInLane: number[]) => number}
 */
export function makeEstimate(model, onMain) {
  const bendCost = model.links.map((link) =>
    onMain[link.source] && onMain[link.target] && !link.back ? COST.mainPathBend : 1,
  );
  return (columns, rowInLane) => {
    const { rowOf, laneOfRow } = stackRows(model, rowInLane);
    const cells = new Cells(laneOfRow.length, Math.max(...columns) + 1);
    let cost = cells.rows * COST.row + cells.columns * COST.column;
    for (let i = 0; i < columns.length; i++) {
      if (cells.take(rowOf[i], columns[i])) cost += COST.sameCell;
    }
    const pieces = [];
    model.links.forEach((link, i) => {
      const from = { c: columns[link.source], r: rowOf[link.source] };
      const to = { c: columns[link.target], r: rowOf[link.target] };
      const best = cheapestPath(model, link, from, to, cells, bendCost[i]);
      cost += best.cost + COST.rowsApart * Math.abs(from.r - to.r);
      cost += link.back
        ? COST.columnBack * Math.abs(from.c - to.c)
        : COST.skippedColumn * (to.c - from.c - 1);
      addPieces(pieces, best.path(), i, link);
    });
    return cost + interference(pieces);
  };
}

/** @typedef {{c: number, r: number}} Cell column and row */

/** The cheapest simple path of a link: its cost, and its corners when asked for. */
function cheapestPath(model, link, from, to, cells, bendCost) {
  let best = { cost: Infinity, path: () => [] };
  const offer = (bends, through, path) => {
    const cost = bends * bendCost + through * COST.through;
    if (cost < best.cost) best = { cost, path };
  };
  if (link.boundary && !link.back) offerFromBoundary(model, link, from, to, cells, offer);
  else if (to.c > from.c) offerForward(model, link, from, to, cells, offer);
  else offerBackward(from, to, cells, offer);
  return best;
}

function offerFromBoundary(model, link, from, to, cells, offer) {
  const x = from.c + BOUNDARY;
  if (from.c === to.c) {
    const bends = model.placed[link.target].kind === 'task' ? 0 : 2;
    const between = cells.inColumn(from.c, from.r, to.r);
    offer(bends, between, () => [
      [x, from.r],
      [x, to.r],
    ]);
    return;
  }
  if (from.r !== to.r) {
    const through =
      cells.inColumn(from.c, from.r, to.r) +
      cells.at(to.r, from.c) +
      cells.inRow(to.r, from.c, to.c);
    offer(1, through, () => [
      [x, from.r],
      [x, to.r],
      [to.c, to.r],
    ]);
  }
  const y = from.r + (to.r >= from.r ? NEXT_TO_ROW : -NEXT_TO_ROW);
  const left = to.c - BESIDE;
  offer(3.5, 0, () => [
    [x, from.r],
    [x, y],
    [left, y],
    [left, to.r],
    [to.c, to.r],
  ]);
}

function offerForward(model, link, from, to, cells, offer) {
  const right = from.c + BESIDE;
  const left = to.c - BESIDE;
  const alongSource = cells.inRow(from.r, from.c, to.c);
  const alongTarget = cells.inRow(to.r, from.c, to.c);
  if (from.r === to.r) {
    offer(0, alongSource, () => [
      [from.c, from.r],
      [to.c, to.r],
    ]);
  } else {
    offer(2, alongTarget, () => [
      [from.c, from.r],
      [right, from.r],
      [right, to.r],
      [to.c, to.r],
    ]);
    offer(2, alongSource, () => [
      [from.c, from.r],
      [left, from.r],
      [left, to.r],
      [to.c, to.r],
    ]);
    if (model.placed[link.source].kind === 'gateway') {
      const down = cells.inColumn(from.c, from.r, to.r) + cells.at(to.r, from.c);
      offer(1, down + alongTarget, () => [
        [from.c, from.r],
        [from.c, to.r],
        [to.c, to.r],
      ]);
    }
    if (model.placed[link.target].kind === 'gateway') {
      const down = cells.inColumn(to.c, from.r, to.r) + cells.at(from.r, to.c);
      offer(1, down + alongSource, () => [
        [from.c, from.r],
        [to.c, from.r],
        [to.c, to.r],
      ]);
    }
  }
  for (const y of [to.r - NEXT_TO_ROW, to.r + NEXT_TO_ROW]) {
    offer(4.5, 0, () => [
      [from.c, from.r],
      [right, from.r],
      [right, y],
      [left, y],
      [left, to.r],
      [to.c, to.r],
    ]);
  }
}

function offerBackward(from, to, cells, offer) {
  const top = Math.min(from.r, to.r) - BESIDE;
  const bottom = Math.max(from.r, to.r) + BESIDE;
  for (let y = top; y <= bottom; y++) {
    const through = cellsToGap(cells, from, y) + cellsToGap(cells, to, y);
    const bends = 2 + 0.4 * (Math.abs(y - from.r) + Math.abs(y - to.r));
    offer(bends, through, () => [
      [from.c, from.r],
      [from.c, y],
      [to.c, y],
      [to.c, to.r],
    ]);
  }
  if (from.c !== to.c) {
    const corner = from.r === to.r ? 1 : cells.at(to.r, from.c);
    const through = cells.inColumn(from.c, from.r, to.r) + corner + cells.inRow(to.r, to.c, from.c);
    offer(1.5, through, () => [
      [from.c, from.r],
      [from.c, to.r],
      [to.c, to.r],
    ]);
  } else if (from.r !== to.r) {
    const x = from.c - BOUNDARY;
    const between = cells.inColumn(from.c, from.r, to.r);
    offer(0, between, () => [
      [x, from.r],
      [x, to.r],
    ]);
  }
}

/** Taken cells of a column between a cell and the gap between rows at `y`. */
function cellsToGap(cells, cell, y) {
  let count = 0;
  for (let r = Math.ceil(Math.min(cell.r, y)); r <= Math.max(cell.r, y); r++) {
    if (r !== cell.r) count += cells.at(r, cell.c);
  }
  return count;
}

function addPieces(pieces, path, index, link) {
  for (let i = 1; i < path.length; i++) {
    const [[ax, ay], [bx, by]] = [path[i - 1], path[i]];
    pieces.push({
      x1: Math.min(ax, bx),
      y1: Math.min(ay, by),
      x2: Math.max(ax, bx),
      y2: Math.max(ay, by),
      level: ay === by,
      index,
      edge: link.edge,
      source: link.source,
      target: link.target,
    });
  }
}

/** What the paths cost one another by crossing or lying on one another. */
function interference(pieces) {
  let cost = 0;
  for (let i = 0; i < pieces.length; i++) {
    for (let j = i + 1; j < pieces.length; j++) {
      const [a, b] = [pieces[i], pieces[j]];
      if (a.index !== b.index) cost += a.level === b.level ? onOneAnother(a, b) : crossing(a, b);
    }
  }
  return cost;
}

function crossing(a, b) {
  const level = a.level ? a : b;
  const upright = a.level ? b : a;
  const inside =
    upright.x1 > level.x1 &&
    upright.x1 < level.x2 &&
    level.y1 > upright.y1 &&
    level.y1 < upright.y2;
  return inside ? COST.crossing : 0;
}

function onOneAnother(a, b) {
  const apart = a.level ? a.y1 !== b.y1 : a.x1 !== b.x1;
  if (apart) return 0;
  const shared = a.level
    ? Math.min(a.x2, b.x2) - Math.max(a.x1, b.x1)
    : Math.min(a.y2, b.y2) - Math.max(a.y1, b.y1);
  if (shared <= 0.01) return 0;
  if (a.source === b.source) return mayFork(a.edge, b.edge) ? 1 : 3;
  return a.target === b.target ? 1 : 1.5;
}
