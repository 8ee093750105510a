/** The fixtures, and their drawings. */
import { readFileSync } from 'node:fs';
import { tidy } from '../tidy.mjs';

export const SAMPLES = ['acceptance', 'handling', 'recheck', 'supervision', 'every-shape'];

/** @param {string} name @returns {string} a process that is not drawn yet */
export function undrawn(name) {
  return readFileSync(new URL(`fixtures/${name}.bpmn`, import.meta.url), 'utf8');
}

const drawings = new Map();

/** @param {string} name @returns {Promise<string>} laid out once for all tests of a file */
export function drawn(name) {
  if (!drawings.has(name)) drawings.set(name, tidy(undrawn(name)));
  return drawings.get(name);
}

/** A file with one process in it. @param {string} body @param {string} [before] */
export function processXml(body, before = '') {
  return `<?xml version="1.0" encoding="UTF-8"?>
<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL" id="Definitions"
  targetNamespace="https://example.org/anjie">${before}
  <bpmn:process id="procedure">${body}</bpmn:process>
</bpmn:definitions>`;
}
