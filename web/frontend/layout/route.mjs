/** Routes all flows: one after the other, ripped up and drawn again until they agree. */
import { crosses, enters, segmentsOf, sharedLength } from './boxes.mjs';
import { mayShare } from './graph.mjs';
import { PRICE } from './measures.mjs';
import { makeSearch } from './search.mjs';
import { Traffic, cornersOf } from './traffic.mjs';

const PASSES = 3;
const CROSSING_ROUNDS = 2;
const UNROUTED = 9999;
const THROUGH_LABEL = 60;

/**
 * @param {import('./graph.mjs').Model} model
 * @param {import('./place.mjs').Placement} placement
 * @param {import('./grid.mjs').Grid} grid
 * @param {import('./ports.mjs').PortsOf} ports
 * @returns {Map<string, import('./traffic.mjs').Route>} by flow id; unroutable ones are missing
 */
export function routeAll(model, placement, grid, ports) {
  const traffic = new Traffic(grid);
  const search = makeSearch(model, grid, ports, traffic);
  const routes = new Map();

  const ripUp = (edge) => {
    const old = routes.get(edge.id);
    if (old) traffic.remove(edge.id, old);
    routes.delete(edge.id);
    return old;
  };
  const lay = (edge, route) => {
    if (!route) return;
    routes.set(edge.id, route);
    traffic.add(edge.id, route);
  };

  const order = routingOrder(model, placement);
  for (let pass = 0; pass < PASSES; pass++) {
    for (const edge of order) {
      const old = ripUp(edge);
      lay(edge, search(edge) ?? old);
    }
  }

  /** Draws two crossing flows again, the first one first; keeps it when the whole is better. */
  const tryAgain = (edges, price) => {
    const old = edges.map(ripUp);
    for (const edge of edges) lay(edge, search(edge));
    if (edges.every((edge) => routes.has(edge.id))) {
      const now = judge(model, grid, routes).price;
      if (now < price - 1) return now;
    }
    edges.forEach(ripUp);
    edges.forEach((edge, i) => lay(edge, old[i]));
    return price;
  };

  for (let round = 0; round < CROSSING_ROUNDS; round++) {
    const before = judge(model, grid, routes);
    let price = before.price;
    for (const [a, b] of before.crossing) {
      price = tryAgain([a, b], price);
      price = tryAgain([b, a], price);
    }
    if (price === before.price) break;
  }
  return routes;
}

/** Straight flows first, then short ones; those that run back last. */
function routingOrder(model, placement) {
  const cell = (id) => placement.cellOf.get(model.nodeById.get(id).host ?? id);
  const span = (edge) => {
    const [a, b] = [cell(edge.source), cell(edge.target)];
    const straight =
      a.row === b.row && b.column > a.column && !model.nodeById.get(edge.source).host;
    const distance = Math.abs(a.column - b.column) + 3 * Math.abs(a.row - b.row);
    return distance + (placement.back.has(edge.id) ? 100 : 0) - (straight ? 20 : 0);
  };
  return [...model.graph.edges].sort((a, b) => span(a) - span(b));
}

/** The price of a whole drawing, and the pairs of flows that cross. */
function judge(model, grid, routes) {
  const { graph } = model;
  let price = 0;
  const segments = [];
  const edgeById = new Map(graph.edges.map((edge) => [edge.id, edge]));
  for (const edge of graph.edges) {
    const route = routes.get(edge.id);
    if (!route) {
      price += UNROUTED;
      continue;
    }
    /** @type {import('./boxes.mjs').Point[]} */
    const corners = cornersOf(grid, route).map(({ x, y }) => [x, y]);
    price += PRICE.bend * (corners.length - 2) + route.from.price + route.to.price;
    segments.push(...segmentsOf(corners, edge.id));
  }
  for (const s of segments) {
    price += s.x2 - s.x1 + s.y2 - s.y1;
    price += THROUGH_LABEL * grid.labelGuesses.filter((label) => enters(s, label)).length;
  }
  const crossing = [];
  segments.forEach((s, i) => {
    for (const other of segments.slice(i + 1)) {
      if (s.id === other.id) continue;
      const [a, b] = [edgeById.get(s.id), edgeById.get(other.id)];
      if (crosses(s, other)) {
        price += PRICE.crossing;
        crossing.push([a, b]);
      }
      const shared = sharedLength(s, other);
      if (shared === 0) continue;
      if (mayShare(model, a, b)) price += 10 + shared * 0.05;
      else if (a.target === b.target || a.source === b.source) price += 40 + shared * 0.5;
      else price += PRICE.overlap;
    }
  });
  return { price, crossing };
}
