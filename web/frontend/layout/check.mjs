/**
 * Tells whether a diagram reads well, from the file alone, however it was drawn. Hard rules must
 * hold; soft limits say what a reader would find laborious.
 *
 * @typedef {object} Finding
 * @property {string} rule
 * @property {'hard'|'soft'} level
 * @property {string[]} elements  ids
 * @property {string} message
 */
import { flowRules } from './checks/flows.mjs';
import { labelRules } from './checks/labels.mjs';
import { limits, measure } from './checks/limits.mjs';
import { sceneOf } from './checks/scene.mjs';
import { shapeRules } from './checks/shapes.mjs';

/** Every hard rule by name: yields the elements at fault and a sentence. */
export const hardRules = { ...shapeRules, ...flowRules, ...labelRules };

/**
 * @param {import('./bpmn.mjs').ModdleElement} definitions
 * @returns {{ok: boolean, findings: Finding[], measures: Record<string, number>}} `ok`: no hard
 *   finding and at most one soft one
 * @throws {import('./graph.mjs').LayoutError} the file holds what the layout does not know
 */
export function check(definitions) {
  const scene = sceneOf(definitions);
  const findings = [];
  for (const [rule, test] of Object.entries(hardRules)) {
    for (const [elements, message] of test(scene)) {
      findings.push({ rule, level: 'hard', elements, message });
    }
  }
  const measured = measure(scene);
  for (const [rule, { most, least, unit }] of Object.entries(limits)) {
    const { value, elements } = measured[rule];
    if (value <= (most ?? Infinity) && value >= (least ?? -Infinity)) continue;
    const limit = most === undefined ? `at least ${least}` : `at most ${most}`;
    findings.push({
      rule,
      level: 'soft',
      elements,
      message: `${value} ${unit}, ${limit} read well`,
    });
  }
  const count = (level) => findings.filter((finding) => finding.level === level).length;
  const measures = Object.fromEntries(Object.entries(measured).map(([k, m]) => [k, m.value]));
  return { ok: count('hard') === 0 && count('soft') <= 1, findings, measures };
}
