/**
 * Who uses which piece of the grid, which corner and which port.
 *
 * @typedef {object} Route
 * @property {number[]} path  grid points from port to port
 * @property {import('./ports.mjs').Port} from
 * @property {import('./ports.mjs').Port} to
 */
import { withoutCollinear } from './boxes.mjs';

export class Traffic {
  /** @param {import('./grid.mjs').Grid} grid */
  constructor(grid) {
    const lists = () => Array.from({ length: grid.xs.length * grid.ys.length }, () => []);
    this.width = grid.xs.length;
    /** By point: ids of the flows on the piece to its right, on the piece below, turning at it. */
    this.level = lists();
    this.upright = lists();
    this.turns = lists();
    /** @type {Map<string, {id: string, role: 'source'|'target'}[]>} by port key */
    this.ports = new Map();
  }

  /** @param {string} id of the flow @param {Route} route */
  add(id, route) {
    this.#visit(route, (list) => list.push(id));
    this.#port(route.from).push({ id, role: 'source' });
    this.#port(route.to).push({ id, role: 'target' });
  }

  /** @param {string} id of the flow @param {Route} route */
  remove(id, route) {
    this.#visit(route, (list) => {
      const found = list.indexOf(id);
      if (found >= 0) list.splice(found, 1);
    });
    for (const { key } of [route.from, route.to]) {
      this.ports.set(
        key,
        this.ports.get(key).filter((use) => use.id !== id),
      );
    }
  }

  /** How many flows run straight across a point; `counts` says which are asked for. */
  throughLevel(point, counts = all) {
    return point % this.width === 0 ? 0 : inBoth(this.level[point], this.level[point - 1], counts);
  }

  /** How many flows run straight down through a point. */
  throughUpright(point, counts = all) {
    const above = point - this.width;
    return above < 0 ? 0 : inBoth(this.upright[point], this.upright[above], counts);
  }

  #port({ key }) {
    if (!this.ports.has(key)) this.ports.set(key, []);
    return this.ports.get(key);
  }

  #visit({ path, from, to }, act) {
    const isLevel = (a, b) => Math.abs(a - b) === 1;
    for (let k = 1; k < path.length; k++) {
      const first = Math.min(path[k - 1], path[k]);
      const level = isLevel(path[k - 1], path[k]);
      act((level ? this.level : this.upright)[first]);
      if (k > 1 && level !== isLevel(path[k - 1], path[k - 2])) act(this.turns[path[k - 1]]);
    }
    if (path.length < 2) return;
    const turnsAt = (port, point, next) => {
      const atSide = port.side === 'left' || port.side === 'right';
      if (isLevel(point, next) !== atSide) act(this.turns[point]);
    };
    turnsAt(from, path[0], path[1]);
    turnsAt(to, path.at(-1), path.at(-2));
  }
}

const all = () => true;

/** Asked at every step of every search, so without a new list. */
function inBoth(some, others, counts) {
  let count = 0;
  for (const id of some) if (others.includes(id) && counts(id)) count++;
  return count;
}

/**
 * The corners of a route. A corner on the grid knows its lines, an end knows only its port.
 * @param {import('./grid.mjs').Grid} grid
 * @param {Route} route
 * @returns {{x: number, y: number, i?: number, j?: number}[]}
 */
export function cornersOf({ xs, ys }, { path, from, to }) {
  const corners = path.map((point) => {
    const i = point % xs.length;
    const j = Math.floor(point / xs.length);
    return { x: xs[i].at, y: ys[j].at, i, j };
  });
  const ends = ({ x, y }) => ({ x, y });
  return withoutCollinear([ends(from), ...corners, ends(to)]);
}
