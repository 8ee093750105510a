import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphOf } from '../bpmn.mjs';
import { check } from '../check.mjs';
import { LayoutError, layout } from '../index.mjs';
import { tidy } from '../tidy.mjs';
import { parse } from '../xml.mjs';
import { SAMPLES, drawn, processXml, undrawn } from './samples.mjs';

for (const name of SAMPLES) {
  test(`${name} is laid out without a hard finding and with at most one soft`, async () => {
    const { findings, ok } = check(await parse(await drawn(name)));
    assert.deepEqual(
      findings.filter(({ level }) => level === 'hard'),
      [],
    );
    assert.ok(ok, JSON.stringify(findings));
  });

  test(`${name} gives the same file again`, async () => {
    assert.equal(await tidy(await drawn(name)), await drawn(name));
  });
}

/** Share of the pairs of nodes that stand the other way round, across or down. */
function turned(before, after) {
  const ids = before.nodes.filter(({ host }) => !host).map(({ id }) => id);
  const centre = (graph, id) => {
    const { x, y, w, h } = graph.nodes.find((node) => node.id === id).drawn;
    return [x + w / 2, y + h / 2];
  };
  let pairs = 0;
  let changed = 0;
  for (const [i, a] of ids.entries()) {
    for (const b of ids.slice(i + 1)) {
      for (const axis of [0, 1]) {
        const was = centre(before, a)[axis] - centre(before, b)[axis];
        const is = centre(after, a)[axis] - centre(after, b)[axis];
        pairs++;
        if (was * is < 0) changed++;
      }
    }
  }
  return changed / pairs;
}

test('--keep leaves what was drawn in its order when a task comes in between', async () => {
  const before = await drawn('handling');
  const inserted = before
    .replace(
      '<bpmn:flowNodeRef>t4<',
      '<bpmn:flowNodeRef>t4b</bpmn:flowNodeRef><bpmn:flowNodeRef>t4<',
    )
    .replace('sourceRef="t4" targetRef="l2"', 'sourceRef="t4" targetRef="t4b"')
    .replace(
      '</bpmn:process>',
      '<bpmn:userTask id="t4b" name="合法性审核" />' +
        '<bpmn:sequenceFlow id="Flow_t4b" sourceRef="t4b" targetRef="l2" /></bpmn:process>',
    );
  const definitions = await parse(await tidy(inserted, { keep: true }));
  assert.deepEqual(
    check(definitions).findings.filter(({ level }) => level === 'hard'),
    [],
  );
  const share = turned(graphOf(await parse(before)), graphOf(definitions));
  assert.ok(share < 0.01, `${share} of the pairs changed their order`);
});

test('--keep lays out afresh what was hardly drawn', async () => {
  assert.equal(await tidy(undrawn('every-shape'), { keep: true }), await drawn('every-shape'));
});

test('a process without pool and lanes has no header', async () => {
  const xml = processXml(`
    <bpmn:startEvent id="begin" name="开始" /><bpmn:userTask id="act" name="办理" />
    <bpmn:sequenceFlow id="Flow_1" sourceRef="begin" targetRef="act" />`);
  const { nodes, lanes } = layout(graphOf(await parse(xml)));
  assert.deepEqual(lanes, []);
  assert.ok(nodes.get('begin').x < 60);
  assert.deepEqual(check(await parse(await tidy(xml))).findings, []);
});

test('unnamed flows of a parallel gateway share their line instead of going round', async () => {
  const events = [1, 2, 3, 4, 5].map((i) => `wait_${i}`);
  const lane = (id, members) =>
    `<bpmn:lane id="${id}" name="${id}">${members
      .map((member) => `<bpmn:flowNodeRef>${member}</bpmn:flowNodeRef>`)
      .join('')}</bpmn:lane>`;
  const xml = processXml(`
    <bpmn:laneSet id="lanes">${lane('one', ['begin', 'fork', 'wait_1', 'wait_2'])}
      ${lane('two', ['wait_3', 'wait_4'])}${lane('three', ['wait_5'])}</bpmn:laneSet>
    <bpmn:startEvent id="begin" name="开始" /><bpmn:parallelGateway id="fork" />
    <bpmn:sequenceFlow id="Flow_0" sourceRef="begin" targetRef="fork" />
    ${events.map((id) => `<bpmn:intermediateCatchEvent id="${id}" name="等待" />`).join('')}
    ${events
      .map((id) => `<bpmn:sequenceFlow id="Flow_${id}" sourceRef="fork" targetRef="${id}" />`)
      .join('')}`);
  const { nodes, edges } = layout(graphOf(await parse(xml)));
  for (const id of events) {
    for (const [x] of edges.get(`Flow_${id}`)) assert.ok(x >= nodes.get('fork').x, id);
  }
});

test('the label of a default flow keeps off its slash', async () => {
  const graph = graphOf(await parse(undrawn('every-shape')));
  const { labels, edges } = layout(graph);
  const [[x, y]] = edges.get('Flow_consult');
  const label = labels.get('Flow_consult');
  assert.ok(label.x >= x + 16 || label.y > y + 8 || label.y + label.h < y - 8);
});

test('boundary events sit two on an edge, and a fifth is refused', () => {
  const graphWith = (count) => ({
    pool: false,
    lanes: [],
    nodes: [
      { id: 'act', kind: 'task', lane: 0, name: '办理' },
      ...Array.from({ length: count }, (_, i) => ({
        id: `timer_${i}`,
        kind: 'event',
        lane: 0,
        host: 'act',
      })),
    ],
    edges: [],
  });
  const { nodes } = layout(graphWith(4));
  const places = [0, 1, 2, 3].map((i) => nodes.get(`timer_${i}`)).map(({ x, y }) => `${x} ${y}`);
  assert.equal(new Set(places).size, 4);
  assert.throws(() => layout(graphWith(5)), /act has more than 4 boundary events/);
});

const TASK = '<bpmn:userTask id="act" name="办理" />';
const LANE = '<bpmn:laneSet id="lanes"><bpmn:lane id="lane" name="岗位" /></bpmn:laneSet>';
const POOLS = `<bpmn:collaboration id="c"><bpmn:participant id="p" processRef="procedure" />
  <bpmn:participant id="q" name="信访人" /></bpmn:collaboration>`;
const SUBPROCESS = `<bpmn:subProcess id="sub" name="办理">${TASK}</bpmn:subProcess>`;
const REFUSED = [
  ['several pools', processXml(TASK, POOLS), /at most one pool, found 2/],
  ['an element in no lane', processXml(LANE + TASK), /act in a lane/],
  ['a subprocess with contents', processXml(SUBPROCESS), /call activity/],
  ['an empty process', processXml(''), /at least one element/],
  ['what is not BPMN', '<html />', /must be BPMN 2\.0/],
  [
    'a flow to nowhere',
    processXml(`${TASK}<bpmn:sequenceFlow id="Flow_1" sourceRef="act" targetRef="gone" />`),
    /would be lost.*gone/,
  ],
];

for (const [what, xml, message] of REFUSED) {
  test(`${what} is refused with a reason`, async () => {
    await assert.rejects(tidy(xml), (error) => {
      assert.ok(error instanceof LayoutError, error.stack);
      assert.match(error.message, message);
      return true;
    });
  });
}
