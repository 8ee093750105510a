/** The cheapest route of one flow over the grid, given the others: A* on point and heading. */
import { mayFork, mayShare } from './graph.mjs';
import { Heap } from './heap.mjs';
import { PRICE } from './measures.mjs';
import { HEADINGS } from './ports.mjs';

/** A port that others use; gateways and events may gather flows, gateways also fork them. */
const PORT = { otherRole: 1500, leaving: 450, forking: 80, enteringTask: 170, entering: 80 };
const TURN_ON_TURN = 300;
const PAST_TURN = { sharing: 10, related: 60 };
/** Running together where it is allowed, in parts of the length. */
const SHARED_LENGTH = 0.05;

/**
 * @param {import('./graph.mjs').Model} model
 * @param {import('./grid.mjs').Grid} grid
 * @param {import('./ports.mjs').PortsOf} ports
 * @param {import('./traffic.mjs').Traffic} traffic
 * @returns {(edge: import('./graph.mjs').Edge) => import('./traffic.mjs').Route | null}
 */
export function makeSearch(model, grid, ports, traffic) {
  const { xs, ys } = grid;
  const states = xs.length * ys.length * HEADINGS.length;
  const distance = new Float64Array(states);
  const previous = new Int32Array(states);
  const arrivalPrice = new Float64Array(states);
  const done = new Uint8Array(states);
  const edgeById = new Map(model.graph.edges.map((edge) => [edge.id, edge]));
  const isTask = (id) => model.nodeById.get(id).kind === 'task';
  const forks = (edge, other) => mayFork(edge, other) && !isTask(edge.source);

  const portPrice = (edge, port, role) => {
    let price = port.price + Math.abs(xs[port.i].at - port.x) + Math.abs(ys[port.j].at - port.y);
    for (const use of traffic.ports.get(port.key) ?? []) {
      if (use.id === edge.id) continue;
      if (use.role !== role) price += PORT.otherRole;
      else if (role === 'target') price += isTask(edge.target) ? PORT.enteringTask : PORT.entering;
      else price += forks(edge, edgeById.get(use.id)) ? PORT.forking : PORT.leaving;
    }
    return price;
  };

  /** What it costs to run on another flow. */
  const sharePrice = (edge, other, sofar) => {
    if (mayShare(model, edge, other)) return SHARED_LENGTH * Math.min(sofar, 60);
    if (isRelated(edge, other)) return 2.5 * Math.min(sofar, 99) + 20;
    return PRICE.overlap;
  };

  /** Turning into or out of a line that is shared is not crossing it. */
  const turnPrice = (edge, point) => {
    const strangers = traffic.turns[point].some((id) => !isRelated(edge, edgeById.get(id)));
    const crossed = (id) => !mayShare(model, edge, edgeById.get(id));
    const through = traffic.throughUpright(point, crossed) + traffic.throughLevel(point, crossed);
    return PRICE.bend + (strangers ? TURN_ON_TURN : 0) + through * PRICE.crossing;
  };

  const pastTurnPrice = (edge, other) => {
    if (mayShare(model, edge, other)) return PAST_TURN.sharing;
    return isRelated(edge, other) ? PAST_TURN.related : PRICE.crossing;
  };

  const straightPrice = (edge, point, level) => {
    const across = level ? traffic.throughUpright(point) : traffic.throughLevel(point);
    let price = across * PRICE.crossing;
    for (const id of traffic.turns[point]) {
      price += pastTurnPrice(edge, edgeById.get(id));
    }
    return price;
  };

  /** From a point, arrived at with `heading`, one piece on with `next`. */
  const stepPrice = (edge, point, heading, next) => {
    const level = next % 2 === 0;
    const piece = next < 2 ? point : next === 2 ? point - 1 : point - xs.length;
    let price = (level ? grid.levelPrice : grid.uprightPrice)[piece];
    if (price === Infinity) return Infinity;
    for (const id of (level ? traffic.level : traffic.upright)[piece]) {
      price += sharePrice(edge, edgeById.get(id), price);
    }
    return price + (next === heading ? straightPrice(edge, point, level) : turnPrice(edge, point));
  };

  const leave = (edge, heap, ahead) => {
    const from = new Map();
    for (const port of ports(model.nodeById.get(edge.source), 'source')) {
      const state = (port.j * xs.length + port.i) * 4 + port.heading;
      const price = portPrice(edge, port, 'source');
      if (price >= distance[state]) continue;
      distance[state] = price;
      from.set(state, port);
      heap.push(price + ahead(port.i, port.j), state);
    }
    return from;
  };

  const arrivals = (edge) => {
    const to = new Map();
    arrivalPrice.fill(Infinity);
    for (const port of ports(model.nodeById.get(edge.target), 'target')) {
      const state = (port.j * xs.length + port.i) * 4 + ((port.heading + 2) & 3);
      const price = portPrice(edge, port, 'target');
      if (price >= arrivalPrice[state]) continue;
      arrivalPrice[state] = price;
      to.set(state, port);
    }
    return to;
  };

  /** At least this much lies ahead of a point: no piece costs less than its length. */
  const makeAhead = (targets) => {
    const x = targets.map(({ i }) => xs[i].at);
    const y = targets.map(({ j }) => ys[j].at);
    const [left, right, top, bottom] = [
      Math.min(...x),
      Math.max(...x),
      Math.min(...y),
      Math.max(...y),
    ];
    return (i, j) =>
      Math.max(0, left - xs[i].at, xs[i].at - right) +
      Math.max(0, top - ys[j].at, ys[j].at - bottom);
  };

  const expand = (edge, state, sofar, heap, ahead) => {
    const point = state >> 2;
    const heading = state & 3;
    const i = point % xs.length;
    const j = Math.floor(point / xs.length);
    for (let next = 0; next < HEADINGS.length; next++) {
      if (next === ((heading + 2) & 3)) continue;
      const ni = i + HEADINGS[next].dx;
      const nj = j + HEADINGS[next].dy;
      if (ni < 0 || nj < 0 || ni >= xs.length || nj >= ys.length) continue;
      const price = sofar + stepPrice(edge, point, heading, next);
      const nextState = (nj * xs.length + ni) * 4 + next;
      if (price >= distance[nextState] - 1e-9) continue;
      distance[nextState] = price;
      previous[nextState] = state;
      heap.push(price + ahead(ni, nj), nextState);
    }
  };

  return (edge) => {
    distance.fill(Infinity);
    previous.fill(-1);
    done.fill(0);
    const heap = new Heap();
    const to = arrivals(edge);
    const ahead = makeAhead([...to.values()]);
    const from = leave(edge, heap, ahead);
    let best = { state: -1, price: Infinity };
    while (heap.size) {
      const { priority, value: state } = heap.pop();
      if (priority >= best.price) break;
      if (done[state]) continue;
      done[state] = 1;
      const total = distance[state] + arrivalPrice[state];
      if (total < best.price) best = { state, price: total };
      expand(edge, state, distance[state], heap, ahead);
    }
    if (best.state < 0) return null;
    const path = [];
    let state = best.state;
    for (; previous[state] >= 0; state = previous[state]) path.unshift(state >> 2);
    path.unshift(state >> 2);
    return { path, from: from.get(state), to: to.get(best.state) };
  };
}

function isRelated(a, b) {
  return a.source === b.source || a.target === b.target;
}
