/**
 * Gives every node a cell: a column, and a row of its lane.
 *
 * @typedef {{column: number, row: number}} Cell  the row counted over the whole pool
 * @typedef {object} Placement
 * @property {Map<string, Cell>} cellOf  by node id; boundary events have none
 * @property {number} columns
 * @property {number} rows
 * @property {number[]} laneOfRow
 * @property {Set<string>} back  ids of the flows that run back
 * @property {number} cost
 */
import { anneal } from './anneal.mjs';
import { makeEstimate } from './estimate.mjs';
import { longestPathColumns, mainPath } from './graph.mjs';
import { MAX_ROWS } from './measures.mjs';
import { stackRows } from './rows.mjs';

/**
 * @param {import('./graph.mjs').Model} model
 * @param {{seed: number, heat: number, rounds: number, drawn?: Map<string, Cell>}} options
 *   `drawn`: cells to start from
 * @returns {Placement}
 */
export function place(model, options) {
  const { drawn } = options;
  const column = longestPathColumns(
    model,
    model.placed.map((node) => drawn?.get(node.id)?.column ?? 0),
  );
  const onMain = mainPath(model, column);
  const start = { column, row: firstRows(model, column, onMain, drawn) };
  const best = anneal(model, start, makeEstimate(model, onMain), options);
  return asPlacement(model, best);
}

/** The drawn row or the first free one; the main path chooses before the others. */
function firstRows(model, column, onMain, drawn) {
  const row = new Array(model.placed.length).fill(0);
  const taken = new Set();
  const order = [...row.keys()];
  if (!drawn) order.sort((a, b) => onMain[b] - onMain[a] || a - b);
  for (const i of order) {
    const { id, lane } = model.placed[i];
    const key = (r) => `${lane},${column[i]},${r}`;
    let r = drawn?.get(id)?.row ?? 0;
    while (taken.has(key(r)) && r < MAX_ROWS - 1) r++;
    taken.add(key(r));
    row[i] = r;
  }
  return row;
}

function asPlacement(model, { column, row, cost }) {
  const used = [...new Set(column)].sort((a, b) => a - b);
  const { rowOf, laneOfRow } = stackRows(model, row);
  const cells = model.placed.map((node, i) => [
    node.id,
    { column: used.indexOf(column[i]), row: rowOf[i] },
  ]);
  return {
    cellOf: new Map(cells),
    columns: used.length,
    rows: laneOfRow.length,
    laneOfRow,
    back: new Set(model.links.filter((link) => link.back).map((link) => link.edge.id)),
    cost,
  };
}

/** Centres closer than this were drawn in the same column or row. */
const SAME_LINE = 40;

/**
 * The cells that the drawing already shows, rows counted in the lane.
 * @param {import('./graph.mjs').Model} model
 * @returns {Map<string, Cell>}
 */
export function drawnCells(model) {
  const drawn = model.placed.filter((node) => node.drawn);
  const x = (node) => node.drawn.x + node.drawn.w / 2;
  const y = (node) => node.drawn.y + node.drawn.h / 2;
  const columnAt = numberLines(drawn.map(x));
  const rowAt = model.graph.lanes.map((_, lane) =>
    numberLines(drawn.filter((node) => node.lane === lane).map(y)),
  );
  const cell = (node) => ({
    column: columnAt.get(x(node)),
    row: Math.min(MAX_ROWS - 1, rowAt[node.lane].get(y(node))),
  });
  return new Map(drawn.map((node) => [node.id, cell(node)]));
}

/** Numbers coordinates from the smallest, near ones alike. @param {number[]} values */
function numberLines(values) {
  const numbers = new Map();
  let number = -1;
  let first = -Infinity;
  for (const value of [...values].sort((a, b) => a - b)) {
    if (value - first > SAME_LINE) {
      number++;
      first = value;
    }
    numbers.set(value, number);
  }
  return numbers;
}
