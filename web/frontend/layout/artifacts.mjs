/**
 * Annotations, groups and data are not laid out: they keep their place beside the node that they
 * are associated with, or the place that they have. Only what is drawn is moved; nothing is added.
 */

/**
 * @typedef {import('./bpmn.mjs').ModdleElement} ModdleElement
 * @typedef {object} Artifact
 * @property {ModdleElement} di
 * @property {string[]} ends  of a line: the ids that it joins; of a shape: the ids it belongs to
 * @property {Map<string, {x: number, y: number}>} before  old centres of drawn elements, by id
 */

/**
 * @param {ModdleElement} definitions
 * @param {import('./bpmn.mjs').Parts} parts
 * @param {Map<string, ModdleElement>} drawn  diagram elements before the layout, by element id
 * @returns {Artifact[]}
 */
export function drawnArtifacts(definitions, parts, drawn) {
  const { participant, lanes, nodes, flows } = parts;
  const laidOut = new Set([participant, ...lanes, ...nodes, ...flows].map((e) => e?.id));
  const links = associations(definitions, parts);
  const before = new Map();
  for (const [id, di] of drawn) if (di.bounds) before.set(id, centre(di.bounds));
  return [...drawn]
    .filter(([id]) => !laidOut.has(id))
    .map(([id, di]) => ({
      di,
      ends:
        links.get(id) ?? [...links.values()].filter((e) => e.includes(id)).map((e) => other(e, id)),
      before,
    }));
}

const other = ([a, b], id) => (a === id ? b : a);
const centre = ({ x, y, width, height }) => ({ x: x + width / 2, y: y + height / 2 });

/**
 * By the id of an association: the ids of its two ends.
 * @param {ModdleElement} definitions @param {import('./bpmn.mjs').Parts} parts
 */
function associations(definitions, { process, collaboration, nodes }) {
  const links = new Map();
  const add = (id, ...ends) =>
    links.set(
      id,
      ends.map((end) => end?.id),
    );
  for (const artifact of [...(process.artifacts ?? []), ...(collaboration?.artifacts ?? [])]) {
    if (artifact.$instanceOf('bpmn:Association')) {
      add(artifact.id, artifact.sourceRef, artifact.targetRef);
    }
  }
  for (const node of nodes) {
    for (const input of node.dataInputAssociations ?? []) add(input.id, input.sourceRef?.[0], node);
    for (const output of node.dataOutputAssociations ?? []) add(output.id, node, output.targetRef);
  }
  return links;
}

/**
 * @param {any} moddle
 * @param {Artifact[]} artifacts
 * @param {Map<string, ModdleElement>} drawn  the laid-out diagram elements, by element id
 * @returns {ModdleElement[]} the artifacts' diagram elements, moved
 */
export function moveArtifacts(moddle, artifacts, drawn) {
  const shapes = artifacts.filter(({ di }) => di.bounds);
  for (const { di, ends, before } of shapes) {
    const anchor = ends.find((id) => before.has(id) && drawn.get(id)?.bounds);
    if (!anchor) continue;
    const after = centre(drawn.get(anchor).bounds);
    const shift = { x: after.x - before.get(anchor).x, y: after.y - before.get(anchor).y };
    for (const bounds of [di.bounds, di.label?.bounds].filter(Boolean)) {
      bounds.x += shift.x;
      bounds.y += shift.y;
    }
  }
  const boxes = new Map(drawn);
  for (const { di } of shapes) boxes.set(di.bpmnElement.id, di);
  for (const { di, ends } of artifacts.filter(({ di }) => di.waypoint)) {
    const [a, b] = ends.map((id) => boxes.get(id)?.bounds);
    if (!a || !b) continue;
    di.waypoint = [cut(a, b), cut(b, a)].map((point) => moddle.create('dc:Point', point));
  }
  return artifacts.map(({ di }) => di);
}

/** Where the line between the centres leaves the box `from`. */
function cut(from, to) {
  const [a, b] = [centre(from), centre(to)];
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const out = Math.max(Math.abs(dx) / (from.width / 2), Math.abs(dy) / (from.height / 2), 1);
  return { x: Math.round(a.x + dx / out), y: Math.round(a.y + dy / out) };
}
