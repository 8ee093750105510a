import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tidy } from '../tidy.mjs';
import { processXml } from './samples.mjs';

const TIDY = fileURLToPath(new URL('../tidy.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tidy-'));
after(() => rmSync(folder, { recursive: true }));

const PROCESS = processXml(`
  <bpmn:startEvent id="begin" name="开始" /><bpmn:userTask id="register" name="登记" />
  <bpmn:sequenceFlow id="Flow_1" sourceRef="begin" targetRef="register" />`);

function file(name, xml) {
  const path = join(folder, name);
  writeFileSync(path, xml);
  return path;
}

function run(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [TIDY, ...args], {
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

test('a file is laid out in place', async () => {
  const path = file('good.bpmn', PROCESS);
  const { status, output } = run(path);
  assert.equal(status, 0, output);
  assert.equal(readFileSync(path, 'utf8'), await tidy(PROCESS));
});

test('--check writes nothing and fails on what is not drawn', () => {
  const path = file('undrawn.bpmn', PROCESS);
  const { status, output } = run('--check', path);
  assert.equal(status, 1);
  assert.match(output, /hard missingDI: register is not drawn/);
  assert.equal(readFileSync(path, 'utf8'), PROCESS);
});

test('a hard finding that the layout cannot mend is listed and fails', () => {
  const path = file('unnamed.bpmn', PROCESS.replace('name="登记"', ''));
  const { status, output } = run(path);
  assert.equal(status, 1);
  assert.match(output, /hard unnamedTask: register has no name/);
});

test('a file that cannot be laid out stays as it was, and the others are done', async () => {
  const bad = file('bad.bpmn', '<html />');
  const good = file('next.bpmn', PROCESS);
  const { status, output } = run(bad, good, join(folder, 'missing.bpmn'));
  assert.equal(status, 1);
  assert.match(output, /bad\.bpmn: The file must be BPMN 2\.0 XML/);
  assert.match(output, /missing\.bpmn: ENOENT/);
  assert.equal(readFileSync(bad, 'utf8'), '<html />');
  assert.equal(readFileSync(good, 'utf8'), await tidy(PROCESS));
});

test('comments, which cannot be kept, are mourned', () => {
  const commented = PROCESS.replace('<bpmn:process', '<!-- 说明 --><bpmn:process');
  const { output } = run(file('commented.bpmn', commented));
  assert.match(output, /its XML comments are gone/);
});

test('wrong arguments give the usage', () => {
  for (const args of [[], ['--unknown', 'a.bpmn']]) {
    const { status, output } = run(...args);
    assert.equal(status, 2);
    assert.match(output, /usage:/);
  }
});
