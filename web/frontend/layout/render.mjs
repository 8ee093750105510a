/** Draws BPMN files as PNG, with bpmn-js in headless Chromium, and measures the drawn labels. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import puppeteer from 'puppeteer-core';

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const FONT = '"PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';
const MARGIN = 40;

/**
 * @param {string[]} files
 * @param {string} directory  made when missing
 * @throws {Error} no browser found; the environment variable CHROMIUM names one
 */
export async function render(files, directory) {
  const executablePath = process.env.CHROMIUM ?? BROWSERS.find((path) => existsSync(path));
  if (!executablePath) throw new Error('No Chromium found: name one in the variable CHROMIUM');
  mkdirSync(directory, { recursive: true });
  const browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    for (const file of files) {
      const picture = join(directory, `${basename(file, '.bpmn')}.png`);
      const spilt = await renderFile(browser, readFileSync(file, 'utf8'), picture);
      console.log(
        `${picture}${spilt.length ? `: labels wider or higher than planned: ${spilt}` : ''}`,
      );
    }
  } finally {
    await browser.close();
  }
}

async function renderFile(browser, xml, picture) {
  const page = await browser.newPage();
  await page.setContent(
    '<style>body{margin:0}#c{width:100vw;height:100vh}</style><div id=c></div>',
  );
  const resolve = createRequire(import.meta.url).resolve;
  await page.addStyleTag({ path: resolve('bpmn-js/dist/assets/diagram-js.css') });
  await page.addScriptTag({ path: resolve('bpmn-js/dist/bpmn-viewer.production.min.js') });
  const size = await page.evaluate(importDiagram, xml, FONT);
  const [width, height] = [size.width, size.height].map((s) => Math.ceil(s) + MARGIN);
  await page.setViewport({ width, height });
  const spilt = await page.evaluate(fitAndMeasure);
  await page.screenshot({ path: picture });
  await page.close();
  return spilt;
}

// The two functions below run in the page.
/* global BpmnJS, window */

async function importDiagram(xml, fontFamily) {
  const textRenderer = { defaultStyle: { fontFamily }, externalStyle: { fontFamily } };
  window.viewer = new BpmnJS({ container: '#c', textRenderer });
  await window.viewer.importXML(xml);
  return window.viewer.get('canvas').viewbox().inner;
}

function fitAndMeasure() {
  const canvas = window.viewer.get('canvas');
  canvas.resized();
  canvas.zoom('fit-viewport', 'auto');
  const isSpilt = (label) => {
    const text = canvas.getGraphics(label).querySelector('text')?.getBBox();
    return text && (text.width > label.width + 2 || text.height > label.height + 6);
  };
  const labels = window.viewer.get('elementRegistry').filter(({ type }) => type === 'label');
  return labels.filter(isSpilt).map(({ id }) => id);
}
