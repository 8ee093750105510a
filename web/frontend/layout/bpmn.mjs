/**
 * Between BPMN and the layout's graph. Works on a moddle tree, so the modeler's own definitions
 * will do; only diagram elements (BPMN DI) are ever written.
 *
 * @typedef {any} ModdleElement  an element of bpmn-moddle's tree; it has no types of its own
 */
import { drawnArtifacts, moveArtifacts } from './artifacts.mjs';
import { LayoutError } from './graph.mjs';

/** Where the upper left corner of the pool goes on the canvas. */
const ORIGIN = { x: 160, y: 80 };

const isA = (element, type) => element.$instanceOf(`bpmn:${type}`);

/**
 * @typedef {{process: ModdleElement, participant?: ModdleElement, collaboration?: ModdleElement,
 *   lanes: ModdleElement[], nodes: ModdleElement[], flows: ModdleElement[]}} Parts
 *
 * The parts of a file that the layout knows.
 * @param {ModdleElement} definitions
 * @returns {Parts}
 * @throws {LayoutError} what is there cannot be laid out
 */
export function partsOf(definitions) {
  const roots = definitions.rootElements ?? [];
  const processes = roots.filter((root) => isA(root, 'Process'));
  const collaboration = roots.find((root) => isA(root, 'Collaboration'));
  const participants = collaboration?.participants ?? [];
  const [process] = processes;
  expect(processes.length === 1, `one process, found ${processes.length}`);
  expect(participants.length <= 1, `at most one pool, found ${participants.length}`);
  expect(!collaboration?.messageFlows?.length, 'no message flows');
  expect((process.laneSets ?? []).length <= 1, `one set of lanes in ${process.id}`);
  const lanes = process.laneSets?.[0]?.lanes ?? [];
  for (const lane of lanes)
    expect(!lane.childLaneSet?.lanes?.length, `no lanes in lane ${lane.id}`);
  const elements = process.flowElements ?? [];
  const nodes = elements.filter((element) => isA(element, 'FlowNode'));
  for (const node of nodes) {
    const why = `the contents of subprocess ${node.id} in a process of their own (call activity)`;
    expect(!node.flowElements?.length, why);
  }
  return {
    process,
    collaboration,
    participant: participants[0],
    lanes,
    nodes,
    flows: elements.filter((element) => isA(element, 'SequenceFlow')),
  };
}

function expect(holds, what) {
  if (!holds) throw new LayoutError(`The layout expects ${what}`);
}

/**
 * @param {ModdleElement} definitions
 * @returns {import('./graph.mjs').Graph}
 * @throws {LayoutError} see partsOf; also a node in no lane, a flow or boundary event with a
 *   missing end
 */
export function graphOf(definitions) {
  const { participant, lanes, nodes, flows } = partsOf(definitions);
  expect(nodes.length > 0, 'at least one element in the process');
  const shapes = diagramElements(definitions);
  const laneOf = new Map();
  lanes.forEach((lane, i) => (lane.flowNodeRef ?? []).forEach((node) => laneOf.set(node.id, i)));
  const ids = new Set(nodes.map((node) => node.id));
  return {
    pool: Boolean(participant),
    lanes: lanes.map(({ id, name }) => ({ id, name })),
    nodes: nodes.map((node) => {
      const host = isA(node, 'BoundaryEvent') ? (node.attachedToRef?.id ?? '') : undefined;
      expect(host === undefined || ids.has(host), `boundary event ${node.id} on an activity`);
      const lane = lanes.length ? laneOf.get(host ?? node.id) : 0;
      expect(lane !== undefined, `${host ?? node.id} in a lane (flowNodeRef)`);
      const { id, name } = node;
      return { id, kind: kindOf(node), name, lane, host, drawn: boxOf(shapes.get(id)) };
    }),
    edges: flows.map(({ id, name, sourceRef, targetRef }) => {
      expect(sourceRef && targetRef, `a source and a target of flow ${id}`);
      const isDefault = sourceRef.default?.id === id;
      return { id, name, source: sourceRef.id, target: targetRef.id, isDefault };
    }),
  };
}

const VARIABLE_REFERENCES = ['bpmn:loopDataInputRef', 'bpmn:loopDataOutputRef'];

/**
 * SpiffWorkflow lets a multi-instance loop name a variable where the standard wants the id of a
 * data element; moddle does not find one and would drop the name. Puts it back.
 * @param {{element?: ModdleElement, property?: string, value?: string, message: string}[]} warnings
 *   of reading the file
 * @returns {{message: string}[]} the warnings that remain
 */
export function restoreVariableReferences(warnings) {
  return warnings.filter(({ element, property, value }) => {
    if (!VARIABLE_REFERENCES.includes(property)) return true;
    element.set(property, element.$model.create('bpmn:ItemAwareElement', { id: value }));
    return false;
  });
}

/** @returns {'gateway'|'event'|'task'} */
export function kindOf(node) {
  if (isA(node, 'Gateway')) return 'gateway';
  return isA(node, 'Event') ? 'event' : 'task';
}

/**
 * The diagram elements by the id of what they show.
 * @param {ModdleElement} definitions
 * @returns {Map<string, ModdleElement>}
 */
export function diagramElements(definitions) {
  const elements = definitions.diagrams?.[0]?.plane?.planeElement ?? [];
  return new Map(elements.filter((e) => e.bpmnElement).map((e) => [e.bpmnElement.id, e]));
}

/** @param {ModdleElement} [shape] @returns {import('./boxes.mjs').Box | undefined} */
export function boxOf(shape) {
  const { x, y, width, height } = shape?.bounds ?? {};
  return width === undefined ? undefined : { x, y, w: width, h: height };
}

/**
 * Writes the layout into the definitions' diagram. What the diagram says beyond places (colours,
 * ids) stays, and so do artifacts and data, which move with the node that they belong to.
 * @param {ModdleElement} definitions
 * @param {import('./index.mjs').Layout} layout
 */
export function drawOn(definitions, layout) {
  const parts = partsOf(definitions);
  const moddle = definitions.$model;
  const old = diagramElements(definitions);
  const artifacts = drawnArtifacts(definitions, parts, old);
  const place = ({ x, y, w, h }) =>
    moddle.create('dc:Bounds', { x: x + ORIGIN.x, y: y + ORIGIN.y, width: w, height: h });
  const labelled = (di, id) => {
    const box = layout.labels.get(id);
    di.label = box ? moddle.create('bpmndi:BPMNLabel', { bounds: place(box) }) : undefined;
    return di;
  };
  const diagramElement = (type, element) =>
    old.get(element.id) ?? moddle.create(type, { id: `${element.id}_di`, bpmnElement: element });
  const shape = (element, box, more = {}) => {
    const di = diagramElement('bpmndi:BPMNShape', element);
    return labelled(Object.assign(di, more, { bounds: place(box) }), element.id);
  };
  const edge = (flow) => {
    const di = diagramElement('bpmndi:BPMNEdge', flow);
    di.waypoint = layout.edges
      .get(flow.id)
      .map(([x, y]) => moddle.create('dc:Point', { x: x + ORIGIN.x, y: y + ORIGIN.y }));
    return labelled(di, flow.id);
  };
  const elements = [
    ...(parts.participant ? [shape(parts.participant, layout.pool, { isHorizontal: true })] : []),
    ...parts.lanes.map((lane, i) => shape(lane, layout.lanes[i], { isHorizontal: true })),
    ...parts.nodes.map((node) => {
      const marked = isA(node, 'ExclusiveGateway') ? { isMarkerVisible: true } : {};
      return shape(node, layout.nodes.get(node.id), marked);
    }),
    ...parts.flows.map(edge),
  ];
  const drawn = new Map(elements.map((element) => [element.bpmnElement.id, element]));
  elements.push(...moveArtifacts(moddle, artifacts, drawn));
  setElements(definitions, parts, elements);
}

/** @param {ModdleElement} definitions @param {Parts} parts @param {ModdleElement[]} elements */
function setElements(definitions, { collaboration, process }, elements) {
  const moddle = definitions.$model;
  const root = collaboration ?? process;
  const [first, ...others] = definitions.diagrams ?? [];
  const diagram = first ?? moddle.create('bpmndi:BPMNDiagram', { id: `Diagram_${process.id}` });
  diagram.plane ??= moddle.create('bpmndi:BPMNPlane', { id: `Plane_${process.id}` });
  diagram.plane.bpmnElement = root;
  diagram.plane.planeElement = elements;
  for (const element of elements) element.$parent = diagram.plane;
  definitions.diagrams = [diagram, ...others];
}
