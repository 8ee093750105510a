/** Reads and writes BPMN files, without losing what the layout does not know. For node only. */
import { readFileSync } from 'node:fs';
import { BpmnModdle } from 'bpmn-moddle';
import { restoreVariableReferences } from './bpmn.mjs';
import { LayoutError } from './graph.mjs';

const spiffworkflow = JSON.parse(
  readFileSync(new URL('../spiffworkflow.json', import.meta.url), 'utf8'),
);
export const moddle = new BpmnModdle({ spiffworkflow });

/**
 * @param {string} xml
 * @returns {Promise<import('./bpmn.mjs').ModdleElement>} the definitions
 * @throws {LayoutError} the file is not BPMN, or has parts that writing would lose
 */
export async function parse(xml) {
  const { rootElement, warnings } = await moddle.fromXML(xml).catch((error) => {
    throw new LayoutError(`The file must be BPMN 2.0 XML: ${error.message}`);
  });
  const lost = restoreVariableReferences(warnings);
  if (lost.length) {
    const list = lost.map(({ message }) => message.trim()).join('; ');
    throw new LayoutError(`Parts of the file would be lost, mend them first: ${list}`);
  }
  return rootElement;
}

/** @param {import('./bpmn.mjs').ModdleElement} definitions @returns {Promise<string>} */
export async function serialize(definitions) {
  return (await moddle.toXML(definitions, { format: true })).xml;
}
