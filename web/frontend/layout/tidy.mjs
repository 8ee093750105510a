/**
 * Lays out BPMN files in place and says what still reads badly.
 *
 *   node tidy.mjs [--keep] [--check] [--render DIR] FILE.bpmn…
 *
 * --keep    start from where things are drawn now, so that readers find them again
 * --check   write nothing, only check what is drawn
 * --render  also draw each file as a PNG into DIR (needs Chromium)
 *
 * The same file always gives the same result. Exit 0: all hard checks hold; 1: some do not, or a
 * file cannot be laid out (it is then left as it was); 2: wrong arguments.
 */
import { fileURLToPath } from 'node:url';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { drawOn, graphOf } from './bpmn.mjs';
import { check } from './check.mjs';
import { LayoutError, layout } from './index.mjs';
import { parse, serialize } from './xml.mjs';

const USAGE = 'usage: node tidy.mjs [--keep] [--check] [--render DIR] FILE.bpmn…';

/**
 * @param {string} xml
 * @param {{keep?: boolean}} [options]
 * @returns {Promise<string>} the same process, laid out
 */
export async function tidy(xml, options) {
  const definitions = await parse(xml);
  drawOn(definitions, layout(graphOf(definitions), options));
  return serialize(definitions);
}

/** Tidies or checks one file. @returns {Promise<boolean>} whether all hard checks hold */
async function tidyFile(file, { keep, check: onlyCheck }) {
  try {
    const before = readFileSync(file, 'utf8');
    if (!onlyCheck) {
      const after = await tidy(before, { keep });
      if (before.includes('<!--')) console.log(`${file}: its XML comments are gone`);
      if (after !== before) writeFileSync(file, after);
    }
    return report(file, check(await parse(readFileSync(file, 'utf8'))).findings);
  } catch (error) {
    if (!(error instanceof LayoutError) && error.code === undefined) throw error;
    console.log(`${file}: ${error.message}`);
    return false;
  }
}

function report(file, findings) {
  console.log(`${file}: ${findings.length ? `${findings.length} findings` : 'reads well'}`);
  for (const { level, rule, elements, message } of findings) {
    const where = level === 'soft' && elements.length ? ` (${elements.join(', ')})` : '';
    console.log(`  ${level} ${rule}: ${message}${where}`);
  }
  return findings.every(({ level }) => level === 'soft');
}

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      options: {
        keep: { type: 'boolean' },
        check: { type: 'boolean' },
        render: { type: 'string' },
      },
      allowPositionals: true,
    });
    if (positionals.length) return { values, files: positionals };
    console.error(USAGE);
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
  }
  process.exit(2);
}

async function main() {
  const { values, files } = readArguments();
  let fine = true;
  for (const file of files) fine = (await tidyFile(file, values)) && fine;
  if (values.render) {
    const { render } = await import('./render.mjs');
    await render(files, values.render);
  }
  process.exitCode = fine ? 0 : 1;
}

const started = process.argv[1] && realpathSync(process.argv[1]);
if (fileURLToPath(import.meta.url) === started) await main();
