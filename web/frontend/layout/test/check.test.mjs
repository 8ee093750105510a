import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check, hardRules } from '../check.mjs';
import { limits } from '../checks/limits.mjs';
import { runsInto } from '../checks/scene.mjs';
import { diagramElements } from '../bpmn.mjs';
import { moddle, parse } from '../xml.mjs';
import { drawn } from './samples.mjs';

/** A drawn sample to plant faults into, with short ways to its elements. */
async function specimen() {
  const definitions = await parse(await drawn('handling'));
  const shown = diagramElements(definitions);
  const { plane } = definitions.diagrams[0];
  return {
    definitions,
    plane,
    process: definitions.rootElements.find(({ $type }) => $type === 'bpmn:Process'),
    element: (id) => shown.get(id).bpmnElement,
    bounds: (id) => shown.get(id).bounds,
    label: (id) => shown.get(id).label.bounds,
    edge: (id) => shown.get(id),
    flows: [...shown.values()].filter((di) => di.waypoint),
  };
}

const points = (...list) => list.map(([x, y]) => moddle.create('dc:Point', { x, y }));
const put = (bounds, x, y) => Object.assign(bounds, { x, y });

/** One planted fault for every hard rule. */
const FAULTS = {
  missingDI: ({ plane }) => {
    plane.planeElement = plane.planeElement.filter((di) => di.bpmnElement.id !== 'Flow_3');
  },
  shapeOverlap: ({ bounds }) => (bounds('t3').x = bounds('p1').x - 20),
  tightGap: ({ bounds }) => (bounds('t1').x = bounds('t2').x - 112),
  outsideLane: ({ bounds }) => (bounds('h1').y += 70),
  detachedBoundary: ({ bounds }) => (bounds('b1').y -= 30),
  laneTiling: ({ bounds }) => (bounds('Lane_2').height += 20),
  edgeThroughShape: ({ edge }) => {
    edge('Flow_2').waypoint = [edge('Flow_1').waypoint[0], edge('Flow_2').waypoint.at(-1)];
  },
  edgeOverlap: ({ edge }) => (edge('Flow_6').waypoint = edge('Flow_24').waypoint),
  ambiguousSplit: ({ edge }) => (edge('Flow_11').waypoint = edge('Flow_12').waypoint),
  nonOrthogonal: ({ edge }) => (edge('Flow_11').waypoint[1].x += 15),
  danglingEnd: ({ edge }) => (edge('Flow_2').waypoint.at(-1).x -= 25),
  excessBackward: ({ bounds }) => (bounds('s').x = bounds('e1').x),
  labelMissingDI: ({ edge }) => (edge('g1').label = undefined),
  labelOnShape: ({ label, bounds }) => put(label('g1'), bounds('t4').x + 5, bounds('t4').y + 10),
  labelOnLabel: ({ label }) => put(label('g1'), label('Flow_12').x - 5, label('Flow_12').y + 2),
  labelOnEdge: ({ edge, label }) => (label('Flow_12').y = edge('Flow_12').waypoint[0].y - 7),
  labelOnLaneBorder: ({ label, bounds }) => (label('g1').y = bounds('Lane_2').y - 7),
  textOverflow: ({ element }) => {
    element('t1').name = '根据信访工作条例规定对信访事项进行全面调查核实并形成书面材料报送';
  },
  unlabelledLane: ({ element }) => (element('Lane_3').name = ''),
  unnamedTask: ({ element }) => (element('t1').name = ''),
  unlabelledBranch: ({ element }) => (element('Flow_12').name = ''),
};

const ZIGZAG = [0, 1, 2, 3, 4, 5, 6].map((i) => [i * 60, i % 2 ? 400 : 0]);

/** One planted fault for every soft limit. */
const LABORIOUS = {
  crossPerEdge: ({ flows }) => {
    flows.forEach((di, i) => (di.waypoint = points([i * 10, 0], [1000 - i * 10, 500])));
  },
  bendsPerEdge: ({ flows }) => flows.forEach((di) => (di.waypoint = points(...ZIGZAG))),
  maxBends: ({ edge }) => (edge('Flow_1').waypoint = points(...ZIGZAG)),
  straightShare: ({ flows }) => flows.forEach((di) => (di.waypoint = points(...ZIGZAG))),
  maxDetour: ({ edge }) => (edge('Flow_1').waypoint = points(...ZIGZAG)),
  minTrackGap: ({ edge }) => {
    edge('Flow_1').waypoint = points([0, 0], [100, 0]);
    edge('Flow_2').waypoint = points([0, 6], [100, 6]);
  },
  elements: ({ process }) => {
    for (let i = 0; i < 10; i++) {
      process.flowElements.push(moddle.create('bpmn:UserTask', { id: `more_${i}`, name: '办理' }));
    }
  },
  aspect: ({ bounds }) => (bounds('Pool_handling').width *= 10),
};

test('every rule and every limit has a planted fault', () => {
  assert.deepEqual(Object.keys(FAULTS).sort(), Object.keys(hardRules).sort());
  assert.deepEqual(Object.keys(LABORIOUS).sort(), Object.keys(limits).sort());
});

test('the specimen has no finding before a fault is planted', async () => {
  const { definitions } = await specimen();
  assert.deepEqual(check(definitions).findings, []);
});

for (const [level, faults] of Object.entries({ hard: FAULTS, soft: LABORIOUS })) {
  for (const [rule, plant] of Object.entries(faults)) {
    test(`${rule} is found, ${level}, with the elements at fault`, async () => {
      const planted = await specimen();
      plant(planted);
      const found = check(planted.definitions).findings.find((finding) => finding.rule === rule);
      assert.ok(found, `${rule} was not found`);
      assert.equal(found.level, level);
      const ofTheWhole = ['bendsPerEdge', 'straightShare', 'elements', 'aspect'];
      if (!ofTheWhole.includes(rule)) assert.ok(found.elements.length > 0);
    });
  }
}

test('one soft finding is no harm, two are', async () => {
  const one = await specimen();
  LABORIOUS.aspect(one);
  const { findings } = check(one.definitions);
  const soft = findings.filter(({ level }) => level === 'soft');
  assert.deepEqual(
    soft.map(({ rule }) => rule),
    ['aspect'],
  );
  const two = await specimen();
  LABORIOUS.elements(two);
  LABORIOUS.aspect(two);
  assert.equal(check(two.definitions).ok, false);
});

test('a flow runs into a box when it has a part inside', () => {
  const box = { x: 10, y: 10, w: 20, h: 10 };
  const runs = (...ends) => runsInto({ a: ends[0], b: ends[1] }, box);
  assert.ok(runs([0, 15], [40, 15]));
  assert.ok(runs([40, 15], [0, 15]));
  assert.ok(runs([15, 12], [15, 13]));
  assert.ok(runs([9.5, 11], [11, 9.5]), 'across a corner');
  assert.ok(!runs([8, 11], [11, 8]), 'past a corner');
  assert.ok(!runs([0, 10], [40, 10]), 'along the border');
  assert.ok(!runs([0, 15], [10, 15]), 'up to the border');
  assert.ok(!runsInto({ a: [0, 15], b: [40, 15] }, { ...box, w: -2 }), 'nothing is left of the box');
});

test('a flow drawn far away is judged at once', async () => {
  const { definitions, edge } = await specimen();
  edge('Flow_1').waypoint[1].x = 1e12;
  const started = performance.now();
  assert.equal(check(definitions).ok, false);
  assert.ok(performance.now() - started < 5000);
});

test('an annotation on a shape is found', async () => {
  const definitions = await parse(await drawn('every-shape'));
  const shown = diagramElements(definitions);
  const { x, y } = shown.get('grade').bounds;
  put(shown.get('annotation').bounds, x, y);
  const overlap = check(definitions).findings.find(({ rule }) => rule === 'shapeOverlap');
  assert.deepEqual(overlap.elements, ['grade', 'annotation']);
});
