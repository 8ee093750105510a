import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diagramElements } from '../bpmn.mjs';
import { tidy } from '../tidy.mjs';
import { parse } from '../xml.mjs';
import { drawn, undrawn } from './samples.mjs';

/** Tags with sorted attributes, and texts, without the diagram and the white space between. */
function contentOf(xml) {
  const [semantic] = xml.split('<bpmndi:BPMNDiagram');
  const pieces = semantic.match(/<[^>]+>|[^<]+/g).map((piece) => piece.trim());
  return pieces
    .filter((piece) => piece && !piece.startsWith('<?') && !piece.startsWith('</bpmn:definitions'))
    .map((piece) => {
      if (!piece.startsWith('<')) return piece;
      const attributes = piece.match(/[\w:]+="[^"]*"/g) ?? [];
      const declared = attributes.filter((a) => !a.startsWith('xmlns')).sort();
      return [piece.match(/^<\/?[\w:]+/)[0], ...declared].join(' ');
    });
}

for (const name of ['acceptance', 'every-shape']) {
  test(`${name} keeps everything but its drawing`, async () => {
    assert.deepEqual(contentOf(await drawn(name)), contentOf(undrawn(name)));
  });
}

test('the comparison sees a lost property', () => {
  const xml = undrawn('every-shape');
  const poorer = xml.replace(/<spiffworkflow:property name="role".*\n/, '');
  assert.notEqual(poorer, xml);
  assert.notDeepEqual(contentOf(poorer), contentOf(xml));
});

test('extension elements arrive with their types', async () => {
  const shown = diagramElements(await parse(await drawn('every-shape')));
  const extensions = (id) => shown.get(id).bpmnElement.extensionElements.values;
  const [properties] = extensions('Flow_hearing');
  assert.equal(properties.$type, 'spiffworkflow:Properties');
  assert.equal(properties.values[0].value, '第31条');
  assert.equal(extensions('grade')[0].text, 'grade');
  const [operator, script] = extensions('remind');
  assert.equal(operator.parameterList.values[0].value, '"reminder"');
  assert.equal(operator.retry.retries, 3);
  assert.equal(script.text, 'a = 1\nb = 2');
  const loop = shown.get('consult').bpmnElement.loopCharacteristics;
  assert.equal(loop.scriptsOnInstances, true);
  assert.equal(loop.loopDataInputRef.id, 'units');
});

test('colours and ids of the drawing stay', async () => {
  const xml = await drawn('every-shape');
  assert.match(xml, /id="TheDiagram"/);
  assert.match(xml, /id="register_shape".*bioc:stroke="#1e88e5" bioc:fill="#bbdefb"/);
});

test('artifacts and data move with the node that they belong to', async () => {
  const before = diagramElements(await parse(undrawn('every-shape')));
  const after = diagramElements(await parse(await drawn('every-shape')));
  const between = (shown, a, b) => [
    shown.get(a).bounds.x - shown.get(b).bounds.x,
    shown.get(a).bounds.y - shown.get(b).bounds.y,
  ];
  for (const artifact of ['annotation', 'registration_form']) {
    assert.deepEqual(between(after, artifact, 'register'), between(before, artifact, 'register'));
  }
  const [start] = after.get('DataOutput_register').waypoint;
  assert.equal(start.y, after.get('register').bounds.y + after.get('register').bounds.height);
});

test('what the drawing had of elements that are gone goes', async () => {
  const xml = (await drawn('acceptance')).replace('bpmnElement="t1"', 'bpmnElement="t2"');
  assert.equal((await tidy(xml)).match(/bpmnElement="t2"/g).length, 1);
});
