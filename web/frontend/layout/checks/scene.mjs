/**
 * What a diagram shows, for the rules to look at.
 *
 * @typedef {import('../boxes.mjs').Box} Box
 * @typedef {import('../boxes.mjs').Point} Point
 * @typedef {{id: string, name: string, element: any, kind: 'task'|'gateway'|'event',
 *   host?: string, box?: Box}} SceneNode
 * @typedef {{id: string, name: string, source: string, target: string,
 *   points: Point[]}} SceneFlow  without points when it is not drawn
 * @typedef {{id: string, name: string, box?: Box, members: string[]}} SceneLane
 * @typedef {{id: string, name: string, box?: Box}} Label  of a named gateway, event or flow
 * @typedef {{flow: SceneFlow, a: Point, b: Point, x1: number, y1: number, x2: number, y2: number,
 *   level: boolean, upright: boolean}} Piece
 *
 * @typedef {object} Scene
 * @property {SceneNode[]} nodes
 * @property {Map<string, SceneNode>} nodeById
 * @property {SceneFlow[]} flows
 * @property {SceneLane[]} lanes
 * @property {SceneLane} [pool]
 * @property {Label[]} labels
 * @property {{id: string, box: Box}[]} artifacts  annotations and data that are drawn
 * @property {Piece[]} pieces  of the drawn flows
 */
import { boxOf, diagramElements, kindOf, partsOf } from '../bpmn.mjs';

/** @param {import('../bpmn.mjs').ModdleElement} definitions @returns {Scene} */
export function sceneOf(definitions) {
  const { participant, lanes, nodes, flows } = partsOf(definitions);
  const shown = diagramElements(definitions);
  const common = ({ id, name }) => ({ id, name: name?.trim() ?? '', box: boxOf(shown.get(id)) });
  const band = (element) => ({
    ...common(element),
    members: (element.flowNodeRef ?? []).map((node) => node.id),
  });
  const sceneNodes = nodes.map((element) => ({
    ...common(element),
    element,
    kind: kindOf(element),
    host: element.attachedToRef?.id,
  }));
  const sceneFlows = flows.map(({ id, name, sourceRef, targetRef }) => ({
    id,
    name: name?.trim() ?? '',
    source: sourceRef?.id,
    target: targetRef?.id,
    points: (shown.get(id)?.waypoint ?? []).map(({ x, y }) => [x, y]),
  }));
  const named = [...sceneNodes.filter(({ kind }) => kind !== 'task'), ...sceneFlows];
  return {
    nodes: sceneNodes,
    nodeById: new Map(sceneNodes.map((node) => [node.id, node])),
    flows: sceneFlows,
    lanes: lanes.map(band),
    pool: participant && band(participant),
    labels: named
      .filter(({ id, name }) => name && shown.has(id))
      .map(({ id, name }) => ({ id, name, box: boxOf(shown.get(id).label) })),
    artifacts: [...shown.values()].filter(isArtifact).map((di) => ({
      id: di.bpmnElement.id,
      box: boxOf(di),
    })),
    pieces: sceneFlows.flatMap(piecesOf),
  };
}

const ARTIFACTS = ['TextAnnotation', 'DataObjectReference', 'DataStoreReference'];

function isArtifact({ bounds, bpmnElement }) {
  return bounds && ARTIFACTS.some((type) => bpmnElement.$instanceOf(`bpmn:${type}`));
}

function piecesOf(flow) {
  return flow.points.slice(1).map((b, i) => {
    const a = flow.points[i];
    return {
      flow,
      a,
      b,
      x1: Math.min(a[0], b[0]),
      y1: Math.min(a[1], b[1]),
      x2: Math.max(a[0], b[0]),
      y2: Math.max(a[1], b[1]),
      level: Math.abs(a[1] - b[1]) <= 1,
      upright: Math.abs(a[0] - b[0]) <= 1,
    };
  });
}

/** Every pair of a list, once. @template T @param {T[]} items @returns {Iterable<[T, T]>} */
export function* pairs(items) {
  for (let i = 0; i < items.length; i++) {
    for (let j = i + 1; j < items.length; j++) yield [items[i], items[j]];
  }
}

/** Does a piece, aslant or not, enter a box? @param {Piece} piece @param {Box} box */
export function runsInto({ a, b }, { x, y, w, h }) {
  const [fromX, toX] = within(a[0], b[0], x, x + w);
  const [fromY, toY] = within(a[1], b[1], y, y + h);
  return Math.max(0, fromX, fromY) < Math.min(1, toX, toY);
}

/** The part of the way from `a` to `b`, as shares of it, that lies between `low` and `high`. */
function within(a, b, low, high) {
  if (a === b) return a > low && a < high ? [0, 1] : [1, 0];
  const [first, last] = a < b ? [low, high] : [high, low];
  return [(first - a) / (b - a), (last - a) / (b - a)];
}
