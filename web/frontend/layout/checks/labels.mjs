/** Rules about names and labels. @typedef {import('./scene.mjs').Scene} Scene */
import { overlap, shrunk, touchesDiamond } from '../boxes.mjs';
import { LABEL_FONT, NAME_FONT } from '../measures.mjs';
import { textWidth, wrap } from '../text.mjs';
import { pairs, runsInto } from './scene.mjs';

/** bpmn-js: lines at 1.2 times the font, 7 px around a name in a shape. */
const LINE_HEIGHT = 1.2;
const NAME_PADDING = 7;
/** A fourth line would run into the markers of a task. */
const MOST_NAME_LINES = 3;
const BAND_NAME_PADDING = 8;

export const labelRules = {
  labelMissingDI,
  labelOnShape,
  labelOnLabel,
  labelOnEdge,
  labelOnLaneBorder,
  textOverflow,
  unlabelledLane,
  unnamedTask,
  unlabelledBranch,
};

const placed = (labels) => labels.filter(({ box }) => box);
/** Touching by a pixel is not lying on. */
const core = (box) => shrunk(box, 1);

/** @param {Scene} scene */
function* labelMissingDI({ labels }) {
  for (const { id, box } of labels) {
    if (!box) yield [[id], `the label of ${id} has no place of its own`];
  }
}

/** @param {Scene} scene */
function* labelOnShape({ labels, nodes, artifacts }) {
  const shapes = [...nodes.filter(({ box }) => box), ...artifacts];
  for (const label of placed(labels)) {
    for (const { id, box, ...rest } of shapes) {
      const touches = 'kind' in rest && rest.kind === 'gateway' ? touchesDiamond : overlap;
      if (touches(core(label.box), box))
        yield [[label.id, id], `the label of ${label.id} is on ${id}`];
    }
  }
}

/** @param {Scene} scene */
function* labelOnLabel({ labels }) {
  for (const [a, b] of pairs(placed(labels))) {
    if (!overlap(core(a.box), core(b.box))) continue;
    yield [[a.id, b.id], `the labels of ${a.id} and ${b.id} lie on one another`];
  }
}

/** @param {Scene} scene */
function* labelOnEdge({ labels, pieces }) {
  for (const { id, box } of placed(labels)) {
    const hit = pieces.find((piece) => runsInto(piece, core(box)));
    if (hit) yield [[id, hit.flow.id], `${hit.flow.id} runs through the label of ${id}`];
  }
}

/** @param {Scene} scene */
function* labelOnLaneBorder({ labels, lanes }) {
  const borders = lanes.flatMap(({ box }) => (box ? [box.y, box.y + box.h] : []));
  for (const { id, box } of placed(labels)) {
    const { y, h } = core(box);
    if (!borders.some((border) => border > y && border < y + h)) continue;
    yield [[id], `the border of a lane runs through the label of ${id}`];
  }
}

/** @param {Scene} scene */
function* textOverflow({ nodes, lanes, pool, labels }) {
  for (const { id, name, box } of placed(labels)) {
    const lines = wrap(name, LABEL_FONT, box.w).length;
    if (lines * LABEL_FONT * LINE_HEIGHT <= box.h + 3) continue;
    yield [[id], `the label of ${id} takes ${lines} lines, more than its place holds`];
  }
  for (const { id, name, box, kind } of nodes) {
    if (kind !== 'task' || !name || !box) continue;
    const lines = wrap(name, NAME_FONT, box.w - 2 * NAME_PADDING).length;
    const room = Math.floor((box.h - 2 * NAME_PADDING) / (NAME_FONT * LINE_HEIGHT));
    const most = Math.min(MOST_NAME_LINES, room);
    if (lines > most) yield [[id], `the name of ${id} takes ${lines} lines, ${most} fit`];
  }
  for (const { id, name, box } of [...lanes, ...(pool ? [pool] : [])]) {
    if (!name || !box || textWidth(name, NAME_FONT) + BAND_NAME_PADDING <= box.h) continue;
    yield [[id], `the name of ${id} is longer than ${id} is high`];
  }
}

/** @param {Scene} scene */
function* unlabelledLane({ lanes, pool }) {
  for (const { id, name } of [...lanes, ...(pool ? [pool] : [])]) {
    if (!name) yield [[id], `${id} has no name`];
  }
}

/** @param {Scene} scene */
function* unnamedTask({ nodes }) {
  for (const { id, kind, name } of nodes) {
    if (kind === 'task' && !name) yield [[id], `${id} has no name`];
  }
}

/** @param {Scene} scene */
function* unlabelledBranch({ nodes, flows }) {
  for (const { id, element } of nodes) {
    if (!/Exclusive|Inclusive/.test(element.$type)) continue;
    const branches = flows.filter(({ source }) => source === id);
    if (branches.length < 2) continue;
    for (const branch of branches) {
      if (!branch.name) yield [[branch.id], `branch ${branch.id} of ${id} has no label`];
    }
  }
}
