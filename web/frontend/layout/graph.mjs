/**
 * The graph to lay out, and what its shape alone says: which flows run back, which path is the
 * main one. Knows neither pixels nor BPMN.
 *
 * @typedef {import('./boxes.mjs').Box} Box
 * @typedef {{id: string, name?: string}} Lane
 * @typedef {object} Node
 * @property {string} id
 * @property {'task'|'gateway'|'event'} kind
 * @property {number} lane  index into `lanes`
 * @property {string} [name]
 * @property {string} [host]  of a boundary event: the activity that it sits on
 * @property {Box} [drawn]  where the diagram has it now
 * @typedef {{id: string, source: string, target: string, name?: string,
 *   isDefault?: boolean}} Edge  `isDefault`: drawn with a slash at its beginning
 * @typedef {{pool: boolean, lanes: Lane[], nodes: Node[], edges: Edge[]}} Graph
 *
 * @typedef {object} Link  An edge between placed nodes, by index.
 * @property {Edge} edge
 * @property {number} source  for a boundary event: its host
 * @property {number} target
 * @property {boolean} boundary  leaves a boundary event
 * @property {boolean} back  closes a loop
 *
 * @typedef {object} Model
 * @property {Graph} graph
 * @property {Map<string, Node>} nodeById
 * @property {Node[]} placed  the nodes that take a cell: all but boundary events
 * @property {Link[]} links
 * @property {Link[]} forward  the links that do not run back
 * @property {number[]} starts  placed nodes that nothing leads to
 */

export class LayoutError extends Error {}

/**
 * @param {Graph} graph
 * @returns {Model}
 * @throws {LayoutError} a flow has an end that is not there
 */
export function analyse(graph) {
  const nodeById = new Map(graph.nodes.map((node) => [node.id, node]));
  const placed = graph.nodes.filter((node) => !node.host);
  const indexOf = new Map(placed.map((node, i) => [node.id, i]));
  const placeOf = (id) => indexOf.get(nodeById.get(id)?.host ?? id);
  const links = graph.edges.map((edge) => {
    const [source, target] = [placeOf(edge.source), placeOf(edge.target)];
    if (source === undefined || target === undefined) {
      throw new LayoutError(
        `Flow ${edge.id} joins ${edge.source} to ${edge.target}; both must exist`,
      );
    }
    return { edge, source, target, boundary: !indexOf.has(edge.source), back: false };
  });
  const entered = new Set(links.map((link) => link.target));
  const starts = placed.map((_, i) => i).filter((i) => !entered.has(i));
  markBackLinks(placed.length, links, starts);
  const forward = links.filter((link) => !link.back);
  return { graph, nodeById, placed, links, forward, starts };
}

/** Depth-first from the starts in document order; a flow to a node still open runs back. */
function markBackLinks(count, links, starts) {
  const leaving = Array.from({ length: count }, () => []);
  for (const link of links) leaving[link.source].push(link);
  const state = new Array(count).fill('new');
  const visit = (node) => {
    state[node] = 'open';
    for (const link of leaving[node]) {
      if (state[link.target] === 'open') link.back = true;
      else if (state[link.target] === 'new') visit(link.target);
    }
    state[node] = 'done';
  };
  for (const node of [...starts, ...Array(count).keys()]) if (state[node] === 'new') visit(node);
}

/** May two flows share a line as they leave? Not when a label must tell them apart. */
export const mayFork = (a, b) => a.source === b.source && !a.name && !b.name;

/**
 * May two flows share a line: unnamed ones that leave the same gateway, or ones that lead to the
 * same gateway or event? Into and out of a task each has a line of its own.
 * @param {Model} model @param {Edge} a @param {Edge} b
 */
export function mayShare({ nodeById }, a, b) {
  const isTask = (id) => nodeById.get(id).kind === 'task';
  if (mayFork(a, b) && !isTask(a.source)) return true;
  return a.target === b.target && !isTask(a.target);
}

/** Least number of columns that a link goes to the right: an escalation may sit under its timer. */
export const reach = (link) => (link.boundary ? 0 : 1);

/**
 * Columns by longest path, never left of where `columns` has a node already.
 * @param {Model} model @param {number[]} columns @returns {number[]}
 */
export function longestPathColumns(model, columns) {
  const column = [...columns];
  for (let changed = true; changed;) {
    changed = false;
    for (const link of model.forward) {
      if (column[link.target] >= column[link.source] + reach(link)) continue;
      column[link.target] = column[link.source] + 1;
      changed = true;
    }
  }
  return column;
}

/**
 * The longest chain from the first start: what a reader takes for the normal course.
 * @param {Model} model @param {number[]} column @returns {boolean[]} by placed node
 */
export function mainPath(model, column) {
  const count = model.placed.length;
  const length = new Array(count).fill(1);
  const next = new Array(count).fill(-1);
  const fromRight = [...Array(count).keys()].sort((a, b) => column[b] - column[a]);
  for (const node of fromRight) {
    for (const link of model.forward) {
      if (link.source !== node || link.boundary || length[link.target] < length[node]) continue;
      length[node] = length[link.target] + 1;
      next[node] = link.target;
    }
  }
  const onMain = new Array(count).fill(false);
  for (let v = model.starts[0] ?? -1; v >= 0 && !onMain[v]; v = next[v]) onMain[v] = true;
  return onMain;
}
