/**
 * Simulated annealing over columns and rows. Seeded, so that the same graph gives the same
 * picture on every machine.
 */
import { MAX_ROWS } from './measures.mjs';
import { reach } from './graph.mjs';

/** Mulberry32: numbers in [0, 1) from a 32-bit seed. @param {number} seed */
function randomFrom(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Share of each move, cumulated; the last one takes what remains.
 * @type {[number, (state: State, node: number, context: any) => boolean][]}
 */
const MOVES = [
  [0.45, changeRow],
  [0.6, swapRows],
  [0.68, swapWholeRows],
  [0.9, stepColumn],
  [0.95, pushRight],
  [1, closeColumn],
];

/**
 * @typedef {object} State
 * @property {number[]} column  by placed node
 * @property {number[]} row  in its lane, by placed node
 *
 * @param {import('./graph.mjs').Model} model
 * @param {State} start
 * @param {(columns: number[], rows: number[]) => number} estimate
 * @param {{seed: number, heat: number, rounds: number}} options
 * @returns {State & {cost: number}} the best state met
 */
export function anneal(model, start, estimate, { seed, heat, rounds }) {
  const random = randomFrom(seed);
  const neighbours = neighboursOf(model);
  let state = { column: [...start.column], row: [...start.row] };
  let cost = estimate(state.column, state.row);
  let best = { ...state, cost };
  for (let round = 0; round < rounds; round++) {
    const temperature = heat * (1 - round / rounds) ** 2 + 0.02;
    const draw = random();
    const node = Math.floor(random() * model.placed.length);
    const next = { column: [...state.column], row: [...state.row] };
    const move = MOVES.find(([share]) => draw < share)[1];
    if (!move(next, node, { model, neighbours, random })) continue;
    const nextCost = estimate(next.column, next.row);
    if (nextCost > cost && random() >= Math.exp((cost - nextCost) / temperature)) continue;
    state = next;
    cost = nextCost;
    if (cost < best.cost - 1e-9) best = { ...state, cost };
  }
  return best;
}

/** Forward neighbours of each placed node, with the least number of columns between them. */
function neighboursOf(model) {
  const before = model.placed.map(() => []);
  const after = model.placed.map(() => []);
  for (const link of model.forward) {
    before[link.target].push({ node: link.source, columns: reach(link) });
    after[link.source].push({ node: link.target, columns: reach(link) });
  }
  return { before, after };
}

// A move changes the state in place and says whether it may stand.

function changeRow(state, node, { random }) {
  state.row[node] = Math.floor(random() * MAX_ROWS);
  return true;
}

function swapRows(state, node, { model, random }) {
  const other = Math.floor(random() * model.placed.length);
  if (model.placed[other].lane !== model.placed[node].lane) return false;
  [state.row[other], state.row[node]] = [state.row[node], state.row[other]];
  return true;
}

function swapWholeRows(state, node, { model, random }) {
  const from = state.row[node];
  const to = Math.floor(random() * MAX_ROWS);
  state.row = state.row.map((row, i) => {
    if (model.placed[i].lane !== model.placed[node].lane) return row;
    if (row === from) return to;
    return row === to ? from : row;
  });
  return true;
}

function stepColumn(state, node, { neighbours, random }) {
  const column = state.column[node] + (random() < 0.5 ? 1 : -1);
  const tooEarly = neighbours.before[node].some((n) => state.column[n.node] + n.columns > column);
  const tooLate = neighbours.after[node].some((n) => state.column[n.node] < column + n.columns);
  if (column < 0 || tooEarly || tooLate) return false;
  state.column[node] = column;
  return true;
}

function pushRight(state, node, { neighbours }) {
  const queue = [node];
  const seen = new Set(queue);
  while (queue.length) {
    const current = queue.pop();
    state.column[current] += 1;
    for (const next of neighbours.after[current]) {
      if (seen.has(next.node)) continue;
      if (state.column[next.node] >= state.column[current] + next.columns) continue;
      seen.add(next.node);
      queue.push(next.node);
    }
  }
  return true;
}

function closeColumn(state, node, { model }) {
  const from = state.column[node];
  if (from < 1) return false;
  state.column = state.column.map((column) => (column >= from ? column - 1 : column));
  return model.forward.every(
    (link) => state.column[link.target] >= state.column[link.source] + reach(link),
  );
}
